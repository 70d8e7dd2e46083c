//! `.4dgs`, major version 1, temporal model `gaussian-birth` (docs/formats.md 1.14): records with streams of integers on
//! grids of stated steps, in chunks of time.

mod bytes;
mod plan;
mod read;
mod stream;
mod write;

pub use read::read;
pub(super) use write::order;
pub use write::write;

/// The first and the last bytes of a file.
pub(super) const MAGIC: [u8; 8] = *b"\x894DGS1\r\n";
/// The only temporal model that is read.
const MODEL: &str = "gaussian-birth";
/// The name of the grids.
const GRIDS: &str = "uniform-v1";
/// The attribute that names the axes, and the value of files with y up.
const AXES: &str = "coordinate_system";
const Y_UP: &str = "y-up-right-handed";
/// Channels of the streams that every chunk has, by their ids.
const CHANNELS: [u8; 11] = [3, 3, 1, 3, 3, 1, 3, 1, 1, 1, 1];
/// The range of harmonics, which are bytes.
const HARMONICS: (f32, f32) = (-4.0, 8.0);

/// The kinds of records.
mod opcode {
    pub const HEADER: u8 = 0x01;
    pub const FOOTER: u8 = 0x02;
    pub const QUANTIZATION: u8 = 0x03;
    pub const WINDOWS: u8 = 0x04;
    pub const CHUNK: u8 = 0x05;
    pub const BAND: u8 = 0x07;
    pub const INDEX: u8 = 0x08;
    pub const STATISTICS: u8 = 0x0c;
    pub const DELTA_CHUNK: u8 = 0x10;
    pub const SOUND: [u8; 3] = [0x09, 0x11, 0x12];
    pub const FRAME: u8 = 0x20;
    pub const OBJECTS: [u8; 2] = [0x24, 0x25];
}

/// The ids of streams, which are their places in [`CHANNELS`].
mod id {
    pub const POSITION: usize = 0;
    pub const SCALE: usize = 1;
    pub const LARGEST: usize = 2;
    pub const ROTATION: usize = 3;
    pub const COLOUR: usize = 4;
    pub const OPACITY: usize = 5;
    pub const MOTION: usize = 6;
    pub const TIME: usize = 7;
    pub const SIGMA: usize = 8;
    pub const FLAGS: usize = 9;
    pub const WINDOW: usize = 10;
    pub const BAND: u8 = 7;
}

/// The steps of the grids; those of scales and durations are of logarithms.
#[derive(Clone, Copy, Debug)]
struct Steps {
    origin: [f64; 3],
    position: f64,
    scale: f64,
    rotation: f64,
    colour: f64,
    opacity: f64,
    motion: f64,
    time: f64,
    sigma: f64,
    /// Durations from a Gaussian's time to where it counts as unseen.
    support: f64,
}

/// How long a Gaussian is seen.
#[derive(Clone, Copy)]
enum Life {
    /// The bin of its duration.
    Fades(i64),
    /// The length of its window, in seconds.
    Stays(f64),
}

impl Steps {
    /// The step of a Gaussian's velocity: the longer it is seen, the finer.
    fn motion_of(&self, life: Life) -> f64 {
        let half = match life {
            Life::Fades(bin) => self.support * (bin as f64 * self.sigma).exp(),
            Life::Stays(window) => window,
        };
        let class = (half.clamp(0.02, 2.0) / 0.5).log2().ceil().clamp(-4.0, 2.0);
        self.motion * (-class).exp2()
    }

    /// The step of a Gaussian's time: a twentieth of its duration, or finer.
    fn time_of(&self, life: Life) -> f64 {
        let Life::Fades(bin) = life else { return self.time };
        let wanted = self.time.min(0.05 * (bin as f64 * self.sigma).exp());
        self.time * (wanted / self.time).log2().floor().clamp(-10.0, 0.0).exp2()
    }
}

/// Durations after which a Gaussian falls below the share `cutoff` of its opacity.
fn support(cutoff: f64) -> f64 {
    (-2.0 * cutoff.ln()).sqrt()
}
