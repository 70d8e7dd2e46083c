//! The sections of a binary layer: tokens, fields, paths and specs, and the values that they refer to.

use anyhow::{Context, Result, bail, ensure};

use super::lz4;
use crate::format::bounded::{limit, slice};
use crate::format::quantise::{u16_at, u32_at, u64_at};

/// The end of a set of fields.
const END: i32 = -1;
/// Kinds of values.
const TOKEN: u64 = 11;
const TIME_SAMPLES: u64 = 46;

/// A path: its parent, and its name within it.
pub struct CratePath {
    pub parent: Option<usize>,
    pub name: String,
}

#[derive(Clone, Copy)]
pub struct Field {
    /// Index of its name.
    pub token: usize,
    /// Where and what its value is.
    pub value: u64,
}

pub struct Spec {
    pub path: usize,
    /// Index of the first of its fields.
    fields: usize,
    pub kind: u32,
}

pub enum Value {
    Numbers(Vec<f64>),
    Token(String),
    Tokens(Vec<String>),
    /// Of a kind that no scene needs.
    Other,
}

pub struct CrateFile<'a> {
    bytes: &'a [u8],
    /// Minor version, of major 0.
    minor: u8,
    pub tokens: Vec<String>,
    fields: Vec<Field>,
    sets: Vec<i32>,
    pub paths: Vec<CratePath>,
    pub specs: Vec<Spec>,
}

/// Reads numbers one after the other.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, size: usize) -> Result<&'a [u8]> {
        let found = slice(self.bytes, self.at, size, "a section of the layer")?;
        self.at += size;
        Ok(found)
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64_at(self.take(8)?, 0))
    }

    /// A number of things that take at least `size` bytes each when they are decompressed.
    fn count(&mut self, size: usize) -> Result<usize> {
        let count = self.u64()?;
        let most = limit(self.bytes.len() as u64) / size as u64;
        ensure!(count <= most, "the layer claims {count} entries, more than it can hold");
        Ok(count as usize)
    }

    fn compressed(&mut self) -> Result<&'a [u8]> {
        let size = self.count(1)?;
        self.take(size)
    }

    fn integers(&mut self, count: usize) -> Result<Vec<i32>> {
        let bytes = self.compressed()?;
        if count == 0 { Ok(Vec::new()) } else { lz4::integers(bytes, count) }
    }
}

