//! The initial motion of Gaussians: time centres spread over the clip, and velocities from optical flow.

use anyhow::{Context, Result};
use glam::{DVec2, DVec3, Vec3, dvec2};
use rayon::prelude::*;

use crate::camera::Camera;
use crate::dataset::{Capture, FlowTarget, Photo};
use crate::scene::{Motion, Normalisation, SH_C0, Scene};

use super::config::{Config, Switch};
use super::schedule::SplitMix;
use super::tracks::{NormalEquations, TOLERANCE, TrackEstimate};

/// Duration of Gaussians that are there all the time: those of a static scene that training starts from, and points that
/// flow shows to stand still.
const STATIC_DURATION: f32 = 2.0;
/// A point is taken to be what a pixel shows where no channel differs by more than this.
const COLOUR_TOLERANCE: f32 = 0.15;

/// Advice for flow that cannot be read.
pub const REMEDY: &str = "while looking for the first velocities; --velocity-init off leaves them at zero";

/// Gives a scene, in the frame of training, its first motion. `times` are those of the points that it was made of, if
/// they have times; otherwise every Gaussian gets a random one. The last of them were found on rays.
pub fn spread(
    scene: &mut Scene,
    times: Option<&[f32]>,
    found: &[Option<TrackEstimate>],
    capture: &Capture,
    config: &Config,
    frame: &Normalisation,
) -> Result<()> {
    let mut random = SplitMix::new(config.seed ^ 0x71_3e5);
    let known = |i: usize| times.and_then(|times| times.get(i)).copied();
    let centres = (0..scene.len()).map(|i| known(i).unwrap_or_else(|| random.unit() as f32)).collect();
    scene.motion = Some(Motion::still(centres, config.init_duration as f32, Motion::NO_GATE));
    if config.velocity_init == Switch::On {
        let count = scene.len() - found.len();
        add_velocities(scene, count, capture, frame).context(REMEDY)?;
    }
    add_found(scene, found, frame);
    Ok(())
}

/// The velocities and durations of what was found on rays.
fn add_found(scene: &mut Scene, found: &[Option<TrackEstimate>], frame: &Normalisation) {
    let first = scene.len() - found.len();
    let Some(motion) = &mut scene.motion else { return };
    for (i, found) in (first..).zip(found) {
        let Some(found) = found else { continue };
        motion.velocities[i] = (found.velocity * frame.scale).as_vec3();
        if found.still {
            motion.log_durations[i] = STATIC_DURATION.ln();
        }
    }
}

/// The motion of a static scene.
pub fn steady(len: usize) -> Motion {
    Motion::still(vec![0.5; len], STATIC_DURATION, Motion::NO_GATE)
}

/// Sets the velocities of the first `count` means from the optical flow of the frames nearest in time, where the means have
/// the colour of their pixels: the least-squares solution over all cameras and both directions, of minimal length where
/// that leaves a choice.
fn add_velocities(scene: &mut Scene, count: usize, capture: &Capture, frame: &Normalisation) -> Result<()> {
    let flows = capture.training_flow();
    let time_of = |shot: usize| capture.shots[shot].time.unwrap_or(0.0);
    let mut times: Vec<f32> = flows.iter().map(|&(shot, _)| time_of(shot)).collect();
    times.sort_by(f32::total_cmp);
    times.dedup();
    let stride = scene.sh_stride();
    let Some(motion) = &mut scene.motion else { return Ok(()) };
    // Gaussians by the time of flow nearest to their own.
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); times.len()];
    for (i, &centre) in motion.centres[..count].iter().enumerate() {
        let distance = |&k: &usize| (times[k] - centre).abs();
        if let Some(nearest) = (0..times.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            members[nearest].push(i);
        }
    }
    let colours: Vec<Vec3> = scene.sh.chunks_exact(stride).map(|row| Vec3::from_slice(row) * SH_C0 + 0.5).collect();
    let mut equations = vec![NormalEquations::EMPTY; scene.means.len()];
    // Of each point the sum of what its images' flow misses it by if it stands still, and their number.
    let mut misses = vec![(0.0, 0); scene.means.len()];
    for (shot, direction) in flows {
        let Some(flow) = capture.load_flow(shot, direction)? else { continue };
        let picture = capture.load(shot)?;
        let group = &members[times.partition_point(|&time| time < time_of(shot))];
        let pair = Pair {
            from: frame.camera(capture.shots[shot].camera),
            to: frame.camera(capture.shots[flow.to].camera),
            elapsed: f64::from(time_of(flow.to) - time_of(shot)),
            picture: &picture,
            flow: &flow,
        };
        let terms: Vec<Option<(NormalEquations, f64)>> =
            group.par_iter().map(|&i| pair.term(scene.means[i].as_dvec3(), colours[i])).collect();
        for (&i, term) in group.iter().zip(terms).filter_map(|(i, term)| Some((i, term?))) {
            equations[i] += term.0;
            misses[i] = (misses[i].0 + term.1, misses[i].1 + 1);
        }
    }
    motion.velocities = equations.iter().map(|equations| equations.solution().as_vec3()).collect();
    for (duration, (sum, count)) in motion.log_durations.iter_mut().zip(misses) {
        if count > 0 && sum <= TOLERANCE * f64::from(count) {
            *duration = STATIC_DURATION.ln();
        }
    }
    Ok(())
}

/// Two frames and the flow between them.
struct Pair<'a> {
    from: Camera,
    to: Camera,
    elapsed: f64,
    picture: &'a Photo,
    flow: &'a FlowTarget,
}

