//! The Gaussians on the host: the hub between files, the trainer and the renderer.

use anyhow::{Result, ensure};
use glam::{DVec3, Vec3};

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

/// The logit of an opacity; those of 0 and 1, which are not finite, become those of their nearest neighbours in reach.
pub fn logit(opacity: f32) -> f32 {
    let opacity = opacity.clamp(1e-30, 1.0 - f32::EPSILON / 2.0);
    (opacity / (1.0 - opacity)).ln()
}

/// A scene of N anisotropic 3D Gaussians in the capture's own frame, with the unconstrained parameters that training
/// optimises (ALGORITHMS A.1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// `[N]` centres, world units.
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
    /// Whether the scene was trained with opacity compensation for the low-pass filter (A.4).
    pub antialiased: bool,
    /// How the Gaussians move and fade in time; `None` for a static scene.
    pub motion: Option<Motion>,
}

/// Motion of N Gaussians in time, which runs from 0 to 1 over the clip (ALGORITHMS G.2): at time t, with Δ = t − centre,
/// the mean is mean + velocity·Δ, and the opacity is multiplied by γ + (1 − γ)·exp(−½(Δ/duration)²).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Motion {
    /// `[N]` velocities, world units per clip.
    pub velocities: Vec<Vec3>,
    /// `[N]` times at which a Gaussian is at its mean and most opaque.
    pub centres: Vec<f32>,
    /// `[N]` logarithms of the durations, which are standard deviations in time.
    pub log_durations: Vec<f32>,
    /// `[N]` static gates g; the share γ = sigmoid(20 g) of the opacity does not fade. [`Motion::NO_GATE`] for none.
    pub gates: Vec<f32>,
}

impl Motion {
    /// The gate that lets everything fade: γ = 2·10⁻⁹.
    pub const NO_GATE: f32 = -1.0;

    /// The share of its opacity that Gaussian `i` has at `time`.
    pub fn visibility(&self, i: usize, time: f32) -> f32 {
        let gate = 1.0 / (1.0 + (-20.0 * self.gates[i]).exp());
        let distance = (time - self.centres[i]) / self.log_durations[i].exp();
        gate + (1.0 - gate) * (-0.5 * distance * distance).exp()
    }

    fn lengths_are(&self, n: usize) -> bool {
        [self.velocities.len(), self.centres.len(), self.log_durations.len(), self.gates.len()] == [n; 4]
    }

    fn is_finite(&self, i: usize) -> bool {
        self.velocities[i].is_finite()
            && [self.centres[i], self.log_durations[i], self.gates[i]].iter().all(|v| v.is_finite())
    }

    fn keep(&mut self, kept: &[usize]) {
        self.velocities = kept.iter().map(|&i| self.velocities[i]).collect();
        for values in [&mut self.centres, &mut self.log_durations, &mut self.gates] {
            *values = kept.iter().map(|&i| values[i]).collect();
        }
    }

    fn scale(&mut self, factor: f32) {
        self.velocities.iter_mut().for_each(|velocity| *velocity *= factor);
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
        let stride = self.sh_stride();
        for i in 0..n {
            let finite = self.means[i].is_finite()
                && self.quaternions[i].iter().all(|v| v.is_finite())
                && self.log_scales[i].is_finite()
                && self.logits[i].is_finite()
                && self.sh[i * stride..(i + 1) * stride].iter().all(|v| v.is_finite())
                && motion.is_none_or(|m| m.is_finite(i));
            ensure!(finite, "Gaussian {i} holds a value that is not finite");
        }
        Ok(())
    }

    /// Keeps the Gaussians for which `keep` is true, in order.
    pub fn retain(&mut self, keep: impl Fn(&Scene, usize) -> bool) {
        let stride = self.sh_stride();
        let kept: Vec<usize> = (0..self.len()).filter(|&i| keep(self, i)).collect();
        for (to, &from) in kept.iter().enumerate() {
            self.means[to] = self.means[from];
            self.quaternions[to] = self.quaternions[from];
            self.log_scales[to] = self.log_scales[from];
            self.logits[to] = self.logits[from];
            self.sh.copy_within(from * stride..(from + 1) * stride, to * stride);
        }
        self.means.truncate(kept.len());
        self.quaternions.truncate(kept.len());
        self.log_scales.truncate(kept.len());
        self.logits.truncate(kept.len());
        self.sh.truncate(kept.len() * stride);
        if let Some(motion) = &mut self.motion {
            motion.keep(&kept);
        }
    }

    /// The static scene that this one is at `time`; a static scene is the same at all times.
    pub fn at(&self, time: f32) -> Scene {
        self.clone().into_at(time)
    }

    /// As [`Scene::at`], in place.
    pub fn into_at(mut self, time: f32) -> Scene {
        if let Some(motion) = self.motion.take() {
            for i in 0..self.means.len() {
                self.means[i] += motion.velocities[i] * (time - motion.centres[i]);
                let opacity = motion.visibility(i, time) / (1.0 + (-self.logits[i]).exp());
                // Kept away from 0 and 1, whose logits are not finite.
                let opacity = opacity.clamp(1e-7, 1.0 - 1e-6);
                self.logits[i] = (opacity / (1.0 - opacity)).ln();
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

/// The similarity between the capture's frame and the frame of training: `training = (capture − centre) · scale`.
/// There is no rotation, so that undoing it never has to rotate spherical harmonics.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Normalisation {
    pub centre: DVec3,
    pub scale: f64,
}

impl Normalisation {
    pub const IDENTITY: Self = Self { centre: DVec3::ZERO, scale: 1.0 };

    pub fn apply(&self, point: DVec3) -> DVec3 {
        (point - self.centre) * self.scale
    }

    pub fn undo(&self, point: DVec3) -> DVec3 {
        point / self.scale + self.centre
    }

    /// The same camera in the frame of training.
    pub fn camera(&self, mut camera: crate::camera::Camera) -> crate::camera::Camera {
        camera.pose.translation = -(camera.pose.rotation * self.apply(camera.pose.centre()));
        camera
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
