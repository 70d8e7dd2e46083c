//! Lens models: projection from directions to pixels, and its inverse.
//!
//! All functions work on the plane z = 1 in front of the camera, before the focal length is applied.

use anyhow::{Result, bail, ensure};
use glam::{DMat2, DMat3, DVec2, DVec3, dvec2};

use crate::camera::fisheye_radius;

/// A deviation from the ideal pinhole. Formulas are those of OpenCV and COLMAP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distortion {
    /// An ideal pinhole.
    None,
    /// Brown's model with OpenCV's rational radial factor (1 + Σ nᵢ r²ⁱ) / (1 + Σ dᵢ r²ⁱ) and tangential p₁, p₂.
    Perspective { numerator: [f64; 4], denominator: [f64; 3], tangential: [f64; 2] },
    /// Equidistant fisheye: θ (1 + Σ kᵢ θ²ⁱ) in place of tan θ, then tangential p₁, p₂ and thin-prism s₁, s₂.
    Fisheye { radial: [f64; 4], tangential: [f64; 2], prism: [f64; 2] },
    /// The field-of-view model of Devernay and Faugeras.
    Fov { omega: f64 },
    /// Fitzgibbon's division model: an image radius r is seen at r / (1 + k r²) on the plane.
    Division { k: f64 },
    /// The enhanced unified camera model (Khomutenko): u / (α √(β |u|² + 1) + 1 − α).
    Eucm { alpha: f64, beta: f64 },
    /// COLMAP's RAD_TAN_THIN_PRISM_FISHEYE, of Project Aria: θ (1 + Σ kᵢ θ²ⁱ), and on its result q tangential p₀, p₁ and
    /// thin-prism s₀ |q|² + s₁ |q|⁴ along x, s₂, s₃ along y.
    Aria { radial: [f64; 6], tangential: [f64; 2], prism: [f64; 4] },
    /// An equirectangular panorama, seen through one face of a cube.
    Panorama(Face),
}

/// A face of the cube that a panorama is cut into: 0 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face(u8);

impl Face {
    pub const FRONT: Self = Self(0);

    /// All faces, in the order of [`Face::name`].
    pub fn all() -> [Self; 6] {
        std::array::from_fn(|i| Self(i as u8))
    }

    pub fn name(self) -> &'static str {
        ["front", "right", "back", "left", "up", "down"][usize::from(self.0)]
    }

    /// The rotation from the panorama's camera axes (x right, y down, z to the middle of the image) to the face's.
    pub fn rotation(self) -> DMat3 {
        use std::f64::consts::FRAC_PI_2;
        match self.0 {
            turns @ 0..4 => DMat3::from_rotation_y(-FRAC_PI_2 * f64::from(turns)),
            4 => DMat3::from_rotation_x(-FRAC_PI_2),
            _ => DMat3::from_rotation_x(FRAC_PI_2),
        }
    }
}

impl Distortion {
    /// Brown's model from k₁, k₂ and p₁, p₂; [`Distortion::None`] where all are zero.
    pub fn perspective(numerator: [f64; 4], denominator: [f64; 3], tangential: [f64; 2]) -> Self {
        if numerator.iter().chain(&denominator).chain(&tangential).all(|k| *k == 0.0) {
            return Self::None;
        }
        Self::Perspective { numerator, denominator, tangential }
    }

    /// A fisheye with radial terms alone.
    pub fn fisheye(radial: [f64; 4]) -> Self {
        Self::Fisheye { radial, tangential: [0.0; 2], prism: [0.0; 2] }
    }

    /// The radial profile: distorted radius of `s`, which is the radius on the plane, or the angle θ for a fisheye.
    fn profile(&self, s: f64) -> f64 {
        let q = s * s;
        match self {
            Self::None => s,
            Self::Perspective { numerator: n, denominator: d, .. } => {
                let over = 1.0 + q * (n[0] + q * (n[1] + q * (n[2] + q * n[3])));
                s * over / (1.0 + q * (d[0] + q * (d[1] + q * d[2])))
            }
            Self::Fisheye { radial, .. } => fisheye_radius(radial, s),
            Self::Aria { radial, .. } => s * (1.0 + q * radial.iter().rev().fold(0.0, |sum, k| sum * q + k)),
            Self::Division { k } => 2.0 * s / (1.0 + (1.0 - 4.0 * k * q).sqrt()),
            Self::Eucm { alpha, beta } => s / (alpha * (beta * q + 1.0).sqrt() + 1.0 - alpha),
            Self::Panorama(_) => s,
            Self::Fov { omega } => (2.0 * s * (0.5 * omega).tan()).atan() / omega,
        }
    }

