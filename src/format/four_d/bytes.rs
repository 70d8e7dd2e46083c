//! Numbers, texts and records as bytes, little endian.

use anyhow::{Context, Result, ensure};

use crate::format::bounded::CUT_SHORT;

/// Bytes that grow.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn numbers(&mut self, values: &[f64]) -> &mut Self {
        values.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.u32(text.len() as u32);
        self.0.extend(text.as_bytes());
        self
    }

    /// Pairs of texts; `pairs` are sorted by their first.
    pub fn map(&mut self, pairs: &[(&str, String)]) -> &mut Self {
        let mut body = Self::default();
        pairs.iter().for_each(|(key, value)| {
            body.text(key).text(value);
        });
        self.u32(body.0.len() as u32);
        self.0.extend(body.0);
        self
    }

    /// A record; returns its offset.
    pub fn record(&mut self, opcode: u8, content: &[u8]) -> u64 {
        let offset = self.0.len() as u64;
        self.byte(opcode).u64(content.len() as u64);
        self.0.extend(content);
        offset
    }
}

/// Bytes that are read from the front.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, size: u64) -> Result<&'a [u8]> {
        let parts = usize::try_from(size).ok().and_then(|size| self.0.split_at_checked(size));
        let (taken, rest) = parts.with_context(|| format!("it ends within {size} bytes of a record; {CUT_SHORT}"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N as u64)?);
        Ok(bytes)
    }

    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn numbers<const N: usize>(&mut self) -> Result<[f64; N]> {
        let mut numbers = [0.0; N];
        for number in &mut numbers {
            *number = f64::from_le_bytes(self.array()?);
        }
        Ok(numbers)
    }

    pub fn text(&mut self) -> Result<&'a str> {
        let length = self.u32()?;
        std::str::from_utf8(self.take(length.into())?).context("a text is no UTF-8")
    }

    /// Pairs of texts.
    pub fn map(&mut self) -> Result<Vec<(&'a str, &'a str)>> {
        let length = self.u32()?;
        let mut body = Reader(self.take(length.into())?);
        let mut pairs = Vec::new();
        while !body.0.is_empty() {
            pairs.push((body.text()?, body.text()?));
        }
        Ok(pairs)
    }

    /// The kind and the content of the next record.
    pub fn record(&mut self) -> Result<(u8, Reader<'a>)> {
        let (opcode, length) = (self.byte()?, self.u64()?);
        ensure!(length <= self.0.len() as u64, "a record of {length} bytes goes beyond the file; {CUT_SHORT}");
        Ok((opcode, Reader(self.take(length)?)))
    }
}
