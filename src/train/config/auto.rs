//! The numbers of steps and Gaussians, the degree of spherical harmonics, and the rate of opacities, that a run takes by
//! itself, from what its capture holds.

use super::count::Count;
use super::options::{Config, HIGHEST_DEGREE};

/// What the choice depends on.
#[derive(Clone, Copy, Debug)]
pub struct Material {
    /// Training photos, and the pixels of all of them together.
    pub photos: usize,
    pub pixels: u64,
    /// Different places that the photos were taken from.
    pub places: usize,
    /// Gaussians that the run starts from at least; 0 for random ones.
    pub first: usize,
    /// Whether Gaussians may move.
    pub moving: bool,
}

/// The learning rate of opacities, as logits.
pub const LR_OPACITY: f64 = 0.05;
/// The first such rate where Gaussians start anywhere, before it is raised for a short run: most of them lie in empty space, and
/// have to fade before what is behind them can be learnt.
const LR_OPACITY_RANDOM: f64 = 0.1;
/// The weight of the mean scale in the loss, and that where Gaussians start anywhere: large ones that nothing holds in their
/// place hang as a haze before what is behind them.
pub const SCALE_REGULARISATION: f64 = 0.01;
const SCALE_REGULARISATION_RANDOM: f64 = 0.04;

/// Gaussians for each pixel of a photo, times the square root of the number of photos: more views see more of the scene,
/// but mostly the same of it. Hand-chosen caps of captures from 43 photos of 0.13 megapixels to 190 of 1.1 lie near it.
const GAUSSIANS_A_PIXEL: f64 = 0.12;
/// What small images get at least: they gain from more Gaussians than the rule above gives them.
const FEW: f64 = 10_000.0;
/// Pixels of all photos that there must be for each Gaussian: with fewer the photos between are not predicted.
const PIXELS_A_GAUSSIAN: f64 = 4.0;
/// Room for growth beyond the first Gaussians.
const GROWTH: f64 = 1.5;
/// Range of the cap, unless there are more first Gaussians.
const CAPS: (f64, f64) = (1000.0, 3e6);

/// Steps for each photo.
const STEPS_A_PHOTO: f64 = 150.0;
/// The same beyond the reference run's length, which serves up to some hundreds of photos.
const STEPS_A_FURTHER_PHOTO: f64 = 50.0;
/// The shortest run and, but for captures of very many photos, the longest.
const STEPS: (f64, f64) = (2000.0, 30_000.0);

/// The most Gaussians that a capture is good for: as many as its pixels can determine, and no more than one view's pixels
/// and the number of views suggest.
pub fn cap(material: Material) -> u32 {
    let Material { photos, pixels, first, .. } = material;
    let (photos, pixels) = (photos.max(1) as f64, pixels as f64);
    let seen = GAUSSIANS_A_PIXEL * pixels / photos * photos.sqrt();
    let chosen = seen.max(FEW).min(pixels / PIXELS_A_GAUSSIAN).clamp(CAPS.0, CAPS.1);
    rounded(chosen.max(GROWTH * first as f64))
}

/// The number of steps: each photo is seen 150 times, of very many 50.
pub fn steps(photos: usize) -> u32 {
    let photos = photos as f64;
    let usual = (STEPS_A_PHOTO * photos).clamp(STEPS.0, STEPS.1);
    rounded(usual.max(STEPS_A_FURTHER_PHOTO * photos))
}

/// The highest degree of spherical harmonics with no more coefficients than there are places to see from: more would
/// learn what each photo looks like instead of how the colour changes between them.
pub fn degree(places: usize) -> u32 {
    (1..=HIGHEST_DEGREE).rev().find(|degree| (degree + 1).pow(2) as usize <= places).unwrap_or(0)
}

/// To two digits, upwards.
fn rounded(value: f64) -> u32 {
    let unit = 10f64.powf(value.max(1.0).log10().floor() - 1.0).max(1.0);
    ((value / unit).ceil() * unit) as u32
}

