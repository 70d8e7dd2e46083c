//! `run.json`: what a run was made from, by what, and what came out, as hashes that `dapple verify` compares.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use crate::dataset::{Capture, Split};
use crate::format::{self, write_atomically};
use crate::gpu::Gpu;
use crate::render::LaneForm;
use crate::train::config::{Config, Init};

pub const MANIFEST: &str = "run.json";
/// Version of the file; raised when a field changes its meaning.
const VERSION: u32 = 1;

/// The account of a run. Hashes are SHA-256 in hexadecimal; those of files are what `sha256sum` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub version: u32,
    /// With the numbers that `auto` stood for.
    pub options: Config,
    /// By what the run was made: one entry, or more for a run that was resumed by another program or on another adapter.
    pub sittings: Vec<Sitting>,
    pub inputs: Vec<Input>,
    /// Where the cameras are; unknown in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// In order of their steps.
    pub checkpoints: Vec<Saved>,
    /// The last scene that was saved.
    pub result: Option<Output>,
}

/// The training cameras' place, in the frame of the run's scene files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The cameras' mean.
    pub centre: [f64; 3],
    /// The distance of the farthest from it, capture units.
    pub reach: f64,
}

/// Program and adapter of a part of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sitting {
    /// Steps that had been done before.
    pub from_step: u32,
    /// Version of Dapple, and the hash of the program's file.
    pub program: String,
    pub program_sha256: String,
    /// Name, back end, driver and its version.
    pub adapter: String,
    /// Invocations a tile of the rasterizer.
    pub lanes: u32,
}

/// Something that a run was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// In words: "photo", "mask", "cameras".
    pub kind: String,
    pub name: String,
    pub sha256: String,
}

/// The state after a number of steps: the tensors of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub step: u32,
    pub sha256: String,
}

/// A scene that was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub step: u32,
    /// Its name in the run's folder.
    pub file: String,
    pub sha256: String,
}

impl Sitting {
    /// This program on a device.
    pub fn now(gpu: &Gpu, from_step: u32) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find the program's own file")?;
        Ok(Self {
            from_step,
            program: env!("CARGO_PKG_VERSION").into(),
            program_sha256: hash_file(&program)?,
            adapter: gpu.describe(),
            lanes: LaneForm::of(gpu).lanes,
        })
    }

    /// What of adapter and program differs from another sitting, in words; empty where nothing does.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.adapter != other.adapter {
            found.push(format!("the adapter is {}, and was {}", self.adapter, other.adapter));
        }
        if self.lanes != other.lanes {
            found.push(format!("the rasterizer has {} lanes a tile, and had {}", self.lanes, other.lanes));
        }
        if self.program != other.program {
            found.push(format!("the program is Dapple {}, and was {}", self.program, other.program));
        } else if self.program_sha256 != other.program_sha256 {
            found.push(format!("the program is another build of Dapple {}", self.program));
        }
        found
    }
}

impl Manifest {
    /// The account of a run that starts, or goes on, with this sitting.
    pub fn new(options: Config, sitting: Sitting, inputs: Vec<Input>) -> Self {
        Self {
            version: VERSION,
            options,
            sittings: vec![sitting],
            inputs,
            frame: None,
            checkpoints: Vec::new(),
            result: None,
        }
    }

    /// The account in a run's folder; `None` where there is none.
    ///
    /// # Errors
    /// A file that cannot be read, or of another version.
    pub fn read(run: &Path) -> Result<Option<Self>> {
        let path = run.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let wrong =
            || format!("{}: no account of a run; a run that is resumed without it writes another", path.display());
        let value: serde_json::Value = serde_json::from_slice(&text).with_context(wrong)?;
        if value.get("version").and_then(serde_json::Value::as_u64) != Some(VERSION.into()) {
            bail!("{}: of another version than {VERSION}; use the Dapple that made the run", path.display());
        }
        serde_json::from_value(value).map(Some).with_context(wrong)
    }

    /// Replaces the account in a run's folder.
    pub fn write(&self, run: &Path) -> Result<()> {
        write_atomically(&run.join(MANIFEST), |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })
    }

    /// Goes on with the account of a run at `step`, perhaps by another program or on another adapter; says so in words.
    pub fn go_on(&mut self, options: Config, sitting: Sitting, step: u32) -> Vec<String> {
        self.options = options;
        self.checkpoints.retain(|saved| saved.step <= step);
        self.sittings.retain(|sitting| sitting.from_step < step.max(1));
        let differences = self.sittings.last().map(|last| sitting.differences(last)).unwrap_or_default();
        if self.sittings.is_empty() || !differences.is_empty() {
            self.sittings.push(sitting);
        }
        differences
    }

    /// Takes note of a saved scene and checkpoint.
    pub fn saved(&mut self, run: &Path, file: &str, checkpoint: &Checkpoint) -> Result<()> {
        let step = checkpoint.step;
        self.checkpoints.retain(|saved| saved.step < step);
        self.checkpoints.push(Saved { step, sha256: checkpoint.sha256() });
        self.result = Some(Output { step, file: file.into(), sha256: hash_file(&run.join(file))? });
        Ok(())
    }
}

