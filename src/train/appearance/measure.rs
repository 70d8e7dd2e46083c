//! Whether photos differ in exposure or white balance: by what they show against what is rendered for them.

use glam::Vec4;

use super::kernels::{BANDS, PIVOT, RINGS};
use super::transform::GAIN_A_STOP;

/// Standard deviation of the photos' exposures, in stops, from which on they are taken to differ. What differs less is
/// followed well enough by view-dependent colour, as held-out photos of a capture with 0.27 stops show.
const STOPS: f64 = 0.4;
/// And the variance between photos is so many times what the differences within each photo make by chance.
const TIMES_CHANCE: f64 = 4.0;
/// Bands and rings with less than this part of a photo's mean weight are passed over.
pub const LEAST_WEIGHT: f64 = 0.1;

/// How much photos differ, in the channel in which they differ most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Standard deviation between photos, in stops, without what chance makes.
    pub stops: f64,
    /// Variance between photos against that which the differences within each make.
    pub times_chance: f64,
}

impl Spread {
    pub fn is_significant(&self) -> bool {
        self.stops >= STOPS && self.times_chance >= TIMES_CHANCE
    }
}

/// What photos show against what is rendered for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    pub spread: Spread,
    /// `[photos]` logarithmic gains of the channels about their mean, drawn towards it so far as chance explains them.
    pub gains: Vec<[f64; 3]>,
}

/// Compares photos with renders by their bands, from `[photos][BANDS + RINGS][2]` sums of rendered colour with weights, and
/// of photographed colour.
pub fn compare(measured: &[Vec4]) -> Compared {
    let photos: Vec<Vec<(Vec4, Vec4)>> = measured
        .chunks(2 * (BANDS + RINGS))
        .map(|photo| photo[..2 * BANDS].chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
        .collect();
    let channels = [0, 1, 2].map(|channel| compare_channel(&photos, channel));
    let spread = channels.iter().map(|(spread, _)| *spread).max_by(|a, b| a.stops.total_cmp(&b.stops));
    let gains = (0..photos.len()).map(|photo| [0, 1, 2].map(|channel: usize| channels[channel].1[photo])).collect();
    Compared { spread: spread.unwrap_or_default(), gains }
}

/// The spread of photos in one channel, and the gain of each.
fn compare_channel(photos: &[Vec<(Vec4, Vec4)>], channel: usize) -> (Spread, Vec<f64>) {
    let each: Vec<Option<(f64, f64)>> = photos.iter().map(|bands| exposure(bands, channel)).collect();
    let known: Vec<(f64, f64)> = each.iter().copied().flatten().collect();
    let count = known.len() as f64;
    if count < 3.0 {
        return (Spread::default(), vec![0.0; photos.len()]);
    }
    let mean = known.iter().map(|(gain, _)| gain).sum::<f64>() / count;
    let between = known.iter().map(|(gain, _)| (gain - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let chance = known.iter().map(|(_, variance)| variance).sum::<f64>() / count;
    let own = (between - chance).max(0.0);
    let spread = Spread { stops: own.sqrt() / GAIN_A_STOP, times_chance: between / chance.max(f64::MIN_POSITIVE) };
    let trust = own / between.max(f64::MIN_POSITIVE);
    let gains = each.iter().map(|one| one.map_or(0.0, |(gain, _)| trust * (gain - mean))).collect();
    (spread, gains)
}

/// The logarithmic gain from render to photo, and the variance of its error by how bands of the image differ.
fn exposure(bands: &[(Vec4, Vec4)], channel: usize) -> Option<(f64, f64)> {
    let weight = |(rendered, _): &(Vec4, Vec4)| f64::from(rendered.w);
    let gain = |(rendered, photo): &(Vec4, Vec4)| {
        let lift = PIVOT * f64::from(rendered.w);
        ((f64::from(photo[channel]) + lift) / (f64::from(rendered[channel]) + lift)).ln()
    };
    let all = bands.iter().fold((Vec4::ZERO, Vec4::ZERO), |sum, band| (sum.0 + band.0, sum.1 + band.1));
    let least = LEAST_WEIGHT * weight(&all) / bands.len() as f64;
    let gains: Vec<f64> =
        bands.iter().filter(|band| weight(band) > least).map(gain).filter(|g| g.is_finite()).collect();
    let (count, whole) = (gains.len() as f64, gain(&all));
    if count < 3.0 || !whole.is_finite() {
        return None;
    }
    let mean = gains.iter().sum::<f64>() / count;
    let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some((whole, variance / count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Photos with `gains` on all but noise of `noise` by band.
    fn photos(gains: &[f64], noise: f64) -> Vec<Vec4> {
        let mut measured = Vec::new();
        for (photo, gain) in gains.iter().enumerate() {
            for band in 0..BANDS {
                let weight = 50.0 + band as f32;
                let colour = weight * 0.4;
                let off = noise * if (photo * 5 + band * 3) % 7 < 3 { 1.0 } else { -0.75 };
                let shown =
                    (f64::from(colour) + PIVOT * f64::from(weight)) * (gain + off).exp() - PIVOT * f64::from(weight);
                measured.push(Vec4::new(colour, colour, colour, weight));
                measured.push(Vec4::new(colour, shown as f32, colour, 0.0));
            }
            measured.extend([Vec4::NAN; 2 * RINGS]);
        }
        measured
    }

    #[test]
    fn exposures_are_told_from_content() {
        let gains = [0.2, -0.1, 0.3, -0.25, 0.05, 0.0];
        let spread = |measured: &[Vec4]| compare(measured).spread;
        let Compared { spread: different, gains: found } = compare(&photos(&gains, 0.05));
        assert!(different.is_significant(), "{different:?}");
        assert!((different.stops - 0.199 / GAIN_A_STOP).abs() < 0.03, "{different:?}");
        let off = |(found, gain): (&[f64; 3], &f64)| (found[1] - (gain - 0.2 / 6.0)).abs();
        assert!(found.iter().zip(&gains).map(off).fold(0.0, f64::max) < 0.03, "{found:?}");
        assert!(found.iter().all(|gain| gain[0].abs() < 1e-6), "the other channels agree");
        assert!(!spread(&photos(&[0.0; 6], 0.05)).is_significant(), "equal exposures");
        assert!(!spread(&photos(&gains.map(|g| 0.1 * g), 0.0)).is_significant(), "a tenth of a stop is too little");
        assert!(!spread(&photos(&gains.map(|g| 0.3 * g), 0.4)).is_significant(), "bands differ as much as photos");
        assert_eq!(spread(&vec![Vec4::ZERO; 6 * 2 * (BANDS + RINGS)]), Spread::default(), "nothing was seen");
        assert_eq!(spread(&[]), Spread::default());
    }
}
