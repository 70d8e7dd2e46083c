//! SOG in motion, `.tsog`: base version 4 with playback profile 1 (docs/formats.md 1.13). SOG's images, and two more each
//! for time and velocity, in a zip archive.

mod meta;
mod read;
mod write;

pub use read::read;
pub use write::write;

/// The version of the base encoding, and the profile's name and version.
pub(super) const VERSION: u64 = 4;
const PROFILE: (&str, u64) = ("org.opsiclear.tsog-playback", 1);
/// The member that says which axis is up, and is ignored by others.
const AXES: &str = "axes";
