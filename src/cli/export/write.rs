//! Writing what `dapple export` has made of a scene, and saying what that has cost.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use glam::DQuat;
use indicatif::DecimalBytes;
use serde_json::json;

use super::args::Args;
use crate::cli::cost::Measure;
use crate::cli::info::bytes_of;
use crate::cli::input::capture_of_run;
use crate::cli::{events, page, progress};
use crate::edit;
use crate::format::{self, Format, PageSetting, TimeSamples, WriteOptions};
use crate::scene::{ALPHA_MIN, Scene};

/// A scene as the file holds it.
pub(super) struct Fitted {
    pub scene: Scene,
    /// The same with all that the format has no room for, where pictures are to show what that costs.
    pub whole: Option<Scene>,
    /// Gaussians left out before.
    pub left_out: usize,
    /// Format, number and degree in words.
    pub what: String,
    /// Whether the file is a page that draws with this program's kernels.
    pub played: bool,
    /// The turn by which the format wants it upright.
    pub turned: Option<DQuat>,
}

/// Writes the file, or the files of a sequence, and says what that has cost.
pub(super) fn write(args: &Args, format: Format, fitted: Fitted, sequence: Option<TimeSamples>) -> Result<ExitCode> {
    let Fitted { scene, whole, left_out, what, played, turned } = fitted;
    let start = Instant::now();
    let options = WriteOptions {
        spz_version: args.spz_version,
        spz_axes: args.spz_frame.into(),
        times: args.times,
        levels: args.levels(),
        page: if played {
            PageSetting::default()
        } else {
            page::still(format, &args.inputs, &args.page, args.moves(), turned)?
        },
    };
    if let Some(times) = sequence {
        return write_sequence(&args.output, &scene, times, &options);
    }
    let stages = args.inputs.len() + 1;
    let stage = progress::spinner(format!("writing {} ({stages} of {stages})", args.output.display()));
    if played {
        page::write(&args.output, &scene, &args.inputs, &args.page, args.moves(), args.adapter.as_deref())?;
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
        let elsewhere = args.moves() || turned.is_some();
        let capture = if elsewhere || args.views == Some(0) { None } else { capture_of_run(&args.inputs)? };
        let cameras = capture.map_or(Vec::new(), |capture| capture.cameras());
        let spz_axes = args.spz_frame.into();
        let measure = Measure { strict: args.strict, views: args.views, adapter, spz_axes, cameras };
        measure.say(&args.output, format, &scene, whole, left_out)?;
    }
    Ok(ExitCode::SUCCESS)
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
