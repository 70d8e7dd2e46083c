// Plays a page that draws with Dapple's kernels in headless Chromium; run by tools/play_page.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import puppeteer from 'puppeteer-core';

const [page_path, folder, dapple] = process.argv.slice(2);
// Of 255 levels; and the share of the pixels that must be so near.
const [NEAR, SHARE] = [2, 0.999];
// A mean over the picture, of 255 levels: less is no change.
const STILL = 0.3;
const MOMENTS = [0, 0.25, 0.5, 0.77, 1];
// Without a GPU, frames take long.
const PATIENCE = 180_000;
// All on SwiftShader, the compositor too: it shares the canvas with WebGPU.
const WEBGPU = [
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    '--enable-features=Vulkan',
    '--use-vulkan=swiftshader',
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--ignore-gpu-blocklist',
];
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

let failed = 0;
function check(what, value, good) {
    console.log(`${good ? 'ok  ' : 'FAIL'} ${what}: ${value}`);
    failed += !good;
}

const open = (args) =>
    puppeteer.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', ...args], protocolTimeout: PATIENCE });

async function opened(browser, viewport, hash, errors) {
    const page = await browser.newPage();
    await page.setViewport({ hasTouch: true, ...viewport });
    await page.setOfflineMode(true);
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.goto(`${pathToFileURL(page_path)}#${hash}`, { waitUntil: 'load', timeout: PATIENCE });
    return page;
}

/** What the page has drawn last. */
const drawn = (page) => page.evaluate(() => JSON.parse(document.body.dataset.drawn ?? 'null'));

async function until(page, test, what) {
    const end = Date.now() + PATIENCE;
    for (let state; Date.now() < end; await wait(100)) {
        state = await drawn(page);
        if (state && test(state)) return state;
        const why = await page.evaluate(() => document.body.className === 'strip' && document.getElementById('why').textContent);
        if (why) throw new Error(`the page gave up: ${why}`);
    }
    throw new Error(`the page does not come to ${what}`);
}

/** The levels of a PNG, as a browser's page decodes them. */
async function levels(page, png) {
    const text = await page.evaluate(async (base64) => {
        const blob = await (await fetch(`data:image/png;base64,${base64}`)).blob();
        const image = await createImageBitmap(blob, { colorSpaceConversion: 'none' });
        const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
        context.drawImage(image, 0, 0);
        const { data } = context.getImageData(0, 0, image.width, image.height);
        let text = '';
        for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
        return `${image.width} ${btoa(text)}`;
    }, Buffer.from(png).toString('base64'));
    const [width, base64] = text.split(' ');
    return { width: Number(width), data: Buffer.from(base64, 'base64') };
}

async function picture(page, name) {
    // Two frames of the browser: the canvas reaches the screen.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const png = await page.screenshot();
    writeFileSync(join(folder, `${name}.png`), png);
    return levels(page, png);
}

const change = (a, b) => a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]), 0) / a.data.length;

/** Renders stops of the page by the program: the scene as the page has it, at moments. */
function rendered(facts, scene, shots) {
    const { centre: origin, scale } = scene.frame;
    const cameras = shots.map(({ stop, time }) => {
        const { rows, centre, lens } = facts.stops[stop];
        const [right, down, front] = rows;
        const place = centre.map((value, i) => value / scale + origin[i]);
        const row = (i) => [right[i], -down[i], -front[i], place[i]];
        const matrix = [row(0), row(1), row(2), [0, 0, 0, 1]];
        const name = `${stop}_${time}`;
        return { name, time, transform_matrix: matrix, w: lens.width, h: lens.height, fl_x: lens.fx, fl_y: lens.fy, cx: lens.cx, cy: lens.cy };
    });
    const path = join(folder, 'cameras.json');
    writeFileSync(path, JSON.stringify({ cameras }));
    const out = join(folder, 'rendered');
    const background = facts.background.join(',');
    execFileSync(dapple, ['render', page_path, '--path', path, '--out', out, '--background', background], { stdio: 'inherit' });
    return cameras.map(({ name }) => readFileSync(join(out, `${name}.png`)));
}

async function compare(browser, facts, scene, errors) {
    const moments = scene.columns.some(({ field }) => field === 'velocity') ? MOMENTS : [0];
    const last = facts.stops.length - 1;
    const shots = moments.map((time, i) => ({ stop: Math.round((last * i) / Math.max(moments.length - 1, 1)), time }));
    const wanted = rendered(facts, scene, shots);
    for (const [i, { stop, time }] of shots.entries()) {
        const { width, height } = facts.stops[stop].lens;
        const page = await opened(browser, { width, height }, `camera=${stop}&time=${time}&bare`, errors);
        await until(page, (state) => state.time === time && state.stop === stop, `camera ${stop} at ${time}`);
        const [got, want] = [await picture(page, `camera${stop}_${time}`), await levels(page, wanted[i])];
        let [near, most] = [0, 0];
        for (let at = 0; at < want.data.length; at += 4) {
            const off = Math.max(...[0, 1, 2].map((c) => Math.abs(got.data[at + c] - want.data[at + c])));
            near += off <= NEAR;
            most = Math.max(most, off);
        }
        const share = near / (want.data.length / 4);
        const said = `${(100 * share).toFixed(3)} % of ${width}x${height} pixels within ${NEAR}/255, the worst ${most}`;
        check(`camera ${stop} at ${time} against dapple render`, said, got.data.length === want.data.length && share >= SHARE);
        await page.close();
    }
    return moments.length > 1;
}

