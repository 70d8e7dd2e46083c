//! `dapple render`: renders a scene to images and videos.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use glam::{Vec2, Vec3, Vec4};
use image::RgbImage;

use super::detail::{self, DetailView};
use super::events;
use super::jobs::{self, RenderJob};
use crate::camera::Camera;
use crate::dataset::flow_io::{self, FlowField};
use crate::dataset::{Capture, CaptureOptions};
use crate::format::{self, TimeSamples};
use crate::gpu::Gpu;
use crate::image::colormap::{VIRIDIS, flow_colour, ramp};
use crate::image::png::{save_png, to_image};
use crate::image::video::Video;
use crate::render::{Channel, Rendered, orbit, path};
use crate::scene::Scene;
use crate::scene::stats::percentile;
use crate::train::Config;
use crate::train::config::Background;
use crate::train::run::folder::{config_of, picture_names, picture_path};

/// Frames per second of a video.
const FRAME_RATE: f64 = 30.0;
/// Number of images that the colour range is taken from.
const RANGE_SAMPLES: usize = 8;

/// Render a scene to images: from the cameras of a capture, a camera path or an orbit
#[derive(clap::Args)]
pub struct Args {
    /// Run folder or scene file
    scene: PathBuf,
    #[command(flatten)]
    cameras: Cameras,
    /// Folder for the images, one PNG per camera
    #[arg(long)]
    out: PathBuf,
    /// Gaussians that an image is made of at most, for a scene with levels of detail (.lod): what is near is shown the
    /// finest [default: all, at the finest level]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    budget: Option<u32>,
    /// Image size in pixels: WIDTHxHEIGHT
    #[arg(long)]
    size: Option<Size>,
    /// Background colour: black, white, or R,G,B from 0 to 1 [default: the run's, else black]
    #[arg(long)]
    background: Option<Background>,
    /// Time of all images, 0 to 1 over the clip [default: the time of the capture's image or the path's camera, else 0]
    #[arg(long, conflicts_with = "times")]
    time: Option<f32>,
    /// Render N images at times from T0 to T1, 0 to 1 over the clip, spread over the cameras in order
    #[arg(long, value_name = "T0:T1:N")]
    times: Option<TimeSamples>,
    /// Quantity to render; flow leads to the next image of the same camera and is also written as .flo
    #[arg(long, value_enum, default_value = "color")]
    channel: ChannelArg,
    /// Also write the images to this video file; needs ffmpeg
    #[arg(long)]
    video: Option<PathBuf>,
    /// GPU adapter: its index, part of its name, or back end and one of these (`vulkan:0`)
    #[arg(long)]
    adapter: Option<String>,
    /// Print progress as events on the standard output: JSON, one object a line
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Cameras {
    /// Render all cameras of this capture; images are named after the capture's
    #[arg(long)]
    capture: Option<PathBuf>,
    /// Render the cameras of this JSON file: {"width", "height", "fov_x" in degrees, "cameras": [{"transform_matrix", "time"}]}
    #[arg(long)]
    path: Option<PathBuf>,
    /// Render this many cameras on a circle around the scene
    #[arg(long)]
    orbit: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ChannelArg {
    Color,
    Depth,
    Alpha,
    Normal,
    Flow,
    Velocity,
}

/// The size of an image in pixels.
#[derive(Clone, Copy)]
pub struct Size(pub u32, pub u32);

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let side = |text: &str| text.trim().parse().ok().filter(|side| (1..=16_384).contains(side));
        let sides = text.split_once(['x', 'X']).and_then(|(w, h)| Some(Self(side(w)?, side(h)?)));
        sides.with_context(|| format!("\"{text}\" is not WIDTHxHEIGHT with sides of 1 to 16384 pixels"))
    }
}

