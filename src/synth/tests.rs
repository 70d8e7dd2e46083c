use std::fs;
use std::path::{Path, PathBuf};

use glam::{DMat4, DQuat, DVec3, dvec2, dvec3};

use super::*;
use crate::camera::{Camera, Lens, Pose};

fn scene(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes").join(name)
}

/// Every file of a folder with its bytes, sorted by path.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let outer = PathBuf::from(path.file_name().unwrap());
            found.extend(contents(&path).into_iter().map(|(inner, data)| (outer.join(inner), data)));
        } else {
            found.push((path.file_name().unwrap().into(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Reads little-endian numbers in turn.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        head
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn f64(&mut self) -> f64 {
        f64::from_bits(self.u64())
    }

    fn vec3(&mut self) -> DVec3 {
        dvec3(self.f64(), self.f64(), self.f64())
    }

    fn name(&mut self) -> String {
        let end = self.0.iter().position(|&b| b == 0).unwrap();
        let name = String::from_utf8(self.take(end).to_vec()).unwrap();
        self.take(1);
        name
    }
}

/// The views of a COLMAP model with one PINHOLE camera.
fn colmap_views(capture: &Path) -> Vec<(String, Camera)> {
    let cameras = fs::read(capture.join("sparse/0/cameras.bin")).unwrap();
    let mut cursor = Cursor(&cameras);
    assert_eq!((cursor.u64(), cursor.u32(), cursor.u32()), (1, 1, 1), "one camera, number 1, PINHOLE");
    let (width, height) = (cursor.u64() as u32, cursor.u64() as u32);
    let (focal, principal) = (dvec2(cursor.f64(), cursor.f64()), dvec2(cursor.f64(), cursor.f64()));
    assert!(cursor.0.is_empty());
    let lens = Lens::pinhole(focal, principal, (width, height));

    let images = fs::read(capture.join("sparse/0/images.bin")).unwrap();
    let mut cursor = Cursor(&images);
    let views = (0..cursor.u64()).map(|_| {
        cursor.u32();
        let w = cursor.f64();
        let q = cursor.vec3();
        let pose =
            Pose { rotation: glam::DMat3::from_quat(DQuat::from_xyzw(q.x, q.y, q.z, w)), translation: cursor.vec3() };
        assert_eq!(cursor.u32(), 1);
        let name = cursor.name();
        assert_eq!(cursor.u64(), 0);
        (name, Camera { pose, lens })
    });
    let views = views.collect();
    assert!(cursor.0.is_empty());
    views
}

fn colmap_points(capture: &Path) -> Vec<DVec3> {
    let data = fs::read(capture.join("sparse/0/points3D.bin")).unwrap();
    let mut cursor = Cursor(&data);
    let points = (0..cursor.u64()).map(|_| {
        cursor.u64();
        let position = cursor.vec3();
        cursor.take(3 + 8 + 8);
        position
    });
    let points = points.collect();
    assert!(cursor.0.is_empty());
    points
}

/// The float32 numbers of a `.npy` file of the given shape.
fn npy(path: &Path, height: u32, width: u32) -> Vec<f32> {
    let data = fs::read(path).unwrap();
    assert_eq!(&data[..8], b"\x93NUMPY\x01\x00");
    let start = 10 + usize::from(u16::from_le_bytes([data[8], data[9]]));
    let header = std::str::from_utf8(&data[10..start]).unwrap();
    assert!(start.is_multiple_of(64) && header.ends_with('\n'));
    assert!(header.contains("'<f4'") && header.contains(&format!("({height}, {width})")), "{header}");
    let numbers: Vec<f32> = data[start..].chunks_exact(4).map(|c| f32::from_le_bytes(c.try_into().unwrap())).collect();
    assert_eq!(numbers.len(), (height * width) as usize);
    numbers
}

#[test]
fn the_same_description_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("deep/b"));
    let summary = run(&scene("tiny.toml"), &a).unwrap();
    assert_eq!(summary, Summary { train: 12, test: 3, width: 64, height: 64, points: 600, frames: 1 });
    run(&scene("tiny.toml"), &b).unwrap();
    let first = contents(&a);
    assert_eq!(first.len(), 15 * 3 + 4 + 4);
    assert!(first == contents(&b));
    // A capture is replaced by the next one, and nothing is left beside it.
    run(&scene("tiny.toml"), &a).unwrap();
    assert!(first == contents(&a));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn json_and_colmap_hold_the_same_cameras_and_they_look_at_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tiny");
    run(&scene("tiny.toml"), &out).unwrap();
    let views = colmap_views(&out);
    let held_out = fs::read_to_string(out.join("sparse/0/test.txt")).unwrap();
    let held_out: Vec<&str> = held_out.lines().collect();
    assert_eq!(held_out, ["0002.png", "0007.png", "0012.png"], "between the training views");

    let mut seen = Vec::new();
    for split in ["train", "test"] {
        let text = fs::read_to_string(out.join(format!("transforms_{split}.json"))).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let number = |key: &str| json[key].as_f64().unwrap();
        for frame in json["frames"].as_array().unwrap() {
            let file = frame["file_path"].as_str().unwrap();
            assert!(out.join(file).is_file());
            let name = file.strip_prefix("images/").unwrap();
            assert_eq!(held_out.contains(&name), split == "test");
            let (_, camera) = views.iter().find(|v| v.0 == name).unwrap();
            let rows = frame["transform_matrix"].as_array().unwrap();
            let numbers: Vec<f64> =
                rows.iter().flat_map(|r| r.as_array().unwrap()).map(|v| v.as_f64().unwrap()).collect();
            let pose = Pose::from_gl_camera_to_world(DMat4::from_cols_slice(&numbers).transpose());
            let difference = pose.rotation - camera.pose.rotation;
            assert!(difference.to_cols_array().iter().all(|v| v.abs() < 1e-14));
            assert!((pose.translation - camera.pose.translation).length() < 1e-14);

            let lens = camera.lens;
            assert_eq!(dvec2(number("fl_x"), number("fl_y")), lens.focal);
            assert_eq!(dvec2(number("cx"), number("cy")), lens.principal);
            assert_eq!((number("w"), number("h")), (64.0, 64.0));
            assert!((number("camera_angle_x") - 40f64.to_radians()).abs() < 1e-14);

            let (pixel, depth) = camera.project(dvec3(0.0, 0.0, 0.15)).unwrap();
            assert!((pixel - 32.0).length() < 1e-9 && (depth - 3.0).abs() < 1e-12);
            let elevation = ((camera.pose.centre().z - 0.15) / 3.0).asin().to_degrees();
            assert!((15.0..=65.0).contains(&elevation));
            seen.push(name.to_owned());
        }
    }
    seen.sort();
    assert_eq!(seen, views.iter().map(|v| v.0.clone()).collect::<Vec<_>>());
}

#[test]
fn points_lie_on_the_depth_maps() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tiny");
    run(&scene("tiny.toml"), &out).unwrap();
    let views = colmap_views(&out);
    let held_out = fs::read_to_string(out.join("sparse/0/test.txt")).unwrap();
    let views: Vec<_> = views.into_iter().filter(|v| !held_out.contains(&v.0)).collect();
    let points = colmap_points(&out);
    assert_eq!(points.len(), 600);
    // An equal share of the points was sampled from each training view, at its pixels' centres.
    for ((name, camera), points) in views.iter().zip(points.chunks_exact(50)) {
        let depth = npy(&out.join("depth").join(name).with_extension("npy"), 64, 64);
        let image = image::open(out.join("images").join(name)).unwrap().into_rgba8();
        for (alpha, z) in image.pixels().map(|p| p.0[3]).zip(&depth) {
            assert!(alpha > 0 || *z == 0.0, "no surface where the image is transparent");
            assert!(alpha < 255 || *z > 0.0, "a surface where it is opaque");
        }
        for &point in points {
            let (pixel, z) = camera.project(point).unwrap();
            assert!((pixel - pixel.floor() - 0.5).length() < 1e-4, "{pixel}");
            let stored = depth[pixel.y as usize * 64 + pixel.x as usize];
            assert!((f64::from(stored) - z).abs() < 1e-6, "{stored} {z}");
        }
    }
    let ply = fs::read(out.join("points.ply")).unwrap();
    let end = ply.windows(11).position(|w| w == b"end_header\n").unwrap() + 11;
    for (row, point) in ply[end..].chunks_exact(15).zip(&points) {
        let x = f32::from_le_bytes(row[..4].try_into().unwrap());
        assert_eq!(f64::from(x), point.x, "the same numbers in both files");
    }
}

