use std::fs;

use glam::{dvec2, dvec3};

use super::fixtures::{Model, OPTIONS, open, pattern, refusal, save, write};
use crate::dataset::{Capture, CaptureOptions, Distortion, Split};

#[test]
fn binary_and_text_give_the_same_capture() {
    let names = ["b c/2 left.png", "a.png", "b c/1 left.png"];
    let mut model = Model::pinhole(&names);
    model.images[0].3 = 0;
    model.images[0].0 = [0.2, -0.4, 0.6, 0.8, 0.1, -0.2, 0.3];
    let mut captures = Vec::new();
    for (folder, binary) in [("sparse/0", true), ("sparse", false), ("colmap/sparse/0", true), (".", false)] {
        let root = model.capture(folder, binary);
        let capture = open(root.path()).unwrap();
        assert!(capture.warnings.is_empty(), "{:?}", capture.warnings);
        let names: Vec<_> = capture.shots.iter().map(|shot| shot.name.clone()).collect();
        assert_eq!(names, ["a.png", "b c/1 left.png", "b c/2 left.png"]);
        let splits: Vec<_> = capture.shots.iter().map(|shot| shot.split).collect();
        assert_eq!(splits, [Split::Test, Split::Train, Split::Train]);
        let lens = capture.shots[0].camera.lens;
        assert_eq!(
            (lens.focal, lens.principal, lens.width, lens.height),
            (dvec2(20.0, 21.0), dvec2(8.25, 5.5), 16, 12)
        );
        let points = capture.points.as_ref().unwrap();
        assert_eq!(points.positions[0], glam::vec3(0.5, -1.0, 2.0));
        assert_eq!(points.colours[0], glam::vec3(1.0, 0.0, 0.2));
        capture.load(2).unwrap();
        captures.push(capture);
    }
    for other in &captures[1..] {
        let difference = |i: usize| {
            let (a, b) = (captures[0].shots[i].camera.pose, other.shots[i].camera.pose);
            (a.rotation - b.rotation).to_cols_array().iter().map(|v| v.abs()).sum::<f64>()
                + (a.translation - b.translation).length()
        };
        assert!((0..3).all(|i| difference(i) < 1e-12));
        assert_eq!(other.points.as_ref().unwrap().positions, captures[0].points.as_ref().unwrap().positions);
    }
}

#[test]
fn poses_are_world_to_camera() {
    let mut model = Model::pinhole(&["a.png"]);
    // A quarter turn about y, twice as long as a unit quaternion: x of the world becomes −z of the camera.
    let half = 2.0 * std::f64::consts::FRAC_1_SQRT_2;
    model.images[0].0 = [half, 0.0, half, 0.0, 1.0, 2.0, 3.0];
    let capture = open(model.capture("sparse/0", true).path()).unwrap();
    let pose = capture.shots[0].camera.pose;
    let point = pose.rotation * dvec3(2.0, 5.0, 7.0) + pose.translation;
    assert!((point - dvec3(7.0 + 1.0, 5.0 + 2.0, -2.0 + 3.0)).length() < 1e-12, "{point}");
}

#[test]
fn the_sparse_model_alone_finds_its_images() {
    let root = Model::pinhole(&["a.png", "b.png"]).capture("sparse/0", true);
    let capture = open(&root.path().join("sparse/0")).unwrap();
    assert_eq!(capture.shots.len(), 2);
}

