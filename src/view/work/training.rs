//! A training in this process: it runs on a thread of its own and on the window's device, and the window draws its model
//! without a copy.
//!
//! Every step is one submission, so the window draws between two steps. The thread queues no more steps than fill
//! [`QUEUE`], which bounds the time that the window waits for the device.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use eframe::egui;

use crate::format;
use crate::gpu::Gpu;
use crate::model::Model;
use crate::scene::Normalisation;
use crate::train::run::folder::Record;
use crate::train::{Event, Session, Start};
use crate::view::state::document::Document;
use crate::view::text::{full_path, grouped};

use super::device_lock::{DeviceLock, lock};

/// Device time of the steps that may be queued.
const QUEUE: Duration = Duration::from_millis(40);
/// Most steps that are queued at once.
const MOST_QUEUED: u32 = 16;
/// Time between two checks for an interruption while paused.
const IDLE: Duration = Duration::from_millis(200);

/// A request of the window to a training.
pub enum Command {
    Pause(bool),
    /// One step, and then pause.
    Step,
    /// Write a checkpoint and end.
    Stop,
    /// Write the scene as it is now to a file.
    Save(PathBuf),
    /// Send [`News::Ready`] again.
    Show,
}

/// The phase of a training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Starting,
    Running,
    Paused,
    /// Saving what it has, to stop, or making the report of a run that is through.
    Ending,
}

/// The progress of a training.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub phase: Phase,
    pub step: u32,
    pub steps: u32,
    pub gaussians: usize,
    pub records: Vec<Record>,
    /// Steps a second, over the last seconds.
    pub pace: f64,
}

/// The end of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After all steps.
    Done,
    /// Before that, with a checkpoint after so many.
    Stopped(u32),
}

/// A message of a training to the window.
pub enum News {
    /// The run, its model on the device, and the frame of the model.
    Ready(Box<(Document, Model, Normalisation)>),
    /// The model in another memory, since it has outgrown the one sent before.
    Grown(Box<Model>),
    /// The result of saving the scene: a message or an error.
    Saved(Result<String>),
    /// The end of the training, or the error that broke it off.
    Ended(Result<End, String>),
}

/// Callbacks of a training's owner, who may stop it.
pub struct Hooks {
    pub on_event: Box<dyn FnMut(Event) + Send>,
    pub interrupted: fn() -> bool,
    /// Called once when the training has ended, however it did.
    pub ended: fn(),
}

impl Default for Hooks {
    fn default() -> Self {
        Self { on_event: Box::new(|_| ()), interrupted: || false, ended: || () }
    }
}

/// The window's side of a training.
pub struct Live {
    pub out: PathBuf,
    commands: Sender<Command>,
    pub news: Receiver<News>,
    status: Arc<Mutex<Status>>,
    pub device: Arc<DeviceLock>,
    /// Whether the terminal has ended it.
    pub interrupted: fn() -> bool,
}

impl Live {
    /// Starts a training on a thread, which ends with how it ended.
    ///
    /// # Errors
    /// No thread is to be had; all else comes as [`News::Ended`].
    pub fn start(
        start: Start,
        gpu: &Gpu,
        hooks: Hooks,
        context: egui::Context,
    ) -> Result<(Self, JoinHandle<Result<End>>)> {
        let (commands, orders) = channel();
        let (sender, news) = channel();
        let (out, steps) = (start.out.clone(), start.config.step_count());
        let status = Arc::new(Mutex::new(Status { steps, ..Status::default() }));
        let interrupted = hooks.interrupted;
        let device = Arc::<DeviceLock>::default();
        let mut work = Work {
            orders,
            news: sender,
            status: status.clone(),
            device: device.clone(),
            context,
            hooks,
            since: (Instant::now(), 0),
            capacity: 0,
        };
        let gpu = gpu.clone();
        let body = move || {
            let ended = work.run(start, &gpu);
            (work.hooks.ended)();
            let news = ended.as_ref().map(|end| *end).map_err(|error| format!("{error:#}"));
            work.send(News::Ended(news));
            ended
        };
        let thread = std::thread::Builder::new().name("train".into()).spawn(body);
        let thread = thread.context("cannot start a thread to train on")?;
        Ok((Self { out, commands, news, status, device, interrupted }, thread))
    }

    pub fn ask(&self, command: Command) {
        // A training that has ended cannot be asked anything; its last news says so.
        let _ = self.commands.send(command);
    }

    pub fn status(&self) -> MutexGuard<'_, Status> {
        lock(&self.status)
    }
}

/// A training that the window shows.
pub struct LiveTraining {
    pub live: Live,
    /// Absent where the training outlives the window.
    pub thread: Option<JoinHandle<Result<End>>>,
}

impl LiveTraining {
    /// Has a training that belongs to the window save and end, and waits for that.
    pub fn finish(self) {
        let Some(thread) = self.thread else { return };
        self.live.ask(Command::Stop);
        match thread.join() {
            Ok(Ok(End::Stopped(step))) => {
                let run = self.live.out.display();
                log::info!("the training stopped after step {step}; continue with --resume --out {run}");
            }
            Ok(Ok(End::Done)) => {}
            Ok(Err(error)) => log::error!("{error:#}"),
            Err(_) => log::error!("the training broke off"),
        }
    }
}

