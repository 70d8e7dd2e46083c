//! Scene files: [`load`] detects the format by content and reads a [`Scene`], [`save`] chooses it by extension and
//! writes one. Files are written atomically.
//!
//! A format is a module with `read(path, ..) -> Result<Loaded>` and `write(path, &Scene, ..) -> Result<()>`, a variant of
//! [`Format`] that [`Format::ALL`] holds too, and a line in each of `read_format` and [`save`]. Errors name the path. A
//! count in a header is checked against the size of the file before memory for it is allocated.

mod atomic;
mod axis_flips;
mod bounded;
mod clean;
mod clusters;
mod codebook;
pub mod compressed_ply;
pub mod dapple;
mod deflate;
mod detect;
mod fit;
mod folder;
pub mod four_d;
pub mod ftgs;
pub mod gltf;
pub mod html;
mod kind;
pub mod ksplat;
mod lcc;
mod loaded;
pub mod lod;
mod loss;
mod options;
pub mod packed;
mod palette;
pub mod ply;
mod ply_columns;
mod ply_header;
mod quantise;
pub mod sequence;
pub mod sog;
mod spacetime;
pub mod spacetime_ply;
pub mod splat;
pub mod splatv;
pub mod spz;
mod spz_fit;
mod spz_pack;
pub mod stream;
pub mod tsog;
mod upright;
pub mod usd;
mod webp;
mod zipped;

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::scene::Scene;
use detect::Opened;

pub use atomic::{UnfinishedFolder, create_folder, describe_write_error, remove_unfinished, write_atomically};
pub use fit::{fit, fit_paths, straighten, upright_turn};
pub use folder::{RUN_MOVING_SCENE, RUN_SCENE, scene_in};
pub use html::PageSetting;
pub use kind::{Format, LOD_META, SOG_META};
pub use loaded::{Contents, Loaded};
pub use loss::{Loss, loss};
pub use options::{ReadOptions, SpzAxes, TimeSamples, WriteOptions};

/// The most characters of an error about a file.
const LONGEST_ERROR: usize = 600;

/// Reads a scene file, the scene of a run folder or a sequence of PLY files, and logs the warnings of its reader.
///
/// # Errors
/// Names the file, the place in it and the fault.
pub fn read_scene(path: &Path) -> Result<Scene> {
    let loaded = load(path)?;
    for warning in &loaded.warnings {
        log::warn!("{}: {warning}", path.display());
    }
    Ok(loaded.scene)
}

/// Reads a scene as [`read_scene`] does, and returns the metadata of the file with it.
///
/// # Errors
/// As [`read_scene`].
pub fn load(path: &Path) -> Result<Loaded> {
    load_with(path, &ReadOptions::default())
}

