//! `dapple train`: options, resuming, and the training loop on the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::events;
use super::input::UsageError;
use super::interrupt::{INTERRUPTED, catch_interrupts, interrupted};
use super::progress::Progress;
use crate::gpu::Gpu;
use crate::train::config::{Config, Flags, FlowSource, Init};
use crate::train::run::folder::{REPORT, RunFolder};
use crate::train::{Checkpoint, Session, Start};
#[cfg(feature = "viewer")]
use crate::view::{End, Hooks};

/// Options that a resumed run may change, because the result does not depend on them.
const FREE: [&str; 8] =
    ["capture", "eval_every", "save_every", "adapter", "cache_gb", "strict", "guide", "guide_timeout"];

/// Train a scene from a capture: a COLMAP, NeRF (Blender), nerfstudio or instant-ngp folder
#[derive(clap::Args)]
pub struct Args {
    /// Capture folder, or its transforms JSON file; optional if --config or --resume names it
    pub(super) capture: Option<PathBuf>,
    /// Run folder to write: scene.ply, report.html, checkpoint, metrics, renders
    #[arg(long)]
    pub(super) out: PathBuf,
    /// Read options from this TOML file, such as the one in a run folder; flags override it
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// Resume the run in --out from its checkpoint; the result is identical to an uninterrupted run
    #[arg(long)]
    pub(super) resume: bool,
    /// Show the scene in a window while it trains; training continues when the window is closed
    #[cfg(feature = "viewer")]
    #[arg(long)]
    pub(super) view: bool,
    /// Print progress as events on the standard output: JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) flags: Flags,
}

pub fn run(args: Args) -> Result<ExitCode> {
    events::start("train", args.json);
    on_capture(args)
}

/// Trains, in a command whose start has been told.
pub fn on_capture(args: Args) -> Result<ExitCode> {
    let resumes = args.resume && RunFolder::exists(&args.out);
    let start = if resumes {
        let (config, checkpoint) = resumed(&args)?;
        config.validate()?;
        Start { out: args.out, config, checkpoint, resumes }
    } else {
        Start::fresh(args.out.clone(), fresh(&args)?)?
    };
    #[cfg(feature = "viewer")]
    if args.view {
        return watched(start);
    }
    let gpu = Gpu::open(start.config.adapter.as_deref())?;
    let session = start.open(&gpu)?;
    catch_interrupts()?;
    train(session)
}

/// Trains with a window that shows the run. The training goes on when the window is closed.
#[cfg(feature = "viewer")]
fn watched(start: Start) -> Result<ExitCode> {
    let (out, adapter) = (start.out.clone(), start.config.adapter.clone());
    let done = start.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step);
    let mut progress = Progress::new(start.config.step_count(), done);
    catch_interrupts()?;
    let hooks = Hooks {
        on_event: Box::new(move |event| progress.take(event)),
        interrupted,
        ended: super::interrupt::let_interrupts_end,
    };
    match crate::view::train_in_window(start, adapter.as_deref(), hooks)? {
        End::Done => {
            say_done(&out.join(REPORT));
            Ok(ExitCode::SUCCESS)
        }
        End::Stopped(step) => {
            say_stopped(step, &out);
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
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
    if config.guide_only && config.guide.is_none() {
        return Err(UsageError("--guide-only needs a guide; give --guide COMMAND".into()).into());
    }
    if config.capture.as_os_str().is_empty() && config.guide.is_some() && config.guide_only {
        return Ok(config);
    }
    if config.capture.as_os_str().is_empty() {
        return Err(UsageError("no capture is named; give the folder of posed images".into()).into());
    }
    // Absolute, so that the saved options hold wherever they are used from.
    config.capture = std::path::absolute(&config.capture).context("cannot resolve the capture's path")?;
    if let FlowSource::Folder(path) = &mut config.flow {
        *path = std::path::absolute(&*path).context("cannot resolve the path of --flow")?;
    }
    if let Init::File(path) = &mut config.init {
        *path = std::path::absolute(&*path).context("cannot resolve the path of --init")?;
    }
    Ok(config)
}

/// The run's own options and checkpoint; flags may only repeat them, or change what does not matter to the result.
fn resumed(args: &Args) -> Result<(Config, Option<Checkpoint>)> {
    let (stored, mut checkpoint) = RunFolder::read(&args.out)?;
    let base = args.config.as_ref().map_or_else(|| Ok(stored.clone()), |path| Config::load(path))?;
    let mut config = override_with(base, args)?;
    config.keep_chosen(&stored);
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

/// Trains to the end, or until Ctrl-C.
fn train(mut session: Session) -> Result<ExitCode> {
    let mut progress = Progress::new(session.config().step_count(), session.step_index());
    while !session.is_done() {
        session.advance(&mut |told| progress.take(told))?;
        if interrupted() && !session.is_done() {
            session.save(&mut |told| progress.take(told))?;
            progress.finish();
            say_stopped(session.step_index(), &session.path(""));
            return Ok(ExitCode::from(INTERRUPTED));
        }
    }
    session.finish(&mut |told| progress.take(told))?;
    progress.finish();
    say_done(&session.path(REPORT));
    Ok(ExitCode::SUCCESS)
}

fn say_stopped(step: u32, run: &Path) {
    events::say(|| serde_json::json!({ "event": "stopped", "step": step, "run": run.display().to_string() }));
    eprintln!("stopped after step {step}; continue with dapple train --resume --out {}", run.display());
}

fn say_done(report: &Path) {
    println!("done; open {}", report.display());
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::cli::{Cli, Subcommands, command};
    use crate::train::config::{Background, Count};

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
        assert_eq!((config.steps, config.seed, config.cap_max), (Count::Of(700), 3, Count::Auto));
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
            guide: Some(String::new()),
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
        let started = Config { capture: "/a".into(), steps: 500.into(), seed: 7, ..Config::default() };
        RunFolder::create(folder.path(), &started).expect("creates");
        let resume = |more: &[&str]| resumed(&args(&[&["--out", out, "--resume"], more].concat()));
        assert_eq!(resume(&[]).expect("resumes").0, started);
        assert_eq!(resume(&["/a", "--steps", "500", "--seed", "7"]).expect("the same again").0, started);
        let (moved, _) = resume(&["/b", "--save-every", "9"]).expect("what does not matter may change");
        assert_eq!((moved.capture.as_path(), moved.save_every, moved.seed), (Path::new("/b"), Some(9), 7));
        assert_eq!(resume(&["--steps", "auto", "--cap-max", "auto"]).expect("keeps its choice").0, started);
        let error = resume(&["--steps", "600"]).expect_err("refused").to_string();
        assert!(error.contains("--steps is 600") && error.contains("has 500"), "{error}");
        assert!(resume(&["--max-resolution", "90"]).is_err());
    }
}
