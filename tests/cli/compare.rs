//! `dapple compare`, and the pictures that an export compares.

use dapple::format;
use glam::Vec3;
use serde_json::Value;

use super::Folder;
use crate::support::made;

impl Folder {
    /// A scene that differs in every format.
    fn crowd(&self, name: &str) -> dapple::scene::Scene {
        let mut scene = made::scene(200, 1);
        scene.means.iter_mut().for_each(|mean| *mean *= 0.2);
        format::write_scene(&self.path(name), &scene).expect("writes");
        scene
    }

    fn json(&self, line: &str) -> Value {
        let output = self.dapple(line).assert().success().get_output().stdout.clone();
        serde_json::from_slice(&output).expect("JSON alone")
    }

    fn said(&self, line: &str) -> String {
        let output = self.dapple(line).assert().success().get_output().clone();
        String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
    }
}

#[test]
fn scenes_are_compared_in_pictures_in_space_and_by_gaussians() {
    let folder = Folder::new();
    let mut scene = folder.crowd("a.ply");
    scene.quaternions.iter_mut().for_each(|q| *q = q.map(|v| -v));
    format::write_scene(&folder.path("b.ply"), &scene).expect("writes");
    scene.means.iter_mut().for_each(|mean| *mean += Vec3::X * 0.05);
    format::write_scene(&folder.path("c.ply"), &scene).expect("writes");
    let facts = folder.json("compare a.ply b.ply c.ply --views 2 --json");
    assert_eq!(facts["gaussians"], 200);
    let [same, moved] = [&facts["compared"][0], &facts["compared"][1]];
    assert_eq!((&same["field"], &same["parameters"]["pairs"]), (&0.0.into(), &200.into()));
    assert_eq!((&same["pictures"]["psnr"], &same["pictures"]["worst_psnr"]), (&Value::Null, &100.0.into()));
    assert!(moved["field"].as_f64() > Some(0.01) && moved["pictures"]["psnr"].as_f64() < Some(50.0), "{moved}");
    assert!((moved["parameters"]["distance"]["median"].as_f64().expect("a number") - 0.05).abs() < 1e-4);
    let text = folder.said("compare a.ply b.ply --views 0");
    assert!(text.contains("200 correspond") && !text.contains("pictures"), "{text}");
    assert!(folder.path("a.ply").exists() && std::fs::read_dir(folder.0.path()).expect("reads").count() == 3);
}

#[test]
fn a_page_shows_the_worst_view() {
    let folder = Folder::new();
    folder.crowd("a.ply");
    folder.succeed("export a.ply b.splat --views 0");
    let text = folder.said("compare a.ply b.splat --views 1 --page out.html");
    assert!(text.contains("dB from 1 views") && text.contains("wrote out.html"), "{text}");
    let page = folder.text("out.html");
    assert!(page.contains("<img src=\"out_1.png\"") && page.contains("b.splat"), "{page}");
    let picture = image::load_from_memory(&folder.bytes("out_1.png")).expect("a picture");
    assert_eq!((picture.width(), picture.height()), (3 * 640, 480));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = Folder::new();
    folder.crowd("a.ply");
    assert!(folder.error("compare a.ply", 2).contains("<B>"));
    assert!(folder.error("compare a.ply none.ply", 1).contains("none.ply"));
    assert!(folder.error("compare a.ply a.ply --time 2", 1).contains("--time 2 is not in 0 to 1"));
    assert!(folder.error("compare a.ply a.ply --page out.png", 1).contains("ends in .html"));
    folder.file("none.ply", folder.text_of_scene().replace("vertex 1", "vertex 0"));
    assert!(folder.error("compare a.ply none.ply", 1).contains("none.ply holds no Gaussians"));
}

#[test]
fn an_export_compares_pictures_by_default() {
    let folder = Folder::new();
    folder.crowd("a.ply");
    let text = folder.said("export a.ply b.spz");
    assert!(text.contains("lost: ") && text.contains("; pictures from 3 sides: "), "{text}");
    let text = folder.said("export a.ply c.spz --views 0");
    assert!(text.contains("lost: ") && !text.contains("pictures"), "{text}");
    assert!(folder.said("export a.ply d.ply --strict=90dB").contains("lost: none; the file has the same numbers"));
    folder.succeed("export a.ply e.spz --strict=20dB");
    let error = folder.error_at_end("export a.ply f.spz --strict=90dB", 1);
    assert!(error.contains("less than --strict=90dB; the file is kept"), "{error}");
    assert!(folder.error_at_end("export a.ply g.spz --strict=90dB --views 0", 1).contains("no pictures were taken"));
    assert!(folder.error("export a.ply h.spz --strict=much", 2).contains("neither a share in percent"));
}

#[test]
fn fewer_gaussians_are_merged_or_left_out() {
    let folder = Folder::new();
    folder.crowd("a.ply");
    // Those that are too transparent to be seen are left out before.
    let text = folder.said("export a.ply b.ply --keep 50");
    assert!(text.contains(" into 50") && text.contains("merged"), "{text}");
    assert_eq!(format::read_scene(&folder.path("b.ply")).expect("reads").len(), 50);
    let [merged, again] = ["b.ply", "c.ply"];
    folder.succeed("export a.ply c.ply --keep 50");
    assert_eq!(folder.bytes(merged), folder.bytes(again));
}

#[test]
fn a_runs_export_is_seen_through_its_cameras() {
    let folder = Folder::new();
    super::copy(super::tiny(), &folder.path("c"));
    folder.succeed("train c --out r --steps 2 --cap-max 800");
    let text = folder.said("export r a.spz");
    assert!(text.contains("; pictures from 3 of the run's cameras: "), "{text}");
    // Elsewhere than the capture, or without it, there are only sides.
    let text = folder.said("export r b.spz --transform scale=2");
    assert!(text.contains("; pictures from 3 sides: "), "{text}");
    std::fs::remove_dir_all(folder.path("c")).expect("removes");
    let text = folder.said("export r d.spz --views 2");
    assert!(text.contains("; pictures from 2 sides: "), "{text}");
}