    /// The end of the profile's monotonic range. Beyond it the polynomial folds back and is invalid.
    fn reach(&self) -> f64 {
        let (end, step, beyond) = match self {
            Self::None | Self::Fov { .. } | Self::Eucm { .. } | Self::Panorama(_) => return f64::INFINITY,
            Self::Division { k } if *k <= 0.0 => return f64::INFINITY,
            Self::Division { k } => return 0.5 / k.sqrt(),
            Self::Perspective { .. } => (8.0, 4e-3, f64::INFINITY),
            Self::Fisheye { .. } | Self::Aria { .. } => {
                (std::f64::consts::FRAC_PI_2, 1e-3, std::f64::consts::FRAC_PI_2)
            }
        };
        let mut s = 0.0;
        while s < end {
            // Also false where the profile is NaN.
            let grows = self.profile(s + step) > self.profile(s);
            if !grows {
                return s;
            }
            s += step;
        }
        beyond
    }

    /// Whether the radial profile is one of the angle from the axis.
    pub fn is_by_angle(&self) -> bool {
        matches!(self, Self::Fisheye { .. } | Self::Aria { .. })
    }

    /// The lens in words.
    pub fn words(&self) -> &'static str {
        match self {
            Self::None => "pinhole",
            Self::Perspective { .. } => "perspective with distortion",
            Self::Fisheye { .. } => "fisheye",
            Self::Fov { .. } => "field-of-view model",
            Self::Division { .. } => "division model",
            Self::Eucm { .. } => "EUCM",
            Self::Aria { .. } => "fisheye of RAD_TAN_THIN_PRISM_FISHEYE",
            Self::Panorama(_) => "panorama, in six faces of 90 degrees",
        }
    }

    /// The distorted image of the plane point `u`; the valid range is not checked.
    fn apply(&self, u: DVec2) -> DVec2 {
        let r = u.length();
        if r < 1e-12 {
            return u;
        }
        match self {
            Self::None | Self::Panorama(_) => u,
            Self::Perspective { tangential, .. } => u * (self.profile(r) / r) + shear(u, *tangential),
            Self::Fov { .. } | Self::Division { .. } | Self::Eucm { .. } => u * (self.profile(r) / r),
            Self::Aria { tangential: [p0, p1], prism: [s0, s1, s2, s3], .. } => {
                let bent = u * (self.profile(r.atan()) / r);
                let q = bent.length_squared();
                bent + shear(bent, [*p1, *p0]) + dvec2(q * (s0 + q * s1), q * (s2 + q * s3))
            }
            Self::Fisheye { tangential, prism, .. } => {
                let theta = r.atan();
                let bent = u * (theta / r);
                let squared = theta * theta;
                u * (self.profile(theta) / r) + shear(bent, *tangential) + dvec2(prism[0], prism[1]) * squared
            }
        }
    }
}

/// Brown's tangential part.
fn shear(u: DVec2, [p1, p2]: [f64; 2]) -> DVec2 {
    let q = u.length_squared();
    dvec2(2.0 * p1 * u.x * u.y + p2 * (q + 2.0 * u.x * u.x), p1 * (q + 2.0 * u.y * u.y) + 2.0 * p2 * u.x * u.y)
}

/// The lens an image on disk was taken with: a pinhole and its distortion, in pixels of that image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceLens {
    pub focal: DVec2,
    pub principal: DVec2,
    pub width: u32,
    pub height: u32,
    pub distortion: Distortion,
    reach: f64,
}

impl SourceLens {
    /// # Errors
    /// A number that is not finite, a focal length that is not positive, or a size of zero.
    pub fn new(focal: DVec2, principal: DVec2, size: (u32, u32), distortion: Distortion) -> Result<Self> {
        ensure!(size.0 > 0 && size.1 > 0, "the camera's size is {} x {} pixels", size.0, size.1);
        ensure!(
            focal.is_finite() && focal.min_element() > 0.0,
            "the focal length {}, {} is not a positive number of pixels",
            focal.x,
            focal.y
        );
        ensure!(principal.is_finite(), "the principal point {}, {} is not finite", principal.x, principal.y);
        let finite = match &distortion {
            Distortion::None => true,
            Distortion::Perspective { numerator: n, denominator: d, tangential: t } => {
                n.iter().chain(d).chain(t).all(|k| k.is_finite())
            }
            Distortion::Fisheye { radial: k, tangential: t, prism: s } => {
                k.iter().chain(t).chain(s).all(|k| k.is_finite())
            }
            Distortion::Fov { omega } => *omega > 0.0 && *omega < std::f64::consts::PI,
            Distortion::Division { k } => k.is_finite(),
            Distortion::Eucm { alpha, beta } => (0.0..=1.0).contains(alpha) && *beta > 0.0 && beta.is_finite(),
            Distortion::Aria { radial: k, tangential: t, prism: s } => {
                k.iter().chain(t).chain(s).all(|k| k.is_finite())
            }
            Distortion::Panorama(_) => true,
        };
        ensure!(finite, "the distortion is not a set of usable numbers");
        let reach = distortion.reach();
        if reach == 0.0 {
            bail!("the distortion folds the image at its centre");
        }
        Ok(Self { focal, principal, width: size.0, height: size.1, distortion, reach })
    }

