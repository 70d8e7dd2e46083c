//! `dapple capture-list`: prints the images of a capture as JSON.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::dataset::{Capture, CaptureOptions, Direction, Split, flow_stem};

/// Print the images of a capture as JSON, for tools such as optical-flow estimators
#[derive(clap::Args)]
pub struct Args {
    /// Capture folder, or its transforms JSON file
    capture: PathBuf,
}

/// The images of a capture, and the folder of its optical flow.
#[derive(Serialize)]
struct ShotList<'a> {
    /// The folder that optical flow is read from.
    flow: PathBuf,
    frames: Vec<ListedShot<'a>>,
}

#[derive(Serialize)]
struct ListedShot<'a> {
    name: &'a str,
    image: &'a Path,
    /// EXIF orientation applied to the stored image, 1 to 8.
    orientation: u8,
    /// Index of the camera.
    camera: usize,
    time: Option<f32>,
    held_out: bool,
    /// Index in this list of the next frame of the same camera. `forward` and `backward` are the flow files to it and
    /// back, without extension, relative to `flow`.
    next: Option<usize>,
    forward: PathBuf,
    backward: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let capture = Capture::open(&args.capture, &CaptureOptions::cameras_only())?;
    let neighbours = capture.neighbours();
    let frames = capture.shots.iter().zip(&neighbours).map(|(shot, beside)| {
        let next = beside[Direction::Forward as usize];
        ListedShot {
            name: &shot.name,
            image: &shot.image,
            orientation: shot.orientation,
            camera: shot.stream,
            time: shot.time,
            held_out: shot.split == Split::Test,
            next,
            forward: flow_stem(Path::new(""), &shot.name, Direction::Forward),
            backward: next.map(|next| flow_stem(Path::new(""), &capture.shots[next].name, Direction::Backward)),
        }
    });
    let frames = frames.collect();
    println!("{}", serde_json::to_string_pretty(&ShotList { flow: capture.root.join("flow"), frames })?);
    Ok(ExitCode::SUCCESS)
}
