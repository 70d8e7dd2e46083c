//! COLMAP's text model files.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::{DVec3, Vec3};

use super::colmap_model::{ModelCamera, ModelImage, lens};
use super::source::ListedPoints;

/// The lines of a file with their numbers, counted from 1. Bytes that are not UTF-8 only matter in names.
fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned())
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn at(path: &Path, line: usize) -> String {
    format!("{}: line {}", path.display(), line + 1)
}

fn numbers<'a, T: std::str::FromStr>(fields: impl Iterator<Item = &'a str>) -> Result<Vec<T>> {
    fields.map(|f| f.parse().map_err(|_| anyhow::anyhow!("{f:?} is not the number expected here"))).collect()
}

/// Reads `cameras.txt`: `id model width height parameters…`.
pub fn cameras(path: &Path) -> Result<Vec<ModelCamera>> {
    let text = read(path)?;
    let parse = |line: &str| -> Result<ModelCamera> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        ensure!(fields.len() >= 4, "a camera needs an id, a model, a width, a height and parameters");
        let id = numbers(fields[..1].iter().copied())?[0];
        let size = numbers(fields[2..4].iter().copied())?;
        let parameters = numbers(fields[4..].iter().copied())?;
        let lens = lens(fields[1], (size[0], size[1]), &parameters);
        Ok(ModelCamera { id, lens: lens.map_err(|error| format!("{error:#}")) })
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !is_comment(line));
    let placed = |(number, line)| {
        let mut camera = parse(line).with_context(|| at(path, number))?;
        camera.lens = camera.lens.map_err(|reason| format!("{}: {reason}", at(path, number)));
        Ok(camera)
    };
    lines.map(placed).collect()
}

/// Reads `images.txt`: `id qw qx qy qz tx ty tz camera name`, each followed by a line of its features, which may be empty,
/// or missing where a tool wrote none. The name is the rest of the line and may hold spaces.
pub fn images(path: &Path) -> Result<Vec<ModelImage>> {
    let text = read(path)?;
    let (mut images, mut features_may_follow) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        if is_comment(line) {
            continue;
        }
        if line.trim().is_empty() || (features_may_follow && is_features(line)) {
            features_may_follow = false;
            continue;
        }
        images.push(image(line).with_context(|| at(path, number))?);
        features_may_follow = true;
    }
    Ok(images)
}

/// Whether a line holds features, that is triples of numbers: an image has ten fields, and its name is seldom a number.
fn is_features(line: &str) -> bool {
    let fields = line.split_whitespace();
    fields.clone().count().is_multiple_of(3) && fields.clone().all(|field| field.parse::<f64>().is_ok())
}

fn image(line: &str) -> Result<ModelImage> {
    let mut rest = line.trim();
    let mut fields = Vec::with_capacity(9);
    for _ in 0..9 {
        let (field, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        fields.push(field);
        rest = after.trim_start();
    }
    ensure!(!rest.is_empty(), "an image needs an id, a quaternion, a translation, a camera and a name");
    let pose: Vec<f64> = numbers(fields[1..8].iter().map(|field| written_nan(field)))?;
    let (id, camera) = (numbers(fields[..1].iter().copied())?[0], numbers(fields[8..].iter().copied())?[0]);
    Ok(ModelImage {
        id,
        quaternion: [pose[0], pose[1], pose[2], pose[3]],
        translation: [pose[4], pose[5], pose[6]],
        camera,
        name: rest.to_owned(),
    })
}

/// A number as some C libraries write what is none, `-nan(ind)` or `1.#QNAN`, in Rust's way.
fn written_nan(field: &str) -> &str {
    let lower = field.to_ascii_lowercase();
    if lower.contains("nan") || lower.contains('#') { "nan" } else { field }
}

/// Calls `visit` for every point of `points3D.txt`, with the ids of the images that observe it.
pub fn tracks(path: &Path, visit: &mut dyn FnMut(DVec3, &[u32])) -> Result<()> {
    let text = read(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !is_comment(line));
    for (number, line) in lines {
        let fields: Vec<&str> = line.split_whitespace().collect();
        ensure!(
            fields.len() >= 8,
            "{}: a point needs an id, three coordinates, a colour and an error",
            at(path, number)
        );
        let place: Vec<f64> = numbers(fields[1..4].iter().copied()).with_context(|| at(path, number))?;
        let images: Vec<u32> = numbers(fields[8..].iter().copied().step_by(2)).with_context(|| at(path, number))?;
        visit(DVec3::from_slice(&place), &images);
    }
    Ok(())
}

/// Reads `points3D.txt`: `id x y z r g b error track…`.
pub fn points(path: &Path) -> Result<ListedPoints> {
    let text = read(path)?;
    let mut points = ListedPoints::default();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || is_comment(line) {
            continue;
        }
        let fields: Vec<f64> = numbers(line.split_whitespace().skip(1).take(6)).with_context(|| at(path, number))?;
        ensure!(fields.len() == 6, "{}: a point needs an id, three coordinates and a colour", at(path, number));
        points.positions.push(DVec3::from_slice(&fields[..3]));
        points.colours.push(DVec3::from_slice(&fields[3..]).as_vec3() / 255.0);
    }
    points.colours.iter_mut().for_each(|colour| *colour = colour.clamp(Vec3::ZERO, Vec3::ONE));
    Ok(points)
}
