//! The state of training on disk: a safetensors file with every bit that a resumed run needs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use bytemuck::Zeroable;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::{Deserialize, Serialize};

use crate::dataset::Capture;
use crate::format::write_atomically;
use crate::scene::Normalisation;
use crate::train::config::Config;

/// Version of the layout; raised when a tensor or a field changes its meaning.
const VERSION: u64 = 1;
/// The key of the safetensors metadata under which ours is stored.
const KEY: &str = "dapple";
/// Larger headers are refused before anything is allocated for them.
const MAX_HEADER: u64 = 100 << 20;

/// The elements of a [`Tensor`], row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

/// An array with a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: TensorData,
}

/// Everything that a run continues from.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub config: Config,
    /// Steps done.
    pub step: u32,
    pub normalisation: Normalisation,
    /// Parameters and moments, by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Small state of the trainer that is not an array.
    pub extra: serde_json::Value,
}

/// The metadata of the file, beside the tensors.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u64,
    step: u32,
    normalisation: Normalisation,
    config: Config,
    extra: serde_json::Value,
}

impl Tensor {
    /// # Panics
    /// If the shape does not hold exactly `data.len()` elements: a bug of the caller.
    pub fn f32(shape: &[usize], data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "a tensor's shape must hold its elements");
        Self { shape: shape.to_vec(), data: TensorData::F32(data) }
    }

    /// # Panics
    /// If the shape does not hold exactly `data.len()` elements: a bug of the caller.
    pub fn u32(shape: &[usize], data: Vec<u32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "a tensor's shape must hold its elements");
        Self { shape: shape.to_vec(), data: TensorData::U32(data) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.data {
            TensorData::F32(values) => bytemuck::cast_slice(values),
            TensorData::U32(values) => bytemuck::cast_slice(values),
        }
    }

    fn dtype(&self) -> Dtype {
        match self.data {
            TensorData::F32(_) => Dtype::F32,
            TensorData::U32(_) => Dtype::U32,
        }
    }
}

impl Checkpoint {
    /// Checks that at least half of the shots that the run was trained on are in a capture, with their poses.
    ///
    /// # Errors
    /// Another capture, or one with new poses.
    pub fn check_capture(&self, capture: &Capture) -> Result<()> {
        // Checkpoints of earlier versions do not say.
        let Some(trained) = self.extra["shots"].as_array() else { return Ok(()) };
        let now: HashSet<u64> = capture.fingerprints().into_iter().map(u64::from).collect();
        let same = trained.iter().filter_map(serde_json::Value::as_u64).filter(|shot| now.contains(shot)).count();
        ensure!(
            2 * same >= trained.len(),
            "{}: this is not the capture that the run was trained on: of its {} photos, {same} are here with the same pose; \
             name the run's own capture, or start a new run with another --out",
            capture.root.display(),
            trained.len()
        );
        Ok(())
    }

