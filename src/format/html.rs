//! A web page that shows a scene with the vendored viewer of `assets/viewer`, packed by `tools/web_viewer`: by itself, with
//! the scene in it as SOG, or beside a streamed SOG. Pages that draw with Dapple's own kernels are written by the room
//! `page`; those are read back here.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use glam::{DQuat, Vec3, dvec2};
use serde_json::{Value, json};

use super::bounded::{CUT_SHORT, read_file};
use super::packed::{self, Description};
use super::{Format, Loaded, fit, sog, write_atomically};
use crate::camera::Camera;
use crate::scene::Scene;

const PAGE: &str = include_str!("../../assets/viewer/page.html");
const STYLE: &str = include_str!("../../assets/viewer/viewer.css");
const VIEWER: &[u8] = include_bytes!("../../assets/viewer/viewer.js.gz");
const LICENCE: &str = include_str!("../../assets/viewer/LICENSE");

/// Bytes of the scene per element of the page, a multiple of 3.
const PART: usize = 12 << 20;
/// Field of view of the first camera along the longer side of the window, degrees.
const FIELD_OF_VIEW: f64 = 60.0;
/// Sides of a window that shows the whole photo of a stop, one to the other; and a stop's largest field of view, degrees.
const WINDOW: f64 = 16.0 / 9.0;
const MOST_FIELD: f64 = 120.0;
/// The distance of the first camera, as a multiple of the 90th percentile of the Gaussians' distances from their median,
/// so that they fill the view; and its bound as a multiple of the median distance, for scenes with a far background.
const DISTANCE: f32 = 3.0;
const MOST_DISTANCE: f32 = 7.0;

/// What a page of a still scene shows besides the scene.
#[derive(Clone, Debug, Default)]
pub struct PageSetting {
    /// Display sRGB, 0 to 1.
    pub background: Vec3,
    /// Cameras that the page stops at, with their names, in the scene's frame.
    pub stops: Vec<(String, Camera)>,
}

/// Writes the page of an upright scene, whose up was `up` before it was turned, in the frame of the page's cameras.
///
/// # Errors
/// Those of [`write_atomically`] and of the SOG writer.
pub fn write(path: &Path, scene: &Scene, up: Option<Vec3>, page: &PageSetting) -> Result<()> {
    ensure!(!scene.is_empty(), "cannot write {}: a scene without Gaussians", path.display());
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let packed = folder.path().join("scene.sog");
    sog::write(&packed, scene)?;
    let title = path.file_stem().unwrap_or_default().to_string_lossy();
    let settings = settings(&scene.means, turn_of(up), page);
    write_page(path, &title, &settings, &Value::Null, |file| write_parts(file, &packed))
}

/// Writes the page of a streamed SOG, whose description is beside it. `means` are those of the scene, or a part of them
/// that is spread as they are; the page turns the scene so that `up`, where it is known, is up.
///
/// # Errors
/// No means; those of [`write_atomically`].
pub fn write_streamed(
    path: &Path,
    title: &str,
    mut means: Vec<Vec3>,
    up: Option<Vec3>,
    page: &PageSetting,
) -> Result<()> {
    ensure!(!means.is_empty(), "cannot write {}: a scene without Gaussians", path.display());
    let turn = turn_of(up);
    means.iter_mut().for_each(|mean| *mean = (turn * mean.as_dvec3()).as_vec3());
    let settings = settings(&means, turn, page);
    let turn = (DQuat::from_rotation_z(std::f64::consts::PI) * turn).as_quat().to_array();
    write_page(path, title, &settings, &json!(turn), |_| Ok(()))
}

/// The rotation that brings `up` to −y.
fn turn_of(up: Option<Vec3>) -> DQuat {
    up.and_then(fit::upright_turn).map_or(DQuat::IDENTITY, |turn| turn.rotation)
}

/// Writes the page, where `scene` writes the elements of the scene's bytes. `turn` is the scene's rotation to the viewer's
/// axes (x, y, z, w), if it is not half a turn about z.
fn write_page(
    path: &Path,
    title: &str,
    settings: &Value,
    turn: &Value,
    scene: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let mut scene = Some(scene);
    write_atomically(path, |file| {
        let mut rest = PAGE;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").unwrap_or((after, ""));
            file.write_all(before.as_bytes())?;
            match name {
                "licence" => file.write_all(LICENCE.as_bytes())?,
                "version" => file.write_all(env!("CARGO_PKG_VERSION").as_bytes())?,
                "title" => file.write_all(escaped(title).as_bytes())?,
                "style" => file.write_all(STYLE.as_bytes())?,
                "settings" => write!(file, "{settings}")?,
                "turn" => write!(file, "{turn}")?,
                "viewer" => file.write_all(STANDARD.encode(VIEWER).as_bytes())?,
                "scene" => scene.take().map_or(Ok(()), |scene| scene(file))?,
                // The page has no other name; a test holds it to that.
                _ => {}
            }
            rest = after;
        }
        file.write_all(rest.as_bytes())
    })
}

