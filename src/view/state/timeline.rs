//! The clock of a dynamic scene.

use std::time::Instant;

use super::document::Document;

/// Moments a second at speed 1, where nothing says another.
const RATE: f64 = 24.0;

/// Behaviour at the ends of the clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    Stop,
    Loop,
    PingPong,
}

/// A clip's clock. Time follows the wall, so that slow frames are dropped and nothing drifts.
#[derive(Debug)]
pub struct Timeline {
    /// Position at which playing began, in passes of the clip: from 0 to 1, or to 2 where it comes back.
    start: f64,
    since: Option<Instant>,
    /// Seconds of the clip at speed 1.
    pub seconds: f64,
    pub speed: f64,
    pub ends: Ends,
    /// Number of evenly spaced moments, where they are known: the files of a sequence, or the times of the capture.
    moments: Option<usize>,
    /// Whether only those moments are shown, each for the same time.
    pub snaps: bool,
    /// Pictures a second while it plays.
    rate: Rate,
}

/// Rate of the pictures, from the times between the last of them.
#[derive(Debug, Default)]
struct Rate {
    last: Option<Instant>,
    each: f64,
}

impl Rate {
    fn note(&mut self) {
        let passed = self.last.map(|last| last.elapsed().as_secs_f64());
        self.last = Some(Instant::now());
        if let Some(passed) = passed {
            self.each = if self.each > 0.0 { 0.8 * self.each + 0.2 * passed } else { passed };
        }
    }
}

impl Default for Timeline {
    fn default() -> Self {
        let (seconds, speed, ends) = (4.0, 1.0, Ends::Loop);
        Self { start: 0.0, since: None, seconds, speed, ends, moments: None, snaps: false, rate: Rate::default() }
    }
}

impl Timeline {
    /// The clock of a scene: where moments are known, at [`RATE`] of them a second.
    pub fn of(document: &Document) -> Self {
        let known = Self { moments: document.moments, snaps: document.is_sequence, ..Self::default() };
        Self { seconds: document.moments.map_or(known.seconds, |moments| (moments as f64 / RATE).max(0.5)), ..known }
    }

    /// The step from one moment to the next.
    pub fn step(&self) -> f32 {
        self.moments.map_or(0.02, |moments| 1.0 / (moments.max(2) - 1) as f32)
    }

    /// The moment that is shown at a time of the clock: of n moments each has an n-th of the clip.
    fn moment(&self, time: f64) -> Option<usize> {
        let moments = self.moments.filter(|_| self.snaps)?;
        Some(((time * moments as f64) as usize).min(moments - 1))
    }

    fn shown(&self, time: f64) -> f32 {
        self.moment(time).map_or(time as f32, |moment| moment as f32 * self.step())
    }

    /// Goes to the next moment or the one before, and stays there.
    pub fn step_by(&mut self, forward: bool) {
        self.pause();
        let by = self.step();
        self.seek(self.time() + if forward { by } else { -by });
    }

    pub fn pause(&mut self) {
        if self.is_playing() {
            self.toggle();
        }
    }

    /// The position after `elapsed` seconds of playing: passes of the clip, the clip's time, and whether it goes on.
    fn after(&self, elapsed: f64) -> (f64, f64, bool) {
        let passes = self.start + elapsed * self.speed / self.seconds.max(1e-3);
        match self.ends {
            Ends::Stop => (passes.clamp(0.0, 1.0), passes.clamp(0.0, 1.0), passes < 1.0),
            Ends::Loop => {
                // The end itself is no beginning: one may scrub to it.
                let time = if (0.0..=1.0).contains(&passes) { passes } else { passes.rem_euclid(1.0) };
                (time, time, true)
            }
            Ends::PingPong => {
                let there = passes.rem_euclid(2.0);
                (there, if there > 1.0 { 2.0 - there } else { there }, true)
            }
        }
    }

    fn elapsed(&self) -> f64 {
        self.since.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }

    /// Time within the clip, 0 to 1.
    pub fn time(&self) -> f32 {
        self.shown(self.after(self.elapsed()).1)
    }

    pub fn is_playing(&self) -> bool {
        self.since.is_some()
    }