    /// The same lens for the image resampled to another size.
    pub fn resized(&self, width: u32, height: u32) -> Self {
        let factor = dvec2(f64::from(width) / f64::from(self.width), f64::from(height) / f64::from(self.height));
        Self { focal: self.focal * factor, principal: self.principal * factor, width, height, ..*self }
    }

    /// The same panorama through another face.
    pub fn through(&self, face: Face) -> Self {
        Self { distortion: Distortion::Panorama(face), ..*self }
    }

    /// The pixel position of the plane point `u` (x/z, y/z), or `None` where the model does not reach.
    pub fn distort(&self, u: DVec2) -> Option<DVec2> {
        if let Distortion::Panorama(face) = self.distortion {
            return Some(self.on_panorama(face.rotation().transpose() * u.extend(1.0)));
        }
        let r = u.length();
        let s = if self.distortion.is_by_angle() { r.atan() } else { r };
        (s <= self.reach).then(|| self.distortion.apply(u) * self.focal + self.principal)
    }

    /// The pixel position of a direction in the axes of a panorama: longitude along x, latitude along y.
    fn on_panorama(&self, direction: DVec3) -> DVec2 {
        use std::f64::consts::{PI, TAU};
        let (longitude, level) = (direction.x.atan2(direction.z), direction.x.hypot(direction.z));
        let (x, y) = (0.5 + longitude / TAU, 0.5 + direction.y.atan2(level) / PI);
        dvec2(x * f64::from(self.width), y * f64::from(self.height))
    }

    /// The plane point (x/z, y/z) seen at a pixel position, or `None` where the model does not reach, for instance
    /// because a fisheye sees it behind the image plane.
    pub fn undistort(&self, pixel: DVec2) -> Option<DVec2> {
        let target = (pixel - self.principal) / self.focal;
        let radius = target.length();
        if radius < 1e-12 || self.distortion == Distortion::None {
            return Some(target);
        }
        // The radial part by bisection, which cannot diverge, then Newton for the tangential part.
        let profile = |s: f64| self.distortion.profile(s);
        let mut high = self.reach.min(1e-3);
        while profile(high) < radius {
            if high >= self.reach.min(1e4) {
                return None;
            }
            high = (2.0 * high).min(self.reach);
        }
        let mut low = 0.0;
        for _ in 0..64 {
            let middle = 0.5 * (low + high);
            if profile(middle) < radius { low = middle } else { high = middle }
        }
        let fisheye = self.distortion.is_by_angle();
        let plane = if fisheye { high.min(1.57).tan() } else { high };
        self.polish(target * (plane / radius), target)
    }

    /// As [`SourceLens::undistort`], starting from a guess of the result.
    pub fn undistort_near(&self, pixel: DVec2, guess: DVec2) -> Option<DVec2> {
        let target = (pixel - self.principal) / self.focal;
        let reached = |u: &DVec2| u.length() <= self.reach;
        self.polish(guess, target).filter(reached).or_else(|| self.undistort(pixel))
    }

