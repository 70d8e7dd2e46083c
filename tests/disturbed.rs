//! Photos with somebody before the scene, and a dark object cut out of its photos: what they cost is won back by masks and
//! by the background that is chosen by default.

use std::sync::Arc;

use dapple::dataset::{Capture, CaptureOptions};
use dapple::train::Config;
use dapple::train::config::{Background, Choice};
use glam::Vec3;

use crate::exposure::{config, make, psnr_over, trained, yard};

/// Held-out PSNR without the disturbance, with it, and with its remedy; the share of the loss that the remedy wins back.
fn won_back(name: &str, [plain, lost, won]: [f64; 3]) {
    let share = (won - lost) / (plain - lost);
    eprintln!("{name}: {plain:.2} dB, disturbed {lost:.2} dB, with the remedy {won:.2} dB: {:.0} %", 100.0 * share);
    assert!(plain - lost > 0.5, "the disturbance costs something");
    assert!(share >= 0.8, "{share:.2} of it is won back");
}

#[test]
fn what_people_before_the_scene_cost_is_won_back_by_masks() {
    let ((_clear, clear), (folder, masked)) = (yard(""), yard("\n[disturb]\npassers = 0.6\n"));
    let without = CaptureOptions { masks: false, strict: true, ..CaptureOptions::default() };
    let unmasked = Arc::new(Capture::open(&folder.path().join("capture"), &without).unwrap());
    let held_out = |capture: &Arc<Capture>| {
        let mut trainer = trained(capture, Config { cap_max: 3000.into(), ..config(Choice::Off) });
        psnr_over(&mut trainer, capture, Vec3::ZERO)
    };
    won_back("passers", [&clear, &unmasked, &masked].map(held_out));
}

#[test]
fn what_a_black_background_costs_a_dark_object_is_won_back() {
    let dark = [("#d8c8a8", "#1a1512"), ("#8a6a48", "#0b0a09"), ("#c02820", "#180a08")];
    let (_folder, capture) = make("tiny.toml", &dark, "");
    // The scores are of the object before white, where all that is not solid shows.
    let held_out = |background: Background| {
        let mut trainer = trained(&capture, Config { background, ..config(Choice::Off) });
        psnr_over(&mut trainer, &capture, Vec3::ONE)
    };
    let (white, black) = (Background::Colour([1.0; 3]), Background::Colour([0.0; 3]));
    won_back("a dark object", [white, black, Background::Auto].map(held_out));
}
