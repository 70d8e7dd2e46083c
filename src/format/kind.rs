//! The formats: their names and extensions, what each can hold, and how one is told from another.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::ply_header::{Element, Header};
use super::{dapple, spacetime_ply, splatv};

/// Name of an unbundled SOG's description, in a folder with its images.
pub const SOG_META: &str = "meta.json";

/// The formats of scene files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// INRIA PLY (FORMATS 1.1).
    Ply,
    /// PlayCanvas compressed PLY (FORMATS 1.2).
    CompressedPly,
    /// antimatter15's records of 32 bytes (FORMATS 1.3).
    Splat,
    /// Niantic's SPZ (FORMATS 1.4).
    Spz,
    /// PlayCanvas SOG, bundled or as a folder with [`SOG_META`] (FORMATS 1.5).
    Sog,
    /// mkkellogg's format (FORMATS 1.6).
    Ksplat,
    /// Binary glTF with KHR_gaussian_splatting (FORMATS 1.7).
    Glb,
    /// The same as JSON, with its data in a `.bin` beside it or inside.
    Gltf,
    /// OpenUSD text with ParticleField3DGaussianSplat (FORMATS 1.8).
    Usda,
    /// The same in a package.
    Usdz,
    /// A page that shows the scene.
    Html,
    /// Our own container, which holds everything.
    Dapple,
    /// Spacetime Gaussians' "lite" PLY (FORMATS 1.9).
    SpacetimePly,
    /// splaTV's texture (FORMATS 1.9).
    Splatv,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 14] = [
        Self::Ply,
        Self::CompressedPly,
        Self::Splat,
        Self::Spz,
        Self::Sog,
        Self::Ksplat,
        Self::Glb,
        Self::Gltf,
        Self::Usda,
        Self::Usdz,
        Self::Html,
        Self::Dapple,
        Self::SpacetimePly,
        Self::Splatv,
    ];

    /// What a person calls the format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ply => "PLY",
            Self::CompressedPly => "compressed PLY",
            Self::Splat => "splat",
            Self::Spz => "SPZ",
            Self::Sog => "SOG",
            Self::Ksplat => "ksplat",
            Self::Glb => "glTF binary",
            Self::Gltf => "glTF",
            Self::Usda => "USD text",
            Self::Usdz => "USD package",
            Self::Html => "web page",
            Self::Dapple => "Dapple",
            Self::SpacetimePly => "Spacetime PLY",
            Self::Splatv => "splatv",
        }
    }

    /// How names of such files end, in lower case; the first is the one to choose.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Ply => &["ply"],
            Self::CompressedPly => &["compressed.ply"],
            Self::Splat => &["splat"],
            Self::Spz => &["spz"],
            // The description of an unbundled one is a whole name.
            Self::Sog => &["sog", "meta.json"],
            Self::Ksplat => &["ksplat"],
            Self::Glb => &["glb"],
            Self::Gltf => &["gltf"],
            Self::Usda => &["usda"],
            Self::Usdz => &["usdz"],
            Self::Html => &["html", "htm"],
            Self::Dapple => &["dapple"],
            Self::SpacetimePly => &["spacetime.ply"],
            Self::Splatv => &["splatv"],
        }
    }

    /// The highest degree of spherical harmonics that a file of the format holds; higher bands are left out on writing.
    pub const fn max_sh_degree(self) -> u32 {
        if matches!(self, Self::Splat | Self::SpacetimePly | Self::Splatv) { 0 } else { 3 }
    }

    /// Whether a file of the format says if the scene was trained with anti-aliasing.
    pub const fn holds_antialiased(self) -> bool {
        matches!(self, Self::Ply | Self::CompressedPly | Self::Spz | Self::Sog | Self::Dapple)
    }

    /// Whether a file of the format holds the motion of a dynamic scene.
    pub const fn holds_motion(self) -> bool {
        matches!(self, Self::Dapple | Self::SpacetimePly | Self::Splatv)
    }

    /// Whether a file of the format holds a dynamic scene as it is at given moments.
    pub const fn samples_motion(self) -> bool {
        matches!(self, Self::Usda | Self::Usdz)
    }

    /// The format that the path's name asks for, without a look at the file.
    pub fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let length = |format: &Self| {
            let ends = |e: &&&str| name == **e || name.strip_suffix(**e).is_some_and(|stem| stem.ends_with('.'));
            format.extensions().iter().filter(ends).map(|e| e.len()).max()
        };
        // The longest wins: "compressed.ply" over "ply".
        Self::ALL.into_iter().filter(|f| length(f).is_some()).max_by_key(|f| length(f))
    }

    /// Extensions of all formats that `keep` accepts, as a sentence lists them.
    pub fn list(keep: impl Fn(Self) -> bool) -> String {
        let all = Self::ALL.into_iter().filter(|f| keep(*f)).map(|f| match f {
            Self::Sog => ".sog, meta.json".to_string(),
            other => format!(".{}", other.extensions()[0]),
        });
        all.collect::<Vec<_>>().join(", ")
    }
}

