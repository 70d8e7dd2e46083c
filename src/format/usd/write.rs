//! Writing: text, formatted in parallel blocks.

use std::fmt::Write as _;
use std::io::{self, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use rayon::prelude::*;

use super::PRIM_TYPE;
use crate::format::{Format, TimeSamples, write_atomically};
use crate::scene::{Scene, sigmoid};

/// Elements of an array that one core turns to text at once, and how many such blocks are held.
const BLOCK: usize = 2048;
const BLOCKS: usize = 64;
/// Files in a package begin at multiples of this.
const ALIGNMENT: u16 = 64;
/// Signs of the 16 harmonics under half a turn about z.
const SIGNS: [f32; 16] = [1., -1., 1., -1., 1., -1., 1., -1., 1., -1., 1., -1., 1., -1., 1., -1.];

/// Writes `.usda`, or `.usdz` with such a layer in it. With `samples`, positions and opacities have a time sample per
/// time, from time code 0 on.
///
/// # Errors
/// Those of [`write_atomically`], and a `.usdz` of more than 4 GiB.
pub fn write(path: &Path, scene: &Scene, format: Format, samples: Option<TimeSamples>) -> Result<()> {
    scene.validate().with_context(|| format!("cannot write {}", path.display()))?;
    ensure!(!scene.is_empty(), "cannot write {}: a scene without Gaussians", path.display());
    let times: Vec<f32> = samples.into_iter().flat_map(TimeSamples::times).collect();
    write_atomically(path, |file| {
        if format == Format::Usdz { package(file, scene, &times) } else { layer(file, scene, &times) }
    })
}

fn package(file: &mut (impl Write + Seek), scene: &Scene, times: &[f32]) -> io::Result<()> {
    let stored = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .with_alignment(ALIGNMENT);
    let mut archive = zip::ZipWriter::new(file);
    archive.start_file("scene.usda", stored)?;
    layer(&mut archive, scene, times)?;
    archive.finish()?;
    Ok(())
}

fn turned(point: Vec3) -> [f32; 3] {
    [-point.x, -point.y, point.z]
}

fn layer(file: &mut impl Write, scene: &Scene, times: &[f32]) -> io::Result<()> {
    let clip = if times.is_empty() {
        String::new()
    } else {
        let last = times.len() - 1;
        format!(
            "    endTimeCode = {last}\n    framesPerSecond = 30\n    startTimeCode = 0\n    timeCodesPerSecond = 30\n"
        )
    };
    write!(
        file,
        "#usda 1.0\n(\n    defaultPrim = \"Gaussians\"\n    doc = \"Written by Dapple {}\"\n{clip}    metersPerUnit = 1\n\
             upAxis = \"Y\"\n)\n\ndef {PRIM_TYPE} \"Gaussians\"\n{{\n",
        env!("CARGO_PKG_VERSION")
    )?;
    let n = scene.len();
    // What changes in time, without the large rest.
    let (means, logits, motion) = (scene.means.clone(), scene.logits.clone(), scene.motion.clone());
    let moving = Scene { means, logits, motion, quaternions: scene.quaternions.clone(), ..Scene::default() };
    let first = moving.at(times.first().copied().unwrap_or(0.0));
    let (mut low, mut high) = (Vec3::INFINITY, Vec3::NEG_INFINITY);
    for time in times.iter().copied().chain(times.is_empty().then_some(0.0)) {
        for point in moving.at(time).means.iter().map(|&mean| Vec3::from_array(turned(mean))) {
            (low, high) = (low.min(point), high.max(point));
        }
    }
    write!(file, "    float3[] extent = [")?;
    let mut text = String::new();
    tuple(&mut text, &low.to_array());
    text.push_str(", ");
    tuple(&mut text, &high.to_array());
    writeln!(file, "{text}]")?;
    array(file, "point3f[] positions = ", n, |i, out| tuple(out, &turned(first.means[i])))?;
    samples(file, "point3f[] positions", &moving, times, |scene, i, out| tuple(out, &turned(scene.means[i])))?;
    array(file, "float[] opacities = ", n, |i, out| number(out, sigmoid(first.logits[i])))?;
    samples(file, "float[] opacities", &moving, times, |scene, i, out| number(out, sigmoid(scene.logits[i])))?;
    array(file, "quatf[] orientations = ", n, |i, out| tuple(out, &orientation(first.quaternions[i])))?;
    if scene.motion.as_ref().is_some_and(|motion| motion.curves.is_some()) {
        samples(file, "quatf[] orientations", &moving, times, |scene, i, out| {
            tuple(out, &orientation(scene.quaternions[i]));
        })?;
    }
    array(file, "float3[] scales = ", n, |i, out| {
        tuple(out, &scene.log_scales[i].to_array().map(|s| s.exp().min(f32::MAX)));
    })?;
    writeln!(file, "    uniform int radiance:sphericalHarmonicsDegree = {}", scene.sh_degree)?;
    let coefficients = scene.sh_stride() / 3;
    array(file, "float3[] radiance:sphericalHarmonicsCoefficients = ", n * coefficients, |i, out| {
        let sign = SIGNS[i % coefficients];
        tuple(out, &[0, 1, 2].map(|channel| sign * scene.sh[3 * i + channel]));
    })?;
    write!(
        file,
        "    uniform token projectionModeHint = \"perspective\"\n    uniform token sortingModeHint = \"cameraDistance\"\n}}\n"
    )
}

/// Half a turn about z times the unit quaternion (w, x, y, z); what is no rotation becomes the identity.
fn orientation([w, x, y, z]: [f32; 4]) -> [f32; 4] {
    let length = (w * w + x * x + y * y + z * z).sqrt();
    let unit = [-z, -y, x, w].map(|v| v / length);
    if unit.iter().all(|v| v.is_finite()) { unit } else { [0.0, 0.0, 0.0, 1.0] }
}

/// Writes an array for each time, with time codes from 0 on.
fn samples(
    file: &mut impl Write,
    declaration: &str,
    moving: &Scene,
    times: &[f32],
    element: impl Fn(&Scene, usize, &mut String) + Sync,
) -> io::Result<()> {
    if times.is_empty() {
        return Ok(());
    }
    writeln!(file, "    {declaration}.timeSamples = {{")?;
    for (code, &time) in times.iter().enumerate() {
        let scene = moving.at(time);
        array(file, &format!("    {code}: "), scene.len(), |i, out| element(&scene, i, out))?;
    }
    writeln!(file, "    }}")
}

/// Writes an array of `count` elements, of which `element` adds one's text.
fn array(
    file: &mut impl Write,
    declaration: &str,
    count: usize,
    element: impl Fn(usize, &mut String) + Sync,
) -> io::Result<()> {
    // In a list of time samples arrays end with a comma.
    let end = if declaration.ends_with(": ") { "," } else { "" };
    write!(file, "    {declaration}[")?;
    let block = |first: usize| {
        let mut text = String::with_capacity(BLOCK * 40);
        for i in first..(first + BLOCK).min(count) {
            if i > 0 {
                text.push_str(", ");
            }
            element(i, &mut text);
        }
        text
    };
    let starts: Vec<usize> = (0..count).step_by(BLOCK).collect();
    for group in starts.chunks(BLOCKS) {
        let texts: Vec<String> = group.par_iter().map(|&first| block(first)).collect();
        for text in texts {
            file.write_all(text.as_bytes())?;
        }
    }
    writeln!(file, "]{end}")
}

fn tuple(out: &mut String, values: &[f32]) {
    for (i, &value) in values.iter().enumerate() {
        out.push_str(if i == 0 { "(" } else { ", " });
        number(out, value);
    }
    out.push(')');
}

/// The shortest text that reads back as the same number.
fn number(out: &mut String, value: f32) {
    let size = value.abs();
    // Writing to a string cannot fail.
    let _ = if size == 0.0 || (1e-4..1e7).contains(&size) { write!(out, "{value}") } else { write!(out, "{value:e}") };
}
