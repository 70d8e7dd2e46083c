//! The command line: one file a subcommand.

mod bench;
mod eval;
mod export;
mod frames;
mod info;
mod progress;
mod render;
mod sequence;
mod synth;
mod train;
#[cfg(feature = "viewer")]
mod view;
mod words;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::{Arg, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::scene::Scene;
use crate::train::Config;
use crate::{format, gpu};

/// Exit code after Ctrl-C, as shells expect it: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// 3D Gaussian splatting: train, evaluate, render and export on any GPU.
#[derive(Parser)]
#[command(name = "dapple", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    Train(Box<train::Args>),
    Eval(eval::Args),
    Render(render::Args),
    #[cfg(feature = "viewer")]
    View(view::Args),
    Export(Box<export::Args>),
    Info(info::Args),
    Synth(synth::Args),
    Bench(Box<bench::Args>),
    Frames(frames::Args),
    /// List the adapters that --adapter chooses from, best first
    Adapters,
}

/// A command line that cannot be understood; the exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

/// Parses the process's arguments; prints help or the version and exits where those are asked for.
///
/// # Errors
/// A [`UsageError`] of one line.
pub fn parse() -> Result<Cli> {
    let parsed = command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        if !error.use_stderr() || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            error.exit();
        }
        let text = error.to_string();
        // The first paragraph says what is wrong; the rest repeats the usage.
        let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        UsageError(format!("{message}; see --help")).into()
    })
}

/// The command with each training option's default and range in its help, taken from [`Config`] itself.
fn command() -> Command {
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    let described = |command: Command| command.mut_args(|arg| describe(with_range(arg), &defaults));
    Cli::command().mut_subcommand("train", described).mut_subcommand("bench", described)
}

fn with_range(arg: Arg) -> Arg {
    let option = Config::options().into_iter().find(|option| option.key == arg.get_id().as_str());
    match option.and_then(|option| option.range).filter(|range| range != "at least 0") {
        Some(range) => {
            let help = arg.get_help().map(|help| help.to_string()).unwrap_or_default();
            arg.help(format!("{help} [{range}]"))
        }
        None => arg,
    }
}

fn describe(arg: Arg, defaults: &toml::Table) -> Arg {
    let Some(default) = defaults.get(arg.get_id().as_str()).filter(|_| arg.get_id() != "capture") else { return arg };
    let value = match default {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let help = arg.get_help().map(|help| help.to_string()).unwrap_or_default();
    let arg = arg.help(format!("{help} [default: {value}]"));
    match default {
        // A switch: `--strict` alone means true, and `--masks=false` overrides the file.
        toml::Value::Boolean(_) => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => arg,
    }
}

/// Runs a command.
pub fn run(cli: Cli) -> Result<ExitCode> {
    progress::start_logging();
    match cli.command {
        Subcommands::Train(args) => train::run(*args),
        Subcommands::Eval(args) => eval::run(args),
        Subcommands::Render(args) => render::run(args),
        #[cfg(feature = "viewer")]
        Subcommands::View(args) => view::run(args),
        Subcommands::Export(args) => export::run(*args),
        Subcommands::Info(args) => info::run(args),
        Subcommands::Synth(args) => synth::run(args),
        Subcommands::Bench(args) => bench::run(*args),
        Subcommands::Frames(args) => frames::run(&args),
        Subcommands::Adapters => {
            list_adapters();
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Reads the scene that a command names.
fn read_scene(path: &Path) -> Result<Scene> {
    let scene = format::read_scene(path)?;
    anyhow::ensure!(!scene.is_empty(), "{} holds no Gaussians; nothing can be rendered", path.display());
    Ok(scene)
}

fn list_adapters() {
    let adapters = gpu::device::adapters();
    if adapters.is_empty() {
        println!("{}", gpu::GpuError::NoAdapter);
    }
    for adapter in adapters {
        println!("{}", adapter.to_string().replace('\n', " "));
    }
}

static STOP: AtomicBool = AtomicBool::new(false);

/// Whether nothing is left that could be stopped after a checkpoint.
static OVER: AtomicBool = AtomicBool::new(false);

/// From here on the first Ctrl-C (or termination signal) makes [`interrupted`] true, and the second ends the process;
/// once [`let_interrupts_end`] was called, the first does.
fn catch_interrupts() -> Result<()> {
    let handler = || {
        if STOP.swap(true, Ordering::SeqCst) || OVER.load(Ordering::SeqCst) {
            std::process::exit(INTERRUPTED.into());
        }
        eprintln!("stopping after a checkpoint; once more to stop at once");
    };
    ctrlc::set_handler(handler).context("cannot catch Ctrl-C")
}

/// From here on Ctrl-C ends the process: the work is over and only its window is left.
#[cfg(feature = "viewer")]
fn let_interrupts_end() {
    OVER.store(true, Ordering::SeqCst);
}

/// From here on Ctrl-C ends the process, after the files that are half written have been removed.
fn exit_on_interrupt() -> Result<()> {
    let handler = || {
        format::remove_unfinished();
        std::process::exit(INTERRUPTED.into());
    };
    ctrlc::set_handler(handler).context("cannot catch Ctrl-C")
}

fn interrupted() -> bool {
    STOP.load(Ordering::SeqCst)
}