/// The format of a file: by its first bytes where they tell, else by its name.
///
/// # Errors
/// A file that cannot be opened, or one that nothing is known about.
pub fn detect(path: &Path) -> Result<Format> {
    let by_name = Format::of_name(path);
    let mut head = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(64).read_to_end(&mut head));
    let remedy = match opened.as_ref().map_err(std::io::Error::kind) {
        Err(ErrorKind::NotFound) => "; check its name, and the folder that it is looked for in",
        Err(ErrorKind::PermissionDenied) => "; ask its owner for the right to read it",
        _ => "",
    };
    opened.with_context(|| format!("{}: cannot open the file{remedy}", path.display()))?;
    if let Some(format) = by_content(path, &head, by_name)? {
        return Ok(format);
    }
    match by_name {
        Some(format) => Ok(format),
        None => bail!("{}: neither its content nor its extension is known; scenes are {}", path.display(), readable()),
    }
}

fn readable() -> String {
    Format::list(|format| format != Format::Html)
}

fn by_content(path: &Path, head: &[u8], by_name: Option<Format>) -> Result<Option<Format>> {
    // A broken header says what is wrong with it when the file is read.
    let header = || File::open(path).ok().and_then(|file| Header::read(&mut BufReader::new(file)).ok());
    let has = |what: fn(&Element) -> bool| header().is_some_and(|header| header.elements.iter().any(what));
    let compressed = || has(|element| element.name == "chunk");
    let spacetime = || has(|element| element.index(spacetime_ply::MARK).is_some());
    let json = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().starts_with(b"{");
    Ok(match head {
        [b'p', b'l', b'y', b'\r' | b'\n', ..] if compressed() => Some(Format::CompressedPly),
        [b'p', b'l', b'y', b'\r' | b'\n', ..] if spacetime() => Some(Format::SpacetimePly),
        [b'p', b'l', b'y', b'\r' | b'\n', ..] => Some(Format::Ply),
        [b'N', b'G', b'S', b'P', ..] | [0x1f, 0x8b, ..] => Some(Format::Spz),
        [b'g', b'l', b'T', b'F', ..] => Some(Format::Glb),
        [b'P', b'K', 3, 4, ..] => Some(in_zip(path)?),
        _ if dapple::begins(head) => Some(Format::Dapple),
        _ if head.starts_with(&splatv::MAGIC.to_le_bytes()) => Some(Format::Splatv),
        _ if head.starts_with(b"#usda") => Some(Format::Usda),
        _ if head.starts_with(b"PXR-USDC") => bail!(
            "{}: a binary USD file (.usdc), which Dapple does not read; convert it with `usdcat -o scene.usda {}`",
            path.display(),
            path.display()
        ),
        _ if json && by_name == Some(Format::Sog) => Some(Format::Sog),
        _ if json && by_name != Some(Format::Splat) => Some(Format::Gltf),
        _ => None,
    })
}

/// What a zip archive is, by the names in it.
fn in_zip(path: &Path) -> Result<Format> {
    let named = || path.display().to_string();
    let file = File::open(path).with_context(named)?;
    let archive =
        zip::ZipArchive::new(BufReader::new(file)).context("a zip archive that cannot be read; copy it again");
    let archive = archive.with_context(named)?;
    let mut usd = false;
    for name in archive.file_names() {
        if name == SOG_META || name.ends_with("/meta.json") {
            return Ok(Format::Sog);
        }
        usd |= [".usda", ".usdc", ".usd"].iter().any(|extension| name.ends_with(extension));
    }
    if usd {
        return Ok(Format::Usdz);
    }
    bail!("{}: a zip archive with neither a {SOG_META} (SOG) nor a USD layer in it", path.display())
}
