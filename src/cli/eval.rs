use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use glam::Vec3;
use serde::Serialize;

use super::read_scene;
use crate::dataset::{Capture, CaptureOptions, Direction, FlowChoice, Shot, Split, Unseen};
use crate::format::write_atomically;
use crate::gpu::Gpu;
use crate::render::{Channel, SceneView};
use crate::train::config::{Background, Config, FlowShape, FlowSource};
use crate::train::evaluate::{Comparison, Mean, View, evaluate, shots_of};
use crate::train::run_folder::config_of;

/// Measure PSNR and SSIM of a scene against a capture's images, and its motion against optical flow
#[derive(clap::Args)]
pub struct Args {
    /// A run folder or a .ply scene
    scene: PathBuf,
    /// The capture to compare with
    #[arg(long)]
    capture: PathBuf,
    /// Which images: the held-out ones, of a capture in time those of held-out cameras or times alone, or those trained on
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
    /// Optical flow to compare the motion with: auto (the capture's own, if it has some), off, or a folder of flow files
    /// [default: the run's folder, else auto]
    #[arg(long)]
    flow: Option<FlowSource>,
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
    TestCameras,
    TestTimes,
    Train,
}

/// Agreement of the scene's motion with optical flow.
#[derive(Clone, Copy, Serialize)]
struct FlowError {
    /// Mean over images of the mean end-point error, in pixels; nothing rendered counts as no motion.
    epe: f64,
    /// Mean over images of the mean length of the flow compared with.
    length: f64,
    images: usize,
}

/// The JSON of an evaluation.
#[derive(Serialize)]
struct Report<'a> {
    mean: Mean,
    /// Means over the parts of the held-out images, where a capture in time has both.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    splits: BTreeMap<&'static str, Mean>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<FlowError>,
    /// Mean absolute error of the change from one frame of a camera to its next, colours being 0 to 1, where both are
    /// evaluated: how much the render flickers.
    #[serde(skip_serializing_if = "Option::is_none")]
    flicker: Option<f64>,
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
        flow: flow_choice(args.flow.as_ref(), &config),
        ..config.capture_options()
    };
    let capture = Capture::open(&args.capture, &options)?;
    let shots = chosen(&capture, args.split);
    ensure!(!shots.is_empty(), "{}", nothing(args.split, &args.capture));

    let gpu = Gpu::open(args.adapter.as_deref())?;
    let background = args.background.unwrap_or(config.background).fixed();
    let cameras: Vec<_> = capture.shots.iter().map(|shot| shot.camera).collect();
    let mut view = SceneView::new(&gpu, scene, &cameras, background, Channel::Color)?;
    let gaussians = view.gaussians;
    let render = |shot: &Shot| view.render(&shot.camera, shot.time.unwrap_or(0.0));
    let mut flicker = Flicker::new(&capture);
    let views = evaluate(&capture, &shots, background, args.strict, render, |comparison| {
        flicker.add(&comparison);
        let view = comparison.view;
        println!("{:<32} PSNR {:6.2} dB   SSIM {:.4}", view.name, view.psnr, view.ssim);
        Ok(())
    })?;
    let mean = Mean::of(&views);
    let splits = splits(&capture, &views);
    for (name, mean) in &splits {
        println!("{name}: PSNR {:.3} dB, SSIM {:.4}", mean.psnr, mean.ssim);
    }
    let flow = flow_error(&capture, &shots, &mut view, config.flow_form == FlowShape::Affine)?;
    if let Some(FlowError { epe, length, images }) = flow {
        println!("flow of {images} images: end-point error {epe:.3} px of {length:.3} px");
    }
    if let Some(flicker) = flicker.mean() {
        println!("flicker: the change between frames is off by {flicker:.5} on average");
    }
    println!("mean of {} views: PSNR {:.3} dB, SSIM {:.4}", views.len(), mean.psnr, mean.ssim);
    println!("{gaussians} Gaussians, {}", gpu.describe());
    if let Some(path) = &args.json {
        let report =
            Report { mean, splits, flow, flicker: flicker.mean(), views: &views, gaussians, adapter: &gpu.describe() };
        let json = serde_json::to_vec_pretty(&report)?;
        write_atomically(path, |file| file.write_all(&json))?;
    }
    Ok(ExitCode::SUCCESS)
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

