//! Scene files: round trips, other tools' dialects, and files that are wrong.

use std::path::Path;

use dapple::format::{self, Contents};
use dapple::scene::Scene;
use glam::Vec3;

use crate::support::files::{Folder, error_of};
use crate::support::made::scene;

#[test]
fn scenes_of_every_degree_come_back() {
    let folder = Folder::new();
    for degree in 0..=3 {
        let path = folder.path("scene.ply");
        let written = scene(7, degree);
        format::write_scene(&path, &written).expect("writes");
        assert_eq!(format::read_scene(&path).expect("reads"), written);
        assert_eq!(format::read_scene(folder.0.path()).expect("a run folder reads"), written);
        let floats = [17, 26, 41, 62][degree as usize];
        let bytes = std::fs::read(&path).expect("reads");
        let header = bytes.windows(11).position(|w| w == b"end_header\n").expect("an end of header") + 11;
        assert_eq!(bytes.len() - header, 7 * floats * 4);
    }
    assert_eq!(std::fs::read_dir(folder.0.path()).expect("lists").count(), 1, "no partial file is left");
}

#[test]
fn the_layout_is_inria_s() {
    let folder = Folder::new();
    let path = folder.path("scene.ply");
    let written = scene(1, 3);
    format::write_scene(&path, &written).expect("writes");
    let bytes = std::fs::read(&path).expect("reads");
    let text = String::from_utf8_lossy(&bytes);
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("property float ")).collect();
    assert_eq!(names.len(), 62);
    assert_eq!(names[..9], ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]);
    assert_eq!((names[9], names[53], names[54], names[61]), ("f_rest_0", "f_rest_44", "opacity", "rot_3"));
    let body = &bytes[bytes.len() - 248..];
    let float = |i: usize| f32::from_le_bytes(body[4 * i..4 * i + 4].try_into().expect("four bytes"));
    assert_eq!([float(3), float(4), float(5)], [0.0; 3], "normals are zero");
    // f_rest_0 is red's coefficient 1, f_rest_15 green's, f_rest_1 red's coefficient 2.
    assert_eq!([float(9), float(24), float(10)], [written.sh[3], written.sh[4], written.sh[6]]);
    assert_eq!(float(58), written.quaternions[0][0]);
}

/// The vertices of a degree-0 scene in another order, with doubles and properties that nobody asked for.
const DIALECT: &str = "property float rot_0\nproperty float rot_1\nproperty float rot_2\nproperty float rot_3\n\
    property uchar flag\nproperty double x\nproperty double y\nproperty double z\nproperty float opacity\n\
    property float scale_2\nproperty float scale_1\nproperty float scale_0\n\
    property float f_dc_2\nproperty float f_dc_1\nproperty float f_dc_0\n";

