//! PLY files: parsing the header, and reading the rows of an element as numbers.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};

use anyhow::{Context, Result, bail, ensure};
use glam::Vec3;

use super::quantise::direction;

/// The most bytes of a header: a bound for files without an end of header.
const MAX_HEADER: u64 = 1 << 20;
/// The longest line of a header but for comments, in bytes.
const MAX_LINE: usize = 256;
/// The start of text files by some Windows programs.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Ascii,
    LittleEndian,
    BigEndian,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F16,
    F32,
    F64,
}

impl Scalar {
    fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "char" | "int8" => Self::I8,
            "uchar" | "uint8" => Self::U8,
            "short" | "int16" => Self::I16,
            "ushort" | "uint16" => Self::U16,
            "int" | "int32" => Self::I32,
            "uint" | "uint32" => Self::U32,
            "half" | "float16" => Self::F16,
            "float" | "float32" => Self::F32,
            "double" | "float64" => Self::F64,
            _ => return None,
        })
    }

    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The number at the start of `bytes`.
    fn decode(self, bytes: &[u8], big: bool) -> f64 {
        macro_rules! number {
            ($t:ty) => {{
                let mut raw = [0; size_of::<$t>()];
                raw.copy_from_slice(&bytes[..size_of::<$t>()]);
                f64::from(if big { <$t>::from_be_bytes(raw) } else { <$t>::from_le_bytes(raw) })
            }};
        }
        match self {
            Self::I8 => number!(i8),
            Self::U8 => number!(u8),
            Self::I16 => number!(i16),
            Self::U16 => number!(u16),
            Self::I32 => number!(i32),
            Self::U32 => number!(u32),
            Self::F16 => number!(half::f16),
            Self::F32 => number!(f32),
            Self::F64 => number!(f64),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Property {
    pub name: String,
    /// Type of a value; `None` for a list.
    pub scalar: Option<Scalar>,
    /// Types of the length and of the values of a list.
    list: Option<(Scalar, Scalar)>,
}

#[derive(Clone, Debug)]
pub struct PlyElement {
    pub name: String,
    pub count: u64,
    pub properties: Vec<Property>,
}

#[derive(Clone, Debug)]
pub struct PlyHeader {
    pub encoding: Encoding,
    pub elements: Vec<PlyElement>,
    pub comments: Vec<String>,
    /// Bytes of the header, including the line `end_header` and a byte-order mark.
    pub bytes: u64,
}

/// A PLY file whose header has been read.
pub struct PlyFile {
    pub header: PlyHeader,
    /// Positioned at the first byte after the header.
    pub reader: BufReader<File>,
    /// Bytes of the whole file.
    pub length: u64,
}

impl PlyFile {
    /// Reads the header of an open file, from the start of the file.
    ///
    /// # Errors
    /// The line of the header that is wrong.
    pub fn new(mut file: File) -> Result<Self> {
        file.rewind()?;
        let length = file.metadata()?.len();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let header = PlyHeader::read(&mut reader)?;
        Ok(Self { header, reader, length })
    }

    /// Reads the whole file, including its header.
    pub fn whole(self) -> Result<(PlyHeader, Vec<u8>)> {
        let mut file = self.reader.into_inner();
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes).context("cannot read the file")?;
        Ok((self.header, bytes))
    }

    /// Number of bytes after the header.
    pub fn remaining(&self) -> u64 {
        self.length.saturating_sub(self.header.bytes)
    }
}

impl PlyHeader {
    /// Whether a comment says that the scene was trained with anti-aliasing: Brush's and splat-transform's
    /// `SplatRenderMode: mip`, or Postshot's `antialiased 1`.
    pub fn says_antialiased(&self) -> bool {
        self.comments.iter().any(|comment| {
            let comment = comment.to_lowercase();
            comment.strip_prefix("splatrendermode:").is_some_and(|mode| mode.trim() == "mip")
                || comment == "antialiased 1"
        })
    }

    /// The direction of the comment `up X Y Z`, which Dapple writes.
    pub fn up(&self) -> Option<Vec3> {
        let said = self.comments.iter().find_map(|comment| comment.strip_prefix("up "))?;
        direction(said.split_whitespace().map(|word| word.parse().ok()))
    }

    /// Reads a header: words apart by any blanks, in any case, with long comments, after a byte-order mark or none.
    ///
    /// # Errors
    /// The line that is wrong.
    pub fn read(reader: &mut impl BufRead) -> Result<Self> {
        let mut reader = reader.take(MAX_HEADER);
        let mut header = Self { encoding: Encoding::Ascii, elements: Vec::new(), comments: Vec::new(), bytes: 0 };
        let mut encoding = None;
        let mut raw = Vec::new();
        for number in 1.. {
            raw.clear();
            header.bytes += reader.read_until(b'\n', &mut raw)? as u64;
            ensure!(raw.ends_with(b"\n"), "not a PLY: its header does not end with end_header");
            let line = String::from_utf8_lossy(raw.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&raw));
            let line = line.trim();
            let (keyword, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            let keyword = keyword.to_ascii_lowercase();
            ensure!(number > 1 || keyword == "ply", "not a PLY: it does not start with the line \"ply\"");
            // Also what a damaged end of the header leads to: the numbers behind it.
            let plain = line.len() <= MAX_LINE && !line.chars().any(|c| c.is_control() && c != '\t');
            let free = ["comment", "obj_info"].contains(&keyword.as_str());
            ensure!(plain || free, "header line {number} is not text, or too long");
            match keyword.as_str() {
                "end_header" => break,
                "format" => encoding = Some(parse_format(rest)?),
                "comment" => header.comments.push(rest.trim().to_string()),
                "element" => {
                    let element = parse_element(rest);
                    header.elements.push(element.with_context(|| format!("header line {number}: \"{line}\""))?);
                }
                "property" => {
                    let element = header.elements.last_mut();
                    let element = element.with_context(|| format!("header line {number}: a property of no element"))?;
                    let property = parse_property(rest);
                    element.properties.push(property.with_context(|| format!("header line {number}: \"{line}\""))?);
                }
                _ => {}
            }
        }
        header.encoding = encoding.context("the header names no format")?;
        Ok(header)
    }
}

fn parse_format(rest: &str) -> Result<Encoding> {
    match rest.split_whitespace().next().map(str::to_ascii_lowercase).as_deref() {
        Some("ascii") => Ok(Encoding::Ascii),
        Some("binary_little_endian") => Ok(Encoding::LittleEndian),
        Some("binary_big_endian") => Ok(Encoding::BigEndian),
        _ => bail!("the header's format \"{rest}\" is not known"),
    }
}

fn parse_element(rest: &str) -> Result<PlyElement> {
    let mut words = rest.split_whitespace();
    let name = words.next().context("an element needs a name")?.to_ascii_lowercase();
    let count = words.next().and_then(|word| word.parse().ok()).context("an element needs a count")?;
    Ok(PlyElement { name, count, properties: Vec::new() })
}

fn parse_property(rest: &str) -> Result<Property> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let scalar = |kind: &str| Scalar::parse(kind).with_context(|| format!("type \"{kind}\" is not known"));
    match *words.as_slice() {
        [list, length, kind, name] if list.eq_ignore_ascii_case("list") => {
            let list = Some((scalar(length)?, scalar(kind)?));
            Ok(Property { name: name.to_string(), scalar: None, list })
        }
        [kind, name] => Ok(Property { name: name.to_string(), scalar: Some(scalar(kind)?), list: None }),
        _ => bail!("a property needs a type and a name"),
    }
}

