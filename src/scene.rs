//! A scene of Gaussians in host memory, as files, the trainer and the renderer exchange it.

mod motion_kind;
mod normalisation;
pub mod stats;

use anyhow::{Result, bail, ensure};
use glam::{Quat, Vec3};
use rayon::prelude::*;

pub use motion_kind::MotionKind;
pub use normalisation::Normalisation;

/// The least opacity that contributes to a pixel: one step of an 8-bit image.
/// `shaders/shared/view.wgsl` has the same constant for the GPU.
pub const ALPHA_MIN: f32 = 1.0 / 255.0;

/// The factor on a static gate under the sigmoid. `shaders/shared/moving.wgsl` has the same constant for the GPU.
pub const GATE_SLOPE: f32 = 20.0;

/// Y₀, the constant of the zeroth spherical harmonic.
pub const SH_C0: f32 = 0.282_094_8;

/// Number of spherical-harmonic coefficients a colour channel has at `degree`.
pub const fn sh_coefficients(degree: u32) -> usize {
    ((degree + 1) * (degree + 1)) as usize
}

/// The opacity of a logit.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The logit of an opacity, clamped to 10⁻³⁰..=1 − 2⁻²⁴ so that it is finite.
pub fn logit(opacity: f32) -> f32 {
    logit_within(opacity, 1e-30, 1.0 - f32::EPSILON / 2.0)
}

/// The logit of an opacity clamped to `low..=high`, which must lie within 0 to 1.
pub fn logit_within(opacity: f32, low: f32, high: f32) -> f32 {
    let opacity = opacity.clamp(low, high);
    (opacity / (1.0 - opacity)).ln()
}

/// A scene of N anisotropic 3D Gaussians in the capture's own frame, with the unconstrained parameters that training
/// optimises (docs/algorithms.md A.1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// `[N]` means, world units.
    pub means: Vec<Vec3>,
    /// `[N]` rotation quaternions (w, x, y, z); not necessarily of unit length.
    pub quaternions: Vec<[f32; 4]>,
    /// `[N]` logarithms of the standard deviations along the local axes, world units.
    pub log_scales: Vec<Vec3>,
    /// `[N]` opacity logits; opacity = sigmoid(logit).
    pub logits: Vec<f32>,
    /// `[N][K][3]` spherical-harmonic coefficients, coefficient-major, RGB innermost; K = (degree + 1)².
    pub sh: Vec<f32>,
    /// Degree of the spherical harmonics, 0 to 3.
    pub sh_degree: u32,
    /// Whether the scene was trained with opacity compensation for the low-pass filter (docs/algorithms.md A.4).
    pub antialiased: bool,
    /// Motion and fading over time; `None` for a static scene.
    pub motion: Option<Motion>,
    /// The direction that is up, a unit vector in the scene's frame; `None` where nobody said.
    pub up: Option<Vec3>,
    /// What is known of the clip of a dynamic scene.
    pub clip: Clip,
}

/// Length of a clip and number of its moments, where they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clip {
    /// From time 0 to time 1, above 0.
    pub seconds: Option<f64>,
    /// Distinct times of the capture, at least 1.
    pub frames: Option<u32>,
}

impl Clip {
    /// What this knows, else the other.
    pub fn or(self, other: Self) -> Self {
        Self { seconds: self.seconds.or(other.seconds), frames: self.frames.or(other.frames) }
    }

    /// A clip of this length and number of frames, where those are ones.
    pub fn of(seconds: Option<f64>, frames: Option<u64>) -> Self {
        let frames = frames.and_then(|frames| u32::try_from(frames).ok()).filter(|&frames| frames > 0);
        Self { seconds: seconds.filter(|&seconds| seconds.is_finite() && seconds > 0.0), frames }
    }
}

/// Durations from its time centre within which a Gaussian counts as seen: beyond, it has less than a third of its opacity.
const SEEN: f32 = 1.5;

