//! Images and plots for people: colour maps, PNG files, videos and line plots.

pub mod colormap;
pub mod plot;
pub mod png;
pub mod video;
