// The camera: a pose that turns around a point, flies, and stands where the capture's cameras stood. Axes are those of the
// scene; a camera looks along its third row, and its second points down.

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const plus = (a, b, factor = 1) => a.map((value, i) => value + factor * b[i]);
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const length = (a) => Math.sqrt(dot(a, a));

/** A vector turned around a unit axis. */
function turned(v, axis, angle) {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const along = dot(axis, v) * (1 - cos);
    return plus(plus(v.map((value) => value * cos), cross(axis, v), sin), axis, along);
}

// How near the camera comes to its target, and to straight above or below it (the cosine).
const NEAREST = 0.02;
const STEEPEST = 0.995;

class Camera {
    constructor({ up, target, stops }) {
        Object.assign(this, { up, centre_of_interest: target, stops });
        this.stand(0);
    }

    /** Stands at a stop, and looks at the point on its axis that is nearest to the middle of interest. */
    stand(index) {
        const { rows, centre, lens } = this.stops[index];
        Object.assign(this, { rows, centre, lens, stop: index });
        const along = Math.max(dot(plus(this.centre_of_interest, centre, -1), rows[2]), 10 * NEAREST);
        this.target = plus(centre, rows[2], along);
    }

    turn(axis, angle, around) {
        const rows = this.rows.map((row) => turned(row, axis, angle));
        const steep = (row) => Math.abs(dot(row, this.up));
        // Not over the top; away from it always.
        if (steep(rows[2]) > STEEPEST && steep(rows[2]) > steep(this.rows[2])) return;
        this.rows = rows;
        this.centre = plus(around, turned(plus(this.centre, around, -1), axis, angle));
        this.target = plus(around, turned(plus(this.target, around, -1), axis, angle));
        this.stop = null;
    }

    /** Turns around the target; the arguments are shares of the picture's height. */
    orbit(x, y) {
        this.turn(this.up, 3 * x, this.target);
        this.turn(this.rows[0], -3 * y, this.target);
    }

    look(x, y) {
        this.turn(this.up, -1.5 * x, this.centre);
        this.turn(this.rows[0], 1.5 * y, this.centre);
    }

    /** Moves by shares of the distance to the target: right, down, forward. */
    move(x, y, z) {
        const distance = this.distance();
        const step = [x, y, z].reduce((sum, part, i) => plus(sum, this.rows[i], part * distance), [0, 0, 0]);
        this.centre = plus(this.centre, step);
        this.target = plus(this.target, step);
        this.stop = null;
    }

    distance() {
        return length(plus(this.target, this.centre, -1));
    }

    /** Changes the distance to the target by a factor. */
    zoom(factor) {
        const away = plus(this.centre, this.target, -1);
        const held = Math.max(factor, NEAREST / this.distance());
        this.centre = plus(this.target, away, held);
        this.stop = null;
    }

    /** The lens for an image of a size, in which the stop's own image is whole: fx, fy, cx, cy. */
    lens_for([width, height]) {
        const { fx, fy, cx, cy, width: own_width, height: own_height } = this.lens;
        const scale = Math.min(width / own_width, height / own_height);
        return [
            fx * scale,
            fy * scale,
            width / 2 + (cx - own_width / 2) * scale,
            height / 2 + (cy - own_height / 2) * scale,
        ];
    }

    /** Where the camera is, as the kernels take it: the fields of the struct View that depend on it. */
    view(size, tile, near) {
        const [fx, fy, cx, cy] = this.lens_for(size);
        const [width, height] = size;
        const row = (r) => Float32Array.of(...r, -dot(r, this.centre));
        // Slopes that the image sees, and 15 % of its width and height more on either side.
        const bounds = [-cx - 0.15 * width, 1.15 * width - cx].map((x) => x / fx);
        bounds.push(...[-cy - 0.15 * height, 1.15 * height - cy].map((y) => y / fy));
        return {
            row0: row(this.rows[0]),
            row1: row(this.rows[1]),
            row2: row(this.rows[2]),
            centre: Float32Array.of(...this.centre, near),
            lens: Float32Array.of(fx, fy, cx, cy),
            bounds: Float32Array.from(bounds),
            size: Uint32Array.of(width, height, Math.ceil(width / tile), Math.ceil(height / tile)),
        };
    }
}
