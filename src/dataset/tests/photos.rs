use std::f64::consts::FRAC_PI_2;
use std::path::Path;

use glam::{DMat3, DVec3, dvec3};

use super::fixtures::{Model, OPTIONS, frames, json_capture, open, pattern, refusal, save, write};
use crate::camera::{self, Pose};
use crate::dataset::exif::apple;
use crate::dataset::{Capture, CaptureOptions, Coverage};

/// A capture of one pinhole camera of 16 × 12 pixels without its images.
fn bare(names: &[&str]) -> tempfile::TempDir {
    let root = Model::pinhole(names).capture("sparse/0", true);
    names.iter().for_each(|name| std::fs::remove_file(root.path().join("images").join(name)).unwrap());
    root
}

/// A JPEG of a pattern with an EXIF block.
fn with_exif(path: &Path, (width, height): (u32, u32), block: &[u8]) {
    save(path, pattern(width, height));
    let bytes = std::fs::read(path).unwrap();
    let exif = [b"Exif\0\0", block].concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    write(path, [&bytes[..2], &[0xff, 0xe1], &length, &exif, &bytes[2..]].concat());
}

/// A JPEG of a pattern with an EXIF block that states an orientation.
fn jpeg(path: &Path, size: (u32, u32), orientation: u8) {
    let start = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
    with_exif(path, size, &[&start[..], &[orientation, 0, 0, 0, 0, 0, 0, 0]].concat());
}

