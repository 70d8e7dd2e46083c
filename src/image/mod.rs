//! Images and plots for people: drawings, colour maps, PNG and JPEG files, videos and line plots.

pub mod canvas;
pub mod colormap;
pub mod jpeg;
pub mod plot;
pub mod png;
pub mod video;
