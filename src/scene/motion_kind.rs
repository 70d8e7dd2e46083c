//! The kinds of motion.

use super::Motion;

/// How the Gaussians of a scene move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MotionKind {
    /// Not at all.
    #[default]
    Static = 0,
    /// Along lines.
    Linear = 1,
    /// Along parabolas, turning.
    Curved = 2,
}

impl MotionKind {
    pub const ALL: [Self; 3] = [Self::Static, Self::Linear, Self::Curved];

    /// The kind of a scene's motion.
    pub fn of(motion: Option<&Motion>) -> Self {
        match motion {
            None => Self::Static,
            Some(Motion { curves: None, .. }) => Self::Linear,
            Some(Motion { curves: Some(_), .. }) => Self::Curved,
        }
    }
}
