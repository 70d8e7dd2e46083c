//! Photos and optical flow at fewer pixels, for the coarse part of a run.

use super::capture::{Coverage, Photo};
use super::flow::FlowTarget;
use super::images::Raster;
use super::undistort::shrink;

/// How far displacements within a reduced pixel may lie from their mean, in reduced pixels: beyond, two surfaces meet there.
const FLOW_SPREAD: f32 = 1.0;

impl Photo {
    /// The photo at a size no larger than its own: each pixel is the mean over its area, of the pixels that count.
    /// Where less than half of the area counts, the pixel does not count either.
    pub fn reduced(&self, width: u32, height: u32) -> Self {
        let masked = self.coverage == Coverage::Mask;
        let weighted = |p: &[u8; 4]| if masked && p[3] == 0 { [0; 4] } else { *p };
        let source =
            Raster { width: self.width, height: self.height, pixels: self.pixels.iter().map(weighted).collect() };
        let mut pixels = shrink(&source, width, height).pixels;
        if masked {
            pixels
                .iter_mut()
                .for_each(|p| *p = if p[3] < 128 { [0; 4] } else { [0, 1, 2, 3].map(|k| unweighted(p[k], p[3])) });
        }
        Self { width, height, pixels, coverage: self.coverage }
    }
}

/// The mean colour of the pixels that count, from the mean in which the others are black; `share` of 255 count.
fn unweighted(mean: u8, share: u8) -> u8 {
    ((u32::from(mean) * 255 + u32::from(share) / 2) / u32::from(share)).min(255) as u8
}

impl FlowTarget {
    /// The flow of a photo of `from` pixels (width, height) that is reduced to `to`, in reduced pixels: the mean of what is
    /// known, where that is half of a pixel's area or more and of one surface.
    pub fn reduced(&self, from: (u32, u32), to: (u32, u32)) -> Self {
        let scale = [to.0 as f32 / from.0 as f32, to.1 as f32 / from.1 as f32];
        let mut out = Self { to: self.to, field: Vec::new(), valid: Vec::new() };
        for (x, y) in (0..to.1).flat_map(|y| (0..to.0).map(move |x| (x, y))) {
            let columns = x * from.0 / to.0..((x + 1) * from.0).div_ceil(to.0);
            let rows = y * from.1 / to.1..((y + 1) * from.1).div_ceil(to.1);
            let all = columns.len() * rows.len();
            let inside = rows.flat_map(|row| columns.clone().map(move |column| (row * from.0 + column) as usize));
            let known: Vec<[f32; 2]> = inside
                .filter(|&i| self.valid[i])
                .map(|i| [self.field[i][0] * scale[0], self.field[i][1] * scale[1]])
                .collect();
            let mean = [0, 1].map(|k| known.iter().map(|v| v[k]).sum::<f32>() / known.len().max(1) as f32);
            let together = known.iter().all(|v| (v[0] - mean[0]).hypot(v[1] - mean[1]) <= FLOW_SPREAD);
            let valid = 2 * known.len() >= all && together;
            out.field.push(if valid { mean } else { [0.0; 2] });
            out.valid.push(valid);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(coverage: Coverage, pixels: Vec<[u8; 4]>, width: u32) -> Photo {
        Photo { width, height: pixels.len() as u32 / width, pixels, coverage }
    }

    #[test]
    fn masked_pixels_do_not_leak_into_reduced_ones() {
        let (used, ignored) = ([100, 50, 0, 255], [255, 255, 255, 0]);
        let mixed = photo(Coverage::Mask, vec![used, ignored, ignored, ignored, used, used, ignored, used], 4);
        let reduced = mixed.reduced(2, 1);
        assert_eq!(reduced.pixels[0][3], 255, "three of four pixels count");
        assert!(reduced.pixels[0].iter().zip(used).all(|(a, b)| a.abs_diff(b) <= 1), "{:?}", reduced.pixels);
        assert_eq!(reduced.pixels[1], [0; 4], "one of four");
    }

    #[test]
    fn reduced_flow_is_in_reduced_pixels_and_stops_at_edges() {
        let field =
            vec![[4.0, -2.0], [4.0, -2.0], [4.0, 0.0], [0.0, 0.0], [4.0, -2.0], [0.0, 0.0], [4.0, 0.0], [40.0, 0.0]];
        let valid = vec![true, true, true, false, true, false, true, true];
        let flow = FlowTarget { to: 3, field, valid };
        let reduced = flow.reduced((4, 2), (2, 1));
        assert_eq!((reduced.to, reduced.field, reduced.valid), (3, vec![[2.0, -1.0], [0.0; 2]], vec![true, false]));
    }
}
