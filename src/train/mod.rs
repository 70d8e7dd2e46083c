//! Training: one step, its schedule, and what a run leaves behind.

pub mod checkpoint;
mod choices;
pub mod config;
pub mod evaluate;
pub mod flow;
pub mod init;
mod init_motion;
mod limits;
pub mod loss;
pub mod metrics;
pub mod motion_scores;
pub mod picture;
pub mod plot;
mod points;
pub mod refine;
pub mod report;
mod rows;
pub mod run_folder;
pub mod schedule;
pub mod session;
mod teacher;
mod tracks;
pub mod trainer;
pub mod update;

pub use checkpoint::{Checkpoint, Tensor, TensorData};
pub use config::{Background, Config};
pub use session::{Session, Start, Told};
pub use trainer::{Statistics, Trainer};
