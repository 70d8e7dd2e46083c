use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::dataset::{Capture, CaptureOptions, Direction, Split, flow_stem};

/// List the images of a capture as JSON, for tools that follow its layout
#[derive(clap::Args)]
pub struct Args {
    /// The capture folder, or its JSON file
    capture: PathBuf,
}

/// A capture's images, and where its optical flow belongs.
#[derive(Serialize)]
struct ShotList<'a> {
    /// The folder in which flow is looked for.
    flow: PathBuf,
    frames: Vec<ListedShot<'a>>,
}

#[derive(Serialize)]
struct ListedShot<'a> {
    name: &'a str,
    image: &'a Path,
    /// EXIF orientation by which the stored image is turned.
    orientation: u8,
    /// Number of the camera.
    camera: usize,
    time: Option<f32>,
    held_out: bool,
    /// Place of the next frame of the same camera in this list, and the flow files to it and back, without extension and
    /// relative to the folder of flow.
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
