//! Solids as signed distance functions in their own frame, centred at the origin with z up.

use glam::{DVec2, DVec3, dvec2, dvec3};
use serde::Deserialize;

use super::values::positive;

/// A solid. Lengths in world units; `round` is the radius of rounded edges, within the stated size.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Shape {
    Sphere {
        radius: f64,
    },
    Box {
        size: DVec3,
        #[serde(default)]
        round: f64,
    },
    /// Around the z axis.
    Cylinder {
        radius: f64,
        height: f64,
        #[serde(default)]
        round: f64,
    },
    /// A frustum around the z axis; `top` = 0 makes a cone.
    Cone {
        base: f64,
        #[serde(default)]
        top: f64,
        height: f64,
        #[serde(default)]
        round: f64,
    },
    /// A ring in the xy plane: `ring` from the centre to the middle of the tube, `tube` the tube's radius.
    Torus {
        ring: f64,
        tube: f64,
    },
    /// Spheres (x, y, z, radius) melted together over the distance `smooth`.
    Blend {
        spheres: Vec<[f64; 4]>,
        smooth: f64,
    },
}

impl Shape {
    /// Checks the values.
    ///
    /// # Errors
    /// A description of the fault.
    pub fn check(&self) -> Result<(), String> {
        let (ok, remedy) = match self {
            Self::Sphere { radius } => (positive(*radius), "radius must be above 0"),
            Self::Box { size, round } => (
                round_fits(*round, size.min_element()) && positive(size.max_element()),
                "size must be above 0 and round at most half of it",
            ),
            Self::Cylinder { radius, height, round } => (
                round_fits(*round, height.min(2.0 * radius)) && positive(radius.max(*height)),
                "radius and height must be above 0 and round at most half of the size",
            ),
            Self::Cone { base, top, height, round } => (
                round_fits(*round, height.min(2.0 * base)) && positive(base.max(*height)) && (0.0..1e9).contains(top),
                "base and height must be above 0, top not negative, and round at most half of the size",
            ),
            Self::Torus { ring, tube } => (
                positive(*ring) && positive(*tube) && tube <= ring,
                "ring and tube must be above 0 and tube at most ring",
            ),
            Self::Blend { spheres, smooth } => (
                !spheres.is_empty()
                    && positive(*smooth)
                    && spheres.iter().all(|s| positive(s[3]) && s.iter().all(|v| v.abs() < 1e9)),
                "spheres must be a list of [x, y, z, radius] with radius above 0, and smooth above 0",
            ),
        };
        if ok { Ok(()) } else { Err(remedy.to_owned()) }
    }

    /// Whether the surface can shadow itself: not if the solid is convex.
    pub fn is_convex(&self) -> bool {
        !matches!(self, Self::Torus { .. } | Self::Blend { .. })
    }

    /// Half the size of a box around the origin that holds the solid.
    pub fn half_extent(&self) -> DVec3 {
        match self {
            Self::Sphere { radius } => DVec3::splat(*radius),
            Self::Box { size, .. } => 0.5 * *size,
            Self::Cylinder { radius, height, .. } => dvec3(*radius, *radius, 0.5 * height),
            Self::Cone { base, top, height, .. } => dvec3(base.max(*top), base.max(*top), 0.5 * height),
            Self::Torus { ring, tube } => dvec3(ring + tube, ring + tube, *tube),
            // Melting n surfaces moves them out by at most smooth/4 each time.
            Self::Blend { spheres, smooth } => {
                let swell = 0.25 * smooth * (spheres.len() - 1) as f64;
                spheres.iter().fold(DVec3::ZERO, |half, &[x, y, z, r]| half.max(dvec3(x, y, z).abs() + r + swell))
            }
        }
    }

    /// Signed distance of `p` from the surface, negative inside; for a blend a lower bound of it.
    /// The formulas are I. Quilez's ("distance functions"), the blend is his quadratic smooth minimum.
    pub fn distance(&self, p: DVec3) -> f64 {
        match self {
            Self::Sphere { radius } => p.length() - radius,
            Self::Box { size, round } => {
                let q = p.abs() - (0.5 * *size - *round);
                q.max(DVec3::ZERO).length() + q.max_element().min(0.0) - round
            }
            Self::Cylinder { radius, height, round } => {
                let q = dvec2(p.truncate().length() - (radius - round), p.z.abs() - (0.5 * height - round));
                q.max(DVec2::ZERO).length() + q.max_element().min(0.0) - round
            }
            Self::Cone { base, top, height, round } => {
                let (base, top) = (base - round, (top - round).max(0.0));
                frustum(dvec2(p.truncate().length(), p.z), base, top, 0.5 * height - round) - round
            }
            Self::Torus { ring, tube } => dvec2(p.truncate().length() - ring, p.z).length() - tube,
            Self::Blend { spheres, smooth } => spheres.iter().fold(f64::INFINITY, |nearest, &[x, y, z, r]| {
                let d = (p - dvec3(x, y, z)).length() - r;
                let overlap = (smooth - (nearest - d).abs()).max(0.0) / smooth;
                nearest.min(d) - 0.25 * smooth * overlap * overlap
            }),
        }
    }

