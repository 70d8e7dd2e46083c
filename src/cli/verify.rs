//! `dapple verify`: trains a run again, and compares bytes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use super::interrupt::{INTERRUPTED, catch_interrupts, interrupted};
use super::progress::Progress;
use crate::dataset::Capture;
use crate::gpu::Gpu;
use crate::train::config::Config;
use crate::train::run::folder::{CHECKPOINT, CONFIG};
use crate::train::run::manifest::{Input, MANIFEST, Manifest, Output, Sitting, hash_file, inputs};
use crate::train::{Checkpoint, Start};

/// Train a run again in a temporary folder, and say whether the same bytes come out or what differs first
#[derive(clap::Args)]
pub struct Args {
    /// Run folder, as `dapple train --out` wrote it
    run: PathBuf,
    /// Replay from this checkpoint of the run, a copy of an earlier checkpoint.safetensors, instead of from the start
    #[arg(long)]
    from: Option<PathBuf>,
    /// The run's capture, if it was moved
    #[arg(long)]
    capture: Option<PathBuf>,
    /// Adapter to train on, as of `dapple train`, instead of the run's
    #[arg(long)]
    adapter: Option<String>,
}

/// The exit code of a run that differs.
const DIFFERS: u8 = 1;

pub fn run(args: Args) -> Result<ExitCode> {
    let manifest = Manifest::read(&args.run)?;
    let none = || format!("{}: no {MANIFEST}; it is no run, or one of an earlier Dapple", args.run.display());
    let manifest = manifest.with_context(none)?;
    let output = manifest.result.clone();
    let output = output.with_context(|| format!("{}: the run has not saved a scene yet", args.run.display()))?;
    let mut config = manifest.options.clone();
    if let Some(capture) = &args.capture {
        config.capture.clone_from(capture);
    }
    config.adapter = args.adapter.clone().or(config.adapter);
    let mut found = changed_since(&args.run, &manifest, &output)?;
    let capture = Capture::open(&config.capture, &config.capture_options())?;
    found.extend(changed_inputs(&manifest.inputs, &inputs(&capture, &config)?));
    if !found.is_empty() {
        found.iter().for_each(|difference| println!("differs: {difference}"));
        return Ok(ExitCode::from(DIFFERS));
    }
    let gpu = Gpu::open(config.adapter.as_deref())?;
    let circumstances = circumstances(&manifest.sittings, &Sitting::now(&gpu, 0)?);
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let again = folder.path().join("run");
    if !replay(&args, config, &gpu, output.step, again.clone())? {
        eprintln!("stopped; nothing was compared");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    compare(&args.run, &again, &manifest, &output, &circumstances)
}

/// What of the run's folder is not as the run left it: the scene, the options.
fn changed_since(run: &Path, manifest: &Manifest, output: &Output) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if hash_file(&run.join(&output.file))? != output.sha256 {
        found.push(format!("{} is not the file that the run wrote", output.file));
    }
    let now = Config::load(&run.join(CONFIG))?;
    found.extend(changed_option(&manifest.options, &now)?);
    Ok(found)
}

/// The first option that has another value.
fn changed_option(then: &Config, now: &Config) -> Result<Option<String>> {
    let (then, now) = (toml::Table::try_from(then)?, toml::Table::try_from(now)?);
    let show = |value: Option<&toml::Value>| value.map_or("unset".to_string(), toml::Value::to_string);
    let mut keys = then.keys().chain(now.keys());
    Ok(keys.find(|key| then.get(*key) != now.get(*key)).map(|key| {
        let flag = key.replace('_', "-");
        format!("--{flag} is {} in {CONFIG}, and the run had {}", show(now.get(key)), show(then.get(key)))
    }))
}

/// The inputs whose hash is another, or that are there on one side only.
fn changed_inputs(then: &[Input], now: &[Input]) -> Vec<String> {
    let of = |list: &[Input], wanted: &Input| {
        list.iter().find(|input| (&input.kind, &input.name) == (&wanted.kind, &wanted.name)).cloned()
    };
    let mut found = Vec::new();
    for input in then {
        match of(now, input) {
            Some(same) if same.sha256 == input.sha256 => {}
            Some(_) => found.push(format!("{} {} differs from what the run was trained on", input.kind, input.name)),
            None => found.push(format!("{} {} is gone", input.kind, input.name)),
        }
    }
    let new = now.iter().filter(|input| of(then, input).is_none());
    found.extend(new.map(|input| format!("{} {} was not there when the run was trained", input.kind, input.name)));
    found
}

