//! FreeTimeGS's PLY, `.ftgs.ply` version 1 (docs/formats.md 1.12): INRIA's columns, and time, duration and velocity of each
//! Gaussian. `ply` reads it, as one of its dialects.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::ply::{fill_row, start_of_header};
use super::ply_columns::{MOTION, property_names};
use super::spacetime::Linear;
use super::{upright, write_atomically};
use crate::scene::{Scene, sh_coefficients};

/// The shortest duration that FreeTimeGS's own trainer has, in clips.
const USUAL_LEAST: f32 = 0.02;

/// Writes a scene. The Gaussians of a static scene neither move nor fade.
///
/// # Errors
/// A scene that is not finite or empty, or a failed write.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    let named = || format!("cannot write {}", path.display());
    scene.validate().with_context(named)?;
    ensure!(!scene.is_empty(), "{}: .ftgs.ply cannot hold a scene without Gaussians", named());
    let scene = &upright::half_turned(scene);
    let rest = sh_coefficients(scene.sh_degree) - 1;
    let shortest = (0..scene.len()).map(|i| Linear::of(scene, i).log_duration).fold(f32::INFINITY, f32::min);
    let mut header = start_of_header(scene);
    let frames = scene.clip.frames.map_or(String::new(), |n| format!("comment n_frames {n}\n"));
    header.push_str(&format!(
        "comment axes {}\ncomment ftgs_version 1\ncomment time_units normalized\ncomment sh_degree {}\n\
         comment use_velocity 1\ncomment min_duration {}\ncomment opacity_floor 0\n{frames}element vertex {}\n",
        upright::MARK,
        scene.sh_degree,
        shortest.exp().clamp(f32::MIN_POSITIVE, USUAL_LEAST),
        scene.len()
    ));
    for name in property_names(rest).iter().map(String::as_str).chain(MOTION) {
        header.push_str(&format!("property float {name}\n"));
    }
    header.push_str("end_header\n");
    write_atomically(path, |file| {
        file.write_all(header.as_bytes())?;
        let mut row = Vec::new();
        for i in 0..scene.len() {
            row.clear();
            fill_row(&mut row, scene, i, rest);
            let linear = Linear::of(scene, i);
            row.extend([linear.centre, linear.log_duration]);
            row.extend(linear.velocity.to_array());
            file.write_all(bytemuck::cast_slice(&row))?;
        }
        Ok(())
    })
}
