//! Converts a scene between formats, turns it to z up, and leaves out Gaussians that can hardly be seen.
//!
//! ```sh
//! cargo run --release --example convert -- scene.ply scene.spz
//! ```

use std::path::Path;

use anyhow::{Result, bail};
use dapple::edit::{self, Similarity};
use dapple::format;
use glam::DVec3;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [input, output] = arguments.as_slice() else { bail!("usage: convert IN OUT") };
    let (before, after) = convert(input.as_ref(), output.as_ref())?;
    println!("{after} of {before} Gaussians");
    Ok(())
}

/// Reads a scene in the format of its content, edits it and writes it in the format of the extension. The numbers of
/// Gaussians read and written.
pub fn convert(input: &Path, output: &Path) -> Result<(usize, usize)> {
    let mut scene = format::read_scene(input)?;
    let before = scene.len();
    scene.retain(|scene, i| edit::peak_opacity(scene, i) >= 0.02);
    // Captures of structure from motion have y down.
    Similarity::turn(DVec3::NEG_Y, DVec3::Z).apply_to(&mut scene);
    format::write_scene(output, &scene)?;
    Ok((before, scene.len()))
}
