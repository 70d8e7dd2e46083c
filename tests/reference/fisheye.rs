//! Twin of the fisheye lens (docs/algorithms.md B.13), in units of the focal length: the radius d(θ) times the direction
//! across, and its Jacobian as a radial and a tangential part.

use super::number::{Dual, Num, dot};
use super::project::View;

/// θ (1 + k₁ θ² + … + k₄ θ⁸) and its derivative.
fn profile<T: Num>(theta: T, k: &[f64; 4]) -> [T; 2] {
    let q = theta * theta;
    let polynomial = |factor: fn(usize) -> f64| {
        let inner = (0..4).rev().fold(T::zero(), |sum, i| (sum * q).plus(factor(i) * k[i]));
        (inner * q).plus(1.0)
    };
    [theta * polynomial(|_| 1.0), polynomial(|i| (2 * i + 3) as f64)]
}

/// Where a point of the camera frame is seen, and the Jacobian of that by the point.
pub fn seen<T: Num>(p: &[T; 3], k: &[f64; 4]) -> ([T; 2], [[T; 3]; 2]) {
    let r = (p[0] * p[0] + p[1] * p[1]).sqrt();
    let squared = dot(p, p);
    let [d, slope] = profile(r.angle_from(p[2]), k);
    let across = [p[0] / r, p[1] / r];
    let (outward, around) = (slope * p[2] / squared, d / r);
    let jacobian = std::array::from_fn(|i| {
        std::array::from_fn(|j| match j {
            2 => -(across[i] * slope * r / squared),
            _ => {
                let radial = across[i] * across[j];
                let same = if i == j { T::one() } else { T::zero() };
                radial * outward + (same - radial) * around
            }
        })
    });
    (across.map(|v| v * d), jacobian)
}

/// Gradient by the point from those by where it is seen and by the Jacobian, through dual numbers.
pub fn seen_backward(p: &[f64; 3], k: &[f64; 4], g_seen: [f64; 2], g_jacobian: &[[f64; 3]; 2]) -> [f64; 3] {
    let lifted: [Dual<3>; 3] = std::array::from_fn(|i| Dual::variable(p[i], i));
    let (point, jacobian) = seen(&lifted, k);
    let mut out = [0.0; 3];
    let mut add = |weight: f64, term: Dual<3>| out.iter_mut().zip(term.slope).for_each(|(o, s)| *o += weight * s);
    for i in 0..2 {
        add(g_seen[i], point[i]);
        (0..3).for_each(|j| add(g_jacobian[i][j], jacobian[i][j]));
    }
    out
}

/// Angle from the axis.
pub fn angle(p: &[f64; 3]) -> f64 {
    p[0].hypot(p[1]).atan2(p[2])
}

/// The largest angle that a view maps: that of the farthest corner and 15 % more.
pub fn largest_angle<T>(view: &View<T>, k: &[f64; 4]) -> f64 {
    let far = |c: f64, side: u32, f: f64| c.max(f64::from(side) - c) / f;
    let corner =
        far(view.principal[0], view.width, view.focal[0]).hypot(far(view.principal[1], view.height, view.focal[1]));
    // The profiles of the tests grow up to here.
    let (mut low, mut high) = (0.0, 2.2);
    assert!(profile(high, k)[0] > corner, "the profile does not reach the corner");
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if profile(middle, k)[0] < corner { low = middle } else { high = middle }
    }
    1.15 * low
}
