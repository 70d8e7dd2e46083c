//! The columns of a PLY that make a scene: their names in several dialects, and how a row becomes a Gaussian.

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;

use super::clean::LOG_THICKNESS;
use super::ply_header::{Encoding, PlyElement, PlyHeader, Scalar};
use super::quantise::{Gaussian, dc_of, logit};
use super::upright;
use crate::scene::{Motion, sh_coefficients};

/// What CloudCompare puts before the names of columns that it does not know.
const CLOUD_COMPARE: &str = "scalar_";
/// Colours that some writers have in place of f_dc_0 to f_dc_2.
const COLOURS: [[&str; 3]; 3] =
    [["red", "green", "blue"], ["diffuse_red", "diffuse_green", "diffuse_blue"], ["r", "g", "b"]];
/// FreeTimeGS's columns of motion, which is the same as ours.
pub(super) const MOTION: [&str; 5] = ["time", "log_duration", "velocity_0", "velocity_1", "velocity_2"];
/// Starts of the names of columns that other writers have for motion.
const MOVING: [&str; 10] =
    ["time", "t", "log_duration", "velocity", "vel_", "motion", "trbf", "omega", "scale_t", "rot_r"];
/// The most names in a warning.
const NAMED: usize = 8;

/// Names of the columns of INRIA's layout, with `rest` coefficients a channel above degree 0.
pub(super) fn property_names(rest: usize) -> Vec<String> {
    let indexed = |stem: &str, n: usize| (0..n).map(|i| format!("{stem}{i}")).collect::<Vec<_>>();
    let mut names: Vec<String> = ["x", "y", "z", "nx", "ny", "nz"].map(String::from).to_vec();
    names.extend(indexed("f_dc_", 3));
    names.extend(indexed("f_rest_", 3 * rest));
    names.push("opacity".into());
    names.extend(indexed("scale_", 3));
    names.extend(indexed("rot_", 4));
    names
}

/// Index of a property under its name or CloudCompare's.
pub(super) fn find(vertex: &PlyElement, name: &str) -> Option<usize> {
    vertex.index(name).or_else(|| vertex.index(&format!("{CLOUD_COMPARE}{name}")))
}

/// Whether the vertices are Gaussians rather than points.
pub(super) fn are_gaussians(vertex: &PlyElement) -> bool {
    ["opacity", "f_dc_0", "rot_0"].iter().any(|name| find(vertex, name).is_some())
}

/// The factor that takes a colour of this type to 0..=1.
pub(super) fn unit(scalar: Option<Scalar>) -> f64 {
    match scalar {
        Some(Scalar::F16 | Scalar::F32 | Scalar::F64) | None => 1.0,
        Some(Scalar::U16 | Scalar::I16) => 1.0 / 65_535.0,
        Some(_) => 1.0 / 255.0,
    }
}

/// The layout of a Gaussian within a row.
pub(super) struct RowLayout {
    /// Index of the property of each number: position, f_dc, f_rest, opacity, scale, rotation.
    pub columns: Vec<usize>,
    /// Degree of the harmonics that are read.
    pub degree: u32,
    /// Number of coefficients above degree 0 per channel in the file, and how many of them are read.
    rest: usize,
    kept: usize,
    /// Whether the third scale is absent (2DGS).
    flat: bool,
    /// The factor to 0..=1 of colours, where those stand in place of f_dc, and of opacities in place of logits.
    colour_unit: Option<f32>,
    opacity_unit: Option<f32>,
    pub motion: Option<MotionColumns>,
    /// What was assumed and what is left out, one sentence each.
    pub warnings: Vec<String>,
}