impl Config {
    /// Whether a number is still to be chosen from the capture.
    pub fn has_auto(&self) -> bool {
        self.cap_max == Count::Auto
            || self.steps == Count::Auto
            || self.sh_degree.is_none()
            || self.lr_opacity.is_none()
            || self.scale_regularisation.is_none()
    }

    /// The options with `auto` replaced by numbers, and a line for each that says why.
    pub fn budgeted(&self, material: Material) -> (Self, Vec<String>) {
        let (mut config, mut reasons) = (self.clone(), Vec::new());
        let Material { photos, pixels, places, first, moving } = material;
        if self.cap_max == Count::Auto {
            let cap = cap(material);
            let megapixels = pixels as f64 / photos.max(1) as f64 * 1e-6;
            reasons.push(format!(
                "at most {cap} Gaussians, for {photos} photos of {megapixels:.3} megapixels and {first} first Gaussians; --cap-max N sets another number"
            ));
            config.cap_max = Count::Of(cap);
        }
        if self.steps == Count::Auto {
            let steps = steps(photos);
            reasons.push(format!("{steps} steps, for {photos} photos; --steps N sets another number"));
            config.steps = Count::Of(steps);
        }
        if self.sh_degree.is_none() {
            let degree = degree(places);
            if degree < self.degree() {
                reasons.push(format!(
                    "colours change with the direction by spherical harmonics of degree {degree}, since the photos were taken from {places} places; --sh-degree D sets another degree"
                ));
            }
            config.sh_degree = Some(degree);
        }
        if first == 0 && !moving {
            config.start_anywhere(&mut reasons);
        }
        (config, reasons)
    }

    /// Chooses what is left open where first Gaussians lie anywhere.
    fn start_anywhere(&mut self, reasons: &mut Vec<String>) {
        if self.lr_opacity.is_none() {
            let rate = LR_OPACITY_RANDOM * self.raise();
            reasons.push(format!(
                "opacities are learnt at a rate of {rate:.2} at first, since first Gaussians lie anywhere; --lr-opacity R sets another rate"
            ));
            self.lr_opacity = Some(rate);
            self.lr_opacity_final = self.lr_opacity_final.or(Some(LR_OPACITY));
        }
        if self.scale_regularisation.is_none() {
            let weight = SCALE_REGULARISATION_RANDOM;
            reasons.push(format!(
                "large Gaussians cost more, by a weight of {weight} of scales, since first Gaussians lie anywhere; --scale-regularisation W sets another weight"
            ));
            self.scale_regularisation = Some(weight);
        }
    }