impl PlyElement {
    /// Types of the properties in file order.
    ///
    /// # Errors
    /// A list, whose rows have no fixed size.
    pub fn scalars(&self) -> Result<Vec<Scalar>> {
        let scalar = |p: &Property| {
            p.scalar
                .with_context(|| format!("list property \"{}\" in element \"{}\" is not supported", p.name, self.name))
        };
        self.properties.iter().map(scalar).collect()
    }

    /// Index of a property within a row; names are the same in any case.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.properties.iter().position(|p| p.name.eq_ignore_ascii_case(name))
    }
}

/// Calls `row(index, values)` for every row of `element`, with the values of all properties in file order. `remaining` is
/// the number of bytes up to the end of the file: an element count that they cannot hold is an error.
pub fn for_each_row(
    reader: &mut impl BufRead,
    encoding: Encoding,
    element: &PlyElement,
    remaining: u64,
    mut row: impl FnMut(usize, &[f64]) -> Result<()>,
) -> Result<()> {
    let scalars = element.scalars()?;
    let mut values = vec![0.0; scalars.len()];
    check_size(encoding, element, remaining)?;
    if encoding == Encoding::Ascii {
        let mut line = String::new();
        for index in 0..element.count as usize {
            read_text_row(reader, element, index, &mut line)?;
            let mut words = line.split_ascii_whitespace();
            for (value, property) in values.iter_mut().zip(&element.properties) {
                let word = words.next().with_context(|| format!("row {index} ends before \"{}\"", property.name))?;
                *value = word.parse().ok().with_context(|| {
                    let start: String = word.chars().take(30).flat_map(char::escape_debug).collect();
                    format!("row {index}: \"{start}\" is not a number, in \"{}\"", property.name)
                })?;
            }
            row(index, &values)?;
        }
        return Ok(());
    }
    let big = encoding == Encoding::BigEndian;
    let mut bytes = vec![0; scalars.iter().map(|s| s.size()).sum()];
    for index in 0..element.count as usize {
        reader.read_exact(&mut bytes).with_context(|| format!("cannot read row {index}"))?;
        let mut at = 0;
        for (value, scalar) in values.iter_mut().zip(&scalars) {
            *value = scalar.decode(&bytes[at..], big);
            at += scalar.size();
        }
        row(index, &values)?;
    }
    Ok(())
}

