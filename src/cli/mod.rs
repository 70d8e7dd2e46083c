//! The command line: one file a subcommand.

/// Prints a line as [`output::line`] does; in the modules below, in place of the standard library's, which panics where
/// the reader has left.
macro_rules! println {
    ($($text:tt)*) => { $crate::cli::output::line(format_args!($($text)*)) };
}
/// The same for the standard error.
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::cli::output::error_line(format_args!($($text)*)) };
}

mod adapters;
mod bench;
mod capture_list;
mod compare;
mod cost;
mod detail;
mod doctor;
mod eval;
mod events;
mod export;
mod info;
mod info_folder;
mod input;
mod interrupt;
mod jobs;
mod manual;
mod output;
mod page;
mod partition;
mod photos;
mod pictures;
mod progress;
mod render;
mod renders;
mod stage_progress;
mod steps;
mod synth;
mod tables;
mod train;
mod verify;
#[cfg(feature = "viewer")]
mod view;

use std::process::ExitCode;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::train::Config;

pub use input::UsageError;

/// 3D Gaussian splatting: train, evaluate, view, render and export scenes on any GPU.
///
/// Exit codes: 0 done; 1 an error, in one line on the standard error; 2 a command line that cannot be understood; 130
/// stopped by Ctrl-C.
#[derive(Parser)]
#[command(name = "dapple", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    Train(Box<train::Args>),
    Photos(Box<photos::Args>),
    Eval(eval::Args),
    Render(render::Args),
    #[cfg(feature = "viewer")]
    View(view::Args),
    Export(Box<export::Args>),
    Info(info::Args),
    Compare(compare::Args),
    Partition(partition::PartitionArgs),
    Merge(partition::MergeArgs),
    Synth(synth::Args),
    Verify(verify::Args),
    Bench(Box<bench::Args>),
    #[command(alias = "frames")]
    CaptureList(capture_list::Args),
    /// List the GPU adapters that --adapter accepts, best first
    Adapters,
    Doctor(doctor::Args),
    Completions(manual::CompletionArgs),
    Man(manual::ManArgs),
}

/// Parses the process's arguments; prints help or the version and exits where those are asked for.
///
/// # Errors
/// A [`UsageError`] of one line.
pub fn parse() -> Result<Cli> {
    let parsed = command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            error.exit();
        }
        UsageError(message_of(&error)).into()
    })
}

/// What is wrong with a command line, and what may have been meant.
fn message_of(error: &clap::Error) -> String {
    let text = error.to_string();
    // The first paragraph says what is wrong; the rest repeats the usage.
    let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    if error.kind() == ErrorKind::MissingRequiredArgument && message.contains("<INPUT>") {
        return "photos needs a folder for the run after what to read: dapple photos <INPUT>... <RUN>; see --help"
            .into();
    }
    if error.kind() == ErrorKind::MissingRequiredArgument && message.contains("<IN>") {
        return "export needs a file to write after those to read: dapple export <IN>... <OUT>; see --help".into();
    }
    let meant = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let suggested = meant.iter().find_map(|&kind| match error.get(kind)? {
        ContextValue::String(one) => Some(one.clone()),
        ContextValue::Strings(several) if !several.is_empty() => Some(several.join(" or ")),
        _ => None,
    });
    match suggested {
        Some(meant) => format!("{message}; did you mean {meant}? See --help"),
        None => format!("{message}; see --help"),
    }
}

/// The command with each training option's default and range in its help, taken from [`Config`] itself.
fn command() -> Command {
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    let described = |command: Command| command.mut_args(|arg| describe(with_range(arg), &defaults));
    let trains = ["train", "photos", "bench"];
    trains.into_iter().fold(Cli::command(), |command, name| command.mut_subcommand(name, described))
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

/// Runs a command, and returns the code of the process: 0, 1 for an error, 2 for a [`UsageError`], 130 after Ctrl-C.
pub fn run(cli: Cli) -> Result<ExitCode> {
    progress::start_logging();
    let result = dispatch(cli.command);
    let code = match &result {
        Ok(code) if *code == ExitCode::SUCCESS => 0,
        Ok(code) if *code == ExitCode::from(interrupt::INTERRUPTED) => interrupt::INTERRUPTED,
        Err(error) if error.is::<UsageError>() => 2,
        Ok(_) | Err(_) => 1,
    };
    events::end(&result, code);
    result
}

fn dispatch(command: Subcommands) -> Result<ExitCode> {
    // Those that stop in their own way.
    let own = match &command {
        Subcommands::Train(_) | Subcommands::Photos(_) | Subcommands::Verify(_) => true,
        #[cfg(feature = "viewer")]
        Subcommands::View(_) => true,
        _ => false,
    };
    if !own {
        interrupt::exit_on_interrupt()?;
    }
    match command {
        Subcommands::Train(args) => train::run(*args),
        Subcommands::Photos(args) => photos::run(*args),
        Subcommands::Eval(args) => eval::run(args),
        Subcommands::Render(args) => render::run(args),
        #[cfg(feature = "viewer")]
        Subcommands::View(args) => view::run(args),
        Subcommands::Export(args) => export::run(*args),
        Subcommands::Info(args) => info::run(args),
        Subcommands::Compare(args) => compare::run(args),
        Subcommands::Partition(args) => partition::partition(args),
        Subcommands::Merge(args) => partition::merge(args),
        Subcommands::Synth(args) => synth::run(args),
        Subcommands::Verify(args) => verify::run(args),
        Subcommands::Bench(args) => bench::run(*args),
        Subcommands::CaptureList(args) => capture_list::run(&args),
        Subcommands::Adapters => adapters::run(),
        Subcommands::Doctor(args) => doctor::run(&args),
        Subcommands::Completions(args) => manual::completions(&args, self::command()),
        Subcommands::Man(args) => manual::pages(&args, self::command()),
    }
}
