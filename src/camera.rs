//! Cameras, and the one place for axis conventions.
//!
//! Everything inside Dapple uses OpenCV camera axes (x right, y down, z forward) and a world-to-camera pose
//! `p = R m + t`. Pixel (column j, row i) is sampled at (j + ½, i + ½), so a centred principal point is (W/2, H/2);
//! COLMAP's convention is the same.

use glam::{DMat3, DMat4, DQuat, DVec2, DVec3, dvec2};

/// A rigid world-to-camera transform: `camera = rotation * world + translation`, OpenCV camera axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    pub rotation: DMat3,
    pub translation: DVec3,
}

impl Pose {
    /// From a camera-to-world matrix with OpenGL camera axes (x right, y up, z back), as NeRF-style JSON stores it.
    /// The rotation part must be orthonormal; callers check that where the matrix comes from a file.
    pub fn from_gl_camera_to_world(matrix: DMat4) -> Self {
        let right = matrix.x_axis.truncate();
        let down = -matrix.y_axis.truncate();
        let forward = -matrix.z_axis.truncate();
        let rotation = DMat3::from_cols(right, down, forward).transpose();
        Self { rotation, translation: -(rotation * matrix.w_axis.truncate()) }
    }

    /// The inverse of [`Pose::from_gl_camera_to_world`].
    pub fn to_gl_camera_to_world(&self) -> DMat4 {
        let axes = self.rotation.transpose();
        DMat4::from_cols(
            axes.x_axis.extend(0.0),
            (-axes.y_axis).extend(0.0),
            (-axes.z_axis).extend(0.0),
            self.centre().extend(1.0),
        )
    }

    /// A camera at `eye` that looks at `target`, with the image's up side towards `up`.
    pub fn look_at(eye: DVec3, target: DVec3, up: DVec3) -> Self {
        let forward = (target - eye).normalize();
        let right = forward.cross(up).try_normalize().unwrap_or_else(|| forward.any_orthonormal_vector());
        let down = forward.cross(right);
        let rotation = DMat3::from_cols(right, down, forward).transpose();
        Self { rotation, translation: -(rotation * eye) }
    }

    /// The camera's position in the world.
    pub fn centre(&self) -> DVec3 {
        -(self.rotation.transpose() * self.translation)
    }

    /// The direction the camera looks along, in the world.
    pub fn forward(&self) -> DVec3 {
        self.rotation.row(2)
    }

    /// The pose from which a world looks that was turned about its origin as the world did from this one before.
    pub fn turned(&self, turn: DQuat) -> Self {
        Self { rotation: self.rotation * DMat3::from_quat(turn.inverse()), ..*self }
    }
}

/// How a lens maps directions to its image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum LensModel {
    /// Perspective: (x / z, y / z) times the focal length.
    #[default]
    Pinhole,
    /// Equidistant with radial distortion: a point at the angle θ from the axis is seen at the radius
    /// θ (1 + k₁ θ² + … + k₄ θ⁸) times the focal length (COLMAP's and OpenCV's fisheye).
    Fisheye {
        /// k₁ to k₄.
        radial: [f64; 4],
        /// Largest angle from the axis that is mapped, in radians: at most π, and less where the radius stops growing.
        reach: f64,
    },
}

impl LensModel {
    /// A fisheye with the coefficients k₁ to k₄.
    pub fn fisheye(radial: [f64; 4]) -> Self {
        const STEP: f64 = 1e-3;
        let grows = |step: u32| {
            let theta = STEP * f64::from(step);
            fisheye_radius(&radial, theta + STEP) > fisheye_radius(&radial, theta)
        };
        let most = (std::f64::consts::PI / STEP) as u32;
        let reach = (0..most).find(|&step| !grows(step)).map_or(std::f64::consts::PI, |step| STEP * f64::from(step));
        Self::Fisheye { radial, reach }
    }
}

/// Radius at which a fisheye shows the angle `theta`, in units of the focal length.
pub(crate) fn fisheye_radius(k: &[f64; 4], theta: f64) -> f64 {
    let q = theta * theta;
    theta * (1.0 + q * (k[0] + q * (k[1] + q * (k[2] + q * k[3]))))
}

