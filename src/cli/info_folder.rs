//! What `dapple info` says of a run beside its scene, and of a folder of runs, captures and scenes.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use indicatif::{DecimalBytes, HumanDuration};
use serde_json::{Value, json};

use crate::dataset::Capture;
use crate::format::{self, Format, LOD_META};
use crate::train::run::folder::{CHECKPOINT, METRICS, Record, RunFolder, config_of, read_records};

/// A run, by its options and its last records.
pub struct Run {
    capture: String,
    steps: u32,
    last: Option<Record>,
    /// The last held-out means.
    test: Option<Record>,
    /// Bytes of the checkpoint, without which the run cannot go on.
    checkpoint: Option<u64>,
}

impl Run {
    /// The run in a folder; `None` where there is none.
    ///
    /// # Errors
    /// Options or records that cannot be read.
    pub fn at(folder: &Path) -> Result<Option<Self>> {
        if !folder.is_dir() || !RunFolder::exists(folder) {
            return Ok(None);
        }
        let Some(config) = config_of(folder)? else { return Ok(None) };
        let records = read_records(&folder.join(METRICS))?;
        Ok(Some(Self {
            capture: config.capture.display().to_string(),
            steps: config.step_count(),
            test: records.iter().rev().find(|record| record.test.is_some()).cloned(),
            last: records.last().cloned(),
            checkpoint: std::fs::metadata(folder.join(CHECKPOINT)).ok().map(|data| data.len()),
        }))
    }

    pub fn json(&self) -> Value {
        let test = self.test.as_ref().and_then(|record| Some((record.step, record.test.as_ref()?)));
        json!({
            "capture": self.capture,
            "step": self.last.as_ref().map(|last| last.step),
            "steps": self.steps,
            "seconds": self.last.as_ref().map(|last| last.seconds),
            "loss": self.last.as_ref().map(|last| last.loss),
            "psnr": test.map(|(_, mean)| mean.psnr),
            "ssim": test.map(|(_, mean)| mean.ssim),
            "evaluated_at": test.map(|(step, _)| step),
            "checkpoint_bytes": self.checkpoint,
        })
    }

    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("trained on   {}", self.capture)];
        match &self.last {
            Some(last) => {
                let spent = HumanDuration(std::time::Duration::from_secs_f64(last.seconds.clamp(0.0, 1e9)));
                lines.push(format!("steps        {} of {}, in {spent}; loss {:.4}", last.step, self.steps, last.loss));
            }
            None => lines.push(format!("steps        none of {} recorded", self.steps)),
        }
        if let Some((step, mean)) = self.test.as_ref().and_then(|record| Some((record.step, record.test.as_ref()?))) {
            lines.push(format!("held out     PSNR {:.2} dB, SSIM {:.4}, after step {step}", mean.psnr, mean.ssim));
        }
        lines.push(match self.checkpoint {
            Some(bytes) => format!("checkpoint   {}", DecimalBytes(bytes)),
            None => "checkpoint   none; the run cannot go on".into(),
        });
        lines
    }
}

/// Something in a folder.
pub struct Entry {
    name: String,
    kind: &'static str,
    /// A run's state, or a file's format and size.
    about: String,
}

/// The runs, captures and scenes in a folder that is none of these itself; `None` where there are none, or where one
/// capture is all.
pub fn entries(folder: &Path) -> Option<Vec<Entry>> {
    // The parts of a streamed SOG are no scenes of their own.
    if !folder.is_dir() || Capture::is_at(folder) || folder.join(LOD_META).is_file() {
        return None;
    }
    let mut paths: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let entries: Vec<Entry> = paths.iter().filter_map(|path| Entry::of(path)).collect();
    // A folder with a single capture in it stands for that.
    let one = entries.len() == 1 && entries[0].kind == "capture";
    (!entries.is_empty() && !one).then_some(entries)
}

impl Entry {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        if name.starts_with('.') {
            return None;
        }
        let (kind, about) = if path.is_file() {
            let format = Format::of_name(path)?;
            let bytes = std::fs::metadata(path).map_or(0, |data| data.len());
            ("scene", format!("{}, {}", format.name(), DecimalBytes(bytes)))
        } else if let Some(run) = Run::at(path).ok().flatten() {
            let psnr = run.test.as_ref().and_then(|record| record.test.as_ref());
            let psnr = psnr.map_or(String::new(), |mean| format!(", held out {:.2} dB", mean.psnr));
            let step = run.last.as_ref().map_or(0, |last| last.step);
            ("run", format!("step {step} of {}{psnr}", run.steps))
        } else if format::scene_in(path).is_ok() {
            ("scene", String::new())
        } else if !format::sequence::find(path).is_empty() {
            ("scene", "a sequence of files".into())
        } else if Capture::is_at(path) {
            ("capture", String::new())
        } else {
            return None;
        };
        Some(Self { name, kind, about })
    }
}

/// Prints the entries of a folder.
pub fn show(folder: &Path, entries: &[Entry], as_json: bool) -> Result<ExitCode> {
    if as_json {
        let one = |entry: &Entry| json!({ "name": entry.name, "kind": entry.kind, "about": entry.about });
        println!("{:#}", json!({ "entries": entries.iter().map(one).collect::<Vec<_>>() }));
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}: a folder of {}", folder.display(), entries.len());
    let width = entries.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0);
    for Entry { name, kind, about } in entries {
        println!("{}", format!("{kind:<8} {name:<width$}  {about}").trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
