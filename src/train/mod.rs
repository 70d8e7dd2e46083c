//! Training: one step, its schedule, and what a run leaves behind.

pub mod checkpoint;
pub mod config;

pub use checkpoint::{Checkpoint, Tensor, TensorData};
pub use config::{Background, Config};
