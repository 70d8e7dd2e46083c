//! Procedural colours: functions of the position in the object's own frame.

use glam::{DVec3, IVec3, dvec3};
use serde::Deserialize;

use super::values::{Colour, positive};

/// A solid texture. `size` is the length of one period or feature, in world units.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Pattern {
    Plain {
        colour: Colour,
    },
    Checker {
        a: Colour,
        b: Colour,
        size: f64,
    },
    /// Bands of `a` and `b`, each `size` wide, across `axis`.
    Stripes {
        a: Colour,
        b: Colour,
        size: f64,
        axis: DVec3,
    },
    /// From `a` at height `from` to `b` at height `to`.
    Gradient {
        a: Colour,
        b: Colour,
        from: f64,
        to: f64,
    },
    /// Cloudy mixture of two colours.
    Noise {
        a: Colour,
        b: Colour,
        size: f64,
    },
    /// `vein` running through `base`.
    Marble {
        base: Colour,
        vein: Colour,
        size: f64,
    },
    /// Boards along x, `plank` wide, with grain of spacing `size`.
    Wood {
        light: Colour,
        dark: Colour,
        size: f64,
        plank: f64,
    },
    /// Courses of bricks `size` long and half as high on upright faces.
    Brick {
        brick: Colour,
        mortar: Colour,
        size: f64,
    },
}

impl Pattern {
    /// Checks the values.
    ///
    /// # Errors
    /// A description of the fault.
    pub fn check(&self) -> Result<(), String> {
        let ok = match self {
            Self::Plain { .. } => true,
            Self::Gradient { from, to, .. } => from.is_finite() && to.is_finite() && from != to,
            Self::Stripes { size, axis, .. } => positive(*size) && axis.is_finite() && axis.length() > 0.0,
            Self::Wood { size, plank, .. } => positive(*size) && positive(*plank),
            Self::Checker { size, .. }
            | Self::Noise { size, .. }
            | Self::Marble { size, .. }
            | Self::Brick { size, .. } => positive(*size),
        };
        if ok {
            Ok(())
        } else {
            Err("the pattern's sizes must be above 0, its axis not zero, from and to apart".into())
        }
    }

    /// Linear reflectance at the surface point `p` with unit normal `n`, both in the object's frame.
    pub fn colour(&self, p: DVec3, n: DVec3) -> DVec3 {
        match self {
            Self::Plain { colour } => colour.0,
            Self::Checker { a, b, size } => {
                // Cells are centred at the origin, so that a box of whole cells shows whole cells; looking up a little
                // below the surface keeps its faces off the cells' boundaries.
                let cell = (p / *size + 0.5 - 0.01 * n).floor().as_ivec3();
                if (cell.x ^ cell.y ^ cell.z) & 1 == 0 { a.0 } else { b.0 }
            }
            Self::Stripes { a, b, size, axis } => {
                let band = (p.dot(axis.normalize()) / size).floor() as i64;
                if band & 1 == 0 { a.0 } else { b.0 }
            }
            Self::Gradient { a, b, from, to } => a.0.lerp(b.0, smooth((p.z - from) / (to - from))),
            Self::Noise { a, b, size } => a.0.lerp(b.0, smooth(0.5 + 0.8 * fractal(p / *size, 4))),
            Self::Marble { base, vein, size } => marble(base.0, vein.0, p / *size),
            Self::Wood { light, dark, size, plank } => wood(light.0, dark.0, p, *size, *plank),
            Self::Brick { brick, mortar, size } => bricks(brick.0, mortar.0, p / *size, n),
        }
    }
}

fn marble(base: DVec3, vein: DVec3, p: DVec3) -> DVec3 {
    let warp = dvec3(fractal(p, 3), fractal(p + 17.3, 3), fractal(p + 31.7, 3));
    // A vein runs where the warped noise changes sign.
    let thread = |q: DVec3, width: f64| 1.0 - smooth(gradient_noise(q).abs() / width);
    let main = thread(0.8 * p + 1.1 * warp, 0.09);
    let fine = 0.5 * thread(1.9 * p + 1.4 * warp + 9.1, 0.07);
    let cloud = 0.22 * smooth(0.5 + fractal(0.7 * p + 5.0, 3));
    base.lerp(vein, (main.max(fine) * 0.62 + cloud).min(1.0))
}

