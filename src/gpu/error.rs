//! What can go wrong on the GPU, each in one line with a remedy.

/// What can go wrong on the GPU.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GpuError {
    #[error("no GPU adapter was found; install a Vulkan driver (on Debian: mesa-vulkan-drivers libvulkan1)")]
    NoAdapter,
    #[error("no adapter matches \"{wanted}\"; `dapple adapters` lists them: {found}")]
    NoSuchAdapter { wanted: String, found: String },
    #[error("the adapter \"{adapter}\" refused a device: {reason}; {others}")]
    NoDevice { adapter: String, reason: String, others: String },
    #[error(
        "the DX12 adapter \"{adapter}\" has no compiler for these shaders; put dxcompiler.dll (of Microsoft's DirectXShaderCompiler) beside the program, or use a Vulkan driver; {others}"
    )]
    NoCompiler { adapter: String, others: String },
    #[error("the adapter \"{adapter}\" cannot show a window here; {others}")]
    NoWindow { adapter: String, others: String },
    #[error(
        "the kernel {kernel} binds {needed} storage buffers, above the adapter's max_storage_buffers_per_shader_stage of {value}; {remedy}{others}"
    )]
    TooManyBuffers { kernel: &'static str, needed: u32, value: u32, remedy: &'static str, others: String },
    #[error(
        "the buffer \"{buffer}\" needs {bytes} bytes, above the adapter's {limit} of {value}; {} % of it would fit: use fewer Gaussians (--cap-max) or a smaller --max-resolution; {others}",
        share(*value, *bytes)
    )]
    TooLarge { buffer: &'static str, bytes: u64, limit: &'static str, value: u64, others: String },
    #[error(
        "out of GPU memory: the buffer \"{buffer}\" needs {bytes} bytes on top of {allocated}; use fewer Gaussians (--cap-max) or a smaller --max-resolution; {others}"
    )]
    OutOfMemory { buffer: &'static str, bytes: u64, allocated: u64, others: String },
    #[error("the GPU device was lost ({0}); the last checkpoint is intact, go on with --resume")]
    Lost(String),
    #[error("the GPU reported an error: {0}")]
    Reported(String),
}

/// The whole percent of `needed` that `there` is, rounded down.
fn share(there: u64, needed: u64) -> u64 {
    (u128::from(there) * 100 / u128::from(needed.max(1))) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_limit_says_what_would_fit() {
        let others = "this machine has no other adapter".to_string();
        let (bytes, value) = (3_000_000_000, 2_147_483_644);
        let error = GpuError::TooLarge { buffer: "pairs", bytes, limit: "max_buffer_size", value, others };
        let text = error.to_string();
        assert!(text.contains("max_buffer_size of 2147483644; 71 % of it would fit"), "{text}");
        assert!(text.contains("--cap-max") && text.ends_with("no other adapter"), "{text}");
    }
}
