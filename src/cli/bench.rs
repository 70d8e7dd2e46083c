//! `dapple bench`: measures training speed, stage times and GPU memory.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

use crate::dataset::Capture;
use crate::format::write_atomically;
use crate::gpu::Gpu;
use crate::scene::stats::percentile;
use crate::train::config::{Config, Flags};
use crate::train::{Statistics, Trainer};

/// Number of measurements of each stage; the table shows their median.
const REPEATS: usize = 7;

/// Measure training speed: steps per second, and the GPU time of each stage
#[derive(clap::Args)]
pub struct Args {
    /// Capture folder, or its transforms JSON file
    capture: PathBuf,
    /// Number of training steps to time, from the first step; --steps still sets the schedule
    #[arg(long, default_value_t = 200)]
    timed: u32,
    /// Also write the measurements to this JSON file
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

/// The measurements.
#[derive(Serialize)]
struct Figures {
    adapter: String,
    steps: u32,
    gaussians: usize,
    steps_per_second: f64,
    /// Name and median GPU time in milliseconds of each stage, of a step after the timed ones.
    stages: Vec<(String, f64)>,
    /// Label and bytes of each GPU buffer.
    memory: Vec<(&'static str, u64)>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let mut config = Config { capture: args.capture, ..Config::default() };
    args.flags.apply(&mut config);
    config.validate()?;
    let capture = Arc::new(Capture::open(&config.capture, &config.capture_options())?);
    let gpu = Gpu::open(config.adapter.as_deref())?;
    let mut trainer = Trainer::new(&gpu, capture, config)?;
    // Compiles every kernel and fetches the first images, without a lasting effect.
    trainer.stage_times()?;
    let start = Instant::now();
    while trainer.step_index() < args.timed {
        trainer.step()?;
    }
    let Statistics { step, gaussians, .. } = trainer.statistics()?;
    let seconds = start.elapsed().as_secs_f64();
    let figures = Figures {
        adapter: gpu.describe(),
        steps: step,
        gaussians,
        steps_per_second: f64::from(step) / seconds,
        stages: median_stages(&mut trainer)?,
        memory: trainer.gpu_bytes(),
    };
    print(&figures);
    if let Some(path) = args.json {
        write_atomically(&path, |out| Ok(serde_json::to_writer_pretty(out, &figures)?))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn median_stages(trainer: &mut Trainer) -> Result<Vec<(String, f64)>> {
    let runs: Vec<_> = (0..REPEATS).map(|_| trainer.stage_times()).collect::<Result<_>>()?;
    let median = |stage: usize| percentile(runs.iter().map(|run| run[stage].1), 50).unwrap_or_default();
    Ok(runs[0].iter().enumerate().map(|(stage, (name, _))| (name.to_string(), median(stage))).collect())
}

fn print(figures: &Figures) {
    println!("{}", figures.adapter);
    println!(
        "{} steps, {} Gaussians at the end: {:.2} steps/s\n",
        figures.steps, figures.gaussians, figures.steps_per_second
    );
    for (name, milliseconds) in &figures.stages {
        println!("{name:<20} {milliseconds:>8.2} ms");
    }
    println!("{:<20} {:>8.2} ms\n", "sum", figures.stages.iter().map(|stage| stage.1).sum::<f64>());
    for (label, bytes) in &figures.memory {
        println!("{label:<36} {:>9.2} MB", *bytes as f64 / 1e6);
    }
}
