//! Exports of scenes too large for memory: from disk to disk, a part at a time.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use indicatif::{DecimalBytes, HumanCount};
use serde_json::json;

use super::args::Args;
use super::steps::{LeftOut, edit_each, near};
use crate::cli::info::bytes_of;
use crate::cli::{events, page, progress};
use crate::format::stream::{self, Hooks, PlyRows};
use crate::format::{Format, WriteOptions};
use crate::scene::sh_coefficients;

/// Scenes that take more memory than this go by disk unasked, bytes.
const LARGE: usize = 1 << 30;

/// The rows to convert by disk, where that is asked for, or possible and called for.
///
/// # Errors
/// It was asked for and is not possible.
pub(super) fn rows(args: &Args, format: Format) -> Result<Option<PlyRows>> {
    let reason = whole_scene_needed(args, format);
    if args.by_disk {
        if let Some(reason) = reason {
            bail!("--by-disk works on a part of the scene at a time, but {reason}");
        }
        let rows = PlyRows::open(&args.inputs[0])?;
        return rows.map(Some).with_context(|| {
            format!("{}: --by-disk reads binary little-endian PLY files of still scenes", args.inputs[0].display())
        });
    }
    if reason.is_some() || args.dry_run {
        return Ok(None);
    }
    // What is wrong with the file is said where it is read as a whole.
    let rows = PlyRows::open(&args.inputs[0]).ok().flatten();
    Ok(rows.filter(|rows| rows.count().saturating_mul(4 * (11 + 3 * sh_coefficients(rows.sh_degree()))) > LARGE))
}

/// Why the whole scene must be in memory, if it must.
fn whole_scene_needed(args: &Args, format: Format) -> Option<String> {
    let options = [
        ("--time", args.time.is_some()),
        ("--times", args.times.is_some()),
        ("--max-isolation", args.max_isolation.is_some()),
        ("--floaters", args.floaters.is_some()),
        ("--keep", args.keep.is_some()),
        ("--morton", args.morton),
        ("--strict", args.strict.is_some()),
        ("--views", args.views.is_some_and(|views| views > 0)),
    ];
    if !stream::can_write(format) {
        return Some(format!("{} is not written so; .compressed.ply, .spz and .lod are", format.name()));
    }
    if args.inputs.len() > 1 {
        return Some("several inputs are joined in memory".into());
    }
    options.iter().find(|(_, given)| *given).map(|(name, _)| format!("{name} needs the whole scene"))
}

/// Converts the rows and says what was done.
pub(super) fn run(args: &Args, format: Format, rows: &PlyRows) -> Result<ExitCode> {
    let start = Instant::now();
    let (input, output) = (args.inputs[0].display(), args.output.display());
    println!(
        "converting {input} by disk, a part at a time: {} Gaussians, degree {}",
        HumanCount(rows.count() as u64),
        rows.sh_degree()
    );
    let options = WriteOptions {
        spz_version: args.spz_version,
        spz_axes: args.spz_frame.into(),
        levels: args.levels(),
        page: page::still(format, &args.inputs, &args.page, args.moves(), None)?,
        ..WriteOptions::default()
    };
    let spinner = progress::spinner(format!("writing {output}"));
    let (mut left_out, mut stage) = (LeftOut::default(), "");
    let near = near(args)?;
    let mut edit = |block: &mut _, first: bool| {
        let mut again = LeftOut::default();
        edit_each(args, near.as_ref(), block, if first { &mut left_out } else { &mut again });
        Ok(())
    };
    let mut tell = |what: &'static str, done: f64| {
        spinner.say(format!("{what}, {:.0} %", 100.0 * done));
        if stage != what {
            stage = what;
            events::say(|| json!({ "event": "stage", "text": what }));
        }
    };
    let mut hooks = Hooks { edit: &mut edit, progress: &mut tell };
    let written = stream::convert(&args.output, format, rows, &mut hooks, &options);
    drop(spinner);
    left_out.say();
    let written = written.with_context(|| output.to_string())?;
    written.warnings.iter().for_each(|said| log::warn!("{input}: {said}"));
    let bytes = bytes_of(&args.output, format)?;
    let (gaussians, name) = (written.gaussians, format.name());
    events::say(|| {
        let file = args.output.display().to_string();
        json!({ "event": "wrote", "file": file, "format": name, "gaussians": gaussians, "bytes": bytes })
    });
    println!(
        "wrote {output}: {name}, {} Gaussians, degree {}, {}, {:.1} bytes each, in {:.1} s",
        HumanCount(gaussians as u64),
        written.sh_degree,
        DecimalBytes(bytes),
        bytes as f64 / gaussians.max(1) as f64,
        start.elapsed().as_secs_f64()
    );
    println!("lost: not measured; the scene was never in memory as a whole");
    Ok(ExitCode::SUCCESS)
}
