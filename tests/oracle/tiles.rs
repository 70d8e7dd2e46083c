//! Tile sets: the row-interval algorithm against brute force, brute force against sampling.

use crate::reference::cases::{self, Rng};
use crate::reference::gradient::project_all;
use crate::reference::project::{ALPHA_MIN, LOW_PASS};
use crate::reference::tiles::{Ellipse, brute_force, grid, tile_lists, tile_set};

/// A random ellipse on and around a 20 × 15 grid of tiles: from a dot of the low-pass filter's size to wider than the
/// image, round to needle-shaped.
fn random_ellipse(rng: &mut Rng) -> Ellipse {
    let angle = rng.range(0.0, std::f64::consts::PI);
    let [major, minor] = [0, 1].map(|_| rng.range(-2.0, 9.0).exp());
    let (sin, cos) = angle.sin_cos();
    let covariance = [
        major * cos * cos + minor * sin * sin + LOW_PASS,
        (major - minor) * sin * cos,
        major * sin * sin + minor * cos * cos + LOW_PASS,
    ];
    let det = covariance[0] * covariance[2] - covariance[1] * covariance[1];
    let opacity = ALPHA_MIN * (rng.unit() * 5.5).exp();
    Ellipse {
        centre: [rng.range(-80.0, 400.0), rng.range(-60.0, 300.0)],
        conic: [covariance[2] / det, -covariance[1] / det, covariance[0] / det],
        tau: 2.0 * (255.0 * opacity).ln(),
    }
}

#[test]
fn row_intervals_are_the_exact_tile_set() {
    let (mut rng, grid) = (Rng::new(1), [20, 15]);
    let (mut tiles, mut close, mut empty) = (0, 0, 0);
    for _ in 0..20_000 {
        let ellipse = random_ellipse(&mut rng);
        let exact = brute_force(&ellipse, grid);
        if exact.margin < 1e-9 {
            close += 1;
            continue;
        }
        tiles += exact.tiles.len();
        empty += usize::from(exact.tiles.is_empty());
        assert_eq!(tile_set(&ellipse, grid), exact.tiles, "{ellipse:?}");
    }
    assert!(close < 10, "{close} cases left out as too close");
    assert!(tiles > 100_000 && empty > 100, "the cases cover little: {tiles} tiles, {empty} empty sets");
}

/// Dense sampling of the rectangle of pixel centres never beats the minimum, and comes close to it.
#[test]
fn minimum_over_a_tile_is_the_minimum() {
    let mut rng = Rng::new(2);
    for _ in 0..300 {
        let ellipse = random_ellipse(&mut rng);
        let [column, row] = [rng.below(20) as u32, rng.below(15) as u32];
        let minimum = ellipse.minimum(column, row);
        let mut sampled = f64::INFINITY;
        for i in 0..=150 {
            for j in 0..=150 {
                let dx = f64::from(column * 16) + 0.5 + 0.1 * f64::from(i) - ellipse.centre[0];
                let dy = f64::from(row * 16) + 0.5 + 0.1 * f64::from(j) - ellipse.centre[1];
                let [a, b, c] = ellipse.conic;
                sampled = sampled.min(a * dx * dx + 2.0 * b * dx * dy + c * dy * dy);
            }
        }
        assert!(sampled >= minimum - 1e-9 * (1.0 + minimum.abs()), "{sampled} < {minimum}");
        // Half a sample spacing away the root of the quadratic differs by at most |K|^½ · 0.0708.
        let spacing = (ellipse.conic[0] + ellipse.conic[2]).sqrt() * 0.0708;
        assert!(sampled.sqrt() <= minimum.sqrt() + spacing, "{sampled} far above {minimum}");
    }
}

#[test]
fn every_contribution_lies_in_a_listed_tile() {
    for seed in 0..4 {
        let (gaussians, view) = cases::scene(seed, 60, 90, 70);
        let splats = project_all(&gaussians, &view);
        let (lists, grid) = (tile_lists(&splats, &view), grid(view.width, view.height));
        for (tile, list) in lists.iter().enumerate() {
            let depths: Vec<f64> = list.iter().map(|&i| splats[i].expect("visible").depth).collect();
            assert!(depths.is_sorted_by(|a, b| *a as f32 <= *b as f32), "tile {tile} is out of order");
        }
        for (i, splat) in splats.iter().enumerate() {
            let Some(s) = splat else { continue };
            for pixel in 0..view.width * view.height {
                let (row, column) = (pixel / view.width, pixel % view.width);
                let [dx, dy] = [s.centre[0] - f64::from(column) - 0.5, s.centre[1] - f64::from(row) - 0.5];
                let sigma = 0.5 * (s.conic[0] * dx * dx + s.conic[2] * dy * dy) + s.conic[1] * dx * dy;
                if s.opacity * (-sigma).exp() > ALPHA_MIN * (1.0 + 1e-12) {
                    assert!(
                        lists[(row / 16 * grid[0] + column / 16) as usize].contains(&i),
                        "Gaussian {i}, pixel {pixel}"
                    );
                }
            }
        }
    }
}
