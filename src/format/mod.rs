//! Scene files: what reads into a [`Scene`] and writes from one, chosen by content and by name, and how files are
//! written safely.
//!
//! A format is a file here with `read(path, ..) -> Result<Loaded>` and `write(path, &Scene, ..) -> Result<()>`, and a
//! line in each of [`load_with`] and [`save`]. Its errors name the path; a count in a header is held against the bytes
//! that are really there before anything of that size is allocated.

mod atomic;
mod bounded;
mod codebook;
pub mod compressed_ply;
mod deflate;
mod frame;
pub mod gltf;
pub mod html;
mod huffman;
mod kind;
pub mod ksplat;
pub mod morton;
mod palette;
pub mod ply;
mod ply_header;
mod quantise;
pub mod sog;
mod sog_write;
pub mod splat;
pub mod spz;
mod spz_pack;
pub mod usd;
mod vp8l;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use crate::scene::Scene;

pub use atomic::{create_folder, describe_write_error, remove_unfinished, write_atomically};
pub use kind::{Format, SOG_META, detect};

/// Name of the scene in a run folder.
pub const RUN_SCENE: &str = "scene.ply";

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

/// What a writer may be told.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions {
    /// 3 or 4.
    pub spz_version: u32,
    pub spz_frame: SpzFrame,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { spz_version: 4, spz_frame: SpzFrame::Rub }
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
    let file = scene_in(path)?;
    match detect(&file)? {
        Format::Ply => ply::load(&file),
        Format::CompressedPly => compressed_ply::read(&file),
        Format::Splat => splat::read(&file),
        Format::Spz => spz::read(&file, options.spz_frame),
        Format::Sog => sog::read(&file),
        Format::Ksplat => ksplat::read(&file),
        Format::Glb | Format::Gltf => gltf::read(&file),
        format @ (Format::Usda | Format::Usdz) => usd::read(&file, format),
        Format::Html => bail!("{}: web pages are only written; read the scene that it was made from", path.display()),
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
    let found = [RUN_SCENE, SOG_META].map(|name| path.join(name)).into_iter().find(|file| file.exists());
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
        scene.motion.is_none() || format.holds_motion(),
        "{}: {} files hold no motion; choose a moment of the scene with --time",
        path.display(),
        format.name()
    );
    match format {
        Format::Ply => ply::write(path, scene),
        Format::CompressedPly => compressed_ply::write(path, scene),
        Format::Splat => splat::write(path, scene),
        Format::Sog => sog::write(path, scene),
        Format::Spz => spz::write(path, scene, options.spz_version, options.spz_frame),
        Format::Glb | Format::Gltf => gltf::write(path, scene),
        Format::Usda | Format::Usdz => usd::write(path, scene, format),
        Format::Html => html::write(path, scene),
        Format::Ksplat => bail!("{}: .ksplat is only read", path.display()),
    }
}
