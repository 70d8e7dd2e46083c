use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::synth;

/// Make a procedural capture: ray-traced images with exact cameras
#[derive(clap::Args)]
pub struct Args {
    /// Description of the scene, as in scenes/*.toml
    scene: PathBuf,
    /// Folder to write the capture to
    out: PathBuf,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let made = synth::run(&args.scene, &args.out)?;
    let clip = if made.frames > 1 { format!(" at {} moments", made.frames) } else { String::new() };
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
