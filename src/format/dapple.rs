//! Dapple's own container, `.dapple`: a static or dynamic scene without loss.
//!
//! The file is a [safetensors](https://github.com/huggingface/safetensors) file: 8 bytes of header length (little
//! endian), a JSON header, and the tensors' bytes. The header's `__metadata__` has the key `dapple_scene`, a JSON text:
//!
//! ```json
//! {"version": 1, "antialiased": false, "generator": "Dapple 0.1.0"}
//! ```
//!
//! It may also have `up`, three numbers, and of a dynamic scene `seconds`, the length of its clip, and `frames`, the number
//! of the capture's moments.
//!
//! Tensors are `F32`, row-major, of N Gaussians in the axes and units of a scene's PLY:
//!
//! | tensor | shape | content |
//! |---|---|---|
//! | `means` | N, 3 | means; of a dynamic scene, at `time_centres` |
//! | `quaternions` | N, 4 | rotations w, x, y, z, not necessarily of unit length |
//! | `log_scales` | N, 3 | logarithms of the standard deviations along the local axes |
//! | `logits` | N | opacity = 1 / (1 + exp(−logit)) |
//! | `sh` | N, K, 3 | spherical-harmonic coefficients, K = 1, 4, 9 or 16, RGB innermost; in the PLY's basis |
//! | `velocities` | N, 3 | world units per clip; this and the next three exist in dynamic scenes only |
//! | `time_centres` | N | times within the clip, which runs from 0 to 1 |
//! | `log_durations` | N | logarithms of standard deviations in time |
//! | `gates` | N | the share γ = 1 / (1 + exp(−20 gate)) of the opacity does not fade |
//!
//! A scene whose Gaussians move along curves has version 2, and
//!
//! | tensor | shape | content |
//! |---|---|---|
//! | `accelerations` | N, 3 | world units per clip² |
//! | `angular_velocities` | N, 3 | radians per clip about the axes of the means |
//!
//! At the time t, with Δ = t − centre, a Gaussian is at mean + velocity·Δ + ½ acceleration·Δ², is turned by the
//! rotation vector angular velocity·Δ after its own rotation, and its opacity is multiplied by
//! γ + (1 − γ)·exp(−½ (Δ / duration)²). A reader must refuse a version that it does not know; further tensors and keys
//! may be added within a version and must be ignored.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use super::bounded::{CUT_SHORT, read_file};
use super::quantise::direction;
use super::{Format, Loaded, write_atomically};
use crate::scene::{Clip, Curves, Motion, Scene, sh_coefficients};

const VERSION: u64 = 1;
/// Of scenes that readers of the first version would show otherwise than they are.
const CURVED: u64 = 2;
/// The key of our entry in the metadata.
const KEY: &str = "dapple_scene";

/// Whether the first bytes of a file are those of a `.dapple` file.
pub(super) fn begins(head: &[u8]) -> bool {
    head.get(8..).is_some_and(|json| json.starts_with(format!("{{\"__metadata__\":{{\"{KEY}\"").as_bytes()))
}

/// Writes a scene.
///
/// # Errors
/// A scene that is not finite, or a failed write.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    scene.validate().with_context(|| format!("cannot write {}", path.display()))?;
    let n = scene.len();
    let coefficients = sh_coefficients(scene.sh_degree);
    let mut tensors: Vec<(&str, Vec<usize>, &[u8])> = vec![
        ("means", vec![n, 3], bytemuck::cast_slice(&scene.means)),
        ("quaternions", vec![n, 4], bytemuck::cast_slice(&scene.quaternions)),
        ("log_scales", vec![n, 3], bytemuck::cast_slice(&scene.log_scales)),
        ("logits", vec![n], bytemuck::cast_slice(&scene.logits)),
        ("sh", vec![n, coefficients, 3], bytemuck::cast_slice(&scene.sh)),
    ];
    if let Some(motion) = &scene.motion {
        tensors.push(("velocities", vec![n, 3], bytemuck::cast_slice(&motion.velocities)));
        tensors.push(("time_centres", vec![n], bytemuck::cast_slice(&motion.centres)));
        tensors.push(("log_durations", vec![n], bytemuck::cast_slice(&motion.log_durations)));
        tensors.push(("gates", vec![n], bytemuck::cast_slice(&motion.gates)));
        if let Some(curves) = &motion.curves {
            tensors.push(("accelerations", vec![n, 3], bytemuck::cast_slice(&curves.accelerations)));
            tensors.push(("angular_velocities", vec![n, 3], bytemuck::cast_slice(&curves.angular_velocities)));
        }
    }
    let generator = format!("Dapple {}", env!("CARGO_PKG_VERSION"));
    let curved = scene.motion.as_ref().is_some_and(|motion| motion.curves.is_some());
    let version = if curved { CURVED } else { VERSION };
    let mut ours = json!({ "version": version, "antialiased": scene.antialiased, "generator": generator });
    if let Some(up) = scene.up {
        ours["up"] = json!(up.to_array());
    }
    if let Some(seconds) = scene.clip.seconds {
        ours["seconds"] = seconds.into();
    }
    if let Some(frames) = scene.clip.frames {
        ours["frames"] = frames.into();
    }
    let ours = ours.to_string();
    let mut end = 0;
    let infos = tensors.iter().map(|(name, shape, bytes)| {
        let start = end;
        end += bytes.len();
        let info = TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (start, end) };
        ((*name).to_owned(), info)
    });
    let metadata = Metadata::new(Some(HashMap::from([(KEY.to_owned(), ours)])), infos.collect())?;
    let mut header = serde_json::to_vec(&metadata)?;
    // Data start at a multiple of 8 bytes, by spaces after the JSON.
    header.resize(header.len().next_multiple_of(8), b' ');
    write_atomically(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        tensors.iter().try_for_each(|(_, _, bytes)| file.write_all(bytes))
    })
}

