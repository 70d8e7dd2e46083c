//! One web page that plays a scene, in motion or not, without a network: the scene, the kernels of this program, and a
//! small host script that replays the renderer's frames by WebGPU ([`FramePlan`](crate::render::plan::FramePlan)).
//! Where there is no WebGPU, it says so and shows a film strip.

mod pictures;
mod setting;

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use crate::camera::Camera;
use crate::format::packed::{Packed, pack, unpack};
use crate::format::{html, write_atomically};
use crate::gpu::Gpu;
use crate::render::plan::frame_plan;
use crate::render::{NEAR, frame, orbit};
use crate::scene::{Normalisation, Scene};

use pictures::{Pictures, pictures};

pub use setting::{SECONDS, Setting};

const PAGE: &str = include_str!("../../assets/page/page.html");
const STYLE: &str = include_str!("../../assets/page/page.css");
const SCRIPTS: [&str; 4] = [
    include_str!("../../assets/page/scene.js"),
    include_str!("../../assets/page/frames.js"),
    include_str!("../../assets/page/camera.js"),
    include_str!("../../assets/page/play.js"),
];

/// The most cameras of a capture that the page stops at.
const MOST_STOPS: usize = 32;
/// The step of flow and of the arrow keys where no capture tells its moments, as a share of the clip.
const STEP: f64 = 1.0 / 30.0;

/// Writes the page. Its poster and film strip are rendered by `gpu`; without one it has none.
///
/// # Errors
/// A scene without Gaussians or with a value that is not finite; errors of the device; a failed write.
pub fn write(path: &Path, scene: &Scene, setting: &Setting, gpu: Option<&Gpu>) -> Result<()> {
    ensure!(!scene.is_empty(), "cannot write {}: a scene without Gaussians", path.display());
    let normalisation = frame(scene, &setting.cameras);
    let packed = pack(scene, &normalisation).with_context(|| format!("cannot write {}", path.display()))?;
    let stops = stops(scene, setting);
    let pictures = match gpu {
        Some(gpu) => pictures(gpu, unpack(&packed.description, &packed.bytes)?, setting, &stops[0].1)?,
        None => Pictures::default(),
    };
    let facts = facts(scene, setting, &normalisation, &stops);
    let plan = frame_plan(scene);
    let title = escaped(&path.file_stem().unwrap_or_default().to_string_lossy());
    write_atomically(path, |file| {
        let mut rest = PAGE;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").unwrap_or((after, ""));
            file.write_all(before.as_bytes())?;
            match name {
                "version" => file.write_all(env!("CARGO_PKG_VERSION").as_bytes())?,
                "title" => file.write_all(title.as_bytes())?,
                "style" => file.write_all(STYLE.as_bytes())?,
                "poster" => file.write_all(pictures.poster.as_bytes())?,
                "strip" => file.write_all(pictures.strip.as_bytes())?,
                "facts" => write_json(file, &facts)?,
                "plan" => write_json(file, &plan)?,
                "scene" => write_scene(file, &packed)?,
                "script" => SCRIPTS.iter().try_for_each(|script| file.write_all(script.as_bytes()))?,
                // The page has no other name; a test holds it to that.
                _ => {}
            }
            rest = after;
        }
        file.write_all(rest.as_bytes())
    })
}

fn write_scene(file: &mut impl Write, packed: &Packed) -> io::Result<()> {
    html::write_packed(file, packed)
}

/// JSON within an element of a page, which no text of it can end.
fn write_json(file: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    file.write_all(serde_json::to_string(value)?.replace('<', "\\u003c").as_bytes())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The cameras that the page stops at, by name: at least one.
fn stops(scene: &Scene, setting: &Setting) -> Vec<(String, Camera)> {
    let known = setting.stops.iter().filter_map(|(name, i)| Some((name.clone(), *setting.cameras.get(*i)?)));
    let known: Vec<_> = known.collect();
    if !known.is_empty() {
        let step = known.len().div_ceil(MOST_STOPS);
        return known.into_iter().step_by(step).collect();
    }
    orbit::around(scene, &setting.cameras, 1).into_iter().map(|camera| ("start".to_string(), camera)).collect()
}

/// What the script reads besides the scene and the plan. Places are in the frame of the packed scene.
fn facts(scene: &Scene, setting: &Setting, frame: &Normalisation, stops: &[(String, Camera)]) -> Value {
    let ring = orbit::ring(scene, &setting.cameras);
    let stop = |(name, camera): &(String, Camera)| {
        let lens = &camera.lens;
        let rows = [0, 1, 2].map(|row| camera.pose.rotation.row(row).to_array());
        json!({
            "name": name,
            "rows": rows,
            "centre": frame.apply(camera.pose.centre()).to_array(),
            "lens": {
                "fx": lens.focal.x, "fy": lens.focal.y, "cx": lens.principal.x, "cy": lens.principal.y,
                "width": lens.width, "height": lens.height,
            },
        })
    };
    json!({
        "up": ring.up.to_array(),
        "target": frame.apply(ring.centre).to_array(),
        "unit": 1.0 / frame.scale,
        "near": NEAR,
        "background": setting.background.to_array(),
        "seconds": setting.seconds,
        "step": if setting.moments > 1 { 1.0 / (setting.moments - 1) as f64 } else { STEP },
        "stops": stops.iter().map(stop).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_page_is_known() {
        let names: Vec<&str> = PAGE.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0)).collect();
        let known = ["version", "title", "style", "poster", "title", "strip", "facts", "plan", "scene", "script"];
        assert_eq!(names, known);
        assert!(!STYLE.contains("</style"));
        assert!(SCRIPTS.iter().all(|script| !script.contains("</script") && !script.contains("<!--")));
    }
}
