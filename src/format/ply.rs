//! PLY: scenes in the layout of the INRIA implementation (docs/formats.md 1.1), and clouds of coloured points.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;
use rayon::prelude::*;

use super::atomic::write_atomically;
use super::kind::Format;
use super::loaded::{Contents, Loaded};
use super::ply_header::{Encoding, PlyElement, PlyFile, PlyHeader, Scalar, check_size, for_each_row};
use super::quantise::{Gaussian, floats, logit};
use crate::scene::{PointCloud, Scene, sh_coefficients};

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
    let mut header = format!(
        "ply\nformat binary_little_endian 1.0\ncomment written by Dapple {}\ncomment SplatRenderMode: {}\nelement vertex {}\n",
        env!("CARGO_PKG_VERSION"),
        if scene.antialiased { "mip" } else { "default" },
        scene.len(),
    );
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

fn property_names(rest: usize) -> Vec<String> {
    let indexed = |stem: &str, n: usize| (0..n).map(|i| format!("{stem}{i}")).collect::<Vec<_>>();
    let mut names: Vec<String> = ["x", "y", "z", "nx", "ny", "nz"].map(String::from).to_vec();
    names.extend(indexed("f_dc_", 3));
    names.extend(indexed("f_rest_", 3 * rest));
    names.push("opacity".into());
    names.extend(indexed("scale_", 3));
    names.extend(indexed("rot_", 4));
    names
}

