//! Scenes converted, cut and joined on the command line, and what `info` says of them.

use serde_json::Value;

use super::Folder;

/// Eight Gaussians of degree 1 along x, at 0 to 7, of growing opacity; the first can never be seen.
fn row() -> String {
    let names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2"].map(String::from).into_iter();
    let rest = (0..9).map(|i| format!("f_rest_{i}"));
    let last = ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"].map(String::from);
    let properties: String = names.chain(rest).chain(last).map(|name| format!("property float {name}\n")).collect();
    let rows: String = (0..8)
        .map(|i| format!("{i} 1 2 0.1 0.2 0.3 .1 .2 .3 .4 .5 .6 .7 .8 .9 {} -2 -2 -2 1 0 0 0\n", 2 * i - 6))
        .collect();
    format!("ply\nformat ascii 1.0\ncomment SplatRenderMode: mip\nelement vertex 8\n{properties}end_header\n{rows}")
}

fn info(folder: &Folder, file: &str) -> Value {
    let output = folder.dapple(&format!("info {file} --json")).assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn said(folder: &Folder, line: &str) -> String {
    let output = folder.dapple(line).assert().success().get_output().clone();
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

#[test]
fn info_says_what_a_file_holds() {
    let folder = Folder::new();
    folder.file("row.ply", row());
    let facts = info(&folder, "row.ply");
    assert_eq!((&facts["format"], &facts["version"]), (&Value::from("PLY"), &Value::Null));
    assert_eq!((facts["gaussians"].as_u64(), facts["sh_degree"].as_u64()), (Some(8), Some(1)));
    assert_eq!((&facts["antialiased"], &facts["motion"]), (&Value::from(true), &Value::from(false)));
    assert_eq!(facts["bounds"], serde_json::json!({ "min": [0.0, 1.0, 2.0], "max": [7.0, 1.0, 2.0] }));
    assert_eq!((facts["never_seen"].as_u64(), &facts["warnings"]), (Some(1), &Value::from(Vec::<Value>::new())));
    assert_eq!(facts["bytes"].as_u64(), Some(row().len() as u64));
    let text = said(&folder, "info row.ply");
    assert!(text.starts_with("row.ply: PLY, 8 Gaussians, degree 1\n"), "{text}");
    assert!(text.contains("anti-aliased yes") && text.contains("never seen   1 "), "{text}");
    folder.file("run/scene.ply", row());
    assert_eq!(info(&folder, "run")["gaussians"].as_u64(), Some(8));
}

#[test]
fn every_format_is_written_and_read() {
    let folder = Folder::new();
    folder.file("row.ply", row());
    let formats = [
        ("out.ply", "PLY", 1),
        ("out.compressed.ply", "compressed PLY", 1),
        ("out.splat", "splat", 0),
        ("out.spz", "SPZ", 1),
        ("out.sog", "SOG", 1),
        ("out.glb", "glTF binary", 1),
        ("out.gltf", "glTF", 1),
        ("out.usda", "USD text", 1),
        ("out.usdz", "USD package", 1),
    ];
    for (file, name, degree) in formats {
        let text = said(&folder, &format!("export row.ply {file}"));
        assert!(text.contains("left out 1 that can never be seen"), "{text}");
        assert!(text.contains(&format!("wrote {file}: {name}, 7 Gaussians, degree {degree}")), "{text}");
        let holds = ["PLY", "compressed PLY", "SPZ", "SOG"].contains(&name);
        assert_eq!(text.contains("warning") && text.contains("anti-aliasing"), !holds, "{text}");
        let facts = info(&folder, file);
        assert_eq!((&facts["format"], &facts["gaussians"]), (&Value::from(name), &Value::from(7)), "{file}");
        assert_eq!((&facts["sh_degree"], &facts["antialiased"]), (&Value::from(degree), &Value::from(holds)), "{file}");
        let near = |at: &Value, expected: f64| (at.as_f64().expect("a number") - expected).abs() < 0.01;
        assert!(near(&facts["bounds"]["min"][0], 1.0) && near(&facts["bounds"]["max"][0], 7.0), "{facts}");
    }
    assert_eq!(info(&folder, "out.spz")["version"], "4");
    folder.succeed("export row.ply three.spz --spz-version 3 --spz-frame rdf");
    let three = info(&folder, "three.spz");
    assert_eq!((&three["version"], three["gaussians"].as_u64()), (&Value::from("3"), Some(7)));
    folder.succeed("export three.spz back.ply --spz-frame-in rdf");
    assert_eq!(info(&folder, "back.ply")["bounds"]["max"], serde_json::json!([7.0, 1.0, 2.0]));
    folder.succeed("export three.spz turned.ply");
    assert_eq!(info(&folder, "turned.ply")["bounds"]["max"], serde_json::json!([7.0, -1.0, -2.0]));
}

#[test]
fn a_page_holds_everything_that_it_shows() {
    let folder = Folder::new();
    folder.file("row.ply", row());
    folder.succeed("export row.ply <row>.html");
    let page = folder.text("<row>.html");
    assert!(page.contains("<title>&lt;row></title>") && page.contains("MIT License"), "a title and a licence");
    let part = page.split_once("class=\"scene\">").and_then(|(_, rest)| rest.split_once('<')).expect("a scene").0;
    let scene = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, part).expect("base64");
    std::fs::write(folder.path("scene.sog"), scene).expect("writes");
    assert_eq!(info(&folder, "scene.sog")["gaussians"], 7);
    // Nothing is fetched: no element names a file or an address.
    let own = page.split("<script type=\"text/plain\"").next().expect("a head");
    assert!(!own.contains("src=") && !own.contains("href=") && !own.contains("url(http"), "{own}");
    assert!(folder.error("info <row>.html", 1).contains("only be written"));
}

#[test]
fn steps_are_taken_in_the_stated_order() {
    let folder = Folder::new();
    folder.file("row.ply", row());
    let bounds = |options: &str| {
        folder.succeed(&format!("export row.ply out.ply --overwrite {options}"));
        let facts = info(&folder, "out.ply");
        let corner = |name: &str| {
            let values = facts["bounds"][name].as_array().expect("a corner");
            values.iter().map(|v| (v.as_f64().expect("a number") * 100.0).round() / 100.0).collect::<Vec<_>>()
        };
        (facts["gaussians"].as_u64().expect("a count"), corner("min"), corner("max"))
    };
    assert_eq!(bounds("--crop box=2,0,0,4,9,9"), (3, vec![2.0, 1.0, 2.0], vec![4.0, 1.0, 2.0]));
    assert_eq!(bounds("--crop box=2,0,0,4,9,9 --crop sphere=4,1,2,1.5").0, 2);
    // The crop sees what the transform has made, wherever it stands.
    let moved = "--crop box=19,0,0,99,9,9 --transform translate=7,0,0 --transform scale=2";
    assert_eq!(bounds(moved), (5, vec![20.0, 2.0, 4.0], vec![28.0, 2.0, 4.0]));
    assert_eq!(bounds("--transform rotate=0,0,90"), (7, vec![-1.0, 1.0, 2.0], vec![-1.0, 7.0, 2.0]));
    assert_eq!(bounds("--up x"), (7, vec![1.0, -7.0, 2.0], vec![1.0, -1.0, 2.0]));
    assert_eq!(bounds("--min-opacity 0.6"), (4, vec![4.0, 1.0, 2.0], vec![7.0, 1.0, 2.0]));
    assert_eq!(bounds("--keep 2").0, 2);
    assert_eq!(bounds("--max-size 0.2").0, 7);
    assert!(folder.error("export row.ply out.ply --overwrite --max-size 0.1", 1).contains("no Gaussians are left"));
    folder.succeed("export row.ply out.ply --overwrite --sh-degree 0 --morton --max-isolation 3");
    assert_eq!(info(&folder, "out.ply")["sh_degree"], 0);
    folder.scene("one.ply");
    assert!(folder.error("export one.ply row.ply both.ply", 1).contains("anti-aliasing"));
    folder.file("other.ply", row().replace("mip", "default"));
    folder.succeed("export one.ply other.ply both.ply");
    let both = info(&folder, "both.ply");
    assert_eq!((both["gaussians"].as_u64(), both["sh_degree"].as_u64()), (Some(8), Some(1)));
}

/// Of a capture's views only what shows counts: a Gaussian behind the cameras' backs goes first.
#[test]
fn what_shows_in_a_capture_is_kept() {
    let folder = Folder::new();
    let header: String = folder.text_of_scene().lines().take(18).map(|line| format!("{line}\n")).collect();
    let header = header.replace("vertex 1", "vertex 2");
    folder.file("two.ply", format!("{header}0 0 0 1 1 1 2 -3 -3 -3 1 0 0 0\n900 900 900 1 1 1 4 2 2 2 1 0 0 0\n"));
    folder.succeed("export two.ply large.ply --keep 1");
    assert_eq!(info(&folder, "large.ply")["bounds"]["min"][0], 900.0);
    let capture = super::tiny().display();
    folder.succeed(&format!("export two.ply seen.ply --keep 1 --capture {capture}"));
    assert_eq!(info(&folder, "seen.ply")["bounds"]["min"][0], 0.0);
    assert!(folder.error(&format!("export two.ply out.ply --capture {capture}"), 2).contains("--keep"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = Folder::new();
    folder.file("row.ply", row());
    let text = said(&folder, "export row.ply out.spz --dry-run --keep 3");
    assert!(text.contains("merged 7 into 3"), "{text}");
    assert!(text.contains("would write out.spz: SPZ, 3 Gaussians, degree 1"), "{text}");
    assert!(!folder.path("out.spz").exists());
}

#[test]
fn exports_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    folder.file("row.ply", row());
    for (options, code, said) in [
        ("--crop cone=1", 2, "cone=1"),
        ("--transform spin=1", 2, "spin=1"),
        ("--transform scale=0", 2, "scale=0"),
        ("--up w", 2, "\"w\" is not x, y, z"),
        ("--sh-degree 4", 2, "4"),
        ("--spz-version 2", 2, "2"),
        ("--time 1.5", 1, "--time 1.5"),
        ("--min-opacity 2", 1, "--min-opacity 2"),
        ("--keep 0", 1, "--keep"),
        ("--max-size=-1", 1, "--max-size"),
        ("--crop sphere=99,0,0,1", 1, "no Gaussians are left"),
    ] {
        let error = folder.error(&format!("export row.ply out.ply {options}"), code);
        assert!(error.contains(said), "{options}: {error}");
    }
    assert!(folder.error("export row.ply out.obj", 1).contains("out.obj: this extension is not known"));
    assert!(folder.error("export row.ply out.ksplat", 1).contains("only read"));
    assert!(folder.error("export none.ply out.ply", 1).contains("none.ply"));
    assert!(folder.error("export row.ply", 2).contains("<IN>"));
    assert!(folder.error("export row.ply nowhere/out.ply", 1).contains("folder does not exist"));
    assert!(folder.error("info none.ply", 1).contains("none.ply"));
    assert!(!folder.path("out.ply").exists());
    folder.file("text.obj", "v 0 0 0\n");
    assert!(folder.error("info text.obj", 1).contains("neither its content nor its extension is known"));
}