/// The start of the element that holds the description of a packed scene, as JSON; and that of each part of its bytes.
pub const DESCRIPTION: &str = "<script type=\"application/json\" id=\"scene\">";
pub const PACKED_PART: &str = "<script type=\"text/plain\" class=\"packed\">";
const END: &str = "</script>";

/// Writes the elements of a packed scene.
///
/// # Errors
/// Those of `file`.
pub fn write_packed(file: &mut impl Write, scene: &packed::Packed) -> io::Result<()> {
    writeln!(file, "{DESCRIPTION}{}{END}", serde_json::to_string(&scene.description)?)?;
    scene.bytes.chunks(PART).try_for_each(|part| writeln!(file, "{PACKED_PART}{}{END}", STANDARD.encode(part)))
}

/// Reads the scene of a page that carries one packed.
///
/// # Errors
/// Another page; a damaged one.
pub fn read(path: &Path) -> Result<Loaded> {
    let named = || path.display().to_string();
    let page = read_file(path).with_context(named)?;
    let page = String::from_utf8(page)
        .ok()
        .with_context(|| format!("{}: the page is damaged: it is no text; {CUT_SHORT}", path.display()))?;
    let whole = page.trim_end().ends_with("</html>");
    let Some((_, rest)) = page.split_once(DESCRIPTION) else {
        ensure!(whole, "{}: the page is cut short; copy or export it again", path.display());
        bail!(
            "{}: pages of this kind can only be written; Dapple reads back those of scenes in motion and of --page webgpu. \
             Open the scene file that the page was made from",
            path.display()
        );
    };
    let element = |text: &'_ str| text.split_once(END).map(|(element, _)| element.to_string());
    let description = element(rest).with_context(|| format!("{}: cut short; {CUT_SHORT}", path.display()))?;
    let description: Description = serde_json::from_str(&description)
        .with_context(|| format!("{}: the description of the scene is damaged; {CUT_SHORT}", path.display()))?;
    let mut bytes = Vec::new();
    for part in rest.split(PACKED_PART).skip(1) {
        let part = element(part).with_context(|| format!("{}: cut short; {CUT_SHORT}", path.display()))?;
        bytes.extend(STANDARD.decode(part).with_context(|| format!("{}: damaged; {CUT_SHORT}", path.display()))?);
    }
    let scene = packed::unpack(&description, &bytes).with_context(named)?;
    Ok(Loaded::new(scene, Format::Html))
}

