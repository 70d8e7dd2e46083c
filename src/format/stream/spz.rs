//! SPZ, block by block: an array for each property, compressed on disk while it grows.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use rayon::prelude::*;
use zstd::stream::write::Encoder;

use super::cells::Scratch;
use crate::format::atomic::describe_write_error;
use crate::format::options::WriteOptions;
use crate::format::spz::{ZSTD_LEVEL, head};
use crate::format::spz_fit::{Survey, leave_out_beyond};
use crate::format::spz_pack::{Sizes, pack};
use crate::format::write_atomically;
use crate::scene::Scene;

/// What is to be written.
pub struct Order {
    pub survey: Survey,
    /// Fractional bits out of whose reach Gaussians are left out.
    pub strays: Option<u8>,
    /// Degree of the harmonics and what else is the same for all.
    pub facts: Scene,
}

impl Order {
    pub fn gaussians(&self) -> usize {
        self.survey.count_without(self.strays)
    }
}

/// An array of a property on disk: compressed in version 4, as it is for version 3.
enum Array {
    Zstd(Box<Encoder<'static, BufWriter<File>>>),
    Plain(BufWriter<File>),
}

impl Array {
    fn create(path: &Path, version: u32, bytes: usize) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        if version == 3 {
            return Ok(Self::Plain(file));
        }
        let mut encoder = Encoder::new(file, ZSTD_LEVEL)?;
        // Readers take the size from the frame.
        encoder.set_pledged_src_size(Some(bytes as u64))?;
        encoder.include_contentsize(true)?;
        Ok(Self::Zstd(Box::new(encoder)))
    }

    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.write_all(bytes),
            Self::Plain(file) => file.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.finish()?.flush(),
            Self::Plain(mut file) => file.flush(),
        }
    }
}

/// Writes the blocks that `pass` gives, in their order.
///
/// # Errors
/// Positions beyond the format's, those of `pass`, or a failed write.
pub fn write(
    path: &Path,
    order: &Order,
    options: &WriteOptions,
    pass: impl FnOnce(&mut dyn FnMut(Scene) -> Result<()>) -> Result<()>,
) -> Result<()> {
    let version = options.spz_version;
    let fractional_bits = order.survey.bits_without(order.strays)?;
    let sh_steps = order.survey.sh_steps();
    let count = u32::try_from(order.gaussians()).context("SPZ counts Gaussians with 32 bits")?;
    let sizes = Sizes::new(version, order.facts.sh_degree as u8).of_streams(count as usize);
    let scratch = Scratch::beside(path)?;
    let names: Vec<PathBuf> = (0..sizes.len()).map(|i| scratch.file(&i.to_string())).collect();
    let failed = |error| describe_write_error(path, error);
    let arrays = names.iter().zip(sizes).map(|(name, size)| Array::create(name, version, size));
    let mut arrays = arrays.collect::<io::Result<Vec<Array>>>().map_err(failed)?;
    pass(&mut |mut block| {
        if let Some(bits) = order.strays {
            leave_out_beyond(&mut block, bits);
        }
        let packed = pack(&block, fractional_bits, sh_steps, options.spz_axes.flips());
        arrays.par_iter_mut().zip(&packed).try_for_each(|(array, bytes)| array.add(bytes)).map_err(failed)
    })?;
    arrays.into_par_iter().try_for_each(Array::finish).map_err(failed)?;
    let used: Vec<(&PathBuf, usize)> = names.iter().zip(sizes).filter(|(_, size)| *size > 0).collect();
    let lengths = used.iter().map(|(name, size)| Ok((std::fs::metadata(name)?.len(), *size as u64)));
    let lengths = lengths.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    let head = head(&order.facts, count, fractional_bits, options, &lengths);
    write_atomically(path, |file| {
        if version == 3 {
            let mut encoder = GzEncoder::new(file, Compression::default());
            encoder.write_all(&head)?;
            used.iter().try_for_each(|(name, _)| io::copy(&mut File::open(name)?, &mut encoder).map(|_| ()))?;
            return encoder.finish().map(|_| ());
        }
        file.write_all(&head)?;
        used.iter().try_for_each(|(name, _)| io::copy(&mut File::open(name)?, file).map(|_| ()))
    })
}
