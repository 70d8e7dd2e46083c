//! Images that cannot be decoded are found before training plans its steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail, ensure};
use rayon::prelude::*;

use super::cache::load_guarded;
use super::source::enumerate;
use super::{Capture, Photo, PhotoCache, Split};

impl PhotoCache {
    /// A cache over the decodable shots of a capture; see [`PhotoCache::capture`]. Every image is decoded
    /// once, in parallel, so that what is left out depends on the files alone; photos of training shots are kept as
    /// far as the budget goes.
    ///
    /// # Errors
    /// Names the images that cannot be decoded, where no image is left to train on, or with `strict` any is broken.
    pub fn checked(capture: Arc<Capture>, budget: usize, strict: bool) -> Result<Self> {
        let held = AtomicUsize::new(0);
        let check = |shot: usize| -> Result<Option<Arc<Photo>>> {
            let photo = load_guarded(&capture, shot)?;
            let bytes = photo.pixels.len() * 4;
            let wanted = capture.shots[shot].split == Split::Train;
            let fits = |held: usize| held.checked_add(bytes).filter(|&held| held <= budget);
            let kept = wanted && held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
            Ok(kept.then(|| Arc::new(photo)))
        };
        let checked: Vec<_> = (0..capture.shots.len()).into_par_iter().map(check).collect();
        let faults: Vec<String> =
            checked.iter().filter_map(|result| Some(format!("{:#}", result.as_ref().err()?))).collect();
        let root = capture.root.display();
        let line =
            format!("{root}: {} of {} images cannot be decoded: {}", faults.len(), checked.len(), enumerate(&faults));
        ensure!(faults.is_empty() || !strict, "{line}; repair or remove them, or train without --strict");

        let decoded = checked.iter().map(Result::is_ok);
        let kept = capture.shots.iter().zip(decoded).filter(|(_, decoded)| *decoded).map(|(shot, _)| shot.clone());
        let shots: Vec<_> = kept.collect();
        if !shots.iter().any(|shot| shot.split == Split::Train) {
            match faults.len() {
                0 => bail!("{root}: all images are held out; train on some with a larger --test-every, or 0"),
                _ => bail!("{line}; no image is left to train on"),
            }
        }
        let photos = checked.into_iter().flatten().enumerate();
        let photos = photos.filter_map(|(shot, photo)| Some((shot, photo?))).collect();
        let capture = if faults.is_empty() {
            capture
        } else {
            let warning = format!("{line}; left out");
            log::warn!("{warning}");
            let mut rest = Arc::unwrap_or_clone(capture);
            rest.shots = shots;
            rest.warnings.push(warning);
            Arc::new(rest)
        };
        Ok(Self::with_photos(capture, budget, photos))
    }
}
