//! A run: the session that drives a trainer, the files that it leaves in its folder, and its report.

pub mod checkpoint;
pub mod folder;
pub mod manifest;
pub mod report;
pub mod session;
pub mod start;
