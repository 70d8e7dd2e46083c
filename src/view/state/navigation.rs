//! The viewer's eye and its movements, in the scene's own frame.

use glam::{DMat3, DMat4, DQuat, DVec2, DVec3, dvec2, dvec3};

use serde::{Deserialize, Serialize};

use crate::camera::{Camera, Lens, Pose};

/// Vertical field of view by which an orthographic view is drawn, from so far away that perspective vanishes.
const FLAT_FOV: f64 = 0.02;
/// The eye looks no nearer to straight up or down than this, in radians.
const POLE: f64 = 0.02;
/// Limits of the field of view, radians.
pub const FOV: std::ops::RangeInclusive<f64> = 0.05..=2.6;

/// An eye that looks at a pivot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eye {
    /// World to camera, OpenCV axes: the rows are right, down and forward in the world.
    pub rotation: DMat3,
    pub pivot: DVec3,
    /// From the eye to the pivot, world units.
    pub distance: f64,
    /// Unit vector about which the eye orbits.
    pub up: DVec3,
    /// Vertical field of view, radians.
    pub fov: f64,
    pub orthographic: bool,
}

/// The views along an axis, by the side that is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Front,
    Back,
    Left,
    Right,
    Top,
    Bottom,
}

impl Side {
    pub const ALL: [Self; 6] = [Self::Front, Self::Back, Self::Left, Self::Right, Self::Top, Self::Bottom];
}

impl Eye {
    /// An eye at `eye` that looks at `pivot`.
    pub fn look_at(eye: DVec3, pivot: DVec3, up: DVec3, fov: f64) -> Self {
        // At the pivot itself there is no direction; a step back gives one.
        let eye = if eye.distance(pivot) > 1e-9 { eye } else { pivot - front(up) };
        let distance = eye.distance(pivot);
        let rotation = Pose::look_at(eye, pivot, up).rotation;
        Self { rotation, pivot, distance, up, fov, orthographic: false }
    }

    /// The eye that sees as a camera does, its pivot at the point of its axis nearest to `focus`.
    pub fn of_camera(camera: &Camera, focus: DVec3, up: DVec3) -> Self {
        let (pose, lens) = (&camera.pose, &camera.lens);
        let centre = pose.centre();
        let along = (focus - centre).dot(pose.forward());
        let distance = if along > 0.0 { along } else { focus.distance(centre).max(1e-9) };
        let fov = 2.0 * (0.5 * f64::from(lens.height) / lens.focal.y).atan();
        let pivot = centre + distance * pose.forward();
        Self { rotation: pose.rotation, pivot, distance, up, fov, orthographic: false }
    }

    pub fn right(&self) -> DVec3 {
        self.rotation.row(0)
    }

    pub fn down(&self) -> DVec3 {
        self.rotation.row(1)
    }

    pub fn forward(&self) -> DVec3 {
        self.rotation.row(2)
    }

    /// The eye's position.
    pub fn centre(&self) -> DVec3 {
        self.pivot - self.distance * self.forward()
    }

    /// Half the height of what is seen at the pivot, world units.
    fn half_height(&self) -> f64 {
        self.distance * (0.5 * self.fov).tan()
    }

    /// Camera-to-world with OpenGL camera axes, as files hold it. An orthographic view is one from far away.
    pub fn matrix(&self) -> DMat4 {
        let back = if self.orthographic { self.half_height() / (0.5 * FLAT_FOV).tan() } else { self.distance };
        let centre = self.pivot - back * self.forward();
        let columns = [self.right(), -self.down(), -self.forward()].map(|axis| axis.extend(0.0));
        DMat4::from_cols(columns[0], columns[1], columns[2], centre.extend(1.0))
    }

    /// The camera for an image of a size.
    pub fn camera(&self, width: u32, height: u32) -> Camera {
        let fov = if self.orthographic { FLAT_FOV } else { self.fov };
        let focal = 0.5 * f64::from(height) / (0.5 * fov).tan();
        let principal = dvec2(f64::from(width), f64::from(height)) * 0.5;
        let lens = Lens::pinhole(DVec2::splat(focal), principal, (width, height));
        Camera { pose: Pose::from_gl_camera_to_world(self.matrix()), lens }
    }

    /// Turns the camera's axes by a rotation of the world.
    fn turn(&mut self, turn: DQuat) {
        let axes = self.rotation.transpose();
        let turned = DMat3::from_quat(turn) * axes;
        // Products of many turns drift; Gram-Schmidt holds them to a rotation.
        let forward = turned.z_axis.normalize();
        let right = turned.x_axis.reject_from_normalized(forward).normalize();
        self.rotation = DMat3::from_cols(right, forward.cross(right), forward).transpose();
    }

    /// Turns by angles in radians: the view to the right and downwards for positive ones. Never over a pole.
    fn swing(&mut self, yaw: f64, pitch: f64) {
        let height = self.forward().angle_between(self.up);
        let room = (POLE - height, std::f64::consts::PI - POLE - height);
        // An eye that is beyond a pole already, as an axis view is, may only come back.
        let pitch = pitch.clamp(room.0.min(0.0), room.1.max(0.0));
        self.turn(DQuat::from_axis_angle(self.up, -yaw) * DQuat::from_axis_angle(self.right(), -pitch));
    }

