//! PLY: scenes in the layout of the INRIA implementation (docs/formats.md 1.1), and clouds of coloured points.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use rayon::prelude::*;

use super::atomic::write_atomically;
use super::kind::Format;
use super::loaded::{Contents, Loaded};
use super::ply_columns::{RowLayout, are_gaussians, columns, property_names, unit};
use super::ply_header::{PlyElement, PlyFile, PlyHeader, check_size, for_each_row, skip_rows};
use super::quantise::floats;
use super::upright;
use crate::scene::{Clip, Motion, PointCloud, Scene, sh_coefficients};

/// Gaussians that one task encodes or decodes, and the number of such blocks in memory at once.
const BLOCK: usize = 2048;
const BLOCKS: usize = 16;

/// Writes a scene, little endian: 62 floats per Gaussian at degree 3.
///
/// # Errors
/// As [`write_atomically`].
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    scene.validate().with_context(|| format!("cannot write {}", path.display()))?;
    let rest = sh_coefficients(scene.sh_degree) - 1;
    let mut header = start_of_header(scene);
    header.push_str(&format!("element vertex {}\n", scene.len()));
    for name in property_names(rest) {
        header.push_str(&format!("property float {name}\n"));
    }
    header.push_str("end_header\n");
    write_atomically(path, |file| {
        file.write_all(header.as_bytes())?;
        let block = |first: usize| {
            let mut rows: Vec<f32> = Vec::with_capacity(BLOCK * (17 + 3 * rest));
            (first..(first + BLOCK).min(scene.len())).for_each(|i| fill_row(&mut rows, scene, i, rest));
            rows
        };
        let starts: Vec<usize> = (0..scene.len()).step_by(BLOCK).collect();
        for group in starts.chunks(BLOCKS) {
            let blocks: Vec<Vec<f32>> = group.par_iter().map(|&first| block(first)).collect();
            // ElementRows are built in the byte order of all supported targets, which is the file's.
            blocks.iter().try_for_each(|rows| file.write_all(bytemuck::cast_slice(rows)))?;
        }
        Ok(())
    })
}

/// The header of a PLY up to its first element, with what is known of the scene as comments.
pub(super) fn start_of_header(scene: &Scene) -> String {
    let up = scene.up.map_or(String::new(), |up| format!("comment up {} {} {}\n", up.x, up.y, up.z));
    format!(
        "ply\nformat binary_little_endian 1.0\ncomment written by Dapple {}\ncomment SplatRenderMode: {}\n{up}",
        env!("CARGO_PKG_VERSION"),
        if scene.antialiased { "mip" } else { "default" },
    )
}

/// Appends the columns of Gaussian `i` with `rest` coefficients a channel above degree 0, in INRIA's order.
pub(super) fn fill_row(row: &mut Vec<f32>, scene: &Scene, i: usize, rest: usize) {
    let sh = &scene.sh[i * scene.sh_stride()..][..scene.sh_stride()];
    row.extend(scene.means[i].to_array());
    row.extend([0.0; 3]);
    row.extend(&sh[..3]);
    // The file is channel-major, the scene coefficient-major.
    row.extend((0..3).flat_map(|channel| (0..rest).map(move |k| sh[3 * (k + 1) + channel])));
    row.push(scene.logits[i]);
    row.extend(scene.log_scales[i].to_array());
    row.extend(scene.quaternions[i]);
}

/// Decodes a scene, or a point cloud if the properties of Gaussians are absent. Properties may be in any order and
/// encoding; `f_rest_*` and normals are optional.
///
/// # Errors
/// Names the absent properties, or the bytes missing from a file that was cut short.
pub(super) fn decode(file: PlyFile) -> Result<Contents> {
    let mut remaining = file.remaining();
    let PlyFile { header, mut reader, .. } = file;
    let at = header.elements.iter().position(|e| e.name == "vertex").context("no element \"vertex\" in the header")?;
    for earlier in &header.elements[..at] {
        remaining -= skip_rows(&mut reader, header.encoding, earlier, remaining)?;
    }
    let vertex = &header.elements[at];
    if are_gaussians(vertex) {
        Ok(Contents::Scene(Box::new(read_gaussians(&mut reader, &header, vertex, remaining)?)))
    } else {
        Ok(Contents::Points(read_points(&mut reader, &header, vertex, remaining)?))
    }
}

