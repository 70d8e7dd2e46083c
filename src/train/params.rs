//! A plain vector of parameters with Adam's moments and a place in checkpoints, for what is trained besides Gaussians.

use std::collections::BTreeMap;

use anyhow::Result;
use glam::Vec4;

use crate::gpu::{Buffer, Declaration, Gpu, GpuError, Kernel, Pipeline, Recorder};
use crate::render::FrameStatus;
use crate::{kernel, shared};

use super::run::checkpoint::{Checkpoint, Tensor};
use super::update::Step;

shared! {
    /// A vector of parameters; see `shaders/train/update_vector.wgsl`.
    pub struct Vector {
        pub blocks: u32,
        pub lr: f32,
        pub unused0: u32,
        pub unused1: u32,
    }
}

kernel! {
    /// The step on a vector.
    pub UpdateVector = "train/update_vector.wgsl" [] {
        uniform step: Step,
        uniform vector: Vector,
        read gradient: Vec4,
        write values: Vec4,
        write moment1: Vec4,
        write moment2: Vec4,
        write status: FrameStatus,
    }
}

/// All kernels of this file.
pub const DECLARATIONS: &[Declaration] = &[UpdateVector::DECLARATION];

/// Names of the values and of Adam's moments in a checkpoint.
const NAMES: [&str; 3] = ["value", "moment1", "moment2"];

/// A vector of parameters. Its buffers are filled up with zeros to whole vectors of four.
#[derive(Debug)]
pub struct Parameters {
    gpu: Gpu,
    len: usize,
    update: Pipeline<UpdateVector<'static>>,
    vector: Buffer<Vector>,
    /// The values, and the first and second moments of Adam.
    state: [Buffer<Vec4>; 3],
    gradient: Buffer<Vec4>,
}

impl Parameters {
    /// Parameters with their first values and their learning rate.
    pub fn new(gpu: &Gpu, values: &[f32], lr: f32) -> Result<Self, GpuError> {
        let blocks = values.len().div_ceil(4);
        let zeros = || gpu.zeros("parameters", blocks);
        let parameters = Self {
            gpu: gpu.clone(),
            len: values.len(),
            update: gpu.pipeline::<UpdateVector>(&[])?,
            vector: gpu.upload("parameters", &[Vector { blocks: blocks as u32, lr, ..Vector::default() }])?,
            state: [zeros()?, zeros()?, zeros()?],
            gradient: zeros()?,
        };
        gpu.write(&parameters.state[0].cast(), 0, values);
        Ok(parameters)
    }

    /// `[ceil(len / 4)]` the values, for the kernels that use them.
    pub fn values(&self) -> &Buffer<Vec4> {
        &self.state[0]
    }

    /// `[ceil(len / 4)]` Adam's first and second moments, for a kernel that makes the steps itself.
    pub fn moments(&self) -> [&Buffer<Vec4>; 2] {
        [&self.state[1], &self.state[2]]
    }

    /// `[ceil(len / 4)]` where those kernels leave the gradient of the loss.
    pub fn gradient(&self) -> &Buffer<Vec4> {
        &self.gradient
    }

    /// Records a step of Adam along the gradient. A frame that did not fit its buffers makes none.
    pub fn record(&self, recorder: &mut Recorder, step: &Buffer<Step>, status: &Buffer<FrameStatus>) {
        let [values, moment1, moment2] = &self.state;
        recorder.stage("update parameters", |pass| {
            let (vector, gradient) = (&self.vector, &self.gradient);
            let update = UpdateVector { step, vector, gradient, values, moment1, moment2, status };
            self.update.dispatch(pass, &update, self.gradient.len() as u32);
        });
    }

    /// Reads the values back.
    pub fn download(&self) -> Result<Vec<f32>, GpuError> {
        self.gpu.read_range(&self.state[0].cast(), 0, self.len)
    }

    /// Adds values and moments to the tensors of a checkpoint, as `name.value` and so forth.
    pub fn save(&self, tensors: &mut BTreeMap<String, Tensor>, name: &str) -> Result<()> {
        for (part, buffer) in NAMES.iter().zip(&self.state) {
            let values = self.gpu.read_range(&buffer.cast(), 0, self.len)?;
            tensors.insert(format!("{name}.{part}"), Tensor::f32(&[self.len], values));
        }
        Ok(())
    }

