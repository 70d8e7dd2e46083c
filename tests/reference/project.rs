//! Twin of the projection: cull, EWA covariance, low-pass, opacity compensation, colour (docs/algorithms.md B.1, A.3,
//! A.4).

use super::fisheye;
use super::number::{Num, dot, matmul, matvec, transpose};
use super::sh;

/// α below which a contribution is skipped, and opacity below which a Gaussian is culled.
pub const ALPHA_MIN: f64 = 1.0 / 255.0;
/// Added to both diagonals of the 2D covariance, pixels².
pub const LOW_PASS: f64 = 0.3;
/// Floor of the squared opacity compensation.
pub const COMPENSATION_FLOOR: f64 = 2.5e-5;
/// Parameters of one Gaussian at degree 3, in the order of [`Gaussian::to_array`].
pub const PARAMETERS: usize = 11 + 3 * sh::COEFFICIENTS;

/// Parameters of one kind, each with a size of its own in comparisons: ranges of [`Gaussian::to_array`].
pub const GROUPS: [(&str, std::ops::Range<usize>); 5] =
    [("mean", 0..3), ("quaternion", 3..7), ("log-scale", 7..10), ("logit", 10..11), ("SH", 11..PARAMETERS)];

/// One Gaussian's unconstrained parameters (docs/algorithms.md A.1).
#[derive(Clone, Copy, Debug)]
pub struct Gaussian<T> {
    pub mean: [T; 3],
    /// (w, x, y, z), of any length.
    pub quaternion: [T; 4],
    pub log_scale: [T; 3],
    pub logit: T,
    /// `[K][3]`, always room for degree 3.
    pub sh: [[T; 3]; sh::COEFFICIENTS],
}

impl<T: Num> Gaussian<T> {
    /// Flat: mean 3, quaternion 4, log-scale 3, logit, SH 16 × RGB.
    pub fn to_array(self) -> [T; PARAMETERS] {
        let mut flat = [T::zero(); PARAMETERS];
        flat[..3].copy_from_slice(&self.mean);
        flat[3..7].copy_from_slice(&self.quaternion);
        flat[7..10].copy_from_slice(&self.log_scale);
        flat[10] = self.logit;
        flat[11..].copy_from_slice(self.sh.as_flattened());
        flat
    }

    pub fn from_array(flat: &[T; PARAMETERS]) -> Self {
        Self {
            mean: std::array::from_fn(|i| flat[i]),
            quaternion: std::array::from_fn(|i| flat[3 + i]),
            log_scale: std::array::from_fn(|i| flat[7 + i]),
            logit: flat[10],
            sh: std::array::from_fn(|k| std::array::from_fn(|ch| flat[11 + 3 * k + ch])),
        }
    }
}

impl Gaussian<f64> {
    /// The same Gaussian in another number type, as constants.
    pub fn lift<T: Num>(&self) -> Gaussian<T> {
        Gaussian::from_array(&self.to_array().map(T::constant))
    }
}

/// A camera with everything else the projection depends on.
#[derive(Clone, Copy, Debug)]
pub struct View<T> {
    /// World-to-camera V.
    pub rotation: [[T; 3]; 3],
    pub translation: [T; 3],
    pub background: [T; 3],
    /// Pixels.
    pub focal: [f64; 2],
    pub principal: [f64; 2],
    pub width: u32,
    pub height: u32,
    /// Gaussians with camera z below it are culled.
    pub near: f64,
    /// Bands of spherical harmonics in use, 0 to 3.
    pub sh_degree: u32,
    pub antialiased: bool,
    /// Distortion of a fisheye; `None` for a pinhole.
    pub fisheye: Option<[f64; 4]>,
}

impl View<f64> {
    pub fn lift<T: Num>(&self) -> View<T> {
        View {
            rotation: self.rotation.map(|row| row.map(T::constant)),
            translation: self.translation.map(T::constant),
            background: self.background.map(T::constant),
            focal: self.focal,
            principal: self.principal,
            width: self.width,
            height: self.height,
            near: self.near,
            sh_degree: self.sh_degree,
            antialiased: self.antialiased,
            fisheye: self.fisheye,
        }
    }
}

impl<T> View<T> {
    /// Bounds of X/Z and Y/Z in the Jacobian, aware of the principal point: 30 % of half the field beyond each edge.
    pub fn slope_bounds(&self) -> [[f64; 2]; 2] {
        let bounds = |f: f64, c: f64, side: f64| {
            let margin = 0.3 * side / (2.0 * f);
            [-c / f - margin, (side - c) / f + margin]
        };
        [
            bounds(self.focal[0], self.principal[0], f64::from(self.width)),
            bounds(self.focal[1], self.principal[1], f64::from(self.height)),
        ]
    }
}

