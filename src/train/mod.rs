//! Training: one step, its schedule, and what a run leaves behind.

pub mod checkpoint;
mod choices;
pub mod config;
pub mod evaluate;
pub mod metrics;
pub mod picture;
pub mod plot;
pub mod report;
pub mod run_folder;

pub use checkpoint::{Checkpoint, Tensor, TensorData};
pub use config::{Background, Config};

// Stand-in from here on.
use crate::camera::Camera;
use crate::dataset::Capture;
use crate::gpu::{Gpu, StageTimes};
use crate::model::Model;
use crate::render::{Channel, RenderOptions, Rendered, Renderer};
use crate::scene::{Normalisation, Scene};
use anyhow::Result;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    pub step: u32,
    pub loss: f32,
    pub l1: f32,
    pub ssim: f32,
    pub gaussians: u32,
    pub non_finite: u32,
}

pub struct Trainer {
    gpu: Gpu,
    config: Config,
    scene: Scene,
    step: u32,
}

impl Trainer {
    pub fn new(gpu: &Gpu, capture: Arc<Capture>, config: Config) -> Result<Self> {
        let mut points = capture.points.clone().unwrap_or_default();
        if let Some(path) = &capture.points_file
            && let crate::format::ply::Contents::Points(p) = crate::format::ply::read_any(path)?
        {
            points = p;
        }
        let n = points.positions.len();
        let scene = Scene {
            quaternions: vec![[1.0, 0.0, 0.0, 0.0]; n],
            log_scales: vec![glam::Vec3::splat(-4.0); n],
            logits: vec![0.0; n],
            sh: points.colours.iter().flat_map(|c| ((*c - 0.5) / crate::scene::SH_C0).to_array()).collect(),
            means: points.positions,
            ..Scene::default()
        };
        Ok(Self { gpu: gpu.clone(), config, scene, step: 0 })
    }
    pub fn resume(gpu: &Gpu, capture: Arc<Capture>, checkpoint: Checkpoint) -> Result<Self> {
        let mut trainer = Self::new(gpu, capture, checkpoint.config)?;
        trainer.step = checkpoint.step;
        Ok(trainer)
    }
    pub fn step(&mut self) -> Result<()> {
        self.step += 1;
        std::thread::sleep(std::time::Duration::from_millis(2));
        Ok(())
    }
    pub fn step_index(&self) -> u32 {
        self.step
    }
    pub fn statistics(&mut self) -> Result<Statistics> {
        let x = self.step as f32 / self.config.steps as f32;
        let noise = (self.step as f32 * 12.9).sin() * 0.1 + 1.0;
        let loss = (0.3 * (-5.0 * x).exp() + 0.02) * noise;
        let gaussians = (self.scene.len() as f32 * (1.0 + 3.0 * x)) as u32;
        Ok(Statistics { step: self.step, loss, l1: loss * 0.5, ssim: 1.0 - loss * 2.0, gaussians, non_finite: 0 })
    }
    pub fn checkpoint(&mut self) -> Result<Checkpoint> {
        Ok(Checkpoint {
            config: self.config.clone(),
            step: self.step,
            normalisation: Normalisation::IDENTITY,
            tensors: Default::default(),
            extra: serde_json::Value::Null,
        })
    }
    pub fn scene(&mut self) -> Result<Scene> {
        Ok(self.scene.clone())
    }
    pub fn render_view(&mut self, camera: &Camera) -> Result<Rendered> {
        let options = RenderOptions {
            background: self.config.background.fixed(),
            channel: Channel::Color,
            sh_degree: 3,
            antialiased: false,
            near: 0.01,
        };
        Renderer::new(&self.gpu)?.render(&Model::upload(&self.gpu, &self.scene)?, camera, &options)
    }
    pub fn stage_times(&mut self) -> Result<StageTimes> {
        let names =
            ["project", "sort by depth", "emit pairs", "sort by tile", "rasterize", "loss", "rasterize backward"];
        Ok(names.iter().enumerate().map(|(i, n)| (*n, 0.5 + (i * i) as f64 * 0.4)).chain([("update", 3.0)]).collect())
    }
    pub fn gpu_bytes(&self) -> Vec<(&'static str, u64)> {
        vec![("geometry", 176_000_000), ("sh band 3", 336_000_000), ("pairs", 64_000_000), ("image", 12_000_000)]
    }
}
