//! PLY files: scenes in the layout of the INRIA implementation (FORMATS 1.1), and clouds of coloured points.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;

use super::ply_header::{Element, Encoding, Header, Scalar, for_each_row};
use super::{Format, Loaded, write_atomically};
use crate::scene::{PointCloud, Scene, sh_coefficients};

/// What a PLY can hold.
pub enum Contents {
    Scene(Loaded),
    Points(PointCloud),
}

/// Writes a scene: 62 floats a Gaussian at degree 3, little endian.
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
        let mut row: Vec<f32> = Vec::with_capacity(17 + 3 * rest);
        for i in 0..scene.len() {
            row.clear();
            fill_row(&mut row, scene, i, rest);
            // Rows are built in the byte order of all supported targets, which is the file's.
            file.write_all(bytemuck::cast_slice(&row))?;
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

/// Reads a scene: any order of properties, any encoding; `f_rest_*` and normals may be absent.
///
/// # Errors
/// Names the file and the absent properties, the bytes missing from a file that was cut short, or the first Gaussian
/// with a value that is not finite.
pub fn load(path: &Path) -> Result<Loaded> {
    match read_any(path)? {
        Contents::Scene(loaded) => Ok(loaded),
        Contents::Points(_) => bail!(
            "{}: a point cloud, not a scene: the properties opacity, scale_* and rot_* are absent; \
             train from it with --init",
            path.display()
        ),
    }
}

/// Reads a scene or a point cloud, whichever the file's properties make it.
///
/// # Errors
/// As [`load`].
pub fn read_any(path: &Path) -> Result<Contents> {
    read_file(path).with_context(|| format!("{}", path.display()))
}

fn read_file(path: &Path) -> Result<Contents> {
    let file = File::open(path).context("cannot open the file")?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let header = Header::read(&mut reader)?;
    ensure!(
        header.elements.iter().all(|element| element.name != "chunk"),
        "a compressed PLY, which this version of Dapple does not read; export it as an uncompressed one"
    );
    let at = header.elements.iter().position(|e| e.name == "vertex").context("no element \"vertex\" in the header")?;
    let mut remaining = length.saturating_sub(header.bytes);
    for earlier in &header.elements[..at] {
        ensure!(header.encoding != Encoding::Ascii, "element \"{}\" stands before \"vertex\"", earlier.name);
        for_each_row(&mut reader, header.encoding, earlier, remaining, |_, _| Ok(()))?;
        let stride: usize = earlier.scalars()?.iter().map(|s| s.size()).sum();
        remaining -= earlier.count * stride as u64;
    }
    let vertex = &header.elements[at];
    let has = |name| vertex.index(name).is_some();
    if has("opacity") || has("f_dc_0") || has("rot_0") {
        Ok(Contents::Scene(read_gaussians(&mut reader, &header, vertex, remaining)?))
    } else {
        Ok(Contents::Points(read_points(&mut reader, &header, vertex, remaining)?))
    }
}

/// Places of the named properties in a row.
fn columns(vertex: &Element, names: &[String]) -> Result<Vec<usize>> {
    let absent: Vec<&str> = names.iter().filter(|n| vertex.index(n).is_none()).map(String::as_str).collect();
    ensure!(absent.is_empty(), "the vertices lack the properties {}; not a complete scene", absent.join(", "));
    Ok(names.iter().filter_map(|name| vertex.index(name)).collect())
}

fn read_gaussians(reader: &mut BufReader<File>, header: &Header, vertex: &Element, remaining: u64) -> Result<Loaded> {
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
    let columns = columns(vertex, &names)?;
    let mut scene = Scene { sh_degree: degree, antialiased: says_antialiased(&header.comments), ..Scene::default() };
    for_each_row(reader, header.encoding, vertex, remaining, |index, values| {
        let row = |at: usize| values[columns[at]] as f32;
        let tail = 6 + found;
        scene.means.push(Vec3::new(row(0), row(1), row(2)));
        scene.sh.extend([row(3), row(4), row(5)]);
        for k in 0..kept {
            scene.sh.extend((0..3).map(|channel| row(6 + channel * rest + k)));
        }
        scene.logits.push(row(tail));
        scene.log_scales.push(Vec3::new(row(tail + 1), row(tail + 2), row(tail + 3)));
        scene.quaternions.push([4, 5, 6, 7].map(|k| row(tail + k)));
        match columns.iter().position(|&c| !(values[c] as f32).is_finite()) {
            None => Ok(()),
            Some(at) => bail!("Gaussian {index}: \"{}\" is {}, not a finite number", names[at], values[columns[at]]),
        }
    })?;
    let mut loaded = Loaded::new(scene, Format::Ply);
    if kept < rest {
        loaded.warnings.push("its spherical harmonics are of degree 4; the fourth band is left out".into());
    }
    Ok(loaded)
}

/// Comments of Brush and splat-transform (`SplatRenderMode: mip`), and of Postshot (`antialiased 1`).
pub(super) fn says_antialiased(comments: &[String]) -> bool {
    comments.iter().any(|comment| {
        let comment = comment.to_lowercase();
        comment.strip_prefix("splatrendermode:").is_some_and(|mode| mode.trim() == "mip") || comment == "antialiased 1"
    })
}

fn read_points(reader: &mut BufReader<File>, header: &Header, vertex: &Element, remaining: u64) -> Result<PointCloud> {
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
