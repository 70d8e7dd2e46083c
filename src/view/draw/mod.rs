//! The picture: the scene on the device, its pixels in the window, and what is painted over them.

pub mod axes;
pub mod cameras;
pub mod crop_box;
pub mod path;
pub mod photo;
pub mod place;
pub mod probe;
pub mod scene_canvas;
pub mod selection;
pub mod thumbnails;
pub mod window_pass;
