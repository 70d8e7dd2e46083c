//! `dapple synth`: makes a synthetic capture.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::events;
use crate::synth;

/// Ray-trace a synthetic capture with exact cameras, depth and normals
#[derive(clap::Args)]
pub struct Args {
    /// Scene description in TOML; see scenes/
    scene: PathBuf,
    /// Folder for the capture; an earlier synthetic capture there is replaced
    out: PathBuf,
    /// Print progress as events on the standard output: JSON, one object a line
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<ExitCode> {
    events::start("synth", args.json);
    let told = |done: usize, of: usize| events::say(|| json!({ "event": "progress", "done": done, "of": of }));
    let made = synth::run_with(&args.scene, &args.out, &told)?;
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