/// Motion of N Gaussians in time, which runs from 0 to 1 over the clip (docs/algorithms.md G.2): at time t, with Δ = t
/// − centre, the mean is mean + velocity·Δ, and the opacity is multiplied by γ + (1 − γ)·exp(−½(Δ/duration)²).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Motion {
    /// `[N]` velocities, world units per clip.
    pub velocities: Vec<Vec3>,
    /// `[N]` time centres, 0 to 1: a Gaussian is then at its mean and most opaque.
    pub centres: Vec<f32>,
    /// `[N]` logarithms of the durations, which are standard deviations in time.
    pub log_durations: Vec<f32>,
    /// `[N]` static gates g; the share γ = sigmoid(20 g) of the opacity does not fade. [`Motion::NO_GATE`] for none.
    pub gates: Vec<f32>,
    /// What bends the paths; `None` where all move along lines without turning.
    pub curves: Option<Curves>,
}

/// Curved motion of N Gaussians: at time t, with Δ = t − centre, the mean is mean + velocity·Δ + ½ acceleration·Δ², and the
/// rotation is exp(angular velocity·Δ) after the Gaussian's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// `[N]` world units per clip².
    pub accelerations: Vec<Vec3>,
    /// `[N]` radians per clip about the world's axes.
    pub angular_velocities: Vec<Vec3>,
}

impl Curves {
    /// No curves of N Gaussians.
    pub fn straight(n: usize) -> Self {
        Self { accelerations: vec![Vec3::ZERO; n], angular_velocities: vec![Vec3::ZERO; n] }
    }
}

impl Motion {
    /// The gate of a Gaussian that fades fully: γ = 2·10⁻⁹.
    pub const NO_GATE: f32 = -1.0;

    /// Motion of Gaussians at rest, with individual time centres and a common duration and gate.
    pub fn still(centres: Vec<f32>, duration: f32, gate: f32) -> Self {
        let n = centres.len();
        Self {
            velocities: vec![Vec3::ZERO; n],
            centres,
            log_durations: vec![duration.ln(); n],
            gates: vec![gate; n],
            curves: None,
        }
    }

    /// Displacement of Gaussian `i` from its mean at `time`, world units.
    pub fn displacement(&self, i: usize, time: f32) -> Vec3 {
        let elapsed = time - self.centres[i];
        let bend = self.curves.as_ref().map_or(Vec3::ZERO, |curves| curves.accelerations[i]);
        (self.velocities[i] + bend * (0.5 * elapsed)) * elapsed
    }

    /// The velocity of Gaussian `i` at `time`, world units per clip.
    pub fn velocity(&self, i: usize, time: f32) -> Vec3 {
        let bend = self.curves.as_ref().map_or(Vec3::ZERO, |curves| curves.accelerations[i]);
        self.velocities[i] + bend * (time - self.centres[i])
    }

    /// The quaternion (w, x, y, z) of Gaussian `i` at `time`, of `own` at its time centre.
    pub fn turned(&self, i: usize, own: [f32; 4], time: f32) -> [f32; 4] {
        let Some(curves) = &self.curves else { return own };
        let turn = Quat::from_scaled_axis(curves.angular_velocities[i] * (time - self.centres[i]));
        // Not of unit length: glam's product takes any.
        let [w, x, y, z] = own;
        let [x, y, z, w] = turn.mul_quat(Quat::from_xyzw(x, y, z, w)).to_array();
        [w, x, y, z]
    }

    /// The time in which Gaussian `i` is seen: its middle, from the time centre, and its width. It is the part of the clip
    /// within 1.5 durations of the centre, or the end of the clip that is nearest.
    pub fn seen(&self, i: usize) -> [f32; 2] {
        let centre = self.centres[i];
        let reach = if self.gates[i] > 0.0 { f32::INFINITY } else { SEEN * self.log_durations[i].exp() };
        let [first, last] = [-reach, reach].map(|end| (centre + end).clamp(0.0, 1.0));
        [0.5 * (first + last) - centre, last - first]
    }

    /// The factor on the opacity of Gaussian `i` at `time`, 0 to 1.
    pub fn visibility(&self, i: usize, time: f32) -> f32 {
        let gate = sigmoid(GATE_SLOPE * self.gates[i]);
        let distance = (time - self.centres[i]) / self.log_durations[i].exp();
        gate + (1.0 - gate) * (-0.5 * distance * distance).exp()
    }

    fn lengths_are(&self, n: usize) -> bool {
        let curves = self
            .curves
            .as_ref()
            .is_none_or(|curves| [curves.accelerations.len(), curves.angular_velocities.len()] == [n; 2]);
        curves && [self.velocities.len(), self.centres.len(), self.log_durations.len(), self.gates.len()] == [n; 4]
    }

