//! Exposures by EXIF (CIPA DC-008): time, aperture and sensitivity of a photo.

use rayon::prelude::*;

use super::capture::Capture;
use super::images;

/// Tags, by their numbers in the standard.
const EXPOSURE_TIME: u16 = 0x829a;
const F_NUMBER: u16 = 0x829d;
const EXIF_IFD: u16 = 0x8769;
const SENSITIVITY: u16 = 0x8827;

/// Types of values.
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;

impl Capture {
    /// How bright each photo is exposed by its EXIF, in stops: the binary logarithm of seconds times sensitivity over the
    /// squared aperture. `None` for a photo that does not state its time. Reads headers alone.
    pub fn stops(&self) -> Vec<Option<f64>> {
        self.shots.par_iter().map(|shot| stops(&images::exif(&shot.image)?)).collect()
    }
}

/// The stops of an EXIF block; what of aperture and sensitivity it does not state counts as f/1 and ISO 100.
fn stops(exif: &[u8]) -> Option<f64> {
    let file = Tiff::new(exif)?;
    let inner = file.value(file.long(4)?, EXIF_IFD)? as usize;
    let time = file.value(inner, EXPOSURE_TIME)?;
    let aperture = file.value(inner, F_NUMBER).filter(|f| *f > 0.0).unwrap_or(1.0);
    let sensitivity = file.value(inner, SENSITIVITY).filter(|s| *s > 0.0).unwrap_or(100.0);
    let stops = (time * sensitivity / 100.0 / (aperture * aperture)).log2();
    stops.is_finite().then_some(stops)
}

/// A block of tags as TIFF has them.
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let little = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        Some(Self { bytes, little })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) } as usize)
    }

    /// The first value of a tag of the directory at an offset.
    fn value(&self, directory: usize, tag: u16) -> Option<f64> {
        let count = usize::from(self.short(directory)?);
        let entry = (0..count).map(|i| directory + 2 + 12 * i).find(|&entry| self.short(entry) == Some(tag))?;
        match self.short(entry + 2)? {
            SHORT => self.short(entry + 8).map(f64::from),
            LONG => self.long(entry + 8).map(|value| value as f64),
            RATIONAL => {
                let at = self.long(entry + 8)?;
                Some(self.long(at)? as f64 / self.long(at.checked_add(4)?)? as f64)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An EXIF block of a photo of 1/60 s, f/2.8 and a sensitivity, in one byte order.
    fn block(little: bool, sensitivity: u16) -> Vec<u8> {
        let short = |v: u16| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let long = |v: u32| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let entry = |tag, kind, value: [u8; 4]| [&short(tag)[..], &short(kind), &long(1), &value].concat();
        let head = if little { *b"II*\0" } else { *b"MM\0*" };
        let mut bytes = [&head[..], &long(8), &short(1), &entry(EXIF_IFD, LONG, long(26)), &long(0)].concat();
        let mut value = [0; 4];
        value[..2].copy_from_slice(&short(sensitivity));
        bytes.extend(short(3));
        bytes.extend(entry(EXPOSURE_TIME, RATIONAL, long(68)));
        bytes.extend(entry(F_NUMBER, RATIONAL, long(76)));
        bytes.extend(entry(SENSITIVITY, SHORT, value));
        bytes.extend(long(0));
        bytes.extend([1u32, 60, 28, 10].map(long).concat());
        bytes
    }

    #[test]
    fn exposures_are_read_in_both_byte_orders() {
        let want = (4.0_f64 / 60.0 / 7.84).log2();
        for little in [true, false] {
            let got = stops(&block(little, 400)).expect("reads");
            assert!((got - want).abs() < 1e-9, "{got}, not {want}");
        }
        let half = stops(&block(true, 200)).expect("reads");
        assert!((half - want + 1.0).abs() < 1e-9, "half the sensitivity is a stop less");
    }

    #[test]
    fn damaged_blocks_state_nothing() {
        let whole = block(true, 100);
        for length in 0..whole.len() - 16 {
            stops(&whole[..length]);
        }
        assert_eq!(stops(&whole[..60]), None);
        assert_eq!(stops(b"II*\0\xff\xff\xff\xff"), None);
        let mut timeless = whole;
        timeless[68..72].fill(0);
        assert_eq!(stops(&timeless), None, "no time at all");
    }
}