#[test]
fn depth_and_normal_of_a_sphere_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sphere.toml");
    let text = fs::read_to_string(scene("tiny.toml")).unwrap();
    let head = &text[..text.find("[[object]]").unwrap()];
    let (centre, radius) = (dvec3(0.1, -0.05, 0.2), 0.6);
    let object = "[[object]]\nshape = { sphere = { radius = 0.6 } }\nat = [0.1, -0.05, 0.2]\nmaterial = \"red\"\n";
    fs::write(&file, format!("{head}{object}")).unwrap();
    let (description, _) = Description::read(&file).unwrap();
    let view = views(description.cameras.get_ref(), description.image.get_ref()).swap_remove(7);
    let camera = view.camera;
    let pixels = World::new(description).trace(&camera);
    let mut met = 0;
    for (index, pixel) in pixels.iter().enumerate() {
        // |eye + t ray − centre|² = radius², with the ray scaled to unit depth so that t is the depth.
        let at = dvec2((index % 64) as f64 + 0.5, (index / 64) as f64 + 0.5);
        let d = (at - camera.lens.principal) / camera.lens.focal;
        let ray = camera.pose.rotation.transpose() * d.extend(1.0);
        let from = camera.pose.centre() - centre;
        let (a, b, c) = (ray.length_squared(), ray.dot(from), from.length_squared() - radius * radius);
        let root = b * b - a * c;
        if root < 0.0 {
            assert!(pixel.depth == 0.0 && pixel.normal == DVec3::ZERO);
            continue;
        }
        met += 1;
        let depth = (-b - root.sqrt()) / a;
        assert_eq!(pixel.depth, depth as f32);
        assert!((pixel.normal - (from + ray * depth) / radius).length() < 1e-9);
    }
    assert!(met > 300);
}