    /// Takes from the options of a run what [`Config::budgeted`] chose at its start, where these leave the choice open.
    pub fn keep_chosen(&mut self, run: &Self) {
        for (open, chosen) in [(&mut self.steps, run.steps), (&mut self.cap_max, run.cap_max)] {
            if *open == Count::Auto {
                *open = chosen;
            }
        }
        self.sh_degree = self.sh_degree.or(run.sh_degree);
        self.lr_opacity = self.lr_opacity.or(run.lr_opacity);
        self.lr_opacity_final = self.lr_opacity_final.or(run.lr_opacity_final);
        self.scale_regularisation = self.scale_regularisation.or(run.scale_regularisation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(photos: usize, side: u64, first: usize) -> Material {
        Material { photos, pixels: photos as u64 * side * side, places: photos, first, moving: false }
    }

    #[test]
    fn the_cap_follows_pixels_views_and_first_points() {
        assert_eq!(cap(capture(12, 64, 720)), 10_000, "scenes/tiny.toml, where a million Gaussians ended at 10 dB");
        assert_eq!(cap(capture(100, 400, 5000)), 200_000);
        assert_eq!(cap(capture(190, 1044, 100_000)), 1_900_000);
        assert_eq!(cap(capture(300, 4000, 100_000)), 3_000_000, "no more than a card holds");
        assert_eq!(cap(capture(12, 64, 9000)), 14_000, "the first points fit, and have room to grow");
        assert_eq!(cap(capture(1, 16, 1)), 1000);
        let of_views = |photos| cap(capture(photos, 300, 0));
        assert!(of_views(10) < of_views(50) && of_views(50) < of_views(400), "more views, more Gaussians");
    }

    #[test]
    fn what_was_chosen_is_kept() {
        let open = Config::default();
        let (chosen, _) = open.budgeted(capture(12, 64, 0));
        assert!(!chosen.has_auto() && chosen.lr_opacity_final.is_some());
        let mut again = open.clone();
        again.keep_chosen(&chosen);
        assert_eq!(again, chosen);
        let mut other = Config { sh_degree: Some(1), cap_max: Count::Of(5), ..open };
        other.keep_chosen(&chosen);
        assert_eq!((other.sh_degree, other.cap_max, other.steps), (Some(1), Count::Of(5), chosen.steps));
    }

    #[test]
    fn the_steps_follow_the_photos() {
        let found = [0, 12, 43, 60, 100, 190, 300, 1000].map(steps);
        assert_eq!(found, [2000, 2000, 6500, 9000, 15_000, 29_000, 30_000, 50_000]);
    }

    #[test]
    fn the_degree_has_no_more_coefficients_than_there_are_places() {
        let found = [0, 1, 3, 4, 8, 9, 15, 16, 1000].map(degree);
        assert_eq!(found, [0, 0, 0, 1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn only_what_is_auto_is_chosen_and_the_reason_is_said() {
        let material = capture(12, 64, 720);
        let given = Config {
            steps: 77.into(),
            cap_max: 99.into(),
            sh_degree: Some(3),
            lr_opacity: Some(0.03),
            scale_regularisation: Some(0.02),
            ..Config::default()
        };
        assert_eq!(given.budgeted(material), (given.clone(), Vec::new()));
        assert!(!given.has_auto() && Config::default().has_auto());
        let (budgeted, reasons) = Config { steps: Count::Of(77), ..Config::default() }.budgeted(material);
        assert_eq!((budgeted.steps, budgeted.cap_max), (Count::Of(77), Count::Of(10_000)));
        assert!(reasons.len() == 2 && reasons[0].contains("12 photos of 0.004 megapixels"), "{reasons:?}");
        assert!(reasons[1].contains("degree 2, since the photos were taken from 12 places"), "{reasons:?}");
        assert_eq!(budgeted.sh_degree, Some(2));
        assert!(reasons[0].contains("720 first Gaussians; --cap-max"), "{reasons:?}");
        assert_eq!(budgeted.lr_opacity, None);
    }

    #[test]
    fn what_starts_anywhere_learns_opacities_faster_and_is_held_smaller() {
        let chosen = |steps, first, moving| {
            let config = Config { steps: Count::Of(steps), cap_max: Count::Of(99), ..Config::default() };
            let (config, reasons) = config.budgeted(Material { moving, ..capture(12, 64, first) });
            assert_eq!(config.lr_opacity_final, config.lr_opacity.map(|_| LR_OPACITY), "it falls to the usual rate");
            assert_eq!(config.lr_opacity.is_some(), reasons.iter().any(|reason| reason.contains("--lr-opacity")));
            assert_eq!(config.scale_regularisation, config.lr_opacity.map(|_| SCALE_REGULARISATION_RANDOM));
            config.lr_opacity
        };
        assert_eq!(chosen(30_000, 0, false), Some(LR_OPACITY_RANDOM));
        assert_eq!(chosen(1875, 0, false), Some(2.0 * LR_OPACITY_RANDOM), "a sixteenth: the fourth root");
        assert_eq!(chosen(1875, 5, false), None);
        assert_eq!(chosen(1875, 0, true), None);
    }
}
