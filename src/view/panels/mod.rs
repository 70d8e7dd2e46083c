//! Everything with widgets. A panel reads [`inputs::Inputs`] and pushes [`Action`](super::action::Action)s; it changes
//! nothing by itself.

pub mod appearance;
pub mod camera;
pub mod capture;
pub mod curves;
pub mod edit;
pub mod help;
pub mod inputs;
pub mod menu;
pub mod notices;
pub mod overlays;
pub mod path;
pub mod picture;
pub mod probe;
pub mod prompt;
pub mod run_options;
pub mod side_panel;
pub mod status;
pub mod training;
pub mod transport;
pub mod unsaved_changes;
pub mod viewport;
pub mod welcome;
pub mod widgets;
