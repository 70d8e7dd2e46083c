use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::read_scene;
use crate::dataset::{Capture, CaptureOptions, Shot, Split};
use crate::format::write_atomically;
use crate::gpu::Gpu;
use crate::render::{Channel, SceneView};
use crate::train::config::Background;
use crate::train::evaluate::{Mean, View, evaluate, shots_of};
use crate::train::run_folder::config_of;

/// Measure PSNR and SSIM of a scene against a capture's images
#[derive(clap::Args)]
pub struct Args {
    /// A run folder or a .ply scene
    scene: PathBuf,
    /// The capture to compare with
    #[arg(long)]
    capture: PathBuf,
    /// Which images: the held-out ones or those trained on
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// Bound on the longer side of the images, in pixels [default: the run's]
    #[arg(long)]
    max_resolution: Option<u32>,
    /// Every n-th image by name is held out, unless the capture names its test images [default: the run's, else 8]
    #[arg(long)]
    test_every: Option<u32>,
    /// Colour behind the scene: black, white or R,G,B in 0 to 1 [default: the run's, else black]
    #[arg(long)]
    background: Option<Background>,
    /// Write the result as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Adapter to render on: its index or a part of its name
    #[arg(long)]
    adapter: Option<String>,
    /// Fail where an image is missing or broken
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum SplitArg {
    Test,
    Train,
}

/// The JSON of an evaluation.
#[derive(Serialize)]
struct Report<'a> {
    mean: Mean,
    views: &'a [View],
    gaussians: usize,
    adapter: &'a str,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let scene = read_scene(&args.scene)?;
    let config = config_of(&args.scene)?.unwrap_or_default();
    let options = CaptureOptions {
        max_resolution: args.max_resolution.or(config.max_resolution),
        test_every: args.test_every.unwrap_or(config.test_every),
        strict: args.strict,
        ..config.capture_options()
    };
    let capture = Capture::open(&args.capture, &options)?;
    let split = match args.split {
        SplitArg::Test => Split::Test,
        SplitArg::Train => Split::Train,
    };
    let shots = shots_of(&capture, split);
    ensure!(!shots.is_empty(), "{}: no image is held out; give --test-every 8 or another", args.capture.display());

    let gpu = Gpu::open(args.adapter.as_deref())?;
    let background = args.background.unwrap_or(config.background).fixed();
    let cameras: Vec<_> = capture.shots.iter().map(|shot| shot.camera).collect();
    let mut view = SceneView::new(&gpu, scene, &cameras, background, Channel::Color)?;
    let gaussians = view.gaussians;
    let render = |shot: &Shot| view.render(&shot.camera, shot.time.unwrap_or(0.0));
    let views = evaluate(&capture, &shots, background, args.strict, render, |comparison| {
        let view = comparison.view;
        println!("{:<32} PSNR {:6.2} dB   SSIM {:.4}", view.name, view.psnr, view.ssim);
        Ok(())
    })?;
    let mean = Mean::of(&views);
    println!("mean of {} views: PSNR {:.3} dB, SSIM {:.4}", views.len(), mean.psnr, mean.ssim);
    println!("{gaussians} Gaussians, {}", gpu.describe());
    if let Some(path) = &args.json {
        let report = Report { mean, views: &views, gaussians, adapter: &gpu.describe() };
        let json = serde_json::to_vec_pretty(&report)?;
        write_atomically(path, |file| file.write_all(&json))?;
    }
    Ok(ExitCode::SUCCESS)
}
