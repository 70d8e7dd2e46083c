//! The loss's gradient and values on hand-made images.

use dapple::dataset::{Coverage, Photo};
use dapple::gpu::{Gpu, Recorder};
use dapple::train::loss::{LossPass, LossWeights, Target};
use glam::{Vec3, Vec4};

use crate::reference::cases::Rng;
use crate::reference::loss;
use crate::support::gpu;

const WEIGHTS: LossWeights = LossWeights { ssim: 0.2, alpha: 0.3 };

/// A random rendered image (some of it outside 0..=1) and a random picture.
fn images(rng: &mut Rng, width: u32, height: u32, coverage: Coverage) -> (Vec<Vec4>, Photo) {
    let pixels = (width * height) as usize;
    let smooth = |i: usize| 0.5 + 0.3 * (0.05 * i as f64).sin();
    let rendered = (0..pixels)
        .map(|i| {
            let [r, g, b] = rng.normals().map(|v: f64| (smooth(i) + 0.2 * v) as f32);
            Vec4::new(r, g, b, rng.unit() as f32)
        })
        .collect();
    let target = (0..pixels)
        .map(|i| {
            let byte = |v: f64| (255.0 * v.clamp(0.0, 1.0)) as u8;
            let [r, g, b] = rng.normals().map(|v: f64| byte(smooth(i) + 0.2 * v));
            match coverage {
                Coverage::Opaque => [r, g, b, 255],
                Coverage::Mask => [r, g, b, if rng.unit() < 0.7 { 255 } else { 0 }],
                Coverage::Alpha => {
                    let alpha = byte(1.5 * rng.unit() - 0.2);
                    [r, g, b]
                        .map(|v| (u32::from(v) * u32::from(alpha) / 255) as u8)
                        .into_iter()
                        .chain([alpha])
                        .collect::<Vec<_>>()
                        .try_into()
                        .unwrap()
                }
            }
        })
        .collect();
    (rendered, Photo { width, height, pixels: target, coverage })
}

struct Outcome {
    gradient: Vec<Vec4>,
    /// Mean L1 and mean SSIM.
    means: [f64; 2],
}

fn on_device(gpu: &Gpu, pass: &mut LossPass, image: &[Vec4], picture: &Photo, background: Vec3, entry: u32) -> Outcome {
    let target = Target::upload(gpu, picture).unwrap();
    pass.set_target(&target, WEIGHTS, background, entry).unwrap();
    let image = gpu.upload("image", image).unwrap();
    let gradient = gpu.upload("gradient", &vec![Vec4::NAN; image.len()]).unwrap();
    let mut recorder = Recorder::new(gpu, false);
    pass.record(&mut recorder, &target, &image, &gradient);
    recorder.finish().unwrap();
    let kept = pass.history().unwrap()[entry as usize % dapple::train::loss::HISTORY];
    Outcome { gradient: gpu.read(&gradient).unwrap(), means: [f64::from(kept.x), f64::from(kept.y)] }
}

/// The oracle's loss and gradient.
fn by_oracle(image: &[Vec4], picture: &Photo, background: Vec3) -> (loss::Loss<f64>, Vec<[f64; 4]>) {
    let unit = |byte: u8| f64::from(byte) / 255.0;
    let cover: Vec<f64> = picture.pixels.iter().map(|p| unit(p[3])).collect();
    let behind = background.as_dvec3().to_array();
    let rgb: Vec<[f64; 3]> = picture
        .pixels
        .iter()
        .zip(&cover)
        .map(|(p, a)| {
            let through = if picture.coverage == Coverage::Alpha { 1.0 - a } else { 0.0 };
            std::array::from_fn(|ch| unit(p[ch]) + through * behind[ch])
        })
        .collect();
    let target = loss::Target {
        width: picture.width as usize,
        height: picture.height as usize,
        rgb: &rgb,
        mask: (picture.coverage == Coverage::Mask).then_some(&cover[..]),
        alpha: (picture.coverage == Coverage::Alpha).then_some((&cover[..], WEIGHTS.alpha)),
        lambda: WEIGHTS.ssim,
    };
    let colours: Vec<[f64; 3]> = image.iter().map(|p| p.truncate().as_dvec3().to_array()).collect();
    let opacities: Vec<f64> = image.iter().map(|p| 1.0 - f64::from(p.w)).collect();
    let (g_rgb, g_alpha) = loss::gradient(&colours, &opacities, &target);
    let gradient = g_rgb.into_iter().zip(g_alpha).map(|([r, g, b], a)| [r, g, b, a]).collect();
    (loss::loss(&colours, &opacities, &target), gradient)
}

#[test]
fn loss_and_its_gradient_agree() {
    let gpu = gpu();
    let mut pass = LossPass::new(&gpu).unwrap();
    let mut rng = Rng::new(77);
    let (mut worst, mut worst_value, mut entry) = (0.0_f64, 0.0_f64, 250);
    // Without a window, with one, with a few; across the ends of runs of 32 and of 100 outputs along either axis; small
    // ones last, where large ones have left their sums.
    let mut sizes = vec![(1, 1), (5, 7), (10, 40), (11, 11), (12, 11), (12, 12), (33, 47), (64, 65), (100, 101)];
    sizes.extend([(130, 211), (64, 33), (12, 14)]);
    for (width, height) in sizes {
        for coverage in [Coverage::Opaque, Coverage::Alpha, Coverage::Mask] {
            let (image, picture) = images(&mut rng, width, height, coverage);
            let background = Vec3::new(0.2, 0.9, 0.4);
            let got = on_device(&gpu, &mut pass, &image, &picture, background, entry);
            let (value, want) = by_oracle(&image, &picture, background);
            let what = format!("{width} x {height}, {coverage:?}");
            let (mut difference, mut size) = (0.0, 0.0);
            for (g, w) in got.gradient.iter().zip(&want) {
                for lane in 0..4 {
                    difference += (f64::from(g[lane]) - w[lane]).powi(2);
                    size += w[lane].powi(2);
                }
            }
            let error = if size > 0.0 { (difference / size).sqrt() } else { difference };
            assert!(error < 1e-4, "{what}: relative error of the gradient {error:.2e}");
            worst = worst.max(error);
            for (name, got, want) in [("L1", got.means[0], value.l1), ("SSIM", got.means[1], value.ssim)] {
                assert!((got - want).abs() < 1e-5, "{what}: {name} {got}, not {want}");
                worst_value = worst_value.max((got - want).abs());
            }
            entry += 1;
        }
    }
    eprintln!("loss: relative error of the gradient at most {worst:.2e}, of L1 and SSIM {worst_value:.2e} (absolute)");
}
