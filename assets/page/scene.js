// The scene of the page: columns of bytes, taken apart into the rows that the kernels read.

const bytes = (element) => {
    const text = atob(element.textContent);
    element.textContent = '';
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
};

async function inflated(parts) {
    const packed = new Blob(parts).stream();
    return new Uint8Array(await new Response(packed.pipeThrough(new DecompressionStream('deflate-raw'))).arrayBuffer());
}

/** Reads the i-th number of a column, whose bytes are given. */
function reader({ coding }, own, books, n) {
    if (coding.book !== undefined) {
        const book = books[coding.book];
        return (i) => book[own[i]];
    }
    const [low, high] = coding.even ?? coding.log;
    const between = (i) => low + ((high - low) * (own[i] * 256 + own[n + i])) / 65535;
    return coding.even ? between : (i) => Math.sign(between(i)) * Math.expm1(Math.abs(between(i)));
}

/** Floats of a Gaussian's harmonics before a band's. */
const before_band = (band) => 3 * (band * band - 1);

/** The rows of all Gaussians: geometry, sh and motion. `plan` says where a row's fields lie. */
function rows_of(description, data, plan) {
    const { gaussians: n, sh_degree, columns, books } = description;
    const rest = before_band(sh_degree + 1);
    const moving = columns.some(({ field }) => field === 'velocity');
    const row = (offsets) => new Float32Array((n * offsets['']) / 4);
    const geometry = row(plan.geometry);
    const motion = moving ? row(plan.motion) : null;
    const sh = new Float32Array(Math.ceil(n / 4) * 4 * rest);
    const { geometry: g, motion: m } = plan;
    const numbers = (first, count) => Array.from({ length: count }, (_, part) => first + 4 * part);
    // The rows that a field is in, and where in a row its parts are.
    const place = {
        mean: [geometry, g, numbers(g.mean_logit, 3)],
        logit: [geometry, g, [g.mean_logit + 12]],
        quaternion: [geometry, g, numbers(g.quaternion, 4)],
        log_scale: [geometry, g, numbers(g.log_scale, 3)],
        colour: [geometry, g, numbers(g.colour, 3)],
        velocity: [motion, m, numbers(m.velocity_centre, 3)],
        centre: [motion, m, [m.velocity_centre + 12]],
        log_duration: [motion, m, [m.duration_gate]],
        gate: [motion, m, [m.duration_gate + 4]],
        acceleration: [motion, m, [...numbers(m.duration_gate + 8, 2), m.turn + 12]],
        angular_velocity: [motion, m, numbers(m.turn, 3)],
    };
    let at = 0;
    for (const column of columns) {
        const width = column.coding.book === undefined ? 2 : 1;
        const value = reader(column, data.subarray(at, (at += width * n)), books, n);
        if (column.field in place) {
            const [rows, offsets, parts] = place[column.field];
            const [stride, first] = [offsets[''] / 4, parts[column.part] / 4];
            for (let i = 0; i < n; i++) rows[i * stride + first] = value(i);
        } else {
            // Four Gaussians side by side; see layout/sh_full.wgsl.
            const e = before_band(Number(column.field.at(-1))) + column.part;
            for (let i = 0; i < n; i++) sh[((i >> 2) * rest + e) * 4 + (i & 3)] = value(i);
        }
    }
    if (at !== data.length) throw new Error('the scene in this page is damaged; save the page again');
    return { n, geometry, motion, sh, sh_rest: rest / 3 };
}