    /// Moves around the pivot as if the scene were dragged by these angles.
    pub fn orbit(&mut self, yaw: f64, pitch: f64) {
        self.swing(yaw, pitch);
    }

    /// Looks around from where the eye is.
    pub fn look(&mut self, yaw: f64, pitch: f64) {
        let centre = self.centre();
        self.swing(yaw, pitch);
        self.pivot = centre + self.distance * self.forward();
    }

    /// Rolls about the axis of view, clockwise as seen.
    pub fn roll(&mut self, angle: f64) {
        self.turn(DQuat::from_axis_angle(self.forward(), angle));
    }

    /// Moves sideways so that the pivot's plane follows the pointer. `drag` in pixels of an image of this height.
    pub fn pan(&mut self, drag: DVec2, height: f64) {
        let unit = 2.0 * self.half_height() / height.max(1.0);
        self.pivot -= unit * (drag.x * self.right() + drag.y * self.down());
    }

    /// Comes nearer by a factor below 1, or backs off; what the pointer is on at the pivot's plane stays there.
    /// `offset` is the pointer's from the middle of the image, in pixels.
    pub fn zoom(&mut self, factor: f64, offset: DVec2, height: f64) {
        let before = 2.0 * self.half_height() / height.max(1.0);
        self.distance = (self.distance * factor).clamp(1e-9, 1e12);
        let after = 2.0 * self.half_height() / height.max(1.0);
        self.pivot += (before - after) * (offset.x * self.right() + offset.y * self.down());
    }

    /// Moves along its own axes: x right, y down, z forward, world units.
    pub fn fly(&mut self, by: DVec3) {
        self.pivot += self.rotation.transpose() * by;
    }

    /// Turns to a point from where the eye is and makes it the pivot.
    pub fn focus(&mut self, point: DVec3) {
        let centre = self.centre();
        let Some(wanted) = (point - centre).try_normalize() else { return };
        self.turn(DQuat::from_rotation_arc(self.forward(), wanted));
        self.level();
        self.distance = point.distance(centre);
        self.pivot = point;
    }

    /// Takes the roll out.
    pub fn level(&mut self) {
        let forward = self.forward();
        if let Some(right) = forward.cross(self.up).try_normalize() {
            // Straight up or down has no level.
            self.rotation = DMat3::from_cols(right, forward.cross(right), forward).transpose();
        }
    }

    /// Looks at the pivot's side.
    pub fn show(&mut self, side: Side) {
        let front = front(self.up);
        let right = front.cross(self.up);
        let (forward, down) = match side {
            Side::Front => (front, -self.up),
            Side::Back => (-front, -self.up),
            Side::Left => (right, -self.up),
            Side::Right => (-right, -self.up),
            Side::Top => (-self.up, -front),
            Side::Bottom => (self.up, front),
        };
        self.rotation = DMat3::from_cols(down.cross(forward), down, forward).transpose();
    }

    /// On the way from one eye to another, `t` from 0 to 1.
    pub fn between(a: &Self, b: &Self, t: f64) -> Self {
        let rotation = DQuat::from_mat3(&a.rotation).slerp(DQuat::from_mat3(&b.rotation), t);
        let distance = a.distance * (b.distance / a.distance).powf(t);
        let centre = a.centre().lerp(b.centre(), t);
        let rotation = DMat3::from_quat(rotation);
        let up = a.up.lerp(b.up, t).try_normalize().unwrap_or(b.up);
        let fov = a.fov + (b.fov - a.fov) * t;
        Self { rotation, pivot: centre + distance * rotation.row(2), distance, up, fov, orthographic: b.orthographic }
    }
}

/// The direction of view of the front, for an up axis.
fn front(up: DVec3) -> DVec3 {
    let along = if up.z.abs() < 0.9 { dvec3(0.0, 0.0, 1.0) } else { dvec3(0.0, 1.0, 0.0) };
    along.reject_from_normalized(up).normalize()
}

