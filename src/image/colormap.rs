//! Numbers and displacements as colours.

use glam::{Vec2, Vec3};

/// Matplotlib's inferno, at five evenly spaced values: black to pale yellow over violet and orange. For errors.
pub const INFERNO: [[u8; 3]; 5] = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
/// Matplotlib's viridis, at five evenly spaced values: violet to yellow over green. For depth.
pub const VIRIDIS: [[u8; 3]; 5] = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/// The colour at `t` in 0..=1 of a colour map, interpolated linearly between its anchors.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::png::to_image;

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
    fn colour_maps_pass_through_their_anchors() {
        let bytes = |t| to_image(1, 1, std::iter::once(ramp(&INFERNO, t))).into_raw();
        assert_eq!(bytes(0.0), INFERNO[0]);
        assert_eq!(bytes(0.5), INFERNO[2]);
        assert_eq!(bytes(2.0), INFERNO[4]);
        assert_eq!(bytes(f32::NAN), INFERNO[0]);
    }
}
