//! Captures without photos: cameras alone, for runs that something else than photos teaches.

use super::capture::{Capture, Coverage, Photo, Shot, Split};
use super::lens::{Distortion, SourceLens};
use crate::camera::Camera;

impl Capture {
    /// A still capture of these cameras; its photos are black and transparent.
    ///
    /// # Errors
    /// A lens that is none.
    pub fn without_photos(cameras: &[Camera]) -> anyhow::Result<Self> {
        let shot = |(index, camera): (usize, &Camera)| {
            let lens = camera.lens;
            let size = (lens.width, lens.height);
            Ok(Shot {
                name: format!("view_{index:03}"),
                camera: *camera,
                time: None,
                stream: index,
                split: Split::Train,
                unseen: None,
                image: std::path::PathBuf::new(),
                mask: None,
                source: SourceLens::new(lens.focal, lens.principal, size, Distortion::None)?,
                orientation: 1,
                gravity: None,
                flow: Default::default(),
            })
        };
        Ok(Self {
            root: std::path::PathBuf::from("no photos"),
            shots: cameras.iter().enumerate().map(shot).collect::<anyhow::Result<_>>()?,
            points: None,
            points_file: None,
            invert_masks: false,
            warnings: Vec::new(),
            shift: glam::DVec3::ZERO,
            other_models: Vec::new(),
            unlisted: Vec::new(),
            seconds: None,
            block: None,
        })
    }

    /// Whether the capture has no photos.
    pub fn is_blank(&self) -> bool {
        self.shots.iter().all(|shot| shot.is_blank())
    }
}

impl Shot {
    /// Whether there is no photo.
    pub fn is_blank(&self) -> bool {
        self.image.as_os_str().is_empty()
    }

    pub(super) fn blank_photo(&self) -> Photo {
        let (width, height) = (self.camera.lens.width, self.camera.lens.height);
        Photo { width, height, pixels: vec![[0; 4]; (width * height) as usize], coverage: Coverage::Alpha }
    }
}
