//! OpenUSD's ParticleField3DGaussianSplat as text (`.usda`) or binary (`.usdc`), or either in a package (`.usdz`) (docs/formats.md 1.8).
//!
//! Stages have y or z up, a PLY by convention y down: files are written with y up, rotated by 180° about z, as glTF is.

mod binary;
mod crate_file;
mod lz4;
mod read;
mod tokens;
mod write;

pub use read::read;
pub use write::write;

const PRIM_TYPE: &str = "ParticleField3DGaussianSplat";
