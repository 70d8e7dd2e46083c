//! `dapple eval`: scores of a scene against the images and optical flow of a capture.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::input::read_scene;
use super::renders::{self, Renders};
use crate::dataset::{Capture, CaptureOptions, FlowChoice, Shot, Split, Unseen};
use crate::format::write_atomically;
use crate::gpu::Gpu;
use crate::render::{Channel, SceneView};
use crate::train::appearance::Appearances;
use crate::train::config::{Background, Config, FlowShape, FlowSource};
use crate::train::evaluate::{Mean, Rules, View, evaluate, shots_of};
use crate::train::floaters;
use crate::train::motion_scores::{Flicker, FlowError, MotionScores, Scores};
use crate::train::poses::Poses;
use crate::train::run::folder::{config_of, folder_of};

/// Compare renders of a scene with the images of a capture: PSNR and SSIM, and the error of its optical flow
#[derive(clap::Args)]
pub struct Args {
    /// Run folder or scene file; or a folder of images that another program rendered, one a view, named as the photos or in
    /// their order
    scene: PathBuf,
    /// Capture to compare with
    #[arg(long)]
    capture: PathBuf,
    /// Images to compare: all held-out images (test), those of held-out cameras or of held-out times only, or the training
    /// images
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// Longest side of the images, in pixels; larger ones are reduced [default: the run's]
    #[arg(long)]
    max_resolution: Option<u32>,
    /// Hold out every n-th image, by name, unless the capture lists its test images [default: the run's, else 8]
    #[arg(long)]
    test_every: Option<u32>,
    /// Background colour: black, white, or R,G,B from 0 to 1 [default: the run's, else black]
    #[arg(long)]
    background: Option<Background>,
    /// Optical flow to compare with: auto (the capture's folder flow, if any), off, or a folder of flow files
    /// [default: the run's folder, else auto]
    #[arg(long)]
    flow: Option<FlowSource>,
    /// Also write the scores to this JSON file
    #[arg(long)]
    json: Option<PathBuf>,
    /// GPU adapter: its index, part of its name, or back end and one of these (`vulkan:0`)
    #[arg(long)]
    adapter: Option<String>,
    /// Fail if an image is missing or cannot be decoded
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum SplitArg {
    Test,
    TestCameras,
    TestTimes,
    Train,
}

/// The JSON of an evaluation.
#[derive(Serialize)]
struct Report<'a> {
    mean: Mean,
    /// Means over the parts of the held-out images, where a dynamic capture has both.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    splits: BTreeMap<&'static str, Scores>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<FlowError>,
    /// Mean absolute error of the change from one frame of a camera to the next, colours being 0 to 1: how much the render
    /// flickers.
    #[serde(skip_serializing_if = "Option::is_none")]
    flicker: Option<f64>,
    /// Share of the opacity in space that the capture's exact depth says is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    floaters: Option<f64>,
    views: &'a [View],
    #[serde(flatten)]
    made: Option<Made>,
}

/// By what the images were rendered, if by Dapple.
#[derive(Serialize)]
struct Made {
    gaussians: usize,
    adapter: String,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let config = config_of(&args.scene)?.unwrap_or_default();
    let options = CaptureOptions {
        max_resolution: args.max_resolution.or(config.max_resolution),
        test_every: args.test_every.unwrap_or(config.test_every),
        strict: args.strict,
        flow: flow_choice(args.flow.as_ref(), &config),
        ..config.capture_options()
    };
    if renders::is_at(&args.scene) {
        return compare_renders(&args, &Capture::open(&args.capture, &options)?);
    }
    let scene = read_scene(&args.scene)?;
    let mut capture = Capture::open(&args.capture, &options)?;
    if let Some(poses) = Poses::read(folder_of(&args.scene))? {
        let aligned = if poses.aligned.is_empty() { "" } else { ", and held-out cameras aligned by their own photos" };
        log::info!("cameras are where the run has refined them{aligned} (poses.json)");
        capture = poses.applied_to(&capture);
    }
    let shots = chosen_shots(&args, &capture)?;