/// Angle that a fisheye shows at a radius in units of the focal length; its reach beyond that.
pub(crate) fn fisheye_angle(k: &[f64; 4], reach: f64, radius: f64) -> f64 {
    let (mut low, mut high) = (0.0, reach);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if fisheye_radius(k, middle) < radius { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// A lens as images are rendered through it. Focal lengths and principal point in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lens {
    pub focal: DVec2,
    pub principal: DVec2,
    pub width: u32,
    pub height: u32,
    pub model: LensModel,
}

impl Lens {
    /// A pinhole lens.
    pub fn pinhole(focal: DVec2, principal: DVec2, (width, height): (u32, u32)) -> Self {
        Self { focal, principal, width, height, model: LensModel::Pinhole }
    }

    /// A lens with a centred principal point and square pixels, from the horizontal field of view in radians.
    pub fn from_fov_x(fov_x: f64, width: u32, height: u32) -> Self {
        let focal = 0.5 * f64::from(width) / (0.5 * fov_x).tan();
        Self::pinhole(DVec2::splat(focal), dvec2(f64::from(width), f64::from(height)) * 0.5, (width, height))
    }

    /// The same lens for an image resampled to another size.
    pub fn resized(&self, width: u32, height: u32) -> Self {
        let factor = dvec2(f64::from(width) / f64::from(self.width), f64::from(height) / f64::from(self.height));
        Self { focal: self.focal * factor, principal: self.principal * factor, width, height, ..*self }
    }

    /// Squared distance, in pixels, of the farthest corner of the image from the lens's axis.
    pub fn corner_squared(&self) -> f64 {
        let far = |centre: f64, side: u32| centre.max(f64::from(side) - centre);
        dvec2(far(self.principal.x, self.width), far(self.principal.y, self.height)).length_squared()
    }

    /// Squared distance of a pixel position from the lens's axis, 1 in the farthest corner of the image.
    pub fn off_axis(&self, pixel: DVec2) -> f64 {
        (pixel - self.principal).length_squared() / self.corner_squared()
    }

    /// The pixel position of a point of the camera frame, or `None` where the lens does not see it.
    pub fn project(&self, p: DVec3) -> Option<DVec2> {
        match self.model {
            LensModel::Pinhole => (p.z > 0.0).then(|| self.focal * p.truncate() / p.z + self.principal),
            LensModel::Fisheye { radial, reach } => {
                let across = p.truncate();
                let (r, theta) = (across.length(), across.length().atan2(p.z));
                let scale = if r > 0.0 { fisheye_radius(&radial, theta) / r } else { 0.0 };
                (theta <= reach && p != DVec3::ZERO).then(|| self.focal * (scale * across) + self.principal)
            }
        }
    }

    /// The direction, in the camera frame and of any length, that is seen at a pixel position.
    pub fn direction(&self, pixel: DVec2) -> DVec3 {
        let point = (pixel - self.principal) / self.focal;
        match self.model {
            LensModel::Pinhole => point.extend(1.0),
            LensModel::Fisheye { radial, reach } => {
                let radius = point.length();
                let (sin, cos) = fisheye_angle(&radial, reach, radius).sin_cos();
                (point * (sin / radius.max(f64::MIN_POSITIVE))).extend(cos)
            }
        }
    }
}

/// A posed camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    pub pose: Pose,
    pub lens: Lens,
}

impl Camera {
    /// The pixel position and depth z of a world point, or `None` where the lens does not see it.
    pub fn project(&self, point: DVec3) -> Option<(DVec2, f64)> {
        let p = self.pose.rotation * point + self.pose.translation;
        self.lens.project(p).map(|pixel| (pixel, p.z))
    }

    /// The unit direction, in the world, of the ray through a pixel position.
    pub fn ray(&self, pixel: DVec2) -> DVec3 {
        (self.pose.rotation.transpose() * self.lens.direction(pixel)).normalize()
    }
}

/// The point nearest to the optical axes of all cameras, in the least-squares sense: Σ (I − d dᵀ)(x − c) = 0 over the
/// centres c and directions d. `None` unless `meet` accepts the determinant of Σ (I − d dᵀ), which is 0 for parallel
/// axes and at most ⁸⁄₂₇ n³ for n cameras.
pub fn nearest_to_axes<'a>(cameras: impl IntoIterator<Item = &'a Camera>, meet: impl Fn(f64) -> bool) -> Option<DVec3> {
    let (mut normal, mut right) = (DMat3::ZERO, DVec3::ZERO);
    for camera in cameras {
        let d = camera.pose.forward();
        let across = DMat3::IDENTITY - DMat3::from_cols(d * d.x, d * d.y, d * d.z);
        normal += across;
        right += across * camera.pose.centre();
    }
    meet(normal.determinant()).then(|| normal.inverse() * right)
}

