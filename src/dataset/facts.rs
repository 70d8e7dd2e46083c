//! What was read of a capture, in words and as JSON, before anything is trained on it.

use rayon::prelude::*;
use serde::Serialize;

use super::assemble::load_mask;
use super::source::enumerate;
use super::{Capture, Coverage, Distortion, Split, images};

/// Masks and photos that are decoded for the facts; of more, as many evenly spaced ones.
const MASKS_READ: usize = 64;
const PHOTOS_READ: usize = 4;
/// Masks that ignore more than this share are probably the wrong way round, or of something else.
const MUCH_IGNORED: f64 = 0.6;
/// A photo this many times further from the middle of the cameras than most others has probably a wrong pose.
const ASTRAY: f64 = 20.0;

/// What a capture holds.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    pub photos: usize,
    pub train: usize,
    pub held_out: usize,
    /// Pictures beside the photos that have no pose.
    pub unposed: usize,
    /// Width and height of the training images, after reduction, of the smallest and the largest.
    pub smallest: [u32; 2],
    pub largest: [u32; 2],
    /// Size of the largest image file.
    pub files: [u32; 2],
    /// The lenses in words.
    pub lenses: Vec<&'static str>,
    /// Cameras of a dynamic capture, and its number of times; 0 in a static one.
    pub cameras: usize,
    pub times: usize,
    /// First points; `None` where the capture has none of its own.
    pub points: Option<usize>,
    pub points_file: Option<std::path::PathBuf>,
    /// Photos with a mask.
    pub masks: usize,
    /// Mean share of the pixels that these masks ignore, 0 to 1.
    pub ignored: Option<f64>,
    /// Whether white pixels of masks are ignored rather than black ones.
    pub white_ignored: bool,
    /// Whether photos are transparent.
    pub transparent: bool,
    /// Other sparse models that are there, and their numbers of images.
    pub other_models: Vec<(String, usize)>,
    /// What was subtracted from the capture's coordinates.
    pub shift: Option<[f64; 3]>,
    /// Where up is by the gravity that photos state; `None` where it is taken from the cameras' horizontals.
    pub up_by_gravity: Option<[f64; 3]>,
    pub warnings: Vec<String>,
}

/// `count` of `all` indices, evenly spaced.
fn spread(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let used = all.min(count);
    (0..used).map(move |k| k * all / used)
}

impl Capture {
    /// Whether the photos to train on are cut out of their background: some of a few that are looked at are transparent.
    pub fn is_cut_out(&self) -> bool {
        let train: Vec<usize> = (0..self.shots.len()).filter(|&i| self.shots[i].split == Split::Train).collect();
        let looked_at: Vec<usize> = spread(train.len(), PHOTOS_READ).map(|k| train[k]).collect();
        looked_at.into_iter().any(|shot| {
            (self.shots[shot].is_blank() || images::has_alpha(&self.shots[shot].image))
                && self.load(shot).is_ok_and(|photo| photo.coverage == Coverage::Alpha)
        })
    }

