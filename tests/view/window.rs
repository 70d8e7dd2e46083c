//! A person's doings in the window, and the pixels that come of them.

use std::path::Path;

use image::RgbImage;

use super::display::{Window, is_possible};
use super::{dapple, picture, scene_in};

/// Share of the pixels in which two pictures differ.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let differ = a.pixels().zip(b.pixels()).filter(|(a, b)| a != b).count();
    differ as f64 / f64::from(a.width() * a.height())
}

fn rendered(folder: &Path, size: (u32, u32)) -> RgbImage {
    let size = format!("{}x{}", size.0, size.1);
    dapple(folder, &["view", "blobs.ply", "--screenshot", "direct.png", "--size", &size]);
    picture(&folder.join("direct.png"))
}

#[test]
fn a_person_moves_looks_edits_and_saves() {
    if !is_possible() {
        eprintln!("SKIPPED: the window is not tested; Xvfb and xdotool are not installed (tools/setup installs them)");
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    scene_in(folder.path());
    let mut window = Window::open(folder.path(), &["blobs.ply"]);

    let first = window.picture();
    assert!(difference(&first, &rendered(folder.path(), first.dimensions())) == 0.0, "as without a window");
    window.wait_for(&first);

    window.drag("1", (250, 330), (400, 350));
    let orbited = window.picture();
    assert!(difference(&first, &orbited) > 0.05, "orbiting shows another side");
    window.drag("3", (300, 330), (340, 310));
    let looked = window.picture();
    assert!(difference(&orbited, &looked) > 0.05, "looking around moves the picture");
    window.hold("w", 500);
    let flown = window.picture();
    assert!(difference(&looked, &flown) > 0.05, "flying moves the picture");
    window.scroll(3, false);
    std::thread::sleep(std::time::Duration::from_millis(800));
    assert!(difference(&flown, &window.picture()) > 0.05, "the wheel backs off");

    window.key("r");
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert!(window.picture() == first, "back at the first view, to the bit");

    window.key("2");
    let depth = window.picture();
    assert!(difference(&first, &depth) > 0.05, "depth has other colours");
    window.wait_for(&depth);
    window.key("4");
    let opacity = window.picture();
    assert!(opacity.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]), "opacity is grey");
    window.key("7");
    assert!(difference(&first, &window.picture()) > 0.05, "centres are dots");
    window.key("1");

    // Select the middle, delete it, and take that back.
    window.key("b");
    window.drag("1", (260, 260), (420, 420));
    let selected = window.picture();
    assert!(difference(&first, &selected) > 0.01, "the selection is coloured");
    window.key("Delete");
    let deleted = window.picture();
    assert!(difference(&selected, &deleted) > 0.01 && difference(&first, &deleted) > 0.01, "a hole is there");
    window.key("ctrl+z");
    assert!(window.picture() == selected, "undone to the bit");
    window.key("ctrl+z");
    assert!(window.picture() == first, "and once more");
    window.key("ctrl+y");
    window.key("ctrl+y");
    assert!(window.picture() == deleted, "done again");
    window.key("ctrl+z");
    window.key("ctrl+z");
    window.key("Escape");

    window.key("c");
    std::thread::sleep(std::time::Duration::from_millis(300));
    window.key("c");
    assert!(window.picture() == first, "the crop box goes as it came");
    assert!(window.is_alive() && !window.log().contains("warning"), "{}", window.log());
}

#[test]
fn what_is_broken_is_told_and_wild_resizing_is_borne() {
    if !is_possible() {
        eprintln!("SKIPPED: the window is not tested; Xvfb and xdotool are not installed (tools/setup installs them)");
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    scene_in(folder.path());
    std::fs::write(folder.path().join("broken.ply"), "ply\nformat binary_little_endian 1.0\nelement vertex 9\n")
        .expect("writes");
    let mut window = Window::open(folder.path(), &["broken.ply"]);
    let start = std::time::Instant::now();
    while !window.log().contains("broken.ply") {
        assert!(window.is_alive() && start.elapsed().as_secs() < 120, "{}", window.log());
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    // Another file, by typing its path where the empty screen asks for one: below its middle.
    drop(window);
    let mut window = Window::open(folder.path(), &["blobs.ply"]);
    window.picture();
    for (width, height) in [(300, 200), (899, 599), (64, 64), (700, 90), (480, 320), (900, 600)] {
        window.resize(width, height);
    }
    assert!(window.is_alive(), "{}", window.log());
    let last = window.picture();
    assert!(difference(&last, &rendered(folder.path(), last.dimensions())) == 0.0, "right after all that");
}
