//! How optical flow is rendered.

use crate::model::MotionKind;

/// How flow is rendered and what its gradient is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowForm {
    /// Whether a Gaussian's pixels move as its whole ellipse does, or all alike.
    pub affine: bool,
    /// Whether the gradient goes to all parameters, or to velocities alone with everything at the first time held fixed.
    pub all: bool,
    /// How the Gaussians move that the gradient is for.
    pub motion: MotionKind,
}

impl FlowForm {
    /// Floats of a slot.
    pub fn slot(self) -> usize {
        if self.affine { 6 } else { 2 }
    }

    /// Vectors of four floats of a Gaussian's gradient.
    pub fn gradient_row(self) -> usize {
        let motion = if self.motion == MotionKind::Curved { 3 } else { 1 };
        if self.all { motion + 3 } else { motion }
    }

    /// The value of the kernels' constant `FLOW`.
    pub(super) fn constant(self) -> u32 {
        if self.affine { 2 } else { 1 }
    }
}
