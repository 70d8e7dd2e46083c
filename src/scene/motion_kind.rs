//! The kinds of motion.

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
}
