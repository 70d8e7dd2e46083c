//! Light: the sky and the round distant lights, how much of them a point sees, and how materials reflect them.

use std::f64::consts::PI;

use glam::{DVec3, dvec3};

use super::describe::{Light, Sky};

/// Directions the sky's light is gathered from. They are fixed in the world and weighted by the cosine, so that ambient
/// light has neither noise nor seams.
const SKY_DIRECTIONS: usize = 24;

/// A round distant light.
pub struct Lamp {
    /// Unit direction towards the light.
    pub direction: DVec3,
    /// Tangent of its angular radius.
    pub spread: f64,
    /// Linear radiance of a white matte surface that faces it.
    pub power: DVec3,
}

impl From<&Light> for Lamp {
    fn from(light: &Light) -> Self {
        let (azimuth, elevation) = (light.azimuth.to_radians(), light.elevation.to_radians());
        Self {
            direction: dvec3(azimuth.cos() * elevation.cos(), azimuth.sin() * elevation.cos(), elevation.sin()),
            spread: light.radius.to_radians().tan(),
            power: light.colour.0 * light.strength,
        }
    }
}

/// The sky, prepared for gathering.
pub struct SkyDome {
    zenith: DVec3,
    horizon: DVec3,
    ground: DVec3,
    /// Evenly spread unit directions with the radiance there.
    pub directions: Vec<(DVec3, DVec3)>,
    /// Tangent of the angular radius of one direction's share of the sphere.
    pub spread: f64,
}

impl From<&Sky> for SkyDome {
    fn from(sky: &Sky) -> Self {
        let mut dome = Self {
            zenith: sky.zenith.0 * sky.strength,
            horizon: sky.horizon.0 * sky.strength,
            ground: sky.ground.0 * sky.strength,
            directions: Vec::new(),
            // A cap of 4π/n steradians has 1 − cos r = 2/n.
            spread: (1.0 - 2.0 / SKY_DIRECTIONS as f64).acos().tan(),
        };
        dome.directions = (0..SKY_DIRECTIONS)
            .map(|k| {
                let z = 1.0 - (2.0 * k as f64 + 1.0) / SKY_DIRECTIONS as f64;
                let direction = band(z, k as f64 * GOLDEN_ANGLE);
                (direction, dome.radiance(direction, 0.2))
            })
            .collect();
        dome
    }
}

impl SkyDome {
    /// Linear radiance from the unit direction `dir`, the horizon blurred by `blur` (in sines of elevation).
    pub fn radiance(&self, dir: DVec3, blur: f64) -> DVec3 {
        let up = self.horizon.lerp(self.zenith, dir.z.clamp(0.0, 1.0).powf(0.6));
        let t = (0.5 + 0.5 * dir.z / (0.05 + blur)).clamp(0.0, 1.0);
        self.ground.lerp(up, t * t * (3.0 - 2.0 * t))
    }

    /// Radiance of a white matte surface with normal `n` that sees all of the sky.
    pub fn open(&self, n: DVec3) -> DVec3 {
        self.gather(n, |_, radiance| radiance)
    }

    /// Radiance of a white matte surface with normal `n`, where `seen` gives what arrives from each direction.
    pub fn gather(&self, n: DVec3, seen: impl Fn(DVec3, DVec3) -> DVec3) -> DVec3 {
        let total: DVec3 = self
            .directions
            .iter()
            .filter(|(direction, _)| direction.dot(n) > 0.0)
            .map(|&(direction, radiance)| seen(direction, radiance) * direction.dot(n))
            .sum();
        total * (4.0 / self.directions.len() as f64)
    }
}

/// π(3 − √5): successive multiples spread evenly around the circle.
pub const GOLDEN_ANGLE: f64 = 2.399_963_229_728_653;

/// The unit vector with the given z and azimuth in radians.
pub fn band(z: f64, azimuth: f64) -> DVec3 {
    let r = (1.0 - z * z).max(0.0).sqrt();
    dvec3(r * azimuth.cos(), r * azimuth.sin(), z)
}

/// Schlick's Fresnel reflectance, with the grazing maximum lowered by roughness (Lagarde's form).
pub fn fresnel(f0: DVec3, cosine: f64, roughness: f64) -> DVec3 {
    let grazing = DVec3::splat(1.0 - roughness).max(f0);
    f0 + (grazing - f0) * (1.0 - cosine).max(0.0).powi(5)
}

/// The highlight of `lamp` on a rough surface, GGX with Smith's shadowing in Schlick's form (Karis 2013): radiance for a
/// lamp seen in full. The lamp's own size widens the lobe.
pub fn highlight(lamp: &Lamp, n: DVec3, view: DVec3, f0: DVec3, roughness: f64) -> DVec3 {
    let (nl, nv) = (n.dot(lamp.direction), n.dot(view));
    if nl <= 0.0 || nv <= 0.0 {
        return DVec3::ZERO;
    }
    let half = (lamp.direction + view).normalize();
    let alpha = (roughness * roughness + 0.5 * lamp.spread).min(1.0);
    let nh = n.dot(half);
    let lobe = alpha / (nh * nh * (alpha * alpha - 1.0) + 1.0);
    let k = 0.5 * alpha;
    let shadowing = 1.0 / ((nl * (1.0 - k) + k) * (nv * (1.0 - k) + k));
    // The lobe's 1/π cancels the π between `power` and irradiance, and G's numerator the 1/(n·l n·v).
    let strength = lobe * lobe * shadowing * 0.25 * nl;
    lamp.power * fresnel(f0, half.dot(view), 0.0) * strength
}

/// Part of a round light that a straight edge leaves visible when it has moved the part `t` of the way across, 0 =
/// covered: the area of the circle's segment.
pub fn uncovered(t: f64) -> f64 {
    let x = (2.0 * t - 1.0).clamp(-1.0, 1.0);
    1.0 - (x.acos() - x * (1.0 - x * x).sqrt()) / PI
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::values::Colour;

    #[test]
    fn an_even_sky_lights_every_way_alike() {
        let grey = || Colour(DVec3::splat(0.5));
        let sky = Sky { zenith: grey(), horizon: grey(), ground: grey(), strength: 1.0 };
        let dome = SkyDome::from(&sky);
        for k in 0..50 {
            let n = band(1.0 - (2.0 * f64::from(k) + 1.0) / 50.0, f64::from(k) * 1.3);
            assert!((dome.open(n).x - 0.5).abs() < 0.02, "{}", dome.open(n));
        }
    }

    #[test]
    fn uncovered_is_an_area() {
        const N: i32 = 1000;
        let grid = |i: i32| (f64::from(i) + 0.5) / f64::from(N) * 2.0 - 1.0;
        for t in [0.0, 0.1, 0.35, 0.5, 0.8, 1.0] {
            let inside = (0..N * N).map(|k| (grid(k % N), grid(k / N))).filter(|(x, y)| x * x + y * y < 1.0);
            let (mut all, mut left) = (0.0, 0.0);
            for (x, _) in inside {
                all += 1.0;
                left += if x < 2.0 * t - 1.0 { 1.0 } else { 0.0 };
            }
            assert!((uncovered(t) - left / all).abs() < 1e-3, "{t}");
        }
    }
}