    fn scale(&mut self, factor: f32) {
        self.velocities.iter_mut().for_each(|velocity| *velocity *= factor);
        let accelerations = self.curves.iter_mut().flat_map(|curves| &mut curves.accelerations);
        accelerations.for_each(|acceleration| *acceleration *= factor);
    }
}

impl Scene {
    pub fn len(&self) -> usize {
        self.means.len()
    }

    pub fn is_empty(&self) -> bool {
        self.means.is_empty()
    }

    /// Floats of one Gaussian's row in [`Scene::sh`].
    pub fn sh_stride(&self) -> usize {
        3 * sh_coefficients(self.sh_degree)
    }

    /// Checks that all arrays agree in length and hold finite numbers.
    ///
    /// # Errors
    /// Names the first Gaussian with a NaN or an infinity, or the array of a wrong length.
    pub fn validate(&self) -> Result<()> {
        let n = self.len();
        ensure!(
            self.quaternions.len() == n && self.log_scales.len() == n && self.logits.len() == n,
            "the scene's arrays have different lengths"
        );
        let motion = self.motion.as_ref();
        ensure!(motion.is_none_or(|m| m.lengths_are(n)), "the scene's motion has arrays of different lengths");
        ensure!(self.sh_degree <= 3, "spherical harmonics of degree {} are not supported (0 to 3)", self.sh_degree);
        ensure!(self.sh.len() == n * self.sh_stride(), "the scene's colour array has the wrong length");
        let wrong =
            |(values, width): (&[f32], usize)| Some(values.par_iter().position_first(|v| !v.is_finite())? / width);
        match self.attributes().into_iter().filter_map(wrong).min() {
            Some(i) => bail!("Gaussian {i} holds a value that is not finite"),
            None => Ok(()),
        }
    }

    /// All arrays as flat numbers, each with its count of numbers per Gaussian.
    fn attributes(&self) -> Vec<(&[f32], usize)> {
        let mut all: Vec<(&[f32], usize)> = vec![
            (bytemuck::cast_slice(&self.means), 3),
            (bytemuck::cast_slice(&self.quaternions), 4),
            (bytemuck::cast_slice(&self.log_scales), 3),
            (&self.logits, 1),
            (&self.sh, self.sh_stride()),
        ];
        if let Some(motion) = &self.motion {
            all.push((bytemuck::cast_slice(&motion.velocities), 3));
            all.extend([&motion.centres, &motion.log_durations, &motion.gates].map(|values| (&values[..], 1)));
            if let Some(curves) = &motion.curves {
                all.extend([&curves.accelerations, &curves.angular_velocities].map(|v| (bytemuck::cast_slice(v), 3)));
            }
        }
        all
    }

    /// All arrays as flat mutable numbers, each with its count of numbers per Gaussian.
    pub fn attributes_mut(&mut self) -> Vec<(&mut [f32], usize)> {
        let stride = self.sh_stride();
        let mut all: Vec<(&mut [f32], usize)> = vec![
            (bytemuck::cast_slice_mut(&mut self.means), 3),
            (bytemuck::cast_slice_mut(&mut self.quaternions), 4),
            (bytemuck::cast_slice_mut(&mut self.log_scales), 3),
            (&mut self.logits, 1),
            (&mut self.sh, stride),
        ];
        if let Some(motion) = &mut self.motion {
            all.push((bytemuck::cast_slice_mut(&mut motion.velocities), 3));
            let times = [&mut motion.centres, &mut motion.log_durations, &mut motion.gates];
            all.extend(times.map(|values| (&mut values[..], 1)));
            if let Some(curves) = &mut motion.curves {
                let vectors = [&mut curves.accelerations, &mut curves.angular_velocities];
                all.extend(vectors.map(|v| (bytemuck::cast_slice_mut(v), 3)));
            }
        }
        all
    }

    fn truncate(&mut self, n: usize) {
        self.sh.truncate(n * self.sh_stride());
        self.means.truncate(n);
        self.quaternions.truncate(n);
        self.log_scales.truncate(n);
        self.logits.truncate(n);
        if let Some(motion) = &mut self.motion {
            motion.velocities.truncate(n);
            let times = [&mut motion.centres, &mut motion.log_durations, &mut motion.gates];
            times.into_iter().for_each(|values| values.truncate(n));
            if let Some(curves) = &mut motion.curves {
                curves.accelerations.truncate(n);
                curves.angular_velocities.truncate(n);
            }
        }
    }

