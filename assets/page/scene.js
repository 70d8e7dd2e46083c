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
    const place = {
        mean: [geometry, g, g.mean_logit],
        logit: [geometry, g, g.mean_logit + 12],
        quaternion: [geometry, g, g.quaternion],
        log_scale: [geometry, g, g.log_scale],
        colour: [geometry, g, g.colour],
        velocity: [motion, m, m.velocity_centre],
        centre: [motion, m, m.velocity_centre + 12],
        log_duration: [motion, m, m.duration_gate],
        gate: [motion, m, m.duration_gate + 4],
    };
    let at = 0;
    for (const column of columns) {
        const width = column.coding.book === undefined ? 2 : 1;
        const value = reader(column, data.subarray(at, (at += width * n)), books, n);
        if (column.field in place) {
            const [rows, offsets, field] = place[column.field];
            const [stride, first] = [offsets[''] / 4, field / 4 + column.part];
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