fn check_dialect(scene: &Scene) {
    assert_eq!(scene.len(), 1);
    assert_eq!(scene.quaternions[0], [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(scene.means[0], Vec3::new(6.5, 7.5, 8.5));
    assert_eq!(scene.logits[0], 9.0);
    assert_eq!(scene.log_scales[0], Vec3::new(12.0, 11.0, 10.0));
    assert_eq!(scene.sh, [15.0, 14.0, 13.0]);
    assert!(scene.antialiased);
}

#[test]
fn properties_are_found_by_name_in_every_encoding() {
    let folder = Folder::new();
    let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.5, 7.5, 8.5, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
    let header = |format: &str| {
        format!("ply\nformat {format} 1.0\ncomment SplatRenderMode: mip\nelement vertex 1\n{DIALECT}end_header\n")
    };
    let text: Vec<String> = values.iter().map(f64::to_string).collect();
    let ascii = format!("{}{}\n", header("ascii").replace('\n', "\r\n"), text.join(" "));
    check_dialect(&format::read_scene(&folder.file("a.ply", ascii)).expect("ascii"));
    for big in [false, true] {
        let mut bytes = header(if big { "binary_big_endian" } else { "binary_little_endian" }).into_bytes();
        for (i, value) in values.into_iter().enumerate() {
            match (i, big) {
                (4, _) => bytes.push(value as u8),
                (5..=7, true) => bytes.extend(value.to_be_bytes()),
                (5..=7, false) => bytes.extend(value.to_le_bytes()),
                (_, true) => bytes.extend((value as f32).to_be_bytes()),
                (_, false) => bytes.extend((value as f32).to_le_bytes()),
            }
        }
        check_dialect(&format::read_scene(&folder.file("b.ply", bytes)).expect("binary"));
    }
}

#[test]
fn an_element_before_the_vertices_is_passed_over() {
    let folder = Folder::new();
    let mut bytes = b"ply\nformat binary_little_endian 1.0\nelement camera 2\nproperty int id\nelement vertex 1\n\
        property float x\nproperty float y\nproperty float z\nproperty uchar red\nproperty uchar green\n\
        property uchar blue\nelement face 9\nproperty list uchar int vertex_indices\nend_header\n"
        .to_vec();
    bytes.extend([0; 8]);
    bytes.extend([1.0_f32, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()));
    bytes.extend([255, 0, 51]);
    let path = folder.file("points.ply", bytes);
    let Contents::Points(points) = format::read_any(&path).expect("reads") else { panic!("a point cloud") };
    assert_eq!(points.positions, [Vec3::new(1.0, 2.0, 3.0)]);
    assert_eq!(points.colours, [Vec3::new(1.0, 0.0, 0.2)]);
    assert!(error_of(&path).contains("a point cloud, not a scene"));
}

#[test]
fn files_that_are_wrong_get_one_clear_line() {
    let folder = Folder::new();
    let good = folder.path("good.ply");
    format::write_scene(&good, &scene(5, 1)).expect("writes");
    let bytes = std::fs::read(&good).expect("reads");
    let text_edit = |from: &str, to: &str| {
        let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).expect("the header says so");
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    };

    let short = error_of(&folder.file("short.ply", &bytes[..bytes.len() - 10]));
    assert!(short.contains("5 rows of \"vertex\" need 520 bytes, 510 found"), "{short}");
    let claim = error_of(&folder.file("claim.ply", text_edit("vertex 5", "vertex 99999999999")));
    assert!(claim.contains("99999999999 rows") && claim.contains("520 found"), "{claim}");
    let huge = error_of(&folder.file("huge.ply", text_edit("vertex 5", "vertex 18446744073709551615")));
    assert!(huge.contains("more than any file holds"), "{huge}");
    let absent = error_of(&folder.file("absent.ply", text_edit("opacity", "opaquely")));
    assert!(absent.contains("lack the properties opacity"), "{absent}");
    let rest = error_of(&folder.file("rest.ply", text_edit("f_rest_4", "unused_4")));
    assert!(rest.contains("8 properties f_rest_*"), "{rest}");
    let kind = error_of(&folder.file("kind.ply", text_edit("float f_dc_1", "quark f_dc_1")));
    assert!(kind.contains("\"quark\" is not known") && kind.contains("header line 13"), "{kind}");
    assert!(error_of(&folder.file("text.ply", "hello\n")).contains("does not start with"));
    assert!(error_of(&folder.file("empty.ply", "")).contains("not a PLY"));
    assert!(error_of(&folder.file("endless.ply", vec![b'a'; 3 << 20])).contains("end_header"));

    let mut poisoned = bytes.clone();
    let last_row = poisoned.len() - 26 * 4;
    poisoned[last_row..last_row + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let poisoned = format::load(&folder.file("nan.ply", poisoned)).expect("reads");
    assert_eq!(poisoned.scene.means, scene(5, 1).means[..4]);
    assert_eq!(poisoned.warnings, ["1 Gaussian holds a NaN and is left out"]);

    assert!(error_of(&folder.file("scene.obj", "v 0 0 0\n")).contains("scenes are .ply, .compressed.ply, .splat"));
    assert!(error_of(&folder.path("missing.ply")).contains("cannot open"));
    std::fs::create_dir(folder.path("run")).expect("creates");
    assert!(error_of(&folder.path("run")).contains("holds no scene.ply"));
}

#[test]
fn ascii_mistakes_name_the_row() {
    let folder = Folder::new();
    let header = format!("ply\nformat ascii 1.0\nelement vertex 2\n{DIALECT}end_header\n");
    let row = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n";
    let word = error_of(&folder.file("a.ply", format!("{header}{row}{}", row.replace('9', "nine"))));
    assert!(word.contains("row 1: \"nine\" is not a number, in \"opacity\""), "{word}");
    let ends = error_of(&folder.file("b.ply", format!("{header}{row}1 2 3 4 5 6 7 8 9 10 11 12 13 14\n")));
    assert!(ends.contains("row 1 ends before \"f_dc_0\""), "{ends}");
    let missing = error_of(&folder.file("c.ply", format!("{header}{row}")));
    assert!(missing.contains("cut short"), "{missing}");
}

#[test]
fn a_scene_that_is_not_finite_is_not_written() {
    let folder = Folder::new();
    let path = folder.path("scene.ply");
    format::write_scene(&path, &scene(3, 0)).expect("writes");
    let before = std::fs::read(&path).expect("reads");
    let mut broken = scene(3, 0);
    broken.logits[2] = f32::INFINITY;
    let message = format!("{:#}", format::write_scene(&path, &broken).expect_err("must fail"));
    assert!(message.contains("Gaussian 2"), "{message}");
    assert_eq!(std::fs::read(&path).expect("reads"), before, "the earlier file is whole");
    let nowhere = format::write_scene(&folder.path("no/where.ply"), &scene(1, 0)).expect_err("must fail");
    assert!(nowhere.to_string().contains("its folder does not exist"), "{nowhere}");
}

/// The INRIA scene of the shared data, where there is one.
#[test]
fn a_scene_of_the_original_implementation_reads() {
    let data = std::env::var("DAPPLE_DATA").unwrap_or_else(|_| "../shared/data".into());
    let folder = Path::new(&data).join("splats/inria_ply");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let Some(path) = entries.into_iter().find(|path| path.extension().is_some_and(|e| e == "ply")) else {
        eprintln!("SKIPPED: no scene in {}", folder.display());
        return;
    };
    let scene = format::read_scene(&path).expect("reads");
    assert_eq!((scene.len(), scene.sh_degree), (9080, 3));
    let copy = Folder::new();
    format::write_scene(&copy.path("copy.ply"), &scene).expect("writes");
    assert_eq!(format::read_scene(&copy.path("copy.ply")).expect("reads"), scene);
}
