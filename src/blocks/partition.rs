//! Making a plan: cells, the photos that see them, and a folder for each block.

use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use glam::DVec3;

use super::cells::{Grid, cells, ground_axes, sampled};
use super::plan::{OPTIONS, Plan, PlannedBlock, PlannedCell};
use super::visibility::visibility;
use super::{picture, report};
use crate::camera::{self, Camera};
use crate::dataset::{BLOCK, BlockFile, Capture, CaptureOptions, Cell, FlowChoice, Split};
use crate::format::{self, Contents, UnfinishedFolder, write_atomically};
use crate::scene::Normalisation;
use crate::scene::stats::percentile;
use crate::train::Config;
use crate::train::config::Count;
use crate::train::frame::reach;

/// Photos above which the coarse scene is trained for a whole run's length and no longer.
const MANY_PHOTOS: usize = 600;
const COARSE_STEPS: u32 = 30_000;

/// Length of the mean of the cameras' directions above which most of them look the same way.
const SAME_WAY: f64 = 0.7;

/// How a capture is partitioned.
#[derive(Clone, Debug)]
pub struct Options {
    pub grid: Grid,
    /// Width of the margin around a cell in which its block is trained too, as a share of the cell's sides.
    pub margin: f64,
    /// The direction that is up; by the cameras if `None`.
    pub up: Option<DVec3>,
    /// Options of the runs of the coarse scene and of each block; their captures are set here.
    pub coarse: Config,
    pub block: Config,
}

/// Partitions the capture at `path` into a new folder.
///
/// # Errors
/// A capture that cannot be opened, is dynamic or has no points; a grid that does not suit it; a folder that is not empty.
pub fn partition(path: &Path, out: &Path, options: &Options) -> Result<Plan> {
    let (fresh, parent) = check_free(out)?;
    let block = &options.block;
    let opening = CaptureOptions { flow: FlowChoice::Off, test_every: block.test_every, ..block.capture_options() };
    let mut capture = Capture::open(path, &opening)?;
    let shown = path.display();
    ensure!(!capture.is_dynamic(), "{shown}: a capture with times cannot be partitioned; dapple train takes it whole");
    ensure!(capture.block.is_none(), "{shown}: this is a block already; partition the whole");
    let points = points(&capture)?;
    capture.points = None;
    let cameras: Vec<Camera> =
        capture.shots.iter().filter(|shot| shot.split == Split::Train).map(|shot| shot.camera).collect();
    let sample = sampled(&points);
    let up = match options.up {
        Some(up) => up,
        None => capture
            .up_by_gravity()
            .or_else(|| upwards(&cameras, &sample))
            .context("the cameras do not say which way is up; give it with --up")?,
    };
    let centres: Vec<DVec3> = cameras.iter().map(|camera| camera.pose.centre()).collect();
    let cells = cells(options.grid, ground_axes(up), &sample, &centres, options.margin)?;
    let visible = visibility(path, &capture, &cells, &sample)?;
    let (judged, all) = (visible.by_tracks, visible.seen.len());
    log::info!("{judged} of {all} photos are judged by their tracks, the others by what the points of a cell cover");

    let whole = relative(&fresh, &std::fs::canonicalize(path).with_context(|| path.display().to_string())?);
    let frame = common_frame(&cells, &centres);
    let mut plan = Plan::new(whole, up, capture.shift, frame, planned("coarse", &capture, |_| true));
    (plan.coarse.points, plan.coarse.cameras) = (points.len(), cameras.len());
    for (k, cell) in cells.iter().enumerate() {
        let name = name(&cells, k);
        let mut block = planned(&format!("blocks/{name}"), &capture, |shot| visible.seen[shot][k]);
        ensure!(block.photos > 0, "no training photo sees the cell {name}; partition into fewer blocks (--blocks)");
        block.points = points.iter().filter(|point| cell.contains(point.as_dvec3())).count();
        block.cameras = centres.iter().filter(|centre| cell.contains(**centre)).count();
        plan.cells.push(PlannedCell { block, cell: *cell });
    }
    drop(points);
    write(out, &parent, &plan, |made| {
        let coarse = coarse_options(options, &plan);
        write_block(made, &plan, &plan.coarse, None, (&capture, &coarse), |_| true)?;
        for (k, planned) in plan.cells.iter().enumerate() {
            let of = (&capture, &options.block);
            write_block(made, &plan, &planned.block, Some(planned.cell), of, |shot| visible.seen[shot][k])?;
        }
        picture::save(made, &plan, &sample, &centres)
    })?;
    Ok(plan)
}

/// Writes a plan and what `fill` adds to it; its folder appears when all is in it.
fn write(out: &Path, parent: &Path, plan: &Plan, fill: impl Fn(&Path) -> Result<()>) -> Result<()> {
    let work = tempfile::Builder::new().prefix(".partition-").tempdir_in(parent);
    let work = work.with_context(|| format!("cannot create a folder in {}", parent.display()))?;
    let _unfinished = UnfinishedFolder::new(work.path());
    let made = work.path().join("plan");
    format::create_folder(&made)?;
    fill(&made)?;
    report::save(&made, plan)?;
    plan.write(&made)?;
    let cleared = if out.exists() { std::fs::remove_dir(out) } else { Ok(()) };
    let moved = cleared.and_then(|()| std::fs::rename(&made, out));
    moved.with_context(|| format!("cannot move the plan to {}", out.display()))
}

