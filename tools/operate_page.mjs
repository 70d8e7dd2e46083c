// Operates a page that shows a scene; run by tools/operate_page.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'],
    protocolTimeout: PATIENCE,
});
const page = await browser.newPage();
await page.setViewport({ ...SIZE, hasTouch: true });
await page.setOfflineMode(true);
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
await page.goto(`${pathToFileURL(page_path)}?webgl&noanim`, { waitUntil: 'load', timeout: PATIENCE });
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
check('errors of the page', errors.join('; ') || 'none', errors.length === 0);
await browser.close();
process.exit(failed ? 1 : 0);
