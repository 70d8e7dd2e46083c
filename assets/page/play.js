// The page itself: what is shown, and what hands and keys do to it.

const element = (id) => document.getElementById(id);
const json = (id) => JSON.parse(element(id).textContent);
const [MODE_COLOUR, MODE_DEPTH, MODE_FLOW] = [0, 1, 6];
// Pixels of a frame at most, so that dense screens stay fluent.
const MOST_PIXELS = 1 << 22;
// Gaussians that the ranges of depth and flow are taken from.
const SAMPLES = 4096;

/** Says why nothing is drawn, and shows the film strip instead. */
function give_up(why) {
    element('why').textContent = why;
    document.body.className = 'strip';
}

class Player {
    constructor(frames, scene, camera, facts) {
        Object.assign(this, { frames, scene, camera, facts });
        this.state = { time: 0, playing: false, loop: true, speed: 1, channel: 'color' };
        this.dirty = this.resized = true;
        this.drawn = 0;
    }

    get moving() {
        return this.scene.motion !== null;
    }

    set(changes) {
        Object.assign(this.state, changes);
        this.dirty = true;
        show_state(this);
    }

    /** Means at a time of evenly chosen Gaussians that are seen then. */
    *samples(time) {
        const { n, geometry, motion } = this.scene;
        const [g, m] = [this.frames.plan.geometry, this.frames.plan.motion];
        const step = Math.max(1, Math.floor(n / SAMPLES));
        for (let i = 0; i < n; i += step) {
            const mean = geometry.subarray((i * g[''] + g.mean_logit) / 4).subarray(0, 4);
            if (!motion) {
                yield { mean: [...mean.subarray(0, 3)], velocity: [0, 0, 0] };
                continue;
            }
            const row = motion.subarray((i * m['']) / 4, ((i + 1) * m['']) / 4);
            const [from, fade, turn] = [m.velocity_centre / 4, m.duration_gate / 4, m.turn / 4];
            const [first, bend] = [[...row.subarray(from, from + 3)], [row[fade + 2], row[fade + 3], row[turn + 3]]];
            const elapsed = time - row[from + 3];
            const fades = Math.abs(elapsed) > 2 * Math.exp(row[fade]) && row[fade + 1] < 0;
            const moved = plus(plus([...mean.subarray(0, 3)], first, elapsed), bend, 0.5 * elapsed * elapsed);
            if (!fades) yield { mean: moved, velocity: plus(first, bend, elapsed) };
        }
    }

    /** The values at the two ends of the colours of a channel: depths in the scene's units, pixels of flow. */
    range(channel, time, size) {
        const { camera, facts } = this;
        const [fx, fy, cx, cy] = camera.lens_for(size);
        const point = (p) => {
            const q = camera.rows.map((row) => dot(row, plus(p, camera.centre, -1)));
            return [(fx * q[0]) / q[2] + cx, (fy * q[1]) / q[2] + cy, q[2]];
        };
        const values = [];
        for (const { mean, velocity } of this.samples(time)) {
            const [x, y, depth] = point(mean);
            if (depth < facts.near || x < 0 || y < 0 || x > size[0] || y > size[1]) continue;
            const [x1, y1] = point(plus(mean, velocity, facts.step));
            values.push(channel === 'depth' ? depth * facts.unit : Math.hypot(x1 - x, y1 - y));
        }
        values.sort((a, b) => a - b);
        const at = (share) => values[Math.floor((values.length - 1) * share)] ?? 0;
        return channel === 'depth' ? [at(0.02), Math.max(at(0.98), at(0.02) + 1e-6)] : [0, Math.max(at(0.98), 0.1)];
    }

    async draw() {
        const { frames, camera, facts, scene, state } = this;
        const { time, channel } = state;
        const size = frames.size;
        const common = {
            ...camera.view(size, frames.plan.tile, facts.near),
            gaussians: Uint32Array.of(scene.n),
            antialiased: Uint32Array.of(Number(facts.antialiased)),
            sh_rest: Uint32Array.of(scene.sh_rest),
            sh_degree: Uint32Array.of(facts.sh_degree),
            time: Float32Array.of(time),
        };
        const background = Float32Array.of(...(channel === 'color' ? facts.background : [0, 0, 0]), 0);
        const range = channel === 'color' ? [0, 1] : this.range(channel, time, size);
        const presentation = {
            width: Uint32Array.of(size[0]),
            height: Uint32Array.of(size[1]),
            mode: Uint32Array.of({ color: MODE_COLOUR, depth: MODE_DEPTH, flow: MODE_FLOW }[channel]),
            low: Float32Array.of(range[0]),
            high: Float32Array.of(range[1]),
            unit: Float32Array.of(facts.unit),
        };
        const later = channel === 'flow' ? { ...common, time: Float32Array.of(time + facts.step) } : null;
        await frames.draw(channel, { ...common, background }, presentation, later);
    }