impl RowLayout {
    /// # Errors
    /// Names the absent properties, or those of a type that has no meaning.
    pub fn of(header: &PlyHeader, vertex: &PlyElement) -> Result<Self> {
        let bare = |name: &str| name.to_ascii_lowercase().trim_start_matches(CLOUD_COMPARE).to_string();
        let found = vertex.properties.iter().filter(|p| bare(&p.name).starts_with("f_rest_")).count();
        let degree = match found {
            0 => 0,
            9 => 1,
            24 => 2,
            45 | 72 => 3,
            _ => {
                bail!("{found} properties f_rest_*: 0, 9, 24, 45 or 72 make whole spherical harmonics of degree 0 to 4")
            }
        };
        let (rest, kept) = (found / 3, sh_coefficients(degree) - 1);
        // Flat Gaussians (2DGS) may have two scales; the place of the third is the second's then.
        let flat = find(vertex, "scale_2").is_none() && find(vertex, "scale_1").is_some();
        let mut names: Vec<String> = property_names(rest).into_iter().filter(|name| !name.starts_with('n')).collect();
        if flat {
            names[6 + 3 * rest + 3] = "scale_1".into();
        }
        let mut warnings = Vec::new();
        let coloured = COLOURS.iter().find(|colours| colours.iter().all(|name| find(vertex, name).is_some()));
        let coloured = coloured.filter(|_| find(vertex, "f_dc_0").is_none());
        if let Some(colours) = coloured {
            names[3..6].clone_from_slice(&colours.map(String::from));
            warnings.push(format!("its colours are taken from {}: it has no f_dc_*", colours.join(", ")));
        }
        let columns = columns(vertex, &names)?;
        if columns.iter().any(|&column| vertex.properties[column].name.to_ascii_lowercase().starts_with(CLOUD_COMPARE))
        {
            warnings.push(format!("its columns have CloudCompare's names ({CLOUD_COMPARE}*)"));
        }
        if flat {
            warnings
                .push("its Gaussians are flat (2DGS); their thickness is set to a thousandth of their width".into());
        }
        if kept < rest {
            warnings.push("its spherical harmonics are of degree 4; the fourth band is dropped".into());
        }
        let motion = MotionColumns::of(header, vertex, &mut warnings)?;
        let mut layout =
            Self { columns, degree, rest, kept, flat, colour_unit: None, opacity_unit: None, motion, warnings };
        layout.look_at_types(vertex, coloured.is_some())?;
        layout.name_the_rest(vertex);
        Ok(layout)
    }

    /// Finds the units of integers.
    fn look_at_types(&mut self, vertex: &PlyElement, coloured: bool) -> Result<()> {
        let scalar = |at: usize| vertex.properties[self.columns[at]].scalar;
        let floats = |at: usize| matches!(scalar(at), None | Some(Scalar::F16 | Scalar::F32 | Scalar::F64));
        let bytes = |at: usize| matches!(scalar(at), Some(Scalar::U8 | Scalar::U16));
        let opacity = self.opacity();
        let colours = (3..6).all(bytes) && scalar(3) == scalar(4) && scalar(3) == scalar(5);
        let meaning = |at: usize| floats(at) || at < 3 || (3..6).contains(&at) && colours || at == opacity && bytes(at);
        if let Some(at) = (0..self.columns.len()).find(|&at| !meaning(at)) {
            let name = &vertex.properties[self.columns[at]].name;
            bail!("the property {name} is of an integer type, whose unit is not known; store it as float");
        }
        let colour_unit = (coloured || colours).then(|| unit(scalar(3)) as f32);
        let opacity_unit = bytes(opacity).then(|| unit(scalar(opacity)) as f32);
        let mut warn = |what: &str| self.warnings.push(format!("its {what} are integers; they are read as 0 to 1"));
        if colours && !coloured {
            warn("f_dc_*");
        }
        if opacity_unit.is_some() {
            warn("opacities");
        }
        (self.colour_unit, self.opacity_unit) = (colour_unit, opacity_unit);
        Ok(())
    }

    /// Names the columns that are not read, but for normals, which mean nothing.
    fn name_the_rest(&mut self, vertex: &PlyElement) {
        let normals = ["nx", "ny", "nz"].map(|name| find(vertex, name));
        let motion = self.motion.as_ref().map_or(&[][..], |motion| &motion.columns);
        let unused = |i: &usize| !self.columns.contains(i) && !motion.contains(i) && !normals.contains(&Some(*i));
        let names = (0..vertex.properties.len()).filter(unused).map(|i| vertex.properties[i].name.as_str());
        let says_time = |name: &str| {
            let name = name.to_ascii_lowercase();
            MOVING.iter().any(|start| if start.len() < 3 { name == *start } else { name.starts_with(start) })
        };
        let (moving, others): (Vec<&str>, Vec<&str>) = names.partition(|name| says_time(name));
        let list = |names: &[&str]| match names.len().checked_sub(NAMED) {
            None | Some(0) => names.join(", "),
            Some(more) => format!("{} and {more} more", names[..NAMED].join(", ")),
        };
        if !moving.is_empty() {
            self.warnings.push(format!(
                "its columns {} say that it moves, in a way that is not known; it is read as a still scene, all its times at once",
                list(&moving)
            ));
        }
        if !others.is_empty() {
            self.warnings.push(format!("its columns {} are no part of a scene and are left out", list(&others)));
        }
    }