    /// Sets the degree of the spherical harmonics, 0 to 3: bands above it are dropped, missing ones are zero.
    pub fn set_sh_degree(&mut self, degree: u32) {
        let (from, to) = (self.sh_stride(), 3 * sh_coefficients(degree));
        let n = self.len();
        if to < from {
            (0..n).for_each(|i| self.sh.copy_within(i * from..i * from + to, i * to));
            self.sh.truncate(n * to);
        } else if to > from {
            self.sh.resize(n * to, 0.0);
            // From the end, so that no row is written over before it has moved.
            for i in (0..n).rev() {
                self.sh.copy_within(i * from..(i + 1) * from, i * to);
                self.sh[i * to + from..(i + 1) * to].fill(0.0);
            }
        }
        self.sh_degree = degree;
    }

    /// Keeps the Gaussians for which `keep` is true, in order.
    pub fn retain(&mut self, keep: impl Fn(&Scene, usize) -> bool) {
        let kept: Vec<usize> = (0..self.len()).filter(|&i| keep(self, i)).collect();
        if kept.len() == self.len() {
            return;
        }
        for (values, width) in self.attributes_mut() {
            for (to, &from) in kept.iter().enumerate() {
                values.copy_within(from * width..(from + 1) * width, to * width);
            }
        }
        self.truncate(kept.len());
    }

    /// The static scene at `time`, 0 to 1 over the clip; a copy of a scene that is static already.
    pub fn at(&self, time: f32) -> Scene {
        self.clone().into_at(time)
    }

    /// Turns the scene into the static scene at `time`; see [`Scene::at`].
    pub fn into_at(mut self, time: f32) -> Scene {
        self.clip = Clip::default();
        if let Some(motion) = self.motion.take() {
            for i in 0..self.means.len() {
                self.means[i] += motion.displacement(i, time);
                self.quaternions[i] = motion.turned(i, self.quaternions[i], time);
                let opacity = motion.visibility(i, time) / (1.0 + (-self.logits[i]).exp());
                // Kept away from 0 and 1, whose logits are not finite.
                self.logits[i] = logit_within(opacity, 1e-7, 1.0 - 1e-6);
            }
        }
        self
    }

    /// Applies `frame` to every Gaussian: from the capture's frame to the training frame. Directions, and with them the
    /// spherical harmonics, stay as they are.
    pub fn normalise(&mut self, frame: &Normalisation) {
        let shift = frame.scale.ln() as f32;
        for mean in &mut self.means {
            *mean = frame.apply(mean.as_dvec3()).as_vec3();
        }
        for scale in &mut self.log_scales {
            *scale += shift;
        }
        if let Some(motion) = &mut self.motion {
            motion.scale(frame.scale as f32);
        }
    }

    /// The inverse of [`Scene::normalise`].
    pub fn denormalise(&mut self, frame: &Normalisation) {
        let shift = frame.scale.ln() as f32;
        for mean in &mut self.means {
            *mean = frame.undo(mean.as_dvec3()).as_vec3();
        }
        for scale in &mut self.log_scales {
            *scale -= shift;
        }
        if let Some(motion) = &mut self.motion {
            motion.scale((1.0 / frame.scale) as f32);
        }
    }
}

impl MotionKind {
    /// The kind of a scene's motion.
    pub fn of(motion: Option<&Motion>) -> Self {
        match motion {
            None => Self::Static,
            Some(Motion { curves: None, .. }) => Self::Linear,
            Some(Motion { curves: Some(_), .. }) => Self::Curved,
        }
    }
}

/// Coloured points, as structure from motion leaves them: where training may start.
#[derive(Clone, Debug, Default)]
pub struct PointCloud {
    /// `[N]` positions in the capture's frame.
    pub positions: Vec<Vec3>,
    /// `[N]` display-referred sRGB colours in 0..=1.
    pub colours: Vec<Vec3>,
    /// `[N]` times within the clip, 0 to 1, at which the points are there; `None` where they are so at all times.
    pub times: Option<Vec<f32>>,
}
