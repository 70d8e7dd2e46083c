//! OpenUSD's ParticleField3DGaussianSplat as text (`.usda`), or as text in a package (`.usdz`) (FORMATS 1.8).
//!
//! Stages have y up, or z, and a PLY, seen as viewers show it, y down: files are written half a turn about z away from
//! the scene, as glTF is.

mod read;
mod tokens;
mod write;

pub use read::read;
pub use write::write;

const PRIM_TYPE: &str = "ParticleField3DGaussianSplat";
