// Reads a .splatv file by the loader of the npm package `gsplat` and prints, as JSON, what its shader (VideoRenderProgram)
// fetches for each Gaussian. Its own list of positions is passed over: it has the texture's fourth word for x.
//   node interop_splatv.mjs FOLDER-OF-THE-PACKAGE FILE.splatv
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, path] = process.argv.slice(2);
const { SplatvLoader, Scene } = await import(pathToFileURL(`${folder}/node_modules/gsplat/dist/index.es.js`));
const bytes = readFileSync(path);
const url = `data:application/octet-stream;base64,${bytes.toString("base64")}`;
const { data } = await SplatvLoader.LoadAsync(url, new Scene(), null);

function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}
const unpack = (word) => [half(word & 0xffff), half(word >>> 16)];
const floats = new Float32Array(data.data.buffer);
const out = { positions: [], motion: [], colors: [], time: [] };
for (let index = 0; index < data.vertexCount; index++) {
    // Four texels at ((index & 0x3ff) << 2, index >> 10) of a texture that is 4096 wide.
    const at = 4 * ((index >> 10) * data.width + ((index & 0x3ff) << 2));
    const word = (k) => data.data[at + k];
    const time = unpack(word(15));
    if (time[1] === 0) continue; // Padding of the last row.
    out.positions.push(...floats.subarray(at, at + 3));
    out.motion.push(...[8, 9, 10, 11].flatMap((k) => unpack(word(k))), unpack(word(12))[0]);
    out.colors.push(...[0, 8, 16, 24].map((shift) => (word(7) >>> shift) & 0xff));
    out.time.push(...time);
}
console.log(JSON.stringify(out));
