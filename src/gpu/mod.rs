//! The layer between Dapple and wgpu: a device, typed buffers, and kernels that are one WGSL file and one declaration.
//!
//! Nothing here knows about Gaussians.

pub mod buffer;
pub mod check;
pub mod device;
pub mod kernel;
pub mod pipeline;
pub mod profile;
pub mod variants;
pub mod wgsl;

pub use buffer::Buffer;
pub use check::check;
pub use device::{Adapter, Gpu, GpuError, Parts};
pub use kernel::{Declaration, Kernel};
pub use pipeline::Pipeline;
pub use profile::{Recorder, StageTimes};
pub use variants::Variants;
