//! A self-contained web page that shows a scene: the vendored viewer of `assets/viewer`, packed by `tools/web_viewer`, and
//! the scene as SOG.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use glam::Vec3;
use serde_json::{Value, json};

use super::{sog, write_atomically};
use crate::scene::Scene;

const PAGE: &str = include_str!("../../assets/viewer/page.html");
const STYLE: &str = include_str!("../../assets/viewer/viewer.css");
const VIEWER: &[u8] = include_bytes!("../../assets/viewer/viewer.js.gz");
const LICENCE: &str = include_str!("../../assets/viewer/LICENSE");

/// Bytes of the scene per element of the page, a multiple of 3.
const PART: usize = 12 << 20;
/// Vertical field of view of the first camera, degrees.
const FIELD_OF_VIEW: f64 = 60.0;
/// The distance of the first camera, as a multiple of the 90th percentile of the Gaussians' distances from their median,
/// so that they fill the view; and its bound as a multiple of the median distance, for scenes with a far background.
const DISTANCE: f32 = 3.0;
const MOST_DISTANCE: f32 = 7.0;

/// Writes the page.
///
/// # Errors
/// Those of [`write_atomically`] and of the SOG writer.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    ensure!(!scene.is_empty(), "cannot write {}: a scene without Gaussians", path.display());
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let packed = folder.path().join("scene.sog");
    sog::write(&packed, scene)?;
    let title = escaped(&path.file_stem().unwrap_or_default().to_string_lossy());
    let settings = settings(scene).to_string();
    write_atomically(path, |file| {
        let mut rest = PAGE;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").unwrap_or((after, ""));
            file.write_all(before.as_bytes())?;
            match name {
                "licence" => file.write_all(LICENCE.as_bytes())?,
                "version" => file.write_all(env!("CARGO_PKG_VERSION").as_bytes())?,
                "title" => file.write_all(title.as_bytes())?,
                "style" => file.write_all(STYLE.as_bytes())?,
                "settings" => file.write_all(settings.as_bytes())?,
                "viewer" => file.write_all(STANDARD.encode(VIEWER).as_bytes())?,
                "scene" => write_parts(file, &packed)?,
                // The page has no other name; a test holds it to that.
                _ => {}
            }
            rest = after;
        }
        file.write_all(rest.as_bytes())
    })
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

/// The settings of the viewer: post-processing, and the first camera.
fn settings(scene: &Scene) -> Value {
    // The viewer turns scenes half around z, to y up.
    let turned = |v: Vec3| Vec3::new(-v.x, -v.y, v.z);
    let mut values = Vec::with_capacity(scene.len());
    let mut quantile = |share: f32, of: &dyn Fn(&Vec3) -> f32| {
        values.clear();
        values.extend(scene.means.iter().map(of));
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
        "background": { "color": [0, 0, 0] },
        "postEffectSettings": {
            "sharpness": { "enabled": false, "amount": 0 },
            "bloom": { "enabled": false, "intensity": 1, "blurLevel": 2 },
            "grading": { "enabled": false, "brightness": 0, "contrast": 1, "saturation": 1, "tint": [1, 1, 1] },
            "vignette": { "enabled": false, "intensity": 0.5, "inner": 0.3, "outer": 0.75, "curvature": 1 },
            "fringing": { "enabled": false, "intensity": 0.5 },
        },
        "animTracks": [],
        "cameras": [{ "initial": { "position": position.to_array(), "target": target.to_array(), "fov": FIELD_OF_VIEW } }],
        "annotations": [],
        "startMode": "default",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_page_is_known() {
        let names: Vec<&str> = PAGE.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0)).collect();
        assert_eq!(names, ["licence", "version", "title", "style", "scene", "viewer", "settings"]);
        assert!(!LICENCE.contains("--"), "it stands in a comment");
        assert!(!STYLE.contains("</style"));
    }
}
