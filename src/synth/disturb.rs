//! A camera that exposes each photo otherwise, whose lens darkens the corners, poses that are off, and people who walk by.

use glam::{DMat3, DQuat, DVec3, dvec3};
use serde::Deserialize;

use super::pattern::mix64;
use crate::camera::Pose;

/// Changes of the training images' light, each spread evenly over its range in a random order, so that their means over
/// the training images are zero. Held-out images are as without it.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disturbance {
    /// Most stops by which an image is brighter or darker, as a factor on linear light, which is clipped at white.
    pub exposure: f64,
    /// Most stops by which its red, and apart from that its blue, are stronger or weaker.
    pub white_balance: f64,
    /// Share of the light that the lens loses in the farthest corner; what it loses grows with the square of the distance.
    pub vignetting: f64,
    /// How far the poses of training images are turned, in degrees (root mean square).
    pub rotation: f64,
    /// How far they are shifted, as a share of the largest distance of a camera from the cameras' mean (root mean square).
    pub translation: f64,
    /// Share of the training images before which somebody stands. Their masks leave the pixels concerned out; depth,
    /// normals and surface points are those of the scene behind.
    pub passers: f64,
}

impl Disturbance {
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let ok = |stops: f64| (0.0..=8.0).contains(&stops);
        if !(ok(self.exposure) && ok(self.white_balance)) {
            return Err("exposure and white_balance must be 0 to 8 stops".into());
        }
        if !(0.0..=0.9).contains(&self.vignetting) {
            return Err("vignetting must be 0 to 0.9".into());
        }
        if !((0.0..=10.0).contains(&self.rotation) && (0.0..=0.5).contains(&self.translation)) {
            return Err("rotation must be 0 to 10 degrees, translation 0 to 0.5".into());
        }
        if !(0.0..=1.0).contains(&self.passers) {
            return Err("passers must be 0 to 1".into());
        }
        Ok(())
    }

    /// Whether poses are off.
    pub fn moves(&self) -> bool {
        self.rotation > 0.0 || self.translation > 0.0
    }

    /// The poses that are stated of cameras: turned about their centres and shifted at random, without a mean.
    pub fn moved(&self, seed: u64, poses: &[Pose]) -> Vec<Pose> {
        let count = poses.len().max(1) as f64;
        let middle = poses.iter().map(Pose::centre).sum::<DVec3>() / count;
        let reach = poses.iter().map(|pose| (pose.centre() - middle).length()).fold(0.0, f64::max);
        let turns = scattered(mix64(seed ^ 0xd157 << 4), poses.len(), self.rotation.to_radians());
        let shifts = scattered(mix64(seed ^ 0xd157 << 5), poses.len(), self.translation * reach);
        let moved = |((pose, turn), shift): ((&Pose, DVec3), DVec3)| {
            let rotation = pose.rotation * DMat3::from_quat(DQuat::from_scaled_axis(turn)).transpose();
            Pose { rotation, translation: -(rotation * (pose.centre() + shift)) }
        };
        poses.iter().zip(turns).zip(shifts).map(moved).collect()
    }

    /// Factors on the light of each of `count` training images.
    pub fn gains(&self, seed: u64, count: usize) -> Vec<DVec3> {
        let [light, red, blue] = [1, 2, 3].map(|stream| shuffled(mix64(seed ^ 0xd157 << stream), count));
        let gain = |i: usize| {
            let balance = dvec3(red[i], 0.0, blue[i]) * self.white_balance;
            (DVec3::splat(light[i] * self.exposure) + balance).exp2()
        };
        (0..count).map(gain).collect()
    }
}

/// Vectors in random directions whose mean is zero and whose root mean square length is `length`.
fn scattered(seed: u64, count: usize, length: f64) -> Vec<DVec3> {
    let unit = |i: u64| (mix64(seed.wrapping_add(i)) >> 11) as f64 / (1u64 << 53) as f64;
    let direction = |i: usize| {
        let (z, angle) = (2.0 * unit(2 * i as u64) - 1.0, std::f64::consts::TAU * unit(2 * i as u64 + 1));
        let radius = (1.0 - z * z).sqrt();
        dvec3(radius * angle.cos(), radius * angle.sin(), z)
    };
    let mut vectors: Vec<DVec3> = (0..count).map(direction).collect();
    let mean = vectors.iter().sum::<DVec3>() / count.max(1) as f64;
    vectors.iter_mut().for_each(|vector| *vector -= mean);
    let square = vectors.iter().map(|vector| vector.length_squared()).sum::<f64>() / count.max(1) as f64;
    let scale = if square > 0.0 { length / square.sqrt() } else { 0.0 };
    vectors.into_iter().map(|vector| scale * vector).collect()
}

