use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::progress::Progress;
use super::{INTERRUPTED, UsageError, catch_interrupts, interrupted};
use crate::dataset::{Capture, FlowChoice, Shot, Split};
use crate::gpu::Gpu;
use crate::train::config::{Config, Flags, FlowSource, Init};
use crate::train::evaluate::{Mean, View, evaluate, shots_of};
use crate::train::motion_scores::Flicker;
use crate::train::picture::{save_png, to_image};
use crate::train::report::{Facts, Film, Gallery, html};
use crate::train::run_folder::{REPORT, Record, RunFolder, picture_names};
use crate::train::{Checkpoint, Trainer};

/// Options that a resumed run may change: they leave the result as it is.
const FREE: [&str; 6] = ["capture", "eval_every", "save_every", "adapter", "cache_gb", "strict"];
/// Training views that the report shows where none is held out.
const FALLBACK_VIEWS: usize = 8;

/// Train a scene from a capture: a COLMAP, Blender/NeRF, nerfstudio or instant-ngp folder
#[derive(clap::Args)]
pub struct Args {
    /// The capture folder, or its JSON file; may be left out where --config or --resume name it
    capture: Option<PathBuf>,
    /// Folder for the run: scene.ply, report.html, checkpoint, metrics, renders
    #[arg(long)]
    out: PathBuf,
    /// Take options from a TOML file, as every run saves one; flags override it
    #[arg(long)]
    config: Option<PathBuf>,
    /// Continue the run in --out from its checkpoint, to the same bytes as if it had not stopped
    #[arg(long)]
    resume: bool,
    /// Open a window that shows the run and follows it
    #[cfg(feature = "viewer")]
    #[arg(long)]
    view: bool,
    #[command(flatten)]
    flags: Flags,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let resumes = args.resume && RunFolder::exists(&args.out);
    let (config, checkpoint) = if resumes { resumed(&args)? } else { (fresh(&args)?, None) };
    if !resumes {
        RunFolder::check_free(&args.out)?;
    }
    config.validate()?;
    let capture = Arc::new(Capture::open(&config.capture, &config.capture_options())?);
    let gpu = Gpu::open(config.adapter.as_deref())?;
    let step = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step);
    let trainer = match checkpoint {
        Some(checkpoint) => Trainer::resume(&gpu, capture, checkpoint)
            .with_context(|| format!("cannot resume {}", args.out.display()))?,
        None => Trainer::new(&gpu, capture, config.clone())?,
    };
    // The folder last: a run that cannot start leaves none behind.
    let run = if resumes { RunFolder::open(&args.out, step)? } else { RunFolder::create(&args.out, &config)? };
    if resumes {
        run.write_config(&config)?;
    }
    #[cfg(feature = "viewer")]
    if args.view {
        crate::view::open_beside(&args.out)?;
    }
    catch_interrupts()?;
    Session::new(config, gpu, trainer, run).run()
}

/// Defaults, overridden by the file, overridden by the flags.
fn fresh(args: &Args) -> Result<Config> {
    let base = args.config.as_ref().map_or_else(|| Ok(Config::default()), |path| Config::load(path))?;
    override_with(base, args)
}

fn override_with(mut config: Config, args: &Args) -> Result<Config> {
    args.flags.clone().apply(&mut config);
    if let Some(capture) = &args.capture {
        config.capture.clone_from(capture);
    }
    if config.capture.as_os_str().is_empty() {
        return Err(UsageError("no capture is named; give the folder of posed images".into()).into());
    }
    // Absolute, so that the saved options hold wherever they are used from.
    config.capture = std::path::absolute(&config.capture).context("cannot resolve the capture's path")?;
    if let FlowSource::Folder(path) = &mut config.flow {
        *path = std::path::absolute(&*path).context("cannot resolve the path of --flow")?;
    }
    if let Init::Ply(path) = &mut config.init {
        *path = std::path::absolute(&*path).context("cannot resolve the path of --init")?;
    }
    Ok(config)
}

/// The run's own options and checkpoint; flags may only repeat them, or change what does not matter to the result.
fn resumed(args: &Args) -> Result<(Config, Option<Checkpoint>)> {
    let (stored, mut checkpoint) = RunFolder::read(&args.out)?;
    let base = args.config.as_ref().map_or_else(|| Ok(stored.clone()), |path| Config::load(path))?;
    let config = override_with(base, args)?;
    let (old, new) = (toml::Table::try_from(&stored)?, toml::Table::try_from(&config)?);
    let keys = old.keys().chain(new.keys()).filter(|key| !FREE.contains(&key.as_str()));
    for key in keys {
        if old.get(key) != new.get(key) {
            let show = |value: Option<&toml::Value>| value.map_or("unset".to_string(), toml::Value::to_string);
            bail!(
                "--{} is {}, but the run in {} has {}; leave it out to resume, or start a new run with another --out",
                key.replace('_', "-"),
                show(new.get(key)),
                args.out.display(),
                show(old.get(key))
            );
        }
    }
    if let Some(checkpoint) = &mut checkpoint {
        checkpoint.config = config.clone();
    }
    Ok((config, checkpoint))
}