fn read_gaussians(
    reader: &mut BufReader<File>,
    header: &PlyHeader,
    vertex: &PlyElement,
    remaining: u64,
) -> Result<Loaded> {
    let mut layout = RowLayout::of(header, vertex)?;
    let mut scene =
        Scene { sh_degree: layout.degree, antialiased: header.says_antialiased(), up: header.up(), ..Scene::default() };
    match layout.offsets(header.encoding, vertex)? {
        Some((offsets, stride)) => {
            check_size(header.encoding, vertex, remaining)?;
            read_floats(reader, &layout, &offsets, stride, vertex.count as usize, &mut scene)?;
        }
        None => read_rows(reader, header, vertex, remaining, &layout, &mut scene)?,
    }
    let warnings = std::mem::take(&mut layout.warnings);
    let Some(motion) = &layout.motion else {
        return Ok(Loaded { warnings, ..Loaded::new(scene, Format::Ply) });
    };
    scene.clip = Clip::of(None, motion.frames);
    let mut loaded = Loaded { version: "1".into(), warnings, ..Loaded::new(scene, Format::FtgsPly) };
    if motion.upright {
        upright::half_turn(&mut loaded.scene);
        loaded.axes = "y up".into();
    }
    Ok(loaded)
}

/// Reads rows of any types in any encoding.
fn read_rows(
    reader: &mut BufReader<File>,
    header: &PlyHeader,
    vertex: &PlyElement,
    remaining: u64,
    layout: &RowLayout,
    scene: &mut Scene,
) -> Result<()> {
    let stride = scene.sh_stride();
    let mut motion = layout.motion.as_ref().map(|_| Motion::default());
    for_each_row(reader, header.encoding, vertex, remaining, |_, values| {
        let value = |at: usize| values[layout.columns[at]];
        scene.sh.resize(scene.sh.len() + stride, 0.0);
        let start = scene.sh.len() - stride;
        let gaussian = layout.gaussian(|at| value(at) as f32, &mut scene.sh[start..]);
        scene.means.push(gaussian.mean);
        scene.logits.push(gaussian.logit);
        scene.log_scales.push(gaussian.log_scale);
        scene.quaternions.push(gaussian.quaternion);
        if let (Some(columns), Some(motion)) = (&layout.motion, &mut motion) {
            columns.push(values, motion);
        }
        Ok(())
    })?;
    scene.motion = motion;
    Ok(())
}

/// Reads rows of little-endian floats, whose bytes are known to be there, blocks of them in parallel.
pub(super) fn read_floats(
    reader: &mut BufReader<File>,
    layout: &RowLayout,
    offsets: &[usize],
    stride: usize,
    count: usize,
    scene: &mut Scene,
) -> Result<()> {
    let width = scene.sh_stride();
    scene.means = vec![Vec3::ZERO; count];
    scene.quaternions = vec![[0.0; 4]; count];
    scene.log_scales = vec![Vec3::ZERO; count];
    scene.logits = vec![0.0; count];
    scene.sh = vec![0.0; count * width];
    let mut bytes = Vec::new();
    for first in (0..count).step_by(BLOCK * BLOCKS) {
        let end = (first + BLOCK * BLOCKS).min(count);
        bytes.resize((end - first) * stride, 0);
        reader.read_exact(&mut bytes).with_context(|| format!("cannot read row {first}"))?;
        let number = |row: &[u8], at: usize| floats::<1>(row, offsets[at])[0];
        let geometry = scene.means[first..end].par_iter_mut().zip(&mut scene.quaternions[first..end]);
        let shape = scene.log_scales[first..end].par_iter_mut().zip(&mut scene.logits[first..end]);
        let rows = bytes.par_chunks_exact(stride).zip(scene.sh[first * width..end * width].par_chunks_exact_mut(width));
        geometry.zip(shape).zip(rows).with_min_len(BLOCK).for_each(
            |(((mean, quaternion), (scale, logit)), (row, sh))| {
                let gaussian = layout.gaussian(|at| number(row, at), sh);
                (*mean, *quaternion, *scale, *logit) =
                    (gaussian.mean, gaussian.quaternion, gaussian.log_scale, gaussian.logit);
            },
        );
    }
    Ok(())
}

fn read_points(
    reader: &mut BufReader<File>,
    header: &PlyHeader,
    vertex: &PlyElement,
    remaining: u64,
) -> Result<PointCloud> {
    let position = columns(vertex, &["x", "y", "z"].map(String::from))?;
    let colour = ["red", "green", "blue"].map(|name| vertex.index(name));
    let time = vertex.index("time");
    let mut points = PointCloud { times: time.map(|_| Vec::new()), ..PointCloud::default() };
    for_each_row(reader, header.encoding, vertex, remaining, |index, values| {
        let mean = Vec3::from_array([0, 1, 2].map(|axis| values[position[axis]] as f32));
        ensure!(mean.is_finite(), "point {index}: its position is not finite");
        points.positions.push(mean);
        // Points without colours start grey.
        let channel = |column: Option<usize>| {
            column.map_or(0.5, |c| (values[c] * unit(vertex.properties[c].scalar)).clamp(0.0, 1.0) as f32)
        };
        points.colours.push(Vec3::from_array(colour.map(channel)));
        if let (Some(times), Some(column)) = (&mut points.times, time) {
            let time = values[column] as f32;
            ensure!(time.is_finite(), "point {index}: its time is not finite");
            times.push(time);
        }
        Ok(())
    })?;
    Ok(points)
}
