//! The parts of a glTF document that scenes of Gaussians use, and the arrays that it describes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use serde::Deserialize;
use serde_json::Value;

/// Bytes of an array that are read at once.
const BLOCK: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct Document {
    pub asset: Value,
    pub scene: Option<usize>,
    pub scenes: Vec<Nodes>,
    pub nodes: Vec<Node>,
    pub meshes: Vec<Mesh>,
    pub accessors: Vec<Accessor>,
    pub buffer_views: Vec<BufferView>,
    pub buffers: Vec<Buffer>,
    pub extensions_required: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Nodes {
    pub nodes: Vec<usize>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Node {
    pub mesh: Option<usize>,
    pub children: Vec<usize>,
    /// Column by column.
    pub matrix: Option<[f64; 16]>,
    pub translation: Option<[f64; 3]>,
    /// x, y, z, w.
    pub rotation: Option<[f64; 4]>,
    pub scale: Option<[f64; 3]>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Mesh {
    pub primitives: Vec<Primitive>,
}

#[derive(Deserialize)]
pub struct Primitive {
    pub attributes: BTreeMap<String, usize>,
    #[serde(default)]
    pub extensions: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accessor {
    pub buffer_view: Option<usize>,
    #[serde(default)]
    pub byte_offset: u64,
    pub component_type: u32,
    #[serde(default)]
    pub normalized: bool,
    pub count: u64,
    #[serde(rename = "type")]
    pub kind: String,
    pub sparse: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BufferView {
    pub buffer: usize,
    #[serde(default)]
    pub byte_offset: u64,
    pub byte_length: u64,
    pub byte_stride: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Buffer {
    pub byte_length: u64,
    pub uri: Option<String>,
}

/// The source of the bytes of a buffer.
enum Source {
    File { path: PathBuf, start: u64, length: u64 },
    Memory(Vec<u8>),
}

impl Source {
    fn length(&self) -> u64 {
        match self {
            Self::File { length, .. } => *length,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    fn open(&self, at: u64) -> Result<Box<dyn Read + '_>> {
        match self {
            Self::File { path, start, .. } => {
                let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
                file.seek(SeekFrom::Start(start + at))?;
                Ok(Box::new(BufReader::with_capacity(BLOCK, file)))
            }
            Self::Memory(bytes) => Ok(Box::new(&bytes[at as usize..])),
        }
    }
}

/// The buffers of a document.
pub struct Buffers {
    sources: Vec<Source>,
}

impl Buffers {
    /// `binary` is the place and length of a `.glb`'s binary chunk.
    pub fn open(path: &Path, document: &mut Document, binary: Option<(u64, u64)>) -> Result<Self> {
        let mut sources = Vec::new();
        for (i, buffer) in document.buffers.iter_mut().enumerate() {
            let source = source(path, buffer.uri.take(), binary).with_context(|| format!("buffer {i}"))?;
            let (needed, found) = (buffer.byte_length, source.length());
            ensure!(
                needed <= found,
                "buffer {i} is cut short: {needed} bytes expected, {found} found; export it again"
            );
            sources.push(source);
        }
        Ok(Self { sources })
    }

    /// Bytes of all buffers.
    pub fn length(&self) -> u64 {
        self.sources.iter().map(Source::length).sum()
    }
}

fn source(path: &Path, uri: Option<String>, binary: Option<(u64, u64)>) -> Result<Source> {
    let Some(uri) = uri else {
        let (start, length) = binary.context("it has no URI, and the file no binary chunk")?;
        return Ok(Source::File { path: path.to_path_buf(), start, length });
    };
    if let Some(data) = uri.strip_prefix("data:") {
        let (_, text) = data.split_once(";base64,").context("its data URI is not in base64")?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).context("its data URI is not in base64")?;
        return Ok(Source::Memory(bytes));
    }
    let plain = uri.len() <= 255 && !uri.chars().any(char::is_control);
    ensure!(plain, "its URI is neither data nor the name of a file");
    ensure!(!uri.contains("://"), "it is at {uri}; download it and refer to the local copy in the file");
    let path = path.with_file_name("").join(percent_decoded(&uri));
    let length = std::fs::metadata(&path).with_context(|| format!("cannot open {}", path.display()))?.len();
    Ok(Source::File { path, start: 0, length })
}

fn percent_decoded(uri: &str) -> String {
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'%').then(|| std::str::from_utf8(tail.get(..2)?).ok()).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The type of one number in an array.
#[derive(Clone, Copy)]
struct Component {
    size: usize,
    decode: fn(&[u8]) -> f32,
    /// The divisor of a normalised number.
    unit: f32,
}

fn component(kind: u32) -> Result<Component> {
    Ok(match kind {
        5120 => Component { size: 1, decode: |b| f32::from(b[0] as i8), unit: 127.0 },
        5121 => Component { size: 1, decode: |b| f32::from(b[0]), unit: 255.0 },
        5122 => Component { size: 2, decode: |b| f32::from(i16::from_le_bytes([b[0], b[1]])), unit: 32_767.0 },
        5123 => Component { size: 2, decode: |b| f32::from(u16::from_le_bytes([b[0], b[1]])), unit: 65_535.0 },
        5126 => Component { size: 4, decode: |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]), unit: 1.0 },
        _ => bail!("component type {kind} is not one for Gaussians"),
    })
}

impl Document {
    fn accessor(&self, index: usize) -> Result<&Accessor> {
        self.accessors.get(index).with_context(|| format!("there is no accessor {index}"))
    }

    pub fn count(&self, accessor: usize) -> Result<u64> {
        Ok(self.accessor(accessor)?.count)
    }

    /// Numbers in one element of an array.
    pub fn components(&self, accessor: usize) -> Result<usize> {
        match self.accessor(accessor)?.kind.as_str() {
            "SCALAR" => Ok(1),
            "VEC2" => Ok(2),
            "VEC3" => Ok(3),
            "VEC4" => Ok(4),
            other => bail!("type {other} is not one for Gaussians"),
        }
    }

    /// Calls `each(index, values)` for every element; numbers that an element lacks are 0.
    ///
    /// # Errors
    /// An array that reaches beyond its buffer, which is found before anything is read.
    pub fn for_each(
        &self,
        buffers: &Buffers,
        accessor: usize,
        mut each: impl FnMut(usize, [f32; 4]) -> Result<()>,
    ) -> Result<()> {
        let array = self.accessor(accessor)?;
        ensure!(array.sparse.is_none(), "it is sparse, which is not supported");
        let view = array.buffer_view.context("it has no bufferView")?;
        let view = self.buffer_views.get(view).with_context(|| format!("there is no bufferView {view}"))?;
        let source = buffers.sources.get(view.buffer).with_context(|| format!("there is no buffer {}", view.buffer))?;
        let (component, components) = (component(array.component_type)?, self.components(accessor)?);
        let size = component.size * components;
        // Elements need not lie on top of each other, and never do in an honest file.
        let stride = view.byte_stride.unwrap_or(size as u64);
        ensure!((size as u64..=1 << 16).contains(&stride), "a stride of {stride} bytes for elements of {size}");
        let needed = array.count.saturating_sub(1).checked_mul(stride).and_then(|n| n.checked_add(size as u64));
        let within = |offset: u64, length: u64, whole: u64| offset.checked_add(length).is_some_and(|end| end <= whole);
        ensure!(
            needed.is_some_and(|needed| within(array.byte_offset, needed, view.byte_length))
                && within(view.byte_offset, view.byte_length, source.length()),
            "it reaches beyond its buffer: {} elements of {size} bytes; the file is cut short or wrong",
            array.count
        );
        let normalised = array.normalized && component.unit > 1.0;
        let mut reader = source.open(view.byte_offset + array.byte_offset)?;
        let (count, stride) = (array.count as usize, stride as usize);
        let per_block = (BLOCK / stride).max(1);
        let mut bytes = Vec::new();
        for first in (0..count).step_by(per_block) {
            let now = per_block.min(count - first);
            // The last element may end before its stride does.
            bytes.resize((now - 1) * stride + size, 0);
            reader.read_exact(&mut bytes).context("cannot be read")?;
            for i in 0..now {
                let mut values = [0.0; 4];
                for (value, raw) in values.iter_mut().zip(bytes[i * stride..][..size].chunks_exact(component.size)) {
                    *value = (component.decode)(raw);
                    if normalised {
                        // The lowest signed integer would be a little below −1.
                        *value = (*value / component.unit).max(-1.0);
                    }
                }
                each(first + i, values)?;
            }
            if first + now < count {
                let gap = &mut [0; 1 << 16][..stride - size];
                reader.read_exact(gap).context("cannot be read")?;
            }
        }
        Ok(())
    }
}