#[test]
fn a_shadow_falls_where_the_light_is_hidden_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shadow.toml");
    let text = fs::read_to_string(scene("tiny.toml")).unwrap();
    let text = text.replace("azimuth = 215", "azimuth = 180").replace("elevation = 48", "elevation = 45");
    fs::write(&file, text.replace("#8a6a48", "#d8c8a8")).unwrap();
    let (description, _) = Description::read(&file).unwrap();
    let world = World::new(description);
    let radiance = |x: f64, y: f64| {
        let eye = dvec3(x, y, 5.0);
        let camera =
            Camera { pose: Pose::look_at(eye, dvec3(x, y, 0.0), DVec3::Y), lens: Lens::from_fov_x(1e-4, 1, 1) };
        world.trace(&camera)[0].colour[0]
    };
    // The ball at (0.3, -0.2, 0.3) hides the light, which comes from -x at 45°, from the table 0.3 further in x.
    assert!(radiance(0.62, -0.2) < 140);
    assert!(radiance(0.62, -0.62) > 180);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    let text = fs::read_to_string(scene("tiny.toml")).unwrap();
    let cases = [
        ("samples = 2", "samples = 0", "5:1: samples must be 1 to 8"),
        ("width = 64", "wdth = 64", "unknown field `wdth`"),
        ("train = 12", "train = -1", "12:9: invalid value"),
        ("fov = 40", "fov = 40 40", "17:"),
        ("\"transparent\"", "\"#12345\"", "9:14: \"#12345\" is not a colour"),
        ("radius = 0.3 }", "radius = nan }", "radius must be above 0"),
        ("radius = 0.3 }", "radius = 0.3, size = 1 }", "unexpected keys in table: size"),
        ("material = \"blue\"", "material = \"green\"", "there is no [material.green]"),
        ("roughness = 0.3", "roughness = 3", "roughness and metal must be 0 to 1"),
        ("elevation = [15, 65]", "elevation = [65, 15]", "elevation must be"),
        ("[sky]", "[clip]\nframes = 1\n[sky]", "frames must be 2"),
        ("[sky]", "[disturb]\nexposure = -1\n[sky]", "exposure and white_balance must be 0 to 8 stops"),
        ("[sky]", "[disturb]\nvignetting = 1.0\n[sky]", "vignetting must be 0 to 0.9"),
        ("[sky]", "[clip]\nframes = 4\nhold_out_every = 1\n[sky]", "at least 2"),
        ("[sky]", "[clip]\nframes = 4\ncamera = { eyes = [], targets = [] }\n[sky]", "lists of points"),
        ("material = \"red\"", "material = \"red\"\nmotion = { appears = 0.6, leaves = 0.5 }", "before leaves"),
    ];
    for (right, wrong, message) in cases {
        assert!(text.contains(right), "{right}");
        fs::write(&file, text.replacen(right, wrong, 1)).unwrap();
        let out = folder.path().join("out");
        let error = format!("{:#}", run(&file, &out).unwrap_err());
        assert!(error.contains("bad.toml:") && error.contains(message) && !error.contains('\n'), "{wrong}: {error}");
        assert!(!out.exists());
    }
    let error = format!("{:#}", run(&folder.path().join("none.toml"), folder.path()).unwrap_err());
    assert!(error.contains("none.toml"), "{error}");
}

