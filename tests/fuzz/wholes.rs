//! Small whole files of each format, and damage to them.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use dapple::format::{self, SpzAxes, spz};
use dapple::scene::{Normalisation, Scene};

use crate::made::{self, scene};
use crate::random::Rng;
use crate::{archive, usdc};

/// A whole file to damage: the name that it is read by, and its content.
pub struct Whole {
    pub name: String,
    pub bytes: Vec<u8>,
    /// Files beside it.
    pub others: Vec<(String, Vec<u8>)>,
    /// How the damaged content becomes the file.
    pub wrap: fn(Vec<u8>) -> Vec<u8>,
}

impl Whole {
    /// Writes the file with this content, and those beside it; returns the path that is read and the bytes of all.
    pub fn write(&self, folder: &Path, content: &[u8]) -> (PathBuf, usize) {
        let path = folder.join(&self.name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("creates");
        for (name, content) in &self.others {
            std::fs::write(path.with_file_name(name), content).expect("writes");
        }
        std::fs::write(&path, content).expect("writes");
        let size = content.len() + self.others.iter().map(|(_, content)| content.len()).sum::<usize>();
        // Damage to a picture or to data shows when the description beside it is read.
        let description = match path.extension().and_then(|extension| extension.to_str()) {
            Some("webp") => path.with_file_name("meta.json"),
            Some("bin") => path.with_file_name("meta.lcc"),
            _ => path,
        };
        (description, size)
    }
}

/// Numbers that headers are wrong in.
const WORDS: [u32; 12] =
    [0, 1, 2, 255, 256, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x7fc0_0000, 0x3f80_0000];
/// Words of the text formats, and numbers that they might hold.
const TEXTS: [&str; 14] =
    ["-1", "0", "4294967296", "18446744073709551615", "1e999", "nan", "null", "[", "]", "{", "}", "\"", "count", "\n"];

pub fn damage(bytes: &mut Vec<u8>, random: &mut Rng) {
    // Headers are where damage matters most.
    let region = if random.below(2) == 0 { bytes.len().min(256) } else { bytes.len() };
    let at = random.below(region);
    let length = 1 + random.below(16);
    let end = (at + length).min(bytes.len());
    match random.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.next_u32() as u8,
        2 | 3 if at + 4 <= bytes.len() => {
            let word = WORDS[random.below(WORDS.len())];
            let word = if random.below(4) == 0 { word.to_be_bytes() } else { word.to_le_bytes() };
            bytes[at..at + 4].copy_from_slice(&word);
        }
        4 => bytes.truncate(at),
        5 => drop(bytes.drain(at..end)),
        6 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        7 => {
            let text = TEXTS[random.below(TEXTS.len())];
            let replaced = if random.below(2) == 0 { at } else { (at + text.len()).min(bytes.len()) };
            bytes.splice(at..replaced, text.bytes());
        }
        _ => {
            let from = random.below(bytes.len());
            let piece = bytes[from..(from + length).min(bytes.len())].to_vec();
            bytes.splice(at..end, piece);
        }
    }
}

fn as_is(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

fn gzip(bytes: Vec<u8>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&bytes).and_then(|()| encoder.finish()).expect("compresses")
}

fn whole(name: &str, bytes: Vec<u8>) -> Whole {
    Whole { name: name.into(), bytes, others: Vec::new(), wrap: as_is }
}

/// The part of a page that is read: its scene.
fn page(scene: &Scene) -> Whole {
    let packed = format::packed::pack(scene, &Normalisation::IDENTITY).expect("packs");
    let mut bytes = b"<!doctype html>\n".to_vec();
    format::html::write_packed(&mut bytes, &packed).expect("writes");
    whole("a.html", bytes)
}

/// Small whole files of each reader, made here and, where the data are, real.
pub fn wholes_of(reader: &str) -> Vec<Whole> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let made = |name: &str, n: usize, degree: u32| {
        let path = folder.path().join(name);
        format::write_scene(&path, &scene(n, degree)).expect("writes");
        whole(name, std::fs::read(path).expect("reads"))
    };
    let mut wholes = match reader {
        "spz" => spz_files(folder.path()),
        "ksplat" => (0..3).map(|level| whole("a.ksplat", made::ksplat(&scene(150, level as u32), level))).collect(),
        "lcc" => [0, 3].into_iter().flat_map(|degree| lcc_files(folder.path(), degree)).collect(),
        "sog" => {
            let mut wholes = vec![made("a.sog", 200, 1), made("b.sog", 50, 0)];
            format::write_scene(&folder.path().join("made/meta.json"), &scene(100, 2)).expect("writes");
            wholes.extend(parts_of(&folder.path().join("made")));
            wholes.push(streamed(made("c.sog", 30, 1)));
            wholes
        }
        "zip" => vec![zipped(&[made("a.ply", 9, 1)]), zipped(&[made("f_1.spz", 9, 0), made("f_2.spz", 7, 0)])],
        "html" => vec![page(&scene(60, 1)), page(&scene(1, 3))],
        "usdc" => vec![whole("a.usdc", usdc::layer())],
        "tsog" | "4dgs" | "ftgs.ply" => archive::files(folder.path(), reader).into_iter().map(whole_of).collect(),
        "ply" => vec![made("a.ply", 30, 1), ascii_ply(), points_ply(), dialect_ply()],
        other => vec![made(&format!("a.{other}"), 60, 1), made(&format!("b.{other}"), 1, 3)],
    };
    wholes.extend(real_files(reader));
    wholes
}

