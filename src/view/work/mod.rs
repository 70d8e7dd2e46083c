//! Work on other threads: reading and writing files, exports, file dialogs, and training.

pub mod device_lock;
pub mod dialogs;
pub mod files;
pub mod jobs;
pub mod path_export;
pub mod photos;
pub mod refining;
pub mod task;
pub mod training;