/// The next line of an ASCII file that is not blank.
fn read_text_row(reader: &mut impl BufRead, element: &PlyElement, index: usize, line: &mut String) -> Result<()> {
    line.clear();
    while line.trim().is_empty() {
        line.clear();
        let read = reader.read_line(line).with_context(|| format!("row {index} is not text"))?;
        ensure!(
            read > 0,
            "cut short: {} rows of \"{}\" expected, {index} found; copy or export the file again",
            element.count,
            element.name
        );
    }
    Ok(())
}

/// Passes over the rows of an element, whose properties may be lists; returns their bytes.
///
/// # Errors
/// Rows that the `remaining` bytes cannot hold.
pub fn skip_rows(reader: &mut impl BufRead, encoding: Encoding, element: &PlyElement, remaining: u64) -> Result<u64> {
    let short =
        || format!("cut short: {} rows of \"{}\" expected; copy or export the file again", element.count, element.name);
    let mut read = 0;
    let mut line = String::new();
    ensure!(element.count <= remaining || element.properties.is_empty(), "{}", short());
    for index in 0..if element.properties.is_empty() { 0 } else { element.count as usize } {
        if encoding == Encoding::Ascii {
            read_text_row(reader, element, index, &mut line)?;
            read += line.len() as u64;
            continue;
        }
        for property in &element.properties {
            let size = match (property.scalar, property.list) {
                (Some(scalar), _) => scalar.size() as u64,
                (None, Some((length, kind))) => {
                    let mut raw = [0; 8];
                    let raw = &mut raw[..length.size()];
                    reader.read_exact(raw).with_context(short)?;
                    read += raw.len() as u64;
                    // A negative length is none, and one that is not finite saturates.
                    (length.decode(raw, encoding == Encoding::BigEndian) as u64).saturating_mul(kind.size() as u64)
                }
                (None, None) => 0,
            };
            ensure!(size <= remaining.saturating_sub(read), "{}", short());
            std::io::copy(&mut Read::by_ref(reader).take(size), &mut std::io::sink()).with_context(short)?;
            read += size;
        }
    }
    Ok(read)
}

/// Checks that the `remaining` bytes of the file can hold the rows that the header claims.
pub fn check_size(encoding: Encoding, element: &PlyElement, remaining: u64) -> Result<()> {
    let scalars = element.scalars()?;
    let stride = match encoding {
        // A digit and a space or line end each.
        Encoding::Ascii => 2 * scalars.len(),
        _ => scalars.iter().map(|s| s.size()).sum(),
    } as u64;
    ensure!(stride > 0 || element.count == 0, "element \"{}\" has no properties", element.name);
    // The last line may lack its end.
    let slack = u64::from(encoding == Encoding::Ascii);
    let needed = element.count.checked_mul(stride).map(|n| n.saturating_sub(slack));
    let (count, name) = (element.count, &element.name);
    match needed {
        Some(needed) if needed <= remaining => Ok(()),
        Some(needed) => {
            let least = if encoding == Encoding::Ascii { "at least " } else { "" };
            bail!(
                "cut short: {count} rows of \"{name}\" need {least}{needed} bytes, {remaining} found; copy or export the file again"
            )
        }
        None => bail!("the header claims {count} rows of \"{name}\", more than any file holds"),
    }
}
