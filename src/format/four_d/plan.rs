//! Which Gaussians go into which chunk, on which grids.

use glam::DVec3;

use super::{Life, Steps, support};
use crate::edit::morton_order;
use crate::format::spacetime::Linear;
use crate::scene::stats::percentile;
use crate::scene::{ALPHA_MIN, Scene};

/// The length of a clip that nobody said, in seconds.
const SECONDS: f64 = 1.0;
/// How far the clip's window reaches beyond its last moment, which a window excludes.
const BEYOND: f64 = 1.001;
/// Parts of the clip that have chunks of their own, for Gaussians that are seen in one only.
const PARTS: usize = 8;
/// The most Gaussians of a chunk: readers have bounds on the size of a stream.
const LARGEST: usize = 1 << 20;
/// The step of positions in median sizes, and the most steps along the scene.
const FINENESS: f64 = 0.02;
const MOST_STEPS: f64 = (1_u32 << 29) as f64;
/// The least standard deviation in time, in seconds.
const SHORTEST: f64 = 1e-9;

/// A Gaussian's motion in seconds, on the grids of time.
#[derive(Clone, Copy)]
pub struct Timed {
    pub life: Life,
    /// The bin of its time, and the time that it stands for.
    pub time_bin: i64,
    pub time: f64,
    /// Units a second.
    pub velocity: DVec3,
    /// Where it is at that time.
    pub position: DVec3,
}

/// A chunk's interval, in seconds, and its Gaussians.
pub struct Part {
    pub from: f64,
    pub to: f64,
    pub members: Vec<u32>,
}

/// How a scene is written.
pub struct Plan {
    pub seconds: f64,
    pub steps: Steps,
    pub timed: Vec<Timed>,
}

impl Plan {
    pub fn of(scene: &Scene) -> Self {
        let seconds = scene.clip.seconds.unwrap_or(SECONDS);
        let mut steps = Steps {
            origin: [0.0; 3],
            position: 0.0,
            scale: 0.01,
            rotation: 1e-3,
            colour: 1.0 / 255.0,
            opacity: 1.0 / 255.0,
            motion: 0.0,
            time: 1e-3 * seconds,
            sigma: 0.01,
            support: support(ALPHA_MIN.into()),
        };
        let timed: Vec<Timed> = (0..scene.len()).map(|i| Timed::of(scene, i, seconds, &steps)).collect();
        let low = timed.iter().map(|one| one.position).fold(DVec3::INFINITY, DVec3::min);
        let high = timed.iter().map(|one| one.position).fold(DVec3::NEG_INFINITY, DVec3::max);
        let size = percentile(scene.log_scales.iter().map(|scale| f64::from(scale.max_element()).exp()), 50);
        let extent = if timed.is_empty() { 0.0 } else { (high - low).max_element() };
        steps.position = (FINENESS * size.unwrap_or(1.0)).max(extent / MOST_STEPS).max(f64::from(f32::MIN_POSITIVE));
        // So that what is seen for long is off by half a step of positions at most.
        steps.motion = 2.0 * steps.position / (0.5 * seconds).max(1.0);
        steps.origin = if timed.is_empty() { [0.0; 3] } else { low.to_array() };
        Self { seconds, steps, timed }
    }

    /// The window of time in which all Gaussians may be seen.
    pub fn window(&self) -> (f64, f64) {
        (0.0, BEYOND * self.seconds)
    }

    /// The chunks: one for each part of the clip, and those of the Gaussians that are seen in several.
    pub fn parts(&self, scene: &Scene) -> Vec<Part> {
        let end = self.window().1;
        let border = |part: usize| if part == PARTS { end } else { self.seconds * part as f64 / PARTS as f64 };
        let mut members = vec![Vec::new(); PARTS + 1];
        for i in 0..scene.len() {
            let (from, to) = self.seen(i);
            let part = (0..PARTS).find(|&part| border(part) <= from && to < border(part + 1));
            members[part.unwrap_or(PARTS)].push(i as u32);
        }
        let chunk = |(part, members): (usize, Vec<u32>)| {
            let means: Vec<glam::Vec3> = members.iter().map(|&i| scene.means[i as usize]).collect();
            let sorted: Vec<u32> = morton_order(&means).into_iter().map(|k| members[k as usize]).collect();
            let (from, to) = if part == PARTS { (0.0, end) } else { (border(part), border(part + 1)) };
            let pieces = sorted.chunks(LARGEST).map(|piece| Part { from, to, members: piece.to_vec() });
            pieces.collect::<Vec<_>>()
        };
        members.into_iter().enumerate().flat_map(chunk).collect()
    }

    /// When a Gaussian is seen within the window, in seconds, as readers will reckon it.
    fn seen(&self, i: usize) -> (f64, f64) {
        let (start, end) = self.window();
        match self.timed[i].life {
            Life::Stays(_) => (start, end),
            Life::Fades(bin) => {
                let half = self.steps.support * (bin as f64 * self.steps.sigma).exp() * (1.0 + 1e-6) + 1e-9;
                ((self.timed[i].time - half).max(start), (self.timed[i].time + half).min(end))
            }
        }
    }
}

impl Timed {
    fn of(scene: &Scene, i: usize, seconds: f64, steps: &Steps) -> Self {
        let linear = Linear::of(scene, i);
        let (life, wanted) = if linear.stays {
            (Life::Stays(BEYOND * seconds), 0.5 * seconds)
        } else {
            let sigma = (f64::from(linear.log_duration).exp() * seconds).max(SHORTEST);
            (Life::Fades((sigma.ln() / steps.sigma).round() as i64), f64::from(linear.centre) * seconds)
        };
        let step = steps.time_of(life);
        let time_bin = (wanted / step).round() as i64;
        let time = time_bin as f64 * step;
        let velocity = linear.velocity.as_dvec3() / seconds;
        let position = scene.means[i].as_dvec3() + velocity * (time - f64::from(linear.centre) * seconds);
        Self { life, time_bin, time, velocity, position }
    }
}
