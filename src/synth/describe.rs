//! The TOML description of a synthetic capture; `scenes/` has examples.
//!
//! Lengths are world units, z is up, angles are degrees, colours are display sRGB as `"#rrggbb"`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use glam::{DVec2, DVec3, dvec2};
use serde::Deserialize;
use toml::Spanned;

use super::disturb::Disturbance;
use super::motion::{Clip, ObjectMotion};
use super::pattern::Pattern;
use super::shape::Shape;
use super::values::{Colour, positive};
use crate::camera::{Lens, LensModel};

/// A whole capture: images, cameras, light and objects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Chooses the surface points; the images use no randomness but the patterns' own.
    #[serde(default)]
    pub seed: u64,
    /// Number of surface points in the COLMAP model.
    pub points: Spanned<usize>,
    pub image: Spanned<ImageSpec>,
    pub cameras: Spanned<Dome>,
    /// Further cameras, along paths; static captures only.
    #[serde(default)]
    pub path: Vec<Spanned<CameraPath>>,
    /// Makes the capture dynamic.
    pub clip: Option<Spanned<Clip>>,
    /// Makes training images differ in exposure and white balance.
    pub disturb: Option<Spanned<Disturbance>>,
    pub sky: Spanned<Sky>,
    #[serde(default)]
    pub light: Vec<Spanned<Light>>,
    pub material: BTreeMap<String, Spanned<Material>>,
    pub object: Vec<Spanned<Object>>,
}

/// Size and sampling of every image.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSpec {
    pub width: u32,
    pub height: u32,
    /// Rays per pixel along each axis: 2 means 4 rays.
    pub samples: u32,
    pub background: Backdrop,
}

/// The background of the images, where a ray hits no object.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub enum Backdrop {
    /// `"transparent"`: RGBA images, alpha 0 there.
    Transparent,
    /// `"sky"`: the environment.
    Sky,
    /// `"#rrggbb"`.
    Plain(Colour),
}

impl TryFrom<String> for Backdrop {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "transparent" => Ok(Self::Transparent),
            "sky" => Ok(Self::Sky),
            _ => Colour::try_from(text)
                .map(Self::Plain)
                .map_err(|e| format!("{e}; a background may also be \"transparent\" or \"sky\"")),
        }
    }
}

/// Cameras on a spherical band around `target`, all looking at it. In a dynamic capture each takes every frame.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dome {
    pub train: usize,
    pub test: usize,
    pub target: DVec3,
    /// Distance from the target.
    pub radius: f64,
    /// Lowest and highest elevation above the horizontal plane through the target.
    pub elevation: [f64; 2],
    /// Horizontal field of view.
    pub fov: f64,
    /// `"pinhole"`, the default; `"fisheye"`, whose radius is proportional to the angle; or `"faces"`, five pinholes of 90
    /// degrees at each place, ahead and to all four sides.
    #[serde(default)]
    pub lens: LensName,
}

/// Cameras on their way along a path, such as a drive or a flight, with the lens of the dome's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraPath {
    /// The folder of its images.
    pub name: String,
    pub views: usize,
    /// Of every n views the middle one is held out; 0 holds none out.
    #[serde(default)]
    pub hold_out_every: usize,
    /// Waypoints, evenly spaced in time.
    pub eyes: Vec<DVec3>,
    /// Points that the camera looks at, evenly spaced in time.
    pub targets: Vec<DVec3>,
}

impl CameraPath {
    /// Whether a view is held out.
    pub fn holds_out(&self, view: usize) -> bool {
        self.hold_out_every > 0 && view % self.hold_out_every == self.hold_out_every / 2
    }

    fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err("the name of a path is made of letters, digits, _ and -".into());
        }
        if !(2..=100_000).contains(&self.views) || self.hold_out_every == 1 {
            return Err("views must be 2 to 100000, and hold_out_every 0 or at least 2".into());
        }
        let points = [&self.eyes, &self.targets];
        if points.iter().any(|path| path.is_empty() || path.iter().any(|point| !point.is_finite())) {
            return Err("eyes and targets must be lists of points".into());
        }
        Ok(())
    }
}