    let floaters = floaters::share(&scene, &capture)?;
    let gpu = Gpu::open(args.adapter.as_deref())?;
    let background = args.background.unwrap_or(config.background).fixed();
    let cameras = capture.cameras();
    let mut view = SceneView::new(&gpu, scene, &cameras, background, Channel::Color)?;
    let gaussians = view.gaussians;
    let render = |shot: &Shot| view.render(&shot.camera, shot.time.unwrap_or(0.0));
    let mut flicker = Flicker::new(&capture);
    let appearances = Appearances::read(folder_of(&args.scene))?;
    let rules = Rules { background, strict: args.strict, thorough: true };
    let views = evaluate(&capture, &shots, rules, appearances.as_ref(), render, |comparison| {
        flicker.add(&comparison);
        print_view(comparison.view);
        Ok(())
    })?;
    ensure!(!views.is_empty(), "{}: no image could be evaluated", capture.root.display());
    let mean = Mean::of(&views);
    let affine = config.flow_form == FlowShape::Affine;
    let motion = MotionScores::measure(&capture, &shots, &mut view, affine, flicker, background)?;
    let splits = motion.by_split(&capture, &views);
    for (name, scores) in &splits {
        println!("{name}: {}", format_scores(scores));
    }
    let all = Scores { mean, views: views.len(), flow: motion.flow(|_| true), flicker: motion.flicker(|_| true) };
    if capture.is_dynamic() {
        println!("all: {}", format_scores(&all));
    }
    println!("mean of {} views: {}", views.len(), mean.words(3));
    if let Some(share) = floaters {
        println!("{}", floaters::words(share));
    }
    println!("{gaussians} Gaussians, {}", gpu.describe());
    let Scores { flow, flicker, .. } = all;
    let made = Some(Made { gaussians, adapter: gpu.describe() });
    write_json(&args, &Report { mean, splits, flow, flicker, floaters, views: &views, made })?;
    Ok(ExitCode::SUCCESS)
}

/// Scores of images that another program rendered.
fn compare_renders(args: &Args, capture: &Capture) -> Result<ExitCode> {
    let shots = chosen_shots(args, capture)?;
    let renders = Renders::find(&args.scene, capture, &shots)?;
    let background = args.background.unwrap_or(Background::Auto).fixed();
    let rules = Rules { background, strict: args.strict, thorough: true };
    let views = evaluate(
        capture,
        &shots,
        rules,
        None,
        |shot| renders.load(shot),
        |comparison| {
            print_view(comparison.view);
            Ok(())
        },
    )?;
    ensure!(!views.is_empty(), "{}: no image could be evaluated", capture.root.display());
    let mean = Mean::of(&views);
    println!("mean of {} views, rendered by others: {}", views.len(), mean.words(3));
    let (splits, flow, flicker, floaters, made) = (BTreeMap::new(), None, None, None, None);
    write_json(args, &Report { mean, splits, flow, flicker, floaters, views: &views, made })?;
    Ok(ExitCode::SUCCESS)
}

fn chosen_shots(args: &Args, capture: &Capture) -> Result<Vec<usize>> {
    let shots = shots_of_split(capture, args.split);
    ensure!(!shots.is_empty(), "{}", empty_split(args.split, &args.capture));
    Ok(shots)
}

fn print_view(view: &View) {
    println!("{:<32} PSNR {:6.2} dB   SSIM {:.4}", view.name, view.psnr, view.ssim);
}

fn write_json(args: &Args, report: &Report) -> Result<()> {
    let Some(path) = &args.json else { return Ok(()) };
    let json = serde_json::to_vec_pretty(report)?;
    write_atomically(path, |file| file.write_all(&json))
}

/// Formats scores in one line.
fn format_scores(scores: &Scores) -> String {
    let Scores { mean, views, flow, flicker } = scores;
    let flow = flow.map(|FlowError { epe, length, images }| {
        format!(", flow off by {epe:.3} px of {length:.3} px on average ({images} flows)")
    });
    let flicker = flicker.map(|flicker| format!(", flicker {flicker:.5}"));
    let (flow, flicker) = (flow.unwrap_or_default(), flicker.unwrap_or_default());
    format!("{views} views, PSNR {:.3} dB, SSIM {:.4}{flow}{flicker}", mean.psnr, mean.ssim)
}

fn flow_choice(flag: Option<&FlowSource>, config: &Config) -> FlowChoice {
    match (flag, &config.flow) {
        (Some(FlowSource::Off), _) => FlowChoice::Off,
        (Some(FlowSource::Folder(folder)), _) | (None, FlowSource::Folder(folder)) => {
            FlowChoice::Folder(folder.clone())
        }
        // A run that was trained without flow is measured against it all the same.
        (Some(FlowSource::Auto), _) | (None, FlowSource::Auto | FlowSource::Off) => FlowChoice::Auto,
    }
}

/// Indices of the shots of a split.
fn shots_of_split(capture: &Capture, split: SplitArg) -> Vec<usize> {
    let unseen = |wanted| move |&shot: &usize| capture.shots[shot].unseen == Some(wanted);
    let held_out = shots_of(capture, Split::Test).into_iter();
    match split {
        SplitArg::Train => shots_of(capture, Split::Train),
        SplitArg::Test => held_out.collect(),
        SplitArg::TestCameras => held_out.filter(unseen(Unseen::Camera)).collect(),
        SplitArg::TestTimes => held_out.filter(unseen(Unseen::Time)).collect(),
    }
}

/// The error for a split without images.
fn empty_split(split: SplitArg, capture: &Path) -> String {
    let what = match split {
        SplitArg::Train => "no image is trained on",
        SplitArg::Test => "no image is held out; give --test-every 8 or another",
        SplitArg::TestCameras => "no camera is held out as a whole; --split test has all held-out images",
        SplitArg::TestTimes => {
            "no times are held out of cameras that are trained on; --split test has all held-out images"
        }
    };
    format!("{}: {what}", capture.display())
}
