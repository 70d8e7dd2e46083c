//! Workloads: a capture, or a synthetic scene of a given size, which is made here.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use glam::{DMat4, DVec3, Vec3};

use super::bytes::least;
use super::figures::{Counts, Measured, stages};
use crate::dataset::{Capture, Split};
use crate::format;
use crate::gpu::Gpu;
use crate::image::png::{save_png, to_image};
use crate::model::Model;
use crate::render::{Channel, RenderOptions, Renderer};
use crate::scene::{Scene, logit, sh_coefficients};
use crate::train::budget::budgeted;
use crate::train::config::{Config, Init, REFERENCE_STEPS};
use crate::train::schedule::SplitMix;
use crate::train::{Statistics, Trainer};

/// Measurements of each stage.
const REPEATS: usize = 9;
/// Steps before stages are measured, so that all degrees of colour are in use and the pairs have their room.
const WARM_UP: u32 = 8;
/// Photos of a synthetic workload.
const PHOTOS: u32 = 3;
/// Field of view of its cameras, radians, and the range of depths that its Gaussians lie in.
const FOV: f64 = 0.8;
const DEPTHS: (f64, f64) = (2.0, 4.0);
/// The most time for the timed steps of a synthetic workload.
const PATIENCE: Duration = Duration::from_secs(15);

/// Gaussians and image of a synthetic workload, as in `1M@1297x840`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub gaussians: u32,
    pub width: u32,
    pub height: u32,
}

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = || {
            let (count, size) = text.split_once('@')?;
            let (width, height) = size.split_once('x')?;
            let (digits, unit) = match count.strip_suffix(['k', 'K']) {
                Some(digits) => (digits, 1e3),
                None => count.strip_suffix('M').map_or((count, 1.0), |digits| (digits, 1e6)),
            };
            let gaussians = digits.parse::<f64>().ok()? * unit;
            let (width, height) = (width.parse().ok()?, height.parse().ok()?);
            let fits =
                (1.0..=1e9).contains(&gaussians) && [width, height].iter().all(|side| (16..=16_384).contains(side));
            fits.then_some(Self { gaussians: gaussians as u32, width, height })
        };
        match parsed() {
            Some(size) => Ok(size),
            None => bail!("\"{text}\" is not GAUSSIANS@WIDTHxHEIGHT, such as 1M@1297x840 or 100k@400x400"),
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.gaussians {
            count if count % 1_000_000 == 0 => write!(f, "{}M", count / 1_000_000)?,
            count if count % 1000 == 0 => write!(f, "{}k", count / 1000)?,
            count => write!(f, "{count}")?,
        }
        write!(f, "@{}x{}", self.width, self.height)
    }
}

/// Measures a capture.
pub fn of_capture(gpu: &Gpu, config: &Config, timed: u32) -> Result<Measured> {
    let name = config.capture.file_name().unwrap_or(config.capture.as_os_str()).to_string_lossy().into_owned();
    measure(gpu, name, config, timed, None)
}

/// Measures a synthetic scene. `change` sets the options that the command line has.
pub fn of_size(gpu: &Gpu, size: Size, timed: u32, change: impl FnOnce(&mut Config)) -> Result<Measured> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut config = Config {
        capture: folder.path().into(),
        cap_max: size.gaussians.into(),
        test_every: 0,
        init: Init::File(folder.path().join("scene.ply")),
        steps: REFERENCE_STEPS.into(),
        // All degrees of colour are in use from the first steps on.
        sh_interval: 1,
        ..Config::default()
    };
    change(&mut config);
    write_capture(gpu, folder.path(), size, config.degree())?;
    measure(gpu, size.to_string(), &config, timed, Some(PATIENCE))
}

fn measure(gpu: &Gpu, name: String, config: &Config, timed: u32, patience: Option<Duration>) -> Result<Measured> {
    let capture = Arc::new(Capture::open(&config.capture, &config.capture_options())?);
    let config = budgeted(config, &capture)?;
    let mut trainer = Trainer::new(gpu, capture.clone(), config.clone())?;
    // Compiles every kernel and fetches the first images, without a lasting effect.
    trainer.stage_times()?;
    let start = Instant::now();
    while trainer.step_index() < timed && patience.is_none_or(|most| start.elapsed() < most) {
        trainer.step()?;
    }
    let Statistics { step, gaussians, .. } = trainer.statistics()?;
    let seconds = start.elapsed().as_secs_f64();
    while trainer.step_index() < WARM_UP {
        trainer.step()?;
    }
    let training = (0..REPEATS).map(|_| trainer.stage_times()).collect::<Result<Vec<_>>>()?;
    let memory = trainer.gpu_bytes().into_iter().map(|(label, bytes)| (label.to_string(), bytes)).collect();
    // Images of the same Gaussians, in a frame of their own.
    let (model, frame) = trainer.shared_model();
    let shot = capture.shots.iter().find(|shot| shot.split == Split::Train).context("no training image")?;
    let options = options(config.degree(), shot.time.unwrap_or(0.0));
    let camera = frame.camera(shot.camera);
    let mut renderer = Renderer::new(gpu)?;
    renderer.render(&model, &camera, &options)?;
    let forward = (0..REPEATS).map(|_| renderer.draw(&model, &camera, &options, true, |_, _, _| ()));
    let forward = forward.collect::<Result<Vec<_>>>()?;
    let (visible, pairs) = renderer.frame().counts()?;
    let lens = shot.camera.lens;
    let counts = Counts {
        gaussians: gaussians as u64,
        visible: visible.into(),
        pairs: pairs.into(),
        width: lens.width,
        height: lens.height,
        sh_degree: config.degree(),
        packed: model.form().packed,
    };
    let bytes = |stage: &str| least(stage, &counts);
    Ok(Measured {
        name,
        counts,
        forward: stages(&forward, bytes),
        training: stages(&training, bytes),
        steps_per_second: f64::from(step) / seconds,
        memory,
    })
}

