//! An outside loss: renders go to another program over a pipe, and gradients or target images come back (docs/guide.md).

mod process;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use glam::{DMat4, DVec3, Vec3, Vec4};
use serde::{Deserialize, Serialize};

use process::Process;

use super::config::Config;
use crate::camera::{Camera, Lens, Pose};

/// Version of the protocol.
const PROTOCOL: u32 = 1;
/// Longest side of a view that a guide may ask for, pixels.
const LONGEST: u32 = 4096;

/// A view for the guide to look at.
#[derive(Clone, Copy, Debug)]
pub struct GuidedView {
    /// In the capture's frame.
    pub camera: Camera,
    /// 0 to 1 over the clip; 0 where nothing moves.
    pub time: f32,
}

/// What a guide says of a render.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// `[H * W]` gradient of its loss by the shown colours, and in w by the transmittance.
    Gradient(Vec<Vec4>),
    /// `[H * W]` colours (premultiplied by the opacity in w) that the image should have; w is 1 without opacity.
    Target { pixels: Vec<Vec4>, has_opacity: bool },
    /// Nothing: the step is left out.
    Nothing,
}

/// A judgement, and the loss that goes with it, where the guide says one.
#[derive(Clone, Debug)]
pub struct Answer {
    pub judgement: Judgement,
    pub loss: Option<f32>,
}

#[derive(Serialize)]
struct Hello<'a> {
    dapple_guide: u32,
    /// Steps done, of so many.
    step: u32,
    steps: u32,
    every: u32,
    only: bool,
    seed: u64,
    capture: &'a str,
}

#[derive(Serialize)]
struct Request {
    step: u32,
    width: u32,
    height: u32,
    time: f32,
    fl_x: f64,
    fl_y: f64,
    cx: f64,
    cy: f64,
    /// Camera to world by rows; OpenGL camera axes.
    transform_matrix: [[f64; 4]; 4],
    background: [f32; 3],
    /// The bytes that follow are so many floats a pixel: red, green, blue over the background, and opacity.
    channels: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    answer: Kind,
    /// Floats a pixel that follow: 3, or 4 with opacity.
    #[serde(default)]
    channels: u32,
    #[serde(default = "one")]
    weight: f32,
    loss: Option<f32>,
    /// The view of the next guided step; the trainer's choice where it is missing.
    next: Option<Wanted>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Gradient,
    Target,
    None,
}

/// A pinhole view that the guide chooses.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Camera to world by rows; OpenGL camera axes, the capture's frame.
    transform_matrix: [[f64; 4]; 4],
    /// Horizontal field of view, radians.
    camera_angle_x: f64,
    width: u32,
    height: u32,
    #[serde(default)]
    time: f32,
}

fn one() -> f32 {
    1.0
}

impl Wanted {
    fn view(&self) -> Result<GuidedView> {
        let rows = self.transform_matrix;
        let column = |c: usize| glam::DVec4::new(rows[0][c], rows[1][c], rows[2][c], rows[3][c]);
        let axes = [0, 1, 2].map(|c| column(c).truncate());
        let unit = |a: usize, b: usize| (axes[a].dot(axes[b]) - f64::from(u8::from(a == b))).abs() < 1e-3;
        let rigid = (0..3).all(|a| (a..3).all(|b| unit(a, b))) && axes[0].cross(axes[1]).dot(axes[2]) > 0.0;
        ensure!(rigid && column(3).is_finite(), "the \"next\" transform_matrix is not a rigid motion");
        let sizes = 16..=LONGEST;
        ensure!(
            sizes.contains(&self.width) && sizes.contains(&self.height),
            "the \"next\" view of {} x {} pixels is not from 16 to {LONGEST}",
            self.width,
            self.height
        );
        let angle = self.camera_angle_x;
        ensure!(angle > 0.0 && angle < 3.0, "the \"next\" camera_angle_x of {angle} rad is not between 0 and 3");
        ensure!((0.0..=1.0).contains(&self.time), "the \"next\" time {} is not from 0 to 1", self.time);
        let pose = Pose::from_gl_camera_to_world(DMat4::from_cols(column(0), column(1), column(2), column(3)));
        Ok(GuidedView {
            camera: Camera { pose, lens: Lens::from_fov_x(angle, self.width, self.height) },
            time: self.time,
        })
    }
}

/// A guide at work.
pub struct Guide {
    process: Process,
    every: u32,
    only: bool,
    next: Option<GuidedView>,
}