    /// Unit outward normal at a point of the surface: the gradient of the distance by central differences.
    pub fn normal(&self, p: DVec3) -> DVec3 {
        if let Self::Sphere { .. } = self {
            return p.normalize();
        }
        const STEP: f64 = 1e-5;
        let slope = |axis: DVec3| self.distance(p + STEP * axis) - self.distance(p - STEP * axis);
        let gradient = dvec3(slope(DVec3::X), slope(DVec3::Y), slope(DVec3::Z));
        gradient.try_normalize().unwrap_or(DVec3::Z)
    }

    /// Distance along the unit direction `dir` from `origin` to the surface, if it is met before `limit`.
    pub fn intersect(&self, half: DVec3, origin: DVec3, dir: DVec3, limit: f64) -> Option<f64> {
        if let Self::Sphere { radius } = self {
            let b = origin.dot(dir);
            let root = (b * b - origin.length_squared() + radius * radius).sqrt();
            // A negative discriminant makes the root NaN, which fails the comparison.
            return (-b - root > 0.0 && -b - root < limit).then_some(-b - root);
        }
        let (enter, leave) = slab(half, origin, dir);
        let leave = leave.min(limit);
        let mut t = enter.max(0.0);
        // Sphere tracing: the distance to the surface is always a safe step.
        for _ in 0..256 {
            if t > leave {
                return None;
            }
            let step = self.distance(origin + dir * t);
            if step < 1e-7 {
                return Some(t);
            }
            t += step;
        }
        None
    }
}

fn round_fits(round: f64, size: f64) -> bool {
    positive(size) && (0.0..=0.5 * size).contains(&round)
}

/// Distance of a point of the half plane (radius, z) from a frustum of half height `h`, base below.
fn frustum(q: DVec2, base: f64, top: f64, h: f64) -> f64 {
    let side = dvec2(top - base, 2.0 * h);
    let cap = dvec2(q.x - q.x.min(if q.y < 0.0 { base } else { top }), q.y.abs() - h);
    let along = ((dvec2(top, h) - q).dot(side) / side.length_squared()).clamp(0.0, 1.0);
    let flank = q - dvec2(top, h) + side * along;
    let inside = flank.x < 0.0 && cap.y < 0.0;
    let distance = cap.length_squared().min(flank.length_squared()).sqrt();
    if inside { -distance } else { distance }
}

/// The interval of a ray inside the box of half size `half`; empty if the ray misses.
fn slab(half: DVec3, origin: DVec3, dir: DVec3) -> (f64, f64) {
    let inverse = dir.recip();
    let (a, b) = ((-half - origin) * inverse, (half - origin) * inverse);
    (a.min(b).max_element(), a.max(b).min_element())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torus_normal_points_away_from_the_tube() {
        let torus = Shape::Torus { ring: 1.0, tube: 0.25 };
        let (angle, turn) = (0.7_f64, 1.9_f64);
        let out = dvec3(angle.cos(), angle.sin(), 0.0);
        let normal = out * turn.cos() + DVec3::Z * turn.sin();
        let p = out + 0.25 * normal;
        assert!(torus.distance(p).abs() < 1e-12);
        assert!((torus.normal(p) - normal).length() < 1e-9);
    }

    #[test]
    fn every_shape_is_hit_where_its_distance_is_zero() {
        let shapes = [
            Shape::Sphere { radius: 0.8 },
            Shape::Box { size: dvec3(1.0, 0.6, 0.8), round: 0.1 },
            Shape::Cylinder { radius: 0.5, height: 1.2, round: 0.05 },
            Shape::Cone { base: 0.7, top: 0.2, height: 1.0, round: 0.0 },
            Shape::Torus { ring: 0.6, tube: 0.2 },
            Shape::Blend { spheres: vec![[0.0, 0.0, 0.0, 0.5], [0.3, 0.1, 0.4, 0.3]], smooth: 0.2 },
        ];
        for shape in shapes {
            assert!(shape.check().is_ok());
            let mut hits = 0;
            for i in 0..400 {
                let (a, b) = (f64::from(i) * 2.4, f64::from(i) * 0.37);
                let origin = 5.0 * dvec3(a.cos() * b.cos(), a.sin() * b.cos(), b.sin());
                let aim = 0.4 * dvec3((3.1 * b).sin(), (1.7 * a).cos(), (2.3 * a).sin());
                let dir = (aim - origin).normalize();
                let Some(t) = shape.intersect(shape.half_extent(), origin, dir, 100.0) else { continue };
                hits += 1;
                let p = origin + dir * t;
                assert!(shape.distance(p).abs() < 1e-6);
                assert!(p.abs().cmple(shape.half_extent() + 1e-6).all(), "inside the stated box");
                assert!(shape.normal(p).dot(dir) < 1e-3, "the side that faces the ray");
            }
            assert!(hits > 100);
        }
    }
}
