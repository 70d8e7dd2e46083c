//! Optical flow of captures: found, checked, resampled.

use std::path::Path;

use glam::{DVec2, dvec2};
use tempfile::TempDir;

use super::fixtures::{LEVEL, OPTIONS, json_capture, open, write};
use crate::dataset::flow_io::{self, FlowField};
use crate::dataset::{Capture, CaptureOptions, Direction, FlowChoice, Item, PhotoCache, SourceLens, flow_stem};

const INTRINSICS: &str = r#""fl_x": 20, "fl_y": 21, "cx": 8.5, "cy": 6.25, "w": 16, "h": 12,"#;

/// A capture of one camera with `count` frames of 16 × 12 pixels, `images/00.png` and so on.
fn clip(intrinsics: &str, count: usize) -> TempDir {
    let names: Vec<String> = (0..count).map(|i| format!("images/{i:02}.png")).collect();
    let frame = |(i, name): (usize, &String)| {
        format!(r#"{{"file_path": "{name}", "time": {}, "transform_matrix": {LEVEL}}}"#, i as f64 / (count - 1) as f64)
    };
    let frames: Vec<String> = names.iter().enumerate().map(frame).collect();
    let text = format!("{{{intrinsics} \"frames\": [{}]}}", frames.join(","));
    json_capture(&[("transforms.json", text)], &names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn field(width: u32, height: u32, at: impl Fn(f32, f32) -> [f32; 2]) -> FlowField {
    let vectors: Vec<[f32; 2]> =
        (0..width * height).map(|i| at((i % width) as f32 + 0.5, (i / width) as f32 + 0.5)).collect();
    FlowField { width, height, known: vec![true; vectors.len()], vectors }
}

fn save(root: &Path, frame: usize, way: Direction, extension: &str, field: &FlowField) {
    let stem = flow_stem(&root.join("flow"), &format!("images/{frame:02}.png"), way);
    let path = stem.with_extension(format!("{}.{extension}", way.word()));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    flow_io::write(&path, field).unwrap();
}

const FORWARD: Direction = Direction::Forward;
const BACKWARD: Direction = Direction::Backward;

#[test]
fn every_kind_of_file_gives_the_same_field() {
    let root = clip(INTRINSICS, 4);
    let there = |x: f32, y: f32| [0.25 * (x - 0.5), -0.5 - 0.125 * (y - 0.5)];
    let mut wanted = field(16, 12, there);
    wanted.known[5] = false;
    wanted.vectors[5] = [0.0; 2];
    for (frame, extension) in ["flo", "png", "npy"].into_iter().enumerate() {
        save(root.path(), frame, FORWARD, extension, &wanted);
        let path = root.path().join(format!("flow/{frame:02}.fwd.{extension}"));
        assert_eq!(flow_io::read(&path).unwrap(), wanted, "{extension}");
        assert_eq!(flow_io::size(&path).unwrap(), (16, 12));
    }
    let capture = open(root.path()).unwrap();
    assert_eq!(capture.warnings.len(), 1, "{:?}", capture.warnings);
    assert!(
        capture.warnings[0].contains("3 of 6 flow files are missing: images/01.png (bwd)"),
        "{:?}",
        capture.warnings
    );
    for shot in 0..3 {
        let flow = capture.load_flow(shot, FORWARD).unwrap().unwrap();
        assert_eq!((flow.to, &flow.field, &flow.valid), (shot + 1, &wanted.vectors, &wanted.known));
        assert!(capture.load_flow(shot, BACKWARD).unwrap().is_none());
    }
    assert!(capture.load_flow(3, FORWARD).unwrap().is_none());
    // ListedFrame 0 is held out, and what leads to or from it is not trained on.
    assert_eq!(capture.training_flow(), [(1, FORWARD), (2, FORWARD)]);
}

#[test]
fn archives_of_numpy_and_half_floats_are_read() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let header = "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3, 2), }";
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16 + 1).to_le_bytes());
    npy.extend(format!("{header}\n").bytes());
    npy.extend((0..12).flat_map(|i| half::f16::from_f32(i as f32 * 0.5).to_le_bytes()));
    let path = folder.path().join("a.npz");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    archive.start_file("occlusion.npy", options).unwrap();
    archive.write_all(b"something else").unwrap();
    archive.start_file("flow.npy", options).unwrap();
    archive.write_all(&npy).unwrap();
    archive.finish().unwrap();
    assert_eq!(flow_io::size(&path).unwrap(), (3, 2));
    let flow = flow_io::read(&path).unwrap();
    assert_eq!(flow.vectors[4], [4.0, 4.5]);
    // Components first, as networks give them.
    let planar = folder.path().join("b.npy");
    let text = header.replace("(2, 3, 2)", "(2, 2, 3)");
    let planar_bytes = [&npy[..10], text.as_bytes(), b"\n", &npy[10 + header.len() + 1..]].concat();
    write(&planar, &planar_bytes);
    assert_eq!(flow_io::read(&planar).unwrap().vectors[1], [0.5, 3.5]);
    write(&planar, &planar_bytes[..planar_bytes.len() - 1]);
    assert!(flow_io::size(&planar).unwrap_err().to_string().contains("cut short"));
}

