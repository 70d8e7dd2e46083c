//! The start of a run: its capture, what the options leave to it, its folder and the account of what it is made from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::dataset::{Capture, Shot};
use crate::gpu::{Gpu, GpuError};

use crate::train::budget::budgeted;
use crate::train::config::Config;
use crate::train::frame::{normalisation, reach};
use crate::train::guide;
use crate::train::trainer::Trainer;

use super::checkpoint::Checkpoint;
use super::folder::RunFolder;
use super::manifest::{self, Frame, Manifest, Sitting};
use super::session::Session;

/// Cameras of a run without photos, and pixels along the sides of their images.
const GUIDED_VIEWS: usize = 24;
const GUIDED_SIDE: u32 = 256;

/// Bytes that the largest buffer of a step has for each pixel: a plane of the loss.
const BYTES_A_PIXEL: u64 = 3 * 16;

/// The options of a run to start or resume, and its checkpoint.
pub struct Start {
    pub out: PathBuf,
    pub config: Config,
    pub checkpoint: Option<Checkpoint>,
    /// Whether the folder holds the run already.
    pub resumes: bool,
}

impl Start {
    /// A new run.
    ///
    /// # Errors
    /// Options that contradict each other, or a folder that holds a run already.
    pub fn fresh(out: PathBuf, config: Config) -> Result<Self> {
        RunFolder::check_free(&out)?;
        config.validate()?;
        Ok(Self { out, config, checkpoint: None, resumes: false })
    }

    /// The run in a folder, from its checkpoint on if it came that far.
    ///
    /// # Errors
    /// A folder without a run, or one whose files cannot be read.
    pub fn resumed(out: PathBuf) -> Result<Self> {
        let (config, checkpoint) = RunFolder::read(&out)?;
        config.validate()?;
        Ok(Self { out, config, checkpoint, resumes: true })
    }

    /// Reads the capture, chooses what the options leave to it, and makes the trainer and the run's folder.
    ///
    /// # Errors
    /// Those of [`Capture::open`], [`Trainer::new`] and [`RunFolder`].
    pub fn open(self, gpu: &Gpu) -> Result<Session> {
        let Self { out, config, checkpoint, resumes } = self;
        let capture = captured(&config)?;
        let (capture, config) = if resumes { (capture, config) } else { within(gpu, capture, config)? };
        let facts = capture.facts();
        if capture.is_blank() {
            log::info!("no photos: {} cameras around the origin, and what the guide says", capture.shots.len());
        } else {
            facts.lines().iter().for_each(|line| log::info!("{line}"));
        }
        if config.resolved(facts.transparent) != config {
            log::info!(
                "the background is of a new random colour at each step, so that they become solid (--background)"
            );
        }
        if let Some(line) = config.paths_line(&capture) {
            log::info!("{line}");
        }
        facts.warnings[capture.warnings.len()..].iter().for_each(|line| log::warn!("{line}"));
        let capture = Arc::new(capture);
        let config = budgeted(&config, &capture)?;
        let step = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step);
        let trainer = match checkpoint {
            Some(checkpoint) => {
                let trainer = Trainer::resume(gpu, capture.clone(), checkpoint);
                trainer.with_context(|| format!("cannot resume {}", out.display()))?
            }
            None => Trainer::new(gpu, capture.clone(), config.clone())
                .map_err(|error| with_fitting_cap(error, config.cap()))?,
        };
        // The folder last: a run that cannot start leaves none behind.
        let run = if resumes { RunFolder::open(&out, step)? } else { RunFolder::create(&out, &config)? };
        let shift = trainer.capture().shift;
        if shift != glam::DVec3::ZERO {
            run.write_shift(shift)?;
        }
        if resumes {
            run.write_config(&config)?;
        }
        let manifest = account(&out, &config, &capture, Sitting::now(gpu, trainer.step_index())?)?;
        Ok(Session::new(config, gpu.clone(), trainer, (run, manifest)))
    }
}

/// The capture of the options; cameras alone where a guide takes the place of photos.
fn captured(config: &Config) -> Result<Capture> {
    if config.capture.as_os_str().is_empty() {
        return Capture::without_photos(&guide::cameras(GUIDED_VIEWS, GUIDED_SIDE));
    }
    Capture::open(&config.capture, &config.capture_options())
}

/// Says how many Gaussians would fit, where their buffers exceed a limit of the adapter.
fn with_fitting_cap(error: anyhow::Error, cap: usize) -> anyhow::Error {
    let fitting = match error.downcast_ref() {
        Some(GpuError::TooLarge { buffer, bytes, value, .. })
            if buffer.starts_with("gaussians: ") || buffer.starts_with("moments: ") =>
        {
            (cap as u128 * u128::from(*value) / u128::from((*bytes).max(1))) as usize
        }
        _ => return error,
    };
    error.context(format!("--cap-max {cap} is more than the adapter holds, and about {fitting} would fit"))
}

/// The account of a run that starts, or goes on: it says where that is on another adapter or by another program.
fn account(out: &Path, config: &Config, capture: &Capture, sitting: Sitting) -> Result<Manifest> {
    let (step, inputs) = (sitting.from_step, manifest::inputs(capture, config)?);
    let frame = Some(Frame { centre: normalisation(capture).centre.to_array(), reach: reach(capture) });
    let manifest = match Manifest::read(out)? {
        Some(mut earlier) => {
            let differences = earlier.go_on(config.clone(), sitting, step);
            if !differences.is_empty() && step > 0 {
                log::warn!("{}: the bytes will differ from those of a run of one piece", differences.join("; "));
            }
            let changed = earlier.inputs.iter().zip(&inputs).find(|(old, new)| old != new);
            if let Some((_, new)) = changed.filter(|_| step > 0) {
                log::warn!("the {} {} is not what the run was trained on so far", new.kind, new.name);
            }
            Manifest { inputs, frame, ..earlier }
        }
        None => Manifest { frame, ..Manifest::new(config.clone(), sitting, inputs) },
    };
    manifest.write(out)?;
    Ok(manifest)
}

/// The capture and options with photos reduced to what the device can hold, where --max-resolution does not say a size.
fn within(gpu: &Gpu, capture: Capture, config: Config) -> Result<(Capture, Config)> {
    let most = gpu.largest_buffer() / BYTES_A_PIXEL;
    let pixels = |shot: &&Shot| u64::from(shot.camera.lens.width) * u64::from(shot.camera.lens.height);
    let Some(largest) = capture.shots.iter().max_by_key(pixels) else { return Ok((capture, config)) };
    if config.max_resolution.is_some() || pixels(&largest) <= most {
        return Ok((capture, config));
    }
    let (width, height) = (largest.camera.lens.width, largest.camera.lens.height);
    let reduced = (f64::from(width.max(height)) * (most as f64 / pixels(&largest) as f64).sqrt()) as u32;
    log::warn!(
        "photos of {width} x {height} are above what {} holds in one buffer; they are reduced to {reduced} pixels, as by \
         --max-resolution {reduced}",
        gpu.info().name
    );
    let config = Config { max_resolution: Some(reduced), ..config };
    Ok((Capture::open(&config.capture, &config.capture_options())?, config))
}