    /// The elements of a floating-point tensor of the expected shape.
    ///
    /// # Errors
    /// Names the tensor that is absent or has another shape or type.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<&[f32]> {
        match self.tensor(name, shape)? {
            TensorData::F32(values) => Ok(values),
            TensorData::U32(_) => bail!("the checkpoint's tensor \"{name}\" holds integers, not floats"),
        }
    }

    /// The elements of an integer tensor of the expected shape.
    ///
    /// # Errors
    /// As [`Checkpoint::f32`].
    pub fn u32(&self, name: &str, shape: &[usize]) -> Result<&[u32]> {
        match self.tensor(name, shape)? {
            TensorData::U32(values) => Ok(values),
            TensorData::F32(_) => bail!("the checkpoint's tensor \"{name}\" holds floats, not integers"),
        }
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&TensorData> {
        let tensor = self.tensors.get(name).with_context(|| format!("the checkpoint has no tensor \"{name}\""))?;
        ensure!(
            tensor.shape == shape,
            "the checkpoint's tensor \"{name}\" has shape {:?}, expected {shape:?}",
            tensor.shape
        );
        Ok(&tensor.data)
    }

    /// Writes the file beside `path` and renames it, so that an earlier checkpoint stays whole until the new one is on
    /// the disk.
    pub fn save(&self, path: &Path) -> Result<()> {
        let ours = serde_json::to_string(&Header {
            version: VERSION,
            step: self.step,
            normalisation: self.normalisation,
            config: self.config.clone(),
            extra: self.extra.clone(),
        })?;
        let mut end = 0;
        let infos = self.tensors.iter().map(|(name, tensor)| {
            let start = end;
            end += tensor.bytes().len();
            let info = TensorInfo { dtype: tensor.dtype(), shape: tensor.shape.clone(), data_offsets: (start, end) };
            (name.clone(), info)
        });
        let metadata = Metadata::new(Some(HashMap::from([(KEY.to_string(), ours)])), infos.collect())?;
        let mut header = serde_json::to_vec(&metadata)?;
        // The format asks for data aligned to 8 bytes, by spaces after the JSON.
        header.resize(header.len().next_multiple_of(8), b' ');
        write_atomically(path, |file| {
            file.write_all(&(header.len() as u64).to_le_bytes())?;
            file.write_all(&header)?;
            self.tensors.values().try_for_each(|tensor| file.write_all(tensor.bytes()))
        })
    }

    /// Reads a checkpoint back, bit for bit.
    ///
    /// # Errors
    /// Names the file and says whether it is of another version, cut short or not a checkpoint at all.
    pub fn load(path: &Path) -> Result<Self> {
        Self::read(path).with_context(|| format!("{}", path.display()))
    }

    fn read(path: &Path) -> Result<Self> {
        let mut file = File::open(path).context("cannot open the checkpoint")?;
        let length = file.metadata()?.len();
        let (metadata, start) = read_header(&mut file, length)?;
        let ours = metadata.metadata().as_ref().and_then(|all| all.get(KEY));
        let ours = ours.context("a safetensors file, but not a checkpoint of Dapple")?;
        let header = parse_header(ours)?;
        let expected = start + metadata.data_len() as u64;
        ensure!(
            length == expected,
            "the checkpoint is cut short or damaged: {expected} bytes expected, {length} found; start the run anew"
        );
        let mut tensors = BTreeMap::new();
        // Keys in the order of their offsets, so that the file is read in one pass.
        for name in metadata.offset_keys() {
            let info = metadata.info(&name).expect("offset_keys names tensors that exist");
            let tensor = read_tensor(&mut file, info).with_context(|| format!("tensor \"{name}\""))?;
            tensors.insert(name, tensor);
        }
        let Header { step, normalisation, config, extra, .. } = header;
        Ok(Self { config, step, normalisation, tensors, extra })
    }
}

/// The safetensors header, and where the data starts.
fn read_header(file: &mut File, length: u64) -> Result<(Metadata, u64)> {
    let mut size = [0; 8];
    file.read_exact(&mut size).context("not a checkpoint: shorter than 8 bytes")?;
    let size = u64::from_le_bytes(size);
    ensure!(size <= MAX_HEADER, "not a checkpoint: no safetensors header at its start");
    ensure!(size + 8 <= length, "the checkpoint is cut short in its header; start the run anew");
    let mut header = vec![0; size as usize];
    file.read_exact(&mut header)?;
    let metadata: Metadata = serde_json::from_slice(&header).context("not a checkpoint: its header is damaged")?;
    Ok((metadata, size + 8))
}

/// Looks at the version before anything whose form may have changed with it.
fn parse_header(text: &str) -> Result<Header> {
    let value: serde_json::Value = serde_json::from_str(text).context("the checkpoint's header is damaged")?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    match version {
        Some(VERSION) => serde_json::from_value(value).context("the checkpoint's header is damaged"),
        Some(version) => bail!(
            "a checkpoint of version {version}, and this Dapple reads version {VERSION}; \
             continue it with the Dapple that wrote it, or start a new run"
        ),
        None => bail!("the checkpoint's header states no version"),
    }
}

fn read_tensor(file: &mut File, info: &TensorInfo) -> Result<Tensor> {
    let elements = info.shape.iter().product();
    let data = match info.dtype {
        Dtype::F32 => TensorData::F32(read_elements(file, elements)?),
        Dtype::U32 => TensorData::U32(read_elements(file, elements)?),
        other => bail!("elements of type {other:?} are not expected in a checkpoint"),
    };
    Ok(Tensor { shape: info.shape.clone(), data })
}