impl<'a> CrateFile<'a> {
    /// # Errors
    /// A version that is not known, or the section that is damaged.
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
        let head = slice(bytes, 0, 88, "the header")?;
        let (major, minor) = (head[8], head[9]);
        ensure!(major == 0 && (4..=13).contains(&minor), "version {major}.{minor} of binary USD is not supported");
        let mut table = Cursor { bytes, at: usize::try_from(u64_at(head, 16))? };
        let sections = table.count(32)?;
        let mut file = Self {
            bytes,
            minor,
            tokens: Vec::new(),
            fields: Vec::new(),
            sets: Vec::new(),
            paths: Vec::new(),
            specs: Vec::new(),
        };
        let mut places = Vec::new();
        for _ in 0..sections {
            let entry = table.take(32)?;
            let end = entry[..16].iter().position(|&byte| byte == 0).unwrap_or(16);
            places.push((&entry[..end], usize::try_from(u64_at(entry, 16))?));
        }
        let section = |name: &str| {
            let found = places.iter().find(|(found, _)| *found == name.as_bytes());
            found.map(|(_, at)| Cursor { bytes, at: *at }).with_context(|| format!("no section {name}"))
        };
        file.read_tokens(section("TOKENS")?).context("section TOKENS")?;
        file.read_fields(section("FIELDS")?).context("section FIELDS")?;
        let mut sets = section("FIELDSETS")?;
        let count = sets.count(4)?;
        file.sets = sets.integers(count).context("section FIELDSETS")?;
        file.read_paths(section("PATHS")?).context("section PATHS")?;
        file.read_specs(section("SPECS")?).context("section SPECS")?;
        Ok(file)
    }

    fn read_tokens(&mut self, mut at: Cursor) -> Result<()> {
        let count = at.count(1)?;
        let size = at.count(1)?;
        let text = lz4::decompress(at.compressed()?, size)?;
        self.tokens =
            text.split(|&byte| byte == 0).take(count).map(|t| String::from_utf8_lossy(t).into_owned()).collect();
        ensure!(self.tokens.len() == count, "{} tokens, not {count}", self.tokens.len());
        Ok(())
    }

    fn read_fields(&mut self, mut at: Cursor) -> Result<()> {
        let count = at.count(12)?;
        let names = at.integers(count)?;
        let values = lz4::decompress(at.compressed()?, 8 * count)?;
        for (name, value) in names.into_iter().zip(values.as_chunks::<8>().0) {
            let token = usize::try_from(name).ok().filter(|&name| name < self.tokens.len());
            self.fields
                .push(Field { token: token.context("a name that is not there")?, value: u64::from_le_bytes(*value) });
        }
        Ok(())
    }

    fn read_paths(&mut self, mut at: Cursor) -> Result<()> {
        at.count(12)?;
        let count = at.count(12)?;
        let (places, names, jumps) = (at.integers(count)?, at.integers(count)?, at.integers(count)?);
        self.paths = (0..count).map(|_| CratePath { parent: None, name: String::new() }).collect();
        let mut visited = vec![false; count];
        let mut stack = if count == 0 { Vec::new() } else { vec![(0, None)] };
        while let Some((index, parent)) = stack.pop() {
            let seen = visited.get_mut(index).context("a path that is not there")?;
            ensure!(!std::mem::replace(seen, true), "a path in a circle");
            let place = usize::try_from(places[index]).ok().filter(|&place| place < count);
            let place = place.context("a path that is not there")?;
            if parent.is_some() {
                let name = self.tokens.get(names[index].unsigned_abs() as usize).context("a name that is not there")?;
                self.paths[place] = CratePath { parent, name: name.clone() };
            }
            let jump = jumps[index];
            // The sibling is looked at last.
            if jump >= 0 {
                let sibling = if jump == 0 { index + 1 } else { index + jump as usize };
                stack.push((sibling, parent));
            }
            if jump > 0 || jump == -1 {
                stack.push((index + 1, Some(place)));
            }
        }
        Ok(())
    }

    fn read_specs(&mut self, mut at: Cursor) -> Result<()> {
        let count = at.count(12)?;
        let (paths, fields, kinds) = (at.integers(count)?, at.integers(count)?, at.integers(count)?);
        let index = |value: i32| usize::try_from(value).context("a negative index");
        for ((path, fields), kind) in paths.into_iter().zip(fields).zip(kinds) {
            self.specs.push(Spec { path: index(path)?, fields: index(fields)?, kind: kind as u32 });
        }
        Ok(())
    }

    pub fn fields_of(&self, spec: &Spec) -> Result<Vec<Field>> {
        let set = self.sets.get(spec.fields..).context("a set of fields that is not there")?;
        let field = |&index: &i32| self.fields.get(index as usize).copied().context("a field that is not there");
        set.iter().take_while(|&&index| index != END).map(field).collect()
    }

    /// The value at a place: its kind, whether it is an array, compressed or within the place itself.
    ///
    /// # Errors
    /// A value that reaches beyond the file.
    pub fn value(&self, rep: u64) -> Result<Value> {
        let (array, inlined, compressed) = (rep >> 63 & 1 == 1, rep >> 62 & 1 == 1, rep >> 61 & 1 == 1);
        let (kind, payload) = (rep >> 48 & 255, rep & 0xffff_ffff_ffff);
        let mut at = Cursor { bytes: self.bytes, at: usize::try_from(payload)? };
        match kind {
            TOKEN if array => {
                let count = if payload == 0 { 0 } else { self.size(&mut at)? };
                let words = at.take(4 * count)?;
                (0..count).map(|i| self.token(u32_at(words, 4 * i))).collect::<Result<_>>().map(Value::Tokens)
            }
            TOKEN => self.token(payload as u32).map(Value::Token),
            TIME_SAMPLES => {
                let times = u64_at(at.take(8)?, 0);
                let after = (payload.wrapping_add(times) as usize).saturating_add(8);
                let mut at = Cursor { bytes: self.bytes, at: after };
                let values = at.u64()?;
                at.at = after.wrapping_add(values as usize);
                ensure!(at.u64()? > 0, "no time samples");
                let first = at.u64()?;
                ensure!(first >> 48 & 255 != TIME_SAMPLES, "time samples in time samples");
                self.value(first)
            }
            _ => match components(kind) {
                None => Ok(Value::Other),
                Some(_) if array && payload == 0 => Ok(Value::Numbers(Vec::new())),
                Some((scalar, width)) if array => {
                    let count = self.size(&mut at)?;
                    if compressed && count >= 16 && width == 1 {
                        return self.packed(scalar, count, &mut at).map(Value::Numbers);
                    }
                    let bytes = at.take(count.saturating_mul(width * scalar.size()))?;
                    Ok(Value::Numbers(ordered(kind, scalar.all(bytes))))
                }
                Some((scalar, width)) if inlined => Ok(Value::Numbers(scalar.inlined(kind, width, payload as u32))),
                Some((scalar, width)) => Ok(Value::Numbers(ordered(kind, scalar.all(at.take(width * scalar.size())?)))),
            },
        }
    }

    fn token(&self, index: u32) -> Result<String> {
        self.tokens.get(index as usize).cloned().context("a token that is not there")
    }

    /// The length of an array.
    fn size(&self, at: &mut Cursor) -> Result<usize> {
        if self.minor < 5 {
            // The number of dimensions, which is 1.
            at.take(4)?;
        }
        let count = if self.minor < 7 { u64::from(u32_at(at.take(4)?, 0)) } else { at.u64()? };
        ensure!(count <= limit(self.bytes.len() as u64), "an array of {count}, more than the layer can hold");
        Ok(count as usize)
    }

    /// An array of compressed integers, or of floats that are integers or of few values.
    fn packed(&self, scalar: Scalar, count: usize, at: &mut Cursor) -> Result<Vec<f64>> {
        ensure!(
            count as u64 <= limit(self.bytes.len() as u64) / 8,
            "an array of {count}, more than the layer can hold"
        );
        let numbers = |values: Vec<i32>| values.into_iter().map(f64::from).collect();
        match scalar {
            Scalar::Int => at.integers(count).map(numbers),
            Scalar::Half | Scalar::Float | Scalar::Double => match at.take(1)?[0] {
                b'i' => at.integers(count).map(numbers),
                b't' => {
                    let size = u32_at(at.take(4)?, 0) as usize;
                    let table = scalar.all(at.take(size.saturating_mul(scalar.size()))?);
                    let value = |place: i32| table.get(place as usize).copied().context("a value that is not there");
                    at.integers(count)?.into_iter().map(value).collect()
                }
                other => bail!("floats compressed in the way {other} are not known"),
            },
            Scalar::Byte => bail!("compressed bytes are not known"),
        }
    }
}

