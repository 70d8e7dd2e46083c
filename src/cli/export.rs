//! `dapple export`: reads, edits and writes scenes.

mod args;
mod by_disk;
mod floaters;
mod sky;
mod steps;
mod write;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use indicatif::HumanCount;

pub use args::Args;
use args::FloaterUse;
use floaters::Seen;
use steps::{LeftOut, edit_each, near};
use write::Fitted;

use super::cost;
use super::events;
use super::info::describe;
use super::page::Drawing;
use super::progress;
use crate::edit;
use crate::format::{self, Format, ReadOptions, SpzAxes, TimeSamples};
use crate::scene::Scene;

/// Rank of the neighbour whose distance measures isolation.
const NEIGHBOUR: usize = 8;

pub fn run(args: Args) -> Result<ExitCode> {
    events::start("export", args.json);
    check(&args)?;
    let format = format::format_to_write(&args.output)?;
    if let Some(rows) = by_disk::rows(&args, format)? {
        return by_disk::run(&args, format, &rows);
    }
    let mut scene = read(&args)?;
    edit_scene(&args, &mut scene)?;
    let played = is_played(&args, format, &scene)?;
    ensure!(!scene.is_empty(), "no Gaussians are left; nothing is written");
    if let Some(seconds) = args.duration {
        scene.clip.seconds = Some(seconds);
    }
    let (before, up) = (scene.len(), scene.up);
    if !played {
        for said in format::fit(&mut scene, format).with_context(|| args.output.display().to_string())? {
            log::warn!("{}: {said}", args.output.display());
        }
        say_what_is_lost(&args.output, format, &scene);
    }
    let left_out = before.saturating_sub(scene.len());
    // Pictures show what a lower degree and straight paths cost.
    let pictures = args.views.map_or(scene.len() <= cost::LARGEST, |views| views > 0);
    let curved = scene.motion.as_ref().is_some_and(|motion| motion.curves.is_some()) && args.times.is_none();
    let less = scene.sh_degree > format.max_sh_degree() || (curved && format.is_straight());
    let whole = (pictures && less).then(|| scene.clone());
    edit::cap_degree(&mut scene, format.max_sh_degree());
    if curved && let Some(said) = format::fit_paths(&mut scene, format) {
        log::warn!("{}: {said}", args.output.display());
    }
    let what = format!("{}, {} Gaussians, degree {}", format.name(), HumanCount(scene.len() as u64), scene.sh_degree);
    let sequence = args.times.filter(|_| !format.samples_motion());
    if args.times.is_some() && scene.motion.is_none() {
        log::warn!("nothing moves in the scene; it is the same at all times");
    }
    if let Some(times) = sequence.filter(|_| args.dry_run) {
        let last = format::sequence::name_of(&args.output, times.count - 1, times.count);
        println!("would write {} files, up to {}: {}", times.count, last.display(), format.name());
        return Ok(ExitCode::SUCCESS);
    }
    if args.dry_run {
        println!("would write {}: {what}", args.output.display());
        return Ok(ExitCode::SUCCESS);
    }
    // Some formats want the scene upright.
    let turned = up.filter(|_| scene.up != up).and_then(format::upright_turn).map(|turn| turn.rotation);
    write::write(&args, format, Fitted { scene, whole, left_out, what, played, turned }, sequence)
}

/// Whether the file is a page that draws with this program's kernels.
fn is_played(args: &Args, format: Format, scene: &Scene) -> Result<bool> {
    ensure!(args.page.page.is_none() || format == Format::Html, "--page is for .html files");
    let moves = scene.motion.is_some() && args.times.is_none();
    Ok(format == Format::Html && args.page.page.map_or(moves, |drawing| drawing == Drawing::Webgpu))
}

/// Checks the values of the options, before anything is read.
fn check(args: &Args) -> Result<()> {
    if args.levels.is_some() || args.chunk.is_some() {
        ensure!(format::format_to_write(&args.output)? == Format::Lod, "--levels and --chunk are for .lod folders");
    }
    if args.page.background.is_some() {
        let paged = matches!(format::format_to_write(&args.output)?, Format::Html | Format::Lod);
        ensure!(paged, "--background is for pages: .html files and the page in a .lod folder");
    }
    if let Some(time) = args.time {
        ensure!((0.0..=1.0).contains(&time), "--time {time} is not in 0 to 1");
    }
    if let Some(TimeSamples { first, last, .. }) = args.times {
        ensure!((0.0..=1.0).contains(&first) && (0.0..=1.0).contains(&last), "--times {first}:{last} is not in 0 to 1");
        let format = format::format_to_write(&args.output)?;
        ensure!(!format.holds_motion(), "{} files hold the motion itself; leave --times out", format.name());
    }
    ensure!(args.duration.is_none_or(|s| s.is_finite() && s > 0.0), "--duration must be above 0 seconds");
    if let Some(opacity) = args.min_opacity {
        ensure!((0.0..=1.0).contains(&opacity), "--min-opacity {opacity} is not in 0 to 1");
    }
    for (name, value) in [("--max-size", args.max_size), ("--max-isolation", args.max_isolation)] {
        ensure!(value.is_none_or(|value| value > 0.0), "{name} must be above 0");
    }
    ensure!(args.keep != Some(0), "--keep must be at least 1");
    check_output(args)
}

