//! Decoded pictures and optical flow within a memory budget, read ahead by worker threads.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Result, anyhow};

use super::{Capture, Direction, FlowTarget, Picture};

/// Something of a shot that is decoded: its picture, or the optical flow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    Picture(usize),
    Flow(usize, Direction),
}

impl Item {
    /// Index of the shot in [`Capture::shots`].
    pub fn shot(self) -> usize {
        match self {
            Self::Picture(shot) | Self::Flow(shot, _) => shot,
        }
    }

    /// Bytes that it takes for each pixel of its shot.
    fn bytes_a_pixel(self) -> usize {
        match self {
            Self::Picture(_) => 4,
            Self::Flow(..) => 9,
        }
    }
}

/// A decoded [`Item`].
#[derive(Clone)]
enum Decoded {
    Picture(Arc<Picture>),
    /// `None` where the shot has no flow; that is remembered at no cost.
    Flow(Option<Arc<FlowTarget>>),
}

impl Decoded {
    fn bytes(&self) -> usize {
        match self {
            Self::Picture(picture) => picture.pixels.len() * 4,
            Self::Flow(flow) => flow.as_ref().map_or(0, |flow| flow.valid.len() * 9),
        }
    }
}

/// Keeps decoded pictures and flow of a capture up to a budget of bytes and decodes announced ones ahead.
///
/// What [`PictureCache::get`] and [`PictureCache::flow`] return depends on the shot alone; the budget and timing only decide how long it takes.
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
    slots: HashMap<Item, Slot>,
    /// Announced uses still to come: position in the announced order → item.
    announced: BTreeMap<usize, Item>,
    /// The same by item: its positions, ascending.
    uses: HashMap<Item, VecDeque<usize>>,
    /// Bytes of the items kept and of those being decoded ahead.
    bytes: usize,
    clock: u64,
    closing: bool,
}