impl Guide {
    /// Starts the guide of the options, if they name one, of a run that has done `step` steps.
    ///
    /// # Errors
    /// A command that cannot be started, or that does not answer as a guide does.
    pub fn start(config: &Config, step: u32) -> Result<Option<Self>> {
        let Some(command) = &config.guide else { return Ok(None) };
        let timeout = Duration::from_secs_f64(config.guide_timeout);
        let mut guide = Self {
            process: Process::start(command, timeout)?,
            every: config.guide_every,
            only: config.guide_only,
            next: None,
        };
        let hello = Hello {
            dapple_guide: PROTOCOL,
            step,
            steps: config.step_count(),
            every: config.guide_every,
            only: config.guide_only,
            seed: config.seed,
            capture: &config.capture.display().to_string(),
        };
        guide.ask(step, &hello, Vec::new(), 0)?;
        Ok(Some(guide))
    }

    /// Whether the guide judges a step.
    pub fn is_due(&self, step: u32) -> bool {
        self.only || (step + 1).is_multiple_of(self.every)
    }

    /// The view that the guide asked for.
    pub fn wanted(&self) -> Option<GuidedView> {
        self.next
    }

    /// The guide's judgement of an image `[H * W]`: colours over `background`, and transmittance.
    ///
    /// # Errors
    /// A guide that has ended, does not answer in time, or answers what is no judgement.
    pub fn judge(&mut self, step: u32, view: &GuidedView, background: Vec3, image: &[Vec4]) -> Result<Answer> {
        let lens = view.camera.lens;
        let matrix = view.camera.pose.to_gl_camera_to_world();
        let request = Request {
            step,
            width: lens.width,
            height: lens.height,
            time: view.time,
            fl_x: lens.focal.x,
            fl_y: lens.focal.y,
            cx: lens.principal.x,
            cy: lens.principal.y,
            transform_matrix: std::array::from_fn(|r| matrix.row(r).to_array()),
            background: background.to_array(),
            channels: 4,
        };
        let bytes = image.iter().flat_map(|p| [p.x, p.y, p.z, 1.0 - p.w]).flat_map(f32::to_le_bytes).collect();
        let (reply, values) = self.ask(step, &request, bytes, image.len())?;
        let pixels = || values.chunks_exact(reply.channels.max(1) as usize);
        let colour = |p: &[f32]| Vec3::new(p[0], p[1], p[2]);
        let fourth = |p: &[f32]| p.get(3).copied();
        let judgement = match reply.answer {
            Kind::None => Judgement::Nothing,
            // Opacity is one less transmittance.
            Kind::Gradient => Judgement::Gradient(
                pixels().map(|p| reply.weight * colour(p).extend(-fourth(p).unwrap_or(0.0))).collect(),
            ),
            Kind::Target => Judgement::Target {
                pixels: pixels().map(|p| colour(p).extend(fourth(p).unwrap_or(1.0))).collect(),
                has_opacity: reply.channels == 4,
            },
        };
        Ok(Answer { judgement, loss: reply.loss })
    }

    /// Sends a line and bytes; the reply and its floats, for an image of so many pixels.
    fn ask(&mut self, step: u32, line: &impl Serialize, bytes: Vec<u8>, pixels: usize) -> Result<(Reply, Vec<f32>)> {
        let mut message = serde_json::to_vec(line)?;
        message.push(b'\n');
        message.extend(bytes);
        self.process.send(message);
        let at = |process: &Process| format!("the guide `{}`, at step {step}", process.command());
        let text = self.process.line().with_context(|| at(&self.process))?;
        let reply: Reply = serde_json::from_str(&text)
            .with_context(|| format!("{}: its reply is not one: {}", at(&self.process), text.trim_end()))?;
        self.next = reply.next.map(|wanted| wanted.view()).transpose().with_context(|| at(&self.process))?;
        if matches!(reply.answer, Kind::None) {
            return Ok((reply, Vec::new()));
        }
        ensure!(
            matches!(reply.channels, 3 | 4) && reply.weight.is_finite(),
            "{}: its reply has {} channels and weight {}; it needs 3 or 4, and a finite weight",
            at(&self.process),
            reply.channels,
            reply.weight
        );
        let count = pixels * reply.channels as usize;
        let bytes = self.process.bytes(4 * count).with_context(|| at(&self.process))?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if let Some(first) = values.iter().position(|value| !value.is_finite()) {
            anyhow::bail!(
                "{}: its reply holds values that are not finite, the first at pixel {} of {pixels}; --resume goes on from the \
                 last checkpoint, where there is one",
                at(&self.process),
                first / reply.channels as usize
            );
        }
        Ok((reply, values))
    }
}

/// Cameras for a run that has a guide and no photos: a ring and two tilted ones around the origin, 4 units away.
pub fn cameras(count: usize, side: u32) -> Vec<Camera> {
    let lens = Lens::from_fov_x(0.7, side, side);
    let at = |i: usize| {
        let angle = std::f64::consts::TAU * i as f64 / count as f64;
        let height = [0.0, 0.5, -0.3][i % 3];
        let eye = 4.0 * DVec3::new(angle.cos(), angle.sin(), height).normalize();
        Camera { pose: Pose::look_at(eye, DVec3::ZERO, DVec3::Z), lens }
    };
    (0..count).map(at).collect()
}
