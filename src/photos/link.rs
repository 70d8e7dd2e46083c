//! A picture in the capture's folder: a photo's own bytes, a copy that COLMAP reads, or the faces of a panorama.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::RgbImage;

use crate::dataset::pictures;
use crate::format::{create_folder, write_atomically};
use crate::image::jpeg::jpeg;
use crate::image::png::save_png;

/// Quality of the JPEG files of frames and faces: what it costs is below the noise of what a video had.
const QUALITY: u8 = 95;

/// The extension that a photo has in the capture.
pub fn extension(photo: &Path) -> String {
    let own = photo.extension().unwrap_or_default().to_string_lossy().into_owned();
    if is_kept(&own) { own } else { "png".into() }
}

/// Whether COLMAP and training read the file as it is. What is deeper than 8 bits or linear is converted once, for both.
fn is_kept(extension: &str) -> bool {
    ["jpg", "jpeg", "png"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Puts a photo into the capture under `to`, unless it is there: by a hard link, which takes no space, or else a copy.
pub fn put(photo: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Ok(());
    }
    create_folder(to.parent().unwrap_or(to))?;
    if !is_kept(&photo.extension().unwrap_or_default().to_string_lossy()) {
        return save_png(to, &pictures::read(photo)?);
    }
    // A link to a link would leave the capture without its photo where the first one goes.
    let photo = std::fs::canonicalize(photo).with_context(|| format!("{}: cannot be read", photo.display()))?;
    if std::fs::hard_link(&photo, to).is_ok() {
        return Ok(());
    }
    let partial = to.with_extension("partial");
    let copied = std::fs::copy(&photo, &partial).and_then(|_| std::fs::rename(&partial, to));
    copied.with_context(|| format!("cannot copy {} to {}", photo.display(), to.display()))
}

/// Writes a frame as a JPEG.
pub fn put_frame(frame: &RgbImage, path: &Path) -> Result<()> {
    let bytes = jpeg(frame, QUALITY)?;
    write_atomically(path, |file| file.write_all(&bytes))
}

/// Writes the faces of a panorama into a folder.
pub fn put_faces(panorama: &RgbImage, folder: &Path) -> Result<()> {
    let (width, height) = panorama.dimensions();
    ensure!(width == 2 * height, "a panorama of all directions is twice as wide as high, not {width} x {height}");
    create_folder(folder)?;
    for (name, face) in pictures::faces(panorama)? {
        put_frame(&face, &folder.join(format!("{name}.jpg")))?;
    }
    Ok(())
}
