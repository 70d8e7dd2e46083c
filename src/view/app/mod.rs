//! The viewer itself: it holds state, canvas and jobs, applies what the user does, and draws each frame of the window.

mod apply;
mod apply_camera;
mod apply_edit;
mod apply_file;
mod apply_training;
mod background;
mod picture;
mod training;
mod viewer;
mod window;

pub use viewer::Viewer;