/// The full path of a new or empty folder, and the folder that it is in.
fn check_free(out: &Path) -> Result<(PathBuf, PathBuf)> {
    let entries = std::fs::read_dir(out).map(|mut entries| entries.next().is_some());
    match entries {
        Ok(true) => bail!("{} is not empty; give the plan a folder of its own", out.display()),
        Err(_) if out.exists() => bail!("{} is no folder", out.display()),
        _ => {}
    }
    let full = std::path::absolute(out).with_context(|| out.display().to_string())?;
    let (Some(parent), Some(name)) = (full.parent(), full.file_name()) else {
        bail!("{} does not name a new folder", out.display());
    };
    format::create_folder(parent)?;
    let parent = std::fs::canonicalize(parent).with_context(|| parent.display().to_string())?;
    Ok((parent.join(name), parent))
}

/// The first points of a capture, in its frame.
fn points(capture: &Capture) -> Result<Vec<glam::Vec3>> {
    let none = || {
        let root = capture.root.display();
        format!("{root}: the capture has no points, by which it would be partitioned; structure from motion makes them")
    };
    let points = match (&capture.points, &capture.points_file) {
        (Some(points), _) => points.positions.clone(),
        (None, Some(file)) => match format::read_any(file)? {
            Contents::Points(points) => {
                points.positions.iter().map(|point| (point.as_dvec3() - capture.shift).as_vec3()).collect()
            }
            Contents::Scene(loaded) => loaded.scene.means,
        },
        (None, None) => bail!(none()),
    };
    let points: Vec<glam::Vec3> = points.into_iter().filter(|point| point.is_finite()).collect();
    ensure!(!points.is_empty(), none());
    Ok(points)
}

/// The direction that is up: what the cameras have above them, or behind them where most look down. Of the two it is the one
/// along which the points are spread less.
fn upwards(cameras: &[Camera], points: &[DVec3]) -> Option<DVec3> {
    let above = camera::up(cameras);
    let ahead = cameras.iter().map(|camera| camera.pose.forward()).sum::<DVec3>() / cameras.len().max(1) as f64;
    let behind = Some(-ahead.normalize_or_zero()).filter(|_| ahead.length() > SAME_WAY);
    let spread = |up: &DVec3| {
        let height = |percent| percentile(points.iter().map(|point| point.dot(*up)), percent).unwrap_or(0.0);
        height(95) - height(5)
    };
    above.into_iter().chain(behind).min_by(|a, b| spread(a).total_cmp(&spread(b)))
}

/// The cameras' middle at the origin, and half a typical cell's diagonal the unit: as a capture of that size would have it.
fn common_frame(cells: &[Cell], cameras: &[DVec3]) -> Normalisation {
    let centre = cameras.iter().sum::<DVec3>() / cameras.len().max(1) as f64;
    let halves = cells.iter().map(|cell| 0.5 * (cell.high - cell.low).length());
    Normalisation { centre, scale: 1.0 / percentile(halves, 50).unwrap_or(1.0) }
}

/// The name of a cell by its place in the grid: column and row, from 0.
fn name(cells: &[Cell], k: usize) -> String {
    let rows = cells.iter().take_while(|cell| cell.low.x == cells[0].low.x).count().max(1);
    let digits = cells.len().to_string().len();
    format!("{:0digits$}_{:0digits$}", k / rows, k % rows)
}

fn planned(capture_folder: &str, capture: &Capture, sees: impl Fn(usize) -> bool) -> PlannedBlock {
    let count = |split| capture.shots.iter().enumerate().filter(|(i, shot)| shot.split == split && sees(*i)).count();
    let name = capture_folder.rsplit('/').next().unwrap_or_default().to_string();
    PlannedBlock {
        capture: capture_folder.into(),
        run: format!("runs/{name}").into(),
        name,
        photos: count(Split::Train),
        held_out: count(Split::Test),
        points: 0,
        cameras: 0,
    }
}

/// The options of the coarse run: of very many photos no more steps than the reference run's.
fn coarse_options(options: &Options, plan: &Plan) -> Config {
    let mut config = options.coarse.clone();
    if config.steps == Count::Auto && plan.coarse.photos > MANY_PHOTOS {
        config.steps = Count::Of(COARSE_STEPS);
    }
    config
}

/// Writes a block's folder: what it is, and the options of its run.
fn write_block(
    made: &Path,
    plan: &Plan,
    block: &PlannedBlock,
    cell: Option<Cell>,
    (capture, options): (&Capture, &Config),
    sees: impl Fn(usize) -> bool,
) -> Result<()> {
    let folder = made.join(&block.capture);
    format::create_folder(&folder)?;
    let up: PathBuf = block.capture.components().map(|_| "..").collect();
    let mut file = BlockFile::new(up.join(&plan.capture), plan.shift, plan.frame, reach(capture));
    file.coarse = cell.map(|_| up.join(&plan.coarse.run));
    file.cell = cell;
    for (_, shot) in capture.shots.iter().enumerate().filter(|(i, _)| sees(*i)) {
        match shot.split {
            Split::Train => file.train.push(shot.name.clone()),
            Split::Test => file.test.push(shot.name.clone()),
        }
    }
    write_atomically(&folder.join(BLOCK), |out| {
        serde_json::to_writer_pretty(&mut *out, &file)?;
        out.write_all(b"\n")
    })?;
    let text = Config { capture: PathBuf::new(), ..options.clone() }.to_toml()?;
    write_atomically(&folder.join(OPTIONS), |out| out.write_all(text.as_bytes()))
}

/// The way from one absolute path, which is a folder, to another; the other itself where they share no root.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let (from, to): (Vec<Component>, Vec<Component>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return to.iter().collect();
    }
    let up = from[shared..].iter().map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to[shared..].iter().copied()).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_capture_is_found() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(way("/a/plan", "/a/town"), "../town");
        assert_eq!(way("/a/b/plan", "/c"), "../../../c");
        assert_eq!(way("/a/town/plan", "/a/town"), "..");
    }
}