/// The training's side.
struct Work {
    orders: Receiver<Command>,
    news: Sender<News>,
    status: Arc<Mutex<Status>>,
    device: Arc<DeviceLock>,
    context: egui::Context,
    hooks: Hooks,
    /// When and at which step the pace was last measured.
    since: (Instant, u32),
    /// Capacity of the model that the window has.
    capacity: usize,
}

impl Work {
    fn send(&self, news: News) {
        // The window may be closed.
        let _ = self.news.send(news);
        self.context.request_repaint();
    }

    fn note(&self, change: impl FnOnce(&mut Status)) {
        change(&mut lock(&self.status));
    }

    fn run(&mut self, start: Start, gpu: &Gpu) -> Result<End> {
        let mut session = start.open(gpu)?;
        let (step, gaussians) = (session.step_index(), session.wait()?);
        self.since = (Instant::now(), step);
        (self.hooks.on_event)(Event::Opened(session.config().step_count()));
        self.note(|status| {
            (status.step, status.gaussians, status.phase) = (step, gaussians, Phase::Running);
            status.steps = session.config().step_count();
            status.records = session.records().to_vec();
        });
        self.show(&session)?;
        let device = self.device.clone();
        let mut queue = 1;
        while !session.is_done() {
            if !self.obey(&mut session)? {
                self.note(|status| status.phase = Phase::Ending);
                session.save(&mut self.hooks.on_event)?;
                return Ok(End::Stopped(session.step_index()));
            }
            let working = device.lock_for_training();
            let (since, first) = (Instant::now(), session.step_index());
            let most = if self.is_paused() { 1 } else { queue };
            while !session.is_done() && session.step_index() < first + most {
                session.advance(&mut self.hooks.on_event)?;
            }
            let gaussians = session.wait()?;
            drop(working);
            if session.capacity() != self.capacity {
                self.capacity = session.capacity();
                self.send(News::Grown(Box::new(session.shared_model().0)));
            }
            queue = allowed(since.elapsed() / (session.step_index() - first).max(1));
            self.report(&session, gaussians);
            if self.is_paused() {
                self.context.request_repaint();
            }
        }
        self.note(|status| status.phase = Phase::Ending);
        session.finish(&mut self.hooks.on_event)?;
        Ok(End::Done)
    }

    fn is_paused(&self) -> bool {
        lock(&self.status).phase == Phase::Paused
    }

    fn show(&mut self, session: &Session) -> Result<()> {
        let (model, frame) = session.shared_model();
        self.capacity = model.capacity();
        self.send(News::Ready(Box::new((Document::of_session(session)?, model, frame))));
        Ok(())
    }

    fn report(&mut self, session: &Session, gaussians: usize) {
        let step = session.step_index();
        let (since, from) = self.since;
        let seconds = since.elapsed().as_secs_f64();
        let pace = (seconds >= 2.0).then(|| f64::from(step.saturating_sub(from)) / seconds);
        if pace.is_some() {
            self.since = (Instant::now(), step);
        }
        self.note(|status| {
            (status.step, status.gaussians) = (step, gaussians);
            status.pace = pace.unwrap_or(status.pace);
            let known = status.records.len();
            status.records.extend_from_slice(session.records().get(known..).unwrap_or_default());
        });
    }

    /// Does what the window has asked for, waiting while paused; false to end.
    fn obey(&mut self, session: &mut Session) -> Result<bool> {
        loop {
            if (self.hooks.interrupted)() {
                return Ok(false);
            }
            let command = if self.is_paused() {
                match self.orders.recv_timeout(IDLE) {
                    Ok(command) => Some(command),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => None,
                }
            } else {
                match self.orders.try_recv() {
                    Ok(command) => Some(command),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(true),
                }
            };
            match command {
                Some(Command::Pause(pause)) => self.pause(session, pause),
                Some(Command::Step) => {
                    self.pause(session, true);
                    return Ok(true);
                }
                Some(Command::Stop) => return Ok(false),
                Some(Command::Save(path)) => {
                    let saved = save(session, &path);
                    self.send(News::Saved(saved));
                }
                Some(Command::Show) => self.show(session)?,
                // Nobody is left who could end the pause.
                None => self.pause(session, false),
            }
        }
    }

    fn pause(&mut self, session: &mut Session, pause: bool) {
        session.pause(pause);
        self.since = (Instant::now(), session.step_index());
        self.note(|status| status.phase = if pause { Phase::Paused } else { Phase::Running });
        self.context.request_repaint();
    }
}

fn save(session: &mut Session, path: &std::path::Path) -> Result<String> {
    let scene = session.scene()?;
    format::write_scene(path, &scene)?;
    Ok(format!("saved {} Gaussians in {}", grouped(scene.len() as u64), full_path(path)))
}

/// Steps that may be queued at once, each of which takes so long.
fn allowed(each: Duration) -> u32 {
    (QUEUE.as_secs_f64() / each.as_secs_f64().max(1e-6)).clamp(1.0, f64::from(MOST_QUEUED)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_as_long_as_the_window_can_wait() {
        assert_eq!(allowed(Duration::from_millis(300)), 1);
        assert_eq!(allowed(Duration::from_millis(10)), 4);
        assert_eq!(allowed(Duration::from_micros(50)), MOST_QUEUED);
    }
}