#[test]
fn a_folder_with_other_things_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("photos");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("holiday.jpg"), b"precious").unwrap();
    let error = format!("{:#}", run(&scene("tiny.toml"), &out).unwrap_err());
    assert!(error.contains("holiday.jpg") && error.contains("choose another folder"), "{error}");
    assert_eq!(fs::read(out.join("holiday.jpg")).unwrap(), b"precious");
    // A folder called `images` alone is not a capture of ours either.
    fs::remove_file(out.join("holiday.jpg")).unwrap();
    fs::create_dir(out.join("images")).unwrap();
    assert!(run(&scene("tiny.toml"), &out).is_err());
    fs::remove_dir(out.join("images")).unwrap();
    assert!(run(&scene("tiny.toml"), &out).is_ok(), "an empty folder is free to use");
}

#[test]
fn the_shipped_scenes_are_right() {
    let mut count = 0;
    for file in fs::read_dir(scene("")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "toml") {
            Description::read(&file).unwrap();
            count += 1;
        }
    }
    assert!(count >= 7, "only {count} descriptions were found");
}

#[test]
fn five_faces_look_ahead_and_to_all_sides() {
    let text = fs::read_to_string(scene("tiny.toml")).unwrap().replace("fov = 40", "fov = 90\nlens = \"faces\"");
    let description: Description = toml::from_str(&text).unwrap();
    let views = views(description.cameras.get_ref(), description.image.get_ref());
    assert_eq!(views.len(), 5 * 15);
    let [ahead, left, right, up, down] = std::array::from_fn(|i| &views[5 * 7 + i]);
    let axis = |view: &PlannedView, axis: usize| view.camera.pose.rotation.row(axis);
    for (view, direction) in
        [(left, -axis(ahead, 0)), (right, axis(ahead, 0)), (up, -axis(ahead, 1)), (down, axis(ahead, 1))]
    {
        assert!((axis(view, 2) - direction).length() < 1e-12, "{}", view.name);
        assert!((view.camera.pose.centre() - ahead.camera.pose.centre()).length() < 1e-12, "{}", view.name);
        assert_eq!(view.split, ahead.split);
    }
}
