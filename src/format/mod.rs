//! Scene files: what reads into a [`Scene`] and writes from one, chosen by content and by name, and how files are
//! written safely.
//!
//! A format is a file here with `read(path, ..) -> Result<Loaded>` and `write(path, &Scene, ..) -> Result<()>`, and a
//! line in each of [`load_with`] and [`save`]. Its errors name the path; a count in a header is held against the bytes
//! that are really there before anything of that size is allocated.

mod atomic;
mod axis_flips;
mod bounded;
mod clusters;
mod codebook;
pub mod compressed_ply;
pub mod dapple;
mod deflate;
mod detect;
pub mod gltf;
pub mod html;
mod kind;
pub mod ksplat;
mod loaded;
mod options;
mod palette;
pub mod ply;
mod ply_header;
mod quantise;
pub mod sequence;
pub mod sog;
mod spacetime;
pub mod spacetime_ply;
pub mod splat;
pub mod splatv;
pub mod spz;
mod spz_pack;
pub mod usd;
mod webp;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::scene::Scene;
use detect::Opened;

pub use atomic::{create_folder, describe_write_error, remove_unfinished, write_atomically};
pub use kind::{Format, SOG_META};
pub use loaded::{Contents, Loaded};
pub use options::{ReadOptions, SpzAxes, TimeSamples, WriteOptions};

/// Name of the scene in a run folder.
pub const RUN_SCENE: &str = "scene.ply";
/// Name of a scene in motion in a run folder.
pub const RUN_MOVING_SCENE: &str = "scene.dapple";

/// Most characters of an error about a file.
const LONGEST_ERROR: usize = 600;

/// Reads a scene file, or the scene of a run folder, and logs what its reader warns of.
///
/// # Errors
/// Names the file, the place in it and what is wrong there.
pub fn read_scene(path: &Path) -> Result<Scene> {
    let loaded = load(path)?;
    for warning in &loaded.warnings {
        log::warn!("{}: {warning}", path.display());
    }
    Ok(loaded.scene)
}

/// As [`read_scene`], with what the file says of itself.
///
/// # Errors
/// As [`read_scene`].
pub fn load(path: &Path) -> Result<Loaded> {
    load_with(path, &ReadOptions::default())
}

/// As [`load`], with options.
///
/// # Errors
/// As [`read_scene`], and for a point cloud.
pub fn load_with(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    match read_with(path, options)? {
        Contents::Scene(loaded) => Ok(*loaded),
        Contents::Points(_) => bail!(
            "{}: a point cloud, not a scene: the properties opacity, scale_* and rot_* are absent; \
             train from it with --init",
            path.display()
        ),
    }
}

/// Reads a scene or a point cloud, whichever the file holds.
///
/// # Errors
/// As [`read_scene`].
pub fn read_any(path: &Path) -> Result<Contents> {
    read_with(path, &ReadOptions::default())
}

fn read_with(path: &Path, options: &ReadOptions) -> Result<Contents> {
    let sequence = if path.is_dir() { sequence::find(path) } else { Vec::new() };
    if sequence.is_empty() {
        return read_file(&scene_in(path)?, options).map_err(in_one_line);
    }
    let scene_of = |file: &Path| match read_file(file, options)? {
        Contents::Scene(loaded) => Ok(loaded.scene),
        Contents::Points(_) => bail!("{}: a point cloud, not a scene", file.display()),
    };
    sequence::read(&sequence, scene_of).map(|loaded| Contents::Scene(Box::new(loaded)))
}

/// Names and values in a damaged file may hold line breaks, which have no place in an error, or be longer than anyone
/// would read: then the middle is left out.
fn in_one_line(error: anyhow::Error) -> anyhow::Error {
    let text = format!("{error:#}").replace(char::is_control, " ");
    let count = text.chars().count();
    if count <= LONGEST_ERROR {
        return anyhow!(text);
    }
    let start: String = text.chars().take(LONGEST_ERROR / 2).collect();
    let end: String = text.chars().skip(count - LONGEST_ERROR / 4).collect();
    anyhow!("{start} … {end}")
}

