//! What EXIF (CIPA DC-008) tells of a photo: its exposure by time, aperture and sensitivity, and where down is by the
//! accelerometer of a phone.

use glam::{DVec3, dvec3};

/// Tags, by their numbers in the standard.
const EXPOSURE_TIME: u16 = 0x829a;
const F_NUMBER: u16 = 0x829d;
const EXIF_IFD: u16 = 0x8769;
const SENSITIVITY: u16 = 0x8827;
const MAKER_NOTE: u16 = 0x927c;
/// Of Apple's notes, by ExifTool's list of them.
const ACCELERATION: u16 = 0x0008;

/// The start of Apple's notes; a TIFF directory follows, of big-endian numbers unless it says otherwise, with offsets from
/// the start of the notes.
const APPLE: &[u8] = b"Apple iOS\0\0\x01";

/// Acceleration besides that of gravity from which on a phone's says nothing of where down is, in g.
const SHAKEN: f64 = 0.2;

/// Types of values.
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const UNDEFINED: u16 = 7;
const SIGNED_RATIONAL: u16 = 10;

/// The stops of an EXIF block; what of aperture and sensitivity it does not state counts as f/1 and ISO 100.
pub fn stops(exif: &[u8]) -> Option<f64> {
    let file = Tiff::new(exif)?;
    let inner = file.value(file.long(4)?, EXIF_IFD)? as usize;
    let time = file.value(inner, EXPOSURE_TIME)?;
    let aperture = file.value(inner, F_NUMBER).filter(|f| *f > 0.0).unwrap_or(1.0);
    let sensitivity = file.value(inner, SENSITIVITY).filter(|s| *s > 0.0).unwrap_or(100.0);
    let stops = (time * sensitivity / 100.0 / (aperture * aperture)).log2();
    stops.is_finite().then_some(stops)
}

/// The direction of gravity, of length 1, in the frame of the camera as the image is stored (x right, y down, z forward), by
/// an EXIF block of an iPhone. `None` where it does not state it, or the phone was shaken.
///
/// The phone's axes are x to its right, y to its top and z out of its screen. The stored image is upright where the phone
/// lies on its left side, so that its x is the phone's -y and its y the phone's -x.
pub fn gravity(exif: &[u8]) -> Option<DVec3> {
    let file = Tiff::new(exif)?;
    let inner = file.value(file.long(4)?, EXIF_IFD)? as usize;
    let entry = file.entry(inner, MAKER_NOTE).filter(|entry| file.short(entry + 2) == Some(UNDEFINED))?;
    let notes = exif.get(file.long(entry + 8)?..)?;
    let little = match notes.strip_prefix(APPLE)?.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let notes = Tiff { bytes: notes, little };
    let entry = notes.entry(APPLE.len() + 2, ACCELERATION)?;
    if notes.short(entry + 2) != Some(SIGNED_RATIONAL) || notes.long(entry + 4) != Some(3) {
        return None;
    }
    let at = notes.long(entry + 8)?;
    let number = |i: usize| {
        let signed = |at: usize| notes.long(at).map(|bits| f64::from(bits as u32 as i32));
        Some(signed(at.checked_add(8 * i)?)? / signed(at.checked_add(8 * i + 4)?)?)
    };
    let acceleration = dvec3(-number(1)?, -number(0)?, -number(2)?);
    (acceleration.length() - 1.0).abs().le(&SHAKEN).then(|| acceleration.normalize())
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

    /// Where the entry of a tag is, of the directory at an offset.
    fn entry(&self, directory: usize, tag: u16) -> Option<usize> {
        let count = usize::from(self.short(directory)?);
        (0..count).map(|i| directory + 2 + 12 * i).find(|&entry| self.short(entry) == Some(tag))
    }

    /// The first value of a tag of the directory at an offset.
    fn value(&self, directory: usize, tag: u16) -> Option<f64> {
        let entry = self.entry(directory, tag)?;
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

/// An EXIF block as an iPhone writes it, with an acceleration in g along the phone's axes.
#[cfg(test)]
pub(super) fn apple(acceleration: [f64; 3], little: bool) -> Vec<u8> {
    let tag = |tag: u16, kind: u16, count: u32, value: u32| {
        if little {
            [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
        } else {
            [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value.to_be_bytes()].concat()
        }
    };
    let short = |v: u16| if little { v.to_le_bytes() } else { v.to_be_bytes() };
    let long = |v: u32| if little { v.to_le_bytes() } else { v.to_be_bytes() };
    let ratios = acceleration.map(|g| [(g * 1e6) as i32 as u32, 1_000_000].map(u32::to_be_bytes).concat()).concat();
    // The notes have an order of bytes of their own.
    let mut entry = [&ACCELERATION.to_be_bytes()[..], &SIGNED_RATIONAL.to_be_bytes()].concat();
    entry.extend([3u32, 32].map(u32::to_be_bytes).concat());
    let notes = [APPLE, b"MM", &1u16.to_be_bytes(), &entry, &[0; 4], &ratios].concat();
    let head = [if little { b"II*\0" } else { b"MM\0*" }, &long(8)[..], &short(1)].concat();
    let inner = [&short(1)[..], &tag(MAKER_NOTE, UNDEFINED, notes.len() as u32, 44), &[0; 4]].concat();
    [head, tag(EXIF_IFD, LONG, 1, 26), vec![0; 4], inner, notes].concat()
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
    fn gravity_is_read_in_the_frame_of_the_stored_image() {
        // The phone's screen faces its holder: standing, it is pulled to its bottom, and its stored images lie on their side.
        for (held, want) in [
            ([0.0, -1.0, 0.0], DVec3::X),
            ([-1.0, 0.0, 0.0], DVec3::Y),
            ([1.0, 0.0, 0.0], -DVec3::Y),
            ([0.0, 0.0, -1.0], DVec3::Z),
        ] {
            for little in [true, false] {
                let got = gravity(&apple(held, little)).expect("states it");
                assert!((got - want).length() < 1e-6, "{held:?}: {got}, not {want}");
            }
        }
        // What phones wrote: of a rocket in the sky, with an orientation of 6, and of a box on a table, with one of 1.
        let rocket = gravity(&apple([0.0231, -0.9398, 0.3482], true)).expect("states it");
        assert!(rocket.x > 0.9 && rocket.z < -0.3, "it looks up: {rocket}");
        let table = gravity(&apple([-0.9843, 0.0059, -0.1576], true)).expect("states it");
        assert!(table.y > 0.9 && table.z > 0.1, "it looks down: {table}");
        assert_eq!(gravity(&apple([0.0, -1.4, 0.0], true)), None, "shaken");
        assert_eq!(gravity(&apple([0.0; 3], true)), None, "falling");
        assert_eq!(gravity(&block(true, 100)), None, "of another maker");
        let whole = apple([0.0, -1.0, 0.0], true);
        for length in 0..whole.len() {
            assert_eq!(gravity(&whole[..length]), None, "cut at {length}");
        }
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
