//! `dapple export`: reads, edits and writes scenes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use glam::DVec3;
use indicatif::{DecimalBytes, HumanCount};
use serde_json::json;

use super::cost::{self, Measure, Strict};
use super::events;
use super::info::{bytes_of, describe};
use super::page::{self, Drawing, PageOptions};
use super::progress;
use super::steps::{TransformStep, UpAxis};
use crate::dataset::{Capture, CaptureOptions};
use crate::edit::{self, Region, Similarity};
use crate::format::{self, Format, ReadOptions, SpzAxes, TimeSamples, WriteOptions};
use crate::gpu::Gpu;
use crate::scene::{ALPHA_MIN, Scene};

/// Rank of the neighbour whose distance measures isolation.
const NEIGHBOUR: usize = 8;

/// Convert scenes between formats; also transform, crop, prune and join them
///
/// The input format is detected from the content, the output format from the extension. Steps run in this order,
/// whatever the order of the options: --time; join the inputs; remove invisible Gaussians (opacity below 1/255); --up;
/// --transform; --crop; --min-opacity and --max-size; --max-isolation; --keep; --sh-degree; --morton.
#[derive(clap::Args)]
pub struct Args {
    /// Scene files or run folders; several inputs are joined into one scene
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// Output file: .ply, .compressed.ply, .splat, .spz, .sog, .glb, .gltf, .usda, .usdz or .html; with motion: .dapple,
    /// .ftgs.ply, .tsog, .4dgs, .spacetime.ply, .splatv or .html
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Export a dynamic scene as it is at this time, 0 to 1 over the clip
    #[arg(long, allow_negative_numbers = true)]
    time: Option<f32>,
    /// Sample a dynamic scene at N times from T0 to T1, 0 to 1 over the clip: as time samples in a USD file, else as N
    /// files (frame_0001.ply, ... for OUT = frame.ply)
    #[arg(long, value_name = "T0:T1:N", conflicts_with = "time")]
    times: Option<TimeSamples>,
    /// Length of a dynamic scene's clip, for .html, .tsog and .4dgs [default: the capture's if its videos tell it, else 1 s, in pages
    /// 4 s]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    duration: Option<f64>,
    /// Up axis of the scene (x, y, z, -x, -y or -z); the scene is rotated so that it becomes -y, as viewers expect
    /// [default for pages, glTF, USD, .ftgs.ply, .tsog and .4dgs: the up of the run's cameras]
    #[arg(long, value_name = "AXIS", allow_hyphen_values = true)]
    up: Option<UpAxis>,
    /// Transform: translate=X,Y,Z, rotate=X,Y,Z (degrees, about x, then y, then z), scale=S or flip=x (or y or z: the
    /// mirror image along that axis); may be repeated
    #[arg(long, value_name = "STEP")]
    transform: Vec<TransformStep>,
    /// Region to keep: box=X0,Y0,Z0,X1,Y1,Z1 or sphere=X,Y,Z,RADIUS; if repeated, the intersection is kept. Of a scene in
    /// motion, what is seen there at any time is kept
    #[arg(long, value_name = "REGION")]
    crop: Vec<Region>,
    /// Remove Gaussians whose opacity is below this, 0 to 1
    #[arg(long, value_name = "OPACITY", allow_negative_numbers = true)]
    min_opacity: Option<f32>,
    /// Remove Gaussians whose largest standard deviation exceeds this, in scene units
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    max_size: Option<f32>,
    /// Remove Gaussians whose distance to their 8th nearest neighbour exceeds this multiple of the median distance
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true)]
    max_isolation: Option<f32>,
    /// Merge neighbours until N Gaussians are left, so that pictures change least, or with --capture what its cameras see;
    /// of a scene in motion those that matter least are left out instead
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count)]
    keep: Option<usize>,
    /// Capture whose cameras --keep sums blending weights over; its frame must be that of the scene after --transform
    #[arg(long, requires = "keep")]
    capture: Option<PathBuf>,
    #[command(flatten)]
    page: PageOptions,
    /// GPU adapter for --capture and for pictures: its index, part of its name, or back end and one of these (`vulkan:0`)
    #[arg(long)]
    adapter: Option<String>,
    /// Remove spherical harmonics above this degree, 0 to 3
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=3))]
    sh_degree: Option<u32>,
    /// Sort the Gaussians along a Morton curve
    #[arg(long)]
    morton: bool,
    /// SPZ version to write
    #[arg(long, value_name = "3|4", default_value = "4", value_parser = clap::value_parser!(u32).range(3..=4))]
    spz_version: u32,
    /// Axes of the .spz to write; tools differ in which they expect
    #[arg(long, value_enum, default_value = "rub")]
    spz_frame: Axes,
    /// Axes of the .spz to read [default: those the file names, else rub]
    #[arg(long, value_enum)]
    spz_frame_in: Option<Axes>,
    /// Replace OUT if it exists
    #[arg(long)]
    overwrite: bool,
    /// Fail if more than this share of the Gaussians is left out or differs so that it shows, in percent, or, as 40dB, if
    /// pictures have a lower PSNR [alone: 1]
    #[arg(long, value_name = "PERCENT|dB", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    strict: Option<Strict>,
    /// Number of sides from which pictures of the scene and of the file are compared; 0 for none [default: 3, of scenes that
    /// are not too large]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=64))]
    views: Option<u32>,
    /// Print progress as events on the standard output: JSON, one object a line
    #[arg(long)]
    json: bool,
    /// Print what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Axes {
    /// Right, up, back: the format's specification
    Rub,
    /// Right, down, front: as the scene is
    Rdf,
}

