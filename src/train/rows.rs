//! Parameters and moments on their way between the device and a checkpoint.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::gpu::{Buffer, Gpu};
use crate::model::{BANDS, GeometryRow, MotionRow, Rows, band_stride};

use super::run::checkpoint::{Checkpoint, Tensor};

const FLOATS_OF_GEOMETRY: usize = size_of::<GeometryRow>() / size_of::<f32>();
const FLOATS_OF_MOTION: usize = size_of::<MotionRow>() / size_of::<f32>();

/// Names of the parameters and of Adam's moments in a checkpoint.
pub const NAMES: [&str; 3] = ["value", "moment1", "moment2"];

/// Name, buffer and length of each tensor of some rows.
fn groups(name: &str, rows: &Rows, count: usize, sh_degree: u32) -> Vec<(String, Buffer<f32>, usize)> {
    let bands = (0..=sh_degree as usize)
        .take(BANDS)
        .map(|band| (format!("{name}.sh{band}"), rows.sh[band].clone(), count.div_ceil(4) * 4 * band_stride(band)));
    let geometry = (format!("{name}.geometry"), rows.geometry.cast(), count * FLOATS_OF_GEOMETRY);
    let motion = (format!("{name}.motion"), rows.motion.cast(), count * FLOATS_OF_MOTION);
    let motion = (!rows.motion.is_empty()).then_some(motion);
    std::iter::once(geometry).chain(bands).chain(motion).collect()
}

/// Reads the first `count` rows of each group into tensors named after `name`.
pub fn save(
    gpu: &Gpu,
    tensors: &mut BTreeMap<String, Tensor>,
    name: &str,
    rows: &Rows,
    count: usize,
    sh_degree: u32,
) -> Result<()> {
    for (name, buffer, len) in groups(name, rows, count, sh_degree) {
        tensors.insert(name, Tensor::f32(&[len], gpu.read_range(&buffer, 0, len)?));
    }
    Ok(())
}

/// Writes rows that [`save`] has read back to the device.
///
/// # Errors
/// A tensor that is missing or of another length.
pub fn restore(
    gpu: &Gpu,
    checkpoint: &Checkpoint,
    name: &str,
    rows: &Rows,
    count: usize,
    sh_degree: u32,
) -> Result<()> {
    for (name, buffer, len) in groups(name, rows, count, sh_degree) {
        gpu.write(&buffer, 0, checkpoint.f32(&name, &[len])?);
    }
    Ok(())
}
