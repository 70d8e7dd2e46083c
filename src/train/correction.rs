//! Colour correction of a render: the affine transform of its colours that fits the photo best, which tells what of an
//! error is exposure and white balance. It looks at the answer, and so is no score by itself.

use glam::{DMat4, DVec3, DVec4, Vec3, Vec4};

use super::metrics::{Target, psnr};

/// Weight of the identity in the fit, in pixels: what a render of one colour leaves open.
const IDENTITY: f64 = 1e-3;

/// PSNR in decibels of a render, clamped to 0..=1, after the best affine transform of its colours, clamped again.
pub fn corrected_psnr(target: &Target, render: &[Vec4]) -> f64 {
    let clamped = |pixel: &Vec4| pixel.truncate().clamp(Vec3::ZERO, Vec3::ONE).as_dvec3();
    let mut moments = IDENTITY * DMat4::IDENTITY;
    // By channel: the sums of the photo's value times (r, g, b, 1).
    let mut sums = [DVec4::X, DVec4::Y, DVec4::Z].map(|axis| IDENTITY * axis);
    for (pixel, (render, photo)) in render.iter().zip(&target.colours).enumerate() {
        if target.counts(pixel) {
            let colour = clamped(render).extend(1.0);
            moments += DMat4::from_cols(colour.x * colour, colour.y * colour, colour.z * colour, colour);
            for (sum, value) in sums.iter_mut().zip(photo.to_array()) {
                *sum += f64::from(value) * colour;
            }
        }
    }
    let inverse = moments.inverse();
    let rows = sums.map(|sum| inverse * sum);
    let correct = |pixel: &Vec4| {
        let colour = clamped(pixel).extend(1.0);
        DVec3::from_array(rows.map(|row| row.dot(colour))).as_vec3().clamp(Vec3::ZERO, Vec3::ONE)
    };
    psnr(target, &render.iter().map(correct).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_affine_change_is_undone_and_another_is_not() {
        let colour = |i: usize| {
            let i = i as f32;
            Vec3::new((i * 0.7).sin(), (i * 0.37).cos(), (i * 0.11).sin()) * 0.2 + 0.4
        };
        let target = Target { width: 40, height: 1, colours: (0..40).map(colour).collect(), mask: None };
        let render = |change: &dyn Fn(usize, Vec3) -> Vec3| -> Vec<Vec4> {
            (0..40).map(|i| change(i, colour(i)).extend(0.0)).collect()
        };
        let affine = render(&|_, c| Vec3::new(0.8 * c.x + 0.1 * c.y, 1.2 * c.y - 0.05, 0.9 * c.z + 0.02));
        assert!(corrected_psnr(&target, &affine) > 80.0, "{}", corrected_psnr(&target, &affine));
        let noisy = render(&|i, c| c + if i % 3 == 0 { 0.1 } else { -0.05 });
        let score = corrected_psnr(&target, &noisy);
        assert!((20.0..30.0).contains(&score), "{score}");
        let flat = vec![Vec4::splat(0.5); 40];
        assert!(corrected_psnr(&target, &flat).is_finite(), "a render of one colour");
        let masked = Target { mask: Some(vec![false; 40]), ..target };
        assert!(corrected_psnr(&masked, &flat).is_finite(), "nothing to fit");
    }
}