    /** Fits the picture to the window. */
    fit() {
        const { clientWidth, clientHeight } = this.frames.canvas;
        const wanted = [clientWidth, clientHeight].map((side) => Math.max(1, side * devicePixelRatio));
        const plan = this.frames.plan;
        let scale = Math.min(1, Math.sqrt(MOST_PIXELS / (wanted[0] * wanted[1])));
        const sides = () => wanted.map((side) => Math.max(1, Math.round(side * scale)));
        while (this.frames.tiles(...sides()) > plan.most_tiles) scale *= 0.9;
        this.frames.resize(...sides());
        this.resized = false;
    }

    advance(seconds) {
        const { state, facts } = this;
        if (!state.playing) return;
        let time = state.time + (seconds * state.speed) / facts.seconds;
        if (time > 1) time = state.loop ? time % 1 : 1;
        this.set({ time, playing: state.loop || time < 1 });
    }

    run() {
        let last = performance.now();
        const frame = async (now) => {
            const seconds = Math.min((now - last) / 1000, 0.25);
            last = now;
            this.advance(seconds);
            this.dirty = fly(this, seconds) || this.dirty || this.resized;
            if (this.dirty) {
                // Between frames, so that none is drawn into buffers of two sizes.
                if (this.resized) this.fit();
                this.dirty = false;
                await this.draw();
                document.body.className = document.body.className.replace('loading', '');
                this.drawn += 1;
                // For programs that look on.
                const { drawn, dirty, resized } = this;
                const shown = { ...this.state, stop: this.camera.stop, drawn, pending: dirty || resized };
                document.body.dataset.drawn = JSON.stringify(shown);
            }
            requestAnimationFrame((now) => frame(now).catch(failed));
        };
        requestAnimationFrame((now) => frame(now).catch(failed));
    }
}

function failed(error) {
    console.error(error);
    give_up(`Drawing failed: ${error.message}.`);
}

/** Puts the player's state into the controls. */
function show_state({ state, camera, facts }) {
    element('play').textContent = state.playing ? '❚❚' : '▶';
    element('time').value = state.time;
    element('clock').textContent = `${(state.time * facts.seconds).toFixed(2)} s`;
    element('loop').setAttribute('aria-pressed', state.loop);
    element('channel').value = state.channel;
    element('speed').value = state.speed;
    element('stop').textContent = camera.stop === null ? 'free' : facts.stops[camera.stop].name;
}

function stand(player, index) {
    const count = player.facts.stops.length;
    player.camera.stand(((index % count) + count) % count);
    player.set({});
}

const toggle = (player) => {
    const ended = player.state.time >= 1 && !player.state.playing;
    player.set({ playing: !player.state.playing && player.moving, time: ended ? 0 : player.state.time });
};

function connect_controls(player) {
    const { state, camera } = player;
    element('play').onclick = () => toggle(player);
    element('time').oninput = ({ target }) => player.set({ time: Number(target.value), playing: false });
    element('loop').onclick = () => player.set({ loop: !state.loop });
    element('speed').onchange = ({ target }) => player.set({ speed: Number(target.value) });
    element('channel').onchange = ({ target }) => player.set({ channel: target.value });
    element('before').onclick = () => stand(player, (camera.stop ?? 0) - 1);
    element('next').onclick = () => stand(player, (camera.stop ?? -1) + 1);
    element('full').onclick = () => (document.fullscreenElement ? document.exitFullscreen() : document.body.requestFullscreen());
    const bar = document.body.classList;
    bar.toggle('still', !player.moving);
    bar.toggle('alone', player.facts.stops.length < 2);
    if (!player.moving) element('channel').querySelector('[value=flow]').remove();
}

const held = new Set();
const FLYING = { KeyW: [0, 0, 1], KeyS: [0, 0, -1], KeyA: [-1, 0, 0], KeyD: [1, 0, 0], KeyQ: [0, 1, 0], KeyE: [0, -1, 0] };

/** Moves by the keys that are held; whether any are. */
function fly(player, seconds) {
    const moves = Object.keys(FLYING).filter((key) => held.has(key));
    const speed = (held.has('ShiftLeft') || held.has('ShiftRight') ? 2.5 : 0.6) * seconds;
    moves.forEach((key) => player.camera.move(...FLYING[key].map((part) => part * speed)));
    if (moves.length > 0) show_state(player);
    return moves.length > 0;
}

