//! Finding the mask of a photo under the names that programs give to masks.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::Shot;
use super::find::{folders, stem};
use super::videos::{entries, is_image};

/// Names of folders of masks, in lower case; `masks_4` and so on too.
const FOLDERS: [&str; 7] =
    ["masks", "mask", "segmentation", "segmentations", "segmentation_masks", "dynamic_masks", "object_masks"];
/// What programs put before or after the photo's name.
const PREFIXES: [&str; 4] = ["dynamic_mask_", "mask_", "mask-", "mask."];
const SUFFIXES: [&str; 8] = ["_mask", "-mask", ".mask", " mask", "_masks", "_seg", "_segmentation", "_binary_mask"];

/// The masks of a capture.
pub struct MaskIndex {
    root: PathBuf,
    /// Their files by the stem of the photo that their name may mean: file and its folders below the folder of masks.
    by_stem: HashMap<String, Vec<(PathBuf, Vec<String>)>>,
    files: Vec<PathBuf>,
}

impl MaskIndex {
    pub fn of(root: &Path) -> Self {
        let named = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            let base = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
            path.is_dir() && (FOLDERS.contains(&name.as_str()) || FOLDERS.contains(&base))
        };
        let mut places = entries(root, named);
        places.sort_by_key(|place| !place.ends_with("masks"));
        let mut index = Self { root: root.into(), by_stem: HashMap::new(), files: Vec::new() };
        for place in &places {
            index.list(place, place, 6);
        }
        index
    }

    fn list(&mut self, place: &Path, at: &Path, depth: usize) {
        for path in entries(at, |_| true) {
            if path.is_dir() && depth > 0 {
                self.list(place, &path, depth - 1);
            } else if path.is_file() && is_image(&path) {
                let inside = path.strip_prefix(place).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                for stem in meant(&inside) {
                    self.by_stem.entry(stem).or_default().push((path.clone(), folders(&inside)));
                }
                self.files.push(path);
            }
        }
    }

    /// The mask of a shot, if any.
    pub fn find(&self, shot: &Shot) -> Option<PathBuf> {
        let exact = self.candidates(&shot.name, &shot.image).into_iter().find(|path| path.is_file());
        exact.or_else(|| self.in_places(shot)).or_else(|| beside(&shot.image))
    }

    /// The usual names, best first.
    fn candidates(&self, name: &str, image: &Path) -> Vec<PathBuf> {
        // What is absolute would lead out of the folder.
        let name = name.trim_start_matches('/');
        let inside = Path::new(name.strip_prefix("images/").unwrap_or(name));
        let with = |base: &Path, suffix: &str| {
            let mut path = base.to_path_buf().into_os_string();
            path.push(suffix);
            PathBuf::from(path)
        };
        let mut candidates = Vec::new();
        let masks = self.root.join("masks");
        if masks.is_dir() {
            let base = masks.join(inside);
            let stem = base.with_extension("");
            candidates.extend([with(&stem, ".png"), base.clone(), with(&base, ".png"), with(&stem, ".mask.png")]);
        }
        candidates.push(with(image, ".png"));
        candidates.push(with(&image.with_extension(""), ".mask.png"));
        candidates.retain(|path| path != image);
        candidates
    }

    /// The mask in a folder of masks whose name means the shot's photo: in the same folders below, or in none.
    fn in_places(&self, shot: &Shot) -> Option<PathBuf> {
        let files = self.by_stem.get(&stem(&shot.name)).or_else(|| {
            let name = shot.image.file_name()?.to_string_lossy().into_owned();
            self.by_stem.get(&stem(&name))
        })?;
        let own = folders(&shot.name);
        let same = files.iter().find(|(_, folders)| own.ends_with(folders) && !folders.is_empty());
        let flat = || files.iter().find(|(_, folders)| folders.is_empty());
        same.or_else(flat).map(|(path, _)| path.clone())
    }

    /// The files of the folders of masks that are the mask of none of the shots, relative to the capture, and the number of
    /// all files.
    pub fn unused(&self, shots: &[Shot], unposed: &HashSet<String>) -> (Vec<String>, usize) {
        let used: HashSet<&Path> = shots.iter().filter_map(|shot| shot.mask.as_deref()).collect();
        let of_unposed = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            meant(&name).iter().any(|stem| unposed.contains(stem))
        };
        let unused = self.files.iter().filter(|path| !used.contains(path.as_path()) && !of_unposed(path));
        let name = |path: &PathBuf| path.strip_prefix(&self.root).unwrap_or(path).display().to_string();
        (unused.map(name).collect(), self.files.len())
    }
}

/// The stems of the photos that a mask of this name may belong to, most literal first.
fn meant(name: &str) -> Vec<String> {
    let whole = stem(name);
    let mut stems = vec![whole.clone()];
    // `0000.jpg.png` is the mask of `0000.jpg`.
    let mut rest = stem(&whole);
    if rest != whole {
        stems.push(rest.clone());
    }
    let affixes = SUFFIXES.iter().filter_map(|suffix| rest.strip_suffix(suffix));
    let shortest =
        affixes.chain(PREFIXES.iter().filter_map(|prefix| rest.strip_prefix(prefix))).min_by_key(|s| s.len());
    if let Some(bare) = shortest.filter(|bare| !bare.is_empty()) {
        rest = stem(bare);
        stems.push(rest);
    }
    stems
}

/// Whether a picture beside photos has the name of a mask.
pub fn is_named_as_mask(name: &str) -> bool {
    let stem = stem(name);
    SUFFIXES.iter().any(|suffix| stem.ends_with(suffix)) || PREFIXES.iter().any(|prefix| stem.starts_with(prefix))
}

/// A mask beside the photo, as `0000_mask.png` and instant-ngp's `dynamic_mask_0000.png`.
fn beside(image: &Path) -> Option<PathBuf> {
    let stem = image.file_stem()?.to_string_lossy().into_owned();
    let named = SUFFIXES.iter().map(|suffix| format!("{stem}{suffix}.png"));
    let named = named.chain(PREFIXES.iter().map(|prefix| format!("{prefix}{stem}.png")));
    named.map(|name| image.with_file_name(name)).find(|path| path != image && path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_masks_mean_photos() {
        let masks =
            ["0000.png", "0000_mask.png", "0000.PNG", "0000.jpg.png", "0000.JPG.mask.png", "dynamic_mask_0000.png"];
        for mask in masks.into_iter().chain(["mask_0000.jpg", "0000_seg.webp", "0000.mask.png", "0000-mask.png"]) {
            assert!(meant(mask).contains(&"0000".to_owned()), "{mask}: {:?}", meant(mask));
        }
        assert_eq!(meant("_mask.png"), ["_mask"]);
        assert!(!meant("00001.png").contains(&"0000".to_owned()));
    }
}