/// Radians that a drag of this many points turns.
pub fn angle_of(points: f32) -> f64 {
    f64::from(points) * 0.006
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eye() -> Eye {
        Eye::look_at(dvec3(4.0, -1.0, 2.0), dvec3(0.5, 0.2, -0.3), dvec3(0.0, 0.0, 1.0), 0.8)
    }

    fn is_rotation(matrix: &DMat3) -> bool {
        (matrix.transpose() * *matrix).abs_diff_eq(DMat3::IDENTITY, 1e-12) && matrix.determinant() > 0.0
    }

    #[test]
    fn an_orbit_keeps_pivot_distance_and_level() {
        let mut eye = eye();
        let (pivot, distance) = (eye.pivot, eye.distance);
        for _ in 0..1000 {
            eye.orbit(0.03, 0.01);
        }
        assert!(is_rotation(&eye.rotation));
        assert_eq!((eye.pivot, eye.distance), (pivot, distance));
        assert!((eye.centre().distance(pivot) - distance).abs() < 1e-9);
        assert!(eye.right().dot(eye.up).abs() < 1e-9, "no roll creeps in");
        let height = eye.forward().angle_between(eye.up);
        assert!((POLE - 1e-9..=std::f64::consts::PI - POLE + 1e-9).contains(&height), "not over the pole: {height}");
    }

    #[test]
    fn dragging_right_moves_what_is_in_front_to_the_right() {
        let point = dvec3(0.5, 0.2, -0.3);
        let seen = |eye: &Eye, p: DVec3| eye.camera(800, 600).project(p).expect("in front").0;
        // A point between the eye and the pivot is on the near side, which follows the pointer.
        let near = eye().centre().lerp(point, 0.8);
        let mut orbited = eye();
        orbited.orbit(0.1, 0.0);
        assert!(seen(&orbited, near).x > seen(&eye(), near).x + 1.0);
        let mut orbited = eye();
        orbited.orbit(0.0, 0.1);
        assert!(seen(&orbited, near).y > seen(&eye(), near).y + 1.0);
        let mut looked = eye();
        looked.look(0.1, 0.0);
        assert!(seen(&looked, point).x < 400.0 - 1.0, "looking right, things go left");
        assert!(looked.centre().distance(eye().centre()) < 1e-12);
    }

    #[test]
    fn a_pan_follows_the_pointer_to_the_pixel() {
        let mut panned = eye();
        let pivot = panned.pivot;
        panned.pan(dvec2(30.0, -20.0), 600.0);
        let seen = panned.camera(800, 600).project(pivot).expect("in front").0;
        assert!((seen - dvec2(430.0, 280.0)).length() < 1e-9);
    }

    #[test]
    fn a_zoom_keeps_what_is_under_the_pointer() {
        let start = eye();
        let offset = dvec2(120.0, -75.0);
        let camera = start.camera(800, 600);
        let ray = camera.ray(dvec2(400.0, 300.0) + offset);
        let point = start.centre() + ray * (start.distance / ray.dot(start.forward()));
        let mut zoomed = start;
        zoomed.zoom(0.5, offset, 600.0);
        let seen = zoomed.camera(800, 600).project(point).expect("in front").0;
        assert!((seen - dvec2(520.0, 225.0)).length() < 1e-6, "{seen}");
        assert!((zoomed.distance - 0.5 * start.distance).abs() < 1e-12);
    }

    #[test]
    fn focus_puts_the_point_in_the_middle_without_moving() {
        let mut focused = eye();
        let point = dvec3(-1.0, 0.7, 0.9);
        focused.focus(point);
        assert!(focused.centre().distance(eye().centre()) < 1e-9);
        let seen = focused.camera(800, 600).project(point).expect("in front").0;
        assert!((seen - dvec2(400.0, 300.0)).length() < 1e-6);
        assert!(is_rotation(&focused.rotation));
    }

    #[test]
    fn axis_views_show_what_they_say() {
        for up in [DVec3::Z, -DVec3::Y, DVec3::Y, DVec3::X] {
            let mut eye = Eye { up, ..eye() };
            for side in Side::ALL {
                eye.show(side);
                assert!(is_rotation(&eye.rotation), "{side:?}");
                let above = eye.camera(64, 64).project(eye.pivot + 0.1 * up).map(|(pixel, _)| pixel);
                match side {
                    Side::Top => assert!(eye.centre().dot(up) > eye.pivot.dot(up)),
                    Side::Bottom => assert!(eye.centre().dot(up) < eye.pivot.dot(up)),
                    _ => assert!(above.expect("in front").y < 32.0, "up is up, {side:?}"),
                }
                // From an axis view one can orbit on.
                let mut orbited = eye;
                orbited.orbit(0.1, 0.1);
                assert!(is_rotation(&orbited.rotation));
            }
        }
    }

    #[test]
    fn an_orthographic_view_keeps_the_pivot_plane_and_loses_perspective() {
        let flat = Eye { orthographic: true, ..eye() };
        let point = flat.pivot + 0.4 * flat.right();
        let seen = |eye: &Eye, p: DVec3| eye.camera(800, 600).project(p).expect("in front").0;
        assert!((seen(&flat, point) - seen(&eye(), point)).length() < 1e-6);
        let nearer = point - 0.5 * flat.forward();
        assert!((seen(&flat, nearer).x - seen(&flat, point).x).abs() < 0.01 * (seen(&flat, point).x - 400.0));
    }

    #[test]
    fn an_eye_sees_as_its_camera() {
        let lens = Lens::pinhole(dvec2(500.0, 500.0), dvec2(320.0, 240.0), (640, 480));
        let camera = Camera { pose: Pose::look_at(dvec3(2.0, 3.0, 1.0), DVec3::ZERO, DVec3::Y), lens };
        let eye = Eye::of_camera(&camera, dvec3(0.1, 0.2, 0.0), DVec3::Y);
        let same = eye.camera(640, 480);
        assert!((same.lens.focal - lens.focal).length() < 1e-9);
        assert!(same.pose.centre().distance(camera.pose.centre()) < 1e-12);
        assert!(Eye::between(&eye, &eye, 0.3).centre().distance(eye.centre()) < 1e-12);
    }
}
