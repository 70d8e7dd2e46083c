//! A `.tsog` taken apart, so that its description can be damaged beside whole images: damage to the archive itself would end
//! at its check sums.

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::sync::OnceLock;

use dapple::format;
use dapple::scene::{Motion, Scene};

use super::made;

/// 80 Gaussians that come and go.
fn in_motion() -> Scene {
    let times = (0..80).map(|i| i as f32 / 80.0).collect();
    Scene { motion: Some(Motion::still(times, 0.1, Motion::NO_GATE)), ..made::scene(80, 2) }
}

/// The entries of an archive.
fn entries(archive: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    let count = archive.len();
    let entry = |i: usize| {
        let mut file = archive.by_index(i).expect("an entry");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("reads");
        (file.name().to_owned(), bytes)
    };
    (0..count).map(entry).collect()
}

/// Files of a format that holds motion: names, contents, and whether the content is a description for [`with_images`].
pub fn files(folder: &Path, extension: &str) -> Vec<(String, Vec<u8>, bool)> {
    let made = |name: String, scene: &Scene| {
        let path = folder.join(&name);
        format::write_scene(&path, scene).expect("writes");
        (name, std::fs::read(path).expect("reads"), false)
    };
    let mut files =
        vec![made(format!("a.{extension}"), &in_motion()), made(format!("b.{extension}"), &made::scene(60, 1))];
    if extension == "tsog" {
        let meta = entries(files[0].1.clone()).into_iter().find(|(name, _)| name == "meta.json");
        files.push(("c.tsog".into(), meta.expect("a description").1, true));
    }
    files
}

/// An archive of this description and of the images of [`in_motion`].
pub fn with_images(meta: Vec<u8>) -> Vec<u8> {
    static ENTRIES: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    let images = ENTRIES.get_or_init(|| {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.tsog");
        format::write_scene(&path, &in_motion()).expect("writes");
        entries(std::fs::read(path).expect("reads"))
    });
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in images {
        archive.start_file(&**name, zip::write::SimpleFileOptions::default()).expect("starts");
        archive.write_all(if name == "meta.json" { &meta } else { bytes }).expect("writes");
    }
    archive.finish().expect("finishes").into_inner()
}
