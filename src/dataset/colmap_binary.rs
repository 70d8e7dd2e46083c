//! COLMAP's binary model files, little-endian. No count in a header is trusted further than the file is long.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glam::{DVec3, Vec3};

use super::colmap_model::{ModelCamera, ModelImage, lens, model_by_id};
use super::source::ListedPoints;

/// A reader that knows where it is, and never past the end of its file.
struct Cursor {
    reader: BufReader<File>,
    path: PathBuf,
    position: u64,
    length: u64,
    /// The record being read, for messages.
    what: String,
}

impl Cursor {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let length = file.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
        Ok(Self { reader: BufReader::new(file), path: path.into(), position: 0, length, what: "its header".into() })
    }

    fn need(&self, bytes: u64) -> Result<()> {
        ensure!(
            bytes <= self.length - self.position,
            "{}: the file ends at byte {} within {} (which reads on from byte {}); it is truncated or damaged: copy it \
             again or export the model anew from COLMAP",
            self.path.display(),
            self.length,
            self.what,
            self.position
        );
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.need(N as u64)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).with_context(|| format!("cannot read {}", self.path.display()))?;
        self.position += N as u64;
        Ok(bytes)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.bytes::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn f64s<const N: usize>(&mut self) -> Result<[f64; N]> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = f64::from_le_bytes(self.bytes()?);
        }
        Ok(values)
    }

    fn skip(&mut self, bytes: u64) -> Result<()> {
        self.need(bytes)?;
        let step = i64::try_from(bytes).context("a record is impossibly long")?;
        self.reader.seek_relative(step).with_context(|| format!("cannot read {}", self.path.display()))?;
        self.position += bytes;
        Ok(())
    }

    /// The number of records, refused where the file cannot hold them: so a `Vec` of that capacity is safe.
    fn count(&mut self, kind: &str, smallest: u64) -> Result<usize> {
        let count = self.u64()?;
        let room = (self.length - self.position) / smallest;
        ensure!(
            count <= room,
            "{}: its header claims {count} {kind}, but the {} bytes after byte {} hold {room} at most; the file is \
             truncated or damaged: copy it again or export the model anew from COLMAP",
            self.path.display(),
            self.length - self.position,
            self.position
        );
        usize::try_from(count).context("too many records")
    }

    fn place(&mut self, kind: &str, index: usize, count: usize) {
        self.what = format!("{kind} {} of {count}", index + 1);
    }
}

/// Reads `cameras.bin`.
pub fn cameras(path: &Path) -> Result<Vec<ModelCamera>> {
    let mut cursor = Cursor::open(path)?;
    let count = cursor.count("cameras", 4 + 4 + 16)?;
    let mut cameras = Vec::with_capacity(count);
    for index in 0..count {
        cursor.place("camera", index, count);
        let start = cursor.position;
        let id = cursor.u32()?;
        let at = || format!("{}: camera {id} at byte {start}", path.display());
        let (model, parameters) = model_by_id(i32::from_le_bytes(cursor.bytes()?)).with_context(at)?;
        let size = (cursor.u64()?, cursor.u64()?);
        let values = (0..parameters).map(|_| Ok(f64::from_le_bytes(cursor.bytes()?))).collect::<Result<Vec<_>>>()?;
        let lens = lens(model, size, &values).map_err(|error| format!("{}: {error:#}", at()));
        cameras.push(ModelCamera { id, lens });
    }
    Ok(cameras)
}

/// The number of images that `images.bin` says it has.
pub fn count_images(path: &Path) -> Result<usize> {
    Cursor::open(path)?.count("images", 4 + 7 * 8 + 4 + 1 + 8)
}

/// Reads `images.bin`; the 2D features are skipped.
pub fn images(path: &Path) -> Result<Vec<ModelImage>> {
    let mut cursor = Cursor::open(path)?;
    let count = cursor.count("images", 4 + 7 * 8 + 4 + 1 + 8)?;
    let mut images = Vec::with_capacity(count);
    for index in 0..count {
        cursor.place("image", index, count);
        let id = cursor.u32()?;
        let quaternion = cursor.f64s()?;
        let translation = cursor.f64s()?;
        let camera = cursor.u32()?;
        let mut name = Vec::new();
        loop {
            match cursor.u8()? {
                0 => break,
                byte => name.push(byte),
            }
            ensure!(
                name.len() <= 4096,
                "{}: the name of image {} of {count} does not end by byte {}; the file is damaged: export the model anew",
                path.display(),
                index + 1,
                cursor.position
            );
        }
        let features = cursor.u64()?;
        cursor.skip(features.saturating_mul(24))?;
        images.push(ModelImage {
            id,
            quaternion,
            translation,
            camera,
            name: String::from_utf8_lossy(&name).into_owned(),
        });
    }
    Ok(images)
}

/// Calls `visit` for every point of `points3D.bin`, with the ids of the images that observe it.
pub fn tracks(path: &Path, visit: &mut dyn FnMut(DVec3, &[u32])) -> Result<()> {
    let mut cursor = Cursor::open(path)?;
    let count = cursor.count("points", 8 + 24 + 3 + 8 + 8)?;
    let mut images = Vec::new();
    for index in 0..count {
        cursor.place("point", index, count);
        cursor.skip(8)?;
        let place = DVec3::from_array(cursor.f64s()?);
        cursor.skip(3 + 8)?;
        let length = cursor.count("observations", 8)?;
        images.clear();
        for _ in 0..length {
            images.push(cursor.u32()?);
            cursor.skip(4)?;
        }
        visit(place, &images);
    }
    Ok(())
}

/// Reads `points3D.bin`; the tracks are skipped.
pub fn points(path: &Path) -> Result<ListedPoints> {
    let mut cursor = Cursor::open(path)?;
    let count = cursor.count("points", 8 + 24 + 3 + 8 + 8)?;
    let mut points = ListedPoints { positions: Vec::with_capacity(count), colours: Vec::with_capacity(count) };
    for index in 0..count {
        cursor.place("point", index, count);
        cursor.skip(8)?;
        points.positions.push(DVec3::from_array(cursor.f64s()?));
        points.colours.push(Vec3::from_array(cursor.bytes::<3>()?.map(|c| f32::from(c) / 255.0)));
        cursor.skip(8)?;
        let track = cursor.u64()?;
        cursor.skip(track.saturating_mul(8))?;
    }
    Ok(points)
}