/// A lens model by name.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LensName {
    #[default]
    Pinhole,
    Fisheye,
    Faces,
}

impl Dome {
    /// The lens of all cameras.
    pub fn lens(&self, image: &ImageSpec) -> Lens {
        let fov = self.fov.to_radians();
        match self.lens {
            LensName::Pinhole | LensName::Faces => Lens::from_fov_x(fov, image.width, image.height),
            LensName::Fisheye => {
                let size = dvec2(f64::from(image.width), f64::from(image.height));
                let lens = Lens::pinhole(DVec2::splat(size.x / fov), 0.5 * size, (image.width, image.height));
                Lens { model: LensModel::fisheye([0.0; 4]), ..lens }
            }
        }
    }
}

/// The environment: a vertical gradient that lights and is reflected.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sky {
    pub zenith: Colour,
    pub horizon: Colour,
    pub ground: Colour,
    /// Factor on the three colours' linear radiance.
    pub strength: f64,
}

/// A distant round light.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Light {
    pub azimuth: f64,
    pub elevation: f64,
    /// Angular radius as seen from the scene: the softness of shadows and highlights.
    pub radius: f64,
    pub colour: Colour,
    /// Radiance of a white matte surface that faces the light.
    pub strength: f64,
}

/// The material of a surface.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Material {
    pub pattern: Pattern,
    /// 0 = polished, 1 = matte without any reflection.
    #[serde(default = "matte")]
    pub roughness: f64,
    /// 0 = a dielectric, 1 = a metal, whose pattern colours the reflection.
    #[serde(default)]
    pub metal: f64,
}

fn matte() -> f64 {
    1.0
}

/// One solid of the scene.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    pub shape: Shape,
    /// World position of the shape's centre.
    pub at: DVec3,
    /// Rotation about the x, then the y, then the z axis of the world.
    #[serde(default)]
    pub turn: DVec3,
    /// Name of a `[material.NAME]` table.
    pub material: String,
    #[serde(default)]
    pub motion: ObjectMotion,
}

