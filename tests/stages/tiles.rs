//! The (Gaussian, tile) pairs that the GPU emits, against a brute-force test of every tile.

use std::collections::BTreeSet;

use dapple::gpu::Recorder;
use dapple::model::Model;
use dapple::render::{Channel, FrameStatus, RenderOptions, Renderer};
use glam::Vec3;

use crate::reference::cases::{self, Kind, Rng};
use crate::reference::project::{Gaussian, View, project};
use crate::reference::tiles::{Ellipse, brute_force, grid, ordered_lists};
use crate::support::{self, gpu};

const COUNT: usize = 16_500;

/// Every kind, half of them with axes from a third of a pixel to a hundred pixels.
fn random_ellipses(view: &View<f64>) -> Vec<Gaussian<f64>> {
    let mut rng = Rng::new(42);
    let one = |i: usize| {
        let mut g = cases::gaussian(&mut rng, view, Kind::ALL[i % Kind::ALL.len()]);
        if i % 24 < 12 {
            let pixels = |rng: &mut Rng| rng.range((0.3_f64).ln(), (100.0_f64).ln());
            g.log_scale = std::array::from_fn(|_| f64::from((pixels(&mut rng) + (4.0 / view.focal[0]).ln()) as f32));
        }
        g
    };
    (0..COUNT).map(one).collect()
}

/// The tile lists of a rendered frame: Gaussian indices by tile, in order, and the slot of each.
fn emitted(renderer: &Renderer, tiles: usize) -> Vec<Vec<(usize, u32)>> {
    let (gpu, pairs) = (gpu(), renderer.frame().pairs());
    let starts = gpu.read_range(pairs.starts, 0, tiles + 1).unwrap();
    let count = starts[tiles] as usize;
    let slots = gpu.read_range(pairs.slots, 0, count).unwrap();
    let gaussians = gpu.read_range(pairs.slot_gaussians, 0, count).unwrap();
    let list = |tile: usize| {
        let slots = &slots[starts[tile] as usize..starts[tile + 1] as usize];
        slots.iter().map(|&slot| (gaussians[slot as usize] as usize, slot)).collect()
    };
    assert_eq!(starts[0], 0);
    (0..tiles).map(list).collect()
}

#[test]
fn tile_sets_are_exact_ordered_and_slotted() {
    let gpu = gpu();
    let view = cases::view(&mut Rng::new(7), 403, 301);
    let gaussians = random_ellipses(&view);
    let model = Model::upload(&gpu, &cases::host_scene(&gaussians, 0, false)).unwrap();
    let mut renderer = support::training_renderer();
    let options = RenderOptions {
        background: Vec3::ZERO,
        channel: Channel::Color,
        sh_degree: 0,
        antialiased: false,
        near: view.near as f32,
        time: 0.0,
    };
    renderer.render(&model, &cases::camera_of(&view), &options).unwrap();

    let [columns, rows] = grid(view.width, view.height);
    let lists = emitted(&renderer, (columns * rows) as usize);
    let inputs = renderer.frame().buffers();
    let splats = gpu.read_range(inputs.splats, 0, COUNT).unwrap();
    let mut sets = vec![BTreeSet::new(); COUNT];
    let mut slots = BTreeSet::new();
    for (tile, list) in lists.iter().enumerate() {
        for &(i, slot) in list {
            sets[i].insert([tile as u32 % columns, tile as u32 / columns]);
            let own = splats[i].first_slot..splats[i].first_slot + splats[i].slot_count;
            assert!(own.contains(&slot), "slot {slot} is not Gaussian {i}'s");
            assert!(slots.insert(slot), "slot {slot} is taken twice");
        }
    }
    let total: u32 = splats.iter().map(|splat| splat.slot_count).sum();
    assert_eq!((slots.len(), slots.last().copied()), (total as usize, Some(total - 1)), "slots have gaps");
    check_lists(&renderer, &lists, &gaussians, &view);

    // Against the projection of the oracle, and against the very ellipse that the rasterizer evaluates.
    let by_oracle: Vec<_> = gaussians.iter().map(|g| project(g, &view).map(|s| Ellipse::of(&s))).collect();
    let by_splat: Vec<_> = (0..COUNT).map(|i| by_oracle[i].map(|_| ellipse_of(&splats[i]))).collect();
    let by_splat: Vec<_> = by_splat.into_iter().map(Option::flatten).collect();
    compare("the oracle's ellipses", &by_oracle, &sets, [columns, rows], 2e-3);
    compare("the GPU's ellipses", &by_splat, &sets, [columns, rows], 2e-3);
}

