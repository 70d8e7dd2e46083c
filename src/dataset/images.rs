//! Image files: reading the header, and decoding the pixels as 8-bit RGBA in display sRGB.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use glam::{DVec3, dvec3};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use super::{colour, exif};

/// 8-bit RGBA pixels, row-major, top-left first.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<[u8; 4]>,
}

/// The header of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageHeader {
    /// Size as stored, before the EXIF orientation.
    pub size: (u32, u32),
    /// EXIF orientation, 1 to 8; 1 where there is none.
    pub orientation: u8,
    /// Direction of gravity in the camera's frame as stored, where EXIF states it; see [`exif::gravity`].
    pub gravity: Option<DVec3>,
}

impl ImageHeader {
    /// The size after the EXIF orientation.
    pub fn oriented(&self) -> (u32, u32) {
        if self.orientation >= 5 { (self.size.1, self.size.0) } else { self.size }
    }

    /// Direction of gravity in the camera's frame, of the image turned by `orientation`.
    pub fn gravity(&self, orientation: u8) -> Option<DVec3> {
        let DVec3 { x, y, z } = self.gravity?;
        Some(match orientation {
            3 => dvec3(-x, -y, z),
            6 => dvec3(-y, x, z),
            8 => dvec3(y, -x, z),
            1 => dvec3(x, y, z),
            // Mirrored images are of other programs' making.
            _ => return None,
        })
    }
}

/// The EXIF block of an image; `None` where it has none or cannot be read.
pub fn exif(path: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path).ok()?.take(1 << 18).read_to_end(&mut start).ok()?;
    // A JPEG's block lies at its start; of other kinds the decoder reads no more than it needs.
    if start.starts_with(&[0xff, 0xd8]) {
        return decoder(Cursor::new(start)).ok()?.exif_metadata().ok()?;
    }
    decoder(BufReader::new(File::open(path).ok()?)).ok()?.exif_metadata().ok()?
}

/// Reads the header alone.
///
/// # Errors
/// A file that cannot be opened, is empty or is no image of a known kind.
pub fn header(path: &Path) -> Result<ImageHeader> {
    let mut file = File::open(path).context("it cannot be opened")?;
    let mut start = Vec::new();
    file.by_ref().take(1 << 18).read_to_end(&mut start).context("it cannot be read")?;
    ensure!(!start.is_empty(), "it is empty");
    // The JPEG decoder swallows its whole input, so it gets the start first: the header nearly always fits.
    if start.starts_with(&[0xff, 0xd8])
        && let Ok(header) = read_header(Cursor::new(start))
    {
        return Ok(header);
    }
    file.seek(SeekFrom::Start(0)).context("it cannot be read")?;
    read_header(BufReader::new(file))
}

fn read_header(reader: impl BufRead + Seek) -> Result<ImageHeader> {
    let mut decoder = decoder(reader)?;
    let size = decoder.dimensions();
    ensure!(size.0 > 0 && size.1 > 0, "it has no pixels");
    let orientation = decoder.orientation().map_or(1, Orientation::to_exif);
    // Phones store images lying; one that stands has been turned since, nobody knows which way.
    let exif = decoder.exif_metadata().ok().flatten().filter(|_| size.0 >= size.1);
    Ok(ImageHeader { size, orientation, gravity: exif.and_then(|exif| exif::gravity(&exif)) })
}

fn decoder<'a>(reader: impl BufRead + Seek + 'a) -> Result<impl ImageDecoder + 'a> {
    let mut reader = ImageReader::new(reader).with_guessed_format().context("it cannot be read")?;
    ensure!(
        reader.format().is_some(),
        "it is no image of a known kind (JPEG, PNG, WebP, TIFF, BMP, EXR); convert it to JPEG"
    );
    // Bounds what a damaged header can make us allocate, with room for 16-bit images of 250 megapixels.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(2 << 30);
    reader.limits(limits);
    let decoder = reader.into_decoder();
    decoder.map_err(|error| match error {
        ImageError::Unsupported(_) => anyhow!("{error}; convert it to PNG or JPEG"),
        _ => anyhow!(error),
    })
}

/// Whether an image has a channel of opacity, by its header; false where it cannot be read.
pub fn has_alpha(path: &Path) -> bool {
    let read = || -> Result<bool> { Ok(decoder(BufReader::new(File::open(path)?))?.color_type().has_alpha()) };
    read().unwrap_or(false)
}

