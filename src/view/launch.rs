//! Opening the window, on its own or to watch a training.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use eframe::egui;
use eframe::egui_wgpu::{WgpuConfiguration, WgpuError, WgpuSetup, WgpuSetupExisting};

use crate::gpu::{Candidates, Gpu, Parts};
use crate::train::Start;

use super::app::Viewer;
use super::state::document::Document;
use super::theme;
use super::work::device_lock::lock;
use super::work::training::{End, Hooks, Live};

/// Opens the window, with a scene, run or capture in it if one is given, and returns when it is closed. Of a scene with
/// levels of detail at most `budget` Gaussians are drawn.
///
/// # Errors
/// Nothing of that name, no adapter, or no window: on Linux without a display, say.
pub fn open_window(path: Option<&Path>, adapter: Option<&str>, budget: usize) -> Result<()> {
    path.map_or(Ok(()), Document::check_exists)?;
    let path = path.map(Path::to_path_buf);
    let (_, opened) = run_window(adapter, move |_, context, viewer| {
        viewer.budget = budget;
        if let Some(path) = &path {
            viewer.open(context, path);
        }
        Ok(())
    })?;
    opened.map_err(|error| anyhow!("{error}; where there is no display, use --screenshot"))
}

/// Trains, with a window that shows the scene grow. Returns when both have ended: the training goes on without the window
/// if that is closed, and from the start if none can be opened.
///
/// # Errors
/// Those of training, and no adapter.
pub fn train_in_window(start: Start, adapter: Option<&str>, hooks: Hooks) -> Result<End> {
    let waiting = Arc::new(Mutex::new(Some((start, hooks))));
    let (sender, threads) = std::sync::mpsc::channel();
    let taken = waiting.clone();
    let (gpu, opened) = run_window(adapter, move |gpu, context, viewer| {
        if let Some((start, hooks)) = lock(&taken).take() {
            let (live, thread) = Live::start(start, gpu, hooks, context.clone())?;
            viewer.follow(live);
            sender.send(thread)?;
        }
        Ok(())
    })?;
    if let Err(error) = opened {
        log::warn!("{error}; training goes on without one");
    }
    if let Some((start, hooks)) = lock(&waiting).take() {
        let (_, thread) = Live::start(start, &gpu, hooks, egui::Context::default())?;
        return join(thread);
    }
    join(threads.recv().context("the training did not start")?)
}

fn join(thread: JoinHandle<Result<End>>) -> Result<End> {
    thread.join().unwrap_or_else(|_| Err(anyhow!("the training broke off")))
}

/// What a window does first with its device and viewer.
type Begin = Rc<RefCell<dyn FnMut(&Gpu, &egui::Context, &mut Viewer) -> Result<()>>>;

/// Runs a window until it is closed, on the best adapter that can present to it; `begin` gets its viewer first. Returns the
/// device, and why there was no window.
///
/// # Errors
/// No adapter opens.
fn run_window(
    adapter: Option<&str>,
    begin: impl FnMut(&Gpu, &egui::Context, &mut Viewer) -> Result<()> + 'static,
) -> Result<(Gpu, Result<()>)> {
    let begin: Begin = Rc::new(RefCell::new(begin));
    let mut candidates = Candidates::of(adapter)?;
    let mut best = None;
    loop {
        let (gpu, parts) = match candidates.open() {
            Ok(opened) => opened,
            // Where none presents, the best adapter serves whatever needs no window.
            Err(error) => return best.map(|gpu| (gpu, Err(error.clone().into()))).ok_or(error.into()),
        };
        let best = best.get_or_insert_with(|| gpu.clone());
        let reason = match run_on(&gpu, parts, begin.clone()) {
            Err(eframe::Error::Wgpu(WgpuError::NoSurfaceFormatsAvailable)) => gpu.no_window(),
            Err(error) => return Ok((gpu, Err(anyhow!("cannot open a window: {error}")))),
            Ok(()) => return Ok((gpu, Ok(()))),
        };
        if let Err(error) = candidates.pass_over(reason) {
            return Ok((best.clone(), Err(error.into())));
        }
    }
}

/// Runs the window on a device until it is closed.
fn run_on(gpu: &Gpu, parts: Parts, begin: Begin) -> eframe::Result {
    let setup = WgpuSetupExisting {
        instance: parts.instance,
        adapter: parts.adapter,
        device: gpu.device().clone(),
        queue: gpu.queue().clone(),
    };
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Dapple")
            .with_app_id("dapple")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([480.0, 320.0])
            .with_drag_and_drop(true),
        renderer: eframe::Renderer::Wgpu,
        // Noise over the picture would make it another than was rendered.
        dithering: false,
        wgpu_options: WgpuConfiguration { wgpu_setup: WgpuSetup::Existing(setup), ..Default::default() },
        ..Default::default()
    };
    let gpu = gpu.clone();
    let create = move |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        theme::apply(&creation.egui_ctx);
        let mut viewer = Viewer::new(&gpu, creation.wgpu_render_state.clone())?;
        (begin.borrow_mut())(&gpu, &creation.egui_ctx, &mut viewer)?;
        Ok(Box::new(viewer))
    };
    eframe::run_native("dapple", options, Box::new(create))
}