fn wood(light: DVec3, dark: DVec3, p: DVec3, size: f64, plank: f64) -> DVec3 {
    let row = p.y / plank;
    let board = row.floor();
    let chance = |salt: i32| lattice(IVec3::new(board as i32, 7, salt));
    // Each board is cut from its own place of a log that lies along x, so its rings show as long flat arches.
    let log = dvec3(0.22 * (p.x + 9.0 * chance(1)), p.y - (board + 0.5) * plank + plank * (chance(2) - 0.5), p.z)
        + dvec3(0.0, 0.0, plank * (0.5 + chance(3)));
    let wobble = 0.55 * gradient_noise(log * (1.6 / plank));
    let ring = (dvec3(0.0, log.y, log.z).length() + wobble * plank) / size;
    let tooth = ring - ring.floor();
    let grain = smooth(tooth / 0.75) * (1.0 - smooth((tooth - 0.8) / 0.2));
    let fibre = fractal(dvec3(p.x / (6.0 * size), p.y * 2.5 / size, p.z * 2.5 / size), 2);
    let colour = light.lerp(dark, (0.65 * grain + 0.3 * fibre).clamp(0.0, 1.0)) * (0.8 + 0.3 * chance(4));
    let seam = ((row - board - 0.5).abs() - 0.5 + 0.012).max(0.0) / 0.012;
    colour * (1.0 - 0.65 * smooth(seam))
}

fn bricks(brick: DVec3, mortar: DVec3, p: DVec3, n: DVec3) -> DVec3 {
    // Project along the axis the face looks along; a horizontal face shows the bricks' upper sides.
    let flat = n.abs();
    let (u, v) = if flat.z >= flat.x && flat.z >= flat.y {
        (p.x, p.y)
    } else if flat.x > flat.y {
        (p.y, p.z)
    } else {
        (p.x, p.z)
    };
    let course = (2.0 * v).floor();
    let along = u + 0.5 * (course.rem_euclid(2.0));
    let key = IVec3::new(along.floor() as i32, course as i32, if flat.x > flat.y { 1 } else { 2 });
    let (x, y) = (along - along.floor(), v - 0.5 * course);
    let edge = x.min(1.0 - x).min(y).min(0.5 - y);
    let grit = fractal(p * 9.0, 3);
    let tone = brick * (0.72 + 0.5 * lattice(key) + 0.35 * grit);
    (mortar * (1.0 + 0.2 * grit)).lerp(tone, smooth((edge - 0.025 + 0.01 * grit) / 0.02))
}

/// Cubic step from 0 to 1.
fn smooth(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// Octaves of gradient noise, each of half the size and strength.
fn fractal(p: DVec3, octaves: u32) -> f64 {
    (0..octaves).map(|k| gradient_noise(p * f64::from(1 << k) + 3.7 * f64::from(k)) / f64::from(1 << k)).sum()
}

/// Perlin's gradient noise with quintic fading, about -0.7 to 0.7.
fn gradient_noise(p: DVec3) -> f64 {
    let cell = p.floor();
    let f = p - cell;
    let base = cell.as_ivec3();
    let w = f * f * f * (f * (f * 6.0 - 15.0) + 10.0);
    let corner = |x: i32, y: i32, z: i32| {
        let bits = hash(base + IVec3::new(x, y, z));
        let part = |shift: u32| f64::from((bits >> shift) as u16) / 32767.5 - 1.0;
        dvec3(part(0), part(16), part(32)).dot(f - dvec3(f64::from(x), f64::from(y), f64::from(z)))
    };
    let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
    let edge = |y: i32, z: i32| mix(corner(0, y, z), corner(1, y, z), w.x);
    mix(mix(edge(0, 0), edge(1, 0), w.y), mix(edge(0, 1), edge(1, 1), w.y), w.z)
}

/// A random number in 0..1 for a lattice point.
fn lattice(p: IVec3) -> f64 {
    (hash(p) >> 11) as f64 / (1u64 << 53) as f64
}

fn hash(p: IVec3) -> u64 {
    let word = |v: i32| u64::from(v as u32);
    mix64(mix64(word(p.x) | word(p.y) << 32) ^ word(p.z))
}

/// SplitMix64's finaliser (Steele, Lea and Flood 2014): scrambles a counter into random bits.
pub fn mix64(counter: u64) -> u64 {
    let z = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
