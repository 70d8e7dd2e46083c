//! Finding photos whose names a capture writes otherwise than the disk does: another case, extension or Unicode form, the
//! path of another machine, or another folder.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use super::source::{EXTENSIONS, tidy};
use super::videos::{entries, is_image};

/// Usual names of the folder of a capture's photos, beside `images`.
pub const PHOTO_FOLDERS: [&str; 9] =
    ["input", "photos", "imgs", "img", "image", "pictures", "frames", "rgb", "JPEGImages"];
/// Depth of folders that are looked through.
const DEPTH: usize = 6;

/// A name as it compares: lower case and NFC.
fn folded(text: &str) -> String {
    text.trim().nfc().collect::<String>().to_lowercase()
}

/// The last part of a path without its extension, as it compares; only extensions of images are taken off.
pub fn stem(path: &str) -> String {
    let name = folded(path.rsplit('/').next().unwrap_or(path));
    match name.rsplit_once('.') {
        Some((stem, end)) if is_extension(end) => stem.to_owned(),
        _ => name,
    }
}

fn is_extension(text: &str) -> bool {
    let others = ["tif", "tiff", "bmp", "heic", "heif", "avif", "gif", "dng", "jxl", "exr", "ppm", "tga"];
    EXTENSIONS.iter().chain(&others).any(|known| text.eq_ignore_ascii_case(known))
}

/// The folders of a path, as they compare, without drives and dots.
pub fn folders(path: &str) -> Vec<String> {
    let (folder, _) = path.rsplit_once('/').unwrap_or(("", path));
    let parts = folder.split('/').map(folded);
    parts.filter(|part| !part.is_empty() && part != "." && part != ".." && !part.ends_with(':')).collect()
}

/// Whether a folder holds something else than photos.
pub fn holds_no_photos(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let starts = |word: &&str| name.starts_with(word);
    name.starts_with('.')
        || name.contains("mask")
        || ["segment", "sparse", "depth", "normal", "flow"].iter().any(starts)
}

/// A picture on the disk.
struct Picture {
    path: PathBuf,
    /// Its folders below the folder of photos.
    folders: Vec<String>,
    extension: String,
    /// 0 in `images`, 1 elsewhere, 2 in a folder of reduced copies.
    rank: u8,
}

/// The pictures below a folder, by stem.
pub struct PhotoIndex(HashMap<String, Vec<Picture>>);

impl PhotoIndex {
    /// Lists what is in `root` and its folders, without the files in `taken`.
    pub fn of(root: &Path, taken: &HashSet<PathBuf>) -> Self {
        let mut index = HashMap::new();
        list(root, root, DEPTH, taken, &mut index);
        Self(index)
    }

    /// The one picture whose path ends as `name` does, up to case, extension and Unicode form; `None` where there is none,
    /// or several fit equally well.
    pub fn find(&self, name: &str) -> Option<&Path> {
        let name = tidy(name);
        let (wanted, extension) = (folders(&name), extension_of(&name));
        let ends = |long: &[String], short: &[String]| long.ends_with(short);
        let fits = |picture: &&Picture| ends(&wanted, &picture.folders) || ends(&picture.folders, &wanted);
        let worth = |picture: &Picture| {
            let agreeing = picture.folders.len().min(wanted.len());
            (agreeing, picture.extension == extension, std::cmp::Reverse(picture.rank))
        };
        let pictures: Vec<&Picture> = self.0.get(&stem(&name))?.iter().filter(fits).collect();
        let best = pictures.iter().map(|picture| worth(picture)).max()?;
        let mut best = pictures.into_iter().filter(|picture| worth(picture) == best);
        best.next().filter(|_| best.next().is_none()).map(|picture| picture.path.as_path())
    }
}

/// The extension of a name as it compares.
fn extension_of(name: &str) -> String {
    let end = name.rsplit_once('.').map_or(String::new(), |(_, end)| end.to_ascii_lowercase());
    if end == "jpeg" { "jpg".into() } else { end }
}

fn list(root: &Path, at: &Path, depth: usize, taken: &HashSet<PathBuf>, index: &mut HashMap<String, Vec<Picture>>) {
    for path in entries(at, |_| true) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if depth > 0 && !holds_no_photos(&name) {
                list(root, &path, depth - 1, taken, index);
            }
        } else if is_image(&path) && !taken.contains(&path) {
            let inside = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            let mut folders = folders(&inside);
            let rank = match folders.first().map(String::as_str) {
                Some("images") => 0,
                Some(first) if first.starts_with("images_") => 2,
                _ => 1,
            };
            let photos = |first: &String| PHOTO_FOLDERS.iter().any(|known| first.eq_ignore_ascii_case(known));
            if rank != 1 || folders.first().is_some_and(photos) {
                folders.remove(0);
            }
            index.entry(stem(&inside)).or_default().push(Picture {
                extension: extension_of(&name),
                path,
                folders,
                rank,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str], name: &str) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let index = PhotoIndex::of(root.path(), &HashSet::new());
        index.find(name).map(|path| path.strip_prefix(root.path()).unwrap().to_string_lossy().into_owned())
    }

    #[test]
    fn a_photo_is_found_by_the_end_of_its_path() {
        for (file, name) in [
            ("images/a00.JPG", "a00.jpg"),
            ("images/a00.png", "a00.jpg"),
            ("images/A\u{308} 00.jpg", "\u{c4} 00.jpg"),
            ("images/\u{c4} 00.jpg", "A\u{308} 00.jpg"),
            ("input/a.jpg", "a.jpg"),
            ("input/left/a.jpg", "left/a.jpg"),
            ("images/a.jpg", "C:\\Users\\me\\scan\\images\\a.jpg"),
            ("images/a.jpg", "/home/me/photos/a.jpg"),
            ("images/Cam0/a.jpg", "cam0/a.jpg"),
            ("images/cam0/a.jpg", "a.jpg"),
            ("images/a.jpg", "cam0/a.jpg"),
        ] {
            assert_eq!(found(&[file, "images/b.jpg", "masks/a.jpg"], name).as_deref(), Some(file), "{name}");
        }
    }

    #[test]
    fn what_is_not_certain_is_not_found() {
        assert_eq!(found(&["images/cam1/a.jpg"], "cam0/a.jpg"), None, "of another camera");
        assert_eq!(found(&["images/cam0/a.jpg", "images/cam1/a.jpg"], "a.jpg"), None, "one of two");
        assert_eq!(found(&["images/a1.jpg"], "a.jpg"), None);
        let two = ["images/a.png", "images/a.JPG"];
        assert_eq!(found(&two, "a.jpg").as_deref(), Some("images/a.JPG"), "the same extension is nearer");
    }
}