fn read_file(path: &Path, options: &ReadOptions) -> Result<Contents> {
    let loaded = match detect::open(path)? {
        Opened::Ply(file) => return ply::decode(file).with_context(|| path.display().to_string()),
        Opened::CompressedPly(file) => compressed_ply::decode(file).with_context(|| path.display().to_string()),
        Opened::SpacetimePly(file) => spacetime_ply::decode(file).with_context(|| path.display().to_string()),
        Opened::Other(format) => read_format(path, format, options),
    };
    loaded.map(|loaded| Contents::Scene(Box::new(loaded)))
}

fn read_format(path: &Path, format: Format, options: &ReadOptions) -> Result<Loaded> {
    match format {
        Format::Dapple => dapple::read(path),
        Format::Splatv => splatv::read(path),
        Format::Splat => splat::read(path),
        Format::Spz => spz::read(path, options.spz_axes),
        Format::Sog => sog::read(path),
        Format::Ksplat => ksplat::read(path),
        Format::Glb | Format::Gltf => gltf::read(path),
        Format::Usda | Format::Usdz => usd::read(path, format),
        Format::Html => bail!("{}: web pages are only written; read the scene that it was made from", path.display()),
        Format::Ply | Format::CompressedPly | Format::SpacetimePly => {
            bail!("{}: not a PLY", path.display())
        }
    }
}

/// The file that a path means: itself, or the scene in a folder.
///
/// # Errors
/// A folder without a scene.
pub fn scene_in(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let found =
        [RUN_SCENE, RUN_MOVING_SCENE, SOG_META].map(|name| path.join(name)).into_iter().find(|file| file.exists());
    match found {
        Some(file) => Ok(file),
        None => bail!("{} holds no {RUN_SCENE}; give a run folder or a scene file", path.display()),
    }
}

/// Writes a scene in the format that the path's extension names.
///
/// # Errors
/// As [`save`].
pub fn write_scene(path: &Path, scene: &Scene) -> Result<()> {
    save(path, scene, &WriteOptions::default())
}

/// The format to write for a path.
///
/// # Errors
/// An unknown extension, or a format that is only read.
pub fn format_to_write(path: &Path) -> Result<Format> {
    match Format::of_name(path) {
        Some(Format::Ksplat) => bail!("{}: .ksplat is only read; choose .sog or .spz instead", path.display()),
        Some(format) => Ok(format),
        None => bail!(
            "{}: this extension is not known; scenes are written as {}",
            path.display(),
            Format::list(|format| format != Format::Ksplat)
        ),
    }
}

/// As [`write_scene`], with options. Bands above [`Format::max_sh_degree`] are left out.
///
/// # Errors
/// An unknown extension, a scene in motion for a format that only holds a still one, a value that is not finite, or a
/// disk that does not take the file; an earlier file of that name stays whole.
pub fn save(path: &Path, scene: &Scene, options: &WriteOptions) -> Result<()> {
    let format = format_to_write(path)?;
    ensure!(
        scene.motion.is_none() || format.holds_motion() || format.samples_motion() && options.times.is_some(),
        "{}: {} files hold no motion; choose a moment of the scene with --time, or a sequence of files with --times",
        path.display(),
        format.name()
    );
    match format {
        Format::Ply => ply::write(path, scene),
        Format::Dapple => dapple::write(path, scene),
        Format::SpacetimePly => spacetime_ply::write(path, scene),
        Format::Splatv => splatv::write(path, scene),
        Format::CompressedPly => compressed_ply::write(path, scene),
        Format::Splat => splat::write(path, scene),
        Format::Sog => sog::write(path, scene),
        Format::Spz => spz::write(path, scene, options.spz_version, options.spz_axes),
        Format::Glb | Format::Gltf => gltf::write(path, scene),
        Format::Usda | Format::Usdz => usd::write(path, scene, format, options.times),
        Format::Html => html::write(path, scene),
        Format::Ksplat => bail!("{}: .ksplat is only read", path.display()),
    }
}