/// Why bytes may differ although all that the run was made from is the same.
fn circumstances(sittings: &[Sitting], now: &Sitting) -> Vec<String> {
    let mut found: Vec<String> = sittings.first().map(|first| now.differences(first)).unwrap_or_default();
    if let [first, .., last] = sittings {
        let changes = last.differences(first).join("; ");
        found.push(format!("the run itself was not made in one piece: from step {} on {changes}", last.from_step));
    }
    found
}

/// Trains to `steps` in a folder of its own; false where it was interrupted.
fn replay(args: &Args, config: Config, gpu: &Gpu, steps: u32, out: PathBuf) -> Result<bool> {
    let checkpoint = args.from.as_deref().map(Checkpoint::load).transpose()?;
    let checkpoint = match (checkpoint, &args.from) {
        (Some(checkpoint), Some(path)) => {
            ensure!(
                checkpoint.step < steps,
                "{}: after {} steps, and the run's scene is of {steps}; take an earlier checkpoint",
                path.display(),
                checkpoint.step
            );
            Some(Checkpoint { config: config.clone(), ..checkpoint })
        }
        _ => None,
    };
    let done = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step);
    // What is evaluated on the way leaves the result as it is.
    let config = Config { eval_every: Some(0), ..config };
    let mut session = Start { out, config, checkpoint, resumes: false }.open(gpu)?;
    catch_interrupts()?;
    let mut progress = Progress::new(steps, done);
    while session.step_index() < steps {
        session.advance(&mut |told| progress.take(told))?;
        if interrupted() {
            progress.finish();
            return Ok(false);
        }
    }
    session.save(&mut |told| progress.take(told))?;
    progress.finish();
    Ok(true)
}

/// Says whether the scenes are equal, and if not, what may be why and where they part.
fn compare(run: &Path, again: &Path, then: &Manifest, output: &Output, why: &[String]) -> Result<ExitCode> {
    let now = Manifest::read(again)?.context("the replay left no account")?;
    let result = now.result.as_ref().context("the replay saved no scene")?;
    if result.sha256 == output.sha256 {
        why.iter().for_each(|circumstance| println!("note: {circumstance}"));
        println!("equal: {} after {} steps, sha256 {}", output.file, output.step, output.sha256);
        return Ok(ExitCode::SUCCESS);
    }
    println!("differs: {} after {} steps is not what training again gives", output.file, output.step);
    if why.is_empty() {
        println!("adapter, driver, lanes and program are the same: this is a bug, please report it");
    }
    why.iter().for_each(|circumstance| println!("perhaps because {circumstance}"));
    let known = then.checkpoints.iter().filter_map(|saved| {
        let again = now.checkpoints.iter().find(|other| other.step == saved.step)?;
        Some((saved.step, again.sha256 == saved.sha256))
    });
    if let Some((step, _)) = known.clone().find(|(_, equal)| !equal) {
        let last = known.take_while(|(_, equal)| *equal).last().map_or(0, |(step, _)| step);
        println!("equal after {last} steps, and not after {step}");
    }
    let (old, new) = (run.join(CHECKPOINT), again.join(CHECKPOINT));
    if old.exists() {
        let (old, new) = (Checkpoint::load(&old)?, Checkpoint::load(&new)?);
        if let Some(difference) = old.first_difference(&new) {
            println!("the first tensor that differs: {difference}");
        }
    }
    Ok(ExitCode::from(DIFFERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(kind: &str, name: &str, sha256: &str) -> Input {
        Input { kind: kind.into(), name: name.into(), sha256: sha256.into() }
    }

    #[test]
    fn what_changed_is_named() {
        let then = [input("photo", "a.png", "1"), input("mask", "a.png", "2"), input("photo", "b.png", "3")];
        assert!(changed_inputs(&then, &then).is_empty());
        let now = [input("photo", "a.png", "9"), input("mask", "a.png", "2"), input("photo", "c.png", "3")];
        let expected = [
            "photo a.png differs from what the run was trained on",
            "photo b.png is gone",
            "photo c.png was not there when the run was trained",
        ];
        assert_eq!(changed_inputs(&then, &now), expected);
    }

    #[test]
    fn a_changed_option_is_named_with_both_values() {
        let then = Config { steps: 300.into(), ..Config::default() };
        assert_eq!(changed_option(&then, &then).expect("compares"), None);
        let now = Config { steps: 500.into(), ..Config::default() };
        let said = changed_option(&then, &now).expect("compares").expect("differs");
        assert_eq!(said, "--steps is 500 in config.toml, and the run had 300");
    }
}
