//! A photo's appearance on the host: its affine transform, and what the others predict for a photo that was held out.

use glam::{DMat3, DVec3, Vec4, dvec2};
use serde::{Deserialize, Serialize};

use super::kernels::{NUMBERS, PIVOT};
use crate::camera::Lens;

/// The parameters of a photo's transform: rows of (M | b), the diagonal of M as logarithms.
pub type Raw = [f64; NUMBERS];

/// Where the diagonal's logarithms are in [`Raw`].
pub const GAINS: [usize; 3] = [0, 5, 10];

/// Change of a logarithmic gain by a stop of exposure: display colour goes with the light to the power of 1 / 2.4.
pub const GAIN_A_STOP: f64 = std::f64::consts::LN_2 / 2.4;

/// A correlation of neighbours below this many standard errors is taken for chance.
const SIGNIFICANT: f64 = 2.0;

/// From the scene's display colours to those that a photo shows: the lens's vignetting, then an affine transform, by which x
/// becomes `matrix` x + `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transform {
    /// By rows.
    pub matrix: [[f64; 3]; 3],
    pub offset: [f64; 3],
    /// k of the logarithmic gain k · (q, q², q³), where q is the squared distance from the lens's axis, 1 in the farthest
    /// corner; a gain multiplies x + 0.055, so that 2.4 times as much is that of the light.
    #[serde(default, skip_serializing_if = "is_none")]
    pub vignetting: Vignetting,
}

/// Coefficients of a lens's vignetting; see [`Transform::vignetting`].
pub type Vignetting = [f64; 3];

fn is_none(vignetting: &Vignetting) -> bool {
    *vignetting == [0.0; 3]
}

impl Transform {
    /// The transform of a photo's parameters and of its lens.
    pub fn of(raw: &Raw, vignetting: Vignetting) -> Self {
        let entry = |r: usize, c: usize| if r == c { raw[5 * r].exp() } else { raw[4 * r + c] };
        let matrix = [0, 1, 2].map(|r| [0, 1, 2].map(|c| entry(r, c)));
        let offset = [0, 1, 2].map(|r| raw[4 * r + 3] - PIVOT + PIVOT * matrix[r].iter().sum::<f64>());
        Self { matrix, offset, vignetting }
    }

    /// `render`, `[height * width]` through a lens, as the photo would show it, before it is clipped; `w` stays.
    pub fn apply(&self, render: &[Vec4], lens: &Lens) -> Vec<Vec4> {
        let matrix = DMat3::from_cols_array_2d(&self.matrix).transpose();
        let offset = DVec3::from_array(self.offset);
        let gain = |index: usize| {
            let (x, y) = (index % lens.width as usize, index / lens.width as usize);
            let q = lens.off_axis(dvec2(x as f64 + 0.5, y as f64 + 0.5));
            let [a, b, c] = self.vignetting;
            (q * (a + q * (b + q * c))).exp()
        };
        let one = |(index, pixel): (usize, &Vec4)| {
            let taken = gain(index) * (pixel.truncate().as_dvec3() + PIVOT) - PIVOT;
            (matrix * taken + offset).as_vec3().extend(pixel.w)
        };
        render.iter().enumerate().map(one).collect()
    }
}

/// A photo among others of its camera, in the order in which they were taken.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Physical camera of a clip; one for all photos otherwise.
    pub camera: usize,
    /// Stops of exposure by EXIF.
    pub stops: Option<f64>,
    /// Of a photo that was trained on.
    pub raw: Option<Raw>,
}

/// The parameters of every photo of `taken`: its own where it was trained on, else a prediction from the others: by the
/// relation of gains to EXIF's exposures, and by the neighbours in order so far as neighbours resemble each other.
pub fn predicted(taken: &[Taken]) -> Vec<Raw> {
    let by_stops = slopes(taken);
    let rest: Vec<Option<Raw>> = taken.iter().map(|t| Some(minus(&t.raw?, &by_stops(t.stops)))).collect();
    let near: Vec<Raw> = (0..taken.len()).map(|i| neighbours(taken, &rest, i)).collect();
    let trust = likeness(&rest, &near);
    let guess = |i: usize| {
        let expected = by_stops(taken[i].stops);
        std::array::from_fn(|k| expected[k] + trust * near[i][k])
    };
    (0..taken.len()).map(|i| taken[i].raw.unwrap_or_else(|| guess(i))).collect()
}

/// What the exposure of a photo says of its gains, by least squares; nothing where a photo has no EXIF.
fn slopes(taken: &[Taken]) -> impl Fn(Option<f64>) -> Raw + use<> {
    let all: Option<Vec<f64>> = taken.iter().map(|t| t.stops).collect();
    let known: Vec<(f64, Raw)> = taken.iter().filter_map(|t| Some((t.stops?, t.raw?))).collect();
    let mean = known.iter().map(|(stops, _)| stops).sum::<f64>() / known.len().max(1) as f64;
    let spread: f64 = known.iter().map(|(stops, _)| (stops - mean).powi(2)).sum();
    let usable = all.is_some() && spread > 0.0;
    let slope = GAINS.map(|k| {
        let with: f64 = known.iter().map(|(stops, raw)| (stops - mean) * raw[k]).sum();
        if usable { with / spread } else { 0.0 }
    });
    move |stops| {
        let mut raw = [0.0; NUMBERS];
        let off = stops.map_or(0.0, |stops| stops - mean);
        GAINS.iter().zip(slope).for_each(|(&k, slope)| raw[k] = slope * off);
        raw
    }
}