enum Slot {
    Decoding,
    Ready { decoded: Decoded, used: u64 },
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
        let slot = |(shot, picture)| (Item::Picture(shot), Slot::Ready { decoded: Decoded::Picture(picture), used: 0 });
        let slots = pictures.into_iter().map(slot).collect();
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
        match self.item(Item::Picture(shot))? {
            Decoded::Picture(picture) => Ok(picture),
            Decoded::Flow(_) => Err(anyhow!("a picture was asked for and flow was kept")),
        }
    }

    /// The optical flow of a shot, `None` where it has none: kept, being loaded, or loaded now.
    ///
    /// # Errors
    /// Those of [`Capture::load_flow`], again on every call for that shot.
    pub fn flow(&self, shot: usize, direction: Direction) -> Result<Option<Arc<FlowTarget>>> {
        match self.item(Item::Flow(shot, direction))? {
            Decoded::Flow(flow) => Ok(flow),
            Decoded::Picture(_) => Err(anyhow!("flow was asked for and a picture was kept")),
        }
    }

    fn item(&self, item: Item) -> Result<Decoded> {
        let shared = &*self.shared;
        let mut state = shared.lock();
        state.served(item);
        loop {
            state.clock += 1;
            let now = state.clock;
            match state.slots.get_mut(&item) {
                Some(Slot::Ready { decoded, used }) => {
                    *used = now;
                    let decoded = decoded.clone();
                    shared.changed.notify_all();
                    return Ok(decoded);
                }
                Some(Slot::Failed(reason)) => return Err(anyhow!("{reason}")),
                Some(Slot::Decoding) => {
                    state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                None => {
                    state.make_room(shared.size(item), shared.budget, None);
                    return shared.decode(state, item);
                }
            }
        }
    }

    /// Announces the shots whose pictures will be asked for next; see [`PictureCache::prefetch_items`].
    pub fn prefetch(&self, order: &[usize]) {
        self.prefetch_items(&order.iter().map(|&shot| Item::Picture(shot)).collect::<Vec<_>>());
    }

    /// Announces what will be asked for next, in order; replaces what was announced before. It is decoded in the
    /// background as far as the budget allows; what is needed later, or never, makes room.
    pub fn prefetch_items(&self, order: &[Item]) {
        let mut state = self.shared.lock();
        state.announced.clear();
        state.uses.clear();
        let known = order.iter().enumerate().filter(|(_, item)| item.shot() < self.shared.capture.shots.len());
        for (position, &item) in known {
            state.announced.insert(position, item);
            state.uses.entry(item).or_default().push_back(position);
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// The capture whose pictures these are.
    pub fn capture(&self) -> &Arc<Capture> {
        &self.shared.capture
    }

    /// Bytes of the pictures and flow kept, and of those being decoded ahead.
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

    /// Bytes of an item, as the shot's size makes them.
    fn size(&self, item: Item) -> usize {
        if let Item::Flow(shot, direction) = item
            && self.capture.flow_to(shot, direction).is_none()
        {
            return 0;
        }
        let lens = &self.capture.shots[item.shot()].camera.lens;
        lens.width as usize * lens.height as usize * item.bytes_a_pixel()
    }

    /// A worker's life: decode the next announced item as soon as there is room for it.
    fn work(&self) {
        let mut state = self.lock();
        while !state.closing {
            match state.first_absent() {
                Some((position, item)) if state.make_room(self.size(item), self.budget, Some(position)) => {
                    // A failure is kept in the slot, for whoever asks.
                    let _ = self.decode(state, item);
                    state = self.lock();
                }
                _ => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Decodes an item outside the lock and keeps the result.
    fn decode(&self, mut state: MutexGuard<'_, State>, item: Item) -> Result<Decoded> {
        let size = self.size(item);
        state.slots.insert(item, Slot::Decoding);
        state.bytes += size;
        drop(state);
        // Whoever waits for this item must not wait for ever if the decoder panics.
        let result = decode_guarded(&self.capture, item);
        let mut state = self.lock();
        state.clock += 1;
        let used = state.clock;
        match &result {
            Ok(decoded) => {
                state.slots.insert(item, Slot::Ready { decoded: decoded.clone(), used });
                // An urgent item may have been let in above the budget.
                state.make_room(0, self.budget, None);
            }
            Err(error) => {
                state.bytes -= size;
                state.slots.insert(item, Slot::Failed(format!("{error:#}")));
            }
        }
        drop(state);
        self.changed.notify_all();
        result
    }
}

/// [`Capture::load`] with a panic of a decoder turned into an error.
pub(super) fn load_guarded(capture: &Capture, shot: usize) -> Result<Picture> {
    guarded(capture, shot, || capture.load(shot))
}

fn decode_guarded(capture: &Capture, item: Item) -> Result<Decoded> {
    guarded(capture, item.shot(), || match item {
        Item::Picture(shot) => capture.load(shot).map(|picture| Decoded::Picture(Arc::new(picture))),
        Item::Flow(shot, direction) => Ok(Decoded::Flow(capture.load_flow(shot, direction)?.map(Arc::new))),
    })
}

fn guarded<T>(capture: &Capture, shot: usize, load: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(load))
        .unwrap_or_else(|_| Err(anyhow!("{}: the decoder crashed", capture.shots[shot].image.display())))
}

impl State {
    /// One announced use of an item is over.
    fn served(&mut self, item: Item) {
        if let Some(position) = self.uses.get_mut(&item).and_then(VecDeque::pop_front) {
            self.announced.remove(&position);
        }
    }

    /// The first announced use whose item is not there yet: its position and item.
    fn first_absent(&self) -> Option<(usize, Item)> {
        self.announced
            .iter()
            .map(|(&position, &item)| (position, item))
            .find(|(_, item)| !self.slots.contains_key(item))
    }

    /// Evicts until `size` more bytes fit: what is used furthest in the future, and of what nobody announced the longest
    /// unused. With `before`, items whose use comes before that position stay. Says whether the bytes fit.
    fn make_room(&mut self, size: usize, budget: usize, before: Option<usize>) -> bool {
        while self.bytes + size > budget {
            let candidates = self.slots.iter().filter_map(|(&item, slot)| {
                let Slot::Ready { decoded, used } = slot else { return None };
                let next = self.uses.get(&item).and_then(|uses| uses.front()).copied().unwrap_or(usize::MAX);
                before.is_none_or(|before| next > before).then_some((next, Reverse(*used), item, decoded.bytes()))
            });
            let Some((_, _, item, bytes)) = candidates.filter(|candidate| candidate.3 > 0).max() else { return false };
            self.slots.remove(&item);
            self.bytes -= bytes;
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
                let mut shots: Vec<usize> = state.slots.keys().map(|item| item.shot()).collect();
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
            let decoded = Decoded::Picture(picture.clone());
            state.slots.insert(Item::Picture(shot), Slot::Ready { decoded, used });
        }
        for (position, shot) in [(10, 2), (11, 3), (12, 4)] {
            state.announced.insert(position, Item::Picture(shot));
            state.uses.entry(Item::Picture(shot)).or_default().push_back(position);
        }
        let mut evicted = Vec::new();
        for kept in (0..5).rev() {
            // Up to the last two, reading ahead for position 11 may take them as well.
            let before = (kept >= 2).then_some(11);
            assert!(state.make_room(0, kept * 4, before));
            assert_eq!(state.bytes, kept * 4);
            evicted.extend(
                (0..5).find(|shot| !state.slots.contains_key(&Item::Picture(*shot)) && !evicted.contains(shot)),
            );
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