/// What the rasterizer needs of a visible Gaussian.
#[derive(Clone, Copy, Debug)]
pub struct Splat<T> {
    /// Pixels.
    pub centre: [T; 2],
    /// K = (a b; b c), the inverse of the blurred 2D covariance.
    pub conic: [T; 3],
    /// o' = o·ρ.
    pub opacity: T,
    pub colour: [T; 3],
    /// Camera z.
    pub depth: T,
}

impl Splat<f64> {
    pub fn lift<T: Num>(&self) -> Splat<T> {
        Splat {
            centre: self.centre.map(T::constant),
            conic: self.conic.map(T::constant),
            opacity: T::constant(self.opacity),
            colour: self.colour.map(T::constant),
            depth: T::constant(self.depth),
        }
    }
}

/// Rotation matrix of q/|q|; the identity where |q|² < 1e-12.
pub fn rotation<T: Num>(q: &[T; 4]) -> [[T; 3]; 3] {
    let square = dot(q, q);
    if square.value() < 1e-12 {
        return [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|row| row.map(T::constant));
    }
    let norm = square.sqrt();
    let [w, x, y, z] = q.map(|v| v / norm);
    let one_minus = |v: T| T::one() - v.times(2.0);
    let twice = |v: T| v.times(2.0);
    [
        [one_minus(y * y + z * z), twice(x * y - w * z), twice(x * z + w * y)],
        [twice(x * y + w * z), one_minus(x * x + z * z), twice(y * z - w * x)],
        [twice(x * z - w * y), twice(y * z + w * x), one_minus(x * x + y * y)],
    ]
}

/// M = R diag(exp l), so that Σ = M Mᵀ.
pub fn factor<T: Num>(quaternion: &[T; 4], log_scale: &[T; 3]) -> [[T; 3]; 3] {
    rotation(quaternion).map(|row| std::array::from_fn(|k| row[k] * log_scale[k].exp()))
}

/// The 3D covariance Σ, world units².
pub fn covariance<T: Num>(quaternion: &[T; 4], log_scale: &[T; 3]) -> [[T; 3]; 3] {
    let m = factor(quaternion, log_scale);
    matmul(&m, &transpose(&m))
}

/// Camera centre −Vᵀ t, world.
pub fn camera_centre<T: Num>(view: &View<T>) -> [T; 3] {
    matvec(&transpose(&view.rotation), &view.translation).map(|v| -v)
}

/// Camera-space position V m + t.
pub fn to_camera<T: Num>(view: &View<T>, mean: &[T; 3]) -> [T; 3] {
    let turned = matvec(&view.rotation, mean);
    std::array::from_fn(|i| turned[i] + view.translation[i])
}

/// Every intermediate of the projection, under the names of docs/algorithms.md B.
#[derive(Clone, Copy, Debug)]
pub struct Stages<T> {
    /// Camera-space position (X, Y, Z).
    pub p: [T; 3],
    /// X/Z and Y/Z before the clamp, and t = Z·clamp.
    pub slope: [T; 2],
    pub t: [T; 2],
    pub jacobian: [[T; 3]; 2],
    /// T = J V.
    pub transform: [[T; 3]; 2],
    pub sigma: [[T; 3]; 3],
    /// C' after the low-pass.
    pub blurred: [[T; 2]; 2],
    pub opacity: T,
    /// (det C / det C') before the floor.
    pub ratio: T,
    pub rho: T,
    /// Unit direction from the camera to the Gaussian, and the distance.
    pub direction: [T; 3],
    pub distance: T,
    /// Colour before max(0, ·).
    pub unclamped: [T; 3],
}

/// Evaluates the projection of a Gaussian in front of the near plane; `None` behind it.
pub fn stages<T: Num>(g: &Gaussian<T>, view: &View<T>) -> Option<Stages<T>> {
    let p = to_camera(view, &g.mean);
    if !is_seen(&p.map(T::value), view) {
        return None;
    }
    let (slope, t, jacobian) = through_lens(&p, view);
    let transform = matmul(&jacobian, &view.rotation);
    let sigma = covariance(&g.quaternion, &g.log_scale);
    let raw = matmul(&matmul(&transform, &sigma), &transpose(&transform));
    let mut blurred = raw;
    blurred[0][0] = raw[0][0].plus(LOW_PASS);
    blurred[1][1] = raw[1][1].plus(LOW_PASS);
    let ratio = determinant(&raw) / determinant(&blurred);
    let rho = if view.antialiased { ratio.at_least(COMPENSATION_FLOOR).sqrt() } else { T::one() };

    let centre = camera_centre(view);
    let offset: [T; 3] = std::array::from_fn(|i| g.mean[i] - centre[i]);
    let distance = dot(&offset, &offset).sqrt();
    let direction = offset.map(|v| v / distance);
    let basis = sh::basis(direction);
    let unclamped = std::array::from_fn(|ch| {
        (0..sh::coefficients(view.sh_degree)).fold(T::constant(0.5), |sum, k| sum + basis[k] * g.sh[k][ch])
    });
    let opacity = g.logit.sigmoid();
    Some(Stages {
        p,
        slope,
        t,
        jacobian,
        transform,
        sigma,
        blurred,
        opacity,
        ratio,
        rho,
        direction,
        distance,
        unclamped,
    })
}