const SIZE = { width: 480, height: 360 };
const [X, Y] = [SIZE.width / 2, SIZE.height / 2 - 30];

async function steps(from, to, act) {
    for (let i = 1; i <= 8; i++) {
        await act(from.map((value, axis) => value + ((to[axis] - value) * i) / 8));
        await wait(40);
    }
}

const hands = {
    async drag(page) {
        await page.mouse.move(X, Y);
        await page.mouse.down();
        await steps([X, Y], [X + 90, Y + 25], ([x, y]) => page.mouse.move(x, y));
        await page.mouse.up();
    },
    async wheel(page) {
        await page.mouse.move(X, Y);
        await page.mouse.wheel({ deltaY: -300 });
    },
    async touch(page) {
        const finger = await page.touchscreen.touchStart(X - 60, Y);
        await steps([X - 60, Y], [X + 30, Y - 20], ([x, y]) => finger.move(x, y));
        await finger.end();
    },
    async pinch(page) {
        const left = await page.touchscreen.touchStart(X - 30, Y);
        const right = await page.touchscreen.touchStart(X + 30, Y);
        await steps([30, 0], [75, 0], async ([x]) => {
            await left.move(X - x, Y);
            await right.move(X + x, Y);
        });
        await left.end();
        await right.end();
    },
    async fly(page) {
        await page.keyboard.down('KeyS');
        await wait(700);
        await page.keyboard.up('KeyS');
    },
    async depth(page) {
        await page.keyboard.press('Digit2');
    },
    async camera(page) {
        await page.keyboard.press('Digit1');
        await page.click('#next');
    },
};

/** What only a clip has: the time line, flow, and playing. */
const clip_hands = {
    async timeline(page) {
        const box = await (await page.$('#time')).boundingBox();
        await page.mouse.move(box.x + 10, box.y + box.height / 2);
        await page.mouse.down();
        await steps([box.x + 10, 0], [box.x + box.width * 0.6, 0], ([x]) => page.mouse.move(x, box.y + box.height / 2));
        await page.mouse.up();
    },
    async flow(page) {
        await page.keyboard.press('Digit3');
    },
};

async function operate(browser, moving, facts, errors) {
    const page = await opened(browser, SIZE, 'paused', errors);
    await until(page, () => true, 'a first frame');
    let before = await picture(page, 'hands-0');
    await wait(500);
    const idle = change(before, await picture(page, 'hands-0'));
    check('change without input', idle.toFixed(2), idle < STILL);
    const all = Object.entries(moving ? { ...hands, ...clip_hands } : hands);
    for (const [name, act] of all.filter(([name]) => name !== 'camera' || facts.stops.length > 1)) {
        const { drawn: frames } = await drawn(page);
        await act(page);
        // Under way: at least one frame more, and none to come.
        await until(page, (state) => state.drawn > frames && !state.pending, `a frame after ${name}`);
        await wait(300);
        await until(page, (state) => !state.pending, `rest after ${name}`);
        const after = await picture(page, `hands-${name}`);
        check(`change by ${name}`, change(before, after).toFixed(2), change(before, after) > STILL);
        before = after;
    }
    if (moving) {
        const { time } = await drawn(page);
        check('time after the time line', time.toFixed(3), Math.abs(time - 0.6) < 0.08);
        await page.select('#speed', '2');
        await page.evaluate(() => document.activeElement.blur());
        await page.keyboard.press('Space');
        const times = [];
        for (let i = 0; i < 4; i++) times.push((await until(page, (state) => state.time !== times.at(-1), 'another moment')).time);
        check('times while it plays', times.map((t) => t.toFixed(2)).join(' '), new Set(times).size === times.length);
        await page.keyboard.press('Space');
    }
    await page.close();
}

async function without_webgpu() {
    const browser = await open(['--disable-gpu', '--disable-features=WebGPU,WebGPUService']);
    const page = await opened(browser, { width: 900, height: 560 }, '', []);
    await page.waitForFunction(() => document.body.className === 'strip', { timeout: PATIENCE });
    const why = await page.$eval('#why', (element) => element.textContent);
    const images = await page.$$eval('#film img', (all) => all.filter((image) => image.naturalWidth > 0 && image.checkVisibility()).length);
    writeFileSync(join(folder, 'without-webgpu.png'), await page.screenshot());
    check('without WebGPU', `"${why}" and ${images} pictures`, why.includes('WebGPU') && images === 8);
    await browser.close();
}

mkdirSync(folder, { recursive: true });
const errors = [];
const browser = await open(WEBGPU);
const first = await opened(browser, SIZE, 'paused', errors);
const [facts, scene] = await first.evaluate(() => ['facts', 'scene'].map((id) => JSON.parse(document.getElementById(id).textContent)));
await first.close();
const moving = await compare(browser, facts, scene, errors);
await operate(browser, moving, facts, errors);
await browser.close();
await without_webgpu();
check('errors of the page', errors.join('; ') || 'none', errors.length === 0);
process.exit(failed ? 1 : 0);
