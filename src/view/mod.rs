//! The desktop viewer: `dapple view`.
//!
//! Its floors, from below; each uses only those above it in this list:
//! - `text` and `theme`: how numbers and widgets look.
//! - `state`: what is shown and chosen, without window or device.
//! - `draw`: the picture. The renderer writes 8-bit pixels into a buffer, and the pass that draws the window reads them
//!   there; the picture is drawn only when what it depends on has changed.
//! - `work`: everything on other threads, in `work::task::Task`s, and the live training.
//! - `action` and `keys`: everything that a user can do, and the table of keys.
//! - `panels`: everything with widgets. A panel reads the state and returns actions.
//! - `app`: the viewer. Its `apply` is the only place where an action changes the state.

mod action;
mod app;
mod draw;
mod keys;
mod launch;
mod panels;
mod screenshot;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod theme;
mod work;

pub use app::Viewer;
pub use launch::{open_window, train_in_window};
pub use screenshot::screenshot;
pub use state::document::{BUDGET, Document, Kind};
pub use state::{keypath, navigation};
pub use work::training::{End, Hooks};