impl Pair<'_> {
    /// The normal equations for the velocity of a point whose pixel shows it, and the distance in pixels between the flow's
    /// end point and the place where the point would be seen if it stood still.
    fn term(&self, point: DVec3, colour: Vec3) -> Option<(NormalEquations, f64)> {
        let (pixel, _) = self.from.project(point)?;
        let size = dvec2(f64::from(self.picture.width), f64::from(self.picture.height));
        if !(pixel.cmpge(DVec2::ZERO).all() && pixel.cmplt(size).all()) {
            return None;
        }
        let index = pixel.y as usize * self.picture.width as usize + pixel.x as usize;
        let shown = self.picture.pixels[index];
        let shown = Vec3::new(f32::from(shown[0]), f32::from(shown[1]), f32::from(shown[2])) / 255.0;
        if !self.flow.valid[index] || (shown - colour).abs().max_element() > COLOUR_TOLERANCE {
            return None;
        }
        let [x, y] = self.flow.field[index];
        let (still, depth) = self.to.project(point)?;
        let miss = pixel + dvec2(f64::from(x), f64::from(y)) - still;
        let mut equations = NormalEquations::EMPTY;
        equations.add(&self.to, still, depth, self.elapsed, miss);
        Some((equations, miss.length()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dataset::{CaptureOptions, flow_io};
    use crate::train::config::Init;
    use crate::train::init;

    /// A clip after one of `scenes/`, with some words of it replaced.
    fn clip(folder: &Path, scene: &str, changes: &[(&str, &str)]) -> Capture {
        let mut text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes").join(scene)).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{scene} has no {from}");
            text = text.replace(from, to);
        }
        std::fs::write(folder.join("clip.toml"), text).unwrap();
        crate::synth::run(&folder.join("clip.toml"), &folder.join("clip")).unwrap();
        open(folder)
    }

    fn open(folder: &Path) -> Capture {
        Capture::open(&folder.join("clip"), &CaptureOptions { strict: true, ..CaptureOptions::default() }).unwrap()
    }

    fn first_scene(capture: &Capture, config: &Config) -> Scene {
        init::scene(capture, config, &Normalisation::IDENTITY).unwrap()
    }

    #[test]
    fn points_get_the_whole_velocity_that_flow_shows() {
        let folder = tempfile::tempdir().unwrap();
        let capture = clip(
            folder.path(),
            "dynamic_rigid.toml",
            &[("points = 6000", "points = 3000"), ("frames = 16", "frames = 9"), ("samples = 2", "samples = 1")],
        );
        let scene = first_scene(&capture, &Config::default());
        let motion = scene.motion.unwrap();
        // The ball of radius 0.26 rolls from here to 1.5 further along x.
        let on_ball = |i: &usize| {
            let centre = Vec3::new(-0.75 + 1.5 * motion.centres[*i], -0.45, 0.26);
            scene.means[*i].distance(centre) < 0.28
        };
        let ball: Vec<usize> = (0..scene.means.len()).filter(on_ball).collect();
        let mut speeds: Vec<f32> = ball.iter().map(|&i| motion.velocities[i].x).collect();
        speeds.sort_by(f32::total_cmp);
        let median = speeds[speeds.len() / 2];
        eprintln!("{} points on the ball, median speed {median:.3} of 1.5", speeds.len());
        assert!(speeds.len() > 50 && (median / 1.5 - 1.0).abs() < 0.05, "{median}");
    }

    /// Makes forward and backward flow wrong alike in a square of each frame, so that they agree with each other.
    fn spoil(folder: &Path) {
        let mut spoilt = 0;
        let inside = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        for path in inside(folder).flat_map(|camera| inside(&camera).collect::<Vec<_>>()) {
            if path.extension().is_none_or(|extension| extension != "flo") {
                continue;
            }
            let shift = if path.to_string_lossy().contains(".fwd") { 9.0 } else { -9.0 };
            let mut field = flow_io::read(&path).unwrap();
            for (x, y) in (20..44).flat_map(|x| (20..44).map(move |y| (x, y))) {
                let i = y * field.width as usize + x;
                field.vectors[i] = [field.vectors[i][0] + shift, field.vectors[i][1] - shift];
            }
            flow_io::write(&path, &field).unwrap();
            spoilt += 1;
        }
        assert!(spoilt > 10);
    }

    #[test]
    fn a_still_scene_seen_by_a_moving_camera_stays_still_but_where_its_flow_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let changes = [
            ("background = \"transparent\"", "background = \"sky\""),
            ("motion = { path = [[0, 0, 0], [1.5, 0, 0]] }", ""),
            ("motion = { spin = [0, 0, 120] }", ""),
            ("motion = { path = [[0, 0, 0], [0.05, 0.35, 0.25], [0.1, 0.7, 0]], spin = [0, 30, 0] }", ""),
            ("test = 2", "test = 1"),
            ("samples = 2", "samples = 1"),
        ];
        let capture = clip(folder.path(), "dynamic_moving.toml", &changes);
        let config = Config { init: Init::Random, init_points: 4000, cap_max: 4000.into(), ..Config::default() };
        // Motion that a training image would show between its frame and the next.
        let moves = |capture: &Capture| {
            let scene = first_scene(capture, &config);
            let motion = scene.motion.unwrap();
            let moving = motion.velocities.iter().filter(|v| v.length() > 0.0).count() as f64;
            moving / scene.means.len() as f64
        };
        let share = moves(&capture);
        spoil(&folder.path().join("clip/flow"));
        let spoilt = moves(&open(folder.path()));
        eprintln!(
            "{share:.4} of the points move, {spoilt:.4} where a square of {:.4} is wrong",
            24.0 * 24.0 / 144.0_f64.powi(2)
        );
        assert!(share < 0.02 && spoilt < 0.05, "{share} and {spoilt}");
    }
}
