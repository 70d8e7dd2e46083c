//! Adjoint of the projection, by hand (docs/algorithms.md B.4 to B.10): from a splat's gradient to a Gaussian's
//! parameters and to the camera.

use super::fisheye;
use super::number::{dot, matmul, matvec, transpose};
use super::project::{
    COMPENSATION_FLOOR, Gaussian, LOW_PASS, PARAMETERS, Stages, View, determinant, factor, rotation, stages,
};
use super::rasterize::SplatGradient;
use super::sh;

type Mat3 = [[f64; 3]; 3];

/// Sums over visible Gaussians from which the gradient of the pose follows.
#[derive(Clone, Copy, Debug, Default)]
pub struct CameraSums {
    pub rotation: Mat3,
    pub translation: [f64; 3],
    pub centre: [f64; 3],
}

impl CameraSums {
    /// Gradient of the left perturbation (V, t) ← (exp(ω^) V, exp(ω^) t + τ) at zero: (ω, τ).
    pub fn pose(&self, view: &View<f64>) -> [f64; 6] {
        let mut s = matmul(&self.rotation, &transpose(&view.rotation));
        for (r, row) in s.iter_mut().enumerate() {
            for (c, entry) in row.iter_mut().enumerate() {
                *entry += self.translation[r] * view.translation[c];
            }
        }
        let moved = matvec(&view.rotation, &self.centre);
        let tau: [f64; 3] = std::array::from_fn(|i| self.translation[i] - moved[i]);
        [s[2][1] - s[1][2], s[0][2] - s[2][0], s[1][0] - s[0][1], tau[0], tau[1], tau[2]]
    }
}

/// Gradient of one visible Gaussian's parameters, in the order of [`Gaussian::to_array`]; adds to `camera`.
pub fn project_backward(
    g: &Gaussian<f64>,
    view: &View<f64>,
    upstream: &SplatGradient,
    camera: &mut CameraSums,
) -> [f64; PARAMETERS] {
    let s = stages(g, view).expect("only visible Gaussians have gradients");
    let g_blurred = covariance_gradient(&s, view, upstream);
    let g_sigma = matmul(&matmul(&transpose(&s.transform), &g_blurred), &s.transform);
    let g_transform = matmul(&matmul(&g_blurred, &s.transform), &s.sigma).map(|row| row.map(|v| 2.0 * v));
    let g_jacobian = matmul(&g_transform, &transpose(&view.rotation));
    let g_p = position_gradient(&s, view, upstream, &g_jacobian);
    let (g_offset, g_sh) = colour_gradient(g, &s, view, upstream);

    let by_rotation = matmul(&transpose(&s.jacobian), &g_transform);
    for r in 0..3 {
        for c in 0..3 {
            camera.rotation[r][c] += g_p[r] * g.mean[c] + by_rotation[r][c];
        }
        camera.translation[r] += g_p[r];
        camera.centre[r] -= g_offset[r];
    }

    let by_position = matvec(&transpose(&view.rotation), &g_p);
    let (quaternion, log_scale) = shape_gradient(g, &g_sigma);
    let gradient = Gaussian {
        mean: std::array::from_fn(|i| by_position[i] + g_offset[i]),
        quaternion,
        log_scale,
        logit: upstream.opacity * s.rho * s.opacity * (1.0 - s.opacity),
        sh: g_sh,
    };
    gradient.to_array()
}

/// B.4: conic and opacity compensation to the 2D covariance, as a full symmetric matrix.
fn covariance_gradient(s: &Stages<f64>, view: &View<f64>, upstream: &SplatGradient) -> [[f64; 2]; 2] {
    let det = determinant(&s.blurred);
    let off = -s.blurred[0][1] / det;
    let k = [[s.blurred[1][1] / det, off], [off, s.blurred[0][0] / det]];
    let g_k = [[upstream.conic[0], 0.5 * upstream.conic[1]], [0.5 * upstream.conic[1], upstream.conic[2]]];
    let mut g = matmul(&matmul(&k, &g_k), &k).map(|row| row.map(|v| -v));
    if view.antialiased && s.ratio >= COMPENSATION_FLOOR {
        let h = upstream.opacity * s.opacity / (2.0 * s.rho);
        for r in 0..2 {
            for c in 0..2 {
                g[r][c] += h * (1.0 - s.rho * s.rho) * k[r][c];
            }
            g[r][r] -= h * LOW_PASS / det;
        }
    }
    g
}

