//! The appearance of a photo, between the rendered image and the loss: exposure, white balance and the like, which belong
//! to the camera rather than the scene.
//!
//! Today the appearance is the identity, which records nothing. A model of it adds its kernels to [`Appearance::record`]
//! and [`Appearance::record_backward`], and its parameters; their optimiser and checkpoint are here already.

use std::collections::BTreeMap;

use anyhow::Result;
use glam::Vec4;

use crate::gpu::{Buffer, Recorder};
use crate::render::FrameStatus;

use super::params::Parameters;
use super::run::checkpoint::{Checkpoint, Tensor};
use super::update::Step;

/// Name of the parameters in a checkpoint.
const NAME: &str = "appearance";

/// An image and its gradient, `[H * W]` each: rgb, transmittance.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub image: &'a Buffer<Vec4>,
    pub gradient: &'a Buffer<Vec4>,
}

/// A model of appearance with its parameters, if it has any.
#[derive(Debug)]
pub struct Appearance {
    parameters: Option<Parameters>,
}

impl Appearance {
    /// The rendered image as it is.
    pub fn identity() -> Self {
        Self { parameters: None }
    }

    /// Records how a rendered image appears. The result is what the loss compares with the target, and where it writes its
    /// gradient.
    pub fn record<'a>(&'a self, _recorder: &mut Recorder, rendered: Shown<'a>) -> Shown<'a> {
        rendered
    }

    /// Records the way back from the loss's gradient to that of the rendered image, and the step of the parameters.
    pub fn record_backward(&self, recorder: &mut Recorder, step: &Buffer<Step>, status: &Buffer<FrameStatus>) {
        if let Some(parameters) = &self.parameters {
            parameters.record(recorder, step, status);
        }
    }

    /// Adds the parameters and their moments to the tensors of a checkpoint.
    pub fn save(&self, tensors: &mut BTreeMap<String, Tensor>) -> Result<()> {
        self.parameters.as_ref().map_or(Ok(()), |parameters| parameters.save(tensors, NAME))
    }

    /// Takes the parameters and their moments from a checkpoint.
    ///
    /// # Errors
    /// Tensors that are missing or of another length.
    pub fn restore(&self, checkpoint: &Checkpoint) -> Result<()> {
        self.parameters.as_ref().map_or(Ok(()), |parameters| parameters.restore(checkpoint, NAME))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Gpu;
    use crate::scene::Normalisation;
    use crate::train::config::Config;

    #[test]
    fn the_identity_is_the_rendered_image_and_leaves_nothing_in_a_checkpoint() {
        let gpu = Gpu::open(None).unwrap();
        let (image, gradient) = (gpu.zeros("image", 4).unwrap(), gpu.zeros("gradient", 4).unwrap());
        let mut recorder = Recorder::new(&gpu, false);
        let appearance = Appearance::identity();
        let shown = appearance.record(&mut recorder, Shown { image: &image, gradient: &gradient });
        assert!(std::ptr::eq(shown.image, &raw const image) && std::ptr::eq(shown.gradient, &raw const gradient));
        let mut tensors = BTreeMap::new();
        appearance.save(&mut tensors).unwrap();
        assert!(tensors.is_empty());
    }

    #[test]
    fn parameters_come_back_from_a_checkpoint() {
        let gpu = Gpu::open(None).unwrap();
        let with = |values: &[f32]| Appearance { parameters: Some(Parameters::new(&gpu, values, 0.1).unwrap()) };
        let mut tensors = BTreeMap::new();
        with(&[1.0, 0.5, 2.0]).save(&mut tensors).unwrap();
        let names: Vec<&str> = tensors.keys().map(String::as_str).collect();
        assert_eq!(names, ["appearance.moment1", "appearance.moment2", "appearance.value"]);
        let checkpoint = Checkpoint {
            config: Config::default(),
            step: 0,
            normalisation: Normalisation::IDENTITY,
            tensors,
            extra: serde_json::Value::Null,
        };
        let other = with(&[0.0; 3]);
        other.restore(&checkpoint).unwrap();
        assert_eq!(other.parameters.as_ref().unwrap().download().unwrap(), [1.0, 0.5, 2.0]);
        assert!(with(&[0.0; 4]).restore(&checkpoint).is_err(), "another number of parameters");
    }
}
