//! The "lite" PLY of Spacetime Gaussians (docs/formats.md 1.9): motion and a duration for each Gaussian, colours as
//! plain RGB.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;

use super::ply_header::{PlyFile, for_each_row};
use super::spacetime::{Moving, Reading};
use super::{Format, Loaded, write_atomically};
use crate::scene::Scene;

/// The property that identifies this kind of PLY.
pub(super) const MARK: &str = "trbf_center";

/// The properties in file order, all of type `float`.
const NAMES: [&str; 32] = [
    "x",
    "y",
    "z",
    MARK,
    "trbf_scale",
    "nx",
    "ny",
    "nz",
    "motion_0",
    "motion_1",
    "motion_2",
    "motion_3",
    "motion_4",
    "motion_5",
    "motion_6",
    "motion_7",
    "motion_8",
    "f_dc_0",
    "f_dc_1",
    "f_dc_2",
    "opacity",
    "scale_0",
    "scale_1",
    "scale_2",
    "rot_0",
    "rot_1",
    "rot_2",
    "rot_3",
    "omega_0",
    "omega_1",
    "omega_2",
    "omega_3",
];

/// Writes a scene. The Gaussians of a static scene neither move nor fade.
///
/// # Errors
/// A scene that is not finite, or a failed write.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    scene.validate().with_context(|| format!("cannot write {}", path.display()))?;
    let version = env!("CARGO_PKG_VERSION");
    let mut header = format!(
        "ply\nformat binary_little_endian 1.0\ncomment written by Dapple {version}\nelement vertex {}\n",
        scene.len()
    );
    NAMES.iter().for_each(|name| header.push_str(&format!("property float {name}\n")));
    header.push_str("end_header\n");
    write_atomically(path, |file| {
        file.write_all(header.as_bytes())?;
        for i in 0..scene.len() {
            let moving = Moving::of(scene, i, scene.quaternions[i]);
            let mut row = [0.0_f32; NAMES.len()];
            row[..3].copy_from_slice(&scene.means[i].to_array());
            row[3..5].copy_from_slice(&[moving.centre, moving.log_scale]);
            moving.path.iter().enumerate().for_each(|(k, m)| row[8 + 3 * k..11 + 3 * k].copy_from_slice(&m.to_array()));
            row[17..20].copy_from_slice(&moving.rgb);
            row[20] = scene.logits[i];
            row[21..24].copy_from_slice(&scene.log_scales[i].to_array());
            row[24..28].copy_from_slice(&moving.quaternion);
            row[28..32].copy_from_slice(&moving.spin);
            file.write_all(bytemuck::cast_slice(&row))?;
        }
        Ok(())
    })
}

/// Decodes a scene: any order of properties, any encoding. Features of the "full" kind are ignored.
///
/// # Errors
/// Names the absent properties.
pub(super) fn decode(file: PlyFile) -> Result<Loaded> {
    let remaining = file.remaining();
    let PlyFile { header, mut reader, .. } = file;
    let vertex = header.elements.first().filter(|element| element.name == "vertex");
    let vertex = vertex.context("the first element of the header is not \"vertex\"")?;
    // Normals mean nothing, and an absent turn is none.
    let needed: Vec<&str> =
        NAMES.iter().copied().filter(|name| !name.starts_with(['n', 'o']) || *name == "opacity").collect();
    let absent: Vec<&str> = needed.iter().copied().filter(|name| vertex.index(name).is_none()).collect();
    ensure!(absent.is_empty(), "the vertices lack the properties {}; not a complete scene", absent.join(", "));
    let column = |name: &str| vertex.index(name);
    let columns: Vec<usize> = needed.iter().filter_map(|name| column(name)).collect();
    let omega: Vec<usize> = (0..4).filter_map(|k| column(&format!("omega_{k}"))).collect();
    let mut scene = Scene::default();
    let mut reading = Reading::default();
    for_each_row(&mut reader, header.encoding, vertex, remaining, |_, values| {
        let row: Vec<f32> = columns.iter().map(|&c| values[c] as f32).collect();
        // In the order of `needed`: position, time, nine of motion, colour, opacity, scale, rotation.
        let vector = |at: usize| Vec3::new(row[at], row[at + 1], row[at + 2]);
        scene.means.push(vector(0));
        let mut spin = [0.0; 4];
        spin.iter_mut().zip(&omega).for_each(|(part, &c)| *part = values[c] as f32);
        let quaternion = [row[21], row[22], row[23], row[24]];
        reading.push(&Moving {
            centre: row[3],
            log_scale: row[4],
            path: [vector(5), vector(8), vector(11)],
            quaternion,
            spin,
            rgb: [row[14], row[15], row[16]],
        });
        scene.logits.push(row[17]);
        scene.log_scales.push(vector(18));
        scene.quaternions.push(quaternion);
        Ok(())
    })?;
    let warnings = reading.finish(&mut scene);
    Ok(Loaded { warnings, ..Loaded::new(scene, Format::SpacetimePly) })
}
