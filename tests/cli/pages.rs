//! Pages that play scenes, from the command line.

use super::{Folder, tiny};
use crate::support::{made, moving};

fn said(folder: &Folder, line: &str) -> String {
    let output = folder.dapple(line).assert().success().get_output().clone();
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

#[test]
fn a_scene_in_motion_becomes_a_page_that_plays_it() {
    let folder = Folder::new();
    dapple::format::write_scene(&folder.path("clip.dapple"), &moving::scene(400, 1)).expect("writes");
    let text = said(&folder, "export clip.dapple <clip>.html --duration 3 --background white");
    assert!(text.contains("wrote <clip>.html: web page, ") && text.contains("lost: "), "{text}");
    let page = folder.text("<clip>.html");
    assert!(page.contains("<title>&lt;clip></title>") && page.contains("\"seconds\":3.0"), "title and clip length");
    // The poster and the film strip are in it.
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,").count(), 9);
    assert!(page.contains("<figcaption>3.00 s</figcaption>"), "the strip ends with the clip");
    assert!(said(&folder, "info <clip>.html").contains("in motion"), "it is read back");
    // One moment, and a sequence, are still pages of the viewer.
    assert!(folder.succeed("export clip.dapple moment.html --time 0.5").is_empty());
    assert!(folder.text("moment.html").contains("id=\"viewer\""));
    folder.succeed("export clip.dapple many.html --times 0:1:2");
    assert!(folder.text("many_0002.html").contains("id=\"viewer\""));
}

#[test]
fn a_still_scene_takes_the_kernels_if_asked() {
    let folder = Folder::new();
    dapple::format::write_scene(&folder.path("still.ply"), &made::scene(300, 2)).expect("writes");
    let text = said(&folder, "export still.ply still.html --page webgpu --views 2");
    assert!(text.contains("pictures from 2 sides"), "{text}");
    let page = folder.text("still.html");
    assert!(page.contains("id=\"plan\"") && !page.contains("id=\"viewer\""));
    folder.succeed("export still.html back.ply");
    folder.succeed("export still.ply plain.html");
    assert!(folder.text("plain.html").contains("id=\"viewer\""));
}

#[test]
fn a_page_of_a_run_stops_where_its_cameras_stood() {
    let folder = Folder::new();
    let capture = tiny().display();
    folder.succeed(&format!("train {capture} --out run --steps 12 --cap-max 800 --background white"));
    for (out, page) in [("still.html", "still.html"), ("still.lod", "still.lod/index.html")] {
        folder.succeed(&format!("export run {out} --views 0"));
        let page = folder.text(page);
        assert!(page.contains("\"title\":\"view 8 of 8\"") && !page.contains("view 9"), "{out}");
        assert!(page.contains("\"background\":{\"color\":[1.0,1.0,1.0]}"), "{out}");
    }
    let text = said(&folder, "export run moved.html --transform scale=2");
    assert!(text.contains("none of the capture's cameras"), "{text}");
    let moved = folder.text("moved.html");
    assert!(moved.contains("\"annotations\":[]") && moved.contains("[1.0,1.0,1.0]"));
}

#[test]
fn options_of_pages_that_do_not_fit_are_refused() {
    let folder = Folder::new();
    dapple::format::write_scene(&folder.path("clip.dapple"), &moving::scene(50, 0)).expect("writes");
    assert!(folder.error("export clip.dapple out.spz --page webgpu", 1).contains("--page is for .html"));
    assert!(folder.error("export clip.dapple out.spz --background white", 1).contains("--background is for pages"));
    assert!(folder.error("export clip.dapple out.html --page webgl", 1).contains("--time"));
    assert!(folder.error("export clip.dapple out.html --duration 0", 1).contains("--duration must be above 0"));
    assert!(!folder.path("out.html").exists());
}
