//! `dapple compare`: whether scenes are the same, in parameters, in pictures and as what they hold in space.

mod found;
mod page;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use glam::Vec3;
use image::RgbImage;
use serde_json::{Value, json};

use super::info::{bytes_of, describe};
use super::pictures::{Pictures, cameras};
use super::progress;
use crate::camera::Camera;
use crate::dataset::{Capture, CaptureOptions};
use crate::edit;
use crate::format;
use crate::gpu::Gpu;
use crate::image::png::{save_png, to_image};
use crate::scene::Scene;

use found::{Compared, Opened};

/// Width of the pictures, pixels.
const WIDTH: u32 = 640;
/// The factor on differences in pictures of them.
const SHOWN: f32 = 8.0;

/// Compare scenes: their pictures, what they hold in space, and the parameters of Gaussians that correspond
///
/// The scenes must lie in one frame: files with y up, such as glTF and USD, may be turned.
#[derive(clap::Args)]
pub struct Args {
    /// Scene file or run folder that the others are compared with
    #[arg(value_name = "A")]
    first: PathBuf,
    /// Scene files or run folders
    #[arg(required = true, value_name = "B")]
    others: Vec<PathBuf>,
    /// Number of pictures, from all sides or from cameras of --capture; 0 for none
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=64))]
    views: u32,
    /// Capture whose cameras take the pictures, N of them evenly chosen; its frame must be that of the scenes
    #[arg(long)]
    capture: Option<PathBuf>,
    /// Time at which scenes in motion are compared, 0 to 1 over the clip
    #[arg(long, default_value_t = 0.5, allow_negative_numbers = true)]
    time: f32,
    /// Print JSON: {"scene", "gaussians", "compared": [{"scene", "gaussians", "bytes_per_gaussian", "field", "pictures",
    /// "parameters"}]}
    #[arg(long)]
    json: bool,
    /// Write an HTML page, and beside it the worst view of each scene as PNG: both scenes and their difference
    #[arg(long, value_name = "FILE.html")]
    page: Option<PathBuf>,
    /// GPU adapter for pictures: its index, part of its name, or back end and one of these (`vulkan:0`)
    #[arg(long)]
    adapter: Option<String>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    ensure!((0.0..=1.0).contains(&args.time), "--time {} is not in 0 to 1", args.time);
    let html = |page: &&PathBuf| !page.extension().is_some_and(|e| e.eq_ignore_ascii_case("html"));
    if let Some(page) = args.page.as_ref().filter(html) {
        anyhow::bail!("--page {}: name a file that ends in .html", page.display());
    }
    let first = open(&args.first, args.time)?;
    let gpu = if args.views > 0 { adapter(&args)? } else { None };
    let views = match &args.capture {
        Some(capture) if gpu.is_some() => Capture::open(capture, &CaptureOptions::cameras_only())?.cameras(),
        _ => Vec::new(),
    };
    let cameras = cameras(&first.scene, &views, args.views, WIDTH);
    if !args.json {
        println!("{}: {}", first.path.display(), first.what);
    }
    let mut found = Vec::new();
    for other in &args.others {
        let mut compared = compare(&first, open(other, args.time)?, gpu.as_ref(), &cameras)?;
        if let (Some(page), Some(pictures)) = (&args.page, &compared.pictures) {
            compared.picture = Some(save_worst(page, found.len(), pictures)?);
        }
        compared.opened.scene = Scene::default();
        if !args.json {
            compared.print();
        }
        found.push(compared);
    }
    if args.json {
        let compared: Vec<Value> = found.iter().map(Compared::json).collect();
        let all = json!({ "scene": first.path, "gaussians": first.scene.len(), "compared": compared });
        println!("{all:#}");
    }
    if let Some(path) = &args.page {
        let html = page::html(&first, &found)?;
        format::write_atomically(path, |file| std::io::Write::write_all(file, html.as_bytes()))?;
        if !args.json {
            println!("wrote {}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The adapter for pictures; none, said in a line, where there is none and none was asked for.
fn adapter(args: &Args) -> Result<Option<Gpu>> {
    match Gpu::open(args.adapter.as_deref()) {
        Ok(gpu) => Ok(Some(gpu)),
        Err(error) if args.adapter.is_none() => {
            log::warn!("no pictures are compared: {error}; --views 0 leaves them out");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn open(path: &Path, time: f32) -> Result<Opened> {
    let _stage = progress::spinner(format!("reading {}", path.display()));
    let loaded = format::load(path)?;
    for warning in &loaded.warnings {
        log::warn!("{}: {warning}", path.display());
    }
    ensure!(!loaded.scene.is_empty(), "{} holds no Gaussians; there is nothing to compare", path.display());
    let bytes = format::scene_in(path).and_then(|file| bytes_of(&file, loaded.format)).unwrap_or(0);
    Ok(Opened {
        path: path.into(),
        what: describe(&loaded),
        count: loaded.scene.len(),
        bytes_each: bytes as f64 / loaded.scene.len() as f64,
        scene: loaded.scene.into_at(time),
    })
}

fn compare(first: &Opened, other: Opened, gpu: Option<&Gpu>, cameras: &[Camera]) -> Result<Compared> {
    let name = other.path.display();
    let stage = progress::spinner(format!("comparing {name} in space"));
    let field = edit::field_distance(&first.scene, &other.scene);
    drop(stage);
    let stage = progress::spinner(format!("matching the Gaussians of {name}"));
    let parameters = edit::matching(&first.scene, &other.scene)?;
    drop(stage);
    let stage = progress::spinner(format!("taking pictures of {name}"));
    let take = |gpu| Pictures::take(gpu, [first.scene.clone(), other.scene.clone()], cameras, 0.0);
    let pictures = gpu.map(take).transpose()?;
    drop(stage);
    Ok(Compared { opened: other, field, parameters, pictures, picture: None })
}

/// Writes the worst view beside the page: both scenes, and their difference times [`SHOWN`].
fn save_worst(page: &Path, index: usize, pictures: &Pictures) -> Result<PathBuf> {
    let [a, b] = &pictures.pair;
    let (width, height) = (a.width as usize, a.height);
    let colour = |pixel: &glam::Vec4| pixel.truncate().clamp(Vec3::ZERO, Vec3::ONE);
    let rows = (0..height as usize).flat_map(|y| {
        let (a, b) = (&a.pixels[y * width..][..width], &b.pixels[y * width..][..width]);
        let difference = a.iter().zip(b).map(move |(a, b)| (colour(a) - colour(b)).abs() * SHOWN);
        a.iter().map(colour).chain(b.iter().map(colour)).chain(difference)
    });
    let image: RgbImage = to_image(3 * a.width, height, rows);
    let stem = page.file_stem().unwrap_or_default().to_string_lossy();
    let path = page.with_file_name(format!("{stem}_{}.png", index + 1));
    save_png(&path, &image)?;
    Ok(path)
}
