//! `dapple bench`: measures images and training stage by stage, against what the adapter can do at best.

mod bytes;
mod figures;
mod page;
mod workload;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use super::input::UsageError;
use crate::format::write_atomically;
use crate::gpu::Gpu;
use crate::gpu::ceilings::Ceilings;
use crate::render::LaneForm;
use crate::train::config::{Config, Flags, Subgroups};
use figures::Figures;
use workload::Size;

/// The workloads of `--all`: on a GPU, and on a software adapter, which would need an hour for those.
const ALL: [&str; 3] = ["100k@400x400", "1M@1297x840", "3M@1920x1080"];
const ALL_SOFTWARE: [&str; 2] = ["10k@200x200", "100k@400x400"];

/// Measure images and training: steps per second, the GPU time of each stage, what the GPU could do at best, and memory
#[derive(clap::Args)]
pub struct Args {
    /// Capture folder, or its transforms JSON file
    capture: Option<PathBuf>,
    /// Measure random Gaussians instead of a capture: their number and the image's size, as in 1M@1297x840 or 100k@400x400;
    /// may be given several times
    #[arg(long, value_name = "N@WxH")]
    synthetic: Vec<Size>,
    /// Measure a list of synthetic workloads, small to large
    #[arg(long)]
    all: bool,
    /// Number of training steps to time, from the first step, for a synthetic workload at most 15 seconds; --steps still sets
    /// the schedule
    #[arg(long, default_value_t = 200)]
    timed: u32,
    /// Also write the measurements to this JSON file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also write a page with the measurements to this HTML file, to look at or to send in
    #[arg(long, value_name = "PAGE.html")]
    out: Option<PathBuf>,
    /// Compare with the measurements in this JSON file, which an earlier --json wrote
    #[arg(long, value_name = "OLD.json")]
    compare: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

pub fn run(args: Args) -> Result<ExitCode> {
    if args.capture.is_none() && args.synthetic.is_empty() && !args.all {
        return Err(UsageError("nothing to measure; name a capture, --synthetic N@WxH or --all".into()).into());
    }
    let mut config = Config::default();
    args.flags.clone().apply(&mut config);
    config.validate()?;
    let old = args.compare.as_deref().map(Figures::load).transpose()?;
    let gpu = Gpu::open(config.adapter.as_deref())?;
    let gpu = if config.subgroups == Subgroups::Off { gpu.without_subgroups() } else { gpu };
    let figures = measured(&args, &config, &gpu)?;
    print!("{}", figures.text());
    let comparison = old.map(|old| figures.compared_with(&old)).unwrap_or_default();
    print!("{comparison}");
    if let Some(path) = args.json {
        write_atomically(&path, |out| Ok(serde_json::to_writer_pretty(out, &figures)?))?;
    }
    if let Some(path) = args.out {
        let page = page::html(&figures, &comparison)?;
        write_atomically(&path, |out| out.write_all(page.as_bytes()))?;
        println!("\ndone; open {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn measured(args: &Args, config: &Config, gpu: &Gpu) -> Result<Figures> {
    let form = LaneForm::of(gpu);
    let mut figures = Figures {
        program: env!("CARGO_PKG_VERSION").into(),
        adapter: gpu.describe(),
        lanes: form.lanes,
        subgroups: form.subgroups,
        ceilings: Ceilings::measure(gpu)?,
        workloads: Vec::new(),
    };
    if let Some(capture) = &args.capture {
        let config = Config { capture: capture.clone(), ..config.clone() };
        figures.workloads.push(workload::of_capture(gpu, &config, args.timed)?);
    }
    let listed: &[&str] = match (args.all, gpu.is_software()) {
        (false, _) => &[],
        (true, false) => &ALL,
        (true, true) => &ALL_SOFTWARE,
    };
    let listed = listed.iter().map(|text| text.parse()).collect::<Result<Vec<Size>>>()?;
    let chosen = args.synthetic.iter().map(|size| (*size, false));
    for (size, may_fail) in chosen.chain(listed.into_iter().map(|size| (size, true))) {
        log::info!("measuring {size}");
        let flags = args.flags.clone();
        match workload::of_size(gpu, size, args.timed, |config| flags.apply(config)) {
            Ok(measured) => figures.workloads.push(measured),
            // Of a list, what fits is measured.
            Err(error) if may_fail => log::warn!("{size} is left out: {error:#}"),
            Err(error) => return Err(error.context(size.to_string())),
        }
    }
    Ok(figures)
}
