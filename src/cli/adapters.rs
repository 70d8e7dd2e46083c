//! `dapple adapters`: lists the GPU adapters.

use std::process::ExitCode;

use anyhow::Result;

use crate::gpu::GpuError;
use crate::gpu::adapter::adapters;

/// Lists the adapters, best first.
pub fn run() -> Result<ExitCode> {
    let adapters = adapters();
    if adapters.is_empty() {
        println!("{}", GpuError::NoAdapter);
    }
    for adapter in adapters {
        println!("{}", adapter.to_string().replace('\n', " "));
    }
    Ok(ExitCode::SUCCESS)
}
