//! Detection of a file's format from its content and its name.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::bounded::read_at_most;
use super::kind::{Format, SOG_META};
use super::ply_header::{BYTE_ORDER_MARK, PlyElement, PlyFile};
use super::{dapple, four_d, spacetime_ply, splatv, tsog};

/// The most bytes of a description in a zip archive.
const MAX_META: u64 = 4 << 20;

/// A file of a known format. A PLY file is open, and its header has been read.
pub enum Opened {
    Ply(PlyFile),
    CompressedPly(PlyFile),
    SpacetimePly(PlyFile),
    /// A zip archive with the names of the scene files in it.
    Zip(Vec<String>),
    Other(Format),
}

/// Opens a file and detects its format from its first bytes, or else from its extension.
///
/// # Errors
/// A file that cannot be opened, a PLY with a broken header, or a file of no known format.
pub fn open(path: &Path) -> Result<Opened> {
    let by_name = Format::of_name(path);
    let mut head = Vec::new();
    let opened = File::open(path).and_then(|mut file| {
        (&mut file).take(64).read_to_end(&mut head)?;
        Ok(file)
    });
    let remedy = match opened.as_ref().map_err(std::io::Error::kind) {
        Err(ErrorKind::NotFound) => "; check its name, and the folder that it is looked for in",
        Err(ErrorKind::PermissionDenied) => "; ask its owner for the right to read it",
        _ => "",
    };
    let file = opened.with_context(|| format!("{}: cannot open the file{remedy}", path.display()))?;
    let start = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&head);
    if start.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"ply"))
        && start.get(3).is_some_and(u8::is_ascii_whitespace)
    {
        return open_ply(file, path);
    }
    if head.starts_with(b"PK\x03\x04") {
        return in_zip(path);
    }
    if let Some(format) = by_content(&head, by_name) {
        return Ok(Opened::Other(format));
    }
    match by_name {
        // Its header says what is wrong with it.
        Some(Format::Ply | Format::CompressedPly | Format::SpacetimePly | Format::FtgsPly) => open_ply(file, path),
        Some(format) => Ok(Opened::Other(format)),
        None => bail!("{}: neither its content nor its extension is known; scenes are {}", path.display(), readable()),
    }
}

/// Reads the header of a PLY file; its elements and properties decide which kind of PLY it is.
fn open_ply(file: File, path: &Path) -> Result<Opened> {
    let ply = PlyFile::new(file).with_context(|| path.display().to_string())?;
    let has = |what: fn(&PlyElement) -> bool| ply.header.elements.iter().any(what);
    Ok(if has(|element| element.name == "chunk") {
        Opened::CompressedPly(ply)
    } else if has(|element| element.index(spacetime_ply::MARK).is_some()) {
        Opened::SpacetimePly(ply)
    } else {
        Opened::Ply(ply)
    })
}

fn readable() -> String {
    Format::list(|format| format != Format::Html)
}

fn by_content(head: &[u8], by_name: Option<Format>) -> Option<Format> {
    let json = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head).trim_ascii_start().starts_with(b"{");
    match head {
        [b'N', b'G', b'S', b'P', ..] | [0x1f, 0x8b, ..] => Some(Format::Spz),
        [b'g', b'l', b'T', b'F', ..] => Some(Format::Glb),
        _ if dapple::begins(head) => Some(Format::Dapple),
        _ if head.starts_with(&splatv::MAGIC.to_le_bytes()) => Some(Format::Splatv),
        _ if head.starts_with(&four_d::MAGIC) => Some(Format::FourD),
        _ if head.starts_with(b"#usda") => Some(Format::Usda),
        _ if head.starts_with(b"PXR-USDC") => Some(Format::Usda),
        _ if json && matches!(by_name, Some(Format::Sog | Format::Lod)) => Some(Format::Sog),
        _ if json && by_name == Some(Format::Lcc) => Some(Format::Lcc),
        _ if json && by_name != Some(Format::Splat) => Some(Format::Gltf),
        _ => None,
    }
}

/// Whether the description in a zip archive is of TSOG's version.
fn is_tsog(path: &Path) -> bool {
    if Format::of_name(path) == Some(Format::Tsog) {
        return true;
    }
    let text = || {
        let mut archive = zip::ZipArchive::new(BufReader::new(File::open(path).ok()?)).ok()?;
        read_at_most(archive.by_name(SOG_META).ok()?, MAX_META, SOG_META).ok()
    };
    let description: Option<serde_json::Value> = text().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    description.is_some_and(|found| found["version"] == tsog::VERSION)
}

/// Detects the format of a zip archive from the names of its entries.
fn in_zip(path: &Path) -> Result<Opened> {
    let named = || path.display().to_string();
    let file = File::open(path).with_context(named)?;
    let archive =
        zip::ZipArchive::new(BufReader::new(file)).context("a zip archive that cannot be read; copy it again");
    let archive = archive.with_context(named)?;
    let mut usd = false;
    for name in archive.file_names() {
        if name == SOG_META && is_tsog(path) {
            return Ok(Opened::Other(Format::Tsog));
        }
        if name == SOG_META || name.ends_with("/meta.json") {
            return Ok(Opened::Other(Format::Sog));
        }
        usd |= [".usda", ".usdc", ".usd"].iter().any(|extension| name.ends_with(extension));
    }
    if usd {
        return Ok(Opened::Other(Format::Usdz));
    }
    // Not what belongs to a description beside it, nor what macOS adds.
    let scene = |name: &&str| {
        let format = Format::of_name(Path::new(name));
        let whole = format.is_some_and(|format| !matches!(format, Format::Html | Format::Gltf | Format::Lcc))
            && !name.ends_with(".json");
        whole && !name.starts_with("__MACOSX/")
    };
    let mut scenes: Vec<String> = archive.file_names().filter(scene).map(String::from).collect();
    scenes.sort();
    if scenes.is_empty() {
        bail!(
            "{}: a zip archive with neither a {SOG_META} (SOG) nor a USD layer nor a scene file in it",
            path.display()
        );
    }
    Ok(Opened::Zip(scenes))
}
