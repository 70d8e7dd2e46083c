//! Writing `.tsog`.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use glam::Vec3;
use serde_json::{Value, json};

use super::{AXES, PROFILE, VERSION};
use crate::format::sog::{self, NamedFile, Pixels, attributes, bundle};
use crate::format::spacetime::Linear;
use crate::format::{SOG_META, upright, write_atomically};
use crate::scene::{Scene, logit, sigmoid};

/// The longest duration, in clips: they are stored between the shortest and the longest in even steps, which one that is
/// for ever would make coarse. Opacity changes by 0.002 within the clip at most.
const LONGEST: f32 = 8.0;
/// The middle of the clip.
const MIDDLE: f32 = 0.5;
/// The largest 16-bit number.
const STEPS: f32 = 65_535.0;

/// Writes a scene, in SOG's order.
///
/// # Errors
/// A scene that is not finite, is empty or has more than 268 million Gaussians, or a failed write.
pub fn write(path: &Path, scene: &Scene) -> Result<()> {
    let files = encode(scene).with_context(|| format!("cannot write {}", path.display()))?;
    write_atomically(path, |file| bundle(file, &files))
}

fn encode(scene: &Scene) -> Result<Vec<NamedFile>> {
    scene.validate()?;
    ensure!(!scene.is_empty(), ".tsog cannot hold a scene without Gaussians");
    let order = sog::order(scene);
    let mut turned = upright::half_turned(scene);
    let timeline = turned.motion.is_some().then(|| Timeline::take(&mut turned));
    let pixels = Pixels::of(&turned, order)?;
    let (mut meta, mut files) = attributes(&pixels)?;
    meta["version"] = VERSION.into();
    meta["profile"] = json!({ "id": PROFILE.0, "version": PROFILE.1 });
    meta[AXES] = upright::MARK.into();
    if let Some(timeline) = timeline {
        timeline.put(&pixels, &mut meta, &mut files)?;
        if let Some(seconds) = scene.clip.seconds {
            meta["playback"] = json!({ "duration": seconds });
            // As many display frames as the capture has moments.
            if let Some(frames) = scene.clip.frames.filter(|&frames| frames > 1) {
                meta["playback"]["fps"] = json!(f64::from(frames - 1) / seconds);
            }
        }
    }
    files.insert(0, (SOG_META, serde_json::to_vec(&meta)?));
    Ok(files)
}

/// A number in even 16-bit steps between the least and the greatest.
#[derive(Clone, Copy)]
struct Range {
    low: f32,
    high: f32,
}

impl Range {
    fn of(values: impl Iterator<Item = f32>) -> Self {
        let (low, high) = values.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        Self { low, high }
    }

    fn step(self, value: f32) -> u16 {
        // Without extent this is NaN, which `as` takes to 0.
        ((value - self.low) / (self.high - self.low) * STEPS).round() as u16
    }

    fn number(self, step: u16) -> f32 {
        self.low + (self.high - self.low) * (f32::from(step) / STEPS)
    }
}

/// Centres, durations and velocities in steps.
struct Timeline {
    ranges: [Range; 2],
    times: Vec<[u16; 2]>,
    speeds: [Range; 3],
    velocities: Vec<[u16; 3]>,
}

impl Timeline {
    /// Takes the motion of a scene, whose means move to where they are at the centres as readers will see them, and whose
    /// logits make up for durations that are shortened.
    fn take(scene: &mut Scene) -> Self {
        let all: Vec<Tamed> = (0..scene.len()).map(|i| Tamed::of(&Linear::of(scene, i))).collect();
        let range = |number: &dyn Fn(&Tamed) -> f32| Range::of(all.iter().map(number));
        let ranges = [range(&|one| one.centre), range(&|one| one.duration)];
        let speeds = [0, 1, 2].map(|k| range(&|one| one.velocity[k]));
        let times: Vec<[u16; 2]> =
            all.iter().map(|one| [ranges[0].step(one.centre), ranges[1].step(one.duration)]).collect();
        let velocities: Vec<[u16; 3]> =
            all.iter().map(|one| [0, 1, 2].map(|k| speeds[k].step(one.velocity[k]))).collect();
        for (i, one) in all.iter().enumerate() {
            let centre = ranges[0].number(times[i][0]);
            let velocity = Vec3::from_array([0, 1, 2].map(|k| speeds[k].number(velocities[i][k])));
            // Exact at the centre, or where the clip is nearest to it.
            let exact = centre.clamp(0.0, 1.0);
            scene.means[i] += one.velocity * (exact - one.from) - velocity * (exact - centre);
            if one.gain != 1.0 {
                scene.logits[i] = logit((sigmoid(scene.logits[i]) * one.gain).min(1.0));
            }
        }
        Self { ranges, times, speeds, velocities }
    }

    /// Adds the images and their description.
    fn put(&self, pixels: &Pixels, meta: &mut Value, files: &mut Vec<NamedFile>) -> Result<()> {
        let byte = |steps: &[u16], which: usize| {
            let mut pixel = [0, 0, 0, 255];
            pixel.iter_mut().zip(steps).for_each(|(to, step)| *to = step.to_le_bytes()[which]);
            pixel
        };
        let names = [["timeline_l.webp", "timeline_u.webp"], ["velocities_l.webp", "velocities_u.webp"]];
        for which in [0, 1] {
            files.push((names[0][which], pixels.image(|i| byte(&self.times[i], which))?));
            files.push((names[1][which], pixels.image(|i| byte(&self.velocities[i], which))?));
        }
        let [lows, highs] = [self.ranges.map(|range| range.low), self.ranges.map(|range| range.high)];
        meta["timeline"] = json!({ "type": 1, "mins": lows, "maxs": highs, "files": names[0] });
        let [lows, highs] = [self.speeds.map(|range| range.low), self.speeds.map(|range| range.high)];
        meta["temporal"] = json!({ "means": { "mins": [lows], "maxs": [highs], "files": names[1] } });
        Ok(())
    }
}

/// A motion whose duration is at most [`LONGEST`].
struct Tamed {
    /// The centre before.
    from: f32,
    centre: f32,
    duration: f32,
    velocity: Vec3,
    /// The factor on the opacity.
    gain: f32,
}

impl Tamed {
    /// A longer duration becomes [`LONGEST`], with centre and opacity such that opacity is as before at both ends of the
    /// clip.
    fn of(linear: &Linear) -> Self {
        let Linear { centre: from, velocity, .. } = *linear;
        let duration = linear.log_duration.exp().max(f32::MIN_POSITIVE);
        if linear.stays {
            return Self { from, centre: MIDDLE, duration: LONGEST, velocity, gain: 1.0 };
        }
        if duration <= LONGEST {
            return Self { from, centre: from, duration, velocity, gain: 1.0 };
        }
        let centre = MIDDLE + (from - MIDDLE) * (LONGEST / duration).powi(2);
        let gain = (0.5 * ((centre / LONGEST).powi(2) - (from / duration).powi(2))).exp();
        Self { from, centre, duration: LONGEST, velocity, gain }
    }
}
