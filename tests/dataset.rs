//! The real captures, where they are at hand.

use std::collections::HashMap;
use std::path::PathBuf;

use dapple::dataset::{Capture, CaptureOptions, Coverage, Split};

fn options() -> CaptureOptions {
    CaptureOptions::default()
}

/// A path in the folder of real data, or `None`, loudly, where that is not at hand.
fn data(sub: &str) -> Option<PathBuf> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = std::env::var_os("DAPPLE_DATA").map_or_else(default, PathBuf::from).join(sub);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there (set DAPPLE_DATA)", path.display());
        return None;
    }
    Some(path)
}

fn count(capture: &Capture, split: Split) -> usize {
    capture.shots.iter().filter(|shot| shot.split == split).count()
}

#[test]
fn lego_has_its_own_test_set_and_alpha() {
    let Some(path) = data("static/lego_400") else { return };
    let capture = Capture::open(&path, &options()).unwrap();
    assert_eq!((count(&capture, Split::Train), count(&capture, Split::Test)), (100, 50));
    assert!(capture.warnings.is_empty() && capture.points.is_none());
    let shot = capture.shots.iter().position(|shot| shot.name == "train/r_0.png").expect("it is named");
    let picture = capture.load(shot).unwrap();
    assert_eq!((picture.width, picture.height, picture.coverage), (400, 400, Coverage::Alpha));
    assert_eq!(picture.pixels[0], [0; 4], "the corner is empty");
    assert!(picture.pixels.iter().all(|p| p[..3].iter().all(|c| *c <= p[3])), "premultiplied");
    // The bulldozer stands at the origin.
    let (pixel, depth) = capture.shots[shot].camera.project(glam::DVec3::ZERO).expect("in front");
    assert!((pixel - glam::dvec2(200.0, 200.0)).length() < 5.0 && (depth - 4.03).abs() < 0.02, "{pixel} {depth}");
    assert_eq!(picture.pixels[200 * 400 + 200][3], 255);
}

#[test]
fn fox_is_undistorted_and_absent_images_are_named() {
    let Some(path) = data("static/fox_540") else { return };
    let capture = Capture::open(&path, &options()).unwrap();
    assert_eq!((count(&capture, Split::Train), count(&capture, Split::Test)), (43, 7));
    assert!(capture.warnings.is_empty());
    let picture = capture.load(0).unwrap();
    assert_eq!((picture.width, picture.height, picture.coverage), (540, 960, Coverage::Opaque));
    let lens = capture.shots[0].camera.lens;
    assert!((lens.focal.x / 687.76 - 1.0).abs() < 0.05, "{lens:?}");

    let upstream = Capture::open(&path.join("transforms.upstream.json"), &options()).unwrap();
    assert_eq!(upstream.shots.len(), 50);
    assert_eq!(upstream.warnings.len(), 1);
    assert!(upstream.warnings[0].contains("17 of 67 images") && upstream.warnings[0].contains("and 12 more"));
    let strict = CaptureOptions { strict: true, ..options() };
    assert!(Capture::open(&path.join("transforms.upstream.json"), &strict).is_err());
    let small = Capture::open(&path, &CaptureOptions { max_resolution: Some(480), ..options() }).unwrap();
    let picture = small.load(3).unwrap();
    assert_eq!((picture.width, picture.height), (270, 480));
}

