//! A person's doings in the window, and the pixels that come of them.

use std::path::Path;

use image::RgbImage;

use super::display::{Window, is_possible, wait};
use super::{dapple, difference, picture, scene_in};

/// The crop box's upper end of X, in a window of 900 × 600 whose panel the key has scrolled, and what shows the rest
/// faintly.
const CROP: [(i32, i32); 2] = [(765, 222), (627, 315)];
/// Where the empty screen asks for a path.
const PATH_FIELD: (i32, i32) = (350, 217);

fn rendered(folder: &Path, size: (u32, u32)) -> RgbImage {
    let size = format!("{}x{}", size.0, size.1);
    dapple(folder, &["view", "blobs.ply", "--screenshot", "direct.png", "--size", &size]);
    picture(&folder.join("direct.png"))
}

#[test]
fn a_person_moves_and_looks() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    scene_in(folder.path());
    let mut window = Window::open(folder.path(), &["blobs.ply"]);

    let first = window.settled();
    assert!(difference(&first, &rendered(folder.path(), first.dimensions())) == 0.0, "as without a window");
    window.wait_for(&first);

    window.drag("1", (250, 330), (400, 350));
    let orbited = window.settled();
    assert!(difference(&first, &orbited) > 0.05, "orbiting shows another side");
    window.drag("3", (300, 330), (340, 310));
    let looked = window.settled();
    assert!(difference(&orbited, &looked) > 0.05, "looking around moves the picture");
    window.hold("w", 500);
    let flown = window.settled();
    assert!(difference(&looked, &flown) > 0.05, "flying moves the picture");
    window.scroll(3, false);
    wait("the wheel to back off", || (difference(&flown, &window.settled()) > 0.05).then_some(()));
    window.key("r");
    window.until_equal("the first view, to the bit", &first);

    window.key("2");
    let depth = window.settled();
    assert!(difference(&first, &depth) > 0.05, "depth has other colours");
    window.wait_for(&depth);
    window.key("4");
    let opacity = window.settled();
    assert!(opacity.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]), "opacity is grey");
    window.key("7");
    assert!(difference(&first, &window.settled()) > 0.05, "centres are dots");
    window.key("1");
    window.until_equal("colours again", &first);
    assert!(window.is_alive() && !window.log().contains("warning"), "{}", window.log());
}

#[test]
fn a_person_selects_crops_and_undoes() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    scene_in(folder.path());
    let mut window = Window::open(folder.path(), &["blobs.ply"]);
    let first = window.settled();

    // Select the middle, delete it, and take that back.
    window.key("b");
    window.drag("1", (260, 260), (420, 420));
    let selected = window.settled();
    assert!(difference(&first, &selected) > 0.01, "the selection is coloured");
    window.key("Delete");
    let deleted = window.settled();
    assert!(difference(&selected, &deleted) > 0.01 && difference(&first, &deleted) > 0.01, "a hole is there");
    window.key("ctrl+z");
    window.until_equal("the selection, to the bit", &selected);
    window.key("ctrl+z");
    window.until_equal("the whole scene", &first);
    window.key("ctrl+y");
    window.key("ctrl+y");
    wait("the hole again", || (window.picture() == deleted).then_some(()));
    window.key("ctrl+z");
    window.key("ctrl+z");
    window.key("Escape");
    window.until_equal("the whole scene again", &first);

    // Draw a side of the crop box in, and take that back too.
    let [upper, faint] = CROP;
    window.key("c");
    assert!(window.settled() == first, "the first crop box holds the scene");
    // The panel scrolls there, which the picture does not show.
    std::thread::sleep(std::time::Duration::from_millis(700));
    window.drag("1", upper, (upper.0 - 120, upper.1));
    let cropped = window.settled();
    assert!(difference(&first, &cropped) > 0.05, "what is outside is faint");
    window.click(faint);
    let gone = window.settled();
    assert!(difference(&cropped, &gone) > 0.02 && difference(&first, &gone) > 0.05, "and gone");
    window.key("ctrl+z");
    wait("the box as it was", || (window.picture() == first).then_some(()));
    window.key("c");
    window.until_equal("the scene without a box", &first);
    assert!(window.is_alive() && !window.log().contains("warning"), "{}", window.log());
}

#[test]
fn what_is_broken_is_told_and_wild_resizing_is_borne() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    scene_in(folder.path());
    std::fs::write(folder.path().join("broken.ply"), "ply\nformat binary_little_endian 1.0\nelement vertex 9\n")
        .expect("writes");
    let mut window = Window::open(folder.path(), &["broken.ply"]);
    wait("the error", || window.log().contains("broken.ply").then_some(()));
    assert!(window.is_alive(), "{}", window.log());
    // Another file, by typing its path where the empty screen asks for one.
    window.write(PATH_FIELD, "blobs.ply");
    window.picture();
    for (width, height) in [(300, 200), (899, 599), (64, 64), (700, 90), (480, 320), (900, 600)].repeat(3) {
        window.resize(width, height);
    }
    window.hide();
    assert!(window.is_alive(), "{}", window.log());
    let last = window.settled();
    window.wait_for(&last);
    assert!(difference(&last, &rendered(folder.path(), last.dimensions())) == 0.0, "right after all that");
}