    /// What the capture holds, with warnings for what looks wrong. Decodes some masks and photos.
    pub fn facts(&self) -> Facts {
        let sizes = || self.shots.iter().map(|shot| [shot.camera.lens.width, shot.camera.lens.height]);
        let area = |size: &[u32; 2]| u64::from(size[0]) * u64::from(size[1]);
        let files = self.shots.iter().map(|shot| [shot.source.width, shot.source.height]);
        let mut lenses: Vec<&str> = self.shots.iter().map(|shot| shot.source.distortion.words()).collect();
        lenses.sort_unstable();
        lenses.dedup();
        let held_out = self.shots.iter().filter(|shot| shot.split == Split::Test).count();
        let count = |mut values: Vec<u64>| {
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        let times = count(self.shots.iter().filter_map(|shot| Some(u64::from(shot.time?.to_bits()))).collect());
        let streams = count(self.shots.iter().map(|shot| shot.stream as u64).collect());
        let mut facts = Facts {
            photos: self.shots.len(),
            train: self.shots.len() - held_out,
            held_out,
            unposed: self.unlisted.len(),
            smallest: sizes().min_by_key(area).unwrap_or_default(),
            largest: sizes().max_by_key(area).unwrap_or_default(),
            files: files.max_by_key(area).unwrap_or_default(),
            lenses,
            cameras: if times > 0 { streams } else { 0 },
            times,
            points: self.points.as_ref().map(|points| points.positions.len()),
            points_file: self.points_file.clone(),
            masks: self.shots.iter().filter(|shot| shot.mask.is_some()).count(),
            ignored: self.share_ignored(),
            white_ignored: self.invert_masks,
            transparent: self.is_cut_out(),
            other_models: self.other_models.clone(),
            shift: (self.shift != glam::DVec3::ZERO).then(|| self.shift.to_array()),
            up_by_gravity: self.up_by_gravity().map(|up| up.to_array()),
            warnings: self.warnings.clone(),
        };
        facts.warnings.extend(self.suspicions(&facts));
        facts
    }

    /// Mean share of the pixels that masks ignore; `None` without masks that can be read.
    fn share_ignored(&self) -> Option<f64> {
        let masked: Vec<_> = self.shots.iter().filter(|shot| shot.mask.is_some()).collect();
        let read: Vec<usize> = spread(masked.len(), MASKS_READ).collect();
        let share = |k: &usize| {
            let mask = load_mask(masked[*k].mask.as_deref()?, masked[*k]).ok()?;
            let used = mask.used.iter().filter(|used| **used != self.invert_masks).count();
            Some(1.0 - used as f64 / mask.used.len().max(1) as f64)
        };
        let shares: Vec<f64> = read.par_iter().filter_map(share).collect();
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
    }

    /// What looks wrong, a line each.
    fn suspicions(&self, facts: &Facts) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(ignored) = facts.ignored.filter(|ignored| *ignored > MUCH_IGNORED) {
            let (ignores, other, remedy) = if self.invert_masks {
                ("white", "black", "leave --invert-masks out")
            } else {
                ("black", "white", "use --invert-masks")
            };
            lines.push(format!(
                "masks ignore {:.0} % of the pixels of {} photos; {ignores} pixels are ignored: if {other} ones should be, {remedy}",
                100.0 * ignored, facts.masks
            ));
        }
        let all = facts.photos + facts.unposed;
        if facts.unposed > facts.photos {
            lines.push(format!(
                "only {} of {all} photos are posed; the others ({}) are not trained on",
                facts.photos,
                enumerate(&self.unlisted)
            ));
        }
        lines.extend(self.astray());
        let round = |shot: &&super::Shot| matches!(shot.source.distortion, Distortion::Panorama(_));
        if let Some(shot) = self.shots.iter().filter(round).find(|shot| shot.source.width != 2 * shot.source.height) {
            let (name, width, height) = (shot.image.display(), shot.source.width, shot.source.height);
            lines.push(format!(
                "the panorama {name} is {width} x {height}; one of all directions is twice as wide as high"
            ));
        }
        let cut = |shot: &&super::Shot| shot.is_resampled() && loses_its_sides(shot);
        if let Some(shot) = self.shots.iter().find(cut) {
            let lens = shot.camera.lens;
            let degrees = 2.0 * (0.5 * f64::from(lens.width) / lens.focal.x).atan().to_degrees();
            lines.push(format!(
                "photos are resampled to a pinhole {degrees:.0} degrees wide; what their lens shows beyond, or folds back, is \
                 not used (first {})",
                shot.name
            ));
        }
        let outside = |shot: &&super::Shot| {
            let (lens, centre) = (&shot.source, shot.source.principal);
            let size = glam::dvec2(f64::from(lens.width), f64::from(lens.height));
            !matches!(lens.distortion, Distortion::Panorama(_))
                && (centre.min_element() < 0.0 || (size - centre).min_element() < 0.0)
        };
        if let Some(shot) = self.shots.iter().find(outside) {
            lines.push(format!("the principal point of {} is outside its image", shot.name));
        }
        lines
    }

