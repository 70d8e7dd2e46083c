//! Decoded pictures within a memory budget, read ahead by worker threads.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Result, anyhow};

use super::{Capture, Picture};

/// Keeps decoded pictures of a capture up to a budget of bytes and decodes announced ones ahead.
///
/// What [`PictureCache::get`] returns depends on the shot alone; the budget and timing only decide how long it takes.
/// Pictures that callers still hold count no more once evicted.
pub struct PictureCache {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    capture: Arc<Capture>,
    budget: usize,
    state: Mutex<State>,
    /// Told when the state changes in any way that a waiter may wait for.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    slots: HashMap<usize, Slot>,
    /// Announced uses still to come: position in the announced order → shot.
    announced: BTreeMap<usize, usize>,
    /// The same by shot: its positions, ascending.
    uses: HashMap<usize, VecDeque<usize>>,
    /// Bytes of the pictures kept and of those being decoded ahead.
    bytes: usize,
    clock: u64,
    closing: bool,
}

enum Slot {
    Decoding,
    Ready { picture: Arc<Picture>, used: u64 },
    Failed(String),
}

impl PictureCache {
    /// A cache of at most `budget` bytes of pictures; one picture is always decoded, even if it is larger.
    pub fn new(capture: Arc<Capture>, budget: usize) -> Self {
        Self::with_pictures(capture, budget, HashMap::new())
    }

