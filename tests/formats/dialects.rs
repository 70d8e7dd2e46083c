//! Scenes as other programs leave them: headers, names, types and numbers, folders and archives.

use std::io::Write;

use dapple::format::{self, Contents, Format};
use dapple::scene::{SH_C0, Scene, sigmoid};
use glam::Vec3;

use crate::support::files::{Folder, error_of};
use crate::support::made::scene;

const NAMES: [&str; 14] = [
    "x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2",
    "rot_3",
];
const ROW: &str = "1 2 3 .1 .2 .3 2 -1 -2 -3 1 0 0 0\n";

/// An ASCII PLY of rows of [`NAMES`].
fn text(rows: &[&str]) -> String {
    let properties: String = NAMES.iter().map(|name| format!("property float {name}\n")).collect();
    format!("ply\nformat ascii 1.0\nelement vertex {}\n{properties}end_header\n{}", rows.len(), rows.concat())
}

fn read(folder: &Folder, name: &str, content: impl AsRef<[u8]>) -> format::Loaded {
    format::load(&folder.file(name, content)).unwrap_or_else(|error| panic!("{name}: {error:#}"))
}

#[test]
fn headers_of_many_hands_are_the_same() {
    let folder = Folder::new();
    let plain = text(&[ROW, ROW]);
    let expected = read(&folder, "plain.ply", &plain).scene;
    let long = format!("format ascii 1.0\nobj_info {}\tb\ncomment {}\n", "a".repeat(400), "c".repeat(5000));
    let rows = format!("end_header\n{ROW}");
    for (name, changed) in [
        ("tabs", plain.replace("property float ", "property\tfloat\t").replace("element vertex ", "element\tvertex\t")),
        ("upper", plain.replace("ply\n", "PLY\n").replace("float", "Float").replace("vertex", "VERTEX")),
        ("names", plain.replace("float x", "float X").replace("opacity", "Opacity")),
        ("mark", format!("\u{feff}{plain}")),
        ("information", plain.replace("format ascii 1.0\n", &long)),
        ("blank", plain.replace(&rows, &format!("end_header\n\n  \n{ROW}\n\n"))),
        (
            "before",
            plain
                .replace("element vertex", "element camera 1\nproperty list int int ids\nelement vertex")
                .replace("end_header\n", "end_header\n2 7 7\n"),
        ),
        ("endings", plain.replace('\n', "\r\n")),
    ] {
        assert_eq!(read(&folder, &format!("{name}.ply"), changed).scene, expected, "{name}");
    }
}

#[test]
fn lists_before_the_vertices_are_passed_over() {
    let folder = Folder::new();
    format::write_scene(&folder.path("a.ply"), &scene(5, 1)).expect("writes");
    let bytes = std::fs::read(folder.path("a.ply")).expect("reads");
    let at = |what: &[u8]| bytes.windows(what.len()).position(|w| w == what).expect("it is there");
    let (vertex, body) = (at(b"element vertex"), at(b"end_header\n") + 11);
    let faces = b"element face 2\nproperty list uchar int vertex_indices\nproperty uchar flag\n";
    let mut lists = vec![3];
    lists.extend([0_u8; 12]);
    lists.extend([9, 0, 9]);
    let whole = [&bytes[..vertex], faces, &bytes[vertex..body], &lists, &bytes[body..]].concat();
    assert_eq!(read(&folder, "b.ply", whole).scene, scene(5, 1));
    let claim = [&bytes[..vertex], b"element face 99999\nproperty list uchar int i\n", &bytes[vertex..]].concat();
    assert!(error_of(&folder.file("c.ply", claim)).contains("cut short"), "a claim");
}

