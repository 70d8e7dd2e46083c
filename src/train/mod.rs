//! Training: one step, its schedule, and what a run leaves behind.

mod appearance;
pub mod config;
pub mod evaluate;
pub mod flow;
pub mod init;
mod init_motion;
pub mod loss;
pub mod metrics;
pub mod motion_scores;
pub mod params;
pub mod refine;
mod rows;
pub mod run;
pub mod schedule;
mod stats;
pub mod strategy;
mod supervision;
mod targets;
mod tracks;
pub mod trainer;
pub mod update;

pub use config::{Background, Config};
pub use run::checkpoint::{Checkpoint, Tensor, TensorData};
pub use run::session::{Event, Session, Start};
pub use trainer::{Statistics, Trainer};

#[cfg(test)]
mod tests {
    use crate::dataset::Coverage;
    use crate::gpu::wgsl::SHARED;

    use super::{loss, metrics, update};

    /// The value of `const NAME: u32 = ..u;` in a shared file.
    fn constant(file: &str, name: &str) -> u32 {
        let (_, text) = SHARED.iter().find(|(shared, _)| *shared == file).expect("the file is shared");
        let start = format!("const {name}: u32 = ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start)).expect("the constant is there");
        line.trim_end_matches("u;").parse().expect("a number")
    }

    #[test]
    fn constants_that_host_and_kernels_share_are_equal() {
        assert_eq!(constant("loss", "RADIUS"), metrics::SSIM_RADIUS);
        assert_eq!(constant("loss", "TARGET_OPAQUE"), loss::target_kind(Coverage::Opaque));
        assert_eq!(constant("loss", "TARGET_ALPHA"), loss::target_kind(Coverage::Alpha));
        assert_eq!(constant("loss", "TARGET_MASK"), loss::target_kind(Coverage::Mask));
        assert_eq!(constant("adam", "FLOW_SUPERVISES_VELOCITY"), update::FLOW_SUPERVISES_VELOCITY);
        assert_eq!(constant("adam", "FLOW_SUPERVISES_ALL"), update::FLOW_SUPERVISES_ALL);
    }
}