    /// Byte offset of each number within a row, and the size of a row; `None` unless all are little-endian floats.
    pub fn offsets(&self, encoding: Encoding, vertex: &PlyElement) -> Result<Option<(Vec<usize>, usize)>> {
        let scalars = vertex.scalars()?;
        let floats = self.columns.iter().all(|&column| scalars[column] == Scalar::F32) && self.motion.is_none();
        let before = |column: usize| scalars[..column].iter().map(|scalar| scalar.size()).sum::<usize>();
        let offsets = || (self.columns.iter().map(|&column| before(column)).collect(), before(scalars.len()));
        Ok((floats && encoding == Encoding::LittleEndian).then(offsets))
    }

    /// Decodes a Gaussian; `value(k)` is the number of the k-th of the columns.
    pub fn gaussian(&self, value: impl Fn(usize) -> f32, sh: &mut [f32]) -> Gaussian {
        let dc = |k: usize| self.colour_unit.map_or_else(|| value(k), |unit| dc_of(value(k) * unit));
        sh[..3].copy_from_slice(&[dc(3), dc(4), dc(5)]);
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
        Gaussian {
            mean: Vec3::new(value(0), value(1), value(2)),
            logit: self.opacity_unit.map_or_else(|| value(tail), |unit| logit(value(tail) * unit)),
            log_scale,
            quaternion: [4, 5, 6, 7].map(|k| value(tail + k)),
        }
    }

    /// Index of the opacity in the columns.
    fn opacity(&self) -> usize {
        6 + 3 * self.rest
    }
}

/// Indices of the named properties within a row.
pub(super) fn columns(vertex: &PlyElement, names: &[String]) -> Result<Vec<usize>> {
    let absent: Vec<&str> = names.iter().filter(|n| find(vertex, n).is_none()).map(String::as_str).collect();
    ensure!(absent.is_empty(), "the vertices lack the properties {}; not a complete scene", absent.join(", "));
    Ok(names.iter().filter_map(|name| find(vertex, name)).collect())
}

/// The columns of motion in FreeTimeGS's layout, version 1 of `.ftgs.ply`.
pub(super) struct MotionColumns {
    columns: [usize; 5],
    /// The shortest duration that its viewer shows, in clips.
    least_duration: f64,
    /// Whether velocities count.
    moves: bool,
    /// Number of moments of the clip.
    pub frames: Option<u64>,
    /// Whether it says that y is up, as Dapple's files do.
    pub upright: bool,
}

impl MotionColumns {
    fn of(header: &PlyHeader, vertex: &PlyElement, warnings: &mut Vec<String>) -> Result<Option<Self>> {
        let said = |key: &str| {
            header.comments.iter().find_map(|comment| {
                let (found, value) = comment.split_once(char::is_whitespace)?;
                (found == key).then(|| value.trim())
            })
        };
        let version = said("ftgs_version");
        ensure!(
            version.is_none_or(|v| v == "1"),
            "version {} of .ftgs.ply is not known; 1 is",
            version.unwrap_or_default()
        );
        let found: Vec<usize> = MOTION.iter().filter_map(|name| find(vertex, name)).collect();
        let Ok(columns) = <[usize; 5]>::try_from(found) else {
            ensure!(version.is_none(), "the vertices of a .ftgs.ply lack some of {}", MOTION.join(", "));
            return Ok(None);
        };
        let number = |key: &str| -> Result<Option<f64>> {
            said(key).map(|text| text.parse().with_context(|| format!("the comment {key} is no number"))).transpose()
        };
        // The opacity that never goes away; the trainer's 10⁻⁴ cannot be seen.
        if number("opacity_floor")?.is_some_and(|floor| floor > 1.0 / 255.0) {
            warnings.push("its opacities have a floor that never fades, which is left out".into());
        }
        let upright = said("axes") == Some(upright::MARK);
        if !upright {
            warnings.push(
                "its motion is FreeTimeGS's; its axes are not named and are taken as those of its capture".into(),
            );
        }
        Ok(Some(Self {
            columns,
            least_duration: number("min_duration")?.filter(|d| d.is_finite()).unwrap_or(0.0),
            moves: said("use_velocity") != Some("0"),
            frames: said("n_frames").and_then(|text| text.parse().ok()),
            upright,
        }))
    }

    /// Appends the motion of a row.
    pub fn push(&self, values: &[f64], motion: &mut Motion) {
        let [centre, log_duration, x, y, z] = self.columns.map(|column| values[column] as f32);
        motion.centres.push(centre);
        motion.log_durations.push(log_duration.max((self.least_duration as f32).ln()));
        motion.velocities.push(if self.moves { Vec3::new(x, y, z) } else { Vec3::ZERO });
        motion.gates.push(Motion::NO_GATE);
    }
}
