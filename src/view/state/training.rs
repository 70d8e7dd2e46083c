//! The run that is shown or started: its options, its records, and whether it is in training.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::train::Start;
use crate::train::run::folder::{METRICS, Record, RunFolder, read_records};

use super::run_options::RunOptions;

/// Time between two readings of the records of a run that another process trains.
const READ: Duration = Duration::from_millis(1000);

/// The options of a new run, and what is known of the run that is shown.
#[derive(Default)]
pub struct Training {
    pub options: RunOptions,
    /// The folder of a new run.
    pub folder: String,
    /// Text that the options are searched for.
    pub search: String,
    pub records: Vec<Record>,
    /// The step after which the run that is shown was stopped here; its records end somewhat before that.
    pub stopped: Option<u32>,
    read: Option<Instant>,
    /// Whether the model in training is what is shown; it cannot be edited.
    pub is_shown: bool,
}

impl Training {
    /// Forgets the records of the last document; a run of the next gets a folder of its own.
    pub fn forget(&mut self) {
        self.folder.clear();
        (self.records, self.stopped, self.read) = (Vec::new(), None, None);
    }

    /// How far the run that is shown is known to be, in steps.
    pub fn step(&self) -> u32 {
        self.records.last().map_or(0, |record| record.step).max(self.stopped.unwrap_or(0))
    }

    /// Reads the records of a run that is trained elsewhere, now and then.
    pub fn read_records(&mut self, run: &Path) {
        if self.read.is_some_and(|read| read.elapsed() < READ) {
            return;
        }
        self.read = Some(Instant::now());
        match read_records(&run.join(METRICS)) {
            Ok(records) => self.records = records,
            Err(error) => log::debug!("{error:#}"),
        }
    }

    /// A new run of a capture.
    ///
    /// # Errors
    /// No folder is named, or options that cannot be.
    pub fn start(&self, capture: &Path) -> Result<Start> {
        let folder = self.folder.trim();
        ensure!(!folder.is_empty(), "name a folder for the run");
        Start::fresh(PathBuf::from(folder), self.options.config(capture)?)
    }

    /// Names a folder for a run of a capture, beside the runs that are there.
    pub fn name_folder(&mut self, capture: &Path) {
        if self.folder.is_empty() {
            let name = capture.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            self.folder = free_name(&format!("{name}-run"));
        }
    }

    /// Takes the folder that was chosen for a run: itself if it is empty or new, else a new one in it.
    pub fn choose_folder(&mut self, folder: PathBuf) {
        let full = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
        let folder = if full { folder.join("run") } else { folder };
        self.folder = free_name(&folder.display().to_string());
    }
}

/// The name, or with a number where a run of that name is there.
fn free_name(name: &str) -> String {
    let numbered = (2..1000).map(|i| format!("{name}-{i}"));
    std::iter::once(name.to_string())
        .chain(numbered)
        .find(|name| !RunFolder::exists(Path::new(name)))
        .unwrap_or_else(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_never_lands_on_another() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let name = folder.path().join("a-run").display().to_string();
        assert_eq!(free_name(&name), name);
        std::fs::create_dir(&name).expect("creates");
        std::fs::write(Path::new(&name).join(crate::train::run::folder::CONFIG), "").expect("writes");
        assert_eq!(free_name(&name), format!("{name}-2"));
    }

    #[test]
    fn a_run_is_started_with_its_options() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let out = folder.path().join("run");
        let mut training = Training::default();
        assert!(training.start(Path::new("capture")).is_err(), "a run has a folder");
        training.folder = out.display().to_string();
        training.options.set("steps", "90".into());
        let start = training.start(Path::new("capture")).expect("starts");
        assert!(start.config.capture.is_absolute() && !start.resumes);
        assert_eq!((start.config.step_count(), start.config.max_resolution, start.out), (90, Some(800), out));
        training.options.set("sh_degree", "9".into());
        assert!(training.start(Path::new("capture")).is_err(), "options are checked");
    }
}