/// Decodes an image as display sRGB and turns it by `orientation` (EXIF, 1 to 8; 1 = as stored).
pub fn decode(path: &Path, orientation: u8) -> Result<Raster> {
    let (image, profile) = with_profile(path, orientation)?;
    let image = colour::to_srgb(image, profile.as_deref())?;
    let (width, height) = image.dimensions();
    let pixels = image.as_raw().as_chunks::<4>().0.to_vec();
    Ok(Raster { width, height, pixels })
}

/// Decodes an image as it is stored, turned by `orientation`.
pub fn dynamic(path: &Path, orientation: u8) -> Result<DynamicImage> {
    Ok(with_profile(path, orientation)?.0)
}

/// An image as it is stored, turned by `orientation`, and its colour profile (ICC).
fn with_profile(path: &Path, orientation: u8) -> Result<(DynamicImage, Option<Vec<u8>>)> {
    let bytes = std::fs::read(path).context("it cannot be opened")?;
    // The decoder would take what is missing for grey.
    ensure!(!is_jpeg_cut_short(&bytes), "it is cut short");
    let mut decoder = decoder(Cursor::new(&bytes))?;
    ensure!(decoder.total_bytes() <= 2 << 30, "it is larger than 2 GiB in memory");
    // A profile that cannot be read is no reason to refuse the pixels.
    let profile = decoder.icc_profile().unwrap_or_default();
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(Orientation::from_exif(orientation).unwrap_or(Orientation::NoTransforms));
    Ok((image, profile))
}

/// Whether a JPEG file ends before its image does: its first scan is not reached, or no end of the image follows it
/// (ITU-T T.81, annex B: in a scan, FF D9 is nothing else). What follows the end, as some cameras append, counts for nothing.
fn is_jpeg_cut_short(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return false;
    }
    let mut at = 2;
    loop {
        match bytes.get(at..at + 4) {
            None => return true,
            Some(&[0xff, 0xff, ..]) => at += 1,
            Some(&[0xff, 0xda, ..]) => return !bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]),
            Some(&[0xff, _, high, low]) => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            // Not what a file looks like; the decoder says what it makes of it.
            Some(_) => return false,
        }
    }
}

/// The used pixels of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    pub width: u32,
    pub height: u32,
    pub used: Vec<bool>,
}

/// Decodes a mask: a pixel is used where it is brighter than half of white. Masks that only hold 0 and 1, as some scripts
/// write them, count 1 as white; transparent pixels are black. Where all colour is black, the mask is in the alpha.
pub fn decode_mask(path: &Path, orientation: u8) -> Result<Mask> {
    let image = dynamic(path, orientation)?.into_luma_alpha8();
    let (width, height) = image.dimensions();
    let in_alpha = image.pixels().all(|p| p.0[0] == 0) && image.pixels().any(|p| p.0[1] != image.as_raw()[1]);
    if in_alpha {
        return Ok(Mask { width, height, used: image.pixels().map(|p| p.0[1] > 127).collect() });
    }
    let brightness = |p: &image::LumaA<u8>| u32::from(p.0[0]) * u32::from(p.0[1]);
    let white = if image.pixels().map(|p| p.0[0]).max().unwrap_or(0) <= 1 { 0 } else { 127 * 255 };
    Ok(Mask { width, height, used: image.pixels().map(|p| brightness(p) > white).collect() })
}