/// The direction that is up for the cameras of a capture, a unit vector; `None` without cameras.
///
/// It is what the images' horizontals are most nearly at right angles to: the least eigenvector of Σ r rᵀ over
/// the cameras' right axes, on the images' up side.
pub fn up(cameras: &[Camera]) -> Option<DVec3> {
    let mut spread = DMat3::from_diagonal(DVec3::splat(1e-6));
    for camera in cameras {
        let r = camera.pose.rotation.row(0);
        spread += DMat3::from_cols(r * r.x, r * r.y, r * r.z);
    }
    // Inverse iteration from the mean up side, which also settles the sign, and the choice where all horizontals agree.
    let mean = cameras.iter().map(|camera| -camera.pose.rotation.row(1)).sum::<DVec3>();
    let inverse = spread.inverse();
    (0..60).try_fold(mean, |up, _| (inverse * up).try_normalize())
}

/// The largest size with the aspect ratio of `width` × `height` whose longer side is at most `limit` pixels.
pub fn fit_within(width: u32, height: u32, limit: Option<u32>) -> (u32, u32) {
    let longest = width.max(height);
    match limit {
        Some(limit) if longest > limit => {
            let scale = |side: u32| {
                ((u64::from(side) * u64::from(limit) * 2 + u64::from(longest)) / (2 * u64::from(longest))).max(1) as u32
            };
            (scale(width), scale(height))
        }
        _ => (width, height),
    }
}

#[cfg(test)]
mod tests {
    use glam::dvec3;

    use super::*;

    #[test]
    fn gl_pose_round_trips_and_looks_forward() {
        let pose = Pose::look_at(dvec3(3.0, -2.0, 1.5), DVec3::ZERO, DVec3::Z);
        let back = Pose::from_gl_camera_to_world(pose.to_gl_camera_to_world());
        assert!((back.translation - pose.translation).length() < 1e-12);
        let camera = Camera { pose, lens: Lens::from_fov_x(0.7, 400, 300) };
        let (pixel, depth) = camera.project(DVec3::ZERO).expect("the target is in front");
        assert!((pixel - dvec2(200.0, 150.0)).length() < 1e-9);
        assert!((depth - dvec3(3.0, -2.0, 1.5).length()).abs() < 1e-12);
        let above = camera.project(dvec3(0.0, 0.0, 0.1)).expect("in front").0;
        assert!(above.y < 150.0, "up in the world is up in the image");
        let ray = camera.ray(above);
        let to_point = (dvec3(0.0, 0.0, 0.1) - pose.centre()).normalize();
        assert!((ray - to_point).length() < 1e-12);
    }

    #[test]
    fn a_fisheye_sees_what_it_shows_up_to_the_side_and_behind() {
        let model = LensModel::fisheye([0.05, -0.01, 0.002, -0.0003]);
        let lens = Lens { model, ..Lens::pinhole(dvec2(120.0, 118.0), dvec2(201.0, 149.0), (400, 300)) };
        for degrees in [0.0, 1e-4, 20.0, 60.0, 89.0, 91.0, 120.0_f64] {
            let theta = degrees.to_radians();
            let p = 3.0 * dvec3(theta.sin() * 0.6, theta.sin() * -0.8, theta.cos());
            let pixel = lens.project(p).expect("the lens sees it");
            let radius = ((pixel - lens.principal) / lens.focal).length();
            assert!((radius - fisheye_radius(&[0.05, -0.01, 0.002, -0.0003], theta)).abs() < 1e-9);
            assert!((lens.direction(pixel).normalize() - p.normalize()).length() < 1e-9, "{degrees}");
        }
        let LensModel::Fisheye { reach, .. } = LensModel::fisheye([-0.2, 0.0, 0.0, 0.0]) else { panic!("a fisheye") };
        assert!((reach - (1.0_f64 / 0.6).sqrt()).abs() < 2e-3, "the radius stops growing at {reach}");
        let folded = Lens { model: LensModel::fisheye([-0.2, 0.0, 0.0, 0.0]), ..lens };
        assert_eq!(folded.project(dvec3(5.0, 0.0, 0.1)), None);
    }

    #[test]
    fn fit_within_keeps_aspect() {
        assert_eq!(fit_within(540, 960, Some(480)), (270, 480));
        assert_eq!(fit_within(400, 400, Some(480)), (400, 400));
        assert_eq!(fit_within(1000, 1, Some(10)), (10, 1));
        assert_eq!(fit_within(1000, 667, None), (1000, 667));
    }
}
