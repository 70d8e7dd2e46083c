//! The real captures, where they are at hand.

use std::collections::HashMap;

use dapple::dataset::{Capture, CaptureOptions, Coverage, Split, flow_io};

use crate::support::files::data;

fn options() -> CaptureOptions {
    CaptureOptions::default()
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

#[test]
fn real_flow_files_agree_with_their_pictures() {
    let Some(kitti) = data("flow/kitti") else { return };
    let flow = flow_io::read(&kitti.join("flow_gt.png")).unwrap();
    assert_eq!((flow.width, flow.height), (1242, 375));
    let known = flow.known.iter().filter(|known| **known).count() as f64 / flow.known.len() as f64;
    let miss = misfit(&flow, &kitti.join("frame1.png"), &kitti.join("frame2.png"));
    eprintln!("kitti: {known:.3} known, pictures differ by {:.2} without and {:.2} with the flow", miss.0, miss.1);
    // The ground truth comes from a laser, which sees the lower part of the picture and not every pixel there.
    assert!(known > 0.1 && known < 0.6 && miss.1 < 0.55 * miss.0, "{known} {miss:?}");

    let Some(crops) = data("flow/mmflow_crops") else { return };
    let flow = flow_io::read(&crops.join("00001_flow.flo")).unwrap();
    let miss = misfit(&flow, &crops.join("00001_img1.ppm"), &crops.join("00001_img2.ppm"));
    eprintln!("crop: pictures differ by {:.2} without and {:.2} with the flow", miss.0, miss.1);
    assert!(miss.1 < 0.65 * miss.0, "{miss:?}");
    // Another pair is nearly still, but has flow both ways and a mask of what is hidden.
    let forward = flow_io::read(&crops.join("0000000-flow_01.flo")).unwrap();
    let back = flow_io::read(&crops.join("0000000-flow_10.flo")).unwrap();
    let hidden = image::open(crops.join("0000000-occ_01.png")).unwrap().into_luma8();
    let seen = (0..2500).filter(|i| hidden.get_pixel(i % 50, i / 50).0[0] == 0).map(|i| i as usize);
    let returned = seen.clone().filter(|&i| {
        let [u, v] = forward.vectors[i];
        let (x, y) = ((i % 50) as f32 + u, (i / 50) as f32 + v);
        let there = y.round().clamp(0.0, 49.0) as usize * 50 + x.round().clamp(0.0, 49.0) as usize;
        (u + back.vectors[there][0]).hypot(v + back.vectors[there][1]) < 0.5
    });
    let share = returned.count() as f64 / seen.count() as f64;
    eprintln!("crop: {share:.4} of what is seen in both leads back");
    assert!(share > 0.98, "{share}");
    // What was read is written again to the same bytes.
    let folder = tempfile::tempdir().unwrap();
    for name in ["0000000-flow_01.flo", "00001_flow.flo"] {
        let path = folder.path().join("again.flo");
        flow_io::write(&path, &flow_io::read(&crops.join(name)).unwrap()).unwrap();
        assert!(std::fs::read(&path).unwrap() == std::fs::read(crops.join(name)).unwrap(), "{name}");
    }
    let one_channel = flow_io::read(&crops.join("0000000-occ_weights_01.pfm")).unwrap_err().to_string();
    assert!(one_channel.contains("one channel"), "{one_channel}");
}

/// Mean absolute difference of two pictures where the flow is known and stays inside: in place, and along the flow.
fn misfit(flow: &flow_io::FlowField, from: &std::path::Path, to: &std::path::Path) -> (f64, f64) {
    let [from, to] = [from, to].map(grey);
    assert_eq!(from.dimensions(), (flow.width, flow.height));
    let (mut still, mut moved, mut count) = (0.0, 0.0, 0.0);
    for (i, [u, v]) in flow.vectors.iter().enumerate().filter(|(i, _)| flow.known[*i]) {
        let (x, y) = (i as u32 % flow.width, i as u32 / flow.width);
        let (x2, y2) = (x as f32 + u, y as f32 + v);
        if x2 < 0.0 || y2 < 0.0 || x2 > (flow.width - 1) as f32 || y2 > (flow.height - 1) as f32 {
            continue;
        }
        let value = |image: &image::GrayImage, x: u32, y: u32| f64::from(image.get_pixel(x, y).0[0]);
        let landed = image::imageops::interpolate_bilinear(&to, x2, y2).expect("inside").0[0];
        still += (value(&from, x, y) - value(&to, x, y)).abs();
        moved += (value(&from, x, y) - f64::from(landed)).abs();
        count += 1.0;
    }
    assert!(count > 100.0);
    (still / count, moved / count)
}

/// A picture's brightness; also of binary PPM, which the image reader under test does not know.
fn grey(path: &std::path::Path) -> image::GrayImage {
    if path.extension().is_none_or(|extension| extension != "ppm") {
        return image::open(path).unwrap().into_luma8();
    }
    let bytes = std::fs::read(path).unwrap();
    let ends: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i].is_ascii_whitespace()).take(4).collect();
    let head = String::from_utf8(bytes[..ends[3]].to_vec()).unwrap();
    let words: Vec<&str> = head.split_whitespace().collect();
    assert_eq!((words[0], words[3]), ("P6", "255"));
    let (width, height) = (words[1].parse().unwrap(), words[2].parse().unwrap());
    let image = image::RgbImage::from_raw(width, height, bytes[ends[3] + 1..].to_vec()).unwrap();
    image::DynamicImage::from(image).into_luma8()
}