impl Description {
    /// Reads and checks a description.
    ///
    /// # Errors
    /// One line, `FILE:LINE:COLUMN: what is wrong`, for a syntax error, an unknown or missing field or a value out of
    /// its range.
    pub fn read(path: &Path) -> Result<(Self, String)> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let description: Self =
            toml::from_str(&text).map_err(|e| fault(path, &text, e.span().unwrap_or(0..0), e.message()))?;
        description.check().map_err(|(span, message)| fault(path, &text, span, &message))?;
        Ok((description, text))
    }

    fn check(&self) -> Result<(), (Range<usize>, String)> {
        let (image, dome) = (self.image.get_ref(), self.cameras.get_ref());
        let image_ok = (1..=4096).contains(&image.width) && (1..=4096).contains(&image.height);
        ensure(image_ok, &self.image, "width and height must be 1 to 4096 pixels")?;
        ensure((1..=8).contains(&image.samples), &self.image, "samples must be 1 to 8")?;

        let moving = self.clip.as_ref().is_some_and(|clip| clip.get_ref().camera.is_some());
        let views_ok = dome.train >= 1 && dome.train <= 100_000 && dome.test <= dome.train;
        let views_ok = views_ok || moving && dome.train == 0 && dome.test <= 1000;
        let views_ok = views_ok || !self.path.is_empty() && dome.train == 0 && dome.test == 0;
        ensure(views_ok, &self.cameras, "train must be 1 to 100000 views, and test at most as many")?;
        self.check_paths()?;
        self.check_changes()?;
        ensure(dome.target.is_finite() && positive(dome.radius), &self.cameras, "radius must be above 0")?;
        let [low, high] = dome.elevation;
        let band_ok = low > -90.0 && low <= high && high < 90.0;
        ensure(band_ok, &self.cameras, "elevation must be [lowest, highest] between -90 and 90 degrees")?;
        let most = if matches!(dome.lens, LensName::Fisheye) { 220.0 } else { 170.0 };
        let faces = matches!(dome.lens, LensName::Faces);
        ensure(
            !faces || dome.fov == 90.0 && self.clip.is_none(),
            &self.cameras,
            "faces have a fov of 90, and no clip",
        )?;
        let wrong = format!("fov must be between 0 and {most} degrees");
        ensure(dome.fov > 0.0 && dome.fov < most, &self.cameras, &wrong)?;
        ensure(*self.points.get_ref() <= 10_000_000, &self.points, "points must be at most 10000000")?;

        ensure(not_negative(self.sky.get_ref().strength), &self.sky, "strength must not be negative")?;
        for light in &self.light {
            let value = light.get_ref();
            ensure(not_negative(value.strength), light, "strength must not be negative")?;
            ensure(value.azimuth.is_finite() && value.elevation.is_finite(), light, "angles must be finite")?;
            ensure(value.radius > 0.0 && value.radius <= 45.0, light, "radius must be above 0 and at most 45 degrees")?;
        }
        for material in self.material.values() {
            let value = material.get_ref();
            let unit = 0.0..=1.0;
            let ok = unit.contains(&value.roughness) && unit.contains(&value.metal);
            ensure(ok, material, "roughness and metal must be 0 to 1")?;
            value.pattern.check().map_err(|message| (material.span(), message))?;
        }
        for object in &self.object {
            let value = object.get_ref();
            ensure(value.at.is_finite() && value.turn.is_finite(), object, "at and turn must be finite")?;
            value.shape.check().map_err(|message| (object.span(), message))?;
            value.motion.check().map_err(|message| (object.span(), message))?;
            let known = self.material.contains_key(&value.material);
            ensure(known, object, &format!("there is no [material.{}]", value.material))?;
        }
        Ok(())
    }
}

impl Description {
    fn check_changes(&self) -> Result<(), (Range<usize>, String)> {
        let dome = self.cameras.get_ref();
        if let Some(clip) = &self.clip {
            clip.get_ref().check().map_err(|message| (clip.span(), message))?;
            let Clip { jump, frames, hold_out_every, camera } = clip.get_ref();
            let alone = *frames == dome.train + dome.test && *hold_out_every == 0 && camera.is_none();
            ensure(
                !jump || alone,
                clip,
                "a clip that jumps has train + test frames, and neither hold_out_every nor a camera",
            )?;
        }
        if let Some(disturb) = &self.disturb {
            disturb.get_ref().check().map_err(|message| (disturb.span(), message))?;
            let ok = self.clip.is_none() || !disturb.get_ref().moves();
            ensure(ok, disturb, "rotation and translation are of captures that stand still, not of a clip")?;
        }
        Ok(())
    }

    fn check_paths(&self) -> Result<(), (Range<usize>, String)> {
        for (index, path) in self.path.iter().enumerate() {
            let (value, earlier) = (path.get_ref(), &self.path[..index]);
            value.check().map_err(|message| (path.span(), message))?;
            let fresh = earlier.iter().all(|other| other.get_ref().name != value.name);
            ensure(fresh, path, &format!("there are two paths named \"{}\"", value.name))?;
            ensure(self.clip.is_none(), path, "a capture with a clip has no paths; its moving camera is clip.camera")?;
        }
        Ok(())
    }
}

fn ensure<T>(ok: bool, place: &Spanned<T>, message: &str) -> Result<(), (Range<usize>, String)> {
    if ok { Ok(()) } else { Err((place.span(), message.to_owned())) }
}

fn not_negative(value: f64) -> bool {
    (0.0..1e9).contains(&value)
}

fn fault(path: &Path, text: &str, span: Range<usize>, message: &str) -> anyhow::Error {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    // The parser's own messages may run over several lines.
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    anyhow!("{}:{line}:{column}: {message}", path.display())
}
