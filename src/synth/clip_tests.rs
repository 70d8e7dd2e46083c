//! Captures in time: what is written of motion is what happens.

use std::fs;
use std::path::{Path, PathBuf};

use glam::{DVec2, DVec3, dvec2, dvec3};

use super::flow::flow;
use super::*;
use crate::camera::{Camera, Lens, Pose};
use crate::dataset::{Capture, CaptureOptions, Direction, Split, Unseen};

/// The description of tiny.toml with a clip, a moving red ball in place of its own, and what `more` adds.
fn description(folder: &Path, clip: &str, motion: &str) -> PathBuf {
    let scenes = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes");
    let text = fs::read_to_string(scenes.join("tiny.toml")).unwrap();
    let text =
        text.replace("train = 12", "train = 3").replace("test = 3", "test = 1").replace("width = 64", "width = 72");
    let text = text.replace("[sky]", &format!("[clip]\n{clip}\n[sky]"));
    let text = text.replace("material = \"red\"", &format!("material = \"red\"\nmotion = {{ {motion} }}"));
    let path = folder.join("clip.toml");
    fs::write(&path, text).unwrap();
    path
}

fn world(motion: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    World::new(Description::read(&description(folder.path(), "frames = 5", motion)).unwrap().0)
}

fn camera(eye: DVec3) -> Camera {
    Camera { pose: Pose::look_at(eye, dvec3(0.0, 0.0, 0.15), DVec3::Z), lens: Lens::from_fov_x(0.7, 72, 64) }
}

#[test]
fn flow_is_the_motion_of_each_surface_and_of_the_camera() {
    let world = world("path = [[0, 0, 0], [0.2, -0.1, 0.15]], spin = [0, 40, 60]");
    let (now, then) = (world.at(0.25), world.at(0.5));
    let (first, second) = (camera(dvec3(2.0, -2.0, 1.2)), camera(dvec3(2.3, -1.6, 1.1)));
    let found = flow(&now, &first, &then, &second);
    let motion = motion::ObjectMotion {
        path: vec![DVec3::ZERO, dvec3(0.2, -0.1, 0.15)],
        spin: dvec3(0.0, 40.0, 60.0),
        ..Default::default()
    };
    let at = dvec3(0.3, -0.2, 0.3);
    let (mut moving, mut still) = (0, 0);
    for (i, known) in found.field.known.iter().enumerate() {
        let centre = dvec2((i % 72) as f64 + 0.5, (i / 72) as f64 + 0.5);
        let Some(hit) = now.hit(first.pose.centre(), first.ray(centre)) else {
            assert!(!known && found.occluded[i]);
            continue;
        };
        let ((from_turn, from), (to_turn, to)) = (motion.place(at, 0.25), motion.place(at, 0.5));
        let on_ball = ((hit.position - from).length() - 0.3).abs() < 1e-6;
        let there = if on_ball { to_turn * from_turn.transpose() * (hit.position - from) + to } else { hit.position };
        let expected = second.project(there).unwrap().0 - centre;
        let [u, v] = found.field.vectors[i];
        assert!((dvec2(u.into(), v.into()) - expected).length() < 1e-4, "{expected}, not {u} {v}");
        if on_ball { moving += 1 } else { still += 1 }
    }
    assert!(moving > 100 && still > 1000, "{moving} {still}");
}

#[test]
fn what_is_hidden_gone_or_outside_is_marked() {
    // Seen from above, the ball moves half its width along x: it covers table there and uncovers it here.
    let world = world("path = [[0, 0, 0], [0.3, 0, 0]]");
    let camera = Camera {
        pose: Pose::look_at(dvec3(0.3, -0.2, 4.0), dvec3(0.3, -0.2, 0.0), DVec3::Y),
        lens: Lens::from_fov_x(0.5, 72, 64),
    };
    let (now, then) = (world.clone(), world.at(1.0));
    let (forward, back) = (flow(&now, &camera, &then, &camera), flow(&then, &camera, &now, &camera));
    let pixel = |flow: &flow::ExactFlow, at: DVec3| {
        let p = camera.project(at).unwrap().0.floor();
        (p.y as usize * 72 + p.x as usize, flow.occluded[p.y as usize * 72 + p.x as usize])
    };
    let (covered, uncovered) = (dvec3(0.81, -0.2, 0.0), dvec3(0.05, -0.2, 0.0));
    assert!(pixel(&forward, covered).1 && !pixel(&forward, uncovered).1);
    assert!(!pixel(&back, covered).1 && pixel(&back, uncovered).1);
    // Seen surfaces lead back to where they came from.
    for (i, [u, v]) in forward.field.vectors.iter().enumerate().filter(|(i, _)| !forward.occluded[*i]) {
        let there = dvec2((i % 72) as f64 + 0.5 + f64::from(*u), (i / 72) as f64 + 0.5 + f64::from(*v));
        assert!(there.cmpge(DVec2::ZERO).all() && there.cmple(dvec2(72.0, 64.0)).all());
    }
    let leaving = self::world("leaves = 0.5");
    let gone = flow(&leaving, &camera, &leaving.at(0.5), &camera);
    let (ball, hidden) = pixel(&gone, dvec3(0.3, -0.2, 0.6));
    assert!(hidden && !gone.field.known[ball]);
    assert!(pixel(&flow(&leaving.at(0.5), &camera, &leaving, &camera), dvec3(0.3, -0.2, 0.0)).1, "under the ball");
}

