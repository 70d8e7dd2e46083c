//! The compiled variants of one kernel.

use std::collections::HashMap;

use super::device::{Gpu, GpuError};
use super::kernel::Kernel;
use super::pipeline::Pipeline;
use super::wgsl::Constants;

/// Pipelines of one kernel, by the values of its constants: compiled once, before they are first recorded.
#[derive(Debug)]
pub struct Variants<K> {
    compiled: HashMap<Vec<(&'static str, u32)>, Pipeline<K>>,
}

impl<K: Kernel> Variants<K> {
    pub fn new() -> Self {
        Self { compiled: HashMap::new() }
    }

    /// Compiles a variant, unless it is there.
    ///
    /// # Errors
    /// As [`Gpu::pipeline`].
    pub fn prepare(&mut self, gpu: &Gpu, constants: &Constants) -> Result<(), GpuError> {
        if !self.compiled.contains_key(constants) {
            self.compiled.insert(constants.to_vec(), gpu.pipeline::<K>(constants)?);
        }
        Ok(())
    }

    /// A variant that was prepared, by the same constants in the same order.
    ///
    /// # Panics
    /// On a variant that was not: a bug in its caller.
    pub fn get(&self, constants: &Constants) -> &Pipeline<K> {
        self.compiled.get(constants).unwrap_or_else(|| panic!("the variant {constants:?} was not prepared"))
    }
}

impl<K: Kernel> Default for Variants<K> {
    fn default() -> Self {
        Self::new()
    }
}
