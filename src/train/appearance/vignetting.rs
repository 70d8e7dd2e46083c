//! Which lenses there are, and whether they darken their images towards the corners: by what photos show against what is
//! rendered for them, in rings about the lens's axis.

use glam::Vec4;

use crate::camera::Lens;
use crate::dataset::Capture;

use super::kernels::{BANDS, PIVOT, RINGS};
use super::measure::LEAST_WEIGHT;
use super::transform::GAIN_A_STOP;

/// Stops from the middle to the farthest corner, in what is rendered without vignetting, from which on there is some. It
/// is about 0.6 of the lens's: the scene follows the photos as far as it can. Renders without any are brighter in the corners,
/// where fewer photos have taught them: by 0.25 stops in a yard, by 0.8 in a dark museum.
const STOPS: f64 = 0.4;
/// And so many standard errors by how much photos differ in it.
const ERRORS: f64 = 5.0;

/// Photos that there must be for each lens with a vignetting of its own; with fewer all share one.
const PHOTOS_A_LENS: usize = 8;

/// How much darker photos are than their renders towards the corners.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Falloff {
    /// Mean over the photos of the logarithmic gain's slope by the squared distance from the axis, 1 in the farthest corner.
    pub slope: f64,
    /// Standard error of that mean.
    pub error: f64,
}

impl Falloff {
    pub fn stops(&self) -> f64 {
        -self.slope / GAIN_A_STOP
    }

    pub fn is_significant(&self) -> bool {
        self.stops() >= STOPS && -self.slope >= ERRORS * self.error
    }
}

/// `[shots]` the lens of each, and how many there are: those that differ, or one where there are few photos for each.
pub fn lenses(capture: &Capture) -> (Vec<u32>, u32) {
    let mut distinct: Vec<Lens> = Vec::new();
    let mut index = |lens: Lens| {
        let found = distinct.iter().position(|one| *one == lens);
        found.unwrap_or_else(|| {
            distinct.push(lens);
            distinct.len() - 1
        }) as u32
    };
    let lenses: Vec<u32> = capture.shots.iter().map(|shot| index(shot.camera.lens)).collect();
    if PHOTOS_A_LENS * distinct.len() <= lenses.len() {
        (lenses, distinct.len() as u32)
    } else {
        (vec![0; lenses.len()], 1)
    }
}

/// The falloff of photos, from `[photos][BANDS + RINGS][2]` sums of rendered colour with weights, and of photographed
/// colour.
pub fn falloff(measured: &[Vec4]) -> Falloff {
    let rings = measured.chunks(2 * (BANDS + RINGS)).map(|photo| &photo[2 * BANDS..]);
    let slopes: Vec<f64> = rings.filter_map(slope).collect();
    let count = slopes.len() as f64;
    if count < 3.0 {
        return Falloff::default();
    }
    let mean = slopes.iter().sum::<f64>() / count;
    let variance = slopes.iter().map(|slope| (slope - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Falloff { slope: mean, error: (variance / count).sqrt() }
}

/// The slope of one photo's logarithmic gain from ring to ring, by weighted least squares; `None` where it shows too few.
fn slope(rings: &[Vec4]) -> Option<f64> {
    let whole: f64 = rings.iter().step_by(2).map(|rendered| f64::from(rendered.w)).sum();
    let points: Vec<(f64, f64, f64)> = rings
        .chunks_exact(2)
        .enumerate()
        .filter(|(_, pair)| f64::from(pair[0].w) > LEAST_WEIGHT * whole / RINGS as f64)
        .map(|(ring, pair)| {
            let sum = |colour: Vec4| f64::from(colour.x) + f64::from(colour.y) + f64::from(colour.z);
            let (weight, lift) = (f64::from(pair[0].w), 3.0 * PIVOT * f64::from(pair[0].w));
            let gain = ((sum(pair[1]) + lift) / (sum(pair[0]) + lift)).ln();
            (weight, (ring as f64 + 0.5) / RINGS as f64, gain)
        })
        .filter(|(_, _, gain)| gain.is_finite())
        .collect();
    if points.len() < RINGS / 2 {
        return None;
    }
    let total: f64 = points.iter().map(|(weight, ..)| weight).sum();
    let mean = |value: fn(&(f64, f64, f64)) -> f64| points.iter().map(|p| p.0 * value(p)).sum::<f64>() / total;
    let (q, gain) = (mean(|p| p.1), mean(|p| p.2));
    let with: f64 = points.iter().map(|p| p.0 * (p.1 - q) * (p.2 - gain)).sum();
    let own: f64 = points.iter().map(|p| p.0 * (p.1 - q).powi(2)).sum();
    (own > 0.0).then(|| with / own)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Photos whose gain falls by `slope` over the rings, each with a slope of its own besides.
    fn photos(slope: f64, own: f64) -> Vec<Vec4> {
        let mut measured = Vec::new();
        for photo in 0..9 {
            measured.extend([Vec4::ONE; 2 * BANDS]);
            let all = slope + own * (f64::from(photo % 3) - 1.0);
            for ring in 0..RINGS {
                let (weight, lift) = (40.0 + 3.0 * ring as f64, 0.055);
                let shown = |colour: f64| {
                    let gain = (all * (ring as f64 + 0.5) / RINGS as f64 + 0.1).exp();
                    (weight * ((colour + lift) * gain - lift)) as f32
                };
                let rendered = [0.3, 0.5, 0.2].map(|colour| (weight * colour) as f32);
                measured.push(Vec4::new(rendered[0], rendered[1], rendered[2], weight as f32));
                measured.push(Vec4::new(shown(0.3), shown(0.5), shown(0.2), 0.0));
            }
        }
        measured
    }

    #[test]
    fn falloff_is_told_from_content() {
        let dark = falloff(&photos(-0.24, 0.02));
        assert!((dark.slope + 0.24).abs() < 1e-4 && dark.is_significant(), "{dark:?}");
        assert!((dark.stops() - 0.24 / GAIN_A_STOP).abs() < 1e-3);
        assert!(!falloff(&photos(0.0, 0.02)).is_significant(), "none");
        assert!(!falloff(&photos(0.24, 0.02)).is_significant(), "no lens is brighter in the corners");
        assert!(!falloff(&photos(-0.1, 0.0)).is_significant(), "too little");
        assert!(!falloff(&photos(-0.24, 0.6)).is_significant(), "photos differ as much");
        let unseen = vec![Vec4::ZERO; 9 * 2 * (BANDS + RINGS)];
        assert_eq!((falloff(&unseen), falloff(&[])), (Falloff::default(), Falloff::default()));
    }
}
