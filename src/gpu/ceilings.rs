//! What an adapter can do at best: measured, so that the time of a stage can be held against it.

use glam::Vec4;
use serde::{Deserialize, Serialize};

use super::device::{Gpu, GpuError};
use super::kernel::{Declaration, Kernel};
use super::profile::Recorder;
use crate::kernel;

kernel! {
    /// Copies vectors.
    pub Copy = "ceilings/copy.wgsl" [] { read original: Vec4, write copied: Vec4 }
}
kernel! {
    /// Multiplies and adds.
    pub Multiply = "ceilings/multiply.wgsl" [ROUNDS = 64 in [64]] { write out: f32 }
}
kernel! {
    /// Takes exponentials.
    pub Exponentials = "ceilings/exponentials.wgsl" [ROUNDS = 64 in [64]] { write out: f32 }
}

/// Every kernel of this file.
pub const DECLARATIONS: &[Declaration] = &[Copy::DECLARATION, Multiply::DECLARATION, Exponentials::DECLARATION];

/// Rounds of the kernels' loops.
const ROUNDS: u32 = Multiply::DECLARATION.constants[0].default;
/// Most bytes that are copied: more than caches hold.
const COPIED: u64 = 256 << 20;
/// Invocations of the kernels of arithmetic; a software adapter gets fewer.
const INVOCATIONS: u32 = 1 << 22;
/// Measurements, of which the best counts: a ceiling is what was reached once.
const REPEATS: usize = 5;
/// Dispatches that are timed together for the cost of one.
const DISPATCHES: u32 = 256;

/// Rates that an adapter reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceilings {
    /// Bytes read and written a second by a copy, in GB/s.
    pub copy: f64,
    /// Multiplications and additions, two for each fused pair, in GFLOP/s.
    pub arithmetic: f64,
    /// Exponentials, in billions a second.
    pub exponentials: f64,
    /// A dispatch of one workgroup that waits for the one before, in microseconds.
    pub dispatch: f64,
}

impl Ceilings {
    /// Measures an adapter, in some seconds at most.
    ///
    /// # Errors
    /// Buffers that do not fit, or a lost device.
    pub fn measure(gpu: &Gpu) -> Result<Self, GpuError> {
        let bytes = if gpu.is_software() { COPIED / 4 } else { COPIED }.min(gpu.largest_buffer());
        let count = bytes as usize / size_of::<Vec4>();
        let from = gpu.zeros::<Vec4>("ceilings", count)?;
        let to = gpu.zeros::<Vec4>("ceilings", count)?;
        let copy = gpu.pipeline::<Copy>(&[])?;
        let copied = fastest(gpu, |pass| copy.dispatch(pass, &Copy { original: &from, copied: &to }, count as u32))?;
        drop((from, to));
        let invocations = if gpu.is_software() { INVOCATIONS / 16 } else { INVOCATIONS };
        let out = gpu.zeros::<f32>("ceilings", invocations as usize)?;
        let multiply = gpu.pipeline::<Multiply>(&[])?;
        let multiplied = fastest(gpu, |pass| multiply.dispatch(pass, &Multiply { out: &out }, invocations))?;
        let exponentials = gpu.pipeline::<Exponentials>(&[])?;
        let taken = fastest(gpu, |pass| exponentials.dispatch(pass, &Exponentials { out: &out }, invocations))?;
        let one = gpu.zeros::<f32>("ceilings", 1)?;
        let dispatched = fastest(gpu, |pass| {
            (0..DISPATCHES).for_each(|_| multiply.dispatch(pass, &Multiply { out: &one }, 1));
        })?;
        let each = f64::from(invocations) * f64::from(ROUNDS);
        Ok(Self {
            copy: 2.0 * bytes as f64 / copied * 1e-6,
            // Four vectors of four a round, two operations each.
            arithmetic: each * 32.0 / multiplied * 1e-6,
            exponentials: each * 4.0 / taken * 1e-6,
            dispatch: dispatched / f64::from(DISPATCHES) * 1e3,
        })
    }
}

/// The least milliseconds of a pass: of device time, or of the clock where the adapter has no timestamps.
fn fastest(gpu: &Gpu, record: impl Fn(&mut wgpu::ComputePass<'_>)) -> Result<f64, GpuError> {
    let mut best = f64::INFINITY;
    // The first is for warming up.
    for repeat in 0..=REPEATS {
        let start = std::time::Instant::now();
        let mut recorder = Recorder::new(gpu, true);
        recorder.stage("ceiling", &record);
        let stages = recorder.finish()?;
        let clock = start.elapsed().as_secs_f64() * 1e3;
        let measured = stages.first().map(|stage| stage.1).filter(|time| *time > 0.0).unwrap_or(clock);
        best = if repeat == 0 { best } else { best.min(measured) };
    }
    Ok(best)
}
