//! The bytes that a stage has to move at least: what it reads and writes of the buffers, each word once. A stage that
//! moves more (words read again, passes that could be one) reaches a smaller share of the copy's bandwidth.

use crate::model::{GeometryRow, ModelForm, sh_rest};
use crate::render::{SLOT, SplatRow};
use crate::train::moments::moment_vectors;

use super::figures::Counts;

/// Bytes of a word, and of a pixel of four.
const WORD: u64 = 4;
const PIXEL: u64 = 4 * WORD;
/// Passes of 8 bits over the keys of depth and of tiles, each of which reads keys twice and moves keys and values.
const DEPTH_PASSES: u64 = 4;
const TILE_PASSES: u64 = 2;
const PASS: u64 = 5 * WORD;

/// The least bytes of a stage by its name; `None` for one that is not known here.
pub fn least(stage: &str, counts: &Counts) -> Option<u64> {
    let Counts { gaussians, visible, pairs, width, height, sh_degree, packed } = *counts;
    let pixels = u64::from(width) * u64::from(height);
    let (geometry, splat) = (size_of::<GeometryRow>() as u64, size_of::<SplatRow>() as u64);
    let form = ModelForm { packed, ..ModelForm::default() };
    // A block of four Gaussians has no gaps in either form.
    let colour = form.sh_words(4, sh_rest(sh_degree)) as u64 * WORD / 4;
    let moments = moment_vectors(form) as u64 * PIXEL;
    let slot = SLOT as u64 * WORD;
    Some(match stage {
        "project" => gaussians * geometry + visible * (colour + splat),
        "depth sort" => visible * DEPTH_PASSES * PASS,
        "emit pairs" => visible * splat + pairs * 2 * WORD,
        "tile sort" => pairs * TILE_PASSES * PASS,
        "rasterize" => visible * splat + pairs * WORD + pixels * PIXEL,
        // Image and photo in, gradient out.
        "loss" => pixels * (2 * PIXEL + WORD),
        "rasterize backward" => visible * splat + pairs * (WORD + slot) + pixels * 2 * PIXEL,
        // Parameters and moments read and written; of packed colours, those that are seen.
        "update" => pairs * slot + gaussians * 2 * (geometry + moments) + if packed { visible * 2 * colour } else { 0 },
        "update colour" if !packed => gaussians * 6 * colour,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_follow_the_counts() {
        let counts =
            Counts { gaussians: 1000, visible: 600, pairs: 4000, width: 64, height: 32, sh_degree: 1, packed: false };
        assert_eq!(least("update colour", &counts), Some(1000 * 6 * 36));
        assert_eq!(least("update", &counts), Some(4000 * 36 + 1000 * 2 * (64 + 128)));
        let packed = Counts { packed: true, ..counts };
        assert_eq!(least("update", &packed), Some(4000 * 36 + 1000 * 2 * (64 + 96) + 600 * 2 * 20));
        assert_eq!(least("update colour", &packed), None);
        assert_eq!(least("loss", &counts), Some(64 * 32 * 36));
        assert_eq!(least("tile sort", &counts), Some(4000 * 40));
        assert_eq!(least("lunch", &counts), None);
    }
}