    pub fn toggle(&mut self) {
        match self.since {
            Some(_) => {
                self.start = self.after(self.elapsed()).0;
                self.since = None;
            }
            None => {
                if self.ends == Ends::Stop && self.start >= 1.0 {
                    self.start = 0.0;
                }
                self.since = Some(Instant::now());
                self.rate = Rate::default();
            }
        }
    }

    /// Goes to a time, playing on if it was.
    pub fn seek(&mut self, time: f32) {
        let time = f64::from(time.clamp(0.0, 1.0));
        self.start = match self.moments.filter(|_| self.snaps) {
            // The middle of the moment's share of the clip.
            Some(moments) => ((time * (moments - 1) as f64).round() + 0.5) / moments as f64,
            None => time,
        };
        self.since = self.since.map(|_| Instant::now());
    }

    /// Changes something of the clock without a jump of its time.
    pub fn change(&mut self, change: impl FnOnce(&mut Self)) {
        self.start = self.after(self.elapsed()).0;
        self.since = self.since.map(|_| Instant::now());
        change(self);
    }

    /// Whether the clock runs, as of the last picture; it stops at the end of a clip that plays once.
    pub fn advance(&mut self) -> bool {
        if self.since.is_none() {
            return false;
        }
        self.rate.note();
        let (_, _, goes_on) = self.after(self.elapsed());
        if !goes_on {
            self.toggle();
        }
        true
    }

    /// The number of the moment that is shown or nearest, from 1, and how many there are, where that is known.
    pub fn moment_of(&self) -> Option<(usize, usize)> {
        let moments = self.moments?;
        let (_, time, _) = self.after(self.elapsed());
        let nearest = (time * (moments - 1) as f64).round() as usize;
        Some((1 + self.moment(time).unwrap_or(nearest), moments))
    }

    /// Shows only the moments that the clip was taken at, or all times.
    pub fn set_snaps(&mut self, snaps: bool) {
        let time = self.time();
        self.snaps = snaps;
        self.seek(time);
    }

    /// Pictures a second while it plays.
    pub fn rate(&self) -> Option<f64> {
        (self.is_playing() && self.rate.each > 0.0).then(|| 1.0 / self.rate.each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_follows_the_wall_whatever_the_frames_do() {
        let mut clock = Timeline { start: 0.25, seconds: 2.0, ..Timeline::default() };
        assert_eq!(clock.after(0.5).1, 0.5);
        assert_eq!(clock.after(2.0).1, 0.25, "after a whole pass it is where it was");
        clock.seek(1.0);
        assert_eq!((clock.time(), clock.after(0.5).1), (1.0, 0.25), "the end is shown, and left when it plays");
        clock.seek(0.25);
        clock.speed = 2.0;
        assert_eq!(clock.after(0.25).1, 0.5);
        clock.ends = Ends::PingPong;
        assert_eq!(clock.after(1.0).1, 0.75, "1.25 passes are a quarter of the way back");
        clock.ends = Ends::Stop;
        assert_eq!(clock.after(10.0), (1.0, 1.0, false));
        clock.toggle();
        clock.toggle();
        assert!(!clock.is_playing());
        clock.seek(2.0);
        assert_eq!(clock.time(), 1.0);
    }

    #[test]
    fn a_sequence_shows_each_of_its_files_for_as_long_and_no_other_time() {
        let mut clock = Timeline { moments: Some(5), snaps: true, seconds: 5.0, ..Timeline::default() };
        let at = |clock: &Timeline, seconds| clock.shown(clock.after(seconds).1);
        // Pictures come when they can; which file is shown depends on the clock alone.
        for (seconds, time) in
            [(0.0, 0.0), (0.99, 0.0), (1.01, 0.25), (3.7, 0.75), (4.99, 1.0), (5.01, 0.0), (52.5, 0.5)]
        {
            assert_eq!(at(&clock, seconds), time, "after {seconds} s");
        }
        clock.seek(0.3);
        assert_eq!(clock.time(), 0.25, "the nearest file");
        clock.step_by(true);
        clock.step_by(true);
        assert_eq!(clock.time(), 0.75);
        (0..3).for_each(|_| clock.step_by(true));
        assert_eq!(clock.time(), 1.0);
        clock.snaps = false;
        clock.seek(0.3);
        assert_eq!(clock.time(), 0.3);
    }
}