#[test]
fn every_lens_model_is_read_or_named() {
    let supported = [
        (0, "SIMPLE_PINHOLE", vec![20.0, 8.0, 6.0], Distortion::None),
        (
            2,
            "SIMPLE_RADIAL",
            vec![20.0, 8.0, 6.0, 0.1],
            Distortion::perspective([0.1, 0.0, 0.0, 0.0], [0.0; 3], [0.0; 2]),
        ),
        (
            3,
            "RADIAL",
            vec![20.0, 8.0, 6.0, 0.1, 0.2],
            Distortion::perspective([0.1, 0.2, 0.0, 0.0], [0.0; 3], [0.0; 2]),
        ),
        (
            6,
            "FULL_OPENCV",
            vec![20.0, 20.0, 8.0, 6.0, 0.1, 0.2, 0.01, 0.02, 0.3, 0.4, 0.5, 0.6],
            Distortion::perspective([0.1, 0.2, 0.3, 0.0], [0.4, 0.5, 0.6], [0.01, 0.02]),
        ),
        (
            5,
            "OPENCV_FISHEYE",
            vec![20.0, 20.0, 8.0, 6.0, 0.1, 0.2, 0.3, 0.4],
            Distortion::fisheye([0.1, 0.2, 0.3, 0.4]),
        ),
        (9, "RADIAL_FISHEYE", vec![20.0, 8.0, 6.0, 0.1, 0.2], Distortion::fisheye([0.1, 0.2, 0.0, 0.0])),
        (7, "FOV", vec![20.0, 20.0, 8.0, 6.0, 0.9], Distortion::Fov { omega: 0.9 }),
    ];
    for (id, name, parameters, expected) in supported {
        let mut model = Model::pinhole(&["a.png"]);
        model.cameras = vec![(7, id, name, [16, 12], parameters)];
        for binary in [true, false] {
            let capture = open(model.capture("sparse/0", binary).path()).unwrap();
            let source = capture.shots[0].source;
            assert_eq!((source.distortion, source.principal), (expected, dvec2(8.0, 6.0)), "{name}");
        }
    }
    let mut model = Model::pinhole(&["a.png"]);
    model.cameras = vec![(7, 99, "MY_LENS", [16, 12], vec![16.0, 12.0])];
    let message = refusal(model.capture("sparse/0", false).path());
    assert!(message.contains("MY_LENS") && message.contains("cameras.txt: line 2"), "{message}");
    assert!(refusal(model.capture("sparse/0", true).path()).contains("camera model 99"));
}

#[test]
fn every_truncation_of_every_file_is_one_clear_line() {
    let model = Model::pinhole(&["a.png", "b.png", "c.png"]);
    let root = model.capture("sparse/0", true);
    for (name, bytes) in model.binary() {
        let path = root.path().join("sparse/0").join(name);
        for length in 0..bytes.len() {
            write(&path, &bytes[..length]);
            let message = refusal(root.path());
            assert!(message.contains(name) && message.contains("byte"), "{length}: {message}");
        }
        write(&path, &bytes);
    }
    open(root.path()).unwrap();
}

#[test]
fn absurd_counts_are_refused_at_once() {
    let model = Model::pinhole(&["a.png"]);
    for (file, offset) in [(0, 0), (1, 0), (2, 0), (1, 8 + 4 + 56 + 4 + 6), (2, 8 + 8 + 24 + 3 + 8)] {
        let root = model.capture("sparse/0", true);
        let (name, mut bytes) = model.binary()[file].clone();
        for claim in [1_u64 << 60, u64::MAX] {
            bytes[offset..offset + 8].copy_from_slice(&claim.to_le_bytes());
            write(&root.path().join("sparse/0").join(name), &bytes);
            let message = refusal(root.path());
            assert!(message.contains(name) && message.contains("damaged"), "{message}");
        }
    }
}

#[test]
fn text_errors_name_their_line() {
    let root = Model::pinhole(&["a.png"]).capture("sparse", false);
    let file = |name: &str| root.path().join("sparse").join(name);
    let good = fs::read_to_string(file("images.txt")).unwrap();
    for (bad, line) in [(good.replace(" 4 7 ", " x 7 "), "line 3"), ("# c\n\n1 2 3\n".into(), "line 3")] {
        write(&file("images.txt"), bad);
        let message = refusal(root.path());
        assert!(message.contains("images.txt") && message.contains(line), "{message}");
    }
    write(&file("images.txt"), good);
    write(&file("cameras.txt"), "7 PINHOLE 16 12 20\n");
    assert!(refusal(root.path()).contains("line 1"));
    write(&file("cameras.txt"), "7 PINHOLE 16 99999999999 20 20 8 6\n");
    assert!(refusal(root.path()).contains("not that of an image"));
}