/// A run in progress.
struct Session {
    config: Config,
    capture: Arc<Capture>,
    gpu: Gpu,
    trainer: Trainer,
    run: RunFolder,
    progress: Progress,
    held_out: Vec<usize>,
    start: Instant,
    /// Seconds of earlier sittings.
    earlier: f64,
    /// Whether values that are not finite have been reported.
    warned: bool,
}

impl Session {
    fn new(config: Config, gpu: Gpu, trainer: Trainer, run: RunFolder) -> Self {
        let capture = trainer.capture().clone();
        let progress = Progress::new(config.steps, trainer.step_index());
        let held_out = shots_of(&capture, Split::Test);
        let earlier = run.records().last().map_or(0.0, |record| record.seconds);
        let start = Instant::now();
        Self { config, capture, gpu, trainer, run, progress, held_out, start, earlier, warned: false }
    }

    fn seconds(&self) -> f64 {
        self.earlier + self.start.elapsed().as_secs_f64()
    }

    fn run(mut self) -> Result<ExitCode> {
        while self.trainer.step_index() < self.config.steps {
            self.trainer.step()?;
            let step = self.trainer.step_index();
            // The last step's evaluation comes with the report.
            if step < self.config.steps {
                self.look(step)?;
                if interrupted() || self.config.saves_at(step) {
                    self.save()?;
                }
            }
            if interrupted() && step < self.config.steps {
                self.progress.finish();
                eprintln!("stopped after step {step}; continue with --resume --out {}", self.run.path("").display());
                return Ok(ExitCode::from(INTERRUPTED));
            }
        }
        self.finish()?;
        Ok(ExitCode::SUCCESS)
    }

    /// Statistics and evaluation, where they are due. What is recorded depends on the step alone, not on time.
    fn look(&mut self, step: u32) -> Result<()> {
        if self.config.records_at(step) {
            let statistics = self.trainer.statistics()?;
            self.progress.show(&statistics);
            if statistics.non_finite > 0 && !std::mem::replace(&mut self.warned, true) {
                log::warn!("step {step}: {} updates of Gaussians were not finite and left out", statistics.non_finite);
            }
            let test = self.config.evaluates_at(step) && !self.held_out.is_empty();
            let test = if test { Some(self.evaluate(step)?) } else { None };
            self.run.record(Record::new(&statistics, self.seconds(), test))?;
        } else if self.progress.wants_statistics(step) {
            let statistics = self.trainer.statistics()?;
            self.progress.show(&statistics);
        }
        Ok(())
    }

    fn evaluate(&mut self, step: u32) -> Result<Mean> {
        let background = self.config.background.fixed();
        let render = |shot: &Shot| self.trainer.render_view(&shot.camera, shot.time.unwrap_or(0.0));
        let views = evaluate(&self.capture, &self.held_out, background, self.config.strict, render, |_| Ok(()))?;
        let mean = Mean::of(&views);
        self.progress.evaluated(step, mean);
        Ok(mean)
    }

    fn save(&mut self) -> Result<()> {
        let scene = self.trainer.scene()?;
        self.run.save(&scene, &self.trainer.checkpoint()?)?;
        self.progress.restart(self.trainer.step_index());
        Ok(())
    }

    /// Everything that the finished run leaves: also after a kill between the last checkpoint and the report.
    fn finish(&mut self) -> Result<()> {
        let capture = self.capture.clone();
        let shots = match self.held_out.as_slice() {
            [] => {
                let train = shots_of(&self.capture, Split::Train);
                train.iter().copied().step_by(train.len().div_ceil(FALLBACK_VIEWS)).collect()
            }
            held_out => held_out.to_vec(),
        };
        let names: Vec<&str> = shots.iter().map(|&shot| self.capture.shots[shot].name.as_str()).collect();
        let names = picture_names(&names);
        let (mut gallery, mut flicker) = (Gallery::new(shots.len()), Flicker::new(&capture));
        let background = self.config.background.fixed();
        let render = |shot: &Shot| self.trainer.render_view(&shot.camera, shot.time.unwrap_or(0.0));
        let views = evaluate(&self.capture, &shots, background, self.config.strict, render, |comparison| {
            let rendered = comparison.render;
            let colours = rendered.pixels.iter().map(|pixel| pixel.truncate());
            let image = to_image(rendered.width, rendered.height, colours);
            let name = shots.iter().position(|&shot| shot == comparison.shot).map_or("view", |i| names[i].as_str());
            save_png(&self.run.render_path(name)?, &image)?;
            flicker.add(&comparison);
            gallery.add(comparison, &image)
        })?;
        let mean = (!self.held_out.is_empty()).then(|| Mean::of(&views));
        if self.run.records().last().is_none_or(|record| record.step < self.config.steps) {
            let statistics = self.trainer.statistics()?;
            self.progress.show(&statistics);
            self.run.record(Record::new(&statistics, self.seconds(), mean))?;
        }
        self.save()?;
        if let Some(mean) = mean {
            self.progress.evaluated(self.config.steps, mean);
        }
        self.progress.finish();
        let film = if capture.is_dynamic() { Some(self.film(&shots, &views, flicker)?) } else { None };
        let facts = Facts {
            config: &self.config,
            capture: &self.capture,
            adapter: self.gpu.describe(),
            records: self.run.records(),
            views: &views,
            held_out: mean,
            gallery: &gallery,
            film: film.as_ref(),
            stages: self.trainer.stage_times()?,
            memory: self.trainer.gpu_bytes(),
        };
        self.run.write_report(&html(&facts)?)?;
        println!("done; open {}", self.run.path(REPORT).display());
        Ok(())
    }

