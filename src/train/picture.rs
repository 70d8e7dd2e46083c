//! Renders as 8-bit images, and numbers as colours.

use std::io::{Cursor, Write};
use std::path::Path;

use anyhow::{Context, Result};
use glam::{Vec2, Vec3};
use image::{ImageFormat, RgbImage};

use crate::format::write_atomically;

/// Black to pale yellow over violet and orange, evenly in lightness: for errors.
pub const EMBER: [[u8; 3]; 5] = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
/// Violet to yellow over green, evenly in lightness: for depth.
pub const MEADOW: [[u8; 3]; 5] = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/// The colour at `t` in 0..=1 of a ramp, between its anchors linearly.
pub fn ramp(anchors: &[[u8; 3]; 5], t: f32) -> Vec3 {
    let position = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) * 4.0 };
    let low = (position as usize).min(3);
    let colour = |anchor: [u8; 3]| Vec3::from_array(anchor.map(f32::from)) / 255.0;
    colour(anchors[low]).lerp(colour(anchors[low + 1]), position - low as f32)
}

/// Steps of the colour wheel between red, yellow, green, cyan, blue, magenta and red again (Baker et al. 2007, "A Database
/// and Evaluation Methodology for Optical Flow").
const WHEEL: [(usize, Vec3, Vec3); 6] = [
    (15, Vec3::X, Vec3::new(1.0, 1.0, 0.0)),
    (6, Vec3::new(1.0, 1.0, 0.0), Vec3::Y),
    (4, Vec3::Y, Vec3::new(0.0, 1.0, 1.0)),
    (11, Vec3::new(0.0, 1.0, 1.0), Vec3::Z),
    (13, Vec3::Z, Vec3::new(1.0, 0.0, 1.0)),
    (6, Vec3::new(1.0, 0.0, 1.0), Vec3::X),
];

/// Colour `index` of the wheel's 55.
fn wheel_colour(mut index: usize) -> Vec3 {
    for (steps, from, to) in WHEEL {
        if index < steps {
            return from.lerp(to, index as f32 / steps as f32);
        }
        index -= steps;
    }
    Vec3::X
}

/// The colour of a displacement (x right, y down) in the standard colour wheel of optical flow: white where nothing moves,
/// saturated at length 1, darker beyond.
pub fn flow_colour(flow: Vec2) -> Vec3 {
    let count: usize = WHEEL.iter().map(|part| part.0).sum();
    let length = flow.length();
    let turn = ((-flow.y).atan2(-flow.x) / std::f32::consts::PI + 1.0) * 0.5 * (count - 1) as f32;
    let low = (turn as usize).min(count - 1);
    let hue = wheel_colour(low).lerp(wheel_colour((low + 1) % count), turn - low as f32);
    if length <= 1.0 { Vec3::ONE - length * (Vec3::ONE - hue) } else { 0.75 * hue }
}

/// Display-referred colours, clamped to 0..=1, as an 8-bit image.
///
/// # Panics
/// Unless there are `width * height` colours.
pub fn to_image(width: u32, height: u32, colours: impl Iterator<Item = Vec3>) -> RgbImage {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    let bytes: Vec<u8> = colours.flat_map(|colour| colour.to_array().map(byte)).collect();
    RgbImage::from_raw(width, height, bytes).expect("an image has width x height pixels")
}

/// Writes a PNG.
pub fn save_png(path: &Path, image: &RgbImage) -> Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).with_context(|| format!("cannot encode {}", path.display()))?;
    write_atomically(path, |file| file.write_all(bytes.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flow_has_the_colours_of_the_standard_wheel() {
        let bytes = |x, y| to_image(1, 1, std::iter::once(flow_colour(Vec2::new(x, y)))).into_raw();
        assert_eq!(bytes(0.0, 0.0), [255, 255, 255]);
        // Right is red; half the length is half as saturated.
        assert_eq!(bytes(1.0, 0.0), [255, 0, 0]);
        assert_eq!(bytes(0.5, 0.0), [255, 128, 128]);
        // Down is yellow, left cyan to blue, up violet, as in the published figure.
        let [down, left, up] = [bytes(0.0, 1.0), bytes(-1.0, 0.0), bytes(0.0, -1.0)];
        assert!(down[0] > 200 && down[1] > 200 && down[2] < 30, "{down:?}");
        assert!(left[0] < 30 && left[2] > 200, "{left:?}");
        assert!(up[0] > 80 && up[1] < 30 && up[2] > 200, "{up:?}");
        assert!(bytes(3.0, 0.0)[0] < 200, "beyond the range it is darker");
    }

    #[test]
    fn ramps_pass_through_their_anchors() {
        let bytes = |t| to_image(1, 1, std::iter::once(ramp(&EMBER, t))).into_raw();
        assert_eq!(bytes(0.0), EMBER[0]);
        assert_eq!(bytes(0.5), EMBER[2]);
        assert_eq!(bytes(2.0), EMBER[4]);
        assert_eq!(bytes(f32::NAN), EMBER[0]);
    }
}
