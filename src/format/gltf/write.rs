//! Writing: one array per attribute, in the order of the specification.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use serde_json::{Value, json};

use super::{BIN_CHUNK, EXTENSION, GLB_MAGIC, JSON_CHUNK};
use crate::format::{Format, write_atomically};
use crate::scene::{Scene, sigmoid};

/// Floats that are put together before they are written.
const BLOCK: usize = 1 << 16;
/// Signs of the 16 harmonics under half a turn about z.
const SIGNS: [f32; 16] = [1., -1., 1., -1., 1., -1., 1., -1., 1., -1., 1., -1., 1., -1., 1., -1.];

/// An array of the file.
#[derive(Clone, Copy)]
enum Attribute {
    Position,
    Rotation,
    Scale,
    Opacity,
    /// A coefficient's number and its band.
    Harmonic(usize, usize),
}

impl Attribute {
    fn all(degree: u32) -> Vec<Self> {
        let bands =
            (0..=degree as usize).flat_map(|band| (band * band..(band + 1) * (band + 1)).map(move |k| (k, band)));
        let own = [Self::Position, Self::Rotation, Self::Scale, Self::Opacity];
        own.into_iter().chain(bands.map(|(k, band)| Self::Harmonic(k, band))).collect()
    }

    fn name(self) -> String {
        match self {
            Self::Position => "POSITION".into(),
            Self::Rotation => format!("{EXTENSION}:ROTATION"),
            Self::Scale => format!("{EXTENSION}:SCALE"),
            Self::Opacity => format!("{EXTENSION}:OPACITY"),
            Self::Harmonic(k, band) => format!("{EXTENSION}:SH_DEGREE_{band}_COEF_{}", k - band * band),
        }
    }

    fn kind(self) -> (&'static str, usize) {
        match self {
            Self::Rotation => ("VEC4", 4),
            Self::Opacity => ("SCALAR", 1),
            Self::Position | Self::Scale | Self::Harmonic(..) => ("VEC3", 3),
        }
    }

    fn push(self, scene: &Scene, i: usize, out: &mut Vec<f32>) {
        match self {
            Self::Position => out.extend(turned(scene.means[i]).to_array()),
            Self::Rotation => {
                let [w, x, y, z] = scene.quaternions[i];
                let length = (w * w + x * x + y * y + z * z).sqrt();
                // Half a turn about z times q, in the order x, y, z, w; what is no rotation becomes the identity.
                let unit = [-y, x, w, -z].map(|v| v / length);
                out.extend(if unit.iter().all(|v| v.is_finite()) { unit } else { [0.0, 0.0, 1.0, 0.0] });
            }
            Self::Scale => out.extend(scene.log_scales[i].to_array().map(|s| s.exp().min(f32::MAX))),
            Self::Opacity => out.push(sigmoid(scene.logits[i])),
            Self::Harmonic(k, _) => {
                let at = i * scene.sh_stride() + 3 * k;
                out.extend(scene.sh[at..at + 3].iter().map(|v| v * SIGNS[k]));
            }
        }
    }
}

fn turned(point: Vec3) -> Vec3 {
    Vec3::new(-point.x, -point.y, point.z)
}

/// Writes `.glb`, or `.gltf` with its data in a `.bin` of the same name.
///
/// # Errors
/// Those of [`write_atomically`], and a `.glb` of more than 4 GiB.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    scene.validate().with_context(|| format!("cannot write {}", path.display()))?;
    ensure!(!scene.is_empty(), "cannot write {}: glTF cannot hold a scene without Gaussians", path.display());
    if Format::of_name(path) == Some(Format::Gltf) {
        let data = path.with_extension("bin");
        let name = data.file_name().unwrap_or_default().to_string_lossy();
        write_atomically(&data, |file| write_arrays(file, scene))?;
        let document = document(scene, Some(&percent_encoded(&name)));
        return write_atomically(path, |file| file.write_all(document.to_string().as_bytes()));
    }
    let mut text = document(scene, None).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(4), b' ');
    let data = data_length(scene);
    let total = u32::try_from(12 + 8 + text.len() as u64 + 8 + data);
    let total = total.ok().with_context(|| {
        format!(
            "cannot write {}: a .glb holds 4 GiB at most; choose .gltf, or fewer Gaussians with --keep",
            path.display()
        )
    })?;
    write_atomically(path, |file| {
        for word in [GLB_MAGIC, 2, total, text.len() as u32, JSON_CHUNK] {
            file.write_all(&word.to_le_bytes())?;
        }
        file.write_all(&text)?;
        for word in [data as u32, BIN_CHUNK] {
            file.write_all(&word.to_le_bytes())?;
        }
        write_arrays(file, scene)
    })
}

fn data_length(scene: &Scene) -> u64 {
    Attribute::all(scene.sh_degree).iter().map(|a| 4 * a.kind().1 as u64 * scene.len() as u64).sum()
}

fn write_arrays(file: &mut impl Write, scene: &Scene) -> io::Result<()> {
    let mut block = Vec::with_capacity(BLOCK + 4);
    for attribute in Attribute::all(scene.sh_degree) {
        for i in 0..scene.len() {
            attribute.push(scene, i, &mut block);
            if block.len() >= BLOCK || i + 1 == scene.len() {
                // Built in the byte order of all supported targets, which is the file's.
                file.write_all(bytemuck::cast_slice(&block))?;
                block.clear();
            }
        }
    }
    Ok(())
}

fn document(scene: &Scene, uri: Option<&str>) -> Value {
    let mut attributes = serde_json::Map::new();
    let (mut views, mut accessors, mut offset) = (Vec::new(), Vec::new(), 0);
    for attribute in Attribute::all(scene.sh_degree) {
        let (kind, components) = attribute.kind();
        let length = 4 * components as u64 * scene.len() as u64;
        attributes.insert(attribute.name(), accessors.len().into());
        // 34962: vertex attributes; 5126: float.
        views.push(json!({ "buffer": 0, "byteOffset": offset, "byteLength": length, "target": 34962 }));
        let mut accessor =
            json!({ "bufferView": accessors.len(), "componentType": 5126, "count": scene.len(), "type": kind });
        if matches!(attribute, Attribute::Position) {
            let points = || scene.means.iter().map(|&mean| turned(mean));
            accessor["min"] = json!(points().fold(Vec3::INFINITY, Vec3::min).to_array());
            accessor["max"] = json!(points().fold(Vec3::NEG_INFINITY, Vec3::max).to_array());
        }
        accessors.push(accessor);
        offset += length;
    }
    let mut buffer = json!({ "byteLength": offset });
    if let Some(uri) = uri {
        buffer["uri"] = uri.into();
    }
    json!({
        "asset": { "version": "2.0", "generator": format!("Dapple {}", env!("CARGO_PKG_VERSION")) },
        "extensionsUsed": [EXTENSION],
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0 }],
        "meshes": [{ "primitives": [{
            "mode": 0,
            "attributes": attributes,
            "extensions": { EXTENSION: {
                "kernel": "ellipse",
                "colorSpace": "srgb_rec709_display",
                "projection": "perspective",
                "sortingMethod": "cameraDistance",
            }},
        }]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [buffer],
    })
}

/// A file's name as a relative URI.
fn percent_encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
