//! The lock by which window and training share one device.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Time for which the window keeps its precedence after it last asked.
const GIVEN_UP: Duration = Duration::from_millis(150);

/// Lock of the device: a picture drawn among queued steps would wait for all of them, and for those queued meanwhile.
#[derive(Default)]
pub struct DeviceLock {
    device: Mutex<()>,
    /// When the window last wanted it and did not get it.
    wanted: Mutex<Option<Instant>>,
}

impl DeviceLock {
    /// Locks the device for the window, if the training lets it go in time; if not, the window is next.
    pub fn lock_for_window(&self, patience: Duration) -> Option<MutexGuard<'_, ()>> {
        let start = Instant::now();
        loop {
            match self.device.try_lock() {
                Ok(guard) => {
                    *lock(&self.wanted) = None;
                    return Some(guard);
                }
                // A thread that broke off holds nothing that could be half done.
                Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
                Err(TryLockError::WouldBlock) => *lock(&self.wanted) = Some(Instant::now()),
            }
            if start.elapsed() >= patience {
                return None;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Locks the device for the training, after the window if that waits; a window that has given up is not waited for.
    pub fn lock_for_training(&self) -> MutexGuard<'_, ()> {
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
        let device = DeviceLock::default();
        let working = device.lock_for_training();
        let start = Instant::now();
        assert!(device.lock_for_window(Duration::from_millis(5)).is_none(), "a step is being made");
        drop(working);
        // The window has asked, so it comes next, unless it does not come.
        drop(device.lock_for_training());
        assert!(start.elapsed() >= GIVEN_UP);
        drop(device.lock_for_window(Duration::ZERO).expect("nobody has it"));
        let start = Instant::now();
        drop(device.lock_for_training());
        assert!(start.elapsed() < GIVEN_UP);
    }
}
