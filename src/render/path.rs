//! Camera paths: JSON that a person can write, and the `transforms.json` of NeRF tools.
//!
//! ```json
//! {"width": 640, "height": 480, "fov_x": 50,
//!  "cameras": [{"name": "start", "transform_matrix": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 4], [0, 0, 0, 1]]}]}
//! ```
//! `transform_matrix` is camera-to-world with OpenGL camera axes: x right, y up, z back. `fov_x` is in degrees. A camera
//! may have its own lens, and the "time" within the clip, 0 to 1, at which it looks. NeRF's names are understood too: `frames`, `file_path`, `w`, `h`, `camera_angle_x` (radians),
//! `fl_x`, `fl_y`, `cx`, `cy`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glam::{DMat3, DMat4, DVec2, DVec4, dvec2};
use serde::Deserialize;

use crate::camera::{Camera, Lens, Pose};

/// Largest side of a render that a path may ask for.
const MAX_SIDE: f64 = 16_384.0;

#[derive(Deserialize)]
struct File {
    #[serde(flatten)]
    lens: LensFields,
    #[serde(alias = "frames")]
    cameras: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(alias = "file_path")]
    name: Option<String>,
    transform_matrix: [[f64; 4]; 4],
    time: Option<f32>,
    #[serde(flatten)]
    lens: LensFields,
}

/// A camera of a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    pub name: String,
    pub camera: Camera,
    /// Time within the clip at which it looks, where the path says.
    pub time: Option<f32>,
}

#[derive(Clone, Default, Deserialize)]
struct LensFields {
    #[serde(alias = "w")]
    width: Option<f64>,
    #[serde(alias = "h")]
    height: Option<f64>,
    /// Degrees.
    fov_x: Option<f64>,
    /// Radians.
    camera_angle_x: Option<f64>,
    #[serde(alias = "fx")]
    fl_x: Option<f64>,
    #[serde(alias = "fy")]
    fl_y: Option<f64>,
    cx: Option<f64>,
    cy: Option<f64>,
}

/// The cameras of a path; `size` replaces the file's image size, the field of view kept.
///
/// # Errors
/// Names the file and the camera whose matrix or lens is wrong.
pub fn read(path: &Path, size: Option<(u32, u32)>) -> Result<Vec<Stop>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text, size).with_context(|| format!("{}", path.display()))
}

fn parse(text: &str, size: Option<(u32, u32)>) -> Result<Vec<Stop>> {
    let file: File = serde_json::from_str(text)?;
    ensure!(!file.cameras.is_empty(), "the path has no cameras");
    let camera = |(index, entry): (usize, &Entry)| {
        let camera = entry.camera(&file.lens, size).with_context(|| format!("cameras[{index}]"))?;
        ensure!(entry.time.is_none_or(f32::is_finite), "cameras[{index}]: its time is not a number");
        let name = entry.name.clone().unwrap_or_else(|| format!("{index:05}"));
        Ok(Stop { name, camera, time: entry.time })
    };
    file.cameras.iter().enumerate().map(camera).collect()
}

impl Entry {
    fn camera(&self, common: &LensFields, size: Option<(u32, u32)>) -> Result<Camera> {
        let rows = self.transform_matrix.map(DVec4::from_array);
        let matrix = DMat4::from_cols(rows[0], rows[1], rows[2], rows[3]).transpose();
        ensure!(matrix.is_finite(), "its transform_matrix holds a number that is not finite");
        let rotation = DMat3::from_mat4(matrix);
        let skew = rotation.transpose() * rotation - DMat3::IDENTITY;
        let rigid = skew.to_cols_array().iter().all(|v| v.abs() < 1e-3) && rotation.determinant() > 0.0;
        ensure!(rigid, "the upper left 3 x 3 of its transform_matrix is not a rotation");
        Ok(Camera { pose: Pose::from_gl_camera_to_world(matrix), lens: self.lens.or(common).lens(size)? })
    }
}

impl LensFields {
    fn or(&self, common: &Self) -> Self {
        // Its own focal length or field of view replaces all of the common ones.
        let own = self.fov_x.or(self.camera_angle_x).or(self.fl_x).is_some();
        let focal = if own { self } else { common };
        Self {
            width: self.width.or(common.width),
            height: self.height.or(common.height),
            fov_x: focal.fov_x,
            camera_angle_x: focal.camera_angle_x,
            fl_x: focal.fl_x,
            fl_y: focal.fl_y,
            cx: self.cx.or(common.cx),
            cy: self.cy.or(common.cy),
        }
    }

