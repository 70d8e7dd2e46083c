//! How a camera's photo is compared with the render.

/// How photo and render are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    #[default]
    Off,
    Side,
    Wipe,
    Difference,
}

impl Layout {
    /// All layouts with their names and hints.
    pub const ALL: [(Self, &str, &str); 4] = [
        (Self::Off, "render", "The render alone"),
        (Self::Side, "beside", "The photo at the left, the render at the right"),
        (Self::Wipe, "wipe", "The photo left of a line that the mouse moves"),
        (Self::Difference, "difference", "Mean absolute error: black is none, pale yellow a fifth of the range"),
    ];

    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::Side,
            Self::Side => Self::Wipe,
            Self::Wipe => Self::Difference,
            Self::Difference => Self::Off,
        }
    }
}

/// What is compared, and how.
#[derive(Clone, Copy, Debug)]
pub struct Compare {
    pub layout: Layout,
    /// Where the line of the wipe is, from 0 at the left to 1.
    pub wipe: f32,
}

impl Default for Compare {
    fn default() -> Self {
        Self { layout: Layout::Off, wipe: 0.5 }
    }
}