#[test]
fn names_and_types_of_other_programs() {
    let folder = Folder::new();
    let plain = text(&[ROW]);
    let expected = read(&folder, "plain.ply", &plain).scene;
    let mut prefixed = plain.clone();
    NAMES[3..].iter().for_each(|name| prefixed = prefixed.replace(&format!(" {name}\n"), &format!(" scalar_{name}\n")));
    let found = read(&folder, "cloudcompare.ply", prefixed);
    assert_eq!(found.scene, expected);
    assert!(found.warnings[0].contains("CloudCompare"), "{:?}", found.warnings);

    let coloured = plain.replace("float f_dc_0", "uchar red").replace("float f_dc_1", "uchar green");
    let coloured = coloured.replace("float f_dc_2", "uchar blue").replace("3 .1 .2 .3 2", "3 255 0 51 2");
    let found = read(&folder, "rgb.ply", coloured);
    let colour: Vec<f32> = found.scene.sh.iter().map(|dc| dc * SH_C0 + 0.5).collect();
    assert!(Vec3::from_slice(&colour).distance(Vec3::new(1.0, 0.0, 0.2)) < 1e-6, "{colour:?}");
    assert!(found.warnings[0].contains("red, green, blue"), "{:?}", found.warnings);

    let bytes = plain.replace("float opacity", "uchar opacity").replace(".3 2 -1", ".3 51 -1");
    let found = read(&folder, "uchar.ply", bytes);
    assert!((sigmoid(found.scene.logits[0]) - 0.2).abs() < 1e-6 && !found.warnings.is_empty());
    let error = error_of(&folder.file("scale.ply", plain.replace("float scale_1", "uchar scale_1").replace("-2", "2")));
    assert!(error.contains("scale_1 is of an integer type"), "{error}");

    let extra = plain
        .replace("property float rot_0", "property int segment_id\nproperty float filter_3D\nproperty float rot_0");
    let found = read(&folder, "extra.ply", extra.replace("-3 1 0", "-3 4 5 1 0"));
    assert_eq!(found.scene, expected);
    assert!(found.warnings[0].contains("segment_id, filter_3D"), "{:?}", found.warnings);
    let moving = plain.replace("property float rot_0", "property float velocity_x\nproperty float rot_0");
    let found = read(&folder, "moving.ply", moving.replace("-3 1 0", "-3 4 1 0"));
    assert!(found.warnings[0].contains("velocity_x") && found.warnings[0].contains("still"), "{:?}", found.warnings);
}

#[test]
fn numbers_without_a_meaning_are_left_out_and_counted() {
    let folder = Folder::new();
    let rows = [
        ROW,
        "nan 2 3 .1 .2 .3 2 -1 -2 -3 1 0 0 0\n",
        "1 2 3 .1 .2 .3 2 -1 -2 inf 1 0 0 0\n",
        "1 2 3 .1 .2 .3 2 -1 -2 -3 0 0 0 0\n",
        "1 2 3 .1 .2 .3 2 -2 -2 -2 0 0 0 0\n",
        "1 2 3 .1 .2 .3 2 -1 -2 -inf 1 0 0 0\n",
        "1 2 3 .1 .2 .3 inf -1 -2 -3 3e25 0 0 4e25\n",
        "1 2 3 .1 .2 .3 -inf -1 -2 -3 1e-30 0 0 0\n",
        "1 2 3 .1 nan .3 2 -1 -2 -3 1 0 0 0\n",
    ];
    let found = read(&folder, "odd.ply", text(&rows));
    let scene = &found.scene;
    assert_eq!(scene.len(), 5);
    scene.validate().expect("what is left is whole");
    for said in [
        "2 Gaussians hold a NaN and are left out",
        "1 Gaussian holds an infinity",
        "1 Gaussian has a quaternion of 0",
        "1 Gaussian is flat",
    ] {
        assert!(found.warnings.iter().any(|warning| warning.starts_with(said)), "{said}: {:?}", found.warnings);
    }
    assert!((scene.log_scales[2].z - (-2.0 - 1000_f32.ln())).abs() < 0.01, "a thousandth of the width");
    let [w, _, _, z] = scene.quaternions[3];
    assert!((w - 0.6).abs() < 1e-6 && (z - 0.8).abs() < 1e-6 && scene.quaternions[4] == [1.0, 0.0, 0.0, 0.0]);
    assert!(sigmoid(scene.logits[3]) > 0.999 && sigmoid(scene.logits[4]) < 1e-5);
    let lost = error_of(&folder.file("lost.ply", text(&[rows[1], rows[2]])));
    assert!(lost.contains("none of its 2 Gaussians is whole"), "{lost}");
    // Of every format.
    let mut broken = crate::support::made::scene(9, 0);
    let path = folder.path("b.splat");
    format::write_scene(&path, &broken).expect("writes");
    broken.means.clear();
    let mut bytes = std::fs::read(&path).expect("reads");
    bytes[32..36].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(read(&folder, "b.splat", bytes).scene.len(), 8);
}

#[test]
fn free_time_scenes_move() {
    let folder = Folder::new();
    let columns = "property float time\nproperty float log_duration\nproperty float velocity_0\nproperty float velocity_1\nproperty float velocity_2\nend_header\n";
    let plain = text(&["1 2 3 .1 .2 .3 2 -1 -2 -3 1 0 0 0 0.25 -5 1 2 -4\n"]).replace("end_header\n", columns);
    let comments = "comment ftgs_version 1\ncomment use_velocity 1\ncomment min_duration 0.02\nelement";
    let found = read(&folder, "m.ftgs.ply", plain.replacen("element", comments, 1));
    let moment = found.scene.at(0.27);
    assert!(moment.means[0].distance(Vec3::new(1.02, 2.04, 2.92)) < 1e-6);
    // One duration after the centre, which is the least and not e⁻⁵.
    assert!((sigmoid(moment.logits[0]) - sigmoid(2.0) * (-0.5_f32).exp()).abs() < 1e-5);
    assert!(read(&folder, "n.ply", &plain).scene.motion.is_some(), "without the comments too");
    let still = read(&folder, "o.ply", plain.replacen("element", &comments.replace("velocity 1", "velocity 0"), 1));
    assert_eq!(still.scene.motion.expect("fades").velocities, [Vec3::ZERO]);
    assert!(
        error_of(&folder.file("p.ply", plain.replacen("element", "comment ftgs_version 2\nelement", 1)))
            .contains("version 2")
    );
}