/// Reads a scene as [`load`] does, with options.
///
/// # Errors
/// As [`read_scene`]; and a point cloud, which is no scene.
pub fn load_with(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    match read_with(path, options, false)? {
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
    read_with(path, &ReadOptions::default(), false)
}

/// `unpacked` says that the path is what was in a zip archive, in which no other may be.
fn read_with(path: &Path, options: &ReadOptions, unpacked: bool) -> Result<Contents> {
    let sequence = if path.is_dir() { sequence::find(path) } else { Vec::new() };
    if sequence.is_empty() {
        let file = scene_in(path)?;
        let mut found = read_file(&file, options, unpacked).map_err(in_one_line)?;
        if let Contents::Scene(loaded) = &mut found
            && path.is_dir()
            && folder::run_scene(path).is_none()
            && !unpacked
        {
            let inside = file.strip_prefix(path).unwrap_or(&file);
            loaded.warnings.insert(0, format!("the scene in the folder is {}", inside.display()));
        }
        return Ok(found);
    }
    let load = |file: &Path| match read_file(file, options, unpacked)? {
        Contents::Scene(loaded) => Ok(*loaded),
        Contents::Points(_) => bail!("{}: a point cloud, not a scene", file.display()),
    };
    sequence::read(&sequence, load).map(|loaded| Contents::Scene(Box::new(loaded)))
}

/// Formats an error in one line of at most about [`LONGEST_ERROR`] characters: names and values from a damaged file may
/// hold line breaks or be very long.
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

fn read_file(path: &Path, options: &ReadOptions, unpacked: bool) -> Result<Contents> {
    let loaded = match detect::open(path)? {
        Opened::Ply(file) => match ply::decode(file).with_context(|| path.display().to_string())? {
            Contents::Scene(loaded) => Ok(*loaded),
            points @ Contents::Points(_) => return Ok(points),
        },
        Opened::CompressedPly(file) => compressed_ply::decode(file).with_context(|| path.display().to_string()),
        Opened::SpacetimePly(file) => spacetime_ply::decode(file).with_context(|| path.display().to_string()),
        Opened::Zip(_) if unpacked => bail!("{}: a zip archive in another; unpack it", path.display()),
        Opened::Zip(names) => return zipped::read(path, &names, |unpacked| read_with(unpacked, options, true)),
        Opened::Other(format) => read_format(path, format, options),
    };
    let mut loaded = loaded?;
    let claimed = loaded.scene.len();
    clean::clean(&mut loaded);
    let named = || path.display().to_string();
    ensure!(
        claimed == 0 || !loaded.scene.is_empty(),
        "{}: none of its {claimed} Gaussians is whole: {}",
        named(),
        loaded.warnings.join("; ")
    );
    loaded.scene.validate().with_context(named)?;
    Ok(Contents::Scene(Box::new(loaded)))
}

fn read_format(path: &Path, format: Format, options: &ReadOptions) -> Result<Loaded> {
    match format {
        Format::Dapple => dapple::read(path),
        Format::Splatv => splatv::read(path),
        Format::Splat => splat::read(path),
        Format::Spz => spz::read(path, options.spz_axes),
        Format::Sog | Format::Lod => sog::read(path),
        Format::Tsog => tsog::read(path),
        Format::FourD => four_d::read(path),
        Format::Ksplat => ksplat::read(path),
        Format::Lcc => lcc::read(path),
        Format::Glb | Format::Gltf => gltf::read(path),
        Format::Usda | Format::Usdz => usd::read(path, format),
        Format::Html => html::read(path),
        Format::Ply | Format::CompressedPly | Format::SpacetimePly | Format::FtgsPly => {
            bail!("{}: not a PLY", path.display())
        }
    }
}

/// Writes a scene in the format of the path's extension.
///
/// # Errors
/// As [`save`].
pub fn write_scene(path: &Path, scene: &Scene) -> Result<()> {
    save(path, scene, &WriteOptions::default())
}

/// Returns the format of a path's extension.
///
/// # Errors
/// An unknown extension, or a format that is only read.
pub fn format_to_write(path: &Path) -> Result<Format> {
    match Format::of_name(path) {
        Some(_) if path.ends_with(LOD_META) => {
            bail!("{}: streamed SOG is a folder; give its name, as in scene.lod", path.display())
        }
        Some(format) if !format.is_written() => {
            bail!("{}: .{} is only read; choose .sog or .spz instead", path.display(), format.extensions()[0])
        }
        Some(format) => Ok(format),
        None if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("usdc")) => {
            bail!("{}: binary USD is not written; choose .usda or .usdz instead", path.display())
        }
        None => bail!(
            "{}: this extension is not known; scenes are written as {}",
            path.display(),
            Format::list(Format::is_written)
        ),
    }
}

/// Writes a scene as [`write_scene`] does, with options. Bands above [`Format::max_sh_degree`] are dropped by
/// the writer of the format.
///
/// # Errors
/// An unknown extension, a dynamic scene for a format without motion, a value that is not finite, or a failed write; an
/// earlier file of that name is left as it was.
pub fn save(path: &Path, scene: &Scene, options: &WriteOptions) -> Result<()> {
    let format = format_to_write(path)?;
    ensure!(
        scene.motion.is_none() || format.holds_motion() || format.samples_motion() && options.times.is_some(),
        "{}: {} files hold no motion; choose one time of the scene with --time, or a sequence of files with --times",
        path.display(),
        format.name()
    );
    let up = scene.up;
    let scene = &*fit::fitted(scene, format).with_context(|| format!("cannot write {}", path.display()))?;
    match format {
        Format::Ply => ply::write(path, scene),
        Format::Dapple => dapple::write(path, scene),
        Format::SpacetimePly => spacetime_ply::write(path, scene),
        Format::FtgsPly => ftgs::write(path, scene),
        Format::Splatv => splatv::write(path, scene),
        Format::CompressedPly => compressed_ply::write(path, scene),
        Format::Splat => splat::write(path, scene),
        Format::Sog => sog::write(path, scene),
        Format::Lod => lod::write(path, scene, options.levels, &options.page),
        Format::Tsog => tsog::write(path, scene),
        Format::FourD => four_d::write(path, scene),
        Format::Spz => spz::write(path, scene, options.spz_version, options.spz_axes),
        Format::Glb | Format::Gltf => gltf::write(path, scene),
        Format::Usda | Format::Usdz => usd::write(path, scene, format, options.times),
        Format::Html => html::write(path, scene, up, &options.page),
        Format::Ksplat | Format::Lcc => bail!("{}: {} is only read", path.display(), format.name()),
    }
}