/// Reads a scene, bit for bit.
///
/// # Errors
/// Names the file, and the tensor that is absent or of another shape, or the version that is not known.
pub fn read(path: &Path) -> Result<Loaded> {
    read_file(path).and_then(|bytes| decode(&bytes)).with_context(|| path.display().to_string())
}

fn decode(bytes: &[u8]) -> Result<Loaded> {
    let damaged = || format!("not a .dapple file, or one that is cut short or damaged; {CUT_SHORT}");
    let (_, metadata) = SafeTensors::read_metadata(bytes).with_context(damaged)?;
    let ours = metadata.metadata().as_ref().and_then(|all| all.get(KEY));
    let ours = ours.context("a safetensors file, but not a scene of Dapple")?;
    let facts: Value = serde_json::from_str(ours).context("the description of the scene is damaged")?;
    let version = match facts["version"].as_u64() {
        Some(version @ (VERSION | CURVED)) => version,
        Some(other) => {
            bail!("a .dapple file of version {other}; this Dapple reads versions up to {CURVED}, use a newer one")
        }
        None => bail!("the description of the scene has no version"),
    };
    let tensors = SafeTensors::deserialize(bytes).with_context(damaged)?;
    let shape = tensors.tensor("sh").context("the tensor \"sh\" is absent")?.shape().to_vec();
    let (n, sh_degree) = match *shape.as_slice() {
        [n, k @ (1 | 4 | 9 | 16), 3] => (n, k.isqrt() as u32 - 1),
        _ => bail!("the tensor \"sh\" has the shape {shape:?}, expected [Gaussians, 1, 4, 9 or 16, 3]"),
    };
    let vectors = |name: &str| -> Result<Vec<Vec3>> {
        Ok(floats(&tensors, name, &[n, 3])?.as_chunks().0.iter().map(|&v| Vec3::from_array(v)).collect())
    };
    let motion = if tensors.names().contains(&"velocities") {
        Some(Motion {
            velocities: vectors("velocities")?,
            centres: floats(&tensors, "time_centres", &[n])?,
            log_durations: floats(&tensors, "log_durations", &[n])?,
            gates: floats(&tensors, "gates", &[n])?,
            curves: if version == CURVED {
                Some(Curves {
                    accelerations: vectors("accelerations")?,
                    angular_velocities: vectors("angular_velocities")?,
                })
            } else {
                None
            },
        })
    } else {
        None
    };
    let scene = Scene {
        means: vectors("means")?,
        quaternions: floats(&tensors, "quaternions", &[n, 4])?.as_chunks().0.to_vec(),
        log_scales: vectors("log_scales")?,
        logits: floats(&tensors, "logits", &[n])?,
        sh: floats(&tensors, "sh", &shape)?,
        sh_degree,
        antialiased: facts["antialiased"].as_bool().unwrap_or(false),
        motion,
        up: facts["up"].as_array().and_then(|up| direction(up.iter().map(Value::as_f64))),
        clip: Clip::of(facts["seconds"].as_f64(), facts["frames"].as_u64()),
    };
    Ok(Loaded { version: version.to_string(), ..Loaded::new(scene, Format::Dapple) })
}

fn floats(tensors: &SafeTensors, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let tensor = tensors.tensor(name).with_context(|| format!("the tensor \"{name}\" is absent"))?;
    ensure!(
        tensor.dtype() == Dtype::F32 && tensor.shape() == shape,
        "the tensor \"{name}\" is {:?} of the shape {:?}, expected F32 of {shape:?}",
        tensor.dtype(),
        tensor.shape()
    );
    Ok(tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}
