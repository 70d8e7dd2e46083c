// Asks Tint, through Dawn, about every .wgsl file of a folder: node tools/backends.mjs PACKAGE FOLDER. PACKAGE is where npm has
// installed `webgpu`. Exit status 1 where a module is refused or binds more than WebGPU promises.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [packageFolder, folder] = process.argv.slice(2);
const { create, globals } = await import(pathToFileURL(path.resolve(packageFolder, 'index.js')).href);
Object.assign(globalThis, globals);
// Kept: Dawn ends with the object.
const gpu = create([]);
const adapter = await gpu.requestAdapter();
if (!adapter) {
    console.error('backends: Dawn finds no adapter; a software one will do (tools/setup)');
    process.exit(1);
}
const features = ['subgroups'].filter((name) => adapter.features.has(name));
// The default limits: those that every browser grants.
const device = await adapter.requestDevice({ requiredFeatures: features });

// The messages about a module and the pipeline made of it.
async function problems(code) {
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code });
    const { messages } = await module.getCompilationInfo();
    const errors = messages.filter((message) => message.type === 'error');
    const found = errors.map((error) => `line ${error.lineNum}: ${error.message}`);
    if (found.length === 0) {
        device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
    }
    const error = await device.popErrorScope();
    if (error && found.length === 0) {
        found.push(error.message);
    }
    return found;
}

const files = fs.readdirSync(folder).filter((file) => file.endsWith('.wgsl')).sort();
let refused = 0;
let left = 0;
for (const file of files) {
    const code = fs.readFileSync(path.join(folder, file), 'utf8');
    if (code.startsWith('enable subgroups') && features.length === 0) {
        left++;
        continue;
    }
    for (const message of await problems(code)) {
        refused++;
        console.error(`${file}: ${message}`);
    }
}
console.log(`Tint: ${files.length - left - refused} modules accepted, ${refused} messages` +
    (left ? `, ${left} left out: the adapter has no subgroups` : ''));
process.exit(refused || files.length === 0 ? 1 : 0);