/// Refuses to replace files that nobody gave up: often OUT was forgotten, and the last input stands in its place.
fn check_output(args: &Args) -> Result<()> {
    if args.overwrite || args.dry_run {
        return Ok(());
    }
    let sampled = format::format_to_write(&args.output)?.samples_motion();
    let first = match args.times.filter(|_| !sampled) {
        Some(times) => format::sequence::name_of(&args.output, 0, times.count),
        None => args.output.clone(),
    };
    ensure!(
        !first.exists(),
        "{} exists; name another file as the last, or add --overwrite to replace it",
        first.display()
    );
    Ok(())
}

/// Reads the inputs and joins them.
fn read(args: &Args) -> Result<Scene> {
    let options = ReadOptions { spz_axes: args.spz_frame_in.map(SpzAxes::from) };
    let mut scene = Scene::default();
    for (index, path) in args.inputs.iter().enumerate() {
        let start = Instant::now();
        let step = format!("{} of {}", index + 1, args.inputs.len() + 1);
        let stage = progress::spinner(format!("reading {} ({step})", path.display()));
        let mut loaded = format::load_with(path, &options)?;
        drop(stage);
        println!("read {}: {}, in {:.1} s", path.display(), describe(&loaded), start.elapsed().as_secs_f64());
        for warning in &loaded.warnings {
            log::warn!("{}: {warning}", path.display());
        }
        if let Some(time) = args.time {
            if loaded.scene.motion.is_none() {
                log::warn!("{}: nothing moves in it; --time changes nothing", path.display());
            }
            loaded.scene = loaded.scene.into_at(time);
        }
        edit::append(&mut scene, loaded.scene).with_context(|| path.display().to_string())?;
    }
    let names = || args.inputs.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    ensure!(!scene.is_empty(), "{}: the file holds no Gaussians; nothing is written", names());
    Ok(scene)
}

/// Applies the options in the order that the help states.
fn edit_scene(args: &Args, scene: &mut Scene) -> Result<()> {
    let mut each = LeftOut::default();
    edit_each(args, near(args)?.as_ref(), scene, &mut each);
    each.say();
    if let Some(most) = args.max_isolation {
        let _stage = progress::spinner("looking for neighbours".into());
        let isolation = edit::isolation(scene, NEIGHBOUR.min(scene.len().saturating_sub(1)))?;
        let before = scene.len();
        scene.retain(|_, i| isolation[i] <= most);
        left_out(before - scene.len(), "are isolated");
    }
    if let (Some(FloaterUse::Drop), Some(capture)) = (args.floaters, &args.capture) {
        floaters::drop(args, capture, scene)?;
    }
    if let Some(n) = args.keep {
        keep(args, scene, n)?;
    }
    if args.morton {
        let order = edit::morton_order(&scene.means);
        edit::permute(scene, &order);
    }
    Ok(())
}

/// Merges Gaussians until `n` are left.
fn keep(args: &Args, scene: &mut Scene, n: usize) -> Result<()> {
    let seen = match &args.capture {
        Some(capture) => Some(Seen::of(scene, capture, args.adapter.as_deref())?.weights),
        None => None,
    };
    let before = scene.len();
    if scene.motion.is_some() {
        edit::keep_most(scene, &edit::importance(scene), n)?;
        left_out(before - scene.len(), "matter less; what moves is not merged");
        return Ok(());
    }
    let _stage = progress::spinner(format!("merging {} Gaussians into {n}", HumanCount(before as u64)));
    edit::merge_to(scene, seen.as_deref(), n)?;
    if scene.len() < before {
        println!("merged {} into {}", HumanCount(before as u64), HumanCount(scene.len() as u64));
    }
    Ok(())
}

fn left_out(n: usize, why: &'static str) {
    let mut left_out = LeftOut::default();
    left_out.add(n, why);
    left_out.say();
}

/// Warns of properties of the scene that the format cannot hold.
fn say_what_is_lost(path: &Path, format: Format, scene: &Scene) {
    let name = format.name();
    if scene.sh_degree > format.max_sh_degree() {
        log::warn!("{}: {name} files hold no colours that depend on the view; they are left out", path.display());
    }
    if scene.antialiased && !format.holds_antialiased() {
        log::warn!(
            "{}: {name} files do not say that a scene was trained with anti-aliasing; it may look bolder elsewhere",
            path.display()
        );
    }
}
