//! The places of Gaussians in a tree, to look for neighbours.

use std::num::NonZero;

use anyhow::{Context, Result};
use glam::Vec3;
use kiddo::{ImmutableKdTree, SquaredEuclidean};
use rayon::prelude::*;

/// Distinct means, each with the Gaussians that lie there: the tree cannot split equal points.
pub(super) struct Places {
    /// Indices of the Gaussians, those at a place side by side in rising order, and where each place starts in it.
    order: Vec<u32>,
    starts: Vec<u32>,
    tree: ImmutableKdTree<f32, 3>,
}

impl Places {
    /// # Errors
    /// No means, or some that cannot be put in a tree.
    pub fn new(means: &[Vec3]) -> Result<Self> {
        let key = |i: u32| means[i as usize].to_array().map(|v| (v + 0.0).to_bits());
        let mut order: Vec<u32> = (0..means.len() as u32).collect();
        order.par_sort_unstable_by_key(|&i| (key(i), i));
        let mut starts: Vec<u32> = vec![];
        for at in 0..order.len() {
            if at == 0 || key(order[at]) != key(order[at - 1]) {
                starts.push(at as u32);
            }
        }
        let points: Vec<[f32; 3]> = starts.iter().map(|&at| means[order[at as usize] as usize].to_array()).collect();
        let tree = ImmutableKdTree::new_from_slice(&points).context("the Gaussians' means cannot be put in a tree")?;
        Ok(Self { order, starts, tree })
    }

    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// The Gaussians at a place.
    pub fn members(&self, place: usize) -> &[u32] {
        let end = self.starts.get(place + 1).map_or(self.order.len(), |&at| at as usize);
        &self.order[self.starts[place] as usize..end]
    }

    /// The `count` places nearest to a point, with their distances, the nearest first.
    pub fn nearest(&self, point: Vec3, count: usize) -> Vec<(f32, usize)> {
        let wanted = NonZero::new(count.min(self.len())).unwrap_or(NonZero::<usize>::MIN);
        let found = self.tree.query(&point.to_array()).nearest_n::<SquaredEuclidean<f32>>(wanted).execute();
        found.iter().map(|item| (item.distance.sqrt(), item.item as usize)).collect()
    }
}