#[test]
fn alexander_points_project_into_its_images() {
    let Some(path) = data("static/alexander_colmap") else { return };
    let capture = Capture::open(&path, &options()).unwrap();
    assert_eq!((count(&capture, Split::Train), count(&capture, Split::Test)), (46, 7));
    let points = capture.points.as_ref().expect("COLMAP gives points");
    assert_eq!(points.positions.len(), 14373);
    let (mut inside, mut seen) = (0, vec![false; points.positions.len()]);
    for shot in &capture.shots {
        let size = glam::dvec2(f64::from(shot.camera.lens.width), f64::from(shot.camera.lens.height));
        for (point, seen) in points.positions.iter().zip(&mut seen) {
            let Some((pixel, depth)) = shot.camera.project(point.as_dvec3()) else { continue };
            if pixel.cmpge(glam::DVec2::ZERO).all() && pixel.cmple(size).all() && depth > 0.05 && depth < 100.0 {
                inside += 1;
                *seen = true;
            }
        }
    }
    let share = seen.iter().filter(|seen| **seen).count() as f64 / seen.len() as f64;
    eprintln!("alexander: {share:.4} of the points in some image, {inside} projections inside");
    assert!(share > 0.99, "only {share} of the points are in an image");
    assert_eq!(capture.load(0).unwrap().coverage, Coverage::Opaque);
}

/// COLMAP's own observations, read here without the reader under test: image name → (pixel, point id).
fn observations(path: &std::path::Path) -> HashMap<String, Vec<([f64; 2], u64)>> {
    let bytes = std::fs::read(path).unwrap();
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (mut at, mut images) = (8, HashMap::new());
    for _ in 0..u64_at(0) {
        at += 4 + 7 * 8 + 4;
        let end = at + bytes[at..].iter().position(|b| *b == 0).unwrap();
        let name = String::from_utf8(bytes[at..end].to_vec()).unwrap();
        let count = u64_at(end + 1) as usize;
        at = end + 9;
        let one = |i: usize| {
            let [x, y, id] = [0, 8, 16].map(|offset| u64_at(at + 24 * i + offset));
            ([f64::from_bits(x), f64::from_bits(y)], id)
        };
        images.insert(name, (0..count).map(one).filter(|(_, id)| *id != u64::MAX).collect());
        at += 24 * count;
    }
    images
}

#[test]
fn alexander_points_project_to_where_colmap_saw_them() {
    let Some(path) = data("static/alexander_colmap") else { return };
    let capture = Capture::open(&path, &options()).unwrap();
    let bytes = std::fs::read(path.join("sparse/0/points3D.bin")).unwrap();
    let (mut at, mut ids) = (8, HashMap::new());
    for index in 0..14373_usize {
        ids.insert(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()), index);
        at += 43 + 8 + 8 * u64::from_le_bytes(bytes[at + 43..at + 51].try_into().unwrap()) as usize;
    }
    let points = capture.points.as_ref().unwrap();
    let observations = observations(&path.join("sparse/0/images.bin"));
    let mut errors = Vec::new();
    for shot in &capture.shots {
        let lens = shot.camera.lens;
        for ([x, y], id) in &observations[&shot.name] {
            let ray = shot.source.undistort(glam::dvec2(*x, *y)).expect("COLMAP saw it");
            let seen = ray * lens.focal + lens.principal;
            let (pixel, _) = shot.camera.project(points.positions[ids[id]].as_dvec3()).expect("in front");
            errors.push((pixel - seen).length());
        }
    }
    errors.sort_by(f64::total_cmp);
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
    eprintln!(
        "alexander: {} observations, reprojection mean {mean:.3}, median {median:.3}, worst {worst:.2} px",
        errors.len()
    );
    // COLMAP filters observations beyond 4 pixels.
    assert!(mean < 1.0 && worst < 4.5, "mean {mean}, worst {worst}");
}

#[test]
fn hand_frames_have_times_in_order() {
    let Some(path) = data("dynamic/nrnerf_hand") else { return };
    let capture = Capture::open(&path, &options()).unwrap();
    assert_eq!(capture.shots.len(), 75);
    assert!(capture.shots.is_sorted_by(|a, b| a.time < b.time));
    assert_eq!(capture.shots[0].time, Some(0.0));
    assert!(capture.shots[74].time <= Some(1.0));
    assert!(capture.shots.iter().all(|shot| shot.stream == 0), "one moving camera");
    assert_eq!(capture.load(0).unwrap().pixels.len(), 512 * 384);
}