    /// Takes values and moments from a checkpoint.
    ///
    /// # Errors
    /// Tensors that are missing or of another length.
    pub fn restore(&self, checkpoint: &Checkpoint, name: &str) -> Result<()> {
        for (part, buffer) in NAMES.iter().zip(&self.state) {
            self.gpu.write(&buffer.cast(), 0, checkpoint.f32(&format!("{name}.{part}"), &[self.len])?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Normalisation;
    use crate::train::config::Config;
    use crate::train::schedule::Schedule;

    const TARGET: [f32; 5] = [0.5, -1.0, 2.0, 0.25, 3.0];

    /// A vector that learns `TARGET` from squared differences, with the buffers that a step needs.
    struct Toy {
        gpu: Gpu,
        schedule: Schedule,
        parameters: Parameters,
        step: Buffer<Step>,
        status: Buffer<FrameStatus>,
    }

    impl Toy {
        fn new(first: &[f32]) -> Self {
            let gpu = Gpu::open(None).unwrap();
            Self {
                schedule: Schedule::new(&Config::default(), vec![0]),
                parameters: Parameters::new(&gpu, first, 0.05).unwrap(),
                step: gpu.zeros("step", 1).unwrap(),
                status: gpu.zeros("status", 1).unwrap(),
                gpu,
            }
        }

        fn gradient(&self) -> Vec<f32> {
            self.parameters.download().unwrap().iter().zip(TARGET).map(|(value, target)| value - target).collect()
        }

        fn step(&self, number: u32, gradient: &[f32]) {
            self.gpu.write(&self.step, 0, &[self.schedule.step(number, 1)]);
            self.gpu.write(&self.parameters.gradient().cast(), 0, gradient);
            let mut recorder = Recorder::new(&self.gpu, false);
            self.parameters.record(&mut recorder, &self.step, &self.status);
            recorder.finish().unwrap();
        }
    }

    #[test]
    fn a_vector_learns_by_adam() {
        let toy = Toy::new(&[0.0; 5]);
        let (mut value, mut m, mut v) = ([0.0_f64; 5], [0.0; 5], [0.0; 5]);
        for step in 0..200 {
            let gradient = toy.gradient();
            for (i, g) in gradient.iter().map(|g| f64::from(*g)).enumerate() {
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let (m, v) = (m[i] / (1.0 - 0.9_f64.powi(step + 1)), v[i] / (1.0 - 0.999_f64.powi(step + 1)));
                value[i] -= 0.05 * m / (v.sqrt() + 1e-15);
            }
            toy.step(step as u32, &gradient);
        }
        for (i, got) in toy.parameters.download().unwrap().into_iter().enumerate() {
            assert!((f64::from(got) - value[i]).abs() < 1e-4, "{i}: {got}, not {}", value[i]);
            assert!((got - TARGET[i]).abs() < 0.1, "{i}: {got} is far from {}", TARGET[i]);
        }
    }

    #[test]
    fn every_entry_of_a_long_vector_moves() {
        // The first step of Adam is the rate, against the gradient's sign.
        let gradient: Vec<f32> = (0..1403).map(|i| if i % 3 == 0 { -0.5 } else { 0.01 * (1 + i) as f32 }).collect();
        let toy = Toy::new(&vec![1.0; gradient.len()]);
        toy.step(0, &gradient);
        for (i, (value, g)) in toy.parameters.download().unwrap().iter().zip(&gradient).enumerate() {
            assert!((value - (1.0 - 0.05 * g.signum())).abs() < 1e-5, "entry {i}: {value}");
        }
    }

    #[test]
    fn a_vector_goes_on_from_a_checkpoint_to_the_same_bits() {
        let (one, other) = (Toy::new(&[0.0; 5]), Toy::new(&[7.0; 5]));
        (0..3).for_each(|step| one.step(step, &one.gradient()));
        let mut tensors = BTreeMap::new();
        one.parameters.save(&mut tensors, "toy").unwrap();
        let (config, normalisation) = (Config::default(), Normalisation::IDENTITY);
        let checkpoint = Checkpoint { config, step: 3, normalisation, tensors, extra: serde_json::Value::Null };
        other.parameters.restore(&checkpoint, "toy").unwrap();
        (3..6).for_each(|step| [&one, &other].iter().for_each(|toy| toy.step(step, &toy.gradient())));
        let bits = |toy: &Toy| toy.parameters.download().unwrap().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&one), bits(&other));
    }

    #[test]
    fn frames_that_overflow_and_gradients_that_are_not_finite_make_no_step() {
        let toy = Toy::new(&[1.0; 5]);
        toy.step(0, &[f32::NAN; 5]);
        assert_eq!(toy.gpu.read(&toy.status).unwrap()[0].non_finite, 2, "blocks of four are left out together");
        toy.gpu.write(&toy.status, 0, &[FrameStatus { overflowed: 1, ..FrameStatus::default() }]);
        toy.step(0, &toy.gradient());
        assert_eq!(toy.parameters.download().unwrap(), [1.0; 5]);
    }
}