/// Multiplies colour by alpha, rounded; returns whether any alpha was below 255.
pub fn premultiply(raster: &mut Raster) -> bool {
    if raster.pixels.iter().all(|p| p[3] == 255) {
        return false;
    }
    for pixel in &mut raster.pixels {
        let [r, g, b, alpha] = pixel.map(u32::from);
        let times = |c: u32| ((c * alpha + 127) / 255) as u8;
        *pixel = [times(r), times(g), times(b), pixel[3]];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(name: &str, image: impl Into<DynamicImage>) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        image.into().save(&path).unwrap();
        (folder, path)
    }

    #[test]
    fn every_depth_and_kind_becomes_rgba8() {
        let grey = image::GrayImage::from_pixel(2, 1, image::Luma([77]));
        for name in ["g.png", "g.webp"] {
            let (_folder, path) = saved(name, DynamicImage::from(grey.clone()).to_rgb8());
            assert_eq!(decode(&path, 1).unwrap().pixels, [[77, 77, 77, 255]; 2], "{name}");
        }
        let (_folder, path) = saved("g.png", grey);
        assert_eq!(decode(&path, 1).unwrap().pixels, [[77, 77, 77, 255]; 2]);
        let deep = image::ImageBuffer::from_pixel(1, 1, image::Rgba([65535u16, 32896, 0, 257 * 128]));
        let (_folder, path) = saved("d.png", deep);
        assert_eq!(decode(&path, 1).unwrap().pixels, [[255, 128, 0, 128]]);
        // 257 · 100 + 100 is nearer to 100 than to 101; linear 0.2159 is 128 of 255 of sRGB.
        let deep = image::ImageBuffer::from_pixel(1, 1, image::Rgb([65535u16, 25800, 0]));
        let (_folder, path) = saved("d.tif", deep);
        assert_eq!(decode(&path, 1).unwrap().pixels, [[255, 100, 0, 255]]);
        let (_folder, path) = saved("b.bmp", image::RgbImage::from_pixel(1, 1, image::Rgb([9, 8, 7])));
        assert_eq!(decode(&path, 1).unwrap().pixels, [[9, 8, 7, 255]]);
        let linear = image::Rgb32FImage::from_pixel(1, 1, image::Rgb([0.2159, 3.0, 0.0]));
        let (_folder, path) = saved("l.exr", linear);
        assert_eq!(decode(&path, 1).unwrap().pixels, [[128, 255, 0, 255]]);
        let (_folder, path) = saved("j.jpg", image::RgbImage::from_pixel(8, 8, image::Rgb([200, 200, 200])));
        assert!(decode(&path, 1).unwrap().pixels.iter().all(|p| p[0].abs_diff(200) <= 1 && p[3] == 255));
        assert_eq!(header(&path).unwrap(), ImageHeader { size: (8, 8), orientation: 1, gravity: None });
    }

    #[test]
    fn a_photo_cut_short_anywhere_is_refused() {
        let noise = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([(x * 97 + y * 31) as u8, (x * y) as u8, 9]));
        let (_folder, path) = saved("j.jpg", noise);
        let bytes = std::fs::read(&path).unwrap();
        for length in (2..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(decode(&path, 1).is_err(), "{length} of {} bytes", bytes.len());
        }
        std::fs::write(&path, [&bytes[..], b"appended"].concat()).unwrap();
        assert_eq!(decode(&path, 1).unwrap().width, 32);
    }

    #[test]
    fn orientation_turns_the_image() {
        let image = image::RgbImage::from_fn(2, 1, |x, _| image::Rgb([x as u8 * 100, 0, 0]));
        let (_folder, path) = saved("a.png", image);
        let turned = decode(&path, 6).unwrap();
        assert_eq!((turned.width, turned.height), (1, 2));
        assert_eq!([turned.pixels[0][0], turned.pixels[1][0]], [0, 100]);
        assert_eq!(ImageHeader { size: (2, 1), orientation: 6, gravity: None }.oriented(), (1, 2));
    }

    #[test]
    fn masks_of_several_habits() {
        let mask = |values: [u8; 3]| {
            let (_folder, path) = saved("m.png", image::GrayImage::from_raw(3, 1, values.to_vec()).unwrap());
            decode_mask(&path, 1).unwrap().used
        };
        assert_eq!(mask([0, 255, 100]), [false, true, false]);
        assert_eq!(mask([0, 1, 0]), [false, true, false]);
        assert_eq!(mask([0, 0, 0]), [false; 3]);
        let in_alpha = image::GrayAlphaImage::from_raw(3, 1, vec![0, 255, 0, 0, 0, 200]).unwrap();
        let (_folder, path) = saved("m.png", in_alpha);
        assert_eq!(decode_mask(&path, 1).unwrap().used, [true, false, true]);
    }

    #[test]
    fn premultiplied_alpha_rounds() {
        let mut raster = Raster { width: 2, height: 1, pixels: vec![[255, 100, 3, 128], [9, 9, 9, 255]] };
        assert!(premultiply(&mut raster));
        assert_eq!(raster.pixels, [[128, 50, 2, 128], [9, 9, 9, 255]]);
        raster.pixels = vec![[1, 2, 3, 255]; 2];
        assert!(!premultiply(&mut raster));
    }

    #[test]
    fn broken_files_are_named_by_their_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, b"").unwrap();
        assert_eq!(header(&path).unwrap_err().to_string(), "it is empty");
        std::fs::write(&path, b"hello, this is text").unwrap();
        assert!(header(&path).unwrap_err().to_string().contains("no image"));
        std::fs::write(&path, b"GIF89a\x01\0\x01\0\0\0\0;").unwrap();
        assert!(format!("{:#}", header(&path).unwrap_err()).ends_with("; convert it to PNG or JPEG"));
        // A PNG header that claims 2³¹ − 1 pixels squared, with a right checksum or not, must not allocate them.
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06\0\0\0".to_vec();
        png.extend([0x9c, 0x2a, 0x3b, 0x4c]);
        std::fs::write(&path, png).unwrap();
        assert!(decode(&path, 1).is_err());
    }
}
