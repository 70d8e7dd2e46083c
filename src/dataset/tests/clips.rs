//! Captures in time, as several tools lay them out.

use std::path::Path;

use glam::{DVec3, dvec2, dvec3};
use npyz::WriterBuilder;
use tempfile::TempDir;

use super::fixtures::{LEVEL, OPTIONS, json_capture, open, pattern, refusal, save, write};
use crate::dataset::{Capture, CaptureOptions, Split, Unseen};

const SHARED: &str = r#""fl_x": 20, "fl_y": 21, "cx": 8.5, "cy": 6.25, "w": 16, "h": 12,"#;

fn entry(name: &str, time: &str, x: f64) -> String {
    let matrix = LEVEL.replace("1.5]", &format!("{x}]"));
    format!(r#"{{"file_path": "{name}", {time} "transform_matrix": {matrix}}}"#)
}

fn document(entries: &[String]) -> String {
    format!("{{{SHARED} \"frames\": [{}]}}", entries.join(","))
}

/// (name, time, stream, held out because of) of every shot.
fn facts(capture: &Capture) -> Vec<(&str, f32, usize, Option<Unseen>)> {
    let shots = capture.shots.iter();
    shots.map(|shot| (shot.name.as_str(), shot.time.unwrap(), shot.stream, shot.unseen)).collect()
}

#[test]
fn d_nerf_times_are_divided_by_the_last_of_both_sets() {
    let train = document(&[entry("./train/r_0", "\"time\": 0,", 1.0), entry("./train/r_1", "\"time\": 10,", 2.0)]);
    let test = document(&[entry("./test/r_0", "\"time\": 20,", 3.0)]);
    let files = [("transforms_train.json", train), ("transforms_test.json", test)];
    let root = json_capture(&files, &["train/r_0.png", "train/r_1.png", "test/r_0.png"]);
    let capture = open(root.path()).unwrap();
    let expected = [
        ("test/r_0.png", 1.0, 0, Some(Unseen::Camera)),
        ("train/r_0.png", 0.0, 1, None),
        ("train/r_1.png", 0.5, 1, None),
    ];
    assert_eq!(facts(&capture), expected);
    assert_eq!(capture.neighbours(), [[None, None], [Some(2), None], [None, Some(1)]]);
}

#[test]
fn one_time_or_none_is_a_static_capture() {
    for time in ["", "\"time\": 0.5,"] {
        let text = document(&[entry("a.png", time, 1.0), entry("b.png", time, 2.0)]);
        let capture = open(json_capture(&[("transforms.json", text)], &["a.png", "b.png"]).path()).unwrap();
        assert!(capture.shots.iter().all(|shot| shot.time.is_none() && shot.unseen.is_none()));
        assert_eq!(capture.shots[0].split, Split::Test);
        assert!(capture.neighbours().iter().flatten().all(Option::is_none));
    }
    let text =
        document(&[entry("a.png", "\"time\": 1,", 1.0), entry("b.png", "", 2.0), entry("c.png", "\"time\": 2,", 2.0)]);
    let message = refusal(json_capture(&[("transforms.json", text)], &["a.png", "b.png", "c.png"]).path());
    assert!(message.contains("\"b.png\" has no time"), "{message}");
}

#[test]
fn every_nth_time_of_one_camera_is_held_out_in_the_order_of_time() {
    // A clock's own zero, and names that do not follow the times.
    let names: Vec<String> = (0..10).map(|i| format!("{}.png", (i * 3) % 10)).collect();
    let entries: Vec<String> =
        names.iter().enumerate().map(|(i, name)| entry(name, &format!("\"time\": {},", 1000 + i), i as f64)).collect();
    let root =
        json_capture(&[("transforms.json", document(&entries))], &names.iter().map(String::as_str).collect::<Vec<_>>());
    let capture = Capture::open(root.path(), &CaptureOptions { test_every: 4, ..OPTIONS }).unwrap();
    assert_eq!(capture.warnings.len(), 1);
    assert!(
        capture.warnings[0].contains("times do not ascend with the names (first at \"2.png\")"),
        "{:?}",
        capture.warnings
    );
    for (i, name) in names.iter().enumerate() {
        let index = capture.shots.iter().position(|shot| shot.name == *name).unwrap();
        let shot = &capture.shots[index];
        assert!((shot.time.unwrap() - i as f32 / 9.0).abs() < 1e-6);
        assert_eq!(shot.unseen, (i % 4 == 0).then_some(Unseen::Time), "{name}");
        let next = names.get(i + 1).map(|next| capture.shots.iter().position(|shot| shot.name == *next).unwrap());
        assert_eq!(capture.neighbours()[index][0], next);
    }
}

#[test]
fn cameras_are_told_apart_by_folder_or_by_pose() {
    let names = ["a/0.png", "a/1.png", "b/0.png", "b/1.png"];
    let entries = |x: [f64; 4]| -> Vec<String> {
        let time = |i: usize| format!("\"time\": {},", i % 2);
        (0..4).map(|i| entry(names[i], &time(i), x[i])).collect()
    };
    let root = json_capture(&[("transforms.json", document(&entries([0.0, 1.0, 2.0, 3.0])))], &names);
    assert_eq!(facts(&open(root.path()).unwrap()).iter().map(|f| f.2).collect::<Vec<_>>(), [0, 0, 1, 1]);

    // One folder of all: fixed cameras have poses of their own.
    let flat = ["0.png", "1.png", "2.png", "3.png"];
    let shuffled = |x: [f64; 4]| {
        let entries: Vec<String> = (0..4).map(|i| entry(flat[i], &format!("\"time\": {},", i / 2), x[i])).collect();
        open(json_capture(&[("transforms.json", document(&entries))], &flat).path()).unwrap()
    };
    let fixed = shuffled([5.0, 6.0, 5.0, 6.0]);
    assert_eq!(facts(&fixed).iter().map(|f| f.2).collect::<Vec<_>>(), [0, 1, 0, 1]);
    assert!(fixed.warnings.is_empty());
    let moving = shuffled([5.0, 5.0, 7.0, 8.0]);
    assert!(moving.warnings[0].contains("cannot be told apart"), "{:?}", moving.warnings);
    assert!(moving.neighbours().iter().flatten().all(Option::is_none));
    assert_eq!(facts(&moving).iter().map(|f| f.2).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

/// Writes `poses_bounds.npy` with a camera at each of the places, looking along the world's z axis, y down.
fn poses_bounds(path: &Path, places: &[DVec3], columns: u64) {
    let mut bytes = Vec::new();
    let shape = [places.len() as u64, columns];
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd().unwrap();
    for p in places {
        // Rows of [down, right, back, position, (height, width, focal length)], then near and far.
        let row = [0.0, 1.0, 0.0, p.x, 24.0, 1.0, 0.0, 0.0, p.y, 32.0, 0.0, 0.0, -1.0, p.z, 40.0, 0.1, 9.0];
        writer.extend(row[..columns as usize].iter().copied()).unwrap();
    }
    writer.finish().unwrap();
    write(path, bytes);
}

/// Cameras `cam00`, … with the given numbers of frames.
fn n3dv(counts: &[usize], inner: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let places: Vec<DVec3> = (0..counts.len()).map(|i| dvec3(i as f64, 2.0, 3.0)).collect();
    poses_bounds(&root.path().join("poses_bounds.npy"), &places, 17);
    for (camera, count) in counts.iter().enumerate() {
        for frame in 0..*count {
            save(&root.path().join(format!("cam{camera:02}{inner}/{frame:04}.png")), pattern(16, 12));
        }
    }
    root
}

#[test]
fn neural_3d_video_is_read_from_folders_of_frames() {
    for inner in ["", "/images"] {
        let root = n3dv(&[3, 3, 3, 3], inner);
        let capture = open(root.path()).unwrap();
        assert!(capture.warnings.is_empty(), "{:?}", capture.warnings);
        assert_eq!(capture.shots.len(), 12);
        for (i, (name, time, stream, unseen)) in facts(&capture).into_iter().enumerate() {
            assert_eq!((name, stream), (format!("cam{:02}/{:04}.png", i / 3, i % 3).as_str(), i / 3));
            assert_eq!((time, unseen), ((i % 3) as f32 / 2.0, (i < 3).then_some(Unseen::Camera)), "cam00 is held out");
        }
        let camera = capture.shots[4].camera;
        assert!((camera.pose.centre() - dvec3(1.0, 2.0, 3.0)).length() < 1e-12);
        // The lens is of 32 x 24 pixels, the frames are half as large.
        assert_eq!(camera.lens.focal, dvec2(20.0, 20.0));
        let (pixel, depth) = camera.project(dvec3(1.4, 2.2, 5.0)).unwrap();
        assert!((pixel - dvec2(8.0 + 4.0, 6.0 + 2.0)).length() < 1e-9 && (depth - 2.0).abs() < 1e-12, "{pixel}");
    }
}

#[test]
fn few_cameras_hold_out_moments_of_all() {
    let capture = Capture::open(n3dv(&[5, 5], "").path(), &CaptureOptions { test_every: 3, ..OPTIONS }).unwrap();
    let held: Vec<&str> = facts(&capture).iter().filter(|f| f.3 == Some(Unseen::Time)).map(|f| f.0).collect();
    assert_eq!(held, ["cam00/0000.png", "cam00/0003.png", "cam01/0000.png", "cam01/0003.png"]);
}

#[test]
fn cameras_of_different_lengths_keep_their_times() {
    let root = n3dv(&[4, 5, 5, 5], "");
    std::fs::remove_file(root.path().join("cam02/0001.png")).unwrap();
    let capture = open(root.path()).unwrap();
    assert_eq!(capture.warnings.len(), 1);
    assert!(
        capture.warnings[0].contains("different numbers of frames (\"cam00\" 4, \"cam03\" 5)"),
        "{:?}",
        capture.warnings
    );
    let of = |name: &str| capture.shots.iter().find(|shot| shot.name == name).unwrap().time.unwrap();
    assert_eq!((of("cam00/0003.png"), of("cam02/0002.png"), of("cam03/0004.png")), (0.75, 0.5, 1.0));
}

#[test]
fn bad_poses_are_named() {
    let root = n3dv(&[2, 2, 2], "");
    let file = root.path().join("poses_bounds.npy");
    poses_bounds(&file, &[DVec3::ZERO; 2], 17);
    let message = refusal(root.path());
    assert!(message.contains("2 poses, but there are 3 cameras") && message.contains("cam02"), "{message}");
    poses_bounds(&file, &[DVec3::ZERO; 3], 16);
    assert!(refusal(root.path()).contains("[cameras, 17]"));
    poses_bounds(&file, &[DVec3::ZERO, DVec3::NAN, DVec3::ZERO], 17);
    assert!(refusal(root.path()).contains("the pose of cam01"));
    let bytes = std::fs::read(&file).unwrap();
    write(&file, &bytes[..bytes.len() - 9]);
    assert!(refusal(root.path()).contains("cut short"));
}

#[test]
fn a_static_capture_of_llff_is_its_images() {
    let root = tempfile::tempdir().unwrap();
    poses_bounds(&root.path().join("poses_bounds.npy"), &[DVec3::ZERO, DVec3::X], 17);
    for name in ["a.png", "b.png"] {
        save(&root.path().join("images").join(name), pattern(16, 12));
    }
    let capture = open(root.path()).unwrap();
    assert!(capture.shots.iter().all(|shot| shot.time.is_none()));
    assert_eq!(capture.shots[1].camera.pose.centre(), DVec3::X);
}

#[test]
fn an_entry_may_be_a_folder_of_frames() {
    let text = document(&[entry("left", "", 1.0), entry("right", "", 2.0)]);
    let root = json_capture(&[("transforms.json", text)], &["left/8.png", "left/9.png", "right/8.png", "right/9.png"]);
    let capture = open(root.path()).unwrap();
    let names: Vec<_> = facts(&capture).into_iter().map(|(name, time, stream, _)| (name, time, stream)).collect();
    let expected = [("left/8.png", 0.0, 0), ("left/9.png", 1.0, 0), ("right/8.png", 0.0, 1), ("right/9.png", 1.0, 1)];
    assert_eq!(names, expected);
}

fn nerfies(val_ids: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let ids = ["left_0", "left_1", "left_2", "left_3", "right_0", "right_2"];
    let list = |ids: &[&str]| format!("[{}]", ids.iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(","));
    let dataset =
        format!(r#"{{"count": 6, "ids": {}, "train_ids": {}, "val_ids": {val_ids}}}"#, list(&ids), list(&ids[..4]));
    write(&root.path().join("dataset.json"), dataset);
    let entry = |id: &str| {
        let camera = i32::from(id.starts_with("right"));
        format!("\"{id}\": {{\"warp_id\": {}, \"appearance_id\": 0, \"camera_id\": {camera}}}", &id[id.len() - 1..])
    };
    write(&root.path().join("metadata.json"), format!("{{{}}}", ids.map(entry).join(",")));
    for id in ids {
        // Rows of world to camera: turned by 90° about y.
        let camera = r#"{"orientation": [[0,0,-1],[0,1,0],[1,0,0]], "position": [1,2,3], "focal_length": 40,
            "principal_point": [16, 12], "skew": 0, "pixel_aspect_ratio": 1.5, "radial_distortion": [0.01, 0, 0],
            "tangential_distortion": [0, 0.001], "image_size": [32, 24]}"#;
        write(&root.path().join(format!("camera/{id}.json")), camera);
        save(&root.path().join(format!("rgb/1x/{id}.png")), pattern(32, 24));
        save(&root.path().join(format!("rgb/2x/{id}.png")), pattern(16, 12));
    }
    root
}

#[test]
fn nerfies_captures_have_cameras_times_and_splits() {
    let root = nerfies("[\"right_0\", \"right_2\"]");
    let capture = open(root.path()).unwrap();
    let expected: Vec<(&str, f32, usize, Option<Unseen>)> = vec![
        ("left_0.png", 0.0, 0, None),
        ("left_1.png", 1.0 / 3.0, 0, None),
        ("left_2.png", 2.0 / 3.0, 0, None),
        ("left_3.png", 1.0, 0, None),
        ("right_0.png", 0.0, 1, Some(Unseen::Camera)),
        ("right_2.png", 2.0 / 3.0, 1, Some(Unseen::Camera)),
    ];
    assert_eq!(facts(&capture), expected);
    let shot = &capture.shots[1];
    assert_eq!(
        (shot.source.width, shot.source.focal, shot.source.principal),
        (32, dvec2(40.0, 60.0), dvec2(16.0, 12.0))
    );
    assert!((shot.camera.pose.centre() - dvec3(1.0, 2.0, 3.0)).length() < 1e-12);
    assert!((shot.camera.pose.forward() - DVec3::X).length() < 1e-12);
    let small = Capture::open(root.path(), &CaptureOptions { max_resolution: Some(16), ..OPTIONS }).unwrap();
    assert_eq!(small.shots[1].source.width, 16);
    assert!(small.shots[1].image.ends_with("rgb/2x/left_1.png"));
}

#[test]
fn nerfies_without_a_validation_set_interpolate() {
    let root = nerfies("[]");
    let capture = open(root.path()).unwrap();
    let splits: Vec<_> = capture.shots.iter().map(|shot| (shot.name.as_str(), shot.split)).collect();
    assert_eq!(splits, [("left_0.png", Split::Train), ("left_2.png", Split::Test), ("right_0.png", Split::Train)]);
    assert!(capture.warnings[0].contains("3 of 6 views"), "{:?}", capture.warnings);
    write(&root.path().join("camera/left_2.json"), "{\"orientation\": 3}");
    assert!(refusal(root.path()).contains("camera/left_2.json"));
}

/// `train_meta.json` or `test_meta.json` of two moments: cameras by number, at that place on the x axis.
fn panoptic_meta(cameras: &[i64]) -> String {
    let of_all = |one: &dyn Fn(i64) -> String| {
        let row = cameras.iter().map(|&camera| one(camera)).collect::<Vec<_>>().join(",");
        format!("[{row}]")
    };
    let twice = |row: String| format!("[{row},{row}]");
    let k = of_all(&|_| "[[20,0,8.5],[0,21,6.25],[0,0,1]]".into());
    let w2c = of_all(&|camera| format!("[[1,0,0,{}],[0,1,0,0],[0,0,1,0],[0,0,0,1]]", -camera));
    let names = |moment: usize| of_all(&|camera| format!("\"{camera}/{moment:05}.png\""));
    format!(
        "{{\"w\": 16, \"h\": 12, \"k\": {}, \"w2c\": {}, \"fn\": [{},{}], \"cam_id\": {}}}",
        twice(k),
        twice(w2c),
        names(0),
        names(1),
        twice(of_all(&|camera| camera.to_string())),
    )
}

#[test]
fn panoptic_clips_have_cameras_by_moment_and_a_test_set_of_their_own() {
    let images = [
        "ims/2/00000.png",
        "ims/2/00001.png",
        "ims/5/00000.png",
        "ims/5/00001.png",
        "ims/7/00000.png",
        "ims/7/00001.png",
    ];
    let files = [("train_meta.json", panoptic_meta(&[2, 5])), ("test_meta.json", panoptic_meta(&[7]))];
    let root = json_capture(&files, &images);
    let capture = open(root.path()).unwrap();
    let found: Vec<_> = facts(&capture).into_iter().map(|(name, time, _, unseen)| (name, time, unseen)).collect();
    let expected: Vec<_> = (0..6).map(|i| (images[i], (i % 2) as f32, (i > 3).then_some(Unseen::Camera))).collect();
    assert_eq!(found, expected);
    let camera = capture.shots[2].camera;
    assert!((camera.pose.centre() - dvec3(5.0, 0.0, 0.0)).length() < 1e-12, "{:?}", camera.pose.centre());
    assert_eq!((camera.lens.focal, camera.lens.principal), (dvec2(20.0, 21.0), dvec2(8.5, 6.25)));
    assert_eq!((capture.shots[2].stream, capture.shots[3].stream), (1, 1));
    assert_eq!(open(&root.path().join("train_meta.json")).unwrap().shots.len(), 6);

    // A left-handed world is mirrored, and said to be; one camera alone is a mistake.
    let left = |text: String| text.replace("[[1,0,0,", "[[-1,0,0,");
    let files = [("train_meta.json", left(panoptic_meta(&[2, 5])))];
    let capture = open(json_capture(&files, &images[..4]).path()).unwrap();
    assert!(capture.warnings.iter().any(|line| line.contains("left-handed")), "{:?}", capture.warnings);
    let camera = capture.shots[0].camera.pose;
    assert!((camera.centre() - dvec3(2.0, 0.0, 0.0)).length() < 1e-12 && camera.rotation.determinant() > 0.0);
    let files = [("train_meta.json", left(panoptic_meta(&[2]))), ("test_meta.json", panoptic_meta(&[7]))];
    let message = refusal(json_capture(&files, &images).path());
    assert!(message.contains("is mirrored, and those of others are not"), "{message}");

    let cut = panoptic_meta(&[2, 5]).replace(r#""cam_id": [[2,5],[2,5]]"#, r#""cam_id": [[2,5],[2]]"#);
    let message = refusal(json_capture(&[("train_meta.json", cut)], &images).path());
    assert!(message.contains("moment 1: fn has 2 cameras"), "{message}");
    let turned = panoptic_meta(&[2]).replace("[[1,0,0,-2]", "[[9,0,0,-2]");
    let message = refusal(json_capture(&[("train_meta.json", turned)], &images).path());
    assert!(message.contains("moment 0, camera 0") && message.contains("not a rigid motion"), "{message}");
}
