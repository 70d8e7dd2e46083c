//! Values in descriptions: colours and lengths.

use glam::{DVec3, dvec3};
use serde::Deserialize;

/// A colour, kept as linear Rec. 709.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Colour(pub DVec3);

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        let value = value.ok_or_else(|| format!("\"{text}\" is not a colour; write it as \"#rrggbb\""))?;
        let channel = |shift: u32| to_linear(f64::from((value >> shift) & 255) / 255.0);
        Ok(Self(dvec3(channel(16), channel(8), channel(0))))
    }
}

/// The inverse of the sRGB transfer function (IEC 61966-2-1).
fn to_linear(encoded: f64) -> f64 {
    if encoded <= 0.04045 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) }
}

/// Whether a length is usable: finite, above 0, and small enough that its square is finite too.
pub fn positive(value: f64) -> bool {
    value > 0.0 && value < 1e9
}
