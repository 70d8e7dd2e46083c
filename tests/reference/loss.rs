//! Twin of the photometric loss: L1 and SSIM with valid padding, masks and opacity targets (docs/algorithms.md D).

use super::number::Num;

/// Half the window's taps, from the centre outwards: a Gaussian with σ = 1.5, 11 taps.
pub const TAPS: [f64; 6] = [0.26601171, 0.21300553, 0.10936069, 0.03600077, 0.00759876, 0.00102838];
/// Side of the window.
pub const WINDOW: usize = 11;
const C1: f64 = 1e-4;
const C2: f64 = 9e-4;

/// The picture a render is held against. Row-major, `width * height` entries each.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub width: usize,
    pub height: usize,
    pub rgb: &'a [[f64; 3]],
    /// 1 = use the pixel, 0 = ignore it.
    pub mask: Option<&'a [f64]>,
    /// Opacity the render should have, and the weight of mean |A − A*|.
    pub alpha: Option<(&'a [f64], f64)>,
    /// Weight λ of SSIM against L1; counts as 0 for images too small for one window.
    pub lambda: f64,
}

impl Target<'_> {
    /// λ as it counts for this size.
    pub fn effective_lambda(&self) -> f64 {
        if self.width < WINDOW || self.height < WINDOW { 0.0 } else { self.lambda }
    }

    fn mask_at(&self, index: usize) -> f64 {
        self.mask.map_or(1.0, |mask| mask[index])
    }

    /// Pixels in use.
    fn count(&self) -> f64 {
        (0..self.rgb.len()).map(|index| self.mask_at(index)).sum()
    }

    /// One channel of the target, masked.
    fn plane(&self, channel: usize) -> Vec<f64> {
        self.rgb.iter().enumerate().map(|(i, rgb)| rgb[channel] * self.mask_at(i)).collect()
    }
}

/// The loss and its parts.
#[derive(Clone, Copy, Debug)]
pub struct Loss<T> {
    /// (1 − λ) L1 + λ (1 − SSIM) + weight · mean |A − A*|.
    pub total: T,
    /// Mean over masked pixels and channels.
    pub l1: T,
    /// Mean over the valid part of the map; 1 for images too small for one window.
    pub ssim: T,
}

/// Loss of a render with colours `rgb` and opacities `alpha`.
pub fn loss<T: Num>(rgb: &[[T; 3]], alpha: &[T], target: &Target) -> Loss<T> {
    let lambda = target.effective_lambda();
    let per_pixel = 1.0 / target.count().max(1.0);
    let (mut l1, mut ssim, mut off) = (T::zero(), T::one(), T::zero());
    for (index, pixel) in rgb.iter().enumerate() {
        let weight = target.mask_at(index) * per_pixel;
        for ch in 0..3 {
            l1 += pixel[ch].plus(-target.rgb[index][ch]).abs().times(weight / 3.0);
        }
        if let Some((goal, _)) = target.alpha {
            off += alpha[index].plus(-goal[index]).abs().times(weight);
        }
    }
    if lambda > 0.0 {
        ssim = T::zero();
        let valid = ((target.width - 10) * (target.height - 10)) as f64;
        for ch in 0..3 {
            let plane: Vec<T> = rgb.iter().enumerate().map(|(i, p)| p[ch].times(target.mask_at(i))).collect();
            for value in ssim_map(&plane, &target.plane(ch), target.width, target.height) {
                ssim += value.times(1.0 / (3.0 * valid));
            }
        }
    }
    let weight = target.alpha.map_or(0.0, |(_, weight)| weight);
    let total = l1.times(1.0 - lambda) + (T::one() - ssim).times(lambda) + off.times(weight);
    Loss { total, l1, ssim }
}

/// SSIM of one channel, `(width − 10) × (height − 10)`.
pub fn ssim_map<T: Num>(x: &[T], y: &[f64], width: usize, height: usize) -> Vec<T> {
    moments(x, y, width, height).iter().map(|m| m.ssim()).collect()
}

/// The four windowed moments SSIM needs.
#[derive(Clone, Copy, Debug)]
struct Moments<T> {
    mu1: T,
    mu2: f64,
    /// w∗(X² + Y²) and w∗XY.
    squares: T,
    product: T,
}

impl<T: Num> Moments<T> {
    /// A1, A2, B1, B2.
    fn factors(&self) -> [T; 4] {
        let mean_product = self.mu1.times(self.mu2);
        let mean_squares = (self.mu1 * self.mu1).plus(self.mu2 * self.mu2);
        [
            mean_product.times(2.0).plus(C1),
            (self.product - mean_product).times(2.0).plus(C2),
            mean_squares.plus(C1),
            (self.squares - mean_squares).plus(C2),
        ]
    }