    /// A cache that starts with pictures of some shots; they fit the budget.
    pub(super) fn with_pictures(capture: Arc<Capture>, budget: usize, pictures: HashMap<usize, Arc<Picture>>) -> Self {
        let bytes = pictures.values().map(|picture| picture.pixels.len() * 4).sum();
        let slots = pictures.into_iter().map(|(shot, picture)| (shot, Slot::Ready { picture, used: 0 })).collect();
        let state = Mutex::new(State { slots, bytes, ..State::default() });
        let shared = Arc::new(Shared { capture, budget, state, changed: Condvar::new() });
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
        let workers = (0..threads).map(|_| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.work())
        });
        Self { workers: workers.collect(), shared }
    }

    /// The picture of a shot: kept, being decoded, or decoded now.
    ///
    /// # Errors
    /// Those of [`Capture::load`], again on every call for that shot.
    pub fn get(&self, shot: usize) -> Result<Arc<Picture>> {
        let shared = &*self.shared;
        let mut state = shared.lock();
        state.served(shot);
        loop {
            state.clock += 1;
            let now = state.clock;
            match state.slots.get_mut(&shot) {
                Some(Slot::Ready { picture, used }) => {
                    *used = now;
                    let picture = picture.clone();
                    shared.changed.notify_all();
                    return Ok(picture);
                }
                Some(Slot::Failed(reason)) => return Err(anyhow!("{reason}")),
                Some(Slot::Decoding) => {
                    state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                None => {
                    state.make_room(shared.size(shot), shared.budget, None);
                    return shared.decode(state, shot);
                }
            }
        }
    }

    /// Announces the shots that will be asked for next, in order; replaces what was announced before. They are decoded in
    /// the background as far as the budget allows; pictures that are needed later, or never, make room.
    pub fn prefetch(&self, order: &[usize]) {
        let mut state = self.shared.lock();
        state.announced.clear();
        state.uses.clear();
        let known = order.iter().enumerate().filter(|(_, shot)| **shot < self.shared.capture.shots.len());
        for (position, &shot) in known {
            state.announced.insert(position, shot);
            state.uses.entry(shot).or_default().push_back(position);
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// The capture whose pictures these are.
    pub fn capture(&self) -> &Arc<Capture> {
        &self.shared.capture
    }

    /// Bytes of the pictures kept, and of those being decoded ahead.
    pub fn bytes(&self) -> usize {
        self.shared.lock().bytes
    }
}

impl Drop for PictureCache {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        for worker in self.workers.drain(..) {
            // A worker that panicked has reported itself already.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of a shot's picture.
    fn size(&self, shot: usize) -> usize {
        let lens = &self.capture.shots[shot].camera.lens;
        lens.width as usize * lens.height as usize * 4
    }

    /// A worker's life: decode the next announced shot as soon as there is room for it.
    fn work(&self) {
        let mut state = self.lock();
        while !state.closing {
            match state.first_absent() {
                Some((position, shot)) if state.make_room(self.size(shot), self.budget, Some(position)) => {
                    // A failure is kept in the slot, for whoever asks.
                    let _ = self.decode(state, shot);
                    state = self.lock();
                }
                _ => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Decodes a shot outside the lock and keeps the result.
    fn decode(&self, mut state: MutexGuard<'_, State>, shot: usize) -> Result<Arc<Picture>> {
        let size = self.size(shot);
        state.slots.insert(shot, Slot::Decoding);
        state.bytes += size;
        drop(state);
        // Whoever waits for this shot must not wait for ever if the decoder panics.
        let result = load_guarded(&self.capture, shot).map(Arc::new);
        let mut state = self.lock();
        state.clock += 1;
        let used = state.clock;
        match &result {
            Ok(picture) => {
                state.slots.insert(shot, Slot::Ready { picture: picture.clone(), used });
                // An urgent picture may have been let in above the budget.
                state.make_room(0, self.budget, None);
            }
            Err(error) => {
                state.bytes -= size;
                state.slots.insert(shot, Slot::Failed(format!("{error:#}")));
            }
        }
        drop(state);
        self.changed.notify_all();
        result
    }
}

/// [`Capture::load`] with a panic of a decoder turned into an error.
pub(super) fn load_guarded(capture: &Capture, shot: usize) -> Result<Picture> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| capture.load(shot)))
        .unwrap_or_else(|_| Err(anyhow!("{}: the decoder crashed", capture.shots[shot].image.display())))
}

impl State {
    /// One announced use of a shot is over.
    fn served(&mut self, shot: usize) {
        if let Some(position) = self.uses.get_mut(&shot).and_then(VecDeque::pop_front) {
            self.announced.remove(&position);
        }
    }

    /// The first announced use whose picture is not there yet: its position and shot.
    fn first_absent(&self) -> Option<(usize, usize)> {
        self.announced
            .iter()
            .map(|(&position, &shot)| (position, shot))
            .find(|(_, shot)| !self.slots.contains_key(shot))
    }

    /// Evicts until `size` more bytes fit: what is used furthest in the future, and of what nobody announced the longest
    /// unused. With `before`, pictures whose use comes before that position stay. Says whether the bytes fit.
    fn make_room(&mut self, size: usize, budget: usize, before: Option<usize>) -> bool {
        while self.bytes + size > budget {
            let candidates = self.slots.iter().filter_map(|(&shot, slot)| {
                let Slot::Ready { picture, used } = slot else { return None };
                let next = self.uses.get(&shot).and_then(|uses| uses.front()).copied().unwrap_or(usize::MAX);
                before.is_none_or(|before| next > before).then_some((next, Reverse(*used), shot, picture.pixels.len()))
            });
            let Some((_, _, shot, pixels)) = candidates.max() else { return false };
            self.slots.remove(&shot);
            self.bytes -= pixels * 4;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::dataset::tests::fixtures::{Model, open, write};

    const BYTES: usize = 16 * 12 * 4;

    /// A capture of pictures that differ, with their decoded pictures.
    fn capture(count: usize) -> (tempfile::TempDir, Arc<Capture>, Vec<Picture>) {
        let names: Vec<String> = (0..count).map(|i| format!("{i:02}.png")).collect();
        let root = Model::pinhole(&names.iter().map(String::as_str).collect::<Vec<_>>()).capture("sparse/0", true);
        for (i, name) in names.iter().enumerate() {
            let image = image::RgbImage::from_pixel(16, 12, image::Rgb([i as u8, 1, 2]));
            image.save(root.path().join("images").join(name)).unwrap();
        }
        let capture = Arc::new(open(root.path()).unwrap());
        let pictures = (0..count).map(|i| capture.load(i).unwrap()).collect();
        (root, capture, pictures)
    }

    #[test]
    fn any_budget_and_order_gives_the_same_pictures() {
        let (_root, capture, pictures) = capture(12);
        for budget in [0, BYTES, 3 * BYTES, 7 * BYTES + 1, 100 * BYTES] {
            let cache = PictureCache::new(capture.clone(), budget);
            let order: Vec<usize> = (0..60).map(|i| (i * i * 7 + i) % 12).collect();
            cache.prefetch(&order);
            for (step, &shot) in order.iter().enumerate() {
                assert_eq!(*cache.get(shot).unwrap(), pictures[shot]);
                // Besides the budget, only what an urgent request decodes may be in memory, and that not for long.
                assert!(cache.bytes() <= budget.max(BYTES), "step {step}: {} of {budget}", cache.bytes());
            }
        }
    }

    /// The shots whose pictures are kept, once nothing is being decoded.
    fn settled(cache: &PictureCache) -> Vec<usize> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let mut state = cache.shared.lock();
            let idle = state.slots.values().all(|slot| !matches!(slot, Slot::Decoding));
            let next = state.first_absent();
            let full = next.is_none_or(|(position, shot)| {
                !state.make_room(cache.shared.size(shot), cache.shared.budget, Some(position))
            });
            if idle && full {
                let mut shots: Vec<usize> = state.slots.keys().copied().collect();
                shots.sort_unstable();
                return shots;
            }
            drop(state);
            assert!(Instant::now() < deadline, "the workers are stuck");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn announced_pictures_are_there_before_they_are_asked_for() {
        let (root, capture, pictures) = capture(6);
        let cache = PictureCache::new(capture, 4 * BYTES);
        cache.prefetch(&[5, 1, 5, 3, 0, 2, 4]);
        assert_eq!(settled(&cache), [0, 1, 3, 5]);
        // Uses that are over make room for the next ones; 5 is needed again, and stays.
        [5, 1].into_iter().for_each(|shot| assert_eq!(*cache.get(shot).unwrap(), pictures[shot]));
        assert_eq!(settled(&cache), [0, 2, 3, 5]);
        std::fs::remove_dir_all(root.path().join("images")).unwrap();
        [5, 3, 0, 2].into_iter().for_each(|shot| assert_eq!(*cache.get(shot).unwrap(), pictures[shot]));
        assert!(cache.get(1).is_err(), "it was evicted");
    }

    #[test]
    fn an_urgent_picture_displaces_what_is_needed_last() {
        let (_root, capture, _) = capture(6);
        let cache = PictureCache::new(capture, 3 * BYTES);
        cache.prefetch(&[4, 2, 0]);
        assert_eq!(settled(&cache), [0, 2, 4]);
        cache.get(5).unwrap();
        // Picture 0 gave way, and comes back in place of 5, which nobody announced.
        assert_eq!(settled(&cache), [0, 2, 4]);
        cache.prefetch(&[3, 4]);
        let kept = settled(&cache);
        assert!(kept.contains(&3) && kept.contains(&4), "{kept:?}");
    }

    #[test]
    fn eviction_takes_the_unannounced_oldest_first_then_the_last_needed() {
        let picture =
            Arc::new(Picture { width: 1, height: 1, pixels: vec![[0; 4]], coverage: crate::dataset::Coverage::Opaque });
        let mut state = State { bytes: 5 * 4, ..State::default() };
        for (shot, used) in [(0, 9), (1, 5), (2, 1), (3, 2), (4, 7)] {
            state.slots.insert(shot, Slot::Ready { picture: picture.clone(), used });
        }
        for (position, shot) in [(10, 2), (11, 3), (12, 4)] {
            state.announced.insert(position, shot);
            state.uses.entry(shot).or_default().push_back(position);
        }
        let mut evicted = Vec::new();
        for kept in (0..5).rev() {
            // Up to the last two, reading ahead for position 11 may take them as well.
            let before = (kept >= 2).then_some(11);
            assert!(state.make_room(0, kept * 4, before));
            assert_eq!(state.bytes, kept * 4);
            evicted.extend((0..5).find(|shot| !state.slots.contains_key(shot) && !evicted.contains(shot)));
            if kept == 2 {
                assert!(!state.make_room(0, 4, Some(11)), "what is needed at 11 or before stays");
            }
        }
        assert_eq!(evicted, [1, 0, 4, 3, 2]);
    }

    #[test]
    fn many_threads_share_one_cache() {
        let (_root, capture, pictures) = capture(10);
        let cache = PictureCache::new(capture, 3 * BYTES);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (cache, pictures) = (&cache, &pictures);
                scope.spawn(move || {
                    for i in 0..50 {
                        let shot = (i * (thread + 3) + thread) % 10;
                        assert_eq!(*cache.get(shot).unwrap(), pictures[shot]);
                        if i % 10 == 0 {
                            cache.prefetch(&[(shot + 1) % 10, (shot + 2) % 10, shot]);
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_failure_is_reported_each_time_and_to_everyone() {
        let (root, capture, _) = capture(3);
        let path = root.path().join("images/01.png");
        let png = std::fs::read(&path).unwrap();
        write(&path, &png[..png.len() - 30]);
        let cache = PictureCache::new(capture, 100 * BYTES);
        cache.prefetch(&[0, 1, 2]);
        for _ in 0..2 {
            let message = cache.get(1).unwrap_err().to_string();
            assert!(message.contains("01.png"), "{message}");
        }
        cache.get(2).unwrap();
    }
}