    /// Photos whose camera is far from all others.
    fn astray(&self) -> Option<String> {
        let centres: Vec<glam::DVec3> = self.shots.iter().map(|shot| shot.camera.pose.centre()).collect();
        let middle = |values: &mut Vec<f64>, share: f64| {
            values.sort_by(f64::total_cmp);
            values.get(((values.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(0.0)
        };
        let axis = |i: usize| middle(&mut centres.iter().map(|centre| centre[i]).collect(), 0.5);
        let median = glam::dvec3(axis(0), axis(1), axis(2));
        let distances: Vec<f64> = centres.iter().map(|centre| centre.distance(median)).collect();
        let usual = middle(&mut distances.clone(), 0.8);
        let far = distances.iter().zip(&self.shots).filter(|(distance, _)| usual > 0.0 && **distance > ASTRAY * usual);
        let (times, names): (Vec<f64>, Vec<String>) = far.map(|(d, shot)| (d / usual, shot.name.clone())).unzip();
        let most = times.iter().copied().fold(0.0, f64::max);
        (self.shots.len() >= 5 && !names.is_empty()).then(|| {
            format!(
                "{} of {} photos are up to {most:.0} times further away than the others: {}; their poses may be wrong",
                names.len(),
                self.shots.len(),
                enumerate(&names)
            )
        })
    }
}

/// Whether the middle of a side of the image is outside the pinhole that it is resampled to, by more than a tenth.
fn loses_its_sides(shot: &super::Shot) -> bool {
    let (source, lens) = (&shot.source, shot.camera.lens);
    let (width, height) = (f64::from(source.width), f64::from(source.height));
    let [x, y] = [source.principal.x.clamp(0.0, width), source.principal.y.clamp(0.0, height)];
    let sides = [(0.0, y), (width, y), (x, 0.0), (x, height)].map(|(x, y)| glam::dvec2(x, y));
    let size = glam::dvec2(f64::from(lens.width), f64::from(lens.height));
    let inside = |at: glam::DVec2| (at + 0.1 * size).min_element() >= 0.0 && (1.1 * size - at).min_element() >= 0.0;
    let seen = |side: glam::DVec2| source.undistort(side).is_some_and(|u| inside(u * lens.focal + lens.principal));
    !matches!(source.distortion, Distortion::Panorama(_)) && !sides.into_iter().all(seen)
}

impl Facts {
    /// The facts, a line each, without the warnings.
    pub fn lines(&self) -> Vec<String> {
        let size = |[w, h]: [u32; 2]| format!("{w} x {h}");
        let sizes = if self.smallest == self.largest {
            size(self.largest)
        } else {
            format!("{} to {}", size(self.smallest), size(self.largest))
        };
        let held_out = if self.held_out == 0 { "none held out".into() } else { format!("{} held out", self.held_out) };
        let mut first = format!("{} photos ({} to train on, {held_out}), {sizes}", self.photos, self.train);
        if self.files[0] > self.largest[0] && !self.lenses.iter().any(|lens| lens.starts_with("panorama")) {
            first += &format!(" of {}", size(self.files));
        }
        first += &format!(", {}", self.lenses.join(" and "));
        if self.times > 0 {
            first += &format!(", {} cameras at {} times", self.cameras, self.times);
        }
        first += &match (self.points, &self.points_file) {
            (Some(count), _) => format!("; {count} first points"),
            (None, Some(file)) => format!("; first points from {}", file.display()),
            (None, None) => "; no first points".into(),
        };
        let mut lines = vec![first];
        if self.unposed > 0 {
            lines.push(format!("{} of {} photos are posed", self.photos, self.photos + self.unposed));
        }
        if self.masks > 0 {
            let share =
                self.ignored.map_or(String::new(), |share| format!(", {:.0} % of their pixels ignored", 100.0 * share));
            let (ignored, remedy) = if self.white_ignored {
                ("white", "black ones without --invert-masks")
            } else {
                ("black", "--invert-masks for white")
            };
            lines.push(format!(
                "masks on {} of {} photos{share} ({ignored} is ignored; {remedy})",
                self.masks, self.photos
            ));
        }
        if self.transparent {
            lines.push("the photos are transparent: what they show is cut out of its background".into());
        }
        for (folder, count) in &self.other_models {
            lines.push(format!("not read: another model of {count} photos in {folder}"));
        }
        if let Some([x, y, z]) = self.shift {
            lines.push(format!("the capture is far from its origin: {x} {y} {z} is subtracted from its coordinates"));
        }
        if let Some([x, y, z]) = self.up_by_gravity {
            lines.push(format!("up is {x:.3} {y:.3} {z:.3}, by the gravity that the photos' EXIF states"));
        }
        lines
    }
}