#[test]
fn a_clip_opens_as_a_capture_in_time_with_its_flow() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("clip");
    let clip = "frames = 6\nhold_out_every = 3\n[clip.camera]\neyes = [[2, -2, 1], [3, 0, 1]]\ntargets = [[0, 0, 0]]";
    let made = run(&description(folder.path(), clip, "path = [[0, 0, 0], [0.2, 0, 0]]"), &out).unwrap();
    // Four moments of three fixed cameras and the moving one.
    assert_eq!((made.train, made.test, made.frames, made.points), (16, 14, 6, 600));
    let again = folder.path().join("again");
    run(&description(folder.path(), clip, "path = [[0, 0, 0], [0.2, 0, 0]]"), &again).unwrap();
    assert!(tests::contents(&out) == tests::contents(&again), "the same bytes");

    let capture = Capture::open(&out, &CaptureOptions { strict: true, ..CaptureOptions::default() }).unwrap();
    assert!(capture.warnings.is_empty(), "{:?}", capture.warnings);
    assert_eq!(capture.shots.len(), 30);
    let cameras: std::collections::BTreeSet<usize> = capture.shots.iter().map(|shot| shot.stream).collect();
    assert_eq!(cameras.len(), 5);
    for shot in &capture.shots {
        let frame: f32 = shot.name[shot.name.len() - 5..shot.name.len() - 4].parse().unwrap();
        assert_eq!(shot.time, Some(frame / 5.0));
        let train = capture.shots.iter().any(|s| s.stream == shot.stream && s.split == Split::Train);
        let expected = match (train, frame as usize % 3 == 1) {
            (true, false) => None,
            (true, true) => Some(Unseen::Time),
            (false, _) => Some(Unseen::Camera),
        };
        assert_eq!((shot.unseen, shot.split == Split::Test), (expected, expected.is_some()), "{}", shot.name);
    }
    // Of frames 0, 2, 3 and 5 each has flow to the next that is trained on, and back.
    assert_eq!(capture.training_flow().len(), 4 * 2 * 3);
    let fixed = capture.shots.iter().position(|shot| shot.name.ends_with("cam00/0002.png")).unwrap();
    let flow = capture.load_flow(fixed, Direction::Forward).unwrap().unwrap();
    assert!(capture.shots[flow.to].name.ends_with("cam00/0003.png"));
    let moving = flow.field.iter().zip(&flow.valid).filter(|(v, valid)| **valid && v[0].hypot(v[1]) > 0.3).count();
    let still = flow.field.iter().zip(&flow.valid).filter(|(v, valid)| **valid && **v == [0.0; 2]).count();
    assert!(moving > 50 && still > 500, "{moving} pixels move, {still} do not");
    assert!(capture.load_flow(fixed - 2, Direction::Backward).unwrap().is_none(), "nothing is before the first frame");
}

#[test]
fn a_camera_that_jumps_is_elsewhere_at_every_moment() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("jump");
    // Three places to train from and one that is held out.
    let made =
        run(&description(folder.path(), "frames = 4\njump = true", "path = [[0, 0, 0], [0.2, 0, 0]]"), &out).unwrap();
    assert_eq!((made.train, made.test, made.frames), (3, 1, 4));
    let capture = Capture::open(&out, &CaptureOptions { strict: true, ..CaptureOptions::default() }).unwrap();
    let times: Vec<f32> = capture.shots.iter().map(|shot| shot.time.unwrap()).collect();
    assert_eq!(times, [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0], "one photo at each moment");
    let place = |i: usize| capture.shots[i].camera.pose.centre();
    for (a, b) in [(0, 1), (1, 2), (2, 3), (0, 2), (0, 3), (1, 3)] {
        assert!(place(a).distance(place(b)) > 0.1, "{a} and {b} are in one place");
    }
    assert_eq!(capture.shots.iter().filter(|shot| shot.split == Split::Test).count(), 1);
    assert!(capture.training_flow().is_empty() && !out.join("flow").exists());
    let text = fs::read_to_string(description(folder.path(), "frames = 5\njump = true", "path = [[0, 0, 0]]")).unwrap();
    fs::write(folder.path().join("more.toml"), text).unwrap();
    let error = Description::read(&folder.path().join("more.toml")).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("train + test frames"), "{error}");
}