/// The ellipse that a splat of the GPU describes; it says nothing where the Gaussian is not visible.
fn ellipse_of(splat: &dapple::render::SplatRow) -> Option<Ellipse> {
    let [r0, r1] = [splat.mean_conic, splat.conic_opacity].map(|row| row.as_dvec4());
    let ellipse = Ellipse { centre: [r0.x, r0.y], conic: [r0.z, r0.w, r1.x], tau: 2.0 * (255.0 * r1.y).ln() };
    (splat.slot_count > 0).then_some(ellipse)
}

/// Tiles within `margin` of the threshold, relative to α's distance from it, may go either way; nothing else may differ.
fn compare(what: &str, ellipses: &[Option<Ellipse>], got: &[BTreeSet<[u32; 2]>], grid: [u32; 2], margin: f64) {
    let (mut tested, mut tiles, mut missed, mut superfluous, mut worst) = (0, 0, 0, 0, 0.0_f64);
    for (i, (ellipse, got)) in ellipses.iter().zip(got).enumerate() {
        let Some(ellipse) = ellipse else { continue };
        let want: BTreeSet<_> = brute_force(ellipse, grid).tiles.into_iter().collect();
        tested += 1;
        tiles += want.len();
        missed += want.difference(got).count();
        superfluous += got.difference(&want).count();
        for &[column, row] in want.symmetric_difference(got) {
            let excess = ellipse.minimum(column, row) - ellipse.tau;
            worst = worst.max(excess.abs());
            assert!(excess.abs() < margin, "{what}: Gaussian {i}, tile {column},{row}, by {excess:+.2e}: {ellipse:?}");
        }
    }
    eprintln!(
        "tiles, {what}: {tested} ellipses, {tiles} tiles, {missed} missed, {superfluous} superfluous, \
         the farthest from the threshold by {worst:.1e}"
    );
    assert_eq!(missed, 0, "{what}");
    assert!(tested >= 10_000, "{what}: only {tested}");
}

/// Compacting, both sorts, both scans and the ranges of tiles leave exactly the lists that one thread would make of the
/// same depths and tiles; and the depths are the oracle's.
fn check_lists(renderer: &Renderer, lists: &[Vec<(usize, u32)>], gaussians: &[Gaussian<f64>], view: &View<f64>) {
    let depths = gpu().read_range(renderer.frame().depths(), 0, gaussians.len()).unwrap();
    let splats = gpu().read_range(renderer.frame().buffers().splats, 0, gaussians.len()).unwrap();
    let bases: Vec<u32> = splats.iter().map(|splat| splat.first_slot).collect();
    let mut touched = vec![Vec::new(); gaussians.len()];
    for (tile, list) in lists.iter().enumerate() {
        list.iter().for_each(|&(i, _)| touched[i].push(tile));
    }
    let (want, want_bases) = ordered_lists(&depths, &touched, lists.len());
    for (tile, (list, want)) in lists.iter().zip(&want).enumerate() {
        assert!(list.iter().map(|(i, _)| i).eq(want), "tile {tile}: {list:?}, not {want:?}");
    }
    for (i, base) in want_bases.iter().enumerate().filter_map(|(i, base)| base.map(|base| (i, base))) {
        let depth = crate::reference::project::to_camera(view, &gaussians[i].mean)[2];
        assert_eq!(bases[i], base, "Gaussian {i}: first slot");
        assert!((f64::from(f32::from_bits(depths[i])) / depth - 1.0).abs() < 1e-6, "Gaussian {i}: depth");
    }
}

/// After an overflow, which only the host can mend, a frame has no pairs and its image nothing but the background.
#[test]
fn a_frame_after_an_overflow_has_no_pairs() {
    let (gaussians, view) = cases::scene(43, 100, 64, 48);
    let model = Model::upload(&gpu(), &cases::host_scene(&gaussians, 3, false)).unwrap();
    let device_view = support::device_view(&view, gaussians.len());
    let mut renderer = support::training_renderer();
    renderer.set_view(&device_view, &model).unwrap();
    let status = renderer.frame().scratch().status;
    let before = gpu().read(status).unwrap()[0];
    gpu().write(status, 0, &[FrameStatus { overflowed: 1, ..before }]);
    let mut recorder = Recorder::new(&gpu(), false);
    renderer.record_forward(&mut recorder, &model, &device_view, Channel::Color);
    recorder.finish().unwrap();
    let starts = gpu().read_range(renderer.frame().pairs().starts, 0, 4 * 3 + 1).unwrap();
    assert_eq!(starts, [0; 4 * 3 + 1]);
    let image = gpu().read_range(renderer.frame().image(), 0, 64 * 48).unwrap();
    let background = Vec3::from_array(view.background.map(|v| v as f32)).extend(1.0);
    assert!(image.iter().all(|pixel| *pixel == background));
    let after = gpu().read(renderer.frame().scratch().status).unwrap()[0];
    assert!(after.needed > 100 && after.steps == before.steps, "{after:?}");
}