function connect_keys(player) {
    const step = (by) => player.set({ time: Math.min(1, Math.max(0, player.state.time + by * player.facts.step)), playing: false });
    const actions = {
        Space: () => toggle(player),
        ArrowLeft: () => step(-1),
        ArrowRight: () => step(1),
        KeyC: () => element('next').click(),
        KeyR: () => stand(player, 0),
        KeyF: () => element('full').click(),
        KeyH: () => document.body.classList.toggle('bare'),
        Digit1: () => player.set({ channel: 'color' }),
        Digit2: () => player.set({ channel: 'depth' }),
        Digit3: () => player.moving && player.set({ channel: 'flow' }),
    };
    addEventListener('keydown', (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === 'SELECT') return;
        held.add(event.code);
        if (event.code in actions && !event.repeat) {
            actions[event.code]();
            event.preventDefault();
        }
    });
    addEventListener('keyup', (event) => held.delete(event.code));
    addEventListener('blur', () => held.clear());
}

/** One finger or the left button turns; two fingers, or the right button or shift, shift; pinch and wheel go nearer. */
function connect_pointers(player) {
    const { canvas } = player.frames;
    const pointers = new Map();
    const summary = () => {
        const all = [...pointers.values()];
        const mean = (axis) => all.reduce((sum, at) => sum + at[axis], 0) / all.length;
        const [x, y] = [mean(0), mean(1)];
        const spread = all.length > 1 ? Math.hypot(all[0][0] - all[1][0], all[0][1] - all[1][1]) : 0;
        return { x, y, spread };
    };
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    canvas.addEventListener('pointerdown', (event) => {
        canvas.setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    canvas.addEventListener('pointermove', (event) => {
        if (!pointers.has(event.pointerId)) return;
        const before = summary();
        pointers.set(event.pointerId, [event.clientX, event.clientY]);
        const after = summary();
        const height = canvas.clientHeight;
        const [x, y] = [(after.x - before.x) / height, (after.y - before.y) / height];
        if (pointers.size > 1) {
            player.camera.move(-x, -y, 0);
            player.camera.zoom(before.spread / Math.max(after.spread, 1));
        } else if (event.shiftKey || event.buttons === 2) {
            player.camera.move(-x, -y, 0);
        } else if (event.ctrlKey || event.buttons === 4) {
            player.camera.look(x, y);
        } else {
            player.camera.orbit(x, y);
        }
        player.set({});
    });
    const gone = (event) => pointers.delete(event.pointerId);
    ['pointerup', 'pointercancel', 'lostpointercapture'].forEach((name) => canvas.addEventListener(name, gone));
    const wheel = (event) => {
        event.preventDefault();
        player.camera.zoom(Math.exp(Math.min(Math.max(event.deltaY, -300), 300) * 0.001));
        player.set({});
    };
    canvas.addEventListener('wheel', wheel, { passive: false });
}

/** What the address asks for: #camera=2&time=0.5&channel=depth&paused&bare. */
function follow_address(player) {
    const asked = new URLSearchParams(location.hash.slice(1));
    document.body.classList.toggle('bare', asked.has('bare'));
    const still = asked.has('paused') || asked.has('time') || matchMedia('(prefers-reduced-motion: reduce)').matches;
    const channel = asked.get('channel') ?? 'color';
    const time = Math.min(1, Math.max(0, Number(asked.get('time')) || 0));
    if (asked.has('camera')) player.camera.stand((Number(asked.get('camera')) || 0) % player.facts.stops.length);
    player.set({ playing: player.moving && !still, time, ...(channel in player.frames.plan.programs && { channel }) });
}

async function open_page() {
    const [plan, description, facts] = [json('plan'), json('scene'), json('facts')];
    const canvas = element('canvas');
    if (!window.isSecureContext && !navigator.gpu) {
        return give_up('Browsers give WebGPU only to pages from https:// or from a file; open this page in one of these ways.');
    }
    const frames = await Frames.open(plan, canvas);
    if (!frames) {
        return give_up(
            'This page draws with WebGPU, which this browser does not have or has switched off. Chrome and Edge 113, ' +
                'Firefox 141 and Safari 26, and all later ones, have it; hardware acceleration must be on.',
        );
    }
    frames.device.lost.then(({ message }) => give_up(`The graphics device was lost (${message}); load the page again.`));
    frames.device.addEventListener('uncapturederror', ({ error }) => failed(error));
    const data = await inflated([...document.querySelectorAll('.packed')].map(bytes));
    const scene = rows_of(description, data, plan);
    frames.load(scene);
    Object.assign(facts, { antialiased: description.antialiased, sh_degree: description.sh_degree });
    const player = new Player(frames, scene, new Camera(facts), facts);
    connect_controls(player);
    connect_keys(player);
    connect_pointers(player);
    addEventListener('hashchange', () => follow_address(player));
    new ResizeObserver(() => (player.resized = true)).observe(canvas);
    follow_address(player);
    player.run();
}

open_page().catch(failed);
