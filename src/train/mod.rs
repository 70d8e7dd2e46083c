//! Training: one step, its schedule, and what a run leaves behind.

pub mod checkpoint;
pub mod config;
pub mod init;
pub mod loss;
pub mod refine;
pub mod schedule;
pub mod trainer;
pub mod update;

pub use checkpoint::{Checkpoint, Tensor, TensorData};
pub use config::{Background, Config};
pub use trainer::{Statistics, Trainer};
