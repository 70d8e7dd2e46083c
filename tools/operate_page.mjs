// Operates a page that shows a scene; run by tools/operate_page.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import puppeteer from 'puppeteer-core';

const [page_path, folder] = process.argv.slice(2);
const SIZE = { width: 480, height: 320 };
const [X, Y] = [SIZE.width / 2, SIZE.height / 2];
// Levels of 255, a mean over the picture: less is no change.
const STILL = 0.5;
// Without a GPU, frames take long.
const PATIENCE = 180_000;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** A scene in levels of detail: what was fetched of it, and what is hidden as if it were not there. */
const streamed = statSync(page_path).isDirectory();
const [fetched, hidden] = [new Set(), new Set()];
const TYPES = { '.html': 'text/html', '.json': 'application/json', '.webp': 'image/webp' };
const server = streamed && createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const name = normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname).slice(1);
    try {
        if (hidden.has(name)) throw new Error('hidden');
        const bytes = readFileSync(join(page_path, name));
        fetched.add(name);
        response.writeHead(200, { 'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream', 'Cache-Control': 'no-store' });
        response.end(bytes);
    } catch {
        response.writeHead(404).end();
    }
});
if (server) await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const url = streamed ? `http://127.0.0.1:${server.address().port}/` : pathToFileURL(page_path);

const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'],
    protocolTimeout: PATIENCE,
});
const page = await browser.newPage();
await page.setViewport({ ...SIZE, hasTouch: true });
await page.setOfflineMode(!streamed);
const errors = [];
let doing = 'opening';
page.on('pageerror', (error) => errors.push(`while ${doing}: ${error.message}`));

/** The picture as a data URL, and its levels, as the page itself decodes them. */
async function picture() {
    const url = `data:image/png;base64,${await page.screenshot({ encoding: 'base64' })}`;
    const levels = await page.evaluate(async (url) => {
        const image = await createImageBitmap(await (await fetch(url)).blob());
        const canvas = new OffscreenCanvas(image.width, image.height);
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        // The part that has no buttons and no help in it, so that only the scene counts.
        const { data } = context.getImageData(0, 0, Math.floor(image.width * 0.54), Math.floor(image.height * 0.78));
        return Array.from(data.filter((_, i) => i % 4 !== 3));
    }, url);
    return { url, levels };
}

const difference = (a, b) => a.levels.reduce((sum, v, i) => sum + Math.abs(v - b.levels[i]), 0) / a.levels.length;

/** The picture once it has stopped changing. */
async function settled() {
    const end = Date.now() + PATIENCE;
    for (let last = await picture(); Date.now() < end; ) {
        await wait(1500);
        const now = await picture();
        if (difference(last, now) < STILL / 10) return now;
        last = now;
    }
    throw new Error('the picture does not come to rest');
}

function save(name, { url }) {
    writeFileSync(join(folder, `${name}.png`), Buffer.from(url.split(',')[1], 'base64'));
}

async function drag() {
    await page.mouse.move(X, Y);
    await page.mouse.down();
    for (let step = 1; step <= 8; step++) {
        await page.mouse.move(X + 15 * step, Y + 4 * step);
        await wait(50);
    }
    await page.mouse.up();
}

async function wheel() {
    await page.mouse.move(X, Y);
    await page.mouse.wheel({ deltaY: -400 });
}

async function fly() {
    await page.keyboard.down('KeyW');
    await wait(1500);
    await page.keyboard.up('KeyW');
    // Flying takes the mouse pointer, and a browser that has given it gives touches to nobody.
    await page.evaluate(() => document.exitPointerLock());
}

async function touch() {
    const finger = await page.touchscreen.touchStart(X - 60, Y);
    for (let step = 1; step <= 8; step++) {
        await finger.move(X - 60 + 12 * step, Y - 3 * step);
        await wait(50);
    }
    await finger.end();
}

async function pinch() {
    const left = await page.touchscreen.touchStart(X - 30, Y);
    const right = await page.touchscreen.touchStart(X + 30, Y);
    for (let step = 1; step <= 8; step++) {
        await left.move(X - 30 - 8 * step, Y);
        await right.move(X + 30 + 8 * step, Y);
        await wait(50);
    }
    await left.end();
    await right.end();
}

let failed = 0;
function check(what, value, good) {
    console.log(`${good ? 'ok  ' : 'FAIL'} ${what}: ${value}`);
    failed += !good;
}

mkdirSync(folder, { recursive: true });
await page.goto(`${url}?webgl&noanim&budget=0.1`, { waitUntil: 'load', timeout: PATIENCE });
const shown = () => document.querySelector('canvas') && getComputedStyle(document.getElementById('failure')).display === 'none';
await page.waitForFunction(shown, { timeout: PATIENCE });
await wait(4000);
let before = await settled();
save('0-first', before);
const lit = before.levels.filter((v) => v > 40).length / before.levels.length;
check('share of the picture that is lit', lit.toFixed(3), lit > 0.02);
const idle = difference(before, await settled());
check('change without input', idle.toFixed(2), idle < STILL);
let step = 0;
for (const action of [drag, wheel, fly, touch, pinch]) {
    doing = action.name;
    await action();
    const after = await settled();
    step += 1;
    save(`${step}-${action.name}`, after);
    const change = difference(before, after);
    check(`change by ${action.name}`, change.toFixed(2), change > STILL);
    before = after;
}
/** What the page says where it cannot show the scene. */
async function complaint(name, url, wanted) {
    const other = await browser.newPage();
    await other.setViewport(SIZE);
    await other.goto(`${url}?webgl&noanim`, { waitUntil: 'load', timeout: PATIENCE });
    const visible = () => getComputedStyle(document.getElementById('failure')).display !== 'none';
    await other.waitForFunction(visible, { timeout: PATIENCE });
    const said = await other.$eval('#failure', (element) => element.textContent);
    writeFileSync(join(folder, `${name}.png`), await other.screenshot());
    check(name, said, wanted.every((word) => said.includes(word)));
    await other.close();
}
if (streamed) {
    const { filenames, counts } = JSON.parse(readFileSync(join(page_path, 'lod-meta.json')));
    const files = filenames.filter((name) => fetched.has(name));
    console.log(`     ${files.length} of ${filenames.length} files fetched, levels of ${counts.join(', ')} Gaussians: ${files.join(' ')}`);
    check('levels that were fetched', new Set(files.map((name) => name.split('_')[0])).size, files.length < filenames.length || counts.length === 1);
    await complaint('from-disk', pathToFileURL(join(page_path, 'index.html')), ['python3 -m http.server', 'Serve this folder']);
    hidden.add('lod-meta.json');
    await complaint('no-description', url, ['lod-meta.json', '404', 'the whole folder']);
    hidden.clear();
    filenames.forEach((name) => hidden.add(name));
    await complaint('no-files', url, ['meta.json', '404', 'the whole folder']);
    server.close();
}
check('errors of the page', errors.join('; ') || 'none', errors.length === 0);
await browser.close();
process.exit(failed ? 1 : 0);
