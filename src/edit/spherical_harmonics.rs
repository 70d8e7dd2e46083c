//! Rotation of spherical harmonics: the real Wigner matrices of bands 1 to 3, by an exact quadrature.

use std::f64::consts::FRAC_PI_4;

use glam::{DMat3, DVec3};

use crate::scene::sh_coefficients;

const C0: f64 = 0.282_094_791_773_878_14;
const C1: f64 = 0.488_602_511_902_919_9;
const C2: [f64; 3] = [1.092_548_430_592_079_2, 0.315_391_565_252_520_05, 0.546_274_215_296_039_6];
const C3: [f64; 5] = [
    0.590_043_589_926_643_5,
    2.890_611_442_640_554,
    0.457_045_799_464_465_8,
    0.373_176_332_590_115_4,
    1.445_305_721_320_277,
];

/// Nodes and weights of Gauss and Legendre's quadrature with four points: exact to degree 7.
const NODES: [(f64, f64); 4] = [
    (-0.861_136_311_594_052_6, 0.347_854_845_137_453_85),
    (-0.339_981_043_584_856_26, 0.652_145_154_862_546_1),
    (0.339_981_043_584_856_26, 0.652_145_154_862_546_1),
    (0.861_136_311_594_052_6, 0.347_854_845_137_453_85),
];
/// Directions around the axis: enough for functions of degree 6, the products of two of band 3.
const AZIMUTHS: u32 = 8;

/// The 16 real spherical harmonics of a unit direction, with the Condon–Shortley phase (docs/algorithms.md A.3).
pub fn sh_basis(direction: DVec3) -> [f64; 16] {
    let (x, y, z) = direction.into();
    let (xx, yy, zz) = (x * x, y * y, z * z);
    [
        C0,
        -C1 * y,
        C1 * z,
        -C1 * x,
        C2[0] * x * y,
        -C2[0] * y * z,
        C2[1] * (2.0 * zz - xx - yy),
        -C2[0] * x * z,
        C2[2] * (xx - yy),
        -C3[0] * y * (3.0 * xx - yy),
        C3[1] * x * y * z,
        -C3[2] * y * (4.0 * zz - xx - yy),
        C3[3] * z * (2.0 * zz - 3.0 * xx - 3.0 * yy),
        -C3[2] * x * (4.0 * zz - xx - yy),
        C3[4] * z * (xx - yy),
        -C3[0] * x * (xx - 3.0 * yy),
    ]
}

/// The rotation of spherical-harmonic coefficients of bands 1 to 3.
#[derive(Clone, Debug)]
pub struct ShRotation {
    /// `matrix[row][column]`, row by row of a band: new coefficient = Σ matrix · old. Zero across bands.
    matrix: [[f32; 16]; 16],
}

impl ShRotation {
    /// For `rotation` from the old to the new frame: the colour in direction R d after it is the colour in d before.
    pub fn new(rotation: DMat3) -> Self {
        let inverse = rotation.transpose();
        let mut sums = [[0.0; 16]; 16];
        for (z, weight) in NODES {
            for k in 0..AZIMUTHS {
                let (sin, cos) = (f64::from(k) * FRAC_PI_4).sin_cos();
                let ring = (1.0 - z * z).sqrt();
                let direction = DVec3::new(ring * cos, ring * sin, z);
                let (new, old) = (sh_basis(direction), sh_basis(inverse * direction));
                for (sums, new) in sums.iter_mut().zip(new) {
                    for (sum, old) in sums.iter_mut().zip(old) {
                        *sum += weight * FRAC_PI_4 * new * old;
                    }
                }
            }
        }
        Self { matrix: sums.map(|row| row.map(rounded)) }
    }

    /// Rotates one Gaussian's coefficients: `[K][3]`, coefficient-major; K = (degree + 1)².
    pub fn apply(&self, sh: &mut [f32]) {
        let degree = (0..4).find(|&degree| 3 * sh_coefficients(degree) == sh.len()).unwrap_or(0) as usize;
        let mut old = [0.0_f32; 48];
        old[..sh.len()].copy_from_slice(sh);
        for band in 1..=degree {
            let coefficients = band * band..(band + 1) * (band + 1);
            for row in coefficients.clone() {
                for channel in 0..3 {
                    let terms = coefficients.clone().map(|k| self.matrix[row][k] * old[3 * k + channel]);
                    sh[3 * row + channel] = terms.sum();
                }
            }
        }
    }
}

/// Rounds near-integers to integers, so that quarter turns are exact.
fn rounded(value: f64) -> f32 {
    let whole = value.round();
    (if (value - whole).abs() < 1e-13 { whole } else { value }) as f32
}
