//! Turns of window and training on one device.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// How long after it last asked the window may still come for its turn.
const GIVEN_UP: Duration = Duration::from_millis(150);

/// Who has the device: a picture drawn among queued steps would wait for all of them, and for those queued meanwhile.
#[derive(Default)]
pub struct Turn {
    device: Mutex<()>,
    /// When the window last wanted it and did not get it.
    wanted: Mutex<Option<Instant>>,
}

impl Turn {
    /// The device for the window, if the training lets it go in time; if not, it is the window's next.
    pub fn take(&self, patience: Duration) -> Option<MutexGuard<'_, ()>> {
        let start = Instant::now();
        loop {
            match self.device.try_lock() {
                Ok(turn) => {
                    *lock(&self.wanted) = None;
                    return Some(turn);
                }
                // A thread that broke off holds nothing that could be half done.
                Err(TryLockError::Poisoned(turn)) => return Some(turn.into_inner()),
                Err(TryLockError::WouldBlock) => *lock(&self.wanted) = Some(Instant::now()),
            }
            if start.elapsed() >= patience {
                return None;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// The device for the training, after the window if that waits; a window that has given up is not waited for.
    pub fn work(&self) -> MutexGuard<'_, ()> {
        while lock(&self.wanted).is_some_and(|since| since.elapsed() < GIVEN_UP) {
            std::thread::sleep(Duration::from_micros(500));
        }
        lock(&self.device)
    }
}

/// The lock of a mutex of a thread that may have broken off.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_and_training_take_turns() {
        let turn = Turn::default();
        let working = turn.work();
        let start = Instant::now();
        assert!(turn.take(Duration::from_millis(5)).is_none(), "a step is being made");
        drop(working);
        // The window has asked, so it comes next, unless it does not come.
        drop(turn.work());
        assert!(start.elapsed() >= GIVEN_UP);
        drop(turn.take(Duration::ZERO).expect("nobody has it"));
        let start = Instant::now();
        drop(turn.work());
        assert!(start.elapsed() < GIVEN_UP);
    }
}
