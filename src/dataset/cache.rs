//! Decoded photos and optical flow within a memory budget, read ahead by worker threads.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Result, anyhow};

use super::{Capture, Direction, FlowTarget, Photo};

/// A cached item of a shot: its photo, or the optical flow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    Photo(usize),
    Flow(usize, Direction),
}

impl Item {
    /// Index of the shot in [`Capture::shots`].
    pub fn shot(self) -> usize {
        match self {
            Self::Photo(shot) | Self::Flow(shot, _) => shot,
        }
    }

    /// Bytes per pixel of its shot.
    fn bytes_a_pixel(self) -> usize {
        match self {
            Self::Photo(_) => 4,
            Self::Flow(..) => 9,
        }
    }
}

/// A decoded [`Item`].
#[derive(Clone)]
enum Decoded {
    Photo(Arc<Photo>),
    /// `None` if the shot has no flow.
    Flow(Option<Arc<FlowTarget>>),
}

impl Decoded {
    fn bytes(&self) -> usize {
        match self {
            Self::Photo(photo) => photo.pixels.len() * 4,
            Self::Flow(flow) => flow.as_ref().map_or(0, |flow| flow.valid.len() * 9),
        }
    }
}

/// Keeps decoded photos and flow of a capture within a budget of bytes, and decodes announced ones ahead.
///
/// The results of [`PhotoCache::get`] and [`PhotoCache::flow`] depend on the shot only, not on the budget or timing.
/// Evicted photos that callers still hold do not count towards the budget.
pub struct PhotoCache {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    capture: Arc<Capture>,
    budget: usize,
    state: Mutex<CacheState>,
    /// Notified of every change of the state.
    changed: Condvar,
}

#[derive(Default)]
struct CacheState {
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

impl PhotoCache {
    /// A cache of at most `budget` bytes of photos; one photo is always decoded, even if it is larger.
    pub fn new(capture: Arc<Capture>, budget: usize) -> Self {
        Self::with_photos(capture, budget, HashMap::new())
    }

    /// A cache that starts with photos of some shots; they fit the budget.
    pub(super) fn with_photos(capture: Arc<Capture>, budget: usize, photos: HashMap<usize, Arc<Photo>>) -> Self {
        let bytes = photos.values().map(|photo| photo.pixels.len() * 4).sum();
        let slot = |(shot, photo)| (Item::Photo(shot), Slot::Ready { decoded: Decoded::Photo(photo), used: 0 });
        let slots = photos.into_iter().map(slot).collect();
        let state = Mutex::new(CacheState { slots, bytes, ..CacheState::default() });
        let shared = Arc::new(Shared { capture, budget, state, changed: Condvar::new() });
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
        let workers = (0..threads).map(|_| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.work())
        });
        Self { workers: workers.collect(), shared }
    }

    /// The photo of a shot: kept, being decoded, or decoded now.
    ///
    /// # Errors
    /// Those of [`Capture::load`], again on every call for that shot.
    pub fn get(&self, shot: usize) -> Result<Arc<Photo>> {
        match self.item(Item::Photo(shot))? {
            Decoded::Photo(photo) => Ok(photo),
            Decoded::Flow(_) => Err(anyhow!("a photo was asked for and flow was kept")),
        }
    }

    /// The optical flow of a shot, `None` where it has none: kept, being loaded, or loaded now.
    ///
    /// # Errors
    /// Those of [`Capture::load_flow`], again on every call for that shot.
    pub fn flow(&self, shot: usize, direction: Direction) -> Result<Option<Arc<FlowTarget>>> {
        match self.item(Item::Flow(shot, direction))? {
            Decoded::Flow(flow) => Ok(flow),
            Decoded::Photo(_) => Err(anyhow!("flow was asked for and a photo was kept")),
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

    /// Announces the shots whose photos will be requested next; see [`PhotoCache::prefetch_items`].
    pub fn prefetch(&self, order: &[usize]) {
        self.prefetch_items(&order.iter().map(|&shot| Item::Photo(shot)).collect::<Vec<_>>());
    }

    /// Announces the items that will be requested next, in order, replacing earlier announcements. They are decoded in the
    /// background within the budget; items needed later or never are evicted for them.
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

    /// The capture whose photos these are.
    pub fn capture(&self) -> &Arc<Capture> {
        &self.shared.capture
    }

    /// Bytes of the photos and flow kept, and of those being decoded ahead.
    pub fn bytes(&self) -> usize {
        self.shared.lock().bytes
    }
}

impl Drop for PhotoCache {
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
    fn lock(&self) -> MutexGuard<'_, CacheState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of an item, from the size of its shot.
    fn size(&self, item: Item) -> usize {
        if let Item::Flow(shot, direction) = item
            && self.capture.flow_to(shot, direction).is_none()
        {
            return 0;
        }
        let lens = &self.capture.shots[item.shot()].camera.lens;
        lens.width as usize * lens.height as usize * item.bytes_a_pixel()
    }

    /// The loop of a worker: decodes the next announced item as soon as there is room for it.
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
    fn decode(&self, mut state: MutexGuard<'_, CacheState>, item: Item) -> Result<Decoded> {
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
pub(super) fn load_guarded(capture: &Capture, shot: usize) -> Result<Photo> {
    guarded(capture, shot, || capture.load(shot))
}

fn decode_guarded(capture: &Capture, item: Item) -> Result<Decoded> {
    guarded(capture, item.shot(), || match item {
        Item::Photo(shot) => capture.load(shot).map(|photo| Decoded::Photo(Arc::new(photo))),
        Item::Flow(shot, direction) => Ok(Decoded::Flow(capture.load_flow(shot, direction)?.map(Arc::new))),
    })
}

fn guarded<T>(capture: &Capture, shot: usize, load: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(load))
        .unwrap_or_else(|_| Err(anyhow!("{}: the decoder crashed", capture.shots[shot].image.display())))
}

impl CacheState {
    /// Removes one announced use of an item.
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
    /// unused. With `before`, items whose use comes before that position stay. Returns whether the bytes fit.
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
#[path = "cache_tests.rs"]
mod tests;
