use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use image::RgbImage;

use super::scene_view::{SceneView, config_of, read};
use super::video::Video;
use super::{orbit, path};
use crate::camera::Camera;
use crate::dataset::{Capture, CaptureOptions};
use crate::format;
use crate::gpu::Gpu;
use crate::render::{Channel, Rendered};
use crate::scene::Scene;
use crate::train::Config;
use crate::train::config::Background;
use crate::train::picture::{MEADOW, ramp, save_png, to_image};
use crate::train::run_folder::{picture_names, picture_path};

/// Depth images that are looked at for the range of their colours.
const DEPTH_SAMPLES: usize = 8;

/// Render a scene from a capture's cameras, a camera path or an orbit
#[derive(clap::Args)]
pub struct Args {
    /// A run folder or a .ply scene
    scene: PathBuf,
    #[command(flatten)]
    cameras: Cameras,
    /// Folder for the images, one PNG a camera
    #[arg(long)]
    out: PathBuf,
    /// Size of the images: WIDTHxHEIGHT
    #[arg(long)]
    size: Option<Size>,
    /// Colour behind the scene: black, white or R,G,B in 0 to 1 [default: the run's, else black]
    #[arg(long)]
    background: Option<Background>,
    /// What the images show
    #[arg(long, value_enum, default_value = "color")]
    channel: ChannelArg,
    /// Also write the images as a video, with the system's ffmpeg
    #[arg(long)]
    video: Option<PathBuf>,
    /// Adapter to render on: its index or a part of its name
    #[arg(long)]
    adapter: Option<String>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Cameras {
    /// Render every camera of a capture, named after its image
    #[arg(long)]
    capture: Option<PathBuf>,
    /// Render the cameras of a JSON file: {"width", "height", "fov_x" in degrees, "cameras": [{"transform_matrix"}]}
    #[arg(long)]
    path: Option<PathBuf>,
    /// Render this many cameras in a circle around the scene
    #[arg(long)]
    orbit: Option<u32>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ChannelArg {
    Color,
    Depth,
    Alpha,
    Normal,
}

/// The size of an image in pixels.
#[derive(Clone, Copy)]
struct Size(u32, u32);

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let side = |text: &str| text.trim().parse().ok().filter(|side| (1..=16_384).contains(side));
        let sides = text.split_once(['x', 'X']).and_then(|(w, h)| Some(Self(side(w)?, side(h)?)));
        sides.with_context(|| format!("\"{text}\" is not WIDTHxHEIGHT with sides of 1 to 16384 pixels"))
    }
}

pub fn run(args: Args) -> Result<ExitCode> {
    let scene = read(&args.scene)?;
    let config = config_of(&args.scene)?;
    let cameras = cameras(&args, &scene, config.as_ref())?;
    let fallback = config.map_or_else(|| Config::default().background, |config| config.background);
    let background = args.background.unwrap_or(fallback).fixed();
    let channel = match args.channel {
        ChannelArg::Color => Channel::Color,
        ChannelArg::Depth => Channel::Depth,
        ChannelArg::Alpha => Channel::Alpha,
        ChannelArg::Normal => Channel::Normal,
    };
    let gpu = Gpu::open(args.adapter.as_deref())?;
    let first = cameras[0].1.lens;
    let mut video = args.video.as_ref().map(|path| Video::create(path, first.width, first.height)).transpose()?;
    format::create_folder(&args.out)?;
    let poses: Vec<Camera> = cameras.iter().map(|(_, camera)| *camera).collect();
    let mut view = SceneView::new(&gpu, scene, &poses, background, channel)?;
    let range = if channel == Channel::Depth { depth_range(&mut view, &poses)? } else { (0.0, 1.0) };
    let names: Vec<&str> = cameras.iter().map(|(name, _)| name.as_str()).collect();
    for ((_, camera), name) in cameras.iter().zip(picture_names(&names)) {
        let image = picture(&view.render(camera)?, channel, range);
        save_png(&picture_path(&args.out, &name)?, &image)?;
        if let Some(video) = &mut video {
            video.add(&image)?;
        }
    }
    if let Some(mut video) = video {
        video.finish()?;
    }
    if channel == Channel::Depth {
        println!("depth colours go from {:.4} (violet) to {:.4} (yellow) of the scene's units", range.0, range.1);
    }
    println!("{} images in {}", cameras.len(), args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn cameras(args: &Args, scene: &Scene, config: Option<&Config>) -> Result<Vec<(String, Camera)>> {
    let size = args.size.map(|Size(width, height)| (width, height));
    let sized = |mut camera: Camera| {
        if let Some((width, height)) = size {
            camera.lens = path::resize(&camera.lens, width, height);
        }
        camera
    };
    if let Some(path) = &args.cameras.path {
        return path::read(path, size);
    }
    if let Some(folder) = &args.cameras.capture {
        let shots = open(folder)?.shots;
        return Ok(shots.into_iter().map(|shot| (shot.name, sized(shot.camera))).collect());
    }
    let count = args.cameras.orbit.unwrap_or_default();
    ensure!((1..=100_000).contains(&count), "--orbit must be 1 to 100000, not {count}");
    let cameras = orbit::around(scene, &cameras_of_run(config), count);
    Ok(cameras.into_iter().enumerate().map(|(i, camera)| (format!("{i:05}"), sized(camera))).collect())
}

fn open(folder: &Path) -> Result<Capture> {
    Capture::open(folder, &CaptureOptions { masks: false, ..CaptureOptions::default() })
}

/// The cameras that a run was trained with, if its capture is still there.
fn cameras_of_run(config: Option<&Config>) -> Vec<Camera> {
    let capture = config.filter(|config| config.capture.exists()).map(|config| open(&config.capture));
    match capture {
        Some(Ok(capture)) => capture.shots.iter().map(|shot| shot.camera).collect(),
        Some(Err(_)) | None => Vec::new(),
    }
}

/// The depths between which colours spread: the 2nd and 98th percentile of a few views, one range for all.
fn depth_range(view: &mut SceneView, cameras: &[Camera]) -> Result<(f32, f32)> {
    let mut depths = Vec::new();
    for camera in cameras.iter().step_by(cameras.len().div_ceil(DEPTH_SAMPLES)) {
        depths.extend(view.render(camera)?.pixels.iter().map(|pixel| pixel.x).filter(|&depth| depth > 0.0));
    }
    depths.sort_unstable_by(f32::total_cmp);
    match depths.len() {
        0 => Ok((0.0, 1.0)),
        n => Ok((depths[n * 2 / 100], depths[(n * 98 / 100).min(n - 1)])),
    }
}

fn picture(rendered: &Rendered, channel: Channel, (near, far): (f32, f32)) -> RgbImage {
    let colour = |pixel: &glam::Vec4| match channel {
        Channel::Color => pixel.truncate(),
        Channel::Alpha => Vec3::splat(pixel.x),
        Channel::Normal => pixel.truncate() * 0.5 + 0.5,
        // Nothing there stays black.
        Channel::Depth if pixel.x <= 0.0 => Vec3::ZERO,
        Channel::Depth => ramp(&MEADOW, (pixel.x - near) / (far - near).max(f32::MIN_POSITIVE)),
    };
    to_image(rendered.width, rendered.height, rendered.pixels.iter().map(colour))
}
