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

/// The linear scales and the harmonics that the integers of [`lcc`] lie between.
const LCC_SCALES: [[f32; 3]; 2] = [[0.001, 0.002, 0.0005], [0.2, 0.25, 0.3]];
const LCC_HARMONICS: [[f32; 3]; 2] = [[-0.5, -0.6, -0.7], [0.7, 0.6, 0.5]];

/// The files of an LCC scene by name, of degree 3 or 0: two units of half of the Gaussians each, and a coarser level of one
/// Gaussian a unit; the last Gaussian is the environment.
pub fn lcc(scene: &Scene) -> Vec<(&'static str, Vec<u8>)> {
    let (n, rich) = (scene.len() - 1, scene.sh_degree == 3);
    let (mut index, mut data, mut shcoef) = (Vec::new(), Vec::new(), Vec::new());
    for (unit, members) in [0..n / 2, n / 2..n].into_iter().enumerate() {
        index.extend([unit as u16, 7].iter().flat_map(|place| place.to_le_bytes()));
        let coarse = members.start..members.start + 1;
        for members in [members, coarse] {
            let count = members.len() as u32;
            index.extend(count.to_le_bytes());
            index.extend((data.len() as u64).to_le_bytes());
            index.extend((32 * count).to_le_bytes());
            members.clone().for_each(|i| data.extend(lcc_record(scene, i)));
            members.for_each(|i| shcoef.extend(lcc_harmonics(scene, i)));
        }
    }
    let mut environment = lcc_record(scene, n);
    environment.extend(if rich { lcc_harmonics(scene, n) } else { Vec::new() });
    let bounds = |name: &str, [min, max]: [[f32; 3]; 2]| serde_json::json!({ "name": name, "min": min, "max": max });
    let meta = serde_json::json!({
        "version": "5.0",
        "totalLevel": 2,
        "totalSplats": n + 2,
        "splats": [n, 2],
        "fileType": if rich { "Quality" } else { "Portable" },
        "attributes": [bounds("scale", LCC_SCALES), bounds("shcoef", LCC_HARMONICS)],
    });
    let mut files = vec![
        ("meta.lcc", meta.to_string().into_bytes()),
        ("index.bin", index),
        ("data.bin", data),
        ("environment.bin", environment),
    ];
    files.extend(rich.then_some(("shcoef.bin", shcoef)));
    files
}

/// An integer of so many bits for a number between two.
fn lcc_integer(v: f32, min: f32, max: f32, bits: u32) -> u32 {
    ((v - min) / (max - min) * ((1_u32 << bits) - 1) as f32).round() as u32
}

fn lcc_record(scene: &Scene, i: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = scene.means[i].to_array().iter().flat_map(|v| v.to_le_bytes()).collect();
    let sh = &scene.sh[i * scene.sh_stride()..];
    bytes.extend(sh[..3].iter().map(|v| ((v * dapple::scene::SH_C0 + 0.5) * 255.0).round() as u8));
    bytes.push((255.0 / (1.0 + (-scene.logits[i]).exp())).round() as u8);
    let scales = scene.log_scales[i].exp().to_array();
    let [low, high] = LCC_SCALES;
    bytes.extend((0..3).flat_map(|k| (lcc_integer(scales[k], low[k], high[k], 16) as u16).to_le_bytes()));
    let [w, x, y, z] = scene.quaternions[i];
    let rotation = glam::Vec4::new(x, y, z, w).normalize().to_array();
    let largest = (0..4).max_by(|&a, &b| rotation[a].abs().total_cmp(&rotation[b].abs())).expect("four");
    let others = (0..4).filter(|&k| k != largest).map(|k| rotation[k] * rotation[largest].signum());
    let bound = std::f32::consts::FRAC_1_SQRT_2;
    let packed = others.enumerate().map(|(place, v)| lcc_integer(v, -bound, bound, 10) << (10 * place));
    bytes.extend((packed.sum::<u32>() | (largest as u32) << 30).to_le_bytes());
    bytes.extend([0; 6]);
    bytes
}

fn lcc_harmonics(scene: &Scene, i: usize) -> Vec<u8> {
    let sh = &scene.sh[i * scene.sh_stride()..][..scene.sh_stride()];
    let [low, high] = LCC_HARMONICS;
    let pack = |rgb: &[f32]| {
        let channel = |k: usize, bits: u32| lcc_integer(rgb[k], low[k], high[k], bits);
        channel(0, 11) | channel(1, 10) << 11 | channel(2, 11) << 21
    };
    let mut bytes: Vec<u8> = sh[3..].chunks_exact(3).flat_map(|rgb| pack(rgb).to_le_bytes()).collect();
    bytes.resize(64, 0);
    bytes
}
