//! A piece of work on a thread of its own, whose result the window takes when it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use anyhow::{Result, anyhow};
use eframe::egui;

/// Progress of a task and the wish to stop it, shared by both threads.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicUsize,
    cancelled: AtomicBool,
}

impl Progress {
    /// Number of parts that are done.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    pub fn set_done(&self, count: usize) {
        self.done.store(count, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Work in progress. Dropped, it is cancelled; work that does not look at its progress runs on and its result is lost.
pub struct Task<T> {
    name: &'static str,
    result: Receiver<T>,
    progress: Arc<Progress>,
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<T: Send + 'static> Task<T> {
    /// Starts work on a thread, which wakes the window at its end.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        name: &'static str,
        context: &egui::Context,
        work: impl FnOnce(&Progress) -> T + Send + 'static,
    ) -> Result<Self> {
        let (task, run) = Self::prepare(name, context, work);
        std::thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(task)
    }

    /// Does the work at once, on this thread.
    pub fn here(
        name: &'static str,
        context: &egui::Context,
        work: impl FnOnce(&Progress) -> T + Send + 'static,
    ) -> Self {
        let (task, run) = Self::prepare(name, context, work);
        run();
        task
    }

    fn prepare(
        name: &'static str,
        context: &egui::Context,
        work: impl FnOnce(&Progress) -> T + Send + 'static,
    ) -> (Self, impl FnOnce() + Send + 'static) {
        let (sender, result) = channel();
        let (progress, context) = (Arc::<Progress>::default(), context.clone());
        let seen = progress.clone();
        let run = move || {
            // Nobody may want the result any more.
            let _ = sender.send(work(&seen));
            context.request_repaint();
        };
        (Self { name, result, progress }, run)
    }
}

impl<T> Task<T> {
    /// The result, once; `None` while the work goes on.
    ///
    /// # Errors
    /// The thread broke off without a result.
    pub fn poll(&self) -> Option<Result<T>> {
        match self.result.try_recv() {
            Ok(result) => Some(Ok(result)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(anyhow!("the work \"{}\" broke off", self.name))),
        }
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.progress.cancelled.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn wait<T>(task: &Task<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(result) = task.poll() {
                return result;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "it never ended");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn a_task_brings_its_result_once() {
        let context = egui::Context::default();
        let task = Task::start("sum", &context, |_| 2 + 3).expect("starts");
        assert_eq!(wait(&task).expect("a result"), 5);
        assert!(task.poll().is_some_and(|again| again.is_err()), "once only");
        assert_eq!(Task::here("sum", &context, |_| 7).poll().expect("is there").expect("a result"), 7);
    }

    #[test]
    fn a_dropped_task_is_cancelled_and_a_broken_one_told() {
        let context = egui::Context::default();
        let (sender, stopped) = channel();
        let work = move |progress: &Progress| {
            while !progress.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            sender.send(()).expect("the test waits");
        };
        drop(Task::start("endless", &context, work).expect("starts"));
        stopped.recv_timeout(Duration::from_secs(20)).expect("it stops");
        let broken: Task<()> = Task::start("broken", &context, |_| panic!("on purpose")).expect("starts");
        assert!(wait(&broken).expect_err("no result").to_string().contains("\"broken\" broke off"));
    }
}
