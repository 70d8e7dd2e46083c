//! The initial motion of Gaussians: time centres spread over the clip, and velocities from optical flow.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use glam::{DVec2, DVec3, Vec3, dvec2};
use rayon::prelude::*;

use crate::dataset::{Capture, Direction, FlowTarget, Photo};
use crate::model::MotionKind;
use crate::scene::{Curves, Motion, Normalisation, SH_C0, Scene};

use super::config::{Config, Switch};
use super::paths::{self, NormalEquations, Observation, TOLERANCE, mean_miss};
use super::schedule::SplitMix;
use super::tracks::{self, TrackEstimate};

/// Frames through which flow is followed, each way, for a curve.
const REACH: usize = 2;

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
    let curves = (config.motion_kind(capture) == MotionKind::Curved).then(|| Curves::straight(scene.len()));
    scene.motion = Some(Motion { curves, ..Motion::still(centres, config.init_duration as f32, Motion::NO_GATE) });
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

/// Sets the motion of the first `count` means from the optical flow of the frames nearest in time, where the means have
/// the colour of their pixels. Where the scene has curves, a point's track through the next frames makes one; where that is
/// none, and along lines, its velocity is the least-squares solution over all cameras and both directions, of minimal
/// length where that leaves a choice.
fn add_velocities(scene: &mut Scene, count: usize, capture: &Capture, frame: &Normalisation) -> Result<()> {
    let known: BTreeSet<_> = capture.training_flow().into_iter().collect();
    let shots: BTreeSet<usize> = known.iter().map(|&(shot, _)| shot).collect();
    let time_of = |shot: usize| capture.shots[shot].time.unwrap_or(0.0);
    let mut times: Vec<f32> = shots.iter().map(|&shot| time_of(shot)).collect();
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
    let reach = if motion.curves.is_some() { REACH } else { 1 };
    for (time, group) in times.iter().zip(&members).filter(|(_, group)| !group.is_empty()) {
        let mut tracks: Vec<Tracks> = group.iter().map(|_| Tracks::default()).collect();
        for &shot in shots.iter().filter(|&&shot| time_of(shot) == *time) {
            let [forward, backward] =
                [Direction::Forward, Direction::Backward].map(|way| tracks::chain(capture, &known, shot, way, reach));
            let photo = Frame { shot, picture: &capture.load(shot)?, chains: [forward?, backward?] };
            tracks.par_iter_mut().zip(group).for_each(|(tracks, &i)| {
                tracks.add(&photo, scene.means[i].as_dvec3(), colours[i], capture, frame);
            });
        }
        for (&i, tracks) in group.iter().zip(&tracks) {
            tracks.move_point(i, scene.means[i].as_dvec3(), motion);
        }
    }
    Ok(())
}

/// A training photo, and the flow from it through the frames after and before it.
struct Frame<'a> {
    shot: usize,
    picture: &'a Photo,
    chains: [Vec<FlowTarget>; 2],
}

/// Where flow leads the pixels that show a point: in the next frames, and in those beyond.
#[derive(Default)]
struct Tracks {
    near: Vec<Observation>,
    far: Vec<Observation>,
}

impl Tracks {
    /// Follows the pixel of a photo that shows the point, where one does.
    fn add(&mut self, photo: &Frame, point: DVec3, colour: Vec3, capture: &Capture, frame: &Normalisation) {
        let Some((pixel, _)) = frame.camera(capture.shots[photo.shot].camera).project(point) else { return };
        let Photo { width, height, ref pixels, .. } = *photo.picture;
        if !(pixel.cmpge(DVec2::ZERO).all() && pixel.cmplt(dvec2(f64::from(width), f64::from(height))).all()) {
            return;
        }
        let [red, green, blue, ..] = pixels[pixel.y as usize * width as usize + pixel.x as usize];
        let shown = Vec3::new(f32::from(red), f32::from(green), f32::from(blue)) / 255.0;
        if (shown - colour).abs().max_element() > COLOUR_TOLERANCE {
            return;
        }
        for chain in &photo.chains {
            let steps = tracks::follow(capture, chain, photo.shot, pixel);
            let mut steps = steps.into_iter().map(|step| Observation { camera: frame.camera(step.camera), ..step });
            self.near.extend(steps.next());
            self.far.extend(steps);
        }
    }

    /// Gives a point the motion that its tracks show.
    fn move_point(&self, i: usize, point: DVec3, motion: &mut Motion) {
        if self.near.is_empty() {
            return;
        }
        if mean_miss(&self.near, |_| point) <= TOLERANCE {
            motion.log_durations[i] = STATIC_DURATION.ln();
        }
        if let Some(curves) = &mut motion.curves {
            let all = [&self.near[..], &self.far[..]].concat();
            if let Some(bend) = paths::bend(point, &all) {
                motion.velocities[i] = bend.velocity.as_vec3();
                curves.accelerations[i] = bend.acceleration.as_vec3();
                return;
            }
        }
        let mut equations = NormalEquations::EMPTY;
        for step in &self.near {
            if let Some((still, depth)) = step.camera.project(point) {
                equations.add(&step.camera, still, depth, step.elapsed, step.pixel - still);
            }
        }
        motion.velocities[i] = equations.solution().as_vec3();
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

    #[test]
    fn points_of_a_bar_that_whirls_start_on_curves() {
        let folder = tempfile::tempdir().unwrap();
        let capture = clip(folder.path(), "dynamic_fast.toml", &[("samples = 2", "samples = 1")]);
        let scene = first_scene(&capture, &Config::default());
        let motion = scene.motion.unwrap();
        let accelerations = motion.curves.expect("several cameras see each moment").accelerations;
        // The bar lies at a height of 0.2, 1.3 long, and turns about its middle by 200 degrees.
        let rate = 200.0_f32.to_radians();
        let ratio = |&i: &usize| {
            let arm = scene.means[i].truncate();
            accelerations[i].truncate().dot(-arm) / (rate * rate * arm.length_squared())
        };
        let at_its_ends = |&i: &usize| {
            let along = glam::Vec2::from_angle(rate * motion.centres[i]);
            let arm = scene.means[i].truncate();
            (scene.means[i].z - 0.2).abs() < 0.08 && arm.dot(along).abs() > 0.35 && arm.perp_dot(along).abs() < 0.08
        };
        let ends: Vec<usize> = (0..scene.means.len()).filter(at_its_ends).collect();
        let mut ratios: Vec<f32> = ends.iter().map(ratio).filter(|&ratio| ratio != 0.0).collect();
        ratios.sort_by(f32::total_cmp);
        let (found, median) = (ratios.len(), ratios[ratios.len() / 2]);
        eprintln!("{found} of {} points are on curves, median acceleration {median:.3} of the true one", ends.len());
        // Those of the first and last moment have flow to one side only.
        assert!(found > 40 && 3 * found > ends.len() && (median - 1.0).abs() < 0.15, "{found}: {median}");
        // The floor stands still.
        let floor = (0..scene.means.len()).filter(|&i| scene.means[i].z.abs() < 0.02);
        let bent = floor.clone().filter(|&i| accelerations[i] != Vec3::ZERO).count();
        assert!(bent * 50 < floor.count(), "{bent} points of the floor bend");
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