/// B.6: to the camera-space position.
fn position_gradient(
    s: &Stages<f64>,
    view: &View<f64>,
    upstream: &SplatGradient,
    g_jacobian: &[[f64; 3]; 2],
) -> [f64; 3] {
    if let Some(k) = view.fisheye {
        let g_seen = std::array::from_fn(|i| view.focal[i] * upstream.centre[i]);
        let g_seen_jacobian = std::array::from_fn(|i| g_jacobian[i].map(|v| view.focal[i] * v));
        return fisheye::seen_backward(&s.p, &k, g_seen, &g_seen_jacobian);
    }
    let z = s.p[2];
    let mut g = [0.0, 0.0, upstream.depth];
    for axis in 0..2 {
        let [low, high] = view.slope_bounds()[axis];
        let inside = (low..=high).contains(&s.slope[axis]);
        let (f, g_u) = (view.focal[axis], upstream.centre[axis]);
        g[axis] = f / z * g_u;
        if inside {
            g[axis] -= f / (z * z) * g_jacobian[axis][2];
        }
        // Where the slope is clamped, t = Z·bound is linear in Z and J's third column has one factor 1/Z left.
        let kappa = if inside { 2.0 } else { 1.0 };
        g[2] += -f * s.p[axis] * g_u / (z * z) - f * g_jacobian[axis][axis] / (z * z)
            + kappa * f * s.t[axis] * g_jacobian[axis][2] / (z * z * z);
    }
    g
}

/// B.8: covariance to raw quaternion and log-scale.
fn shape_gradient(g: &Gaussian<f64>, g_sigma: &Mat3) -> ([f64; 4], [f64; 3]) {
    let (r, m) = (rotation(&g.quaternion), factor(&g.quaternion, &g.log_scale));
    let g_m = matmul(g_sigma, &m).map(|row| row.map(|v| 2.0 * v));
    let scale = g.log_scale.map(f64::exp);
    let g_log_scale = std::array::from_fn(|k| scale[k] * (0..3).map(|row| r[row][k] * g_m[row][k]).sum::<f64>());

    let square = dot(&g.quaternion, &g.quaternion);
    if square < 1e-12 {
        return ([0.0; 4], g_log_scale);
    }
    let norm = square.sqrt();
    let unit = g.quaternion.map(|v| v / norm);
    let [w, x, y, z] = unit;
    let d: Mat3 = g_m.map(|row| std::array::from_fn(|k| row[k] * scale[k]));
    let (sum, difference) = (|a: usize, b: usize| d[a][b] + d[b][a], |a: usize, b: usize| d[a][b] - d[b][a]);
    let g_unit = [
        x * difference(2, 1) + y * difference(0, 2) + z * difference(1, 0),
        -2.0 * x * (d[1][1] + d[2][2]) + y * sum(0, 1) + z * sum(0, 2) + w * difference(2, 1),
        x * sum(0, 1) - 2.0 * y * (d[0][0] + d[2][2]) + z * sum(1, 2) + w * difference(0, 2),
        x * sum(0, 2) + y * sum(1, 2) - 2.0 * z * (d[0][0] + d[1][1]) + w * difference(1, 0),
    ]
    .map(|v| 2.0 * v);
    let radial = dot(&unit, &g_unit);
    (std::array::from_fn(|i| (g_unit[i] - unit[i] * radial) / norm), g_log_scale)
}

/// B.9: colour to m − c and to the coefficients.
fn colour_gradient(
    g: &Gaussian<f64>,
    s: &Stages<f64>,
    view: &View<f64>,
    upstream: &SplatGradient,
) -> ([f64; 3], [[f64; 3]; sh::COEFFICIENTS]) {
    // Not the derivative of the clamp: that of what the colour would be without it, as far as it leads out of the dark.
    let passes = |ch: usize| s.unclamped[ch] >= 0.0 || upstream.colour[ch] < 0.0;
    let g_rgb: [f64; 3] = std::array::from_fn(|ch| if passes(ch) { upstream.colour[ch] } else { 0.0 });
    let (basis, slopes) = (sh::basis(s.direction), sh::basis_gradient(s.direction));
    let (mut g_sh, mut g_direction) = ([[0.0; 3]; sh::COEFFICIENTS], [0.0; 3]);
    for k in 0..sh::coefficients(view.sh_degree) {
        g_sh[k] = g_rgb.map(|v| v * basis[k]);
        let along = dot(&g.sh[k], &g_rgb);
        for axis in 0..3 {
            g_direction[axis] += slopes[k][axis] * along;
        }
    }
    let radial = dot(&s.direction, &g_direction);
    (std::array::from_fn(|i| (g_direction[i] - s.direction[i] * radial) / s.distance), g_sh)
}
