//! glTF 2.0 with the extension KHR_gaussian_splatting: `.glb`, and `.gltf` with a `.bin` (docs/formats.md 1.7).
//!
//! glTF has y up, a PLY by convention y down: reading and writing rotate the scene by 180° about z.

mod document;
mod read;
mod write;

pub use read::read;
pub use write::write;

const EXTENSION: &str = "KHR_gaussian_splatting";
/// "glTF" as a number.
const GLB_MAGIC: u32 = 0x4654_6C67;
/// "JSON" as a number.
const JSON_CHUNK: u32 = 0x4E4F_534A;
/// "BIN" as a number.
const BIN_CHUNK: u32 = 0x004E_4942;
