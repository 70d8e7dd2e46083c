//! The result of reading a file.

use super::kind::Format;
use crate::scene::{PointCloud, Scene};

/// A scene that was read, and the metadata of its file.
#[derive(Debug)]
pub struct Loaded {
    pub scene: Scene,
    pub format: Format,
    /// The version that the file names, such as "4" for SPZ; empty where the format has none.
    pub version: String,
    /// The axes of the file, such as "RUB" for right, up, back; empty if neither the file nor its format names them.
    /// The scene itself always has the axes of a PLY.
    pub axes: String,
    /// Assumptions of the reader and data that it dropped, one sentence each.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// A scene from a file without metadata.
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