fn options(sh_degree: u32, time: f32) -> RenderOptions {
    let (background, channel) = (Vec3::ZERO, Channel::Color);
    RenderOptions { background, channel, sh_degree, antialiased: false, near: 0.01, time }
}

/// Writes a capture whose photos are images of the scene that training starts from.
fn write_capture(gpu: &Gpu, folder: &Path, size: Size, sh_degree: u32) -> Result<()> {
    let scene = made(size, sh_degree);
    format::write_scene(&folder.join("scene.ply"), &scene)?;
    let cameras: Vec<DMat4> = (0..PHOTOS).map(|index| DMat4::from_rotation_y(0.05 * f64::from(index))).collect();
    let frame = |index: usize| serde_json::json!({"file_path": format!("{index}.png"), "transform_matrix": rows(cameras[index])});
    let frames: Vec<_> = (0..cameras.len()).map(frame).collect();
    let text = serde_json::json!({"camera_angle_x": FOV, "w": size.width, "h": size.height, "frames": frames});
    std::fs::write(folder.join("transforms.json"), text.to_string()).context("cannot write the workload's capture")?;
    // Images of one colour first, so that the capture opens and says what its cameras are.
    let save = |index: usize, colours: Vec<Vec3>| {
        save_png(&folder.join(format!("{index}.png")), &to_image(size.width, size.height, colours.into_iter()))
    };
    let pixels = size.width as usize * size.height as usize;
    (0..cameras.len()).try_for_each(|index| save(index, vec![Vec3::splat(0.5); pixels]))?;
    let capture = Capture::open(folder, &Config { test_every: 0, ..Config::default() }.capture_options())?;
    let model = Model::upload(gpu, &scene)?;
    let mut renderer = Renderer::new(gpu)?;
    for (index, shot) in capture.shots.iter().enumerate() {
        let image = renderer.render(&model, &shot.camera, &options(sh_degree, 0.0))?;
        save(index, image.pixels.iter().map(|pixel| pixel.truncate()).collect())?;
    }
    Ok(())
}

fn rows(matrix: DMat4) -> Vec<[f64; 4]> {
    (0..4).map(|row| matrix.row(row).to_array()).collect()
}

/// Random Gaussians all over the first camera's view, at sizes that shrink as they get more: with one for each pixel most
/// are a pixel wide, some many, and all opacities occur, about as in a trained scene.
fn made(size: Size, sh_degree: u32) -> Scene {
    let count = size.gaussians as usize;
    let mut random = SplitMix::new(1);
    let tangent = (FOV / 2.0).tan();
    let focal = f64::from(size.width) / 2.0 / tangent;
    let spacing = (f64::from(size.width) * f64::from(size.height) / count as f64).sqrt();
    let floats = 3 * sh_coefficients(sh_degree);
    let mut scene = Scene { sh_degree, ..Scene::default() };
    for _ in 0..count {
        let depth = DEPTHS.0 + (DEPTHS.1 - DEPTHS.0) * random.unit();
        let (x, y) = (2.0 * random.unit() - 1.0, 2.0 * random.unit() - 1.0);
        let aspect = f64::from(size.height) / f64::from(size.width);
        let mean = DVec3::new(x * tangent * depth, y * tangent * aspect * depth, -depth);
        scene.means.push(mean.as_vec3());
        let q = [0; 4].map(|_: i32| normal(&mut random) as f32);
        scene.quaternions.push(if q.iter().all(|part| *part == 0.0) { [1.0, 0.0, 0.0, 0.0] } else { q });
        let sigma = 0.8 * spacing * depth / focal * (0.7 * normal(&mut random)).exp();
        let axis = |random: &mut SplitMix| (sigma * (0.5 * normal(random)).exp()).ln() as f32;
        scene.log_scales.push(Vec3::new(axis(&mut random), axis(&mut random), axis(&mut random)));
        scene.logits.push(logit(0.02 + 0.96 * random.unit() as f32));
        scene.sh.extend((0..floats).map(|at| (normal(&mut random) * if at < 3 { 0.8 } else { 0.05 }) as f32));
    }
    scene
}

/// About normally distributed: twelve uniform numbers have a variance of 1.
fn normal(random: &mut SplitMix) -> f64 {
    (0..12).map(|_| random.unit()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        let size: Size = "1M@1297x840".parse().expect("reads");
        assert_eq!(size, Size { gaussians: 1_000_000, width: 1297, height: 840 });
        for text in ["1M@1297x840", "100k@400x400", "777@64x32"] {
            assert_eq!(text.parse::<Size>().expect("reads").to_string(), text);
        }
        for wrong in ["", "1M", "1M@5", "x@5x5", "-1k@64x64", "1e99@64x64", "1M@4x4", "1M@99999x64"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_made_scene_is_whole_and_the_same_each_time() {
        let size = Size { gaussians: 50, width: 64, height: 32 };
        let scene = made(size, 1);
        assert_eq!((scene.len(), scene.sh.len()), (50, 50 * 12));
        assert!(scene.means.iter().all(|mean| mean.z < -1.9 && mean.is_finite()));
        assert_eq!(scene, made(size, 1));
    }
}
