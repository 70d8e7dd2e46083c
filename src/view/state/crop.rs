//! The crop box and the side of it that the mouse holds.

use glam::{DVec3, Vec2, Vec3};

/// Lower and upper corner of a box.
pub type Corners = (Vec3, Vec3);

/// A side of the crop box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CropSide {
    pub axis: usize,
    pub high: bool,
}

impl CropSide {
    pub fn all() -> impl Iterator<Item = Self> {
        (0..6).map(|i| Self { axis: i / 2, high: i % 2 == 1 })
    }

    pub fn value(self, (low, high): Corners) -> f32 {
        if self.high { high[self.axis] } else { low[self.axis] }
    }

    /// The middle of the side.
    pub fn centre(self, corners: Corners) -> DVec3 {
        let mut centre = corners.0.midpoint(corners.1).as_dvec3();
        centre[self.axis] = self.value(corners).into();
        centre
    }

    /// The box with this side moved, at least `least` away from the opposite side.
    pub fn moved(self, (mut low, mut high): Corners, value: f32, least: f32) -> Corners {
        if self.high {
            high[self.axis] = value.max(low[self.axis] + least);
        } else {
            low[self.axis] = value.min(high[self.axis] - least);
        }
        (low, high)
    }
}

/// A side that the mouse holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grip {
    pub side: CropSide,
    /// Where the mouse took it, in points of the window.
    pub from: Vec2,
    /// The side's value when it was taken.
    pub value: f32,
    /// Points by which the side moves on the screen for one unit of the scene.
    pub along: Vec2,
}

impl Grip {
    /// The side's value while the pointer is at a point of the window.
    pub fn value_at(&self, pointer: Vec2) -> f32 {
        self.value + (pointer - self.from).dot(self.along) / self.along.length_squared()
    }
}

/// The corners of a box by number: bit 0 chooses x, bit 1 y, bit 2 z.
pub fn corner((low, high): Corners, index: usize) -> DVec3 {
    let pick = |bit: usize, a: f32, b: f32| f64::from(if index >> bit & 1 == 0 { a } else { b });
    DVec3::new(pick(0, low.x, high.x), pick(1, low.y, high.y), pick(2, low.z, high.z))
}