    /// Newton's method on the full model from a good start.
    fn polish(&self, start: DVec2, target: DVec2) -> Option<DVec2> {
        let mut u = start;
        for _ in 0..30 {
            let miss = self.distortion.apply(u) - target;
            if miss.length() < 1e-12 * target.length().max(1.0) {
                break;
            }
            let h = 1e-6 * u.length().max(1.0);
            let column = |d: DVec2| (self.distortion.apply(u + d) - self.distortion.apply(u - d)) / (2.0 * h);
            let jacobian = DMat2::from_cols(column(dvec2(h, 0.0)), column(dvec2(0.0, h)));
            if jacobian.determinant().abs() < 1e-12 {
                break;
            }
            u -= jacobian.inverse() * miss;
        }
        let miss = self.distortion.apply(u) - target;
        (u.is_finite() && miss.length() < 1e-6 * target.length().max(1.0)).then_some(u)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One lens of every family, with coefficients as real calibrations have them.
    pub fn lenses() -> Vec<(&'static str, SourceLens)> {
        let perspective = |n: [f64; 4], d: [f64; 3], t: [f64; 2]| Distortion::perspective(n, d, t);
        let zero = [0.0; 3];
        let models = [
            ("pinhole", Distortion::None),
            ("simple radial", perspective([-0.08, 0.0, 0.0, 0.0], zero, [0.0; 2])),
            ("pincushion", perspective([0.09, 0.02, 0.0, 0.0], zero, [0.0; 2])),
            ("opencv", perspective([0.0578, -0.0805, 0.0, 0.0], zero, [-0.00098, 0.00016])),
            ("full opencv", perspective([0.3, 0.05, 0.01, 0.0], [0.35, 0.06, 0.01], [0.001, -0.002])),
            ("fisheye", Distortion::fisheye([0.02, -0.01, 0.003, -0.0005])),
            (
                "thin prism",
                Distortion::Fisheye {
                    radial: [0.02, -0.01, 0.0, 0.0],
                    tangential: [0.001, -0.0005],
                    prism: [0.001, 0.002],
                },
            ),
            ("fov", Distortion::Fov { omega: 0.9 }),
            ("division", Distortion::Division { k: -0.2 }),
            ("eucm", Distortion::Eucm { alpha: 0.6, beta: 1.1 }),
            (
                "aria",
                Distortion::Aria {
                    radial: [0.02, -0.01, 0.003, -0.0005, 0.0002, -0.0001],
                    tangential: [0.001, -0.0005],
                    prism: [0.001, 0.002, -0.0015, 0.0004],
                },
            ),
        ];
        let lens = |d| SourceLens::new(dvec2(150.0, 148.0), dvec2(83.0, 58.0), (160, 120), d).unwrap();
        models.into_iter().map(|(name, d)| (name, lens(d))).collect()
    }

    #[test]
    fn forward_and_inverse_round_trip() {
        for (name, lens) in lenses() {
            for y in 0..=12 {
                for x in 0..=16 {
                    let pixel = dvec2(f64::from(x) * 10.0, f64::from(y) * 10.0);
                    let u = lens.undistort(pixel).unwrap_or_else(|| panic!("{name} does not reach {pixel}"));
                    let back = lens.distort(u).expect("what was undistorted is within reach");
                    assert!((back - pixel).length() < 1e-6, "{name}: {pixel} came back as {back}");
                }
            }
        }
    }

    #[test]
    fn folded_part_of_a_polynomial_is_out_of_reach() {
        // r (1 − 0.3 r²) peaks at r = 1.054; beyond it two directions would share a pixel.
        let d = Distortion::perspective([-0.3, 0.0, 0.0, 0.0], [0.0; 3], [0.0; 2]);
        let lens = SourceLens::new(DVec2::splat(100.0), DVec2::splat(50.0), (100, 100), d).unwrap();
        assert!(lens.distort(dvec2(1.0, 0.0)).is_some());
        assert!(lens.distort(dvec2(1.1, 0.0)).is_none());
        assert!(lens.undistort(dvec2(50.0 + 100.0 * 0.71, 50.0)).is_none());
    }

    #[test]
    fn opencv_formula_gives_known_values() {
        // k1 x r² etc. worked out by hand at u = (0.3, −0.2): r² = 0.13.
        let d = Distortion::perspective([0.1, 0.01, 0.0, 0.0], [0.0; 3], [0.002, -0.003]);
        let lens = SourceLens::new(DVec2::ONE, DVec2::ZERO, (1, 1), d).unwrap();
        let radial = 1.0 + 0.1 * 0.13 + 0.01 * 0.0169;
        let x = 0.3 * radial + 2.0 * 0.002 * 0.3 * -0.2 + -0.003 * (0.13 + 2.0 * 0.09);
        let y = -0.2 * radial + 0.002 * (0.13 + 2.0 * 0.04) + 2.0 * -0.003 * 0.3 * -0.2;
        assert!((lens.distort(dvec2(0.3, -0.2)).unwrap() - dvec2(x, y)).length() < 1e-15);
        let eq = SourceLens::new(DVec2::ONE, DVec2::ZERO, (1, 1), Distortion::fisheye([0.0; 4])).unwrap();
        assert!((eq.distort(dvec2(1.0, 0.0)).unwrap().x - std::f64::consts::FRAC_PI_4).abs() < 1e-15);
    }

    #[test]
    fn unusable_numbers_are_refused() {
        let new = |f: f64, d| SourceLens::new(DVec2::splat(f), DVec2::ZERO, (4, 4), d);
        assert!(new(0.0, Distortion::None).is_err());
        assert!(new(f64::NAN, Distortion::None).is_err());
        assert!(new(1.0, Distortion::Fov { omega: 0.0 }).is_err());
        assert!(new(1.0, Distortion::fisheye([f64::NAN, 0.0, 0.0, 0.0])).is_err());
    }
}