/// The hash of all that a run of an opened capture is trained on: images, masks, flow, first points, and the cameras as they are after lenses
/// and sizes have been dealt with.
///
/// # Errors
/// Names the file that cannot be read.
pub fn inputs(capture: &Capture, config: &Config) -> Result<Vec<Input>> {
    let mut files: Vec<(&str, String, &Path)> = Vec::new();
    for shot in capture.shots.iter().filter(|shot| !shot.is_blank()) {
        let kind = if shot.split == Split::Train { "photo" } else { "held-out photo" };
        files.push((kind, shot.name.clone(), &shot.image));
        files.extend(shot.mask.iter().map(|mask| ("mask", shot.name.clone(), mask.as_path())));
        for flow in shot.flow.iter().flatten() {
            files.push(("flow", format!("{} to {}", shot.name, flow.to), &flow.path));
            let occlusion = flow.occlusion.as_deref();
            files
                .extend(occlusion.map(|mask| ("occlusion of the flow", format!("{} to {}", shot.name, flow.to), mask)));
        }
    }
    if let Init::File(path) = &config.init {
        files.push(("--init file", path.display().to_string(), path));
    } else if let Some(path) = &capture.points_file {
        let name = path.strip_prefix(&capture.root).unwrap_or(path).display().to_string();
        files.push(("points", name, path));
    }
    let coarse = capture.block.as_ref().and_then(|block| block.cell.as_ref());
    let coarse = coarse.map(|(_, run)| format::scene_in(run)).transpose()?;
    files.extend(coarse.iter().map(|file| ("coarse scene", "around the block".into(), file.as_path())));
    let hashed = files.into_par_iter().map(|(kind, name, path)| {
        let kind = kind.into();
        Ok(Input { kind, name, sha256: hash_file(path)? })
    });
    let mut inputs = hashed.collect::<Result<Vec<_>>>()?;
    let mut cameras = Sha256::new();
    for shot in &capture.shots {
        let (camera, time) = (shot.camera, shot.time);
        cameras.update(format!("{}: {:?} {:?} {time:?} {:?}\n", shot.name, camera.pose, camera.lens, shot.split));
    }
    inputs.push(Input { kind: "cameras".into(), name: "all".into(), sha256: hex(cameras) });
    if let Some(points) = &capture.points {
        let mut hash = Sha256::new();
        hash.update(bytemuck::cast_slice(&points.positions));
        hash.update(bytemuck::cast_slice(&points.colours));
        hash.update(bytemuck::cast_slice(points.times.as_deref().unwrap_or_default()));
        inputs.push(Input { kind: "points".into(), name: "of the capture".into(), sha256: hex(hash) });
    }
    Ok(inputs)
}

/// The name of the scene file in a run's folder.
pub fn scene_file(moving: bool) -> &'static str {
    if moving { format::RUN_MOVING_SCENE } else { format::RUN_SCENE }
}

/// The hash of a file.
pub fn hash_file(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let copied = File::open(path).and_then(|mut file| std::io::copy(&mut file, &mut Hashing(&mut hash)));
    copied.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hex(hash))
}

struct Hashing<'a>(&'a mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Checkpoint {
    /// The hash of the tensors: names, shapes and bytes. Equal states have equal hashes, whatever paths the options hold.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (name, tensor) in &self.tensors {
            hash.update(format!("{name} {:?}\n", tensor.shape));
            hash.update(tensor.bytes());
        }
        hex(hash)
    }

    /// The first tensor that differs from another checkpoint's, and where; `None` where all are equal to the bit.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        for (name, tensor) in &self.tensors {
            let Some(theirs) = other.tensors.get(name) else { return Some(format!("{name} is in one only")) };
            if tensor.shape != theirs.shape {
                return Some(format!("{name} has shape {:?}, and {:?}", tensor.shape, theirs.shape));
            }
            let (ours, theirs) = (tensor.bytes().chunks(4), theirs.bytes().chunks(4));
            if let Some(at) = ours.zip(theirs).position(|(a, b)| a != b) {
                return Some(format!("{name} from element {at} on"));
            }
        }
        let more = other.tensors.keys().find(|name| !self.tensors.contains_key(*name));
        more.map(|name| format!("{name} is in one only"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sitting(from_step: u32, adapter: &str) -> Sitting {
        let (program, program_sha256) = ("0.1.0".into(), "ab".into());
        Sitting { from_step, program, program_sha256, adapter: adapter.into(), lanes: 8 }
    }

    #[test]
    fn an_account_comes_back_and_another_version_is_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(Manifest::read(folder.path()).expect("none yet"), None);
        let mut manifest = Manifest::new(Config::default(), sitting(0, "a"), Vec::new());
        manifest.checkpoints.push(Saved { step: 3, sha256: "cd".into() });
        manifest.write(folder.path()).expect("writes");
        assert_eq!(Manifest::read(folder.path()).expect("reads"), Some(manifest.clone()));
        manifest.version = 9;
        manifest.write(folder.path()).expect("writes");
        assert!(Manifest::read(folder.path()).expect_err("refused").to_string().contains("another version"));
    }

    #[test]
    fn a_run_that_goes_on_elsewhere_says_so() {
        let mut manifest = Manifest::new(Config::default(), sitting(0, "a"), Vec::new());
        manifest.checkpoints = [10, 20, 30].map(|step| Saved { step, sha256: String::new() }).into();
        assert!(manifest.go_on(Config::default(), sitting(20, "a"), 20).is_empty());
        assert_eq!((manifest.sittings.len(), manifest.checkpoints.len()), (1, 2), "as if it had not stopped");
        let mut other = sitting(20, "b");
        other.lanes = 32;
        let said = manifest.go_on(Config::default(), other, 20);
        assert_eq!(said, ["the adapter is b, and was a", "the rasterizer has 32 lanes a tile, and had 8"]);
        assert_eq!(manifest.sittings.len(), 2);
        // Back to a checkpoint of the first sitting.
        assert!(manifest.go_on(Config::default(), sitting(10, "a"), 10).is_empty());
        assert_eq!((manifest.sittings.len(), manifest.checkpoints.len()), (1, 1));
    }

    #[test]
    fn hashes_are_those_of_sha256sum() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").expect("writes");
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash_file(&path).expect("reads"), known);
        assert!(hash_file(&folder.path().join("none")).expect_err("no file").to_string().contains("none"));
    }
}
