//! The layer between Dapple and wgpu: a device, typed buffers, and kernels that are one WGSL file and one declaration.
//!
//! Nothing here knows about Gaussians.

pub mod adapter;
pub mod buffer;
pub mod ceilings;
pub mod check;
pub mod device;
pub mod error;
pub mod kernel;
pub mod pipeline;
pub mod plan;
pub mod profile;
pub mod variants;
pub mod wgsl;

pub use adapter::{Adapter, Parts};
pub use buffer::Buffer;
pub use check::check;
pub use device::{Candidates, Gpu};
pub use error::GpuError;
pub use kernel::{Declaration, Kernel};
pub use pipeline::Pipeline;
pub use plan::Plan;
pub use profile::{Recorder, StageTimes};
pub use variants::Variants;
