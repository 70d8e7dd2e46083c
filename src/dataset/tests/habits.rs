//! Captures as people and programs leave them: read, or said in one line.

use std::path::Path;

use glam::{DVec3, dvec2, dvec3};

use super::fixtures::{LEVEL, Model, OPTIONS, frames, json_capture, open, pattern, refusal, save, write};
use crate::dataset::{Capture, CaptureOptions, Coverage, Distortion};

const SIX: [&str; 6] = ["0.png", "1.png", "2.png", "3.png", "4.png", "5.png"];

fn names(capture: &Capture) -> Vec<&str> {
    capture.shots.iter().map(|shot| shot.name.as_str()).collect()
}

#[test]
fn the_largest_model_is_read_and_the_others_are_told() {
    for binary in [true, false] {
        let root = Model::pinhole(&SIX).capture("sparse/1", binary);
        Model::pinhole(&SIX[..2]).write_model(&root.path().join("sparse/0"), binary);
        Model::pinhole(&SIX[..3]).write_model(&root.path().join("sparse/2"), binary);
        let capture = open(root.path()).unwrap();
        assert_eq!(names(&capture), SIX);
        assert_eq!(capture.other_models, [("sparse/0".to_owned(), 2), ("sparse/2".to_owned(), 3)]);
        assert!(capture.facts().lines().contains(&"not read: another model of 2 photos in sparse/0".to_owned()));
    }
    for folder in ["sparse/1", "distorted/sparse/0", "dense/sparse", "dense/0/sparse", "colmap_sparse/0", "0"] {
        let root = Model::pinhole(&SIX).capture(folder, true);
        assert_eq!(open(root.path()).unwrap().shots.len(), 6, "{folder}");
    }
    let root = Model::pinhole(&SIX).capture("sparse/0", true);
    std::fs::remove_file(root.path().join("sparse/0/cameras.bin")).unwrap();
    assert!(refusal(root.path()).contains("neither cameras.bin nor cameras.txt is here"));
}

#[test]
fn images_without_a_line_of_features_are_images() {
    let root = Model::pinhole(&SIX).capture("sparse/0", false);
    let file = root.path().join("sparse/0/images.txt");
    let text = std::fs::read_to_string(&file).unwrap();
    let is_image = |line: &&str| line.ends_with(".png");
    let bare: Vec<&str> = text.lines().filter(is_image).collect();
    let (mut some, mut odd) = (Vec::new(), false);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        odd ^= is_image(&line);
        if is_image(&line) || odd {
            some.push(line);
        }
    }
    let spaced: Vec<String> = bare.iter().map(|line| format!("{line}\n# a comment\n\n")).collect();
    let marked = format!("\u{feff}# Image list\n{}", bare.join("\n"));
    for written in [bare.join("\n"), some.join("\n") + "\n", spaced.concat(), marked, bare.join("\r\n\r\n")] {
        write(&file, &written);
        assert_eq!(names(&open(root.path()).unwrap()), SIX, "{written}");
    }
    write(&root.path().join("sparse/0/cameras.txt"), "7 pinhole 16 12 20 21 8 6\n9 MY_LENS 16 12 1 2\n");
    assert_eq!(open(root.path()).unwrap().shots.len(), 6, "lower case, and a lens that no image uses");
}

