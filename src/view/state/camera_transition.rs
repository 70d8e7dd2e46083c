//! The way of the eye from one place to another.

use std::time::Instant;

use super::navigation::Eye;

/// Seconds that the eye takes from one place to another.
const SECONDS: f64 = 0.45;

/// The way from one eye to another.
pub struct CameraTransition {
    from: Eye,
    to: Eye,
    since: Instant,
    /// The shot that is looked through on arrival.
    pub through: Option<usize>,
}

impl CameraTransition {
    pub fn new(from: Eye, to: Eye, through: Option<usize>) -> Self {
        Self { from, to, since: Instant::now(), through }
    }

    /// The eye of the moment, and whether it has arrived.
    pub fn now(&self) -> (Eye, bool) {
        let t = (self.since.elapsed().as_secs_f64() / SECONDS).min(1.0);
        let smooth = t * t * (3.0 - 2.0 * t);
        if t >= 1.0 { (self.to, true) } else { (Eye::between(&self.from, &self.to, smooth), false) }
    }
}
