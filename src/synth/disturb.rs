//! A camera that exposes each photo otherwise.

use glam::{DVec3, dvec3};
use serde::Deserialize;

use super::pattern::mix64;

/// Changes of the training images' light, each spread evenly over its range in a random order, so that their means over
/// the training images are zero. Held-out images are as without it.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disturbance {
    /// Most stops by which an image is brighter or darker, as a factor on linear light, which is clipped at white.
    pub exposure: f64,
    /// Most stops by which its red, and apart from that its blue, are stronger or weaker.
    pub white_balance: f64,
}

impl Disturbance {
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let ok = |stops: f64| (0.0..=8.0).contains(&stops);
        if ok(self.exposure) && ok(self.white_balance) {
            Ok(())
        } else {
            Err("exposure and white_balance must be 0 to 8 stops".into())
        }
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

/// Evenly spaced numbers within -1..1 in a random order.
fn shuffled(seed: u64, count: usize) -> Vec<f64> {
    let mut numbers: Vec<f64> = (0..count).map(|i| (2.0 * i as f64 + 1.0) / count as f64 - 1.0).collect();
    for i in (1..count).rev() {
        numbers.swap(i, (mix64(seed.wrapping_add(i as u64)) % (i as u64 + 1)) as usize);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_even_and_have_no_mean() {
        let disturbance = Disturbance { exposure: 1.0, white_balance: 0.25 };
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
}
