//! People who walk by while a capture is taken.

use glam::{DVec2, dvec2};

use super::disturb::shuffled;
use super::pattern::mix64;
use super::trace::Pixel;
use crate::camera::Lens;

/// Somebody before the camera: an upright ellipse with a head on it, in one colour.
#[derive(Clone, Copy)]
pub struct Passer {
    /// Middle and half extent of the body, as shares of the image's width and height.
    body: [DVec2; 2],
    colour: [u8; 3],
}

impl Passer {
    /// The passer before each of `count` training images, if any: before `share` of them, in a random order.
    pub fn all(seed: u64, count: usize, share: f64) -> Vec<Option<Self>> {
        let [order, place, width, colour] = [6, 7, 8, 9].map(|stream| mix64(seed ^ 0xd157 << stream));
        let [place, width] = [place, width].map(|stream| shuffled(stream, count));
        let hidden = |order: f64| (order + 1.0) / 2.0 < share;
        let passer = |(i, order): (usize, f64)| {
            let body = [dvec2(0.5 + 0.35 * place[i], 0.68), dvec2(0.12 + 0.03 * width[i], 0.38)];
            let [red, green, blue, ..] = mix64(colour.wrapping_add(i as u64)).to_le_bytes();
            hidden(order).then_some(Self { body, colour: [red, green, blue] })
        };
        shuffled(order, count).into_iter().enumerate().map(passer).collect()
    }

    /// Paints the passer over the pixels of an image, and says of each whether it is clear of the passer and of a rim of
    /// 1.5 pixels, which masks that people draw have too.
    pub fn paint(&self, lens: &Lens, pixels: &mut [Pixel]) -> Vec<bool> {
        let size = dvec2(f64::from(lens.width), f64::from(lens.height));
        let [middle, half] = self.body.map(|share| share * size);
        let head = middle - dvec2(0.0, half.y + 0.6 * half.x);
        let within = |at: DVec2, more: f64| {
            let body = ((at - middle) / (half + more)).length_squared() < 1.0;
            body || (at - head).length() < 0.6 * half.x + more
        };
        let width = lens.width as usize;
        let at = |i: usize| dvec2((i % width) as f64 + 0.5, (i / width) as f64 + 0.5);
        for (i, pixel) in pixels.iter_mut().enumerate().filter(|&(i, _)| within(at(i), 0.0)) {
            // Folds of cloth, so that it is no flat colour.
            let light = 0.75 + 0.25 * (at(i).x * 0.7).sin();
            pixel.colour = [0, 1, 2, 3].map(|k| self.colour.get(k).map_or(255, |&c| (f64::from(c) * light) as u8));
        }
        (0..pixels.len()).map(|i| !within(at(i), 1.5)).collect()
    }
}
