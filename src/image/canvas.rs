//! Drawings of pixels: rectangles, lines, dots and numbers, as in the picture of a plan.

use image::{Rgb, RgbImage};

/// The digits 0 to 9 and `x`, five rows of three pixels each, the leftmost in the highest bit.
const GLYPHS: [(char, [u8; 5]); 11] = [
    ('0', [7, 5, 5, 5, 7]),
    ('1', [2, 6, 2, 2, 7]),
    ('2', [7, 1, 7, 4, 7]),
    ('3', [7, 1, 3, 1, 7]),
    ('4', [5, 5, 7, 1, 1]),
    ('5', [7, 4, 7, 1, 7]),
    ('6', [7, 4, 7, 5, 7]),
    ('7', [7, 1, 2, 2, 2]),
    ('8', [7, 5, 7, 5, 7]),
    ('9', [7, 5, 7, 1, 7]),
    ('x', [0, 5, 2, 5, 0]),
];

/// A picture to draw on. Positions are pixels from the top left; what lies outside is not drawn.
pub struct Canvas {
    pub image: RgbImage,
}

impl Canvas {
    /// A picture of one colour.
    pub fn new(width: u32, height: u32, colour: [u8; 3]) -> Self {
        Self { image: RgbImage::from_pixel(width, height, Rgb(colour)) }
    }

    /// Blends a colour over a pixel; `share` is 0 to 1.
    pub fn blend(&mut self, x: i64, y: i64, colour: [u8; 3], share: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if let Some(pixel) = self.image.get_pixel_mut_checked(x, y) {
            let mixed = |i: usize| f32::from(pixel.0[i]) + share * (f32::from(colour[i]) - f32::from(pixel.0[i]));
            pixel.0 = [0, 1, 2].map(|i| mixed(i).round() as u8);
        }
    }

    /// A disc.
    pub fn dot(&mut self, [x, y]: [f64; 2], radius: f64, colour: [u8; 3]) {
        let (left, top, reach) = (x.floor() as i64, y.floor() as i64, radius.ceil() as i64);
        for (i, j) in (-reach..=reach).flat_map(|j| (-reach..=reach).map(move |i| (left + i, top + j))) {
            if (i as f64 + 0.5 - x).hypot(j as f64 + 0.5 - y) <= radius {
                self.blend(i, j, colour, 1.0);
            }
        }
    }

    /// A straight line, a pixel wide.
    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], colour: [u8; 3]) {
        let steps = (to[0] - from[0]).abs().max((to[1] - from[1]).abs()).ceil().max(1.0);
        for k in 0..=steps as i64 {
            let at = [0, 1].map(|i| (from[i] + (to[i] - from[i]) * k as f64 / steps).floor() as i64);
            self.blend(at[0], at[1], colour, 1.0);
        }
    }

    /// The outline of a rectangle between two corners, `width` pixels wide inwards from it.
    pub fn outline(&mut self, [x0, y0]: [f64; 2], [x1, y1]: [f64; 2], width: u32, colour: [u8; 3]) {
        for inset in (0..width).map(f64::from) {
            let (left, right, top, bottom) = (x0 + inset, x1 - inset, y0 + inset, y1 - inset);
            self.line([left, top], [right, top], colour);
            self.line([left, bottom], [right, bottom], colour);
            self.line([left, top], [left, bottom], colour);
            self.line([right, top], [right, bottom], colour);
        }
    }

    /// Digits and `x` from a place on, each pixel of theirs `size` pixels wide; other characters are gaps.
    pub fn digits(&mut self, text: &str, [x, y]: [i64; 2], size: i64, colour: [u8; 3]) {
        for (k, character) in text.chars().enumerate() {
            let rows = GLYPHS.iter().find(|(known, _)| *known == character).map_or([0; 5], |(_, rows)| *rows);
            let lit = (0..5).flat_map(|j| (0..3).map(move |i| (i, j))).filter(|&(i, j)| rows[j] >> (2 - i) & 1 == 1);
            for (i, j) in lit {
                let corner = [x + size * (4 * k as i64 + i as i64), y + size * j as i64];
                for (dx, dy) in (0..size).flat_map(|dy| (0..size).map(move |dx| (dx, dy))) {
                    self.blend(corner[0] + dx, corner[1] + dy, colour, 1.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_lies_where_it_should_and_nothing_outside_matters() {
        let mut canvas = Canvas::new(20, 10, [255; 3]);
        canvas.outline([1.0, 1.0], [18.0, 8.0], 1, [255, 0, 0]);
        canvas.digits("1", [5, 2], 1, [0, 0, 255]);
        canvas.dot([100.0, -50.0], 3.0, [0; 3]);
        let blue = canvas.image.enumerate_pixels().filter(|(_, _, p)| p.0 == [0, 0, 255]);
        assert_eq!(blue.map(|(x, y, _)| (x, y)).collect::<Vec<_>>().len(), 8);
        assert_eq!(canvas.image.get_pixel(6, 2).0, [0, 0, 255], "the top of the one");
        let red = canvas.image.pixels().filter(|p| p.0 == [255, 0, 0]).count();
        assert_eq!(red, 2 * 18 + 2 * 6);
        assert!(canvas.image.pixels().all(|p| p.0 != [0; 3]));
    }
}