    /// What the report shows of a capture in time. A run without flow is measured against the capture's all the same.
    fn film(&mut self, shots: &[usize], views: &[View], flicker: Flicker) -> Result<Film> {
        let mut capture = (*self.capture).clone();
        if self.config.capture_options().flow == FlowChoice::Off {
            capture.find_flow(&FlowChoice::Auto)?;
        }
        Film::shoot(&self.gpu, self.trainer.scene()?, &self.config, &capture, (shots, views), flicker)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::FromArgMatches;

    use super::*;
    use crate::cli::{Cli, Subcommands, command};
    use crate::train::config::Background;

    fn args(line: &[&str]) -> Args {
        let words = ["dapple", "train"].iter().chain(line);
        let matches = command().try_get_matches_from(words).expect("a valid command line");
        match Cli::from_arg_matches(&matches).expect("parses").command {
            Subcommands::Train(args) => *args,
            _ => panic!("not a training command"),
        }
    }

    #[test]
    fn flags_override_the_file_and_the_file_the_defaults() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "capture = \"/a\"\nsteps = 500\nseed = 3\nstrict = true\nmasks = true\n")
            .expect("writes");
        let file = file.to_str().expect("text");
        let line = ["--out", "r", "--config", file, "--steps", "700", "--background", "1,0,0.5", "--masks=false"];
        let config = fresh(&args(&line)).expect("reads");
        assert_eq!((config.steps, config.seed, config.cap_max), (700, 3, 1_000_000));
        assert_eq!((config.strict, config.masks), (true, false));
        assert_eq!(config.background, Background::Colour([1.0, 0.0, 0.5]));
        assert_eq!(config.capture, Path::new("/a"));
        let named = fresh(&args(&["/b", "--out", "r", "--config", file, "--max-resolution", "9"])).expect("reads");
        assert_eq!((named.capture.as_path(), named.max_resolution), (Path::new("/b"), Some(9)));
        assert!(fresh(&args(&["--out", "r"])).expect_err("no capture").is::<UsageError>());
    }

    #[test]
    fn every_option_of_the_file_is_a_flag() {
        let unset = Config {
            max_resolution: Some(1),
            eval_every: Some(1),
            save_every: Some(1),
            adapter: Some(String::new()),
            init_extent: Some(1.0),
            ..Config::default()
        };
        let keys = toml::Table::try_from(&unset).expect("a table");
        let train = command();
        let train = train.find_subcommand("train").expect("exists");
        for key in keys.keys() {
            assert!(train.get_arguments().any(|arg| arg.get_id() == key.as_str()), "no flag for {key}");
        }
    }

    #[test]
    fn a_resumed_run_keeps_its_options() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let out = folder.path().to_str().expect("text");
        let started = Config { capture: "/a".into(), steps: 500, seed: 7, ..Config::default() };
        RunFolder::create(folder.path(), &started).expect("creates");
        let resume = |more: &[&str]| resumed(&args(&[&["--out", out, "--resume"], more].concat()));
        assert_eq!(resume(&[]).expect("resumes").0, started);
        assert_eq!(resume(&["/a", "--steps", "500", "--seed", "7"]).expect("the same again").0, started);
        let (moved, _) = resume(&["/b", "--save-every", "9"]).expect("what does not matter may change");
        assert_eq!((moved.capture.as_path(), moved.save_every, moved.seed), (Path::new("/b"), Some(9), 7));
        let error = resume(&["--steps", "600"]).expect_err("refused").to_string();
        assert!(error.contains("--steps is 600") && error.contains("has 500"), "{error}");
        assert!(resume(&["--max-resolution", "90"]).is_err());
    }
}
