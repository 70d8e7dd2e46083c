//! Scenes and files that tests make.

use dapple::scene::Scene;
use glam::Vec3;

use super::random::Rng;

/// A scene within what all formats hold; positions tell Gaussians apart.
pub fn scene(n: usize, sh_degree: u32) -> Scene {
    let mut rng = Rng::new(n as u64 + u64::from(sh_degree));
    let mut number = || rng.range(-1.0, 1.0) as f32;
    let mut scene = Scene { sh_degree, antialiased: n % 2 == 1, ..Scene::default() };
    for _ in 0..n {
        scene.means.push(Vec3::new(number(), number(), number()) * 4.0);
        scene.quaternions.push([number(), number(), number(), number()]);
        scene.log_scales.push(Vec3::new(number(), number(), number()) * 2.0 - 4.0);
        scene.logits.push(number() * 5.0);
        scene.sh.extend((0..3).map(|_| number() * 1.5));
        let base = number() * 0.3;
        scene.sh.extend((3..scene.sh_stride()).map(|_| base + 0.1 * number()));
    }
    scene
}

/// A `.ksplat` file of the scene, degree 2 at most: one section, of buckets of 100 Gaussians, the last of them partial.
pub fn ksplat(scene: &Scene, level: usize) -> Vec<u8> {
    const CAPACITY: usize = 100;
    let n = scene.len();
    let (full, partial) = (n / CAPACITY, usize::from(!n.is_multiple_of(CAPACITY)));
    let mut bytes = vec![0; 4096 + 1024];
    let mut put = |at: usize, value: u32| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    for (at, value) in [(0, 0x100), (4, 1), (8, 1), (12, n), (16, n), (20, level)] {
        put(at, value as u32);
    }
    let buckets = full + partial;
    for (at, value) in [(0, n), (4, n), (8, CAPACITY), (12, buckets), (24, 32_767), (32, full), (36, partial)] {
        put(4096 + at, value as u32);
    }
    put(4096 + 16, 10.0_f32.to_bits());
    put(4096 + 20, 12);
    put(4096 + 40, scene.sh_degree);
    bytes.extend(((n % CAPACITY) as u32).to_le_bytes().iter().take(4 * partial));
    // All centres are the origin but for a shift along x, which positions must be relative to.
    let centre = |bucket: usize| Vec3::new(0.25 * bucket as f32, 0.0, 0.0);
    (0..buckets).for_each(|bucket| bytes.extend(centre(bucket).to_array().iter().flat_map(|v| v.to_le_bytes())));
    for i in 0..n {
        let norm = scene.quaternions[i].iter().map(|v| v * v).sum::<f32>().sqrt();
        let rotation = scene.quaternions[i].map(|v| v / norm);
        let floats = scene.log_scales[i].exp().to_array().into_iter().chain(rotation);
        let half = |v: f32| half::f16::from_f32(v).to_le_bytes();
        if level == 0 {
            bytes.extend(scene.means[i].to_array().into_iter().chain(floats).flat_map(f32::to_le_bytes));
        } else {
            let steps = ((scene.means[i] - centre(i / CAPACITY)) * (32_767.0 / 5.0)).round() + 32_767.0;
            bytes.extend(steps.to_array().iter().flat_map(|&v| (v as u16).to_le_bytes()));
            bytes.extend(floats.flat_map(half));
        }
        let sh = &scene.sh[i * scene.sh_stride()..][..scene.sh_stride()];
        bytes.extend(sh[..3].iter().map(|v| ((v * dapple::scene::SH_C0 + 0.5) * 255.0).round() as u8));
        bytes.push((255.0 / (1.0 + (-scene.logits[i]).exp())).round() as u8);
        for (start, width) in [(1, 3), (4, 5)].into_iter().take(scene.sh_degree as usize) {
            for (channel, k) in (0..3).flat_map(|channel| (start..start + width).map(move |k| (channel, k))) {
                let value = sh[3 * k + channel];
                match level {
                    0 => bytes.extend(value.to_le_bytes()),
                    1 => bytes.extend(half(value)),
                    _ => bytes.push(((value + 1.5) / 3.0 * 255.0).round() as u8),
                }
            }
        }
    }
    bytes
}
