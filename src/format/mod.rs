//! Scene files: what reads into a [`Scene`] and writes from one, chosen by content and by name, and how files are
//! written safely.
//!
//! A format is a file here with `read(path, ..) -> Result<Loaded>` and `write(path, &Scene, ..) -> Result<()>`, and a
//! line in each of [`load_with`] and [`save`]. Its errors name the path; a count in a header is held against the bytes
//! that are really there before anything of that size is allocated.

mod atomic;
mod bounded;
mod clusters;
mod codebook;
pub mod compressed_ply;
pub mod dapple;
mod deflate;
mod frame;
pub mod gltf;
pub mod html;
mod kind;
pub mod ksplat;
mod palette;
pub mod ply;
mod ply_header;
mod quantise;
pub mod sequence;
pub mod sog;
mod sog_write;
mod spacetime;
pub mod spacetime_ply;
pub mod splat;
pub mod splatv;
pub mod spz;
mod spz_pack;
pub mod usd;
mod webp;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};

use crate::scene::Scene;

pub use atomic::{create_folder, describe_write_error, remove_unfinished, write_atomically};
pub use kind::{Format, SOG_META, detect};

/// Name of the scene in a run folder.
pub const RUN_SCENE: &str = "scene.ply";
/// Name of a scene in motion in a run folder.
pub const RUN_MOVING_SCENE: &str = "scene.dapple";

/// Most characters of an error about a file.
const LONGEST_ERROR: usize = 600;

/// A scene as it was read, and what its file says of itself.
#[derive(Debug)]
pub struct Loaded {
    pub scene: Scene,
    pub format: Format,
    /// The version that the file names, such as "4" for SPZ; empty where the format has none.
    pub version: String,
    /// The axes of the file where it or its format says, such as "RUB" for right, up, back; empty where nothing does.
    /// The scene is in the frame of a PLY in any case.
    pub frame: String,
    /// Facts that a reader had to assume or to leave out, a sentence each.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// A scene whose file says nothing of itself.
    pub fn new(scene: Scene, format: Format) -> Self {
        Self { scene, format, version: String::new(), frame: String::new(), warnings: Vec::new() }
    }
}

/// The axes in which an SPZ file stores a scene, seen from the axes of the PLY, which are right, down, front (RDF).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpzFrame {
    /// Right, up, back: what the format's specification says.
    Rub,
    /// As the PLY: what some tools write.
    Rdf,
}

/// What a reader may be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// The axes of SPZ files; `None` for what the file says, or RUB.
    pub spz_frame: Option<SpzFrame>,
}

/// Evenly spaced times within the clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    pub first: f32,
    pub last: f32,
    /// At least 1.
    pub count: usize,
}

impl Moments {
    pub fn times(self) -> impl Iterator<Item = f32> {
        let part = move |i: usize| i as f32 / self.count.saturating_sub(1).max(1) as f32;
        (0..self.count).map(move |i| self.first + (self.last - self.first) * part(i))
    }
}

/// What a writer may be told.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions {
    /// 3 or 4.
    pub spz_version: u32,
    pub spz_frame: SpzFrame,
    /// The times at which a format that samples motion samples it: see [`Format::samples_motion`].
    pub moments: Option<Moments>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { spz_version: 4, spz_frame: SpzFrame::Rub, moments: None }
    }
}

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
/// As [`read_scene`].
pub fn load_with(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    let sequence = if path.is_dir() { sequence::find(path) } else { Vec::new() };
    if !sequence.is_empty() {
        return sequence::read(&sequence);
    }
    read_file(&scene_in(path)?, options).map_err(in_one_line)
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

fn read_file(file: &Path, options: &ReadOptions) -> Result<Loaded> {
    match detect(file)? {
        Format::Ply => ply::load(file),
        Format::Dapple => dapple::read(file),
        Format::SpacetimePly => spacetime_ply::read(file),
        Format::Splatv => splatv::read(file),
        Format::CompressedPly => compressed_ply::read(file),
        Format::Splat => splat::read(file),
        Format::Spz => spz::read(file, options.spz_frame),
        Format::Sog => sog::read(file),
        Format::Ksplat => ksplat::read(file),
        Format::Glb | Format::Gltf => gltf::read(file),
        format @ (Format::Usda | Format::Usdz) => usd::read(file, format),
        Format::Html => bail!("{}: web pages are only written; read the scene that it was made from", file.display()),
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
        scene.motion.is_none() || format.holds_motion() || format.samples_motion() && options.moments.is_some(),
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
        Format::Spz => spz::write(path, scene, options.spz_version, options.spz_frame),
        Format::Glb | Format::Gltf => gltf::write(path, scene),
        Format::Usda | Format::Usdz => usd::write(path, scene, format, options.moments),
        Format::Html => html::write(path, scene),
        Format::Ksplat => bail!("{}: .ksplat is only read", path.display()),
    }
}
