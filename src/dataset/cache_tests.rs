//! The cache: its results, its budget, and what it evicts.

use std::time::{Duration, Instant};

use super::*;
use crate::dataset::tests::fixtures::{Model, open, write};

const BYTES: usize = 16 * 12 * 4;

/// A capture of photos that differ, with their decoded photos.
fn capture(count: usize) -> (tempfile::TempDir, Arc<Capture>, Vec<Photo>) {
    let names: Vec<String> = (0..count).map(|i| format!("{i:02}.png")).collect();
    let root = Model::pinhole(&names.iter().map(String::as_str).collect::<Vec<_>>()).capture("sparse/0", true);
    for (i, name) in names.iter().enumerate() {
        let image = image::RgbImage::from_pixel(16, 12, image::Rgb([i as u8, 1, 2]));
        image.save(root.path().join("images").join(name)).unwrap();
    }
    let capture = Arc::new(open(root.path()).unwrap());
    let photos = (0..count).map(|i| capture.load(i).unwrap()).collect();
    (root, capture, photos)
}

#[test]
fn any_budget_and_order_gives_the_same_photos() {
    let (_root, capture, photos) = capture(12);
    for budget in [0, BYTES, 3 * BYTES, 7 * BYTES + 1, 100 * BYTES] {
        let cache = PhotoCache::new(capture.clone(), budget);
        let order: Vec<usize> = (0..60).map(|i| (i * i * 7 + i) % 12).collect();
        cache.prefetch(&order);
        for (step, &shot) in order.iter().enumerate() {
            assert_eq!(*cache.get(shot).unwrap(), photos[shot]);
            // Besides the budget, only what an urgent request decodes may be in memory, and that not for long.
            assert!(cache.bytes() <= budget.max(BYTES), "step {step}: {} of {budget}", cache.bytes());
        }
    }
}

/// The shots whose photos are kept, once nothing is being decoded.
fn settled(cache: &PhotoCache) -> Vec<usize> {
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
fn announced_photos_are_there_before_they_are_asked_for() {
    let (root, capture, photos) = capture(6);
    let cache = PhotoCache::new(capture, 4 * BYTES);
    cache.prefetch(&[5, 1, 5, 3, 0, 2, 4]);
    assert_eq!(settled(&cache), [0, 1, 3, 5]);
    // Uses that are over make room for the next ones; 5 is needed again, and stays.
    [5, 1].into_iter().for_each(|shot| assert_eq!(*cache.get(shot).unwrap(), photos[shot]));
    assert_eq!(settled(&cache), [0, 2, 3, 5]);
    std::fs::remove_dir_all(root.path().join("images")).unwrap();
    [5, 3, 0, 2].into_iter().for_each(|shot| assert_eq!(*cache.get(shot).unwrap(), photos[shot]));
    assert!(cache.get(1).is_err(), "it was evicted");
}

#[test]
fn an_urgent_photo_displaces_what_is_needed_last() {
    let (_root, capture, _) = capture(6);
    let cache = PhotoCache::new(capture, 3 * BYTES);
    cache.prefetch(&[4, 2, 0]);
    assert_eq!(settled(&cache), [0, 2, 4]);
    cache.get(5).unwrap();
    // Photo 0 gave way, and comes back in place of 5, which nobody announced.
    assert_eq!(settled(&cache), [0, 2, 4]);
    cache.prefetch(&[3, 4]);
    let kept = settled(&cache);
    assert!(kept.contains(&3) && kept.contains(&4), "{kept:?}");
}

#[test]
fn eviction_takes_the_unannounced_oldest_first_then_the_last_needed() {
    let photo =
        Arc::new(Photo { width: 1, height: 1, pixels: vec![[0; 4]], coverage: crate::dataset::Coverage::Opaque });
    let mut state = CacheState { bytes: 5 * 4, ..CacheState::default() };
    for (shot, used) in [(0, 9), (1, 5), (2, 1), (3, 2), (4, 7)] {
        let decoded = Decoded::Photo(photo.clone());
        state.slots.insert(Item::Photo(shot), Slot::Ready { decoded, used });
    }
    for (position, shot) in [(10, 2), (11, 3), (12, 4)] {
        state.announced.insert(position, Item::Photo(shot));
        state.uses.entry(Item::Photo(shot)).or_default().push_back(position);
    }
    let mut evicted = Vec::new();
    for kept in (0..5).rev() {
        // Up to the last two, reading ahead for position 11 may take them as well.
        let before = (kept >= 2).then_some(11);
        assert!(state.make_room(0, kept * 4, before));
        assert_eq!(state.bytes, kept * 4);
        evicted.extend((0..5).find(|shot| !state.slots.contains_key(&Item::Photo(*shot)) && !evicted.contains(shot)));
        if kept == 2 {
            assert!(!state.make_room(0, 4, Some(11)), "what is needed at 11 or before stays");
        }
    }
    assert_eq!(evicted, [1, 0, 4, 3, 2]);
}

#[test]
fn many_threads_share_one_cache() {
    let (_root, capture, photos) = capture(10);
    let cache = PhotoCache::new(capture, 3 * BYTES);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (cache, photos) = (&cache, &photos);
            scope.spawn(move || {
                for i in 0..50 {
                    let shot = (i * (thread + 3) + thread) % 10;
                    assert_eq!(*cache.get(shot).unwrap(), photos[shot]);
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
    let cache = PhotoCache::new(capture, 100 * BYTES);
    cache.prefetch(&[0, 1, 2]);
    for _ in 0..2 {
        let message = cache.get(1).unwrap_err().to_string();
        assert!(message.contains("01.png"), "{message}");
    }
    cache.get(2).unwrap();
}
