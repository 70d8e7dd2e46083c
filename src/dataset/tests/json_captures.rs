use glam::{dvec2, dvec3};

use super::fixtures::{LEVEL, frames, json_capture, open, refusal, write};
use crate::dataset::{Distortion, Split};

const SHARED: &str = r#""fl_x": 20, "fl_y": 21, "cx": 8.5, "cy": 6.25, "w": 16, "h": 12.0,"#;

#[test]
fn blender_captures_have_their_own_test_set() {
    let files = [
        ("transforms_train.json", frames(r#""camera_angle_x": 0.7,"#, &["./train/r_1", "./train/r_0"], "")),
        ("transforms_test.json", frames(r#""camera_angle_x": 0.7,"#, &["./test/r_0"], "")),
        ("transforms_val.json", "not read".to_owned()),
    ];
    let root = json_capture(&files, &["train/r_0.png", "train/r_1.png", "test/r_0.png"]);
    for path in [root.path().to_path_buf(), root.path().join("transforms_train.json")] {
        let capture = open(&path).unwrap();
        let shots: Vec<_> = capture.shots.iter().map(|shot| (shot.name.as_str(), shot.split)).collect();
        let expected =
            [("test/r_0.png", Split::Test), ("train/r_0.png", Split::Train), ("train/r_1.png", Split::Train)];
        assert_eq!(shots, expected);
        let camera = capture.shots[0].camera;
        assert!((camera.lens.focal - dvec2(8.0, 8.0) / 0.35_f64.tan()).length() < 1e-12);
        assert_eq!(camera.lens.principal, dvec2(8.0, 6.0));
        assert!((camera.pose.centre() - dvec3(1.5, -2.0, 4.0)).length() < 1e-12);
        // OpenGL cameras look along −z.
        assert!((camera.pose.forward() - dvec3(0.0, 0.0, -1.0)).length() < 1e-12);
        assert_eq!(capture.load(1).unwrap().pixels.len(), 16 * 12);
    }
}

#[test]
fn nerfstudio_files_are_read_with_their_own_intrinsics_per_frame() {
    let one = format!(r#"{{"file_path": "images\\a.png", "transform_matrix": {LEVEL}}}"#);
    let two = format!(
        r#"{{"file_path": "images/b.png", "fl_x": 30, "fl_y": 30, "k1": 0, "k2": 0, "transform_matrix": {LEVEL}}}"#
    );
    let top = format!(r#"{SHARED} "camera_model": "OPENCV", "k1": 0.02, "k2": -0.01, "aabb_scale": 16,"#);
    let text = format!(
        r#"{{{top} "applied_transform": [[0,1,0,0],[1,0,0,0],[0,0,-1,0]], "ply_file_path": "seed.ply", "frames": [{two},{one}]}}"#
    );
    let root =
        json_capture(&[("transforms.json", text), ("seed.ply", String::new())], &["images/a.png", "images/b.png"]);
    let capture = open(root.path()).unwrap();
    let [a, b] = [0, 1].map(|i| capture.shots[i].source);
    assert_eq!(a.distortion, Distortion::perspective([0.02, -0.01, 0.0, 0.0], [0.0; 3], [0.0; 2]));
    assert_eq!((a.focal, a.principal), (dvec2(20.0, 21.0), dvec2(8.5, 6.25)));
    assert_eq!((b.focal, b.distortion), (dvec2(30.0, 30.0), Distortion::None));
    assert_eq!(capture.points_file, Some(root.path().join("seed.ply")));
    assert!((capture.shots[0].camera.pose.centre() - dvec3(1.5, -2.0, 4.0)).length() < 1e-12, "poses stay as saved");
    std::fs::remove_file(root.path().join("seed.ply")).unwrap();
    let capture = open(root.path()).unwrap();
    assert!(capture.points_file.is_none() && capture.warnings[0].contains("seed.ply"));
}

#[test]
fn lenses_of_all_spellings() {
    let source = |top: &str| {
        let root = json_capture(&[("transforms.json", frames(top, &["a.png"], ""))], &["a.png"]);
        open(root.path()).map(|capture| capture.shots[0].source)
    };
    let fisheye = Distortion::fisheye([0.1, 0.2, 0.0, 0.0]);
    let with = |more: &str| source(&format!("{SHARED} {more}"));
    assert_eq!(with(r#""camera_model": "OPENCV_FISHEYE", "k1": 0.1, "k2": 0.2,"#).unwrap().distortion, fisheye);
    assert_eq!(with(r#""is_fisheye": true, "k1": 0.1, "k2": 0.2,"#).unwrap().distortion, fisheye);
    assert_eq!(with(r#""camera_model": "PINHOLE","#).unwrap().distortion, Distortion::None);
    let message = format!("{:#}", with(r#""camera_model": "MY_LENS","#).unwrap_err());
    assert!(message.contains("MY_LENS") && message.contains("frame 0"), "{message}");
    // Focal lengths: both from one, or from the field of view at the stated size.
    assert_eq!(source(r#""fl_x": 25,"#).unwrap().focal, dvec2(25.0, 25.0));
    let angles = source(r#""camera_angle_x": 0.7, "camera_angle_y": 0.6, "w": 32, "h": 24,"#).unwrap();
    assert!((angles.focal - dvec2(8.0 / 0.35_f64.tan(), 6.0 / 0.3_f64.tan())).length() < 1e-12);
    for bad in ["", r#""fl_x": 0,"#, r#""fl_x": -3,"#, r#""camera_angle_x": 4,"#, r#""fl_x": 9, "w": 0, "h": 2,"#] {
        let message = format!("{:#}", source(bad).unwrap_err());
        assert!(message.contains("transforms.json") && message.contains("a.png"), "{message}");
    }
}

#[test]
fn bad_poses_name_their_frame() {
    let good = format!(r#"{{"file_path": "a.png", "transform_matrix": {LEVEL}}}"#);
    let refused = |matrix: &str| {
        let bad = format!(r#"{{"file_path": "b \"NaN\".png", "transform_matrix": {matrix}}}"#);
        let text = format!("{{{SHARED} \"frames\": [{good},{bad}]}}");
        let root = json_capture(&[("transforms.json", text)], &["a.png"]);
        let message = refusal(root.path());
        assert!(message.contains(r#"transforms.json: frame 1 ("b \"NaN\".png")"#), "{message}");
        message
    };
    assert!(refused("[[1,0,0,0],[0,2,0,0],[0,0,1,0],[0,0,0,1]]").contains("perpendicular"));
    assert!(refused("[[1,0.1,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]").contains("perpendicular"));
    assert!(refused("[[1,0,0,0],[0,1,0,0],[0,0,-1,0],[0,0,0,1]]").contains("mirrors"));
    assert!(refused("[[1,0],[0,1]]").contains("4 x 4"));
}

#[test]
fn uniform_scale_in_the_axes_is_taken_out() {
    let text = frames(SHARED, &["a.png"], "").replace(LEVEL, "[[0,-3,0,7],[3,0,0,8],[0,0,3,9],[0,0,0,1]]");
    let root = json_capture(&[("transforms.json", text)], &["a.png"]);
    let pose = open(root.path()).unwrap().shots[0].camera.pose;
    assert!((pose.rotation.determinant() - 1.0).abs() < 1e-12);
    assert!((pose.centre() - dvec3(7.0, 8.0, 9.0)).length() < 1e-12);
}

#[test]
fn times_are_kept_and_scaled_where_they_pass_one() {
    let frame =
        |name: &str, time: f64| format!(r#"{{"file_path": "{name}", "time": {time}, "transform_matrix": {LEVEL}}}"#);
    let times = |a: f64, b: f64| {
        let text = format!("{{{SHARED} \"frames\": [{},{}]}}", frame("a.png", a), frame("b.png", b));
        let root = json_capture(&[("transforms.json", text)], &["a.png", "b.png"]);
        open(root.path()).map(|capture| [0, 1].map(|i| capture.shots[i].time.unwrap()))
    };
    assert_eq!(times(0.25, 0.5).unwrap(), [0.25, 0.5]);
    assert_eq!(times(3.0, 12.0).unwrap(), [0.25, 1.0]);
    assert!(format!("{:#}", times(0.0, -1.0).unwrap_err()).contains("frame 1"));
}

#[test]
fn lists_decide_the_split() {
    let names = ["a.png", "b.png", "c.png", "d.png"];
    let splits = |lists: &str| {
        let text = frames(&format!("{SHARED} {lists}"), &names, "");
        let capture = open(json_capture(&[("transforms.json", text)], &names).path()).unwrap();
        let test = |shot: &crate::dataset::Shot| if shot.split == Split::Test { "-test" } else { "" };
        let words: Vec<_> = capture.shots.iter().map(|shot| format!("{}{}", &shot.name[..1], test(shot))).collect();
        (words.join(" "), capture.warnings.len())
    };
    assert_eq!(splits(""), ("a-test b c d".into(), 0));
    assert_eq!(splits(r#""test_filenames": ["./c.png"],"#), ("a b c-test d".into(), 0));
    let all = r#""train_filenames": ["a.png"], "val_filenames": ["b.png"], "test_filenames": ["c.png"],"#;
    assert_eq!(splits(all), ("a c-test".into(), 1));
    assert_eq!(
        splits(r#""train_filenames": ["a.png", "b.png"], "val_filenames": ["d.png"],"#),
        ("a b d-test".into(), 1)
    );
}

#[test]
fn files_that_are_no_capture_are_named() {
    let root = json_capture(&[("transforms.json", "{\"frames\": [{\"file_path\": 3}]}".into())], &[]);
    let message = refusal(root.path());
    assert!(message.contains("transforms.json") && message.contains("line 1"), "{message}");
    write(&root.path().join("transforms.json"), "{\"fl_x\": 1, \"frames\": [");
    assert!(refusal(root.path()).contains("EOF"));
    write(&root.path().join("transforms.json"), "{\"fl_x\": 1, \"frames\": []}");
    assert!(refusal(root.path()).contains("lists no images"));
    std::fs::remove_file(root.path().join("transforms.json")).unwrap();
    assert!(refusal(root.path()).contains("transforms_train.json"));
    assert!(refusal(&root.path().join("nowhere")).contains("no such"));
    write(&root.path().join("a.txt"), "x");
    assert!(refusal(&root.path().join("a.txt")).contains("JSON"));
}