#[test]
fn folders_of_other_programs_open() {
    let folder = Folder::new();
    let (first, last) = (text(&[ROW]), text(&[ROW, ROW]));
    for root in ["inria", "inria/point_cloud"] {
        folder.file("inria/point_cloud/iteration_7000/point_cloud.ply", &first);
        folder.file("inria/point_cloud/iteration_30000/point_cloud.ply", &last);
        folder.file("inria/input.ply", &first);
        let found = format::load(&folder.path(root)).expect("opens");
        assert_eq!(found.scene.len(), 2, "{root}");
        assert!(found.warnings[0].ends_with("iteration_30000/point_cloud.ply"), "{:?}", found.warnings);
    }
    folder.file("single/anything.ply", &last);
    assert_eq!(format::load(&folder.path("single")).expect("opens").scene.len(), 2);
    // Captures have their points in such a folder.
    let points = "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n1 2 3\n";
    folder.file("capture/points.ply", points);
    assert!(error_of(&folder.path("capture")).contains("holds no scene.ply"));
    folder.file("single/points.ply", points);
    assert_eq!(format::load(&folder.path("single")).expect("opens").scene.len(), 2);
    folder.file("single/other.ply", &last);
    assert!(error_of(&folder.path("single")).contains("several scenes, anything.ply to other.ply"));
    for extension in ["compressed.ply", "spz", "splat", "ply", "sog", "glb", "usda", "usdz", "dapple", "tsog", "4dgs"] {
        let still = scene(10, 0);
        for i in 1..=3 {
            let path = folder.path(&format!("clip-{extension}/frame_{i:04}.{extension}"));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("creates");
            format::write_scene(&path, &still).expect("writes");
        }
        let clip = format::load(&folder.path(&format!("clip-{extension}"))).expect("opens");
        assert_eq!(clip.scene.len(), 30, "{extension}");
        assert_eq!(clip.scene.motion.expect("moves").centres[10], 0.5);
    }
    for name in ["a_1", "a_2", "b_1", "b_2"] {
        folder.file(&format!("two/{name}.ply"), &first);
    }
    assert!(error_of(&folder.path("two")).contains("two sequences"));
    folder.file("two/scene.ply", &last);
    assert_eq!(format::load(&folder.path("two")).expect("a run's scene first").scene.len(), 2);
}

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).expect("starts");
        archive.write_all(content).expect("writes");
    }
    archive.finish().expect("finishes").into_inner()
}

#[test]
fn scenes_in_a_zip_open() {
    let folder = Folder::new();
    let one = text(&[ROW]);
    let found = read(&folder, "one.zip", zipped(&[("notes.txt", b"x"), ("export/scene_7.ply", one.as_bytes())]));
    assert_eq!(found.scene.len(), 1);
    assert!(found.warnings[0].contains("export/scene_7.ply"), "{:?}", found.warnings);
    let clip = zipped(&[("f_1.ply", one.as_bytes()), ("f_2.ply", one.as_bytes())]);
    assert!(read(&folder, "clip.zip", &clip).scene.motion.is_some());
    assert!(error_of(&folder.file("none.zip", zipped(&[("a.txt", b"x")]))).contains("a zip archive with neither"));
    assert!(error_of(&folder.file("deep.zip", zipped(&[("a.ply", &clip)]))).contains("a zip archive in another"));
    let broken = error_of(&folder.file("broken.zip", zipped(&[("a.ply", &one.as_bytes()[..90])])));
    assert!(broken.contains("broken.zip") && broken.contains("end_header"), "{broken}");
}

