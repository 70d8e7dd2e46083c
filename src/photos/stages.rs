//! Which stages of a capture in the making are done, and with what settings.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::format::write_atomically;

/// The stages in the order of their work: what one makes, the later ones are made of.
const ORDER: [&str; 4] = ["pictures", "features", "matches", "poses"];
const FILE: &str = "stages.json";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stage {
    /// What its result depends on.
    settings: Value,
    done: bool,
}

/// What a stage finds when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its result, made with the same settings.
    Done,
    /// A part of its result, made with the same settings.
    Part,
    /// Nothing, or what other settings have made.
    Nothing,
}

/// The record of a capture's stages.
pub struct Stages {
    path: PathBuf,
    stages: BTreeMap<String, Stage>,
    frozen: bool,
}

impl Stages {
    /// Reads the record in `folder`, if there is one.
    pub fn open(folder: &Path, frozen: bool) -> Result<Self> {
        let path = folder.join(FILE);
        let stages = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{}: cannot be read; remove it to start anew", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Self { path, stages, frozen })
    }

    /// Whether nothing has been begun.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Whether a stage was done with whatever settings.
    pub fn is_done(&self, name: &str) -> bool {
        self.stages.get(name).is_some_and(|stage| stage.done)
    }

    /// Starts a stage, unless it is done. With other settings than before, it and the later ones count as not begun.
    ///
    /// # Errors
    /// Other settings, where a scene has been trained on the result already.
    pub fn begin(&mut self, name: &'static str, settings: Value) -> Result<Found> {
        let found = match self.stages.get(name) {
            Some(stage) if stage.settings == settings && stage.done => return Ok(Found::Done),
            Some(stage) if stage.settings == settings => Found::Part,
            _ => Found::Nothing,
        };
        if self.frozen {
            let stored = self.stages.get(name).map_or(&Value::Null, |stage| &stage.settings);
            bail!(
                "a scene has been trained on this capture, whose {name} were made with {}, not {}; choose another folder \
                 for the run",
                difference(stored, &settings),
                difference(&settings, stored)
            );
        }
        let later = ORDER.iter().skip_while(|stage| **stage != name).skip(1);
        later.for_each(|stage| drop(self.stages.remove(*stage)));
        self.stages.insert(name.into(), Stage { settings, done: false });
        self.write()?;
        Ok(found)
    }

    /// Notes that a stage is done.
    pub fn finish(&mut self, name: &str) -> Result<()> {
        if let Some(stage) = self.stages.get_mut(name) {
            stage.done = true;
        }
        self.write()
    }

    fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.stages).context("cannot write the record of stages")?;
        write_atomically(&self.path, |file| writeln!(file, "{text}"))
    }
}

/// The keys of `a` that `b` has otherwise, with their values.
fn difference(a: &Value, b: &Value) -> String {
    let Some(table) = a.as_object() else { return "other settings".into() };
    let short = |value: &Value| match value {
        Value::Array(list) => format!("{} files", list.len()),
        other => other.to_string(),
    };
    let other = table.iter().filter(|(key, value)| b.get(key) != Some(value));
    other.map(|(key, value)| format!("{key} {}", short(value))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stage_is_kept_gone_on_with_or_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut stages = Stages::open(folder.path(), false).unwrap();
        assert_eq!(stages.begin("pictures", json!({ "files": 3 })).unwrap(), Found::Nothing);
        assert_eq!(stages.begin("pictures", json!({ "files": 3 })).unwrap(), Found::Part);
        stages.finish("pictures").unwrap();
        stages.begin("features", json!({ "max_size": 1600 })).unwrap();
        stages.finish("features").unwrap();
        let mut stages = Stages::open(folder.path(), false).unwrap();
        assert_eq!(stages.begin("features", json!({ "max_size": 1600 })).unwrap(), Found::Done);
        assert_eq!(stages.begin("pictures", json!({ "files": 4 })).unwrap(), Found::Nothing);
        assert_eq!(stages.begin("features", json!({ "max_size": 1600 })).unwrap(), Found::Nothing, "it came later");
    }

    #[test]
    fn what_a_scene_was_trained_on_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut stages = Stages::open(folder.path(), false).unwrap();
        stages.begin("features", json!({ "max_size": 1600, "cameras": "one" })).unwrap();
        stages.finish("features").unwrap();
        let mut stages = Stages::open(folder.path(), true).unwrap();
        assert_eq!(stages.begin("features", json!({ "max_size": 1600, "cameras": "one" })).unwrap(), Found::Done);
        let error = stages.begin("features", json!({ "max_size": 800, "cameras": "one" })).unwrap_err().to_string();
        assert!(error.contains("made with max_size 1600, not max_size 800; choose another folder"), "{error}");
    }
}