pub fn run(args: Args) -> Result<ExitCode> {
    events::start("render", args.json);
    let (scene, levels) = detail::read(&args.scene, args.budget.map(|budget| budget as usize))?;
    let config = config_of(&args.scene)?;
    let rendered = args.cameras.capture.as_ref().map(|folder| open(folder)).transpose()?;
    let known = known_cameras(rendered.as_ref(), config.as_ref());
    let jobs = jobs(&args, &scene, rendered.as_ref(), &known)?;
    let fallback = config.map_or_else(|| Config::default().background, |config| config.background);
    let background = args.background.unwrap_or(fallback).fixed();
    let channel = match args.channel {
        ChannelArg::Color | ChannelArg::Flow => Channel::Color,
        ChannelArg::Depth => Channel::Depth,
        ChannelArg::Alpha => Channel::Alpha,
        ChannelArg::Normal => Channel::Normal,
        ChannelArg::Velocity => Channel::Velocity,
    };
    let gpu = Gpu::open(args.adapter.as_deref())?;
    let first = jobs[0].camera.lens;
    let mut video =
        args.video.as_ref().map(|path| Video::create(path, first.width, first.height, FRAME_RATE)).transpose()?;
    format::create_folder(&args.out)?;
    let mut view = DetailView::new(&gpu, (scene, levels), &known, background, channel)?;
    let range = range(&mut view, &jobs, args.channel)?;
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    let mut written = 0;
    for (job, name) in jobs.iter().zip(picture_names(&names)) {
        let Some(rendered) = render(&mut view, &jobs, job, args.channel)? else { continue };
        let path = picture_path(&args.out, &name)?;
        if args.channel == ChannelArg::Flow {
            write_flow(&path.with_extension("flo"), &rendered)?;
        }
        let image = image_of(&rendered, args.channel, range);
        save_png(&path, &image)?;
        written += 1;
        let file = path.display().to_string();
        events::say(|| serde_json::json!({ "event": "progress", "done": written, "of": jobs.len(), "file": file }));
        if let Some(video) = &mut video {
            video.add(&image)?;
        }
    }
    ensure!(written > 0, "no image has a next one of its camera that flow could lead to; give --times");
    if let Some(mut video) = video {
        video.finish()?;
    }
    match args.channel {
        ChannelArg::Depth => {
            println!("depth colours go from {:.4} (violet) to {:.4} (yellow) of the scene's units", range.0, range.1);
        }
        ChannelArg::Flow => println!("colours are saturated at {:.3} pixels", range.1),
        ChannelArg::Velocity => println!("colours end at {:.4} of the scene's units a clip along each axis", range.1),
        ChannelArg::Color | ChannelArg::Alpha | ChannelArg::Normal => {}
    }
    println!("{written} images in {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// The channel's values for an image; `None` where flow leads nowhere.
fn render(view: &mut DetailView, jobs: &[RenderJob], job: &RenderJob, channel: ChannelArg) -> Result<Option<Rendered>> {
    let view = view.seen_by(&job.camera)?;
    if channel != ChannelArg::Flow {
        return view.render(&job.camera, job.time).map(Some);
    }
    let Some(next) = job.next.map(|next| &jobs[next]) else { return Ok(None) };
    view.render_flow((&job.camera, job.time), (&next.camera, next.time), false).map(Some)
}

fn write_flow(path: &Path, rendered: &Rendered) -> Result<()> {
    let known: Vec<bool> = rendered.pixels.iter().map(|pixel| pixel.w < 1.0).collect();
    let vectors = rendered.pixels.iter().map(|pixel| [pixel.x, pixel.y]).collect();
    flow_io::write(path, &FlowField { width: rendered.width, height: rendered.height, vectors, known })
}

/// The images that the options ask for.
fn jobs(args: &Args, scene: &Scene, capture: Option<&Capture>, known: &[Camera]) -> Result<Vec<RenderJob>> {
    ensure!(args.time.is_none_or(f32::is_finite), "--time must be a number, 0 to 1 over the clip");
    let size = args.size.map(|Size(width, height)| (width, height));
    let sized = |mut camera: Camera| {
        if let Some((width, height)) = size {
            camera.lens = path::resize(&camera.lens, width, height);
        }
        camera
    };
    if let Some(path) = &args.cameras.path {
        let stops = path::read(path, size)?;
        let times: Vec<f32> = stops.iter().map(|stop| stop.time.unwrap_or(0.0)).collect();
        let mut jobs = jobs::of_cameras(stops.into_iter().map(|stop| (stop.name, stop.camera)).collect());
        jobs.iter_mut().zip(times).for_each(|(job, time)| job.time = time);
        return Ok(jobs::at_times(jobs, args.time, args.times));
    }
    if let Some(capture) = capture {
        let mut jobs = jobs::of_capture(capture);
        jobs.iter_mut().for_each(|job| job.camera = sized(job.camera));
        return Ok(jobs::at_times(jobs, args.time, args.times));
    }
    let count = args.cameras.orbit.unwrap_or_default();
    ensure!((1..=100_000).contains(&count), "--orbit must be 1 to 100000, not {count}");
    let cameras = orbit::around(scene, known, count);
    let named = cameras.into_iter().enumerate().map(|(i, camera)| (format!("{i:05}"), sized(camera))).collect();
    Ok(jobs::at_times(jobs::of_cameras(named), args.time, args.times))
}

/// The cameras that the scene is known to have been captured with: those of the capture that is rendered, or that the
/// run was trained on, if that is still there.
fn known_cameras(rendered: Option<&Capture>, config: Option<&Config>) -> Vec<Camera> {
    match (rendered, config.filter(|config| config.capture.exists())) {
        (Some(capture), _) => capture.cameras(),
        (None, Some(config)) => open(&config.capture).map(|capture| capture.cameras()).unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

fn open(folder: &Path) -> Result<Capture> {
    Capture::open(folder, &CaptureOptions::cameras_only())
}

/// The values between which colours spread, one range for all images: of depths the 2nd and 98th percentile of a few
/// views, of flow and velocity zero and the 98th percentile.
fn range(view: &mut DetailView, jobs: &[RenderJob], channel: ChannelArg) -> Result<(f32, f32)> {
    let value = match channel {
        ChannelArg::Color | ChannelArg::Alpha | ChannelArg::Normal => return Ok((0.0, 1.0)),
        ChannelArg::Depth => |pixel: &Vec4| pixel.x,
        // What is hardly there says nothing about the range.
        ChannelArg::Flow => |pixel: &Vec4| if pixel.w < 0.5 { pixel.truncate().truncate().length() } else { 0.0 },
        ChannelArg::Velocity => |pixel: &Vec4| pixel.truncate().abs().max_element(),
    };
    let mut values = Vec::new();
    for job in jobs.iter().step_by(jobs.len().div_ceil(RANGE_SAMPLES)) {
        let rendered = render(view, jobs, job, channel)?;
        values.extend(rendered.iter().flat_map(|image| &image.pixels).map(value).filter(|&value| value > 0.0));
    }
    let at = |percent: usize| percentile(values.iter().map(|&value| value.into()), percent).map(|value| value as f32);
    let low = if channel == ChannelArg::Depth { at(2).unwrap_or(0.0) } else { 0.0 };
    Ok((low, at(98).unwrap_or(1.0)))
}

fn image_of(rendered: &Rendered, channel: ChannelArg, (low, high): (f32, f32)) -> RgbImage {
    let colour = |pixel: &Vec4| match channel {
        ChannelArg::Color => pixel.truncate(),
        ChannelArg::Alpha => Vec3::splat(pixel.x),
        ChannelArg::Normal => pixel.truncate() * 0.5 + 0.5,
        // Nothing there stays black.
        ChannelArg::Depth if pixel.x <= 0.0 => Vec3::ZERO,
        ChannelArg::Depth => ramp(&VIRIDIS, (pixel.x - low) / (high - low).max(f32::MIN_POSITIVE)),
        // Over white, as what stands still.
        ChannelArg::Flow => Vec3::ONE.lerp(flow_colour(Vec2::new(pixel.x, pixel.y) / high), 1.0 - pixel.w),
        ChannelArg::Velocity => pixel.truncate() * (0.5 / high) + 0.5,
    };
    to_image(rendered.width, rendered.height, rendered.pixels.iter().map(colour))
}