fn minus(a: &Raw, b: &Raw) -> Raw {
    std::array::from_fn(|k| a[k] - b[k])
}

/// The mean of the trained photos before and after one, of its camera where that has some.
fn neighbours(taken: &[Taken], rest: &[Option<Raw>], i: usize) -> Raw {
    let fits =
        |same: bool| move |&j: &usize| j != i && rest[j].is_some() && (!same || taken[j].camera == taken[i].camera);
    let pair = |same: bool| [(0..i).rev().find(fits(same)), (i + 1..taken.len()).find(fits(same))];
    let own = pair(true);
    let found = if own == [None, None] { pair(false) } else { own };
    let found: Vec<&Raw> = found.iter().flatten().filter_map(|&j| rest[j].as_ref()).collect();
    std::array::from_fn(|k| found.iter().map(|raw| raw[k]).sum::<f64>() / found.len().max(1) as f64)
}

/// How much of the neighbours' mean a trained photo has, 0 to 1, by least squares over gains; 0 where that may be chance.
fn likeness(rest: &[Option<Raw>], near: &[Raw]) -> f64 {
    let (mut with, mut own, mut others, mut count) = (0.0, 0.0, 0.0, 0.0);
    for (raw, near) in rest.iter().zip(near).filter_map(|(raw, near)| Some((raw.as_ref()?, near))) {
        count += 1.0;
        for k in GAINS {
            with += raw[k] * near[k];
            own += raw[k] * raw[k];
            others += near[k] * near[k];
        }
    }
    let chance = SIGNIFICANT / f64::sqrt(f64::max(count, 1.0));
    if with > chance * f64::sqrt(own * others) { (with / others).min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gains(value: f64) -> Raw {
        let mut raw = [0.0; NUMBERS];
        GAINS.iter().for_each(|&k| raw[k] = value);
        raw
    }

    fn photo(stops: Option<f64>, raw: Option<Raw>) -> Taken {
        Taken { camera: 0, stops, raw }
    }

    #[test]
    fn parameters_are_an_affine_transform() {
        assert_eq!(
            Transform::of(&[0.0; NUMBERS], [0.0; 3]).matrix,
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        );
        assert!(Transform::of(&[0.0; NUMBERS], [0.0; 3]).offset.iter().all(|v| v.abs() < 1e-15));
        let mut raw = gains(2.0_f64.ln());
        (raw[1], raw[3]) = (0.5, 0.25);
        // The corners of an image of two by two pixels are nearest to its axis at half their distance.
        let lens = Lens::from_fov_x(1.0, 2, 2);
        let gains = [0.4, -0.2, 0.8];
        let shown = Transform::of(&raw, gains).apply(&[Vec4::new(0.1, 0.2, 0.3, 0.7); 4], &lens)[3];
        let darker = f64::exp(0.4 * 0.25 - 0.2 * 0.0625 + 0.8 * 0.015_625);
        let [x, y, z] = [0.155, 0.255, 0.355].map(|v| v * darker);
        let want =
            Vec4::new((2.0 * x + 0.5 * y - 0.055 + 0.25) as f32, 2.0 * y as f32 - 0.055, 2.0 * z as f32 - 0.055, 0.7);
        assert!((shown - want).abs().max_element() < 1e-6, "{shown}, not {want}");
    }

    /// A factor on the light is a gain of [`GAIN_A_STOP`] for each doubling, on all but the darkest colours.
    #[test]
    fn a_stop_is_a_gain() {
        let encode = |light: f64| 1.055 * light.powf(1.0 / 2.4) - 0.055;
        let transform = Transform::of(&gains(-1.5 * GAIN_A_STOP), [0.0; 3]);
        for light in [0.02, 0.2, 0.9] {
            let shown = transform.apply(&[Vec4::splat(encode(light) as f32)], &Lens::from_fov_x(1.0, 1, 1))[0].x;
            assert!((f64::from(shown) - encode(light * 0.5_f64.powf(1.5))).abs() < 1e-6);
        }
    }

    #[test]
    fn exif_predicts_and_neighbours_do_where_they_are_alike() {
        let stops = [0.0, 1.0, -1.0, 0.5, 2.0, -0.5];
        let exif: Vec<Taken> =
            stops.iter().enumerate().map(|(i, &s)| photo(Some(s), (i != 3).then(|| gains(0.3 * (s - 0.3))))).collect();
        assert!((predicted(&exif)[3][0] - 0.3 * 0.2).abs() < 1e-9, "a linear relation is found");
        let smooth = |i: usize| f64::sin(0.2 * i as f64);
        let drift: Vec<Taken> = (0..40).map(|i| photo(None, (i != 17).then(|| gains(smooth(i))))).collect();
        assert!((predicted(&drift)[17][5] - smooth(17)).abs() < 0.05);
        assert_eq!(predicted(&drift)[5], gains(smooth(5)), "a trained photo has its own");
        let random = |i: usize| if (i * 7).is_multiple_of(3) { 0.3 } else { -0.15 };
        let wild: Vec<Taken> = (0..41).map(|i| photo(None, (i != 17).then(|| gains(random(i))))).collect();
        assert_eq!(predicted(&wild)[17], [0.0; NUMBERS], "unlike neighbours predict nothing");
        assert_eq!(predicted(&[photo(None, None)]), [[0.0; NUMBERS]]);
    }
}