#[test]
fn images_whose_pose_is_no_rotation_are_left_out() {
    for pose in [[f64::NAN, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0; 7], [1.0, 0.0, 0.0, 0.0, f64::INFINITY, 0.0, 0.0]] {
        let mut model = Model::pinhole(&["a.png", "b.png"]);
        model.images[1].0 = pose;
        let capture = open(model.capture("sparse/0", true).path()).unwrap();
        assert_eq!(capture.shots.len(), 1);
        assert!(capture.warnings[0].contains("images.bin: 1 of 2") && capture.warnings[0].contains("b.png; left out"));
    }
    let mut model = Model::pinhole(&["a.png"]);
    model.images[0].1 = 8;
    assert!(refusal(model.capture("sparse/0", true).path()).contains("camera 8"));
}

#[test]
fn points_that_are_not_finite_are_left_out() {
    let mut model = Model::pinhole(&["a.png"]);
    model.points.push(([f64::NAN, 0.0, 0.0], [0; 3]));
    let capture = open(model.capture("sparse/0", true).path()).unwrap();
    assert_eq!(capture.points.unwrap().positions.len(), 2);
    assert!(capture.warnings[0].contains("1 of 3 points"));
}

#[test]
fn test_file_decides_the_split() {
    let root = Model::pinhole(&["a.png", "b.png", "c.png"]).capture("sparse/0", true);
    write(&root.path().join("sparse/0/test.txt"), "b.png\r\nc\n\n");
    let splits: Vec<_> = open(root.path()).unwrap().shots.iter().map(|shot| shot.split).collect();
    assert_eq!(splits, [Split::Train, Split::Test, Split::Test]);
    write(&root.path().join("sparse/0/test.txt"), "nobody.png\n");
    let capture = open(root.path()).unwrap();
    assert_eq!(capture.shots[0].split, Split::Test, "the usual rule");
    assert!(capture.warnings[0].contains("test.txt"));
}

#[test]
fn reduced_copies_are_used_where_they_suffice() {
    let mut model = Model::pinhole(&["a.png"]);
    model.cameras[0].3 = [163, 120];
    model.cameras[0].4 = vec![200.0, 200.0, 80.0, 60.0];
    let root = model.capture("sparse/0", true);
    save(&root.path().join("images_2/a.png"), pattern(81, 60));
    save(&root.path().join("images_4/a.png"), pattern(41, 30));
    let at = |limit| {
        let capture = Capture::open(root.path(), &CaptureOptions { max_resolution: limit, ..OPTIONS }).unwrap();
        let shot = &capture.shots[0];
        let folder = shot.image.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let photo = capture.load(0).unwrap();
        assert_eq!((photo.width, photo.height), (shot.camera.lens.width, shot.camera.lens.height));
        (folder, shot.camera.lens)
    };
    assert_eq!(at(None).0, "images");
    assert_eq!(at(Some(100)).0, "images");
    let (folder, lens) = at(Some(60));
    assert_eq!((folder.as_str(), lens.width, lens.height), ("images_2", 60, 44));
    // Scaled by the size of the photo over the camera's, not by the folder's nominal factor.
    assert!((lens.focal - dvec2(200.0 * 60.0 / 163.0, 200.0 * 44.0 / 120.0)).length() < 1e-9);
    assert_eq!(at(Some(41)).0, "images_4");
    fs::remove_dir_all(root.path().join("images")).unwrap();
    assert_eq!(at(None).0, "images_2");
}

