//! Trains a scene from a capture: a COLMAP, Blender/NeRF, nerfstudio or instant-ngp folder.
//!
//! ```sh
//! cargo run --release --example train -- my_capture my_run 7000
//! ```

use std::path::Path;

use anyhow::{Result, bail};
use dapple::gpu::Gpu;
use dapple::train::{Config, Start};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [capture, run, steps] = arguments.as_slice() else { bail!("usage: train CAPTURE RUN STEPS") };
    train(capture.as_ref(), run.as_ref(), steps.parse()?)
}

/// Trains for a number of steps and leaves the run folder `run`, with the scene and a report in it.
pub fn train(capture: &Path, run: &Path, steps: u32) -> Result<()> {
    let config = Config { capture: capture.into(), steps: steps.into(), cap_max: 100_000.into(), ..Config::default() };
    let mut session = Start::fresh(run.into(), config)?.open(&Gpu::open(None)?)?;
    while !session.is_done() {
        session.advance(&mut |_| ())?;
    }
    session.finish(&mut |_| ())?;
    if let Some(mean) = session.records().last().and_then(|record| record.test) {
        println!("held-out PSNR {:.2} dB, SSIM {:.3}", mean.psnr, mean.ssim);
    }
    Ok(())
}
