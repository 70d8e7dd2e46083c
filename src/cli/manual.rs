//! `dapple completions` and `dapple man`: what shells and `man` know of the command line, from the command line itself.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

use crate::format::{create_folder, write_atomically};

/// Print what a shell needs to complete commands and options
///
/// bash: dapple completions bash > ~/.local/share/bash-completion/completions/dapple; zsh: into a folder of $fpath as
/// _dapple; fish: > ~/.config/fish/completions/dapple.fish; PowerShell: add it to $PROFILE.
#[derive(clap::Args)]
pub struct CompletionArgs {
    #[arg(value_enum)]
    shell: Shell,
}

/// Write manual pages, one for each command
#[derive(clap::Args)]
pub struct ManArgs {
    /// Folder for dapple.1, dapple-train.1 and so on
    #[arg(value_name = "OUT")]
    folder: PathBuf,
}

pub fn completions(args: &CompletionArgs, mut command: Command) -> Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "dapple", &mut text);
    // A reader may have left, as of `| head`.
    match std::io::stdout().write_all(&text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("cannot write")?,
        _ => Ok(ExitCode::SUCCESS),
    }
}

pub fn pages(args: &ManArgs, mut command: Command) -> Result<ExitCode> {
    command.build();
    create_folder(&args.folder)?;
    let mut written = 1;
    page(args, &command, "dapple".into())?;
    for part in command.get_subcommands().filter(|part| part.get_name() != "help") {
        page(args, part, format!("dapple-{}", part.get_name()))?;
        written += 1;
    }
    println!("{written} pages in {}", args.folder.display());
    Ok(ExitCode::SUCCESS)
}

fn page(args: &ManArgs, command: &Command, name: String) -> Result<()> {
    let mut text = Vec::new();
    let path = args.folder.join(format!("{name}.1"));
    let version = concat!("dapple ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command.clone()).title(name).source(version).render(&mut text)?;
    write_atomically(&path, |file| file.write_all(&text))
}
