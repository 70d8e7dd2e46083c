//! The moments of the optimiser, and parameters and moments on their way between the device and a checkpoint.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use glam::Vec4;

use crate::gpu::{Buffer, Gpu, GpuError};
use crate::model::{GeometryRow, Model, ModelForm, MotionRow, sh_rest};

use super::run::checkpoint::{Checkpoint, Tensor};

const FLOATS_OF_GEOMETRY: usize = size_of::<GeometryRow>() / size_of::<f32>();
const FLOATS_OF_MOTION: usize = size_of::<MotionRow>() / size_of::<f32>();

/// Moments of every parameter of every Gaussian.
#[derive(Debug)]
pub struct Moments {
    /// `[capacity][row]` of geometry rows and motion rows; see `shaders/shared/layout/moments.wgsl`.
    pub rows: Buffer<Vec4>,
    /// First and second moments of the spherical harmonics beyond the constant band, laid out as those are; of length 0
    /// where they are packed.
    pub sh: [Buffer<u32>; 2],
    sh_degree: u32,
    form: ModelForm,
}

/// Vectors that a Gaussian has in [`Moments::rows`].
pub fn moment_vectors(form: ModelForm) -> usize {
    (if form.packed { 6 } else { 8 }) + 2 * form.motion.vectors()
}

impl Moments {
    /// Zero moments for models of up to `capacity` Gaussians.
    pub fn zeros(gpu: &Gpu, capacity: usize, sh_degree: u32, form: ModelForm) -> Result<Self, GpuError> {
        let words = if form.packed { 0 } else { form.sh_words(capacity, sh_rest(sh_degree)) };
        let sh = || gpu.zeros("moments: spherical harmonics", words);
        let rows = gpu.zeros("moments: geometry", capacity * moment_vectors(form))?;
        Ok(Self { rows, sh: [sh()?, sh()?], sh_degree, form })
    }

    /// Makes room for those of `capacity` Gaussians, one buffer after the other.
    ///
    /// # Errors
    /// All that [`Gpu::zeros`] refuses.
    pub fn make_room(&mut self, gpu: &Gpu, capacity: usize) -> Result<(), GpuError> {
        let words = if self.form.packed { 0 } else { self.form.sh_words(capacity, sh_rest(self.sh_degree)) };
        self.rows = gpu.grown(&self.rows, capacity * moment_vectors(self.form))?;
        for sh in &mut self.sh {
            *sh = gpu.grown(sh, words)?;
        }
        Ok(())
    }
}

/// What a tensor of a checkpoint is made of: floats, or words whose bits they are.
enum Part {
    Floats(Buffer<f32>),
    Words(Buffer<u32>),
}

/// Name, buffer and length of each tensor of a model and its moments.
fn parts(model: &Model, moments: &Moments, count: usize) -> Vec<(&'static str, Part, usize)> {
    let (rows, form) = (&model.rows, moments.form);
    let words = form.sh_words(count, model.sh_rest());
    let mut parts = vec![
        ("value.geometry", Part::Floats(rows.geometry.cast()), count * FLOATS_OF_GEOMETRY),
        ("moments.geometry", Part::Floats(moments.rows.cast()), count * 4 * moment_vectors(form)),
    ];
    if form.is_moving() {
        parts.push(("value.motion", Part::Floats(rows.motion.cast()), count * FLOATS_OF_MOTION));
    }
    if words > 0 && form.packed {
        parts.push(("value.sh", Part::Words(rows.sh.clone()), words));
    } else if words > 0 {
        parts.push(("value.sh", Part::Floats(rows.sh.cast()), words));
        parts.push(("moment1.sh", Part::Floats(moments.sh[0].cast()), words));
        parts.push(("moment2.sh", Part::Floats(moments.sh[1].cast()), words));
    }
    parts
}

/// Reads the first `count` Gaussians with their moments into tensors.
pub fn save(
    gpu: &Gpu,
    tensors: &mut BTreeMap<String, Tensor>,
    model: &Model,
    moments: &Moments,
    count: usize,
) -> Result<()> {
    for (name, part, len) in parts(model, moments, count) {
        let tensor = match part {
            Part::Floats(buffer) => Tensor::f32(&[len], gpu.read_range(&buffer, 0, len)?),
            Part::Words(buffer) => Tensor::u32(&[len], gpu.read_range(&buffer, 0, len)?),
        };
        tensors.insert(name.into(), tensor);
    }
    Ok(())
}

/// Writes what [`save`] has read back to the device.
///
/// # Errors
/// A tensor that is missing or of another length, and a checkpoint of a version that laid its moments out otherwise.
pub fn restore(gpu: &Gpu, checkpoint: &Checkpoint, model: &Model, moments: &Moments, count: usize) -> Result<()> {
    ensure!(
        !checkpoint.tensors.contains_key("moment1.geometry"),
        "the checkpoint is of an earlier version of Dapple, whose moments this one does not read; its scene is whole: start a new \
         run from it with --init scene.ply, or go on with that version"
    );
    for (name, part, len) in parts(model, moments, count) {
        match part {
            Part::Floats(buffer) => gpu.write(&buffer, 0, checkpoint.f32(name, &[len])?),
            Part::Words(buffer) => gpu.write(&buffer, 0, checkpoint.u32(name, &[len])?),
        }
    }
    Ok(())
}