#[test]
fn the_finest_level_of_a_streamed_sog_is_read() {
    let folder = Folder::new();
    for part in ["0_0", "1_0", "sky"] {
        std::fs::create_dir(folder.path(part)).expect("creates");
        format::write_scene(&folder.path(&format!("{part}/meta.json")), &scene(20, 1)).expect("writes");
    }
    let tree = r#"{"lodLevels": 2, "environment": "sky/meta.json", "filenames": ["0_0/meta.json", "1_0/meta.json"],
        "tree": {"bound": {"min": [0,0,0], "max": [1,1,1]}, "children": [
            {"bound": {}, "lods": {"0": {"file": 0, "offset": 0, "count": 7}, "1": {"file": 1, "offset": 0, "count": 3}}},
            {"bound": {}, "lods": {"1": {"file": 1, "offset": 3, "count": 4}}}]}}"#;
    let found = read(&folder, "lod-meta.json", tree);
    assert_eq!((found.scene.len(), found.format, found.version.as_str()), (7 + 4 + 20, Format::Sog, "streamed"));
    assert!(
        error_of(&folder.file("lod-meta.json", tree.replace("\"count\": 4", "\"count\": 40"))).contains("which has 20")
    );
    std::fs::remove_dir_all(folder.path("1_0")).expect("removes");
    folder.file("lod-meta.json", tree);
    assert!(error_of(&folder.path("lod-meta.json")).contains("part 1_0/meta.json is not there"));
}

#[test]
fn a_sog_of_equal_gaussians_reads_back() {
    let folder = Folder::new();
    let one = scene(1, 1);
    let many = |values: &[f32]| values.repeat(70_000);
    let alike = Scene {
        means: vec![one.means[0]; 70_000],
        quaternions: vec![one.quaternions[0]; 70_000],
        log_scales: vec![one.log_scales[0]; 70_000],
        logits: many(&one.logits),
        sh: many(&one.sh),
        sh_degree: 1,
        ..Scene::default()
    };
    for name in ["a.sog", "a.spz", "a.dapple"] {
        format::write_scene(&folder.path(name), &alike).expect("writes");
        assert_eq!(format::load(&folder.path(name)).expect(name).scene.len(), 70_000);
    }
}

/// Values of old writers, against the specification.
#[test]
fn logits_and_logarithms_in_gltf_are_found() {
    let folder = Folder::new();
    let right = scene(40, 1);
    let path = folder.path("a.gltf");
    format::write_scene(&path, &right).expect("writes");
    let text = std::fs::read_to_string(&path).expect("reads");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let primitive = &document["meshes"][0]["primitives"][0]["attributes"];
    let accessor =
        |name: &str| primitive[format!("KHR_gaussian_splatting:{name}")].as_u64().expect("an accessor") as usize;
    let start = |index: usize| {
        let array = &document["accessors"][index];
        let view = &document["bufferViews"][array["bufferView"].as_u64().expect("a view") as usize];
        (array["byteOffset"].as_u64().unwrap_or(0) + view["byteOffset"].as_u64().unwrap_or(0)) as usize
    };
    let mut bytes = std::fs::read(folder.path("a.bin")).expect("reads");
    let mut put = |at: usize, values: Vec<f32>| {
        let raw: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        bytes[at..at + raw.len()].copy_from_slice(&raw);
    };
    put(start(accessor("OPACITY")), right.logits.clone());
    put(start(accessor("SCALE")), right.log_scales.iter().flat_map(|scale| scale.to_array()).collect());
    std::fs::write(folder.path("a.bin"), &bytes).expect("writes");
    let found = format::load(&path).expect("reads");
    assert_eq!((&found.scene.logits, &found.scene.log_scales), (&right.logits, &right.log_scales));
    assert!(
        found.warnings.iter().any(|w| w.contains("logits")) && found.warnings.iter().any(|w| w.contains("logarithms"))
    );
    // Bytes that are not called normalised.
    let opacity = accessor("OPACITY");
    let mut document = document.clone();
    document["accessors"][opacity]["componentType"] = 5121.into();
    let at = start(opacity);
    bytes[at..at + 40].fill(51);
    std::fs::write(folder.path("a.bin"), &bytes).expect("writes");
    std::fs::write(&path, document.to_string()).expect("writes");
    let found = format::load(&path).expect("reads");
    assert!((sigmoid(found.scene.logits[5]) - 0.2).abs() < 1e-6);
    assert!(found.warnings.iter().any(|w| w.contains("normalised")), "{:?}", found.warnings);
}

#[test]
fn an_element_that_is_not_known_is_passed_over_in_a_compressed_ply() {
    let folder = Folder::new();
    let path = folder.path("a.compressed.ply");
    format::write_scene(&path, &scene(5, 0)).expect("writes");
    let mut bytes = std::fs::read(&path).expect("reads");
    let before = format::read_scene(&path).expect("reads");
    let at = bytes.windows(10).position(|w| w == b"end_header").expect("an end");
    bytes.splice(at..at, *b"element extrinsic 2\nproperty float extrinsic\n");
    bytes.extend([0; 8]);
    let Contents::Scene(found) = format::read_any(&folder.file("b.ply", bytes)).expect("reads") else {
        panic!("a scene")
    };
    assert_eq!(found.scene, before);
}
