//! `dapple info`: prints the metadata and measurements of a scene file, or what a capture holds.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use glam::Vec3;
use indicatif::{DecimalBytes, HumanCount};
use serde_json::{Value, json};

use super::info_folder;
use crate::dataset::{Capture, CaptureOptions, FlowChoice};
use crate::edit;
use crate::format::{self, Format, Loaded, ReadOptions};
use crate::scene::ALPHA_MIN;
use crate::train::run::folder::RunFolder;

/// Print what a scene file, a run, a capture or a folder of these holds
#[derive(clap::Args)]
pub struct Args {
    /// Scene file or run folder; or capture folder, or its transforms JSON file; or a folder of several of these
    #[arg(value_name = "PATH")]
    scene: PathBuf,
    /// Print JSON: of a scene {"format", "version", "gaussians", "sh_degree", "bounds", "antialiased", "warnings", ...}, of a
    /// capture {"photos", "train", "held_out", "unposed", "lenses", "points", "masks", "ignored", "warnings", ...}; a run's
    /// scene has "run" {"step", "steps", "capture", "psnr", ...} too, and a folder {"entries": [{"name", "kind"}]}
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let runs_or_sequence = RunFolder::exists(&args.scene) || !format::sequence::find(&args.scene).is_empty();
    if let Some(entries) = info_folder::entries(&args.scene).filter(|all| !runs_or_sequence && all.len() > 1) {
        return info_folder::show(&args.scene, &entries, args.json);
    }
    if is_capture(&args.scene) {
        return match info_folder::entries(&args.scene) {
            Some(entries) => info_folder::show(&args.scene, &entries, args.json),
            None => capture(&args),
        };
    }
    let run = info_folder::Run::at(&args.scene)?;
    let loaded = format::load_with(&args.scene, &ReadOptions::default())?;
    let summary = SceneSummary::of(&loaded, &args.scene)?;
    if args.json {
        let mut facts = summary.json(&loaded);
        if let Some(run) = run {
            facts["run"] = run.json();
        }
        println!("{facts:#}");
    } else {
        summary.print(&loaded, &args.scene);
        run.iter().flat_map(info_folder::Run::lines).for_each(|line| println!("{line}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a capture is at a path, rather than the scene of a run or a folder of scenes.
fn is_capture(path: &Path) -> bool {
    if !path.is_dir() {
        return Capture::is_at(path);
    }
    let scene = RunFolder::exists(path) || format::scene_in(path).is_ok() || !format::sequence::find(path).is_empty();
    // Also a folder above a capture, or of its photos: opening it says what to do.
    !scene && std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
}

/// Prints what was read of a capture, as training does before its first step.
fn capture(args: &Args) -> Result<ExitCode> {
    let capture = Capture::open(&args.scene, &CaptureOptions { flow: FlowChoice::Off, ..CaptureOptions::default() })?;
    let facts = capture.facts();
    if args.json {
        println!("{:#}", serde_json::to_value(&facts)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}: a capture", args.scene.display());
    facts.lines().iter().for_each(|line| println!("{line}"));
    // The others have been logged while the capture was read.
    facts.warnings[capture.warnings.len()..].iter().for_each(|warning| println!("warning: {warning}"));
    Ok(ExitCode::SUCCESS)
}

/// Measurements of a scene and its file.
struct SceneSummary {
    bytes: u64,
    /// Lowest and highest coordinates of the means, world units; `None` without Gaussians.
    bounds: Option<(Vec3, Vec3)>,
    never_seen: usize,
}

impl SceneSummary {
    fn of(loaded: &Loaded, path: &Path) -> Result<Self> {
        let scene = &loaded.scene;
        let corners = scene.means.iter().map(|&mean| (mean, mean));
        Ok(Self {
            bytes: bytes_at(path, loaded.format)?,
            bounds: corners.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
            never_seen: (0..scene.len()).filter(|&i| edit::peak_opacity(scene, i) < ALPHA_MIN).count(),
        })
    }

    fn bytes_each(&self, loaded: &Loaded) -> f64 {
        self.bytes as f64 / loaded.scene.len().max(1) as f64
    }

    fn json(&self, loaded: &Loaded) -> Value {
        let said = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
        json!({
            "format": loaded.format.name(),
            "version": said(&loaded.version),
            "gaussians": loaded.scene.len(),
            "sh_degree": loaded.scene.sh_degree,
            "bounds": self.bounds.map(|(low, high)| json!({ "min": low.to_array(), "max": high.to_array() })),
            "antialiased": loaded.scene.antialiased,
            "motion": loaded.scene.motion.is_some(),
            "seconds": loaded.scene.clip.seconds,
            "frames": loaded.scene.clip.frames,
            "frame": said(&loaded.axes),
            "up": loaded.scene.up.map(|up| up.to_array()),
            "never_seen": self.never_seen,
            "bytes": self.bytes,
            "bytes_per_gaussian": self.bytes_each(loaded),
            "warnings": loaded.warnings,
        })
    }

    fn print(&self, loaded: &Loaded, path: &Path) {
        let scene = &loaded.scene;
        println!("{}: {}", path.display(), describe(loaded));
        if let Some((low, high)) = self.bounds {
            // Adding zero takes the sign off another.
            println!("bounds       {} to {}", low + Vec3::ZERO, high + Vec3::ZERO);
        }
        if !loaded.axes.is_empty() {
            println!("frame        {}", loaded.axes);
        }
        if let Some(up) = scene.up {
            println!("up           {:.2} {:.2} {:.2}", up.x, up.y, up.z);
        }
        let clip = scene.clip;
        if clip.seconds.is_some() || clip.frames.is_some() {
            let seconds = clip.seconds.map_or("length not known".into(), |seconds| format!("{seconds:.2} s"));
            let frames = clip.frames.map_or(String::new(), |frames| format!(", {frames} moments"));
            println!("clip         {seconds}{frames}");
        }
        let antialiased = match (scene.antialiased, loaded.format.holds_antialiased()) {
            (true, _) => "yes",
            (false, true) => "no",
            (false, false) => "the format does not say",
        };
        println!("anti-aliased {antialiased}");
        println!("size         {}, {:.1} bytes a Gaussian", DecimalBytes(self.bytes), self.bytes_each(loaded));
        if self.never_seen > 0 {
            println!("never seen   {} (opacity below 1/255)", HumanCount(self.never_seen as u64));
        }
        for warning in &loaded.warnings {
            println!("warning: {warning}");
        }
    }
}

/// Format, version, number of Gaussians and degree of a scene, in one line.
pub fn describe(loaded: &Loaded) -> String {
    let version = if loaded.version.is_empty() { String::new() } else { format!(" {}", loaded.version) };
    let scene = &loaded.scene;
    let moving = if scene.motion.is_some() { ", in motion" } else { "" };
    let count = HumanCount(scene.len() as u64);
    format!("{}{version}, {count} Gaussians, degree {}{moving}", loaded.format.name(), scene.sh_degree)
}

/// Total bytes of the scene at a path: a file, a run folder or a sequence of files.
fn bytes_at(path: &Path, format: Format) -> Result<u64> {
    match format::sequence::find(path).as_slice() {
        [] => bytes_of(path, format),
        files => files.iter().map(|file| bytes_of(file, format)).sum(),
    }
}

/// Total bytes of a scene's file and of the image or buffer files that belong to it.
pub fn bytes_of(file: &Path, format: Format) -> Result<u64> {
    let length = |path: &Path| std::fs::metadata(path).map(|data| data.len());
    let file = &format::scene_in(file)?;
    let mut bytes = length(file).with_context(|| format!("cannot read {}", file.display()))?;
    let named = |name: &str| file.file_name().is_some_and(|found| found == name);
    if format == Format::Sog && named(format::SOG_META) {
        let images = file.parent().map(std::fs::read_dir).and_then(Result::ok).into_iter().flatten().flatten();
        let images = images.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "webp"));
        bytes += images.filter_map(|path| length(&path).ok()).sum::<u64>();
    }
    if named(format::LOD_META) {
        let parts = file.parent().map(std::fs::read_dir).and_then(Result::ok).into_iter().flatten().flatten();
        let files = parts.filter_map(|part| std::fs::read_dir(part.path()).ok()).flatten().flatten();
        bytes += files.filter_map(|entry| length(&entry.path()).ok()).sum::<u64>();
    }
    if format == Format::Lcc {
        let parts = ["index.bin", "data.bin", "shcoef.bin", "environment.bin"];
        bytes += parts.iter().filter_map(|name| length(&file.with_file_name(name)).ok()).sum::<u64>();
    }
    if format == Format::Gltf {
        bytes += length(&file.with_extension("bin")).unwrap_or(0);
    }
    Ok(bytes)
}