#[test]
fn pfm_rows_come_from_below() {
    let folder = tempfile::tempdir().unwrap();
    for (scale, little) in [("-1.0", true), ("1", false)] {
        let mut bytes = format!("PF\n2 2\n{scale}\n").into_bytes();
        for value in [0.0_f32, 1.0, 9.0, 2.0, 3.0, 9.0, 4.0, 5.0, 9.0, 6.0, 7.0, 9.0] {
            bytes.extend(if little { value.to_le_bytes() } else { value.to_be_bytes() });
        }
        let path = folder.path().join("a.pfm");
        write(&path, &bytes);
        let flow = flow_io::read(&path).unwrap();
        assert_eq!(flow.vectors, [[4.0, 5.0], [6.0, 7.0], [0.0, 1.0], [2.0, 3.0]]);
        write(&path, &bytes[..bytes.len() - 2]);
        assert!(flow_io::read(&path).unwrap_err().to_string().contains("cut short"));
    }
}

#[test]
fn occlusion_is_found_by_going_back() {
    let root = clip(INTRINSICS, 2);
    // The left half moves 3 pixels to the right and covers part of the right half, which stays.
    save(root.path(), 0, FORWARD, "flo", &field(16, 12, |x, _| [if x < 8.0 { 3.0 } else { 0.0 }, 0.0]));
    save(root.path(), 1, BACKWARD, "flo", &field(16, 12, |x, _| [if x < 11.0 { -3.0 } else { 0.0 }, 0.0]));
    let capture = open(root.path()).unwrap();
    let flow = capture.load_flow(0, FORWARD).unwrap().unwrap();
    let row: Vec<bool> = flow.valid[..16].to_vec();
    assert_eq!(row, (0..16).map(|x| !(8..11).contains(&x)).collect::<Vec<_>>());
    // Going back, what was uncovered on the left leaves the photo.
    let back = capture.load_flow(1, BACKWARD).unwrap().unwrap();
    assert_eq!(back.valid[..16].to_vec(), (0..16).map(|x| x >= 3).collect::<Vec<_>>());
    assert_eq!(back.to, 0);
    // A mask of what is hidden takes the place of the check.
    let mask = image::GrayImage::from_fn(16, 12, |x, _| image::Luma([if x == 2 { 255 } else { 0 }]));
    mask.save(root.path().join("flow/00.fwd.occ.png")).unwrap();
    let flow = open(root.path()).unwrap().load_flow(0, FORWARD).unwrap().unwrap();
    assert_eq!(flow.valid[..16].to_vec(), (0..16).map(|x| x != 2).collect::<Vec<_>>());
}

#[test]
fn field_and_values_follow_the_size_of_the_photos() {
    let root = clip(INTRINSICS, 2);
    // Flow of twice the images' size: 1.5 of its pixels are 0.75 of the image's, and 0.375 of the halved image's.
    save(root.path(), 0, FORWARD, "flo", &field(32, 24, |x, y| [0.1 * x, 1.5 + 0.05 * y]));
    let whole = open(root.path()).unwrap().load_flow(0, FORWARD).unwrap().unwrap();
    let halved = Capture::open(root.path(), &CaptureOptions { max_resolution: Some(8), ..OPTIONS }).unwrap();
    let half = halved.load_flow(0, FORWARD).unwrap().unwrap();
    assert_eq!((whole.field.len(), half.field.len()), (16 * 12, 8 * 6));
    let close = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).abs() < 1e-5 && (a[1] - b[1]).abs() < 1e-5;
    for (y, row) in whole.field.chunks(16).enumerate() {
        for (x, v) in row.iter().enumerate() {
            let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
            assert!(close(*v, [0.5 * 0.1 * 2.0 * x, 0.5 * (1.5 + 0.05 * 2.0 * y)]), "{v:?} at {x}, {y}");
        }
    }
    for (y, row) in half.field.chunks(8).enumerate() {
        for (x, v) in row.iter().enumerate() {
            let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
            assert!(close(*v, [0.25 * 0.1 * 4.0 * x, 0.25 * (1.5 + 0.05 * 4.0 * y)]), "{v:?} at {x}, {y}");
        }
    }
}

