//! The loss: SSIM against scikit-image, gradients against duals, masks.

use crate::reference::cases::Rng;
use crate::reference::loss::{Target, gradient, loss};
use crate::reference::number::{Dual, Num};

fn random_image(rng: &mut Rng, pixels: usize) -> Vec<[f64; 3]> {
    (0..pixels).map(|_| std::array::from_fn(|_| rng.unit())).collect()
}

/// scikit-image's `structural_similarity` with Gaussian weights of σ = 1.5 on the same closed-form images.
#[test]
fn ssim_matches_scikit_image() {
    let (width, height) = (31, 23);
    let image = |f: &dyn Fn(f64, f64, f64) -> f64| -> Vec<[f64; 3]> {
        (0..width * height)
            .map(|p| std::array::from_fn(|c| f((p / width) as f64, (p % width) as f64, c as f64)))
            .collect()
    };
    let wave = |i: f64, j: f64, c: f64| (0.7 * i + 1.3 * j * (c + 1.0) * 0.5).sin();
    let x = image(&|i, j, c| 0.5 + 0.4 * wave(i, j, c));
    let y = image(&|i, j, c| 0.5 + 0.2 * (0.6 * i - 1.1 * j * (c + 1.0) * 0.4 + 0.3 * c).cos() + 0.2 * wave(i, j, c));
    let target = Target { width, height, rgb: &y, mask: None, alpha: None, lambda: 0.2 };
    let result = loss(&x, &vec![1.0; x.len()], &target);
    assert!((result.ssim - SCIKIT_IMAGE_SSIM).abs() < 1e-6, "{}", result.ssim);
    let same = loss(&y, &vec![1.0; x.len()], &target);
    assert!(same.l1 == 0.0 && same.total.abs() < 1e-12, "{same:?}");
}

const SCIKIT_IMAGE_SSIM: f64 = 0.6747180296057517;

#[test]
fn loss_gradient_matches_duals() {
    let mut rng = Rng::new(3);
    for (width, height, masked, with_alpha) in [
        (17, 14, false, false),
        (17, 14, true, false),
        (13, 12, false, true),
        (16, 10, true, true),
        (11, 11, false, false),
    ] {
        let pixels = width * height;
        let (x, y) = (random_image(&mut rng, pixels), random_image(&mut rng, pixels));
        let mask: Vec<f64> = (0..pixels).map(|_| if rng.unit() < 0.7 { 1.0 } else { 0.0 }).collect();
        let [alpha, goal]: [Vec<f64>; 2] = [0, 1].map(|_| (0..pixels).map(|_| rng.unit()).collect());
        let target = Target {
            width,
            height,
            rgb: &y,
            mask: masked.then_some(&mask),
            alpha: with_alpha.then_some((&goal, 0.3)),
            lambda: 0.2,
        };
        let (g_rgb, g_alpha) = gradient(&x, &alpha, &target);
        for pixel in (0..pixels).step_by(3) {
            let mut seeded: Vec<[Dual<4>; 3]> = x.iter().map(|p| p.map(Dual::constant)).collect();
            let mut alphas: Vec<Dual<4>> = alpha.iter().map(|&a| Dual::constant(a)).collect();
            seeded[pixel] = std::array::from_fn(|ch| Dual::variable(x[pixel][ch], ch));
            alphas[pixel].slope[3] = 1.0;
            let exact = loss(&seeded, &alphas, &target).total.slope;
            for ch in 0..3 {
                assert!((g_rgb[pixel][ch] - exact[ch]).abs() < 1e-14, "{width}x{height} pixel {pixel}");
            }
            assert!((g_alpha[pixel] - exact[3]).abs() < 1e-14, "{width}x{height} pixel {pixel}, opacity");
        }
    }
}

#[test]
fn masks_and_small_images_change_the_loss_as_stated() {
    let mut rng = Rng::new(4);
    let (x, y) = (random_image(&mut rng, 200), random_image(&mut rng, 200));
    let alpha = vec![0.5; 200];
    let small = Target { width: 20, height: 10, rgb: &y, mask: None, alpha: None, lambda: 0.2 };
    let result = loss(&x, &alpha, &small);
    assert_eq!((result.total, result.ssim), (result.l1, 1.0));

    // Only masked pixels count, and the mean is over them.
    let mut mask = vec![0.0; 200];
    mask[7] = 1.0;
    let masked = loss(&x, &alpha, &Target { mask: Some(&mask), ..small });
    let expected: f64 = (0..3).map(|ch| (x[7][ch] - y[7][ch]).abs()).sum::<f64>() / 3.0;
    assert!((masked.total - expected).abs() < 1e-15);
    let nothing = loss(&x, &alpha, &Target { mask: Some(&[0.0; 200]), ..small });
    assert_eq!(nothing.total, 0.0);

    let goal = vec![0.75; 200];
    let with_alpha = loss(&x, &alpha, &Target { alpha: Some((&goal, 2.0)), ..small });
    assert!((with_alpha.total - result.total - 0.5).abs() < 1e-12);
}
