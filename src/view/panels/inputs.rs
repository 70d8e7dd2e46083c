//! The inputs of the panels.

use crate::view::draw::photo::Comparison;
use crate::view::draw::scene_canvas::{Cost, SceneCanvas};
use crate::view::draw::thumbnails::Thumbnails;
use crate::view::state::State;
use crate::view::work::jobs::Jobs;

/// Everything that panels read.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub state: &'a State,
    pub canvas: &'a SceneCanvas,
    pub jobs: &'a Jobs,
    pub comparison: &'a Comparison,
    pub thumbnails: &'a Thumbnails,
    /// Time and counts of the picture drawn last.
    pub cost: &'a Cost,
}