fn whole_of((name, bytes, described): (String, Vec<u8>, bool)) -> Whole {
    Whole { wrap: if described { archive::with_images } else { as_is }, ..whole(&name, bytes) }
}

/// SPZ of both versions, and what is inside the gzip stream, which damage to the stream would hardly reach.
fn spz_files(folder: &Path) -> Vec<Whole> {
    let path = folder.join("a.spz");
    let write = |version| {
        spz::write(&path, &scene(100, 2), version, SpzAxes::Rub).expect("writes");
        std::fs::read(&path).expect("reads")
    };
    let (v3, v4) = (write(3), write(4));
    let mut inside = Vec::new();
    flate2::read::GzDecoder::new(&v3[..]).read_to_end(&mut inside).expect("inflates");
    let inside_v3 = Whole { wrap: gzip, ..whole("b.spz", inside.clone()) };
    vec![whole("a.spz", v3), whole("c.spz", v4), inside_v3, whole("d.spz", inside)]
}

/// The files of an LCC scene, each to be damaged beside the whole others.
fn lcc_files(folder: &Path, degree: u32) -> Vec<Whole> {
    let folder = folder.join(format!("lcc{degree}"));
    std::fs::create_dir_all(&folder).expect("creates");
    for (name, bytes) in made::lcc(&scene(40, degree)) {
        std::fs::write(folder.join(name), bytes).expect("writes");
    }
    parts_of(&folder)
}

/// The files of an unbundled SOG, each to be damaged beside the whole others.
fn parts_of(folder: &Path) -> Vec<Whole> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(path).expect("reads"))
    };
    let files: Vec<(String, Vec<u8>)> = paths.iter().map(read).collect();
    let part = |at: usize| Whole {
        others: files.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, file)| file.clone()).collect(),
        ..whole(&format!("folder{}/{}", files.len(), files[at].0), files[at].1.clone())
    };
    (0..files.len()).map(part).collect()
}

fn ascii_ply() -> Whole {
    let names = "x y z f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3".split(' ');
    let properties: String = names.map(|name| format!("property float {name}\n")).collect();
    let rows = "1 2 3 .1 .2 .3 0 -3 -3 -3 1 0 0 0\n".repeat(5);
    whole("b.ply", format!("ply\nformat ascii 1.0\nelement vertex 5\n{properties}end_header\n{rows}").into_bytes())
}

fn points_ply() -> Whole {
    let header = "ply\nformat binary_big_endian 1.0\nelement vertex 9\nproperty float x\nproperty float y\n\
        property float z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n";
    whole("c.ply", [header.as_bytes(), &[65; 9 * 15]].concat())
}

/// Lists before the vertices, CloudCompare's names, colours as bytes and FreeTimeGS's motion.
fn dialect_ply() -> Whole {
    let names =
        "opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3 time log_duration velocity_0 velocity_1 velocity_2";
    let properties: String = names.split(' ').map(|name| format!("property float scalar_{name}\n")).collect();
    let rows = "1 2 3 255 0 51 0 -3 -3 -inf 1 0 0 0 .5 -1 1 2 3\n".repeat(4);
    let header = "ply\nformat ascii 1.0\ncomment ftgs_version 1\ncomment min_duration 0.02\nelement face 1\n\
        property list uchar int i\nelement vertex 4\nproperty double x\nproperty double y\nproperty double z\n\
        property uchar red\nproperty uchar green\nproperty uchar blue\n";
    whole("d.ply", format!("{header}{properties}end_header\n3 0 1 2\n{rows}").into_bytes())
}

/// The description of a streamed SOG with one file.
fn streamed(part: Whole) -> Whole {
    let text = r#"{"lodLevels": 2, "environment": null, "filenames": ["c.sog"], "tree": {"children": [
        {"lods": {"0": {"file": 0, "offset": 0, "count": 10}}}, {"lods": {"1": {"file": 0, "offset": 20, "count": 5}}}]}}"#;
    Whole { others: vec![(part.name, part.bytes)], ..whole("streamed/lod-meta.json", text.into()) }
}

/// A zip archive of scene files.
fn zipped(files: &[Whole]) -> Whole {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for file in files {
        archive.start_file(&*file.name, zip::write::SimpleFileOptions::default()).expect("starts");
        archive.write_all(&file.bytes).expect("writes");
    }
    whole(&format!("a{}.zip", files.len()), archive.finish().expect("finishes").into_inner())
}

/// Real files of other tools, those that are read fast.
fn real_files(reader: &str) -> Vec<Whole> {
    let data = std::env::var("DAPPLE_DATA").unwrap_or_else(|_| "../shared/data".into());
    let splats = Path::new(&data).join("splats");
    if reader == "sog" {
        return parts_of(&splats.join("sog/playbot_4_0"));
    }
    let folders = ["mini", "khr_gltf"].map(|name| splats.join(name));
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == reader)).collect();
    paths.sort();
    let real = |path: PathBuf| whole(&path.file_name()?.to_string_lossy(), std::fs::read(&path).ok()?).into();
    paths.into_iter().filter_map(real).collect()
}

/// Every reader, by the ending of its files.
pub const READERS: [&str; 20] = [
    "ply",
    "compressed.ply",
    "splat",
    "spz",
    "ksplat",
    "lcc",
    "sog",
    "glb",
    "gltf",
    "usda",
    "usdc",
    "usdz",
    "dapple",
    "spacetime.ply",
    "splatv",
    "ftgs.ply",
    "tsog",
    "4dgs",
    "html",
    "zip",
];
