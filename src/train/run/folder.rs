//! The files of a run, readable at every moment: `config.toml`, `run.json`, `checkpoint.safetensors`, `scene.ply`,
//! `metrics.jsonl`, `renders/` and `report.html`.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::manifest::scene_file;
use crate::format::{self, describe_write_error, write_atomically};
use crate::scene::Scene;
use crate::train::config::Config;
use crate::train::evaluate::Mean;
use crate::train::trainer::statistics::Statistics;

pub const CONFIG: &str = "config.toml";
pub const CHECKPOINT: &str = "checkpoint.safetensors";
pub const METRICS: &str = "metrics.jsonl";
pub const RENDERS: &str = "renders";
pub const REPORT: &str = "report.html";
/// What was subtracted from a georeferenced capture's coordinates, where something was.
pub const SHIFT: &str = "shift.json";

/// The folder that `scene` is, or is a file in.
pub fn folder_of(scene: &Path) -> &Path {
    if scene.is_dir() { scene } else { scene.parent().unwrap_or(scene) }
}

/// The options of the run that `scene` is, or is the scene of; `None` for a scene by itself.
///
/// # Errors
/// Options that are there and cannot be read: the scene would be shown or measured otherwise than it was trained.
pub fn config_of(scene: &Path) -> Result<Option<Config>> {
    let path = folder_of(scene).join(CONFIG);
    if path.exists() { Config::load(&path).map(Some) } else { Ok(None) }
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Steps done.
    pub step: u32,
    /// Loss of that step's image, and its two parts.
    pub loss: f64,
    pub l1: f64,
    pub ssim: f64,
    /// Mean end-point error of the rendered flow, pixels, where there is flow supervision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<f64>,
    pub gaussians: u64,
    /// Seconds of training and evaluation so far, over all sittings.
    pub seconds: f64,
    /// Means over the held-out views, where they were evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Mean>,
}

impl Record {
    pub fn new(statistics: &Statistics, seconds: f64, test: Option<Mean>) -> Self {
        Self {
            step: statistics.step,
            loss: statistics.loss,
            l1: statistics.l1,
            ssim: statistics.ssim,
            flow: statistics.flow,
            gaussians: statistics.gaussians as u64,
            seconds,
            test,
        }
    }
}

/// An open run folder.
pub struct RunFolder {
    root: PathBuf,
    metrics: File,
    records: Vec<Record>,
}

impl RunFolder {
    /// Starts a run in a folder that holds none yet.
    ///
    /// # Errors
    /// A run that is already there, or a folder that cannot be written to.
    pub fn create(root: &Path, config: &Config) -> Result<Self> {
        Self::check_free(root)?;
        let existed = root.exists();
        format::create_folder(root)?;
        // The options first: a run killed from here on can be resumed.
        let started = write_text(&root.join(CONFIG), &config.to_toml()?).and_then(|()| Self::open(root, 0));
        if started.is_err() {
            // On a full disk, say, nothing stays that would look like a run. That this may fail too changes nothing.
            let _ = std::fs::remove_file(root.join(CONFIG));
            let _ = if existed { Ok(()) } else { std::fs::remove_dir(root) };
        }
        started
    }

    /// # Errors
    /// A run that is already there, with what to do about it.
    pub fn check_free(root: &Path) -> Result<()> {
        if let Some(file) = [CONFIG, CHECKPOINT, METRICS].iter().find(|file| root.join(file).exists()) {
            bail!(
                "{} already holds a run ({file}); continue it with --resume or choose another folder with --out",
                root.display()
            );
        }
        Ok(())
    }

    /// Goes on with a run: the records after `step`, which will be made again, are dropped.
    pub fn open(root: &Path, step: u32) -> Result<Self> {
        let path = root.join(METRICS);
        let records: Vec<Record> = read_records(&path)?.into_iter().filter(|record| record.step <= step).collect();
        write_atomically(&path, |file| records.iter().try_for_each(|record| write_line(file, record)))?;
        let mut metrics = OpenOptions::new().write(true).open(&path).map_err(|e| describe_write_error(&path, e))?;
        metrics.seek(SeekFrom::End(0))?;
        Ok(Self { root: root.to_path_buf(), metrics, records })
    }

    /// The options that a run was started with, and its checkpoint if it came that far.
    pub fn read(root: &Path) -> Result<(Config, Option<Checkpoint>)> {
        let checkpoint = root.join(CHECKPOINT);
        if checkpoint.exists() {
            let checkpoint = Checkpoint::load(&checkpoint)?;
            return Ok((checkpoint.config.clone(), Some(checkpoint)));
        }
        Ok((Config::load(&root.join(CONFIG))?, None))
    }

    /// Whether there is something to resume.
    pub fn exists(root: &Path) -> bool {
        root.join(CONFIG).exists() || root.join(CHECKPOINT).exists()
    }

    /// Records so far, in order of their steps.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Appends a line to `metrics.jsonl`.
    pub fn record(&mut self, record: Record) -> Result<()> {
        let path = self.root.join(METRICS);
        write_line(&mut self.metrics, &record).map_err(|error| describe_write_error(&path, error))?;
        self.records.push(record);
        Ok(())
    }

