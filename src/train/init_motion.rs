//! How the first Gaussians of a capture in time move: spread over the clip, at the velocities that optical flow suggests.

use anyhow::{Context, Result};
use glam::{DMat3, DVec2, DVec3, Vec3, dvec2};
use rayon::prelude::*;

use crate::camera::Camera;
use crate::dataset::{Capture, FlowTarget, Picture};
use crate::scene::{Motion, Normalisation, SH_C0, Scene};

use super::config::{Config, Switch};
use super::schedule::SplitMix;

/// Duration of the Gaussians of a static scene that training starts from: they are there all the time.
const STATIC_DURATION: f32 = 2.0;
/// A point is taken to be what a pixel shows where no channel differs by more than this.
const COLOUR_TOLERANCE: f32 = 0.15;
/// Share of the mean curvature that is added to all directions: towards no velocity where the flow says nothing.
const DAMPING: f64 = 1e-3;

/// Gives a scene, in the frame of training, its first motion. `times` are those of the points that it was made of, if
/// they have times; otherwise every Gaussian gets a random one.
pub fn spread(
    scene: &mut Scene,
    times: Option<&[f32]>,
    capture: &Capture,
    config: &Config,
    frame: &Normalisation,
) -> Result<()> {
    let mut random = SplitMix::new(config.seed ^ 0x71_3e5);
    let known = |i: usize| times.and_then(|times| times.get(i)).copied();
    let centres = (0..scene.len()).map(|i| known(i).unwrap_or_else(|| random.unit() as f32)).collect();
    scene.motion = Some(still(scene.len(), centres, config.init_duration as f32));
    if config.velocity_init == Switch::On {
        let remedy = "while looking for the first velocities; --velocity-init off leaves them at zero";
        add_velocities(scene, capture, frame).context(remedy)?;
    }
    Ok(())
}

/// The motion of a static scene.
pub fn steady(len: usize) -> Motion {
    still(len, vec![0.5; len], STATIC_DURATION)
}

fn still(len: usize, centres: Vec<f32>, duration: f32) -> Motion {
    Motion {
        velocities: vec![Vec3::ZERO; len],
        centres,
        log_durations: vec![duration.ln(); len],
        gates: vec![Motion::NO_GATE; len],
    }
}

/// The sums of a least-squares problem for one velocity.
#[derive(Clone, Copy, Default)]
struct Normal {
    matrix: DMat3,
    vector: DVec3,
}

impl Normal {
    fn solution(&self) -> Vec3 {
        let trace = self.matrix.x_axis.x + self.matrix.y_axis.y + self.matrix.z_axis.z;
        if trace <= 0.0 {
            return Vec3::ZERO;
        }
        let damped = self.matrix + DMat3::from_diagonal(DVec3::splat(DAMPING * trace / 3.0));
        (damped.inverse() * self.vector).as_vec3()
    }
}

/// Velocities by which the means move on the images as the flow of the frames nearest in time says, where they have the
/// colour of their pixels: the least-squares solution over all cameras and both directions, and the shortest where that
/// leaves a choice.
fn add_velocities(scene: &mut Scene, capture: &Capture, frame: &Normalisation) -> Result<()> {
    let flows = capture.training_flow();
    let time_of = |shot: usize| capture.shots[shot].time.unwrap_or(0.0);
    let mut times: Vec<f32> = flows.iter().map(|&(shot, _)| time_of(shot)).collect();
    times.sort_by(f32::total_cmp);
    times.dedup();
    let stride = scene.sh_stride();
    let Some(motion) = &mut scene.motion else { return Ok(()) };
    // Gaussians by the time of flow nearest to their own.
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); times.len()];
    for (i, &centre) in motion.centres.iter().enumerate() {
        let distance = |&k: &usize| (times[k] - centre).abs();
        if let Some(nearest) = (0..times.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            members[nearest].push(i);
        }
    }
    let colours: Vec<Vec3> = scene.sh.chunks_exact(stride).map(|row| Vec3::from_slice(row) * SH_C0 + 0.5).collect();
    let mut normals = vec![Normal::default(); scene.means.len()];
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
        let terms: Vec<Option<Normal>> =
            group.par_iter().map(|&i| pair.term(scene.means[i].as_dvec3(), colours[i])).collect();
        for (&i, term) in group.iter().zip(terms).filter_map(|(i, term)| Some((i, term?))) {
            normals[i].matrix += term.matrix;
            normals[i].vector += term.vector;
        }
    }
    motion.velocities = normals.iter().map(Normal::solution).collect();
    Ok(())
}

/// Two frames and the flow between them.
struct Pair<'a> {
    from: Camera,
    to: Camera,
    elapsed: f64,
    picture: &'a Picture,
    flow: &'a FlowTarget,
}

impl Pair<'_> {
    /// What the flow says of a point, if its pixel shows it.
    fn term(&self, point: DVec3, colour: Vec3) -> Option<Normal> {
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
        // Rows of the projection's Jacobian, times the elapsed time.
        let slope = (still - self.to.lens.principal) / self.to.lens.focal;
        let rows = [0, 1].map(|axis| {
            let row = self.to.pose.rotation.row(axis) - slope[axis] * self.to.pose.rotation.row(2);
            row * (self.to.lens.focal[axis] / depth * self.elapsed)
        });
        let outer = |row: DVec3| DMat3::from_cols(row * row.x, row * row.y, row * row.z);
        Some(Normal { matrix: outer(rows[0]) + outer(rows[1]), vector: rows[0] * miss.x + rows[1] * miss.y })
    }
}
