//! COLMAP's text model files.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::{DVec3, Vec3};

use super::colmap_model::{ModelCamera, ModelImage, lens};
use crate::scene::PointCloud;

/// The lines of a file with their numbers, counted from 1. Bytes that are not UTF-8 only matter in names.
fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
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
        Ok(ModelCamera { id, lens: lens(fields[1], (size[0], size[1]), &parameters)? })
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !is_comment(line));
    lines.map(|(number, line)| parse(line).with_context(|| at(path, number))).collect()
}

/// Reads `images.txt`: two lines an image, `id qw qx qy qz tx ty tz camera name` and its features, perhaps none. The name
/// is the rest of the line and may hold spaces.
pub fn images(path: &Path) -> Result<Vec<ModelImage>> {
    let text = read(path)?;
    let mut lines = text.lines().enumerate();
    let mut images = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() || is_comment(line) {
            continue;
        }
        images.push(image(line).with_context(|| at(path, number))?);
        lines.next();
    }
    Ok(images)
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
    let pose: Vec<f64> = numbers(fields[1..8].iter().copied())?;
    let camera = numbers(fields[8..].iter().copied())?[0];
    Ok(ModelImage {
        quaternion: [pose[0], pose[1], pose[2], pose[3]],
        translation: [pose[4], pose[5], pose[6]],
        camera,
        name: rest.to_owned(),
    })
}

/// Reads `points3D.txt`: `id x y z r g b error track…`.
pub fn points(path: &Path) -> Result<PointCloud> {
    let text = read(path)?;
    let mut points = PointCloud::default();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || is_comment(line) {
            continue;
        }
        let fields: Vec<f64> = numbers(line.split_whitespace().skip(1).take(6)).with_context(|| at(path, number))?;
        ensure!(fields.len() == 6, "{}: a point needs an id, three coordinates and a colour", at(path, number));
        points.positions.push(DVec3::from_slice(&fields[..3]).as_vec3());
        points.colours.push(DVec3::from_slice(&fields[3..]).as_vec3() / 255.0);
    }
    points.colours.iter_mut().for_each(|colour| *colour = colour.clamp(Vec3::ZERO, Vec3::ONE));
    Ok(points)
}
