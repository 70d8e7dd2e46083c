//! NumPy arrays: `.npy`, and the first fitting one of an `.npz`.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use npyz::{DType, NpyFile, NpyHeader, Order, TypeChar};

/// A numeric array in C order.
#[derive(Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// The part of an array to read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ArrayPart {
    Shape,
    All,
}

/// No archive's entry is unpacked beyond this, whatever it claims.
const LARGEST_ENTRY: u64 = 1 << 31;

/// Reads an array; with [`ArrayPart::Shape`] the values stay empty, and only the header is read.
///
/// # Errors
/// A file that is no numeric NumPy array, or has fewer values than its header claims.
pub fn read(path: &Path, part: ArrayPart) -> Result<Array> {
    let file = File::open(path).context("it cannot be opened")?;
    let is_archive = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"));
    if !is_archive {
        let length = file.metadata().context("it cannot be read")?.len();
        return parse(BufReader::new(file), length, part);
    }
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).context("it is no .npz archive")?;
    let names: Vec<String> = archive.file_names().filter(|name| name.ends_with(".npy")).map(String::from).collect();
    let wanted = names.iter().find(|name| name.starts_with("flow")).or(names.first());
    let name = wanted.context("it holds no array")?.clone();
    let entry = archive.by_name(&name).context("it is a damaged archive")?;
    // The claimed size is not trusted: what is unpacked decides.
    let limit = entry.size().min(LARGEST_ENTRY);
    if part == ArrayPart::Shape {
        return parse(entry, limit, part);
    }
    let mut bytes = Vec::new();
    entry.take(limit).read_to_end(&mut bytes).context("it is a damaged archive")?;
    parse(bytes.as_slice(), bytes.len() as u64, part)
}

fn parse(reader: impl Read, length: u64, part: ArrayPart) -> Result<Array> {
    let mut reader = reader.take(length);
    let header = NpyHeader::from_reader(&mut reader).context("it is no NumPy array")?;
    let DType::Plain(kind) = header.dtype() else { bail!("it holds a structure, not plain numbers") };
    let shape: Vec<usize> = header.shape().iter().map(|&n| n as usize).collect();
    let size = kind.num_bytes().unwrap_or(1).max(1) as u64;
    let bytes = shape.iter().try_fold(size, |total, &n| total.checked_mul(n as u64));
    ensure!(
        bytes.is_some_and(|bytes| bytes <= reader.limit()),
        "it is cut short: its header claims an array of {shape:?}"
    );
    ensure!(
        header.order() == Order::C || part == ArrayPart::Shape,
        "it is stored in Fortran order; save it in C order"
    );
    if part == ArrayPart::Shape {
        return Ok(Array { shape, values: Vec::new() });
    }
    let file = NpyFile::with_header(header, reader);
    let values: std::io::Result<Vec<f64>> = match (kind.type_char(), size) {
        (TypeChar::Float, 2) => file.into_vec::<half::f16>().map(|v| v.into_iter().map(f64::from).collect()),
        (TypeChar::Float, 4) => file.into_vec::<f32>().map(|v| v.into_iter().map(f64::from).collect()),
        (TypeChar::Float, 8) => file.into_vec::<f64>(),
        _ => bail!("it holds values of the type {}; float16, float32 and float64 are read", kind),
    };
    Ok(Array { shape, values: values.context("it is cut short")? })
}
