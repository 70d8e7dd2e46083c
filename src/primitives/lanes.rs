//! Whether workgroups lie in one subgroup, asked of the device: drivers do not always tell.

use crate::gpu::{Gpu, GpuError, Recorder};
use crate::kernel;

kernel! {
    /// What each invocation of a workgroup hears of the first.
    pub Lanes = "primitives/lanes.wgsl" [LANES = 8 in [8, 16, 32]] { write heard: u32 }
}

/// Whether a workgroup of `lanes` invocations, 8, 16 or 32, lies in one subgroup. A driver that runs kernels in
/// several widths may run another one otherwise. Mesa's software driver reports 32 lanes for vectors of 1024 bits and runs
/// 16; wgpu reports 4 to 64 for every Metal device, and Apple's run 32.
///
/// # Errors
/// A lost device.
pub fn in_one_subgroup(gpu: &Gpu, lanes: u32) -> Result<bool, GpuError> {
    // Wider workgroups than any subgroup are not asked: what they hear means nothing, and may be right by chance.
    if !gpu.subgroups() || gpu.info().subgroup_max_size < lanes {
        return Ok(false);
    }
    let pipeline = gpu.pipeline::<Lanes>(&[("LANES", lanes)])?;
    let heard = gpu.zeros("lanes", lanes as usize)?;
    let mut recorder = Recorder::new(gpu, false);
    recorder.stage("lanes", |pass| pipeline.dispatch_groups(pass, &Lanes { heard: &heard }, 1));
    recorder.finish()?;
    Ok(gpu.read(&heard)?.into_iter().all(|number| number == 1))
}
