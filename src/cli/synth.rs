//! `dapple synth`: makes a synthetic capture.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::synth;

/// Ray-trace a synthetic capture with exact cameras, depth and normals
#[derive(clap::Args)]
pub struct Args {
    /// Scene description in TOML; see scenes/
    scene: PathBuf,
    /// Folder for the capture; an earlier synthetic capture there is replaced
    out: PathBuf,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let made = synth::run(&args.scene, &args.out)?;
    let clip = if made.frames > 1 { format!(" at {} times", made.frames) } else { String::new() };
    println!(
        "{}: {} training and {} test images of {} x {}{clip}, {} points",
        args.out.display(),
        made.train,
        made.test,
        made.width,
        made.height,
        made.points
    );
    Ok(ExitCode::SUCCESS)
}