/// `count` was checked against the file's length.
fn read_elements<T: bytemuck::Pod + Zeroable>(file: &mut File, count: usize) -> Result<Vec<T>> {
    let mut elements = vec![T::zeroed(); count];
    file.read_exact(bytemuck::cast_slice_mut(&mut elements))?;
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Checkpoint {
        let tensors = BTreeMap::from([
            ("mean".to_string(), Tensor::f32(&[2, 3], vec![0.1, -0.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, 1.0 / 3.0])),
            ("order".to_string(), Tensor::u32(&[3], vec![0, 7, u32::MAX])),
            ("empty".to_string(), Tensor::f32(&[0, 4], vec![])),
        ]);
        let frame = Normalisation { centre: glam::DVec3::new(0.1, 1.0 / 3.0, 1e-300), scale: 2.0_f64.sqrt() };
        let extra = serde_json::json!({"order": [3, 1, 2], "seed": u64::MAX, "tau": std::f64::consts::PI / 7.0});
        let config = Config { lr_mean: 0.1 + 0.2, capture: "a b".into(), ..Config::default() };
        Checkpoint { config, step: 123, normalisation: frame, tensors, extra }
    }

    fn edited(edit: impl FnOnce(&mut Vec<u8>)) -> String {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("c.safetensors");
        example().save(&path).expect("saves");
        let mut bytes = std::fs::read(&path).expect("reads");
        edit(&mut bytes);
        std::fs::write(&path, bytes).expect("writes");
        format!("{:#}", Checkpoint::load(&path).expect_err("must fail"))
    }

    #[test]
    fn every_bit_comes_back_and_equal_states_give_equal_files() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        example().save(&a).expect("saves");
        let back = Checkpoint::load(&a).expect("loads");
        assert_eq!(back, example());
        let bits = |c: &Checkpoint| c.tensors["mean"].bytes().to_vec();
        assert_eq!(bits(&back), bits(&example()), "-0.0 and denormals keep their bits");
        back.save(&b).expect("saves");
        assert_eq!(std::fs::read(&a).expect("a"), std::fs::read(&b).expect("b"));
        let loaded = safetensors::SafeTensors::deserialize(&std::fs::read(&a).expect("a")).map(|s| s.len());
        assert_eq!(loaded.expect("other readers accept the file"), 3);
    }

    #[test]
    fn shapes_are_checked_on_access() {
        let checkpoint = example();
        assert_eq!(checkpoint.u32("order", &[3]).expect("there"), [0, 7, u32::MAX]);
        let message = checkpoint.f32("mean", &[3, 2]).expect_err("another shape").to_string();
        assert!(message.contains("\"mean\" has shape [2, 3], expected [3, 2]"), "{message}");
        assert!(checkpoint.f32("order", &[3]).is_err() && checkpoint.f32("absent", &[1]).is_err());
    }

    #[test]
    fn another_version_is_refused_by_name() {
        let message = edited(|bytes| {
            let at = bytes.windows(14).position(|w| w == br#"\"version\":1,"#).expect("the version is in the header");
            bytes[at + 12] = b'7';
        });
        assert!(
            message.contains("c.safetensors: a checkpoint of version 7, and this Dapple reads version 1"),
            "{message}"
        );
    }

    #[test]
    fn damage_is_reported_not_believed() {
        assert!(edited(|bytes| bytes.truncate(bytes.len() - 5)).contains("cut short"));
        assert!(edited(|bytes| bytes.truncate(40)).contains("cut short in its header"));
        assert!(edited(|bytes| bytes.truncate(3)).contains("shorter than 8 bytes"));
        assert!(edited(|bytes| bytes[..8].fill(0x7f)).contains("not a checkpoint"));
        assert!(edited(|bytes| bytes[10] = b'!').contains("header is damaged"));
        let unseen = Checkpoint::load(Path::new("/nowhere/c.safetensors")).expect_err("must fail");
        assert!(format!("{unseen:#}").starts_with("/nowhere/c.safetensors: cannot open the checkpoint"));
    }
}
