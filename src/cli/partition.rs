//! `dapple partition` and `dapple merge`: captures larger than one machine, in blocks.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{CommandFactory, FromArgMatches};

use super::input::UsageError;
use super::progress;
use super::steps::UpAxis;
use crate::blocks::{self, Grid, Options, PLAN};
use crate::format::{self, WriteOptions};
use crate::train::Config;
use crate::train::config::Flags;

/// Cut a capture into blocks that are trained independently, on as many machines as there are
///
/// Writes a folder with plan.json, a picture of the plan, and a capture for the whole and for each block. Train the whole
/// first (coarse), then the blocks in any order, then merge them; plan.html has the commands.
#[derive(clap::Args)]
pub struct PartitionArgs {
    /// Capture folder, or its transforms JSON file; it needs points
    capture: PathBuf,
    /// Folder for the plan, new or empty
    out: PathBuf,
    /// Numbers of blocks along the two axes of the ground, as 3x2; auto goes by the number of photos and the ground's shape
    #[arg(long, default_value_t = Grid::Auto)]
    blocks: Grid,
    /// Width of the margin around a cell in which its block is trained too, as a share of the cell's sides, 0 to 1
    #[arg(long, default_value_t = 0.15, allow_negative_numbers = true)]
    margin: f64,
    /// Axis that points up: x, y, z, -x, -y or -z [default: by the cameras]
    #[arg(long, allow_hyphen_values = true)]
    up: Option<UpAxis>,
    /// Options of the coarse run, as `dapple train` has them, in one argument: --coarse "--steps 7000 --cap-max 200000"
    #[arg(long, value_name = "OPTIONS", default_value = "", allow_hyphen_values = true)]
    coarse: String,
    /// Options of every block's run, as `dapple train` has them
    #[arg(last = true, value_name = "OPTIONS")]
    train: Vec<String>,
}

/// Merge the trained blocks of a plan into one scene
///
/// Takes of each block what lies in its cell. Every place lies in one: cells at the rim have no end outwards.
#[derive(clap::Args)]
pub struct MergeArgs {
    /// Folder of the plan, or its plan.json
    plan: PathBuf,
    /// Scene file to write; its extension says the format, as in `dapple export`
    out: PathBuf,
}

/// Options of `dapple train` by themselves.
#[derive(clap::Parser)]
struct TrainOptions {
    #[command(flatten)]
    flags: Flags,
}

/// The options of a run from words, as a usage error where they are none.
fn config(words: &[&str], what: &str) -> Result<Config> {
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    let command = TrainOptions::command().mut_args(|arg| match defaults.get(arg.get_id().as_str()) {
        // A switch, as it is one of `dapple train`.
        Some(toml::Value::Boolean(_)) => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => arg,
    });
    let parsed = command.try_get_matches_from([&["train"][..], words].concat());
    let parsed = parsed.and_then(|matches| TrainOptions::from_arg_matches(&matches)).map_err(|error| {
        let text = error.to_string();
        let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").trim();
        UsageError(format!("{what}: {message}; see dapple train --help"))
    })?;
    let mut config = Config::default();
    parsed.flags.apply(&mut config);
    config.validate().with_context(|| what.to_string())?;
    Ok(config)
}

pub fn partition(args: PartitionArgs) -> Result<ExitCode> {
    ensure!((0.0..=1.0).contains(&args.margin), "--margin {} is not in 0 to 1", args.margin);
    let words: Vec<&str> = args.train.iter().map(String::as_str).collect();
    let options = Options {
        grid: args.blocks,
        margin: args.margin,
        up: args.up.map(|up| up.0),
        coarse: config(&args.coarse.split_whitespace().collect::<Vec<_>>(), "--coarse")?,
        block: config(&words, "the options behind --")?,
    };
    let stage = progress::spinner(format!("partitioning {}", args.capture.display()));
    let plan = blocks::partition(&args.capture, &args.out, &options)?;
    drop(stage);
    let coarse = &plan.coarse;
    println!("whole: {} photos, {} held out, {} points", coarse.photos, coarse.held_out, coarse.points);
    for planned in &plan.cells {
        let block = &planned.block;
        println!(
            "{}: {} photos, {} held out, {} points, {} cameras in it",
            block.name, block.photos, block.held_out, block.points, block.cameras
        );
    }
    println!("wrote {}; train the coarse scene first: {}", args.out.join(PLAN).display(), coarse.command(&args.out));
    Ok(ExitCode::SUCCESS)
}

pub fn merge(args: MergeArgs) -> Result<ExitCode> {
    format::format_to_write(&args.out)?;
    let mut stage = None;
    let merged = blocks::merge(&args.plan, &mut |name| {
        stage = None;
        stage = Some(progress::spinner(format!("reading {name}")));
    })?;
    drop(stage);
    for (planned, count) in merged.plan.cells.iter().zip(&merged.cells) {
        println!("{}: {count} Gaussians", planned.block.name);
    }
    if merged.plan.shift != glam::DVec3::ZERO {
        let [x, y, z] = merged.plan.shift.to_array();
        log::info!("the scene's coordinates are those of the capture less ({x}, {y}, {z})");
    }
    format::save(&args.out, &merged.scene, &WriteOptions::default())?;
    println!("wrote {}: {} Gaussians", args.out.display(), merged.scene.len());
    Ok(ExitCode::SUCCESS)
}
