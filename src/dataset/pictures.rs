//! Photos and videos before they are a capture: finding them, their sizes and colours, and the faces of panoramas.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::RgbImage;

use super::find::holds_no_photos;
use super::images::{self, Raster};
use super::lens::Face;
use super::source::LensSpec;
use super::{undistort, videos};

pub use super::videos::{is_image, is_video};

/// Depth of folders that are looked through.
const DEPTH: usize = 6;
/// Photos of phones that cannot be read.
const UNREADABLE: [&str; 3] = ["heic", "heif", "avif"];

/// Whether a file is a photo of a kind that cannot be read.
pub fn is_unreadable(path: &Path) -> bool {
    path.extension().is_some_and(|e| UNREADABLE.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// The files below a folder that `wanted` accepts, in order of their paths. Folders of masks, depth and the like are
/// passed over, and the reduced copies of photos in `images_2` beside `images`.
pub fn files_below(folder: &Path, wanted: fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, wanted, DEPTH, &mut found);
    found
}

fn collect(folder: &Path, wanted: fn(&Path) -> bool, depth: usize, found: &mut Vec<PathBuf>) {
    for path in videos::entries(folder, |_| true) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let reduced = name.starts_with("images_") && folder.join("images").is_dir();
        if path.is_dir() {
            if depth > 0 && !reduced && !holds_no_photos(&name) {
                collect(&path, wanted, depth - 1, found);
            }
        } else if !name.starts_with('.') && wanted(&path) {
            found.push(path);
        }
    }
}

/// Width and height of a photo as it is stored, in pixels.
///
/// # Errors
/// Names the file that is no photo.
pub fn size(path: &Path) -> Result<(u32, u32)> {
    Ok(images::header(path).with_context(|| format!("{}: cannot read the photo", path.display()))?.size)
}

/// A photo as it is stored, in display sRGB; what is transparent is on black.
///
/// # Errors
/// Names the file that cannot be decoded.
pub fn read(path: &Path) -> Result<RgbImage> {
    let mut raster = images::decode(path, 1).with_context(|| format!("{}: cannot decode the photo", path.display()))?;
    images::premultiply(&mut raster);
    Ok(to_image(&raster))
}

/// Whether a photo says of itself that it is a panorama of all directions (XMP, `GPano:ProjectionType`).
pub fn says_panorama(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 18).read_to_end(&mut start));
    read.is_ok() && start.windows(15).any(|words| words == b"equirectangular")
}

/// The six faces of an equirectangular panorama with their names, pinhole images of 90° with a quarter of its width.
///
/// # Errors
/// A panorama of less than four pixels.
pub fn faces(panorama: &RgbImage) -> Result<Vec<(&'static str, RgbImage)>> {
    let (width, height) = panorama.dimensions();
    let pixels = panorama.pixels().map(|p| [p.0[0], p.0[1], p.0[2], 255]).collect();
    let raster = Raster { width, height, pixels };
    let front = LensSpec::panorama(Some((width, height))).resolve((width, height))?;
    let cut = |face: Face| {
        let from = front.through(face);
        let to = undistort::target_lens(&from, true);
        (face.name(), to_image(&undistort::undistort(&raster, &from, &to).0))
    };
    Ok(Face::all().into_iter().map(cut).collect())
}

fn to_image(raster: &Raster) -> RgbImage {
    RgbImage::from_fn(raster.width, raster.height, |x, y| {
        let [r, g, b, _] = raster.pixels[(y * raster.width + x) as usize];
        image::Rgb([r, g, b])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panorama_is_cut_into_the_directions_that_it_shows() {
        // Red ahead, green behind, blue below the horizon's lower half.
        let panorama = RgbImage::from_fn(64, 32, |x, y| match (x, y) {
            (_, 28..) => image::Rgb([0, 0, 255]),
            (24..40, _) => image::Rgb([255, 0, 0]),
            _ => image::Rgb([0, 255, 0]),
        });
        let faces = faces(&panorama).unwrap();
        let middle = |name: &str| faces.iter().find(|(face, _)| *face == name).unwrap().1.get_pixel(8, 8).0;
        assert_eq!((middle("front"), middle("back"), middle("down")), ([255, 0, 0], [0, 255, 0], [0, 0, 255]));
        assert!(faces.len() == 6 && faces.iter().all(|(_, face)| face.dimensions() == (16, 16)));
    }

    #[test]
    fn photos_are_found_and_masks_and_reduced_copies_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["images/b.jpg", "images/a.TIFF", "images_2/a.jpg", "masks/a.png", "images/.c.jpg", "note.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "GPano:ProjectionType=\"equirectangular\"").unwrap();
        }
        let found = files_below(folder.path(), is_image);
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_string_lossy()).collect();
        assert_eq!(names, ["a.TIFF", "b.jpg"]);
        assert!(says_panorama(&found[0]) && is_unreadable(Path::new("x/IMG_1.HEIC")));
    }
}
