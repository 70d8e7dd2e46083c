//! Reversal of a scene's axes, for formats whose axes differ from those of a PLY in sign.

use glam::Vec3;

/// For each spherical harmonic of degrees 0 to 3, the axes that it is odd in: bit 1 for x, 2 for y, 4 for z.
const ODD: [u8; 16] = [0, 2, 4, 1, 3, 6, 0, 5, 0, 2, 7, 2, 4, 1, 4, 1];

/// A sign per axis: −1 for a reversed axis, else +1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisFlips(Vec3);

impl AxisFlips {
    pub const NONE: Self = Self(Vec3::ONE);
    /// Between x right, y down, z forward and x right, y up, z back.
    pub const YZ: Self = Self(Vec3::new(1.0, -1.0, -1.0));

    /// The reversal of the axes for which `reversed` is true.
    pub fn new(reversed: [bool; 3]) -> Self {
        Self(Vec3::from_array(reversed.map(|r| if r { -1.0 } else { 1.0 })))
    }

    pub fn mean(self, mean: Vec3) -> Vec3 {
        mean * self.0
    }

    /// The quaternion (w, x, y, z) of the reversed rotation F·R·F, which is a rotation even where F mirrors.
    pub fn quaternion(self, [w, x, y, z]: [f32; 4]) -> [f32; 4] {
        let f = self.0;
        [w, x * f.y * f.z, y * f.x * f.z, z * f.x * f.y]
    }

    /// The factor of each spherical-harmonic coefficient, by its index within degrees 0 to 3.
    pub fn sh(self) -> [f32; 16] {
        let f = self.0;
        ODD.map(|odd| {
            [f.x, f.y, f.z].iter().enumerate().filter(|(axis, _)| odd >> axis & 1 == 1).map(|(_, sign)| sign).product()
        })
    }
}
