//! The viewer's state: what is shown and chosen, as plain values without a window or a device.

pub mod ask;
pub mod camera_transition;
pub mod compare;
pub mod crop;
pub mod document;
pub mod edit;
pub mod keypath;
pub mod navigation;
pub mod notices;
pub mod probe;
pub mod recent;
pub mod run_options;
pub mod select;
pub mod shots;
pub mod timeline;
pub mod training;
pub mod unsaved_changes;
pub mod view_settings;
pub mod viewer_state;

pub use viewer_state::State;
