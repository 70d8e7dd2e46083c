//! What a pixel of the picture is made of.

use std::time::{Duration, Instant};

use glam::{DVec2, Vec3};

/// Least time between two readings while the pointer moves.
const PACE: Duration = Duration::from_millis(40);

/// What makes a pixel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbedPixel {
    pub pixel: (u32, u32),
    /// The colour on the screen.
    pub shown: [u8; 3],
    pub alpha: f32,
    /// Mean depth along the view, in the scene's units.
    pub depth: Option<f64>,
    /// Number of Gaussians that contribute.
    pub count: u32,
    /// Those with the largest shares.
    pub hits: Vec<Hit>,
}

/// A Gaussian's part in a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Index in the scene, from 0.
    pub index: u32,
    /// Its alpha at the pixel times the transmittance in front of it.
    pub weight: f32,
    /// Depth of its centre along the view, in the scene's units.
    pub depth: f64,
    /// The Gaussian's own opacity.
    pub opacity: f32,
    /// Standard deviations along its axes, in the scene's units.
    pub scale: Vec3,
}

/// The pixel probe and what it read last.
#[derive(Default)]
pub struct PixelProbe {
    pub on: bool,
    /// The pixel that was clicked, as a share of the picture's sides; without one the probe follows the pointer.
    pub pinned: Option<DVec2>,
    pub found: Option<ProbedPixel>,
    /// The pixel and the number of the picture that were read last.
    read: Option<((u32, u32), u64)>,
    since: Option<Instant>,
}

impl PixelProbe {
    pub fn switched(on: bool) -> Self {
        Self { on, ..Self::default() }
    }

    /// Holds a pixel, or lets go of the one that is held.
    pub fn pin(&mut self, at: DVec2) {
        self.pinned = if self.pinned.is_some() { None } else { Some(at) };
        self.read = None;
    }

    /// Whether a pixel of a picture is to be read now; `Err` says how long to wait first.
    pub fn wants(&mut self, pixel: (u32, u32), picture: u64) -> Result<bool, Duration> {
        if self.read == Some((pixel, picture)) {
            return Ok(false);
        }
        if self.since.is_some_and(|since| since.elapsed() < PACE) {
            return Err(PACE);
        }
        (self.read, self.since) = (Some((pixel, picture)), Some(Instant::now()));
        Ok(true)
    }
}
