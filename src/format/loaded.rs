//! What a reader returns.

use super::kind::Format;
use crate::scene::{PointCloud, Scene};

/// A scene as it was read, and what its file says of itself.
#[derive(Debug)]
pub struct Loaded {
    pub scene: Scene,
    pub format: Format,
    /// The version that the file names, such as "4" for SPZ; empty where the format has none.
    pub version: String,
    /// The axes of the file where it or its format says, such as "RUB" for right, up, back; empty where nothing does.
    /// The scene is in the frame of a PLY in any case.
    pub axes: String,
    /// Facts that a reader had to assume or to leave out, a sentence each.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// A scene whose file says nothing of itself.
    pub fn new(scene: Scene, format: Format) -> Self {
        Self { scene, format, version: String::new(), axes: String::new(), warnings: Vec::new() }
    }
}

/// The content of a file: Gaussians, or points to start training from.
#[derive(Debug)]
pub enum Contents {
    Scene(Box<Loaded>),
    Points(PointCloud),
}
