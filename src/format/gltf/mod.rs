//! glTF 2.0 with the extension KHR_gaussian_splatting: `.glb`, and `.gltf` with a `.bin` (FORMATS 1.7).
//!
//! glTF has y up and a PLY, seen as viewers show it, y down: files are half a turn about z away from the scene.

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