/// Evenly spaced numbers within -1..1 in a random order.
pub(super) fn shuffled(seed: u64, count: usize) -> Vec<f64> {
    let mut numbers: Vec<f64> = (0..count).map(|i| (2.0 * i as f64 + 1.0) / count as f64 - 1.0).collect();
    for i in (1..count).rev() {
        numbers.swap(i, (mix64(seed.wrapping_add(i as u64)) % (i as u64 + 1)) as usize);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::super::run;
    use super::*;

    #[test]
    fn gains_are_even_and_have_no_mean() {
        let disturbance = Disturbance { exposure: 1.0, white_balance: 0.25, ..Disturbance::default() };
        let gains = disturbance.gains(3, 20);
        let stops: Vec<DVec3> = gains.iter().map(|gain| dvec3(gain.x.log2(), gain.y.log2(), gain.z.log2())).collect();
        assert!(stops.iter().sum::<DVec3>().length() < 1e-9);
        let mut greens: Vec<f64> = stops.iter().map(|stops| stops.y).collect();
        assert!(greens.windows(2).any(|pair| pair[0] > pair[1]), "in a random order");
        greens.sort_by(f64::total_cmp);
        assert!(greens.iter().enumerate().all(|(i, green)| (green - (0.1 * i as f64 - 0.95)).abs() < 1e-9));
        assert!(stops.iter().all(|s| (s.x - s.y).abs() < 0.25 && (s.z - s.y).abs() < 0.25));
        assert!(stops.iter().any(|s| (s.x - s.z).abs() > 0.1));
        assert_ne!(disturbance.gains(4, 20), gains, "another seed");
        assert_eq!(Disturbance::default().gains(3, 2), [DVec3::ONE; 2]);
    }

    #[test]
    fn poses_are_off_by_what_is_asked_for_and_not_on_the_whole() {
        let pose = |i: u32| {
            let angle = f64::from(i);
            Pose::look_at(dvec3(3.0 * angle.cos(), 3.0 * angle.sin(), 1.0), DVec3::ZERO, DVec3::Z)
        };
        let poses: Vec<Pose> = (0..20).map(pose).collect();
        let off = Disturbance { rotation: 0.5, translation: 0.01, ..Disturbance::default() };
        let moved = off.moved(7, &poses);
        let shifts: Vec<DVec3> = poses.iter().zip(&moved).map(|(a, b)| b.centre() - a.centre()).collect();
        let square = shifts.iter().map(|shift| shift.length_squared()).sum::<f64>() / 20.0;
        let middle = poses.iter().map(Pose::centre).sum::<DVec3>() / 20.0;
        let reach = poses.iter().map(|p| (p.centre() - middle).length()).fold(0.0, f64::max);
        assert!((square.sqrt() / (0.01 * reach) - 1.0).abs() < 1e-9, "{}", square.sqrt());
        assert!(shifts.iter().sum::<DVec3>().length() < 1e-9);
        let turn = |(a, b): (&Pose, &Pose)| (b.rotation * a.rotation.transpose()).to_cols_array();
        let angle = |m: [f64; 9]| (0.5 * (m[0] + m[4] + m[8] - 1.0)).clamp(-1.0, 1.0).acos().to_degrees();
        let square = poses.iter().zip(&moved).map(turn).map(|m| angle(m).powi(2)).sum::<f64>() / 20.0;
        assert!((square.sqrt() - 0.5).abs() < 1e-4, "{}", square.sqrt());
        let still = Disturbance::default().moved(7, &poses);
        assert!(still.iter().zip(&poses).all(|(a, b)| (a.translation - b.translation).length() < 1e-12));
    }

    /// Images of scenes/tiny.toml without and with a disturbance, of each training view; held-out ones are equal. Where a
    /// disturbed one has a mask, as `masks` of them must, they differ where it is black alone.
    fn disturbed(disturbance: &str, masks: usize) -> Vec<[image::RgbImage; 2]> {
        let folder = tempfile::tempdir().unwrap();
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/tiny.toml");
        let text = fs::read_to_string(&tiny).unwrap();
        let (plain, disturbed) = (folder.path().join("plain"), folder.path().join("disturbed"));
        let file = folder.path().join("scene.toml");
        fs::write(&file, format!("{text}\n[disturb]\n{disturbance}\n")).unwrap();
        run(&tiny, &plain).unwrap();
        run(&file, &disturbed).unwrap();
        let held_out = fs::read_to_string(plain.join("sparse/0/test.txt")).unwrap();
        let (mut pairs, mut masked) = (Vec::new(), 0);
        for entry in fs::read_dir(plain.join("images")).unwrap() {
            let name = entry.unwrap().file_name();
            let pair = [&plain, &disturbed]
                .map(|capture: &PathBuf| image::open(capture.join("images").join(&name)).unwrap().into_rgb8());
            if held_out.lines().any(|held_out| held_out == name.to_string_lossy()) {
                assert_eq!(pair[0], pair[1], "{name:?}");
            } else {
                if let Ok(mask) = image::open(disturbed.join("masks").join(&name)) {
                    let kept = mask.into_luma8().pixels().map(|pixel| pixel.0[0] > 0).collect::<Vec<_>>();
                    let differ = pair[0].pixels().zip(pair[1].pixels()).map(|(a, b)| a != b);
                    assert!(differ.zip(&kept).all(|(differs, kept)| !(differs && *kept)), "{name:?}");
                    assert!(kept.iter().filter(|kept| **kept).count() > kept.len() / 2, "{name:?}: most is clear");
                    masked += 1;
                }
                pairs.push(pair);
            }
        }
        assert_eq!((pairs.len(), masked), (12, masks));
        pairs
    }

    /// Stops from one code to another; `None` where either is dark, so that sRGB has no power there, or clipped.
    fn stops(before: u8, after: u8) -> Option<f64> {
        let linear = |code: u8| ((f64::from(code) / 255.0 + 0.055) / 1.055).powf(2.4);
        let clear = |code: u8| (60..200).contains(&code);
        (clear(before) && clear(after)).then(|| (linear(after) / linear(before)).log2())
    }

    #[test]
    fn a_disturbed_camera_changes_training_images_alone() {
        let mean = |[before, after]: &[image::RgbImage; 2]| {
            let found: Vec<f64> = before.iter().zip(after.iter()).filter_map(|(a, b)| stops(*a, *b)).collect();
            found.iter().sum::<f64>() / found.len() as f64
        };
        let mut found: Vec<f64> = disturbed("exposure = 1.0", 0).iter().map(mean).collect();
        found.sort_by(f64::total_cmp);
        for (i, stop) in found.iter().enumerate() {
            let want = (2.0 * i as f64 + 1.0) / 12.0 - 1.0;
            assert!((stop - want).abs() < 0.05, "{i}: {stop}, not {want}");
        }
    }

    #[test]
    fn a_lens_that_vignettes_darkens_by_the_square_of_the_distance() {
        let (mut compared, mut far) = (0, 0);
        for [before, after] in disturbed("vignetting = 0.5", 0) {
            let middle = f64::from(before.width()) / 2.0;
            for (x, y, pixel) in before.enumerate_pixels() {
                let q = ((f64::from(x) + 0.5 - middle).powi(2) + (f64::from(y) + 0.5 - middle).powi(2))
                    / (2.0 * middle * middle);
                let codes = pixel.0.into_iter().zip(after.get_pixel(x, y).0);
                for got in codes.filter_map(|(a, b)| stops(a, b)) {
                    let want = (1.0 - 0.5 * q).log2();
                    assert!((got - want).abs() < 0.05, "({x}, {y}): {got}, not {want}");
                    compared += 1;
                    far += usize::from(q > 0.2);
                }
            }
        }
        assert!(compared > 1000 && far > 1000, "{compared} {far}");
    }

    #[test]
    fn who_walks_by_is_in_a_share_of_the_images_and_in_their_masks() {
        let mut counted = [0, 0];
        let hides = |[before, after]: &[image::RgbImage; 2]| {
            let differ = before.pixels().zip(after.pixels()).filter(|(a, b)| a != b).count();
            differ as f64 / f64::from(before.width() * before.height())
        };
        for share in disturbed("passers = 0.34", 4).iter().map(hides) {
            assert!(share == 0.0 || (0.05..0.4).contains(&share), "{share}");
            counted[usize::from(share > 0.0)] += 1;
        }
        assert_eq!(counted, [8, 4], "without and with somebody");
    }
}
