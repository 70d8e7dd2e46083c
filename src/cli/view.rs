use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use super::UsageError;
use super::render::Size;
use crate::image::png::save_png;
use crate::train::config::Background;
use crate::view;

/// Look at a scene, a run or a capture in a window, or save the window's picture without one
#[derive(clap::Args)]
pub struct Args {
    /// A scene file, a run folder or a capture; may be left out and opened in the window
    path: Option<PathBuf>,
    /// Save the picture that the window would show as PNG, and open no window
    #[arg(long)]
    screenshot: Option<PathBuf>,
    /// Size of the picture: WIDTHxHEIGHT
    #[arg(long, requires = "screenshot")]
    size: Option<Size>,
    /// Which camera of the capture to look through, counted from 0 in the order of names
    #[arg(long, requires = "screenshot")]
    camera: Option<usize>,
    /// Colour behind the scene: black, white or R,G,B in 0 to 1 [default: the run's, else black]
    #[arg(long, requires = "screenshot")]
    background: Option<Background>,
    /// Gaussians that are drawn at most of a scene with levels of detail (.lod); what is near is drawn the finest, and read
    /// from disk while you look
    #[arg(long, value_name = "N", default_value_t = view::BUDGET as u32, value_parser = clap::value_parser!(u32).range(1..))]
    budget: u32,
    /// Adapter to draw with: its index, part of its name, or back end and one of these (`vulkan:0`)
    #[arg(long)]
    adapter: Option<String>,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let (adapter, budget) = (args.adapter.as_deref(), args.budget as usize);
    match (&args.screenshot, &args.path) {
        (None, path) => view::open_window(path.as_deref(), adapter, budget)?,
        (Some(_), None) => return Err(UsageError("--screenshot needs something to show; see --help".into()).into()),
        (Some(file), Some(path)) => {
            let size = args.size.map(|Size(width, height)| (width, height));
            let document = view::Document::open_with(path, budget)?;
            save_png(file, &view::screenshot(document, adapter, size, args.camera, args.background)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