fn fill_row(row: &mut Vec<f32>, scene: &Scene, i: usize, rest: usize) {
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
/// Names the absent properties, the bytes missing from a file that was cut short, or the first Gaussian with a value
/// that is not finite.
pub(super) fn decode(file: PlyFile) -> Result<Contents> {
    let mut remaining = file.remaining();
    let PlyFile { header, mut reader, .. } = file;
    let at = header.elements.iter().position(|e| e.name == "vertex").context("no element \"vertex\" in the header")?;
    for earlier in &header.elements[..at] {
        ensure!(header.encoding != Encoding::Ascii, "element \"{}\" stands before \"vertex\"", earlier.name);
        for_each_row(&mut reader, header.encoding, earlier, remaining, |_, _| Ok(()))?;
        let stride: usize = earlier.scalars()?.iter().map(|s| s.size()).sum();
        remaining -= earlier.count * stride as u64;
    }
    let vertex = &header.elements[at];
    let has = |name| vertex.index(name).is_some();
    if has("opacity") || has("f_dc_0") || has("rot_0") {
        Ok(Contents::Scene(Box::new(read_gaussians(&mut reader, &header, vertex, remaining)?)))
    } else {
        Ok(Contents::Points(read_points(&mut reader, &header, vertex, remaining)?))
    }
}

/// Indices of the named properties within a row.
fn columns(vertex: &PlyElement, names: &[String]) -> Result<Vec<usize>> {
    let absent: Vec<&str> = names.iter().filter(|n| vertex.index(n).is_none()).map(String::as_str).collect();
    ensure!(absent.is_empty(), "the vertices lack the properties {}; not a complete scene", absent.join(", "));
    Ok(names.iter().filter_map(|name| vertex.index(name)).collect())
}

fn read_gaussians(
    reader: &mut BufReader<File>,
    header: &PlyHeader,
    vertex: &PlyElement,
    remaining: u64,
) -> Result<Loaded> {
    let found = vertex.properties.iter().filter(|p| p.name.starts_with("f_rest_")).count();
    let degree = match found {
        0 => 0,
        9 => 1,
        24 => 2,
        45 | 72 => 3,
        _ => bail!("{found} properties f_rest_*: 0, 9, 24, 45 or 72 make whole spherical harmonics of degree 0 to 4"),
    };
    // Coefficients of a channel in the file, and those of them that a scene holds.
    let (rest, kept) = (found / 3, sh_coefficients(degree) - 1);
    let names: Vec<String> = property_names(rest).into_iter().filter(|name| !name.starts_with('n')).collect();
    // Flat Gaussians (2DGS) may have two scales; the place of the third is the second's then.
    let flat = vertex.index("scale_2").is_none() && vertex.index("scale_1").is_some();
    let found_as = |name: &String| if flat && name == "scale_2" { "scale_1".into() } else { name.clone() };
    let columns = columns(vertex, &names.iter().map(found_as).collect::<Vec<_>>())?;
    let mut scene = Scene { sh_degree: degree, antialiased: header.says_antialiased(), ..Scene::default() };
    let layout = RowLayout { columns, names, rest, kept, flat };
    match layout.offsets(header.encoding, vertex)? {
        Some((offsets, stride)) => {
            check_size(header.encoding, vertex, remaining)?;
            read_floats(reader, &layout, &offsets, stride, vertex.count as usize, &mut scene)?;
        }
        None => read_rows(reader, header, vertex, remaining, &layout, &mut scene)?,
    }
    let mut loaded = Loaded::new(scene, Format::Ply);
    if flat {
        loaded
            .warnings
            .push("its Gaussians are flat (2DGS); their thickness is set to a thousandth of their width".into());
    }
    if kept < rest {
        loaded.warnings.push("its spherical harmonics are of degree 4; the fourth band is dropped".into());
    }
    Ok(loaded)
}

/// The layout of a Gaussian within a row.
struct RowLayout {
    /// Index of the property of each of `names`.
    columns: Vec<usize>,
    names: Vec<String>,
    /// Number of coefficients above degree 0 per channel in the file, and how many of them are read.
    rest: usize,
    kept: usize,
    /// Whether the third scale is absent (2DGS).
    flat: bool,
}

/// Logarithm of a flat Gaussian's thickness, relative to its smaller width.
const LOG_THICKNESS: f32 = -6.9;

impl RowLayout {
    /// Byte offset of each number within a row, and the size of a row; `None` unless all are little-endian floats.
    fn offsets(&self, encoding: Encoding, vertex: &PlyElement) -> Result<Option<(Vec<usize>, usize)>> {
        let scalars = vertex.scalars()?;
        let floats = self.columns.iter().all(|&column| scalars[column] == Scalar::F32);
        let before = |column: usize| scalars[..column].iter().map(|scalar| scalar.size()).sum::<usize>();
        let offsets = || (self.columns.iter().map(|&column| before(column)).collect(), before(scalars.len()));
        Ok((floats && encoding == Encoding::LittleEndian).then(offsets))
    }

    /// Decodes a Gaussian; `value(k)` is the number of the k-th of `names`.
    fn gaussian(&self, value: impl Fn(usize) -> f32, sh: &mut [f32]) -> Gaussian {
        sh[..3].copy_from_slice(&[value(3), value(4), value(5)]);
        for (k, coefficient) in sh[3..].chunks_exact_mut(3).take(self.kept).enumerate() {
            for (channel, number) in coefficient.iter_mut().enumerate() {
                *number = value(6 + channel * self.rest + k);
            }
        }
        let tail = self.opacity();
        let mut log_scale = Vec3::new(value(tail + 1), value(tail + 2), value(tail + 3));
        if self.flat {
            log_scale.z = log_scale.x.min(log_scale.y) + LOG_THICKNESS;
        }
        let opacity = value(tail);
        Gaussian {
            mean: Vec3::new(value(0), value(1), value(2)),
            // Converters of quantised files write infinite logits of the opacities 0 and 1.
            logit: if opacity.is_infinite() { logit(if opacity > 0.0 { 1.0 } else { 0.0 }) } else { opacity },
            log_scale,
            quaternion: [4, 5, 6, 7].map(|k| value(tail + k)),
        }
    }

    /// Index of the opacity in `names`.
    fn opacity(&self) -> usize {
        6 + 3 * self.rest
    }

    /// Whether a value of the k-th of `names` is invalid.
    fn is_wrong(&self, at: usize, value: f32) -> bool {
        if at == self.opacity() { value.is_nan() } else { !value.is_finite() }
    }

    /// # Errors
    /// Names the first number of Gaussian `index` that is not finite.
    fn check(&self, index: usize, value: impl Fn(usize) -> f64) -> Result<()> {
        match (0..self.names.len()).find(|&at| self.is_wrong(at, value(at) as f32)) {
            None => Ok(()),
            Some(at) => bail!("Gaussian {index}: \"{}\" is {}, not a finite number", self.names[at], value(at)),
        }
    }
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
    for_each_row(reader, header.encoding, vertex, remaining, |index, values| {
        let value = |at: usize| values[layout.columns[at]];
        scene.sh.resize(scene.sh.len() + stride, 0.0);
        let start = scene.sh.len() - stride;
        let gaussian = layout.gaussian(|at| value(at) as f32, &mut scene.sh[start..]);
        scene.means.push(gaussian.mean);
        scene.logits.push(gaussian.logit);
        scene.log_scales.push(gaussian.log_scale);
        scene.quaternions.push(gaussian.quaternion);
        layout.check(index, value)
    })
}

/// Reads rows of little-endian floats, whose bytes are known to be there, blocks of them in parallel.
fn read_floats(
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
        let wrong = |row: &[u8]| (0..offsets.len()).any(|at| layout.is_wrong(at, number(row, at)));
        if let Some(i) = bytes.par_chunks_exact(stride).with_min_len(BLOCK).position_first(wrong) {
            layout.check(first + i, |at| number(&bytes[i * stride..], at).into())?;
        }
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

/// The factor that takes a colour of this type to 0..=1.
fn unit(scalar: Option<Scalar>) -> f64 {
    match scalar {
        Some(Scalar::F32 | Scalar::F64) | None => 1.0,
        Some(Scalar::U16 | Scalar::I16) => 1.0 / 65_535.0,
        Some(_) => 1.0 / 255.0,
    }
}