    /// Replaces `scene.ply` and then the checkpoint. Records up to its step must have been made, and reach the disk
    /// before it.
    pub fn save(&self, scene: &Scene, checkpoint: &Checkpoint) -> Result<()> {
        let path = self.root.join(METRICS);
        self.metrics.sync_all().map_err(|error| describe_write_error(&path, error))?;
        format::write_scene(&self.root.join(scene_file(scene.motion.is_some())), scene)?;
        checkpoint.save(&self.root.join(CHECKPOINT))
    }

    /// The path for the render of a held-out view; its folder exists.
    pub fn render_path(&self, name: &str) -> Result<PathBuf> {
        picture_path(&self.root.join(RENDERS), name)
    }

    /// Replaces the saved options, for a resumed run whose flags changed one of those that may change.
    pub fn write_config(&self, config: &Config) -> Result<()> {
        write_text(&self.root.join(CONFIG), &config.to_toml()?)
    }

    /// Writes what has to be added to the scene's coordinates for those of the capture.
    pub fn write_shift(&self, shift: glam::DVec3) -> Result<()> {
        let note = "add this to the scene's coordinates for those of the capture";
        write_text(
            &self.root.join(SHIFT),
            &format!("{:#}\n", serde_json::json!({ "shift": shift.to_array(), "note": note })),
        )
    }

    pub fn write_report(&self, html: &str) -> Result<()> {
        write_text(&self.root.join(REPORT), html)
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomically(path, |file| file.write_all(text.as_bytes()))
}

/// One write a line, so that a run that is killed leaves at most one torn line.
fn write_line(file: &mut impl Write, record: &Record) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// The records of a file; a line torn by a kill or a full disk is passed over. No file has no records.
pub fn read_records(path: &Path) -> Result<Vec<Record>> {
    match std::fs::read(path) {
        // NaN has no JSON; a record with one is written as null and passed over as well.
        Ok(bytes) => Ok(bytes.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// `folder/name.png`, its parent created.
pub fn picture_path(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(format!("{name}.png"));
    format::create_folder(path.parent().unwrap_or(folder))?;
    Ok(path)
}

/// Names, without extension, for pictures of the images named `names`: their stems, and with the images' folders where
/// two stems are equal. Never outside the folder that they are put in.
pub fn picture_names(names: &[&str]) -> Vec<String> {
    let inside = |name: &str| -> PathBuf {
        let parts = Path::new(name).components().filter(|part| matches!(part, Component::Normal(_)));
        let path: PathBuf = parts.collect();
        // Captures may leave the extension out, and then a dot is part of the name.
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("png" | "jpg" | "jpeg" | "webp" | "tif" | "tiff" | "bmp" | "exr") => path.with_extension(""),
            _ => path,
        }
    };
    let stem = |name: &str| inside(name).file_name().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let mut counts = std::collections::HashMap::new();
    for name in names {
        *counts.entry(stem(name)).or_insert(0) += 1;
    }
    let name = |name: &&str| if counts[&stem(name)] == 1 { stem(name) } else { inside(name).display().to_string() };
    names.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: u32) -> Record {
        let test = (step == 20).then_some(Mean {
            psnr: 20.1,
            ssim: 0.7,
            other_ssim: None,
            predicted: None,
            corrected: Some(21.5),
        });
        Record { step, loss: 0.1, l1: 1.0 / 3.0, ssim: 0.5, flow: None, gaussians: 7, seconds: 0.5, test }
    }

    #[test]
    fn a_resumed_run_has_no_line_twice_and_survives_a_torn_one() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut run = RunFolder::create(folder.path(), &Config::default()).expect("creates");
        for step in [10, 20, 30, 40] {
            run.record(record(step)).expect("records");
        }
        let path = folder.path().join(METRICS);
        let mut bytes = std::fs::read(&path).expect("reads");
        bytes.truncate(bytes.len() - 9);
        std::fs::write(&path, bytes).expect("tears the last line");

        let mut run = RunFolder::open(folder.path(), 20).expect("opens");
        assert_eq!(run.records(), [record(10), record(20)]);
        run.record(record(30)).expect("records");
        assert_eq!(read_records(&path).expect("reads"), [record(10), record(20), record(30)]);
    }

    #[test]
    fn a_run_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("temporary folder");
        RunFolder::create(folder.path(), &Config::default()).expect("creates");
        let error = RunFolder::create(folder.path(), &Config::default()).err().expect("refuses").to_string();
        assert!(error.contains("already holds a run") && error.contains("--resume"), "{error}");
        let (config, checkpoint) = RunFolder::read(folder.path()).expect("reads");
        assert_eq!(config, Config::default());
        assert!(checkpoint.is_none());
    }

    #[test]
    fn pictures_are_named_after_their_images() {
        assert_eq!(picture_names(&["images/a.b.jpg", "b.JPG", "./c.01"]), ["a.b", "b", "c.01"]);
        assert_eq!(picture_names(&["train/r_0.png", "test/r_0.png", "r_1"]), ["train/r_0", "test/r_0", "r_1"]);
        assert_eq!(picture_names(&["../../x/a.png", "/y/a.png"]), ["x/a", "y/a"]);
    }
}