/// Photos of a standing phone around an object, in a frame whose up is `up`; the first `stating` state gravity, those of
/// `odd` that of another pose.
fn standing(up: DVec3, stating: usize, odd: usize) -> Capture {
    let side = up.any_orthonormal_vector();
    let mut entries = Vec::new();
    let root = tempfile::tempdir().unwrap();
    for i in 0..8 {
        let angle = f64::from(i as u32);
        let eye = 4.0 * (angle.cos() * side + angle.sin() * up.cross(side)) + 1.5 * up;
        let level = Pose::look_at(eye, DVec3::ZERO, up);
        // The stored image lies on its side.
        let rotation = DMat3::from_rotation_z(-FRAC_PI_2) * level.rotation;
        let pose = Pose { rotation, translation: -(rotation * eye) };
        let down = if i < odd { DVec3::Z } else { rotation * -up };
        let acceleration = if i < stating { [-down.y, -down.x, -down.z] } else { [0.0; 3] };
        with_exif(&root.path().join(format!("images/{i}.jpg")), (16, 12), &apple(acceleration, i % 2 == 0));
        let rows = pose.to_gl_camera_to_world().transpose().to_cols_array_2d();
        entries.push(format!(r#"{{"file_path": "images/{i}.jpg", "transform_matrix": {rows:?}}}"#));
    }
    let text = format!(r#"{{"fl_x": 20, "w": 16, "h": 12, "frames": [{}]}}"#, entries.join(","));
    write(&root.path().join("transforms.json"), text);
    open(root.path()).unwrap()
}

#[test]
fn up_is_what_most_photos_state_by_gravity() {
    let up = dvec3(0.6, 0.0, 0.8);
    for (stating, odd) in [(8, 0), (4, 0)] {
        let capture = standing(up, stating, odd);
        let found = capture.up_by_gravity().expect("stated");
        assert!((found - up).length() < 1e-5, "{found}");
        let by_images = camera::up(&capture.cameras()).unwrap();
        assert!(by_images.dot(up).abs() < 0.5, "the images' own horizontals stand: {by_images}");
        assert!(capture.facts().lines().iter().any(|line| line.starts_with("up is 0.600 ")));
    }
    assert_eq!(standing(up, 3, 0).up_by_gravity(), None, "too few state it");
    assert_eq!(standing(up, 8, 3).up_by_gravity(), None, "they do not agree");
}

#[test]
fn undistorted_photos_pass_untouched() {
    let root = Model::pinhole(&["a.png"]).capture("sparse/0", true);
    let photo = open(root.path()).unwrap().load(0).unwrap();
    let expected: Vec<[u8; 4]> = pattern(16, 12).pixels().map(|p| [p.0[0], p.0[1], p.0[2], 255]).collect();
    assert_eq!((photo.coverage, photo.pixels), (Coverage::Opaque, expected));
}

#[test]
fn missing_images_are_one_warning() {
    let names: Vec<String> = (0..9).map(|i| format!("{i}.png")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let root = Model::pinhole(&names).capture("sparse/0", true);
    (0..7).for_each(|i| std::fs::remove_file(root.path().join(format!("images/{i}.png"))).unwrap());
    let capture = open(root.path()).unwrap();
    assert_eq!(capture.shots.iter().map(|shot| shot.name.as_str()).collect::<Vec<_>>(), ["7.png", "8.png"]);
    assert_eq!(capture.warnings.len(), 1);
    let warning = &capture.warnings[0];
    assert!(warning.contains("7 of 9 images") && warning.contains("0.png, 1.png, 2.png, 3.png, 4.png and 2 more"));
    let strict = Capture::open(root.path(), &CaptureOptions { strict: true, ..OPTIONS });
    assert!(strict.unwrap_err().to_string().contains("7 of 9 images"));
    std::fs::remove_dir_all(root.path().join("images")).unwrap();
    assert!(refusal(root.path()).contains("no image is left"));
}

#[test]
fn broken_images_are_found_at_open_or_named_at_load() {
    let root = Model::pinhole(&["a.png", "b.png", "c.jpg", "d.png"]).capture("sparse/0", true);
    write(&root.path().join("images/a.png"), b"");
    write(&root.path().join("images/b.png"), b"<html>404</html>");
    let jpeg = std::fs::read(root.path().join("images/c.jpg")).unwrap();
    write(&root.path().join("images/c.jpg"), &jpeg[..40]);
    let png = std::fs::read(root.path().join("images/d.png")).unwrap();
    write(&root.path().join("images/d.png"), &png[..png.len() / 2]);
    let capture = open(root.path()).unwrap();
    assert_eq!(capture.shots.len(), 1);
    assert!(capture.warnings[0].contains("3 of 4") && capture.warnings[0].contains("a.png (it is empty)"));
    let message = format!("{:#}", capture.load(0).unwrap_err());
    assert!(message.contains("d.png") && message.contains("cannot decode"), "{message}");
}

#[test]
fn sizes_that_disagree_are_named() {
    let root = Model::pinhole(&["a.png", "b.png"]).capture("sparse/0", true);
    save(&root.path().join("images/b.png"), pattern(16, 16));
    let capture = open(root.path()).unwrap();
    assert_eq!(capture.shots.len(), 1);
    assert!(capture.warnings[0].contains("b.png (the image is 16 x 16, the camera 16 x 12)"), "{:?}", capture.warnings);
    assert!(Capture::open(root.path(), &CaptureOptions { strict: true, ..OPTIONS }).is_err());
    // Changed after it was opened.
    save(&root.path().join("images/a.png"), pattern(8, 6));
    assert!(format!("{:#}", capture.load(0).unwrap_err()).contains("is now 8 x 6"));
}

#[test]
fn exif_turns_only_what_it_makes_agree() {
    let root = bare(&["a.jpg", "b.jpg"]);
    // Stored upright for the camera although EXIF says otherwise: taken as stored.
    jpeg(&root.path().join("images/a.jpg"), (16, 12), 6);
    // Stored on its side: EXIF's quarter turn makes it agree.
    jpeg(&root.path().join("images/b.jpg"), (12, 16), 6);
    let capture = open(root.path()).unwrap();
    assert!(capture.warnings.is_empty(), "{:?}", capture.warnings);
    assert_eq!([0, 1].map(|i| capture.shots[i].orientation), [1, 6]);
    let turned = capture.load(1).unwrap();
    assert_eq!((turned.width, turned.height), (16, 12));
    let stored = image::open(root.path().join("images/b.jpg")).unwrap().to_rgb8();
    // A clockwise quarter turn: the stored bottom-left corner becomes the top-left one.
    assert_eq!(turned.pixels[0][..3], stored.get_pixel(0, 15).0);
    assert_eq!(turned.pixels[15][..3], stored.get_pixel(0, 0).0);
}

#[test]
fn shrinking_averages_area_with_premultiplied_alpha() {
    let root = bare(&["a.png"]);
    let image = image::RgbaImage::from_fn(16, 12, |x, _| {
        // Columns in fours: opaque white, clear red (its colour must not leak), half-clear green, opaque black.
        image::Rgba([[255, 255, 255, 255], [255, 0, 0, 0], [0, 255, 0, 128], [0, 0, 0, 255]][x as usize % 4])
    });
    save(&root.path().join("images/a.png"), image);
    let capture = Capture::open(root.path(), &CaptureOptions { max_resolution: Some(8), ..OPTIONS }).unwrap();
    let photo = capture.load(0).unwrap();
    assert_eq!((photo.width, photo.height, photo.coverage), (8, 6, Coverage::Alpha));
    // (255 + 0) / 2 and (128 + 0) / 2, (128 + 255) / 2, halves up.
    assert_eq!(photo.pixels[..2], [[128, 128, 128, 128], [0, 64, 0, 192]]);
    assert_eq!(capture.shots[0].camera.lens.focal, glam::dvec2(10.0, 10.5));
}

#[test]
fn shrinking_by_a_fraction_keeps_the_mean() {
    let root = Model::pinhole(&["a.png"]).capture("sparse/0", true);
    let capture = Capture::open(root.path(), &CaptureOptions { max_resolution: Some(7), ..OPTIONS }).unwrap();
    let photo = capture.load(0).unwrap();
    assert_eq!((photo.width, photo.height), (7, 5));
    let mean = |values: Vec<u8>| values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
    for c in 0..3 {
        let small = mean(photo.pixels.iter().map(|p| p[c]).collect());
        let large = mean(pattern(16, 12).pixels().map(|p| p.0[c]).collect());
        assert!((small - large).abs() < 0.5, "channel {c}: {small} of {large}");
    }
}

#[test]
fn masks_are_found_by_their_names() {
    let half = image::GrayImage::from_fn(16, 12, |x, _| image::Luma([if x < 8 { 0 } else { 255 }]));
    let places = ["masks/in/a b.png", "masks/in/a b.jpg.png", "masks/in/a b.mask.png", "images/in/a b.jpg.png"];
    for place in places {
        let root = Model::pinhole(&["in/a b.jpg", "in/c.jpg"]).capture("sparse/0", true);
        save(&root.path().join(place), half.clone());
        let capture = open(root.path()).unwrap();
        let photo = capture.load(0).unwrap();
        assert_eq!(photo.coverage, Coverage::Mask, "{place}");
        assert!(photo.pixels.iter().enumerate().all(|(i, p)| p[3] == if i % 16 < 8 { 0 } else { 255 }));
        assert_eq!(capture.load(1).unwrap().coverage, Coverage::Opaque, "a partial set of masks");
    }
}

#[test]
fn named_masks_may_be_smaller_and_win_over_alpha() {
    let text = frames(r#""fl_x": 20,"#, &["a.png", "b.png"], r#""mask_path": "m/a.png","#);
    let root = json_capture(&[("transforms.json", text)], &["b.png"]);
    save(&root.path().join("a.png"), image::RgbaImage::from_pixel(16, 12, image::Rgba([200, 100, 50, 51])));
    let mask = image::GrayImage::from_fn(8, 6, |x, y| image::Luma([if x == 0 && y == 0 { 0 } else { 255 }]));
    save(&root.path().join("m/a.png"), mask);
    let photo = open(root.path()).unwrap().load(0).unwrap();
    assert_eq!(photo.coverage, Coverage::Mask);
    let ignored = photo.pixels.iter().filter(|p| p[3] == 0).count();
    assert_eq!((ignored, photo.pixels[17][3], photo.pixels[2]), (4, 0, [40, 20, 10, 255]));
    // One of another shape is reported, and the images go without.
    save(&root.path().join("m/a.png"), pattern(8, 8));
    let capture = open(root.path()).unwrap();
    assert!(capture.warnings[0].contains("2 of 2 images have a mask") && capture.shots[0].mask.is_none());
    assert_eq!(capture.load(0).unwrap().coverage, Coverage::Alpha);
    assert!(Capture::open(root.path(), &CaptureOptions { strict: true, ..OPTIONS }).is_err());
}