/// The shots of a part of the capture.
fn chosen(capture: &Capture, split: SplitArg) -> Vec<usize> {
    let unseen = |wanted| move |&shot: &usize| capture.shots[shot].unseen == Some(wanted);
    let held_out = shots_of(capture, Split::Test).into_iter();
    match split {
        SplitArg::Train => shots_of(capture, Split::Train),
        SplitArg::Test => held_out.collect(),
        SplitArg::TestCameras => held_out.filter(unseen(Unseen::Camera)).collect(),
        SplitArg::TestTimes => held_out.filter(unseen(Unseen::Time)).collect(),
    }
}

/// What to say where a part of the capture is empty.
fn nothing(split: SplitArg, capture: &Path) -> String {
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

/// Means over held-out cameras and over held-out times, of the views that are there.
fn splits(capture: &Capture, views: &[View]) -> BTreeMap<&'static str, Mean> {
    let mut parts: BTreeMap<&'static str, Vec<View>> = BTreeMap::new();
    for view in views {
        let shot = capture.shots.binary_search_by(|shot| shot.name.cmp(&view.name));
        let name = match shot.ok().and_then(|shot| capture.shots[shot].unseen) {
            Some(Unseen::Camera) => "test-cameras",
            Some(Unseen::Time) => "test-times",
            None => continue,
        };
        parts.entry(name).or_default().push(view.clone());
    }
    parts.into_iter().map(|(name, views)| (name, Mean::of(&views))).collect()
}

/// How well the scene's flow agrees with the capture's, over the shots that have flow, in both directions.
fn flow_error(capture: &Capture, shots: &[usize], view: &mut SceneView, affine: bool) -> Result<Option<FlowError>> {
    let (mut epe, mut length, mut images) = (0.0, 0.0, 0);
    for (&shot, direction) in shots.iter().flat_map(|shot| Direction::BOTH.map(|direction| (shot, direction))) {
        let Some(flow) = capture.load_flow(shot, direction)? else { continue };
        let [from, to] = [shot, flow.to].map(|shot| &capture.shots[shot]);
        let at = |shot: &Shot| shot.time.unwrap_or(0.0);
        let rendered = view.render_flow((&from.camera, at(from)), (&to.camera, at(to)), affine)?;
        let (mut sums, mut count) = ([0.0, 0.0], 0);
        for ((got, want), _) in rendered.pixels.iter().zip(&flow.field).zip(&flow.valid).filter(|(_, valid)| **valid) {
            sums[0] += f64::from((got.x - want[0]).hypot(got.y - want[1]));
            sums[1] += f64::from(want[0].hypot(want[1]));
            count += 1;
        }
        if count > 0 {
            epe += sums[0] / f64::from(count);
            length += sums[1] / f64::from(count);
            images += 1;
        }
    }
    let mean = |sum: f64| sum / images.max(1) as f64;
    Ok((images > 0).then(|| FlowError { epe: mean(epe), length: mean(length), images }))
}

/// Compares the change between consecutive frames of a camera, shots in the order of their names.
struct Flicker {
    /// For each shot the previous one of its camera in time.
    previous: Vec<Option<usize>>,
    /// The last shot seen, and render minus photo there.
    last: Option<(usize, Vec<Vec3>)>,
    sum: f64,
    frames: usize,
}

impl Flicker {
    fn new(capture: &Capture) -> Self {
        let previous = capture.neighbours().into_iter().map(|both| both[Direction::Backward as usize]).collect();
        Self { previous, last: None, sum: 0.0, frames: 0 }
    }

    fn add(&mut self, comparison: &Comparison<'_>) {
        let pixels = comparison.render.pixels.iter().zip(&comparison.target.colours);
        let miss: Vec<Vec3> = pixels.map(|(got, want)| got.truncate().clamp(Vec3::ZERO, Vec3::ONE) - *want).collect();
        if let Some((shot, last)) = &self.last
            && self.previous[comparison.shot] == Some(*shot)
            && last.len() == miss.len()
        {
            let change: f64 = miss.iter().zip(last).map(|(a, b)| f64::from((*a - *b).abs().element_sum())).sum();
            self.sum += change / (3 * miss.len()) as f64;
            self.frames += 1;
        }
        self.last = Some((comparison.shot, miss));
    }

    fn mean(&self) -> Option<f64> {
        (self.frames > 0).then(|| self.sum / self.frames as f64)
    }
}
