//! `dapple photos`: from plain photos or videos to a trained scene.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde_json::json;

use super::events;
use super::input::UsageError;
use super::interrupt::{INTERRUPTED, catch_interrupts, interrupted};
use super::stage_progress::StageProgress;
use super::train;
use crate::photos::{self, Cameras, Event, Hooks, Matcher, Settings, Stopped};
use crate::train::config::Flags;
use crate::train::run::folder::RunFolder;

/// The folder of the capture in that of the run.
const CAPTURE: &str = "capture";

/// Train a scene from plain photos or videos: COLMAP finds where each was taken
///
/// Photos are used as they are; of videos the sharpest frame of each moment; panoramas of all directions are cut into six
/// faces. The capture is RUN/capture. A command that was stopped goes on where it was when it is given again, and with other
/// options only what depends on them is done again. The options of `train` hold here as well. Needs COLMAP, and ffmpeg for
/// videos.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of photos, photos, or one or more videos
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Run folder to write: capture, scene.ply, report.html, checkpoint, metrics, renders
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Pairs of pictures to compare [default: exhaustive up to 400 photos, or 120 frames of a video, else sequential]
    #[arg(long, value_enum)]
    matcher: Option<Matcher>,
    /// Lenses: one for all pictures of an input, or one for each [default: one if their sizes are equal]
    #[arg(long, value_enum)]
    cameras: Option<Cameras>,
    /// Longer side at which features are sought, in pixels
    #[arg(long, default_value_t = 1600, value_parser = clap::value_parser!(u32).range(100..))]
    max_size: u32,
    /// Frames to take of each second of a video [default: 2, but at least 60 and at most 300 in all]
    #[arg(long, conflicts_with = "frames")]
    fps: Option<f64>,
    /// Frames to take of all videos together; of photos, the sharpest of so many groups in the order of names
    #[arg(long, value_parser = clap::value_parser!(u32).range(3..))]
    frames: Option<u32>,
    /// Take the pictures for panoramas of all directions (equirectangular), even if they do not say so
    #[arg(long)]
    panorama: bool,
    /// Make the capture alone; `dapple train RUN/capture` trains on it
    #[arg(long)]
    no_train: bool,
    /// Show the scene in a window while it trains; training continues when the window is closed
    #[cfg(feature = "viewer")]
    #[arg(long)]
    view: bool,
    /// Print progress as events on the standard output: JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

pub fn run(args: Args) -> Result<ExitCode> {
    events::start("photos", args.json);
    if args.fps.is_some_and(|fps| !(fps > 0.0 && fps.is_finite())) {
        return Err(UsageError("--fps must be above 0".into()).into());
    }
    ensure!(!args.run.is_file(), "{}: the run needs a folder, and this is a file", args.run.display());
    catch_interrupts()?;
    let settings = Settings {
        inputs: args.inputs,
        matcher: args.matcher,
        cameras: args.cameras,
        max_size: args.max_size,
        fps: args.fps,
        frames: args.frames,
        panorama: args.panorama,
    };
    let (capture, frozen) = (args.run.join(CAPTURE), RunFolder::exists(&args.run));
    let mut progress = StageProgress::default();
    let mut on_event = |event: Event| progress.take(event);
    let made =
        photos::make(&settings, &args.run, &capture, frozen, &mut Hooks { on_event: &mut on_event, interrupted });
    progress.finish();
    let summary = match made {
        Err(error) if error.is::<Stopped>() => {
            events::say(|| json!({ "event": "stopped", "run": args.run.display().to_string() }));
            eprintln!("stopped; the same command goes on where it was");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        made => made?,
    };
    let advice = summary.advice();
    events::say(|| {
        json!({
            "event": "summary", "pictures": summary.pictures, "registered": summary.registered, "points": summary.points,
            "reprojection_error": summary.error, "advice": advice,
        })
    });
    println!("{}", summary.words());
    advice.iter().for_each(|line| log::warn!("{line}"));
    if args.no_train {
        println!("the capture is {}", capture.display());
        return Ok(ExitCode::SUCCESS);
    }
    train::on_capture(train::Args {
        capture: Some(capture),
        out: args.run,
        config: None,
        resume: true,
        #[cfg(feature = "viewer")]
        view: args.view,
        json: args.json,
        flags: args.flags,
    })
}
