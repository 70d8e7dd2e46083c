//! Training: one step, its schedule, and what a run leaves behind.

pub mod appearance;
pub mod budget;
pub mod config;
mod correction;
pub mod evaluate;
pub mod floaters;
pub mod flow;
pub mod frame;
pub mod guide;
pub mod init;
mod init_motion;
pub mod loss;
pub mod metrics;
pub mod moments;
pub mod motion_scores;
pub mod params;
mod points;
pub mod poses;
pub mod refine;
pub mod run;
pub mod schedule;
mod seeds;
pub mod sky;
pub mod strategy;
mod supervision;
mod surroundings;
mod targets;
mod tracks;
pub mod trainer;
pub mod update;

pub use config::{Background, Config};
pub use run::checkpoint::{Checkpoint, Tensor, TensorData};
pub use run::session::{Event, Session};
pub use run::start::Start;
pub use trainer::Trainer;
pub use trainer::statistics::Statistics;