fn write_parts(file: &mut impl Write, packed: &Path) -> io::Result<()> {
    let mut packed = File::open(packed)?;
    let mut part = Vec::new();
    loop {
        part.clear();
        Read::by_ref(&mut packed).take(PART as u64).read_to_end(&mut part)?;
        if part.is_empty() {
            return Ok(());
        }
        writeln!(file, "<script type=\"text/plain\" class=\"scene\">{}</script>", STANDARD.encode(&part))?;
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The settings of the viewer: post-processing, the first camera, from the means of a scene that is upright (−y up), and the
/// page's stops, which `turn` brings to that frame.
fn settings(means: &[Vec3], turn: DQuat, page: &PageSetting) -> Value {
    let mut values = Vec::with_capacity(means.len());
    let mut quantile = |share: f32, of: &dyn Fn(&Vec3) -> f32| {
        values.clear();
        values.extend(means.iter().map(of));
        let place = ((values.len() - 1) as f32 * share) as usize;
        *values.select_nth_unstable_by(place, f32::total_cmp).1
    };
    let middle = Vec3::from_array([0, 1, 2].map(|axis| quantile(0.5, &|mean| mean[axis])));
    let distance = DISTANCE * quantile(0.9, &|mean| mean.distance(middle));
    let distance = distance.min(MOST_DISTANCE * quantile(0.5, &|mean| mean.distance(middle))).max(1e-3);
    let target = turned(middle);
    let position = target + Vec3::new(0.5, 0.35, 1.0).normalize() * distance;
    json!({
        "version": 2,
        "tonemapping": "none",
        "highPrecisionRendering": false,
        "background": { "color": page.background.to_array() },
        "postEffectSettings": {
            "sharpness": { "enabled": false, "amount": 0 },
            "bloom": { "enabled": false, "intensity": 1, "blurLevel": 2 },
            "grading": { "enabled": false, "brightness": 0, "contrast": 1, "saturation": 1, "tint": [1, 1, 1] },
            "vignette": { "enabled": false, "intensity": 0.5, "inner": 0.3, "outer": 0.75, "curvature": 1 },
            "fringing": { "enabled": false, "intensity": 0.5 },
        },
        "animTracks": [],
        "cameras": [{ "initial": { "position": position.to_array(), "target": target.to_array(), "fov": FIELD_OF_VIEW } }],
        "annotations": page.stops.iter().map(|(name, camera)| stop(name, camera, turn, middle)).collect::<Vec<_>>(),
        "startMode": "default",
    })
}

/// The viewer turns scenes half around z, to y up.
fn turned(v: Vec3) -> Vec3 {
    Vec3::new(-v.x, -v.y, v.z)
}

/// A place that the viewer goes to, with a mark there: it looks along the camera, at what is as far as `middle`.
fn stop(name: &str, camera: &Camera, turn: DQuat, middle: Vec3) -> Value {
    let pose = camera.pose.turned(turn);
    let (eye, forward) = (pose.centre(), pose.forward());
    let far = (middle.as_dvec3() - eye).dot(forward).max(1e-3);
    let [eye, target] = [eye, eye + far * forward].map(|point| turned(point.as_vec3()).to_array());
    let lens = camera.lens;
    let sides = dvec2(lens.width.into(), lens.height.into()) / lens.focal;
    let longer = sides.max_element().max(WINDOW * sides.min_element());
    let fov = (2.0 * (longer / 2.0).atan().to_degrees()).min(MOST_FIELD);
    json!({
        "position": eye, "title": name, "text": "", "extras": {},
        "camera": { "initial": { "position": eye, "target": target, "fov": fov } },
    })
}

#[cfg(test)]
mod tests {
    use glam::{DVec2, DVec3, dvec3};

    use super::*;
    use crate::camera::{Lens, Pose};

    #[test]
    fn every_place_of_the_page_is_known() {
        let names: Vec<&str> = PAGE.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0)).collect();
        assert_eq!(names, ["licence", "version", "title", "style", "scene", "viewer", "settings", "turn"]);
        assert!(!LICENCE.contains("--"), "it stands in a comment");
        assert!(!STYLE.contains("</style"));
    }

    #[test]
    fn stops_are_upright_in_the_viewers_frame() {
        let pose = Pose::look_at(dvec3(3.0, 0.0, 1.0), DVec3::ZERO, DVec3::Z);
        let (wide, unit) = (Lens::from_fov_x(50_f64.to_radians(), 400, 300), DVec2::ONE);
        // A photo in portrait, whose pixels are not square and which is 9 parts wide where it is 16 high.
        let lens = Lens::pinhole(dvec2(2.0, 1.0) * wide.focal, 200.0 * unit, (450, 400));
        let camera = Camera { pose, lens };
        let page = PageSetting { background: Vec3::ONE, stops: vec![("view 1 of 1".into(), camera)] };
        let settings = settings(&[Vec3::ZERO; 3], turn_of(Some(Vec3::Z)), &page);
        assert_eq!(settings["background"]["color"], json!([1.0, 1.0, 1.0]));
        let stop = &settings["annotations"][0];
        let first = &stop["camera"]["initial"];
        let numbers = |value: &Value| [0, 1, 2].map(|k| value[k].as_f64().unwrap());
        let ([x, y, z], target) = (numbers(&stop["position"]), numbers(&first["target"]));
        assert!((y - 1.0).abs() < 1e-5 && (x.hypot(z) - 3.0).abs() < 1e-5, "y is up: {x} {y} {z}");
        assert!(target.iter().all(|v| v.abs() < 1e-5), "{target:?}");
        assert!((first["fov"].as_f64().unwrap() - 50.0).abs() < 1e-6);
        assert_eq!((&stop["position"], &stop["title"]), (&first["position"], &json!("view 1 of 1")));
    }
}