    fn ssim(&self) -> T {
        let [a1, a2, b1, b2] = self.factors();
        a1 * a2 / (b1 * b2)
    }
}

fn moments<T: Num>(x: &[T], y: &[f64], width: usize, height: usize) -> Vec<Moments<T>> {
    let squares: Vec<T> = x.iter().zip(y).map(|(&x, &y)| (x * x).plus(y * y)).collect();
    let product: Vec<T> = x.iter().zip(y).map(|(&x, &y)| x.times(y)).collect();
    let (mu1, mu2) = (blur(x, width, height), blur(y, width, height));
    let (squares, product) = (blur(&squares, width, height), blur(&product, width, height));
    (0..mu1.len()).map(|i| Moments { mu1: mu1[i], mu2: mu2[i], squares: squares[i], product: product[i] }).collect()
}

fn tap(index: usize) -> f64 {
    TAPS[index.abs_diff(WINDOW / 2)]
}

/// w∗plane where the window fits: `(width − 10) × (height − 10)`.
pub fn blur<T: Num>(plane: &[T], width: usize, height: usize) -> Vec<T> {
    let inner = width - 10;
    let along: Vec<T> = (0..height * inner)
        .map(|i| (0..WINDOW).fold(T::zero(), |sum, k| sum + plane[i / inner * width + i % inner + k].times(tap(k))))
        .collect();
    (0..(height - 10) * inner)
        .map(|i| (0..WINDOW).fold(T::zero(), |sum, k| sum + along[i + k * inner].times(tap(k))))
        .collect()
}

/// The adjoint of [`blur`]: from the valid map back to `width × height`.
fn blur_adjoint(map: &[f64], width: usize, height: usize) -> Vec<f64> {
    let inner = width - 10;
    let mut plane = vec![0.0; width * height];
    for (i, &value) in map.iter().enumerate() {
        let (row, column) = (i / inner, i % inner);
        for dy in 0..WINDOW {
            for dx in 0..WINDOW {
                plane[(row + dy) * width + column + dx] += value * tap(dy) * tap(dx);
            }
        }
    }
    plane
}

/// Gradient of [`Loss::total`] with respect to colours and opacities, by hand.
pub fn gradient(rgb: &[[f64; 3]], alpha: &[f64], target: &Target) -> (Vec<[f64; 3]>, Vec<f64>) {
    let sign = |v: f64| if v == 0.0 { 0.0 } else { v.signum() };
    let lambda = target.effective_lambda();
    let per_pixel = 1.0 / target.count().max(1.0);
    let mut g_rgb = vec![[0.0; 3]; rgb.len()];
    let mut g_alpha = vec![0.0; rgb.len()];
    for index in 0..rgb.len() {
        let weight = target.mask_at(index) * per_pixel;
        for ch in 0..3 {
            g_rgb[index][ch] = (1.0 - lambda) * sign(rgb[index][ch] - target.rgb[index][ch]) * weight / 3.0;
        }
        if let Some((goal, alpha_weight)) = target.alpha {
            g_alpha[index] = alpha_weight * sign(alpha[index] - goal[index]) * weight;
        }
    }
    if lambda > 0.0 {
        for ch in 0..3 {
            let plane: Vec<f64> = rgb.iter().enumerate().map(|(i, p)| p[ch] * target.mask_at(i)).collect();
            for (index, g) in ssim_gradient(&plane, &target.plane(ch), target).into_iter().enumerate() {
                g_rgb[index][ch] -= lambda * g * target.mask_at(index);
            }
        }
    }
    (g_rgb, g_alpha)
}

/// Gradient of one channel's share of the mean SSIM: g_X = w∗P + 2X·(w∗Q) + Y·(w∗R).
fn ssim_gradient(x: &[f64], y: &[f64], target: &Target) -> Vec<f64> {
    let (width, height) = (target.width, target.height);
    let per_entry = 1.0 / (3.0 * ((width - 10) * (height - 10)) as f64);
    let maps: Vec<[f64; 3]> = moments(x, y, width, height)
        .iter()
        .map(|m| {
            let [a1, a2, b1, b2] = m.factors();
            let s = m.ssim();
            // S/A1 = A2/(B1 B2) and S/A2 = A1/(B1 B2): A2 may vanish.
            let p = 2.0 * m.mu2 * (a2 - a1) / (b1 * b2) + 2.0 * m.mu1 * s * (1.0 / b2 - 1.0 / b1);
            [p, -s / b2, 2.0 * a1 / (b1 * b2)].map(|v| v * per_entry)
        })
        .collect();
    let [p, q, r] = [0, 1, 2].map(|k| blur_adjoint(&maps.iter().map(|m| m[k]).collect::<Vec<_>>(), width, height));
    (0..x.len()).map(|i| p[i] + 2.0 * x[i] * q[i] + y[i] * r[i]).collect()
}