#[test]
fn flow_is_undistorted_with_the_photos() {
    let intrinsics =
        r#""fl_x": 150, "fl_y": 148, "cx": 83, "cy": 58, "w": 160, "h": 120, "k1": 0.09, "k2": 0.02, "p1": 0.001,"#;
    let root = clip(intrinsics, 2);
    for frame in ["00", "01"] {
        image::RgbImage::new(160, 120).save(root.path().join(format!("images/{frame}.png"))).unwrap();
    }
    let source: SourceLens = open(root.path()).unwrap().shots[0].source;
    // In the world of the pinhole everything moves by (0.02, −0.01) on the plane z = 1.
    let motion = dvec2(0.02, -0.01);
    let distorted = field(160, 120, |x, y| {
        let at = dvec2(x.into(), y.into());
        (source.distort(source.undistort(at).unwrap() + motion).unwrap() - at).as_vec2().to_array()
    });
    save(root.path(), 0, FORWARD, "flo", &distorted);
    for limit in [None, Some(80)] {
        let capture = Capture::open(root.path(), &CaptureOptions { max_resolution: limit, ..OPTIONS }).unwrap();
        let expected: DVec2 = motion * capture.shots[1].camera.lens.focal;
        let flow = capture.load_flow(0, FORWARD).unwrap().unwrap();
        assert!(flow.valid.iter().filter(|valid| **valid).count() * 10 > flow.valid.len() * 9);
        for (v, _) in flow.field.iter().zip(&flow.valid).filter(|(_, valid)| **valid) {
            let miss = (dvec2(v[0].into(), v[1].into()) - expected).length();
            assert!(miss < 2e-3, "{v:?} is not {expected}");
        }
    }
}

#[test]
fn unusable_flow_is_named_and_left_out_or_refused() {
    let root = clip(INTRINSICS, 5);
    for frame in 0..4 {
        save(root.path(), frame, FORWARD, "flo", &field(16, 12, |_, _| [1.0, 0.0]));
    }
    save(root.path(), 1, FORWARD, "flo", &field(16, 16, |_, _| [1.0, 0.0]));
    write(&root.path().join("flow/02.fwd.flo"), b"PIEH\x10\0\0\0\x0c\0\0\0cut");
    write(&root.path().join("flow/03.bwd.flo"), b"no flow at all");
    let capture = open(root.path()).unwrap();
    let text = capture.warnings.join("\n");
    for part in [
        "3 of 5 flow files cannot be used",
        "01.fwd.flo (it is 16 x 16, its image 16 x 12)",
        "cut short",
        "03.bwd.flo (it does not start as a .flo file does)",
        "trained without flow",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert_eq!(capture.shots.iter().filter(|shot| shot.flow[0].is_some()).count(), 2);
    let strict = Capture::open(root.path(), &CaptureOptions { strict: true, ..OPTIONS }).unwrap_err().to_string();
    assert!(strict.contains("cannot be used") && !strict.contains('\n'), "{strict}");
    let off = Capture::open(root.path(), &CaptureOptions { flow: FlowChoice::Off, strict: true, ..OPTIONS }).unwrap();
    assert!(off.warnings.is_empty() && off.training_flow().is_empty());

    let elsewhere = |folder: &Path| {
        Capture::open(root.path(), &CaptureOptions { flow: FlowChoice::Folder(folder.into()), ..OPTIONS })
    };
    let error = elsewhere(&root.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("no such folder"), "{error}");
    let error = elsewhere(&root.path().join("images")).unwrap_err().to_string();
    assert!(error.contains("images/00.fwd.flo"), "{error}");
    std::fs::rename(root.path().join("flow"), root.path().join("other")).unwrap();
    assert_eq!(elsewhere(&root.path().join("other")).unwrap().shots[0].flow[0].as_ref().unwrap().to, "images/01.png");
}

#[test]
fn flow_into_a_photo_that_is_gone_is_not_used() {
    let root = clip(INTRINSICS, 3);
    for frame in 0..2 {
        save(root.path(), frame, FORWARD, "flo", &field(16, 12, |_, _| [1.0, 0.0]));
    }
    let mut capture = open(root.path()).unwrap();
    capture.shots.remove(1);
    assert!(capture.load_flow(0, FORWARD).unwrap().is_none(), "and not taken for flow to the frame after it");
}

#[test]
fn flow_shares_the_cache_and_its_budget() {
    let root = clip(INTRINSICS, 4);
    for frame in 0..3 {
        save(root.path(), frame, FORWARD, "flo", &field(16, 12, |x, _| [x + frame as f32, 0.0]));
    }
    let capture = std::sync::Arc::new(open(root.path()).unwrap());
    let pixels = 16 * 12;
    for budget in [0, 13 * pixels, 40 * pixels, 1000 * pixels] {
        let cache = PhotoCache::new(capture.clone(), budget);
        let order: Vec<usize> = (0..40).map(|i| (i * 7 + i / 3) % 4).collect();
        let items: Vec<Item> = order.iter().flat_map(|&i| [Item::Photo(i), Item::Flow(i, FORWARD)]).collect();
        cache.prefetch_items(&items);
        for &shot in &order {
            assert_eq!(*cache.get(shot).unwrap(), capture.load(shot).unwrap());
            let expected = capture.load_flow(shot, FORWARD).unwrap();
            assert_eq!(cache.flow(shot, FORWARD).unwrap().as_deref(), expected.as_ref());
            assert!(cache.bytes() <= budget.max(9 * pixels), "{} of {budget}", cache.bytes());
        }
    }
    std::fs::remove_file(root.path().join("flow/01.fwd.flo")).unwrap();
    let cache = PhotoCache::new(capture, 1000 * pixels);
    let error = format!("{:#}", cache.flow(1, FORWARD).unwrap_err());
    assert!(error.contains("01.fwd.flo"), "{error}");
}