    fn lens(&self, size: Option<(u32, u32)>) -> Result<Lens> {
        let (width, height) = match (self.width, self.height, size) {
            (Some(width), Some(height), _) => (width, height),
            (_, _, Some((width, height))) => (width.into(), height.into()),
            _ => bail!("its width and height are absent; give --size WIDTHxHEIGHT"),
        };
        let whole = |side: f64| (1.0..=MAX_SIDE).contains(&side).then_some(side.round() as u32);
        let (Some(w), Some(h)) = (whole(width), whole(height)) else {
            bail!("an image of {width} x {height} pixels; sides must be 1 to {MAX_SIDE}");
        };
        let fov = self.camera_angle_x.or(self.fov_x.map(f64::to_radians));
        let lens = match (self.fl_x, fov) {
            (Some(fl_x), _) => {
                let principal = dvec2(self.cx.unwrap_or(width / 2.0), self.cy.unwrap_or(height / 2.0));
                Lens::pinhole(dvec2(fl_x, self.fl_y.unwrap_or(fl_x)), principal, (w, h))
            }
            (None, Some(fov)) => {
                ensure!(fov > 0.0 && fov < std::f64::consts::PI, "its field of view must be between 0 and 180 degrees");
                Lens::from_fov_x(fov, w, h)
            }
            (None, None) => bail!("its lens is absent; give fov_x in degrees, or fl_x in pixels"),
        };
        ensure!(lens.focal.is_finite() && lens.focal.cmpgt(DVec2::ZERO).all(), "its focal length must be positive");
        ensure!(lens.principal.is_finite(), "its principal point is not finite");
        Ok(size.map_or(lens, |(width, height)| resize(&lens, width, height)))
    }
}

/// The lens for another image size: the horizontal field of view and square pixels are kept.
pub fn resize(lens: &Lens, width: u32, height: u32) -> Lens {
    let factor = f64::from(width) / f64::from(lens.width);
    let centre = dvec2(f64::from(lens.width), f64::from(lens.height)) / 2.0;
    Lens {
        focal: lens.focal * factor,
        principal: dvec2(f64::from(width), f64::from(height)) / 2.0 + (lens.principal - centre) * factor,
        width,
        height,
        ..*lens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "[[1,0,0,0],[0,1,0,0],[0,0,1,4],[0,0,0,1]]";

    fn parsed(fields: &str, size: Option<(u32, u32)>) -> Result<Vec<Stop>> {
        parse(&format!("{{{fields} \"cameras\": [{{\"transform_matrix\": {IDENTITY}}}]}}"), size)
    }

    #[test]
    fn degrees_and_nerf_fields_mean_the_same() {
        let ours = parsed("\"width\": 200, \"height\": 100, \"fov_x\": 90,", None).expect("parses");
        let Stop { name, camera, time } = &ours[0];
        assert!(time.is_none());
        assert_eq!(name, "00000");
        assert!((camera.lens.focal.x - 100.0).abs() < 1e-9);
        assert_eq!(camera.pose.forward(), -glam::DVec3::Z, "OpenGL cameras look along -z");
        assert_eq!(camera.pose.centre(), glam::dvec3(0.0, 0.0, 4.0));
        let nerf = format!(
            "{{\"camera_angle_x\": {}, \"w\": 200.0, \"h\": 100, \"frames\": [{{\"file_path\": \"a\", \"time\": 0.25, \"transform_matrix\": {IDENTITY}}}]}}",
            std::f64::consts::FRAC_PI_2
        );
        let nerf = parse(&nerf, None).expect("parses");
        assert_eq!((nerf[0].name.as_str(), nerf[0].time), ("a", Some(0.25)));
        assert!((nerf[0].camera.lens.focal - camera.lens.focal).length() < 1e-9);
    }

    #[test]
    fn another_size_keeps_the_horizontal_field_of_view() {
        let cameras = parsed("\"fl_x\": 100, \"cx\": 90, \"cy\": 50, \"w\": 200, \"h\": 100,", Some((100, 100)));
        let lens = cameras.expect("parses")[0].camera.lens;
        assert_eq!((lens.focal, lens.principal), (dvec2(50.0, 50.0), dvec2(45.0, 50.0)));
        assert!(parsed("\"fov_x\": 60,", Some((64, 32))).is_ok());
    }

    #[test]
    fn mistakes_are_named() {
        let message = |fields| format!("{:#}", parsed(fields, None).expect_err("must fail"));
        assert!(message("\"fov_x\": 60,").contains("cameras[0]: its width and height are absent; give --size"));
        assert!(message("\"w\": 1e9, \"h\": 5, \"fov_x\": 60,").contains("sides must be"));
        assert!(message("\"w\": 9, \"h\": 5,").contains("give fov_x"));
        assert!(message("\"w\": 9, \"h\": 5, \"fov_x\": 190,").contains("between 0 and 180"));
        let flat = "{\"w\": 9, \"h\": 9, \"fov_x\": 9, \"cameras\": [{\"transform_matrix\": [[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,1]]}]}";
        assert!(format!("{:#}", parse(flat, None).expect_err("must fail")).contains("not a rotation"));
        assert!(parse("{\"cameras\": []}", None).is_err());
    }
}
