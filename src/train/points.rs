//! Initial points: random ones, and the distances of points to their neighbours.

use std::num::NonZero;

use glam::Vec3;
use kiddo::{ImmutableKdTree, SquaredEuclidean};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use rayon::prelude::*;

use crate::scene::PointCloud;

/// The least mean squared distance, which bounds its logarithm.
const LEAST_SQUARED_DISTANCE: f32 = 1e-7;

/// The stream of random numbers, that of the generator's reference implementation.
const STREAM: u64 = 0x0a02_bdbf_7bb3_c0a7;

/// Number of neighbours.
const NEIGHBOURS: usize = 3;

/// `[N]` root of the mean squared distance to the three nearest other points, world units, at least √1e-7: the initial
/// standard deviation of each point's Gaussian (docs/algorithms.md E.2). With fewer than four points, the neighbours
/// there are count. Points must be finite.
pub fn neighbour_distances(points: &[Vec3]) -> Vec<f32> {
    // Identical points are one in the tree, with a count: a k-d tree cannot split them.
    let mut order: Vec<usize> = (0..points.len()).collect();
    let key = |i: usize| points[i].to_array().map(|v| (v + 0.0).to_bits());
    order.par_sort_unstable_by_key(|&i| (key(i), i));
    let groups: Vec<&[usize]> = order.chunk_by(|&a, &b| key(a) == key(b)).collect();
    let places: Vec<[f32; 3]> = groups.iter().map(|group| points[group[0]].to_array()).collect();
    let squared = mean_squares(&places, &groups);
    let mut distances = vec![0.0; points.len()];
    for (group, mean) in groups.iter().zip(squared) {
        group.iter().for_each(|&i| distances[i] = mean.max(LEAST_SQUARED_DISTANCE).sqrt());
    }
    distances
}

/// `[places]` mean squared distance to the nearest neighbours, of which those in the same group are at no distance.
fn mean_squares(places: &[[f32; 3]], groups: &[&[usize]]) -> Vec<f32> {
    let Some(wanted) = NonZero::new((NEIGHBOURS + 1).min(places.len())) else { return Vec::new() };
    let tree: ImmutableKdTree<f32, 3> =
        ImmutableKdTree::new_from_slice(places).expect("distinct points of a number that fits the index always build");
    let mean = |(place, group): (&[f32; 3], &&[usize])| {
        let nearest = tree.query(place).nearest_n::<SquaredEuclidean<f32>>(wanted).execute();
        let others = nearest.iter().filter(|found| groups[found.item as usize][0] != group[0]);
        let others = others.flat_map(|found| std::iter::repeat_n(found.distance, groups[found.item as usize].len()));
        let near: Vec<f32> = std::iter::repeat_n(0.0, group.len() - 1).chain(others).take(NEIGHBOURS).collect();
        near.iter().sum::<f32>() / near.len().max(1) as f32
    };
    places.par_iter().zip(groups).map(mean).collect()
}

/// `count` points, uniformly random in the box `centre` ± `half_extent`, with uniformly random colours; equal seeds give
/// equal points.
pub fn random_points(count: usize, centre: Vec3, half_extent: Vec3, seed: u64) -> PointCloud {
    let mut random = Pcg32::new(seed, STREAM);
    // Uniform in [0, 1).
    let mut number = || (random.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0);
    let mut unit = || Vec3::from_array(std::array::from_fn(|_| number()));
    let (positions, colours) = (0..count).map(|_| (centre + (2.0 * unit() - 1.0) * half_extent, unit())).unzip();
    PointCloud { positions, colours, times: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brute(points: &[Vec3]) -> Vec<f32> {
        let mean = |i: usize| {
            let others = points.iter().enumerate().filter(|(j, _)| *j != i);
            let mut squared: Vec<f32> = others.map(|(_, p)| p.distance_squared(points[i])).collect();
            squared.sort_by(f32::total_cmp);
            squared.truncate(3);
            let mean = squared.iter().sum::<f32>() / squared.len().max(1) as f32;
            mean.max(1e-7).sqrt()
        };
        (0..points.len()).map(mean).collect()
    }

    fn check(points: &[Vec3]) {
        for (fast, slow) in neighbour_distances(points).iter().zip(brute(points)) {
            assert!((fast - slow).abs() <= 1e-5 * slow, "{fast} is not {slow}");
        }
    }

    #[test]
    fn distances_agree_with_brute_force() {
        let cloud = random_points(700, Vec3::new(1.0, -2.0, 30.0), Vec3::new(5.0, 1.0, 0.2), 3).positions;
        check(&cloud);
        // Pairs, triples and more of the same point among others.
        let mut twins = cloud[..120].to_vec();
        (0..5).for_each(|n| twins.extend_from_slice(&cloud[..20 * n]));
        check(&twins);
        // A regular grid shares every coordinate with many others, and a plane shares one with all.
        let grid = |z: u32| (0..400 * z).map(|i| Vec3::new((i % 20) as f32, (i / 20 % 20) as f32, (i / 400) as f32));
        check(&grid(1).collect::<Vec<_>>());
        check(&grid(3).collect::<Vec<_>>());
        (0..5).for_each(|n| check(&cloud[..n]));
    }

    #[test]
    fn a_thousand_identical_points_are_at_the_floor() {
        let mut points = vec![Vec3::new(-0.0, 2.0, 3.0); 500];
        points.extend(vec![Vec3::new(0.0, 2.0, 3.0); 500]);
        assert_eq!(neighbour_distances(&points), vec![1e-7_f32.sqrt(); 1000]);
        points.push(Vec3::new(1.0, 2.0, 3.0));
        let distances = neighbour_distances(&points);
        assert_eq!(distances[0], 1e-7_f32.sqrt());
        assert_eq!(distances[1000], 1.0);
    }

    #[test]
    fn many_points_on_a_plane_build() {
        let mut points: Vec<Vec3> = random_points(20_000, Vec3::ZERO, Vec3::ONE, 1).positions;
        points.iter_mut().for_each(|p| p.z = 0.5);
        assert!(neighbour_distances(&points).iter().all(|d| *d > 3e-4 && *d < 0.2));
    }

    #[test]
    fn random_points_fill_their_box_and_repeat() {
        let (centre, half) = (Vec3::new(1.0, 2.0, 3.0), Vec3::new(0.1, 1.0, 10.0));
        let cloud = random_points(4000, centre, half, 7);
        let offsets = cloud.positions.iter().map(|p| (*p - centre) / half);
        assert!(offsets.clone().all(|o| o.abs().max_element() <= 1.0 + 1e-5));
        let mean = offsets.sum::<Vec3>() / 4000.0;
        assert!(mean.abs().max_element() < 0.05, "{mean}");
        assert!(cloud.colours.iter().all(|c| c.min_element() >= 0.0 && c.max_element() < 1.0));
        assert_eq!(cloud.positions, random_points(4000, centre, half, 7).positions);
        // Runs of earlier versions start from the same points.
        let first = [4_974_472.0, 16_411_337.0, 6_877_073.0].map(|bits: f32| 2.0 * (bits / 16_777_216.0) - 1.0);
        assert_eq!(random_points(1, Vec3::ZERO, Vec3::ONE, 7).positions, [Vec3::from_array(first)]);
        assert_ne!(cloud.positions, random_points(4000, centre, half, 8).positions);
    }
}
