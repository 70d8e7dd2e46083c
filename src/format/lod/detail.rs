//! A streamed SOG of which as much is in memory as a camera needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, ensure};

use super::choose::choose;
use crate::camera::Camera;
use crate::edit;
use crate::format::folder::scene_in;
use crate::format::kind::LOD_META;
use crate::format::sog::{self, Range, Streamed};
use crate::scene::Scene;

/// Gaussians that are kept in memory, in budgets: what was seen a moment ago need not be read again.
const KEPT: usize = 8;

/// A streamed SOG, seen with a budget.
#[derive(Debug)]
pub struct Detail {
    streamed: Streamed,
    budget: usize,
    environment: Scene,
    /// Files in memory, with the number of the picture that last needed them.
    files: BTreeMap<usize, (Scene, u64)>,
    pictures: u64,
}

/// A part of a streamed SOG: the Gaussians for a picture.
#[derive(Debug)]
pub struct Picked {
    pub scene: Scene,
    /// Whether every region has the level that was chosen, rather than one that was in memory.
    pub is_complete: bool,
}

impl Detail {
    /// Opens the streamed SOG at a path, a folder or its description; `None` where something else is there.
    ///
    /// # Errors
    /// A damaged description, or an environment that cannot be read.
    pub fn open(path: &Path, budget: usize) -> Result<Option<Self>> {
        let Some(file) = scene_in(path).ok().filter(|file| file.ends_with(LOD_META)) else { return Ok(None) };
        let streamed = Streamed::open(&file)?;
        let environment = match streamed.environment()? {
            Some(file) => sog::read(&file)?.scene,
            None => Scene::default(),
        };
        Ok(Some(Self { streamed, budget, environment, files: BTreeMap::new(), pictures: 0 }))
    }

    /// Gaussians of the finest level.
    pub fn len(&self) -> usize {
        self.streamed.count(0) + self.environment.len()
    }

    /// Whether it has no Gaussians.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn budget(&self) -> usize {
        self.budget
    }

    /// The level of each region for a camera.
    pub fn choose(&self, camera: &Camera) -> Vec<Option<usize>> {
        choose(&self.streamed.regions, camera, self.budget.saturating_sub(self.environment.len()))
    }

    /// The coarsest levels of all regions as far as the budget reaches, before there is a camera.
    ///
    /// # Errors
    /// As [`Detail::pick`].
    pub fn coarsest(&mut self) -> Result<Scene> {
        let mut left = self.budget;
        let regions = &self.streamed.regions;
        let coarsest = regions.iter().map(|region| {
            let count = region.levels.last().map_or(0, |range| range.count);
            let fits = count <= left;
            left -= if fits { count } else { 0 };
            fits.then(|| region.levels.len() - 1)
        });
        let chosen: Vec<Option<usize>> = coarsest.collect();
        Ok(self.pick(&chosen, usize::MAX)?.scene)
    }

    /// The Gaussians of chosen levels, for which at most `most` files are read; a region whose file is not read yet has a
    /// coarser level that is in memory, or is absent.
    ///
    /// # Errors
    /// A file that is absent or damaged.
    pub fn pick(&mut self, chosen: &[Option<usize>], most: usize) -> Result<Picked> {
        self.pictures += 1;
        let regions = &self.streamed.regions;
        let wanted = || chosen.iter().zip(regions).filter_map(|(level, region)| region.levels.get((*level)?));
        let files: BTreeSet<usize> = wanted().map(|range| range.file).collect();
        let absent: Vec<usize> = files.iter().copied().filter(|file| !self.files.contains_key(file)).collect();
        for &file in absent.iter().take(most) {
            let scene = sog::read(&self.streamed.file(file)?)?.scene;
            self.files.insert(file, (scene, self.pictures));
        }
        let mut picked = Picked { scene: self.environment.clone(), is_complete: absent.len() <= most };
        for (level, region) in chosen.iter().zip(&self.streamed.regions) {
            let Some(level) = *level else { continue };
            let there = region.levels.iter().skip(level).find(|range| self.files.contains_key(&range.file));
            let Some(range) = there else { continue };
            if let Some((scene, used)) = self.files.get_mut(&range.file) {
                *used = self.pictures;
                self.streamed.check(*range, scene.len())?;
                edit::append(&mut picked.scene, part(scene, *range))?;
            }
        }
        ensure!(!picked.scene.is_empty(), "a budget of {} Gaussians is too small to show anything", self.budget);
        self.forget();
        Ok(picked)
    }

    /// Leaves out the files that were needed the longest ago.
    fn forget(&mut self) {
        let most = KEPT.saturating_mul(self.budget);
        let mut held: usize = self.files.values().map(|(scene, _)| scene.len()).sum();
        while held > most {
            let oldest =
                self.files.iter().filter(|(_, (_, used))| *used < self.pictures).min_by_key(|(_, (_, used))| *used);
            let Some(file) = oldest.map(|(file, _)| *file) else { return };
            held -= self.files.remove(&file).map_or(0, |(scene, _)| scene.len());
        }
    }
}

fn part(scene: &Scene, range: Range) -> Scene {
    let members: Vec<u32> = (range.offset..range.offset + range.count).map(|i| i as u32).collect();
    edit::gather(scene, &members)
}