#[test]
fn photos_without_a_pose_are_left_out_by_name() {
    let root = Model::pinhole(&SIX).capture("sparse/0", false);
    let file = root.path().join("sparse/0/images.txt");
    let text = std::fs::read_to_string(&file).unwrap();
    for nan in ["nan", "-nan(ind)", "1.#QNAN", "inf"] {
        write(&file, text.replacen("2 1 0 0 0", &format!("2 {nan} 0 0 0"), 1));
        let capture = open(root.path()).unwrap();
        assert_eq!(names(&capture), ["0.png", "2.png", "3.png", "4.png", "5.png"]);
        assert!(capture.warnings[0].contains("1 of 6") && capture.warnings[0].contains("1.png; left out"));
        assert!(Capture::open(root.path(), &CaptureOptions { strict: true, ..OPTIONS }).is_err());
    }
    for matrix in [
        "[[1,0,0,-1e400],[0,1,0,0],[0,0,1,0],[0,0,0,1]]",
        "[[1,0,0,NaN],[0,1,0,0],[0,0,1,0],[0,0,0,1]]",
        "[]",
        "[[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,1]]",
    ] {
        let bad = frames("", &["b.png"], "").replace(LEVEL, matrix);
        let bad = &bad[bad.find('[').unwrap() + 1..bad.len() - 2];
        let text = frames(r#""fl_x": 20,"#, &["a.png"], "").replacen("]}", &format!("]}}, {bad}"), 1);
        let text = text.replacen(&format!(", {bad}"), "", 1).replacen("}]", &format!("}}, {bad}]"), 1);
        let root = json_capture(&[("transforms.json", text)], &["a.png", "b.png"]);
        let capture = open(root.path()).unwrap();
        assert_eq!(names(&capture), ["a.png"], "{matrix}");
        assert!(capture.warnings[0].contains("b.png; left out"), "{:?}", capture.warnings);
    }
}

#[test]
fn an_image_that_is_named_twice_is_taken_once() {
    let twice = frames(r#""fl_x": 20,"#, &["a.png", "b.png", "./a.png"], "").replacen("1.5]", "9]", 1);
    let root = json_capture(&[("transforms.json", twice)], &["a.png", "b.png"]);
    let capture = open(root.path()).unwrap();
    assert_eq!(names(&capture), ["a.png", "b.png"]);
    assert_eq!(capture.shots[0].camera.pose.centre().x, 9.0, "the first entry counts");
    assert!(capture.warnings[0].contains("1 of 3 entries") && capture.warnings[0].contains("a.png; left out"));
}

#[test]
fn intrinsics_may_be_a_matrix_and_a_list() {
    let lens = |top: &str, each: &str| {
        let root = json_capture(&[("transforms.json", frames(top, &["a.png"], each))], &["a.png"]);
        open(root.path()).unwrap().shots[0].source
    };
    let rows = r#""K": [[20, 0, 7.5], [0, 21, 6.5], [0, 0, 1]],"#;
    let flat = r#""K": [20, 0, 7.5, 0, 21, 6.5, 0, 0, 1],"#;
    for lens in [lens(rows, ""), lens("", rows), lens(flat, ""), lens(r#""fl_x": 90, "cx": 1, "cy": 2,"#, rows)] {
        assert_eq!((lens.focal, lens.principal), (dvec2(20.0, 21.0), dvec2(7.5, 6.5)));
    }
    let distorted = lens(rows, r#""distortion_params": [0.1, 0.02, 0, 0, 0.001, -0.002],"#);
    let expected = Distortion::perspective([0.1, 0.02, 0.0, 0.0], [0.0; 3], [0.001, -0.002]);
    assert_eq!(distorted.distortion, expected);
    let full = r#""fl_x": 20, "camera_model": "FULL_OPENCV", "k1": 0.1, "k4": 0.2, "k6": 0.3,"#;
    assert_eq!(lens(full, "").distortion, Distortion::perspective([0.1, 0.0, 0.0, 0.0], [0.2, 0.0, 0.3], [0.0; 2]));
    let root = json_capture(&[("transforms.json", frames(r#""K": [1, 2],"#, &["a.png"], ""))], &["a.png"]);
    assert!(refusal(root.path()).contains("its K has 2 values, not 3 x 3"));
}

#[test]
fn photos_are_found_under_other_names() {
    let root = Model::pinhole(&["a0.jpg", "a1.jpg"]).capture("sparse/0", true);
    for (from, to) in [("images/a0.jpg", "input/A0.JPG"), ("images/a1.jpg", "input/a1.jpeg")] {
        std::fs::create_dir_all(root.path().join("input")).unwrap();
        std::fs::rename(root.path().join(from), root.path().join(to)).unwrap();
    }
    std::fs::remove_dir(root.path().join("images")).unwrap();
    let capture = open(root.path()).unwrap();
    assert_eq!(names(&capture), ["a0.jpg", "a1.jpg"]);
    assert!(capture.warnings[0].contains("2 of 2 images were found under another name: a0.jpg is input/A0.JPG"));
    capture.load(1).unwrap();
    for path in ["sparse/0", "input"] {
        assert_eq!(open(&root.path().join(path)).unwrap().shots.len(), 2, "{path}");
    }
    // Two names for one photo is one too many.
    let flat = Model::pinhole(&["l/a.png", "r/a.png"]).capture("sparse/0", true);
    std::fs::remove_dir_all(flat.path().join("images")).unwrap();
    save(&flat.path().join("images/a.png"), pattern(16, 12));
    assert!(refusal(flat.path()).contains("2 of 2 images that it names are missing"));
}

#[test]
fn masks_have_many_names() {
    let half = image::GrayImage::from_fn(16, 12, |x, _| image::Luma([if x < 8 { 0 } else { 255 }]));
    let places = [
        "masks/0_mask.png",
        "masks/0.PNG",
        "MASKS/0.png",
        "Masks/0.jpg.png",
        "mask/0.png",
        "segmentation/0.png",
        "masks/mask_0.png",
        "masks_4/0.png",
        "images/in/0_mask.png",
        "images/in/dynamic_mask_0.png",
        "masks/0.jpg.mask.png",
    ];
    for place in places {
        let root = Model::pinhole(&["in/0.jpg", "in/1.jpg"]).capture("sparse/0", true);
        save(&root.path().join(place), half.clone());
        let capture = open(root.path()).unwrap();
        assert!(capture.warnings.is_empty(), "{place}: {:?}", capture.warnings);
        let masked: Vec<bool> = capture.shots.iter().map(|shot| shot.mask.is_some()).collect();
        assert_eq!(masked, [true, false], "{place}");
        assert_eq!(capture.load(0).unwrap().coverage, Coverage::Mask);
        let facts = capture.facts();
        assert_eq!((facts.masks, facts.ignored, facts.unposed), (1, Some(0.5), 0), "{place}");
    }
    let root = Model::pinhole(&["l/0.png", "r/0.png"]).capture("sparse/0", true);
    for mask in ["masks/0.png", "masks/other.png"] {
        save(&root.path().join(mask), half.clone());
    }
    let capture = open(root.path()).unwrap();
    assert!(capture.shots.iter().all(|shot| shot.mask.is_none()), "one mask for two photos");
    assert!(capture.warnings[0].contains("2 of 2 masks fit no photo: masks/0.png, masks/other.png"));
}

#[test]
fn masks_that_hide_nearly_all_are_told_with_what_their_colours_mean() {
    let mostly = image::GrayImage::from_fn(16, 12, |x, _| image::Luma([if x < 12 { 0 } else { 255 }]));
    let root = Model::pinhole(&["0.png"]).capture("sparse/0", true);
    save(&root.path().join("masks/0.png"), mostly);
    let told = |invert_masks| Capture::open(root.path(), &CaptureOptions { invert_masks, ..OPTIONS }).unwrap().facts();
    let facts = told(false);
    assert!(facts.warnings[0].starts_with("masks ignore 75 % of the pixels of 1 photos; black pixels are ignored"));
    assert!(facts.warnings[0].ends_with("use --invert-masks"));
    let inverted = told(true);
    assert!(inverted.warnings.is_empty());
    let line =
        "masks on 1 of 1 photos, 25 % of their pixels ignored (white is ignored; black ones without --invert-masks)";
    assert_eq!(inverted.lines()[1], line);
}

#[test]
fn a_thumbnail_among_photos_is_left_out() {
    let root = Model::pinhole(&["0.png", "1.png"]).capture("sparse/0", true);
    save(&root.path().join("images/1.png"), pattern(1, 1));
    let capture = open(root.path()).unwrap();
    assert_eq!(names(&capture), ["0.png"]);
    assert!(capture.warnings[0].contains("1.png (1 x 1 pixels are too few, 11 x 11 are needed); left out"));
}

#[test]
fn a_georeferenced_capture_is_centred_and_the_shift_told() {
    let far = dvec3(431_234.5, 5_812_345.25, 87.0);
    let mut model = Model::pinhole(&SIX);
    let near = open(model.capture("sparse/0", true).path()).unwrap();
    assert_eq!(near.shift, DVec3::ZERO);
    for image in &mut model.images {
        (0..3).for_each(|axis| image.0[4 + axis] -= far[axis]);
    }
    model.points.iter_mut().for_each(|point| (0..3).for_each(|axis| point.0[axis] += far[axis]));
    let capture = open(model.capture("sparse/0", true).path()).unwrap();
    assert!(capture.shift.distance(far) < 20.0, "{}", capture.shift);
    let moved = (far - capture.shift).as_vec3();
    for (a, b) in near.shots.iter().zip(&capture.shots) {
        let (a, b) = (a.camera.pose.centre() + moved.as_dvec3(), b.camera.pose.centre());
        assert!(a.distance(b) < 1e-8, "{a} {b}");
    }
    let (a, b) = (near.points.unwrap().positions[1] + moved, capture.points.as_ref().unwrap().positions[1]);
    assert!(a.distance(b) < 1e-5, "{a} {b}");
    assert!(capture.facts().lines().iter().any(|line| line.contains("is subtracted from its coordinates")));
}

/// A panorama painted with its own directions: each face shows those of its rays.
#[test]
fn a_panorama_is_cut_into_six_faces() {
    let (width, height) = (256u32, 128u32);
    let painted = image::RgbImage::from_fn(width, height, |x, y| {
        let longitude = (f64::from(x) + 0.5) / f64::from(width) * std::f64::consts::TAU - std::f64::consts::PI;
        let latitude = ((f64::from(y) + 0.5) / f64::from(height) - 0.5) * std::f64::consts::PI;
        let d = dvec3(longitude.sin() * latitude.cos(), latitude.sin(), longitude.cos() * latitude.cos());
        image::Rgb(d.to_array().map(|v| (127.5 + 127.5 * v).round() as u8))
    });
    let mut model = Model::pinhole(&["a/0.png"]);
    model.cameras = vec![(7, 17, "EQUIRECTANGULAR", [256, 128], vec![256.0, 128.0])];
    model.images[0].0 = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let root = model.capture("sparse/0", true);
    save(&root.path().join("images/a/0.png"), painted);
    let capture = open(root.path()).unwrap();
    assert_eq!(capture.facts().warnings, [""; 0]);
    let sides = ["back", "down", "front", "left", "right", "up"];
    assert_eq!(names(&capture), sides.map(|side| format!("a/0/{side}.png")));
    let ahead = [-DVec3::Z, DVec3::Y, DVec3::Z, -DVec3::X, DVec3::X, -DVec3::Y];
    for (i, (shot, ahead)) in capture.shots.iter().zip(ahead).enumerate() {
        let lens = shot.camera.lens;
        assert_eq!((lens.width, lens.height, lens.focal.x), (64, 64, 32.0));
        assert!(shot.camera.pose.forward().distance(ahead) < 1e-12, "{}", shot.name);
        let photo = capture.load(i).unwrap();
        for (at, pixel) in photo.pixels.iter().enumerate() {
            let ray = shot.camera.ray(dvec2((at % 64) as f64 + 0.5, (at / 64) as f64 + 0.5));
            let expected = ray.to_array().map(|v| 127.5 + 127.5 * v);
            let miss = (0..3).map(|k| (f64::from(pixel[k]) - expected[k]).abs()).fold(0.0, f64::max);
            assert!(miss < 3.0, "{}: pixel {at} is {pixel:?}, not {expected:?}", shot.name);
        }
    }
}

#[test]
fn few_posed_photos_and_one_far_away_are_told() {
    let mut model = Model::pinhole(&SIX);
    let root = model.capture("sparse/0", true);
    (6..20).for_each(|i| save(&root.path().join(format!("images/{i}.png")), pattern(16, 12)));
    let facts = open(root.path()).unwrap().facts();
    assert_eq!((facts.photos, facts.train, facts.held_out, facts.unposed), (6, 5, 1, 14));
    assert!(facts.warnings[0].starts_with("only 6 of 20 photos are posed"), "{:?}", facts.warnings);
    assert_eq!(facts.lines()[0], "6 photos (5 to train on, 1 held out), 16 x 12, pinhole; 2 first points");
    model.images[4].0[4] = 900.0;
    let facts = open(model.capture("sparse/0", true).path()).unwrap().facts();
    assert!(facts.warnings[0].starts_with("1 of 6 photos are up to ") && facts.warnings[0].contains("4.png"));
}

#[test]
fn a_lens_that_the_pinhole_cannot_hold_is_told() {
    let told = |model: &'static str, id: i32, parameters: Vec<f64>| {
        let mut of_lens = Model::pinhole(&["0.png"]);
        of_lens.cameras = vec![(7, id, model, [16, 12], parameters)];
        open(of_lens.capture("sparse/0", true).path()).unwrap().facts().warnings
    };
    let mild = [vec![20.0, 20.0, 8.0, 6.0, 0.05, 0.0, 0.0, 0.0], vec![20.0, 20.0, 8.0, 6.0, -0.1, 0.01, 0.0, 0.0]];
    for parameters in mild {
        assert_eq!(told("OPENCV", 4, parameters), [""; 0]);
    }
    let wide = told("EUCM", 16, vec![5.0, 5.0, 8.0, 6.0, 0.6, 1.1]);
    assert!(wide[0].starts_with("photos are resampled to a pinhole 116 degrees wide"), "{wide:?}");
    let folded = told("OPENCV", 4, vec![20.0, 20.0, 8.0, 6.0, -5.0, 0.0, 0.0, 0.0]);
    assert!(folded[0].contains("or folds back, is not used (first 0.png)"), "{folded:?}");
    let outside = told("PINHOLE", 1, vec![20.0, 20.0, 600.0, 6.0]);
    assert!(outside[0].starts_with("the principal point of 0.png is outside its image"), "{outside:?}");
}

#[test]
fn what_is_no_capture_is_answered_with_a_command() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for (name, words) in [
        ("walk.MP4", "dapple photos"),
        ("cap.zip", "unzip"),
        ("scene.ply", "dapple view"),
        ("a.jpg", "the folder of the capture"),
        ("cameras.bin", "COLMAP model"),
        ("notes.txt", "transforms JSON"),
    ] {
        write(&at(name), "x");
        assert!(refusal(&at(name)).contains(words), "{name}: {}", refusal(&at(name)));
    }
    write(&at("plain/photos/a.jpg"), "x");
    for folder in ["plain", "plain/photos"] {
        assert!(refusal(&at(folder)).contains("1 photos without poses; `dapple photos"), "{folder}");
    }
    // A capture one level down is opened; of two, one has to be named.
    let model = Model::pinhole(&["0.png"]);
    let fill = |place: &Path| {
        model.write_model(&place.join("sparse/0"), true);
        save(&place.join("images/0.png"), pattern(16, 12));
    };
    fill(&at("two/one"));
    assert_eq!(open(&at("two")).unwrap().shots.len(), 1);
    fill(&at("two/other"));
    assert!(refusal(&at("two")).contains("it holds 2 captures; give one of them"));
}

#[test]
fn captures_are_told_apart_by_their_shots() {
    let model = Model::pinhole(&SIX);
    let prints = |model: &Model| open(model.capture("sparse/0", true).path()).unwrap().fingerprints();
    let mut other = model.clone();
    other.images[2].0[4] += 0.1;
    let (a, b) = (prints(&model), prints(&other));
    assert_eq!(a, prints(&model));
    assert_eq!(a.iter().zip(&b).map(|(a, b)| a == b).collect::<Vec<_>>(), [true, true, false, true, true, true]);
}