#[derive(Clone, Copy)]
enum Scalar {
    Byte,
    Int,
    Half,
    Float,
    Double,
}

impl Scalar {
    fn size(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Int | Self::Float => 4,
            Self::Double => 8,
        }
    }

    fn all(self, bytes: &[u8]) -> Vec<f64> {
        let one = |raw: &[u8]| match self {
            Self::Byte => f64::from(raw[0]),
            Self::Int => f64::from(u32_at(raw, 0) as i32),
            Self::Half => f64::from(half::f16::from_bits(u16_at(raw, 0))),
            Self::Float => f64::from(f32::from_bits(u32_at(raw, 0))),
            Self::Double => f64::from_bits(u64_at(raw, 0)),
        };
        bytes.chunks_exact(self.size()).map(one).collect()
    }

    /// A value of four bytes: a vector of small integers, the diagonal of a matrix, a number, or a double as a float.
    fn inlined(self, kind: u64, width: usize, payload: u32) -> Vec<f64> {
        let bytes = payload.to_le_bytes();
        let small = |k: usize| f64::from(bytes[k.min(3)] as i8);
        match (kind, width, self) {
            (MATRIX, ..) => (0..16).map(|i| if i % 5 == 0 { small(i / 5) } else { 0.0 }).collect(),
            (_, 2.., _) => (0..width).map(small).collect(),
            (.., Self::Double) => Self::Float.all(&bytes),
            _ => self.all(&bytes).into_iter().take(1).collect(),
        }
    }
}

/// A matrix of 4 by 4 doubles.
const MATRIX: u64 = 15;
/// Quaternions, which have their real part last.
const QUATERNIONS: std::ops::RangeInclusive<u64> = 16..=18;

/// The type of the numbers of a kind of value, and how many it has.
fn components(kind: u64) -> Option<(Scalar, usize)> {
    let of = |first: u64| [Scalar::Double, Scalar::Float, Scalar::Half, Scalar::Int][(kind - first) as usize];
    Some(match kind {
        1 | 2 => (Scalar::Byte, 1),
        3 | 4 => (Scalar::Int, 1),
        7 => (Scalar::Half, 1),
        8 => (Scalar::Float, 1),
        9 => (Scalar::Double, 1),
        MATRIX => (Scalar::Double, 16),
        16..=18 => (of(16), 4),
        19..=22 => (of(19), 2),
        23..=26 => (of(23), 3),
        27..=30 => (of(27), 4),
        _ => return None,
    })
}

/// Numbers as the text has them: the real part of a quaternion first.
fn ordered(kind: u64, mut numbers: Vec<f64>) -> Vec<f64> {
    if QUATERNIONS.contains(&kind) {
        numbers.chunks_exact_mut(4).for_each(|q| q.rotate_right(1));
    }
    numbers
}