/// Damage of any kind may be refused or survive, but must not crash, hang or allocate wildly.
#[test]
fn random_damage_never_panics() {
    let model = Model::pinhole(&["a.png", "b.png"]);
    let root = model.capture("sparse/0", true);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let (mut refused, rounds) = (0, 300);
    for _ in 0..rounds {
        let files = model.binary();
        let (name, mut bytes) = files[next() % 3].clone();
        for _ in 0..1 + next() % 3 {
            let at = next() % bytes.len();
            bytes[at] = [0, 0xff, 0x7f, next() as u8][next() % 4];
        }
        write(&root.path().join("sparse/0").join(name), &bytes);
        refused += usize::from(open(root.path()).is_err());
        model.write_model(&root.path().join("sparse/0"), true);
    }
    assert!(refused > rounds / 10 && refused < rounds, "{refused} of {rounds} were refused");
}

/// Pixels of the plane point (0.31, −0.22), as COLMAP 4.2.1 (pycolmap `Camera.img_from_cam`) computes them.
#[test]
fn lens_models_agree_with_colmap() {
    let full_opencv = [150.0, 148.0, 83.0, 58.0, 0.3, 0.05, 0.001, -0.002, 0.01, 0.35, 0.06, 0.01];
    let prism = [150.0, 148.0, 83.0, 58.0, 0.02, -0.01, 0.001, -0.0005, 0.003, 0.0004, 0.001, 0.002];
    let aria = [
        150.0, 148.0, 83.0, 58.0, 0.02, -0.01, 0.003, -0.0005, 0.0002, -0.0001, 0.001, -0.0005, 0.001, 0.002, -0.0015,
        0.0004,
    ];
    let cases: [(&str, &[f64], [f64; 2]); 13] = [
        ("SIMPLE_DIVISION", &[150.0, 83.0, 58.0, -0.2], [128.22863056436893, 25.90226218012527]),
        ("DIVISION", &[150.0, 148.0, 83.0, 58.0, -0.2], [128.22863056436893, 26.330232017723596]),
        ("EUCM", &[150.0, 148.0, 83.0, 58.0, 0.6, 1.1], [127.45815942078085, 26.869727510954316]),
        ("RAD_TAN_THIN_PRISM_FISHEYE", &aria, [127.62715293070715, 26.74473489923977]),
        (
            "OPENCV",
            &[150.0, 148.0, 83.0, 58.0, 0.0578, -0.0805, -0.00098, 0.00016],
            [129.8383442541875, 25.184556325670002],
        ),
        ("FULL_OPENCV", &full_opencv, [129.04990026049626, 25.746198290714872]),
        ("RADIAL", &[150.0, 83.0, 58.0, 0.09, 0.02], [130.1241511325, 24.557054035]),
        ("FOV", &[150.0, 148.0, 83.0, 58.0, 0.9], [130.83737339833525, 24.5035510139829]),
        (
            "OPENCV_FISHEYE",
            &[150.0, 148.0, 83.0, 58.0, 0.02, -0.01, 0.003, -0.0005],
            [127.54624640946798, 26.808047675434885],
        ),
        ("RADIAL_FISHEYE", &[150.0, 83.0, 58.0, 0.02, -0.01], [127.54594682339565, 26.3867474156547]),
        ("THIN_PRISM_FISHEYE", &prism, [127.52430718294082, 26.888929749403147]),
        ("SIMPLE_FISHEYE", &[150.0, 83.0, 58.0], [127.43640873812959, 26.46448412132739]),
        ("FISHEYE", &[150.0, 148.0, 83.0, 58.0], [127.43640873812959, 26.88495766637636]),
    ];
    for (model, parameters, expected) in cases {
        let lens =
            crate::dataset::colmap_model::lens(model, (160, 120), parameters).unwrap().resolve((160, 120)).unwrap();
        let pixel = lens.distort(dvec2(0.31, -0.22)).unwrap();
        assert!((pixel - dvec2(expected[0], expected[1])).length() < 1e-9, "{model}: {pixel} is not {expected:?}");
    }
}