impl From<Axes> for SpzAxes {
    fn from(frame: Axes) -> Self {
        match frame {
            Axes::Rub => Self::Rub,
            Axes::Rdf => Self::Rdf,
        }
    }
}

pub fn run(args: Args) -> Result<ExitCode> {
    events::start("export", args.json);
    check(&args)?;
    let format = format::format_to_write(&args.output)?;
    let mut scene = read(&args)?;
    edit_scene(&args, &mut scene)?;
    let played = is_played(&args, format, &scene)?;
    ensure!(!scene.is_empty(), "no Gaussians are left; nothing is written");
    if let Some(seconds) = args.duration {
        scene.clip.seconds = Some(seconds);
    }
    let before = scene.len();
    if !played {
        for said in format::fit(&mut scene, format).with_context(|| args.output.display().to_string())? {
            log::warn!("{}: {said}", args.output.display());
        }
        say_what_is_lost(&args.output, format, &scene);
    }
    let left_out = before.saturating_sub(scene.len());
    // Pictures show what a lower degree costs.
    let pictures = args.views.map_or(scene.len() <= cost::LARGEST, |views| views > 0);
    let whole = (pictures && scene.sh_degree > format.max_sh_degree()).then(|| scene.clone());
    edit::cap_degree(&mut scene, format.max_sh_degree());
    let what = format!("{}, {} Gaussians, degree {}", format.name(), HumanCount(scene.len() as u64), scene.sh_degree);
    let sequence = args.times.filter(|_| !format.samples_motion());
    if args.times.is_some() && scene.motion.is_none() {
        log::warn!("nothing moves in the scene; it is the same at all times");
    }
    if let Some(times) = sequence.filter(|_| args.dry_run) {
        let last = format::sequence::name_of(&args.output, times.count - 1, times.count);
        println!("would write {} files, up to {}: {}", times.count, last.display(), format.name());
        return Ok(ExitCode::SUCCESS);
    }
    if args.dry_run {
        println!("would write {}: {what}", args.output.display());
        return Ok(ExitCode::SUCCESS);
    }
    let start = Instant::now();
    let options = WriteOptions { spz_version: args.spz_version, spz_axes: args.spz_frame.into(), times: args.times };
    if let Some(times) = sequence {
        return write_sequence(&args.output, &scene, times, &options);
    }
    let stages = args.inputs.len() + 1;
    let stage = progress::spinner(format!("writing {} ({stages} of {stages})", args.output.display()));
    if played {
        let moved = args.up.is_some() || !args.transform.is_empty();
        page::write(&args.output, &scene, &args.inputs, &args.page, moved, args.adapter.as_deref())?;
    } else {
        format::save(&args.output, &scene, &options)?;
    }
    drop(stage);
    let bytes = bytes_of(&args.output, format)?;
    events::say(|| {
        let file = args.output.display().to_string();
        json!({ "event": "wrote", "file": file, "format": format.name(), "gaussians": scene.len(), "bytes": bytes })
    });
    println!(
        "wrote {}: {what}, {}, {:.1} bytes each, in {:.1} s",
        args.output.display(),
        DecimalBytes(bytes),
        bytes as f64 / scene.len() as f64,
        start.elapsed().as_secs_f64()
    );
    if args.times.is_none() && (played || format != Format::Html) {
        let adapter = args.adapter.as_deref();
        let measure = Measure { strict: args.strict, views: args.views, adapter, spz_axes: args.spz_frame.into() };
        measure.say(&args.output, format, &scene, whole, left_out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the file is a page that draws with this program's kernels.
fn is_played(args: &Args, format: Format, scene: &Scene) -> Result<bool> {
    ensure!(args.page.page.is_none() || format == Format::Html, "--page is for .html files");
    let moves = scene.motion.is_some() && args.times.is_none();
    Ok(format == Format::Html && args.page.page.map_or(moves, |drawing| drawing == Drawing::Webgpu))
}

/// Writes a file for each of the times.
fn write_sequence(output: &Path, scene: &Scene, times: TimeSamples, options: &WriteOptions) -> Result<ExitCode> {
    format::create_folder(output.parent().unwrap_or(Path::new("")))?;
    let mut last = PathBuf::new();
    for (index, time) in times.times().enumerate() {
        let mut moment = scene.at(time);
        moment.retain(|moment, i| edit::peak_opacity(moment, i) >= ALPHA_MIN);
        last = format::sequence::name_of(output, index, times.count);
        let _stage = progress::spinner(format!("writing {} ({} of {})", last.display(), index + 1, times.count));
        format::save(&last, &moment, options)?;
    }
    println!("wrote {} files, up to {}", times.count, last.display());
    Ok(ExitCode::SUCCESS)
}

/// Checks the values of the options, before anything is read.
fn check(args: &Args) -> Result<()> {
    if let Some(time) = args.time {
        ensure!((0.0..=1.0).contains(&time), "--time {time} is not in 0 to 1");
    }
    if let Some(TimeSamples { first, last, .. }) = args.times {
        ensure!((0.0..=1.0).contains(&first) && (0.0..=1.0).contains(&last), "--times {first}:{last} is not in 0 to 1");
        let format = format::format_to_write(&args.output)?;
        ensure!(!format.holds_motion(), "{} files hold the motion itself; leave --times out", format.name());
    }
    ensure!(args.duration.is_none_or(|s| s.is_finite() && s > 0.0), "--duration must be above 0 seconds");
    if let Some(opacity) = args.min_opacity {
        ensure!((0.0..=1.0).contains(&opacity), "--min-opacity {opacity} is not in 0 to 1");
    }
    for (name, value) in [("--max-size", args.max_size), ("--max-isolation", args.max_isolation)] {
        ensure!(value.is_none_or(|value| value > 0.0), "{name} must be above 0");
    }
    ensure!(args.keep != Some(0), "--keep must be at least 1");
    check_output(args)
}

/// Refuses to replace files that nobody gave up: often OUT was forgotten, and the last input stands in its place.
fn check_output(args: &Args) -> Result<()> {
    if args.overwrite || args.dry_run {
        return Ok(());
    }
    let sampled = format::format_to_write(&args.output)?.samples_motion();
    let first = match args.times.filter(|_| !sampled) {
        Some(times) => format::sequence::name_of(&args.output, 0, times.count),
        None => args.output.clone(),
    };
    ensure!(
        !first.exists(),
        "{} exists; name another file as the last, or add --overwrite to replace it",
        first.display()
    );
    Ok(())
}

/// A number of Gaussians.
fn count(text: &str) -> Result<usize> {
    text.parse().with_context(|| format!("\"{text}\" is not a whole number of Gaussians"))
}

/// Reads the inputs and joins them.
fn read(args: &Args) -> Result<Scene> {
    let options = ReadOptions { spz_axes: args.spz_frame_in.map(SpzAxes::from) };
    let mut scene = Scene::default();
    for (index, path) in args.inputs.iter().enumerate() {
        let start = Instant::now();
        let step = format!("{} of {}", index + 1, args.inputs.len() + 1);
        let stage = progress::spinner(format!("reading {} ({step})", path.display()));
        let mut loaded = format::load_with(path, &options)?;
        drop(stage);
        println!("read {}: {}, in {:.1} s", path.display(), describe(&loaded), start.elapsed().as_secs_f64());
        for warning in &loaded.warnings {
            log::warn!("{}: {warning}", path.display());
        }
        if let Some(time) = args.time {
            if loaded.scene.motion.is_none() {
                log::warn!("{}: nothing moves in it; --time changes nothing", path.display());
            }
            loaded.scene = loaded.scene.into_at(time);
        }
        edit::append(&mut scene, loaded.scene).with_context(|| path.display().to_string())?;
    }
    let names = || args.inputs.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    ensure!(!scene.is_empty(), "{}: the file holds no Gaussians; nothing is written", names());
    Ok(scene)
}

/// Applies the options in the order that the help states.
fn edit_scene(args: &Args, scene: &mut Scene) -> Result<()> {
    retain(scene, "can never be seen", |scene, i| edit::peak_opacity(scene, i) >= ALPHA_MIN);
    transform(args, scene);
    if !args.crop.is_empty() {
        retain(scene, "lie outside the crop", |scene, i| edit::seen_within(scene, i, &args.crop));
    }
    if let Some(least) = args.min_opacity {
        retain(scene, "are too transparent", |scene, i| edit::peak_opacity(scene, i) >= least);
    }
    if let Some(most) = args.max_size {
        retain(scene, "are too large", |scene, i| scene.log_scales[i].max_element().exp() <= most);
    }
    if let Some(most) = args.max_isolation {
        let _stage = progress::spinner("looking for neighbours".into());
        let isolation = edit::isolation(scene, NEIGHBOUR.min(scene.len().saturating_sub(1)))?;
        retain(scene, "are isolated", |_, i| isolation[i] <= most);
    }
    if let Some(n) = args.keep {
        keep(args, scene, n)?;
    }
    if let Some(degree) = args.sh_degree {
        edit::cap_degree(scene, degree);
    }
    if args.morton {
        let order = edit::morton_order(&scene.means);
        edit::permute(scene, &order);
    }
    Ok(())
}

/// Merges Gaussians until `n` are left.
fn keep(args: &Args, scene: &mut Scene, n: usize) -> Result<()> {
    let seen = match &args.capture {
        Some(capture) => Some(weights_in(capture, args.adapter.as_deref(), scene)?),
        None => None,
    };
    let before = scene.len();
    if scene.motion.is_some() {
        edit::keep_most(scene, &edit::importance(scene), n)?;
        left_out(before - scene.len(), "matter less; what moves is not merged");
        return Ok(());
    }
    let _stage = progress::spinner(format!("merging {} Gaussians into {n}", HumanCount(before as u64)));
    edit::merge_to(scene, seen.as_deref(), n)?;
    if scene.len() < before {
        println!("merged {} into {}", HumanCount(before as u64), HumanCount(scene.len() as u64));
    }
    Ok(())
}

/// Turns the scene upright, then takes the steps of the transform; those between two flips are one, and round once.
fn transform(args: &Args, scene: &mut Scene) {
    if let Some(UpAxis(axis)) = args.up {
        // Known better.
        scene.up = scene.up.map(|_| axis.as_vec3());
    }
    let mut pending = args.up.map_or(Similarity::IDENTITY, |UpAxis(axis)| Similarity::turn(axis, DVec3::NEG_Y));
    for step in &args.transform {
        match step {
            TransformStep::Move(similarity) => pending = pending.then(similarity),
            TransformStep::Flip(axis) => {
                std::mem::replace(&mut pending, Similarity::IDENTITY).apply_to(scene);
                edit::flip(scene, *axis);
            }
        }
    }
    pending.apply_to(scene);
}

/// `[N]` blending weights of the Gaussians, summed over the cameras of a capture.
fn weights_in(capture: &Path, adapter: Option<&str>, scene: &Scene) -> Result<Vec<f64>> {
    ensure!(scene.motion.is_none(), "--capture measures a still scene; choose a moment with --time");
    let shots = Capture::open(capture, &CaptureOptions::cameras_only())?.shots;
    let cameras: Vec<_> = shots.iter().map(|shot| shot.camera).collect();
    let gpu = Gpu::open(adapter)?;
    let _stage = progress::spinner(format!("looking through {} cameras", cameras.len()));
    crate::render::blending_weights(&gpu, scene, &cameras)
}

fn retain(scene: &mut Scene, why: &str, keep: impl Fn(&Scene, usize) -> bool) {
    let before = scene.len();
    scene.retain(keep);
    left_out(before - scene.len(), why);
}

fn left_out(n: usize, why: &str) {
    if n > 0 {
        println!("left out {} that {why}", HumanCount(n as u64));
    }
}

/// Warns of properties of the scene that the format cannot hold.
fn say_what_is_lost(path: &Path, format: Format, scene: &Scene) {
    let name = format.name();
    if scene.sh_degree > format.max_sh_degree() {
        log::warn!("{}: {name} files hold no colours that depend on the view; they are left out", path.display());
    }
    if scene.antialiased && !format.holds_antialiased() {
        log::warn!(
            "{}: {name} files do not say that a scene was trained with anti-aliasing; it may look bolder elsewhere",
            path.display()
        );
    }
}
