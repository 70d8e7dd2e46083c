//! The place of the picture in the window.

use eframe::egui::{Pos2, Rect, pos2, vec2};
use glam::{DVec2, DVec3, dvec2};

use crate::camera::Camera;

/// The place of the picture in the window, and its size in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub rect: Rect,
    pub width: u32,
    pub height: u32,
}

impl Place {
    /// All of a rectangle of the window, or the largest part of it with an aspect ratio; on whole pixels, so that each
    /// pixel of the picture is one of the screen.
    pub fn within(rect: Rect, pixels_per_point: f32, aspect: Option<f64>) -> Self {
        let (mut width, mut height) = (f64::from(rect.width()), f64::from(rect.height()));
        if let Some(aspect) = aspect {
            (width, height) = if width > height * aspect { (height * aspect, height) } else { (width, width / aspect) };
        }
        let pixels = |points: f64| (points * f64::from(pixels_per_point)).floor().clamp(1.0, 8192.0);
        let (width, height) = (pixels(width), pixels(height));
        let size = vec2(width as f32, height as f32) / pixels_per_point;
        let corner = (rect.center() - 0.5 * size) * pixels_per_point;
        let corner = pos2(corner.x.round(), corner.y.round()) / pixels_per_point;
        Self { rect: Rect::from_min_size(corner, size), width: width as u32, height: height as u32 }
    }

    /// From the window to the picture, in its pixels.
    pub fn pixel(&self, position: Pos2) -> DVec2 {
        let inside = (position - self.rect.min) / self.rect.size();
        dvec2(f64::from(inside.x) * f64::from(self.width), f64::from(inside.y) * f64::from(self.height))
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The pixel at a position of the window, in whole numbers.
    pub fn whole_pixel(&self, position: Pos2) -> (u32, u32) {
        let pixel = self.pixel(position);
        (pixel.x as u32, pixel.y as u32)
    }

    /// Pixels of the picture in a point of the window.
    pub fn pixels_per_point(&self) -> f64 {
        f64::from(self.width) / f64::from(self.rect.width())
    }

    /// From the picture to the window.
    pub fn position(&self, pixel: DVec2) -> Pos2 {
        let inside = pixel / dvec2(f64::from(self.width), f64::from(self.height));
        self.rect.min + vec2(inside.x as f32, inside.y as f32) * self.rect.size()
    }

    /// The part of a world line that lies in front of the camera, in the window.
    pub fn line(&self, camera: &Camera, a: DVec3, b: DVec3) -> Option<[Pos2; 2]> {
        let local = |point: DVec3| camera.pose.rotation * point + camera.pose.translation;
        let (mut a, mut b) = (local(a), local(b));
        let near = 1e-3 * a.z.abs().max(b.z.abs()).max(1e-9);
        if a.z < near && b.z < near {
            return None;
        }
        if a.z < near {
            a = a.lerp(b, (near - a.z) / (b.z - a.z));
        } else if b.z < near {
            b = b.lerp(a, (near - b.z) / (a.z - b.z));
        }
        let seen = |p: DVec3| camera.lens.project(p).map(|pixel| self.position(pixel));
        Some([seen(a)?, seen(b)?])
    }

    /// A world point in the window.
    pub fn point(&self, camera: &Camera, point: DVec3) -> Option<Pos2> {
        camera.project(point).map(|(pixel, _)| self.position(pixel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_lies_on_whole_pixels() {
        let rect = Rect::from_min_max(pos2(3.3, 41.7), pos2(803.9, 641.2));
        for scale in [1.0, 1.25, 1.5, 2.0] {
            let place = Place::within(rect, scale, None);
            assert_eq!(place.width, (rect.width() * scale) as u32);
            let corner = place.rect.min * scale;
            assert!((corner.x - corner.x.round()).abs() < 1e-3 && (corner.y - corner.y.round()).abs() < 1e-3);
            let pixel = dvec2(17.0, 31.0);
            assert!((place.pixel(place.position(pixel)) - pixel).length() < 1e-2);
        }
        let wide = Place::within(rect, 1.0, Some(2.0));
        assert_eq!((wide.width, wide.height), (800, 400));
        let tall = Place::within(rect, 1.0, Some(0.5));
        assert_eq!((tall.width, tall.height), (299, 599));
    }

    #[test]
    fn lines_end_at_the_camera() {
        let eye = crate::view::state::navigation::Eye::look_at(DVec3::new(0.0, 0.0, -2.0), DVec3::ZERO, -DVec3::Y, 0.8);
        let place = Place::within(Rect::from_min_max(pos2(0.0, 0.0), pos2(100.0, 100.0)), 1.0, None);
        let camera = eye.camera(place.width, place.height);
        assert!(place.line(&camera, DVec3::new(0.0, 0.0, -3.0), DVec3::new(1.0, 0.0, -5.0)).is_none());
        let [a, b] = place.line(&camera, DVec3::ZERO, DVec3::new(0.1, 0.0, -9.0)).expect("half of it is in front");
        assert!((a - pos2(50.0, 50.0)).length() < 1e-3 && b.x.is_finite());
    }
}