/// Whether the lens maps a point of the camera frame.
fn is_seen<T>(p: &[f64; 3], view: &View<T>) -> bool {
    match view.fisheye {
        None => p[2] >= view.near,
        Some(k) => dot(p, p).sqrt() >= view.near && fisheye::angle(p) <= fisheye::largest_angle(view, &k),
    }
}

/// Where a point of the camera frame is seen, in units of the focal length; t; and the Jacobian in pixels.
fn through_lens<T: Num>(p: &[T; 3], view: &View<T>) -> ([T; 2], [T; 2], [[T; 3]; 2]) {
    let [fx, fy] = view.focal.map(T::constant);
    if let Some(k) = view.fisheye {
        let (seen, [first, second]) = fisheye::seen(p, &k);
        return (seen, [T::zero(); 2], [first.map(|v| fx * v), second.map(|v| fy * v)]);
    }
    let bounds = view.slope_bounds();
    let slope = [p[0] / p[2], p[1] / p[2]];
    let t: [T; 2] = std::array::from_fn(|i| p[2] * slope[i].at_least(bounds[i][0]).at_most(bounds[i][1]));
    let zz = p[2] * p[2];
    (slope, t, [[fx / p[2], T::zero(), -(fx * t[0] / zz)], [T::zero(), fy / p[2], -(fy * t[1] / zz)]])
}

pub fn determinant<T: Num>(m: &[[T; 2]; 2]) -> T {
    m[0][0] * m[1][1] - m[0][1] * m[1][0]
}

/// Projects one Gaussian; `None` where it is culled by the near plane, by opacity below 1/255 or by a degenerate
/// covariance. Gaussians off the screen are *not* culled here: see `tiles` for the tile set.
pub fn project<T: Num>(g: &Gaussian<T>, view: &View<T>) -> Option<Splat<T>> {
    let s = stages(g, view)?;
    let det = determinant(&s.blurred);
    let opacity = s.opacity * s.rho;
    if det.value() <= 0.0 || opacity.value() < ALPHA_MIN {
        return None;
    }
    let conic = [s.blurred[1][1] / det, -(s.blurred[0][1] / det), s.blurred[0][0] / det];
    let centre = std::array::from_fn(|i| s.slope[i].times(view.focal[i]).plus(view.principal[i]));
    Some(Splat { centre, conic, opacity, colour: s.unclamped.map(|v| v.at_least(0.0)), depth: depth(&s.p, view) })
}

/// What splats are sorted by.
fn depth<T: Num>(p: &[T; 3], view: &View<T>) -> T {
    if view.fisheye.is_some() { dot(p, p).sqrt() } else { p[2] }
}

/// Whether a channel of its colour is clamped, where the adjoint is not the derivative: it still leads out of the dark.
pub fn is_clamped(g: &Gaussian<f64>, view: &View<f64>) -> bool {
    stages(g, view).is_some_and(|s| s.unclamped.iter().any(|c| *c < 0.0))
}

/// Whether some branch of this Gaussian's projection is decided by so little that f32 may decide otherwise: near plane,
/// slope clamp, opacity cull, compensation floor, colour clamp. Compare gradients only where this is false.
pub fn near_branch(g: &Gaussian<f64>, view: &View<f64>) -> bool {
    const BAND: f64 = 1e-3;
    let p = to_camera(view, &g.mean);
    if (depth(&p, view) - view.near).abs() < BAND * view.near {
        return true;
    }
    let at_rim = |k: [f64; 4]| (fisheye::angle(&p) / fisheye::largest_angle(view, &k) - 1.0).abs() < BAND;
    if view.fisheye.is_some_and(at_rim) {
        return true;
    }
    let Some(s) = stages(g, view) else { return false };
    let at_clamp = view.fisheye.is_none()
        && s.slope.iter().zip(view.slope_bounds()).any(|(slope, [low, high])| {
            let span = high - low;
            (slope - low).abs() < BAND * span || (slope - high).abs() < BAND * span
        });
    let at_floor = view.antialiased && (s.ratio / COMPENSATION_FLOOR - 1.0).abs() < 0.05;
    let at_cull = (s.opacity * s.rho / ALPHA_MIN - 1.0).abs() < BAND;
    let at_black = s.unclamped.iter().any(|c| c.abs() < BAND);
    at_clamp || at_floor || at_cull || at_black
}
