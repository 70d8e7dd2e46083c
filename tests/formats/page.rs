//! Pages that draw with Dapple's kernels: what they hold, and how they are read back.

use dapple::format::{self, Format};
use dapple::page::{Setting, write};
use dapple::scene::Scene;
use glam::Vec3;
use serde_json::Value;

use crate::support::files::error_of;
use crate::support::{made, moving};

fn setting() -> Setting {
    Setting { cameras: Vec::new(), stops: Vec::new(), moments: 0, background: Vec3::ONE, seconds: 2.5 }
}

/// The page of a scene, without pictures, and its path.
fn page_of(scene: &Scene) -> (tempfile::TempDir, std::path::PathBuf, String) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("clip.html");
    write(&path, scene, &setting(), None).expect("the page is written");
    let text = std::fs::read_to_string(&path).expect("text");
    (folder, path, text)
}

fn element(page: &str, start: &str) -> Value {
    let element = page.split_once(start).and_then(|(_, rest)| rest.split_once("</script>")).expect(start).0;
    serde_json::from_str(element).expect("JSON")
}

#[test]
fn a_page_is_read_back_as_it_shows_the_scene() {
    let scenes =
        [moving::scene(700, 0), moving::curved(702, 0), moving::scene(701, 2), made::scene(699, 3), made::scene(1, 1)];
    for mut scene in scenes {
        // Far from the origin and of another scale, as scenes of maps are.
        scene.means.iter_mut().for_each(|mean| *mean = *mean * 40.0 + Vec3::new(1000.0, -500.0, 20.0));
        scene.log_scales.iter_mut().for_each(|scale| *scale += 40.0_f32.ln());
        scene.up = Some(Vec3::Z);
        let (_folder, path, _) = page_of(&scene);
        let loaded = format::load(&path).expect("the page is read");
        assert_eq!((loaded.format, loaded.scene.len()), (Format::Html, scene.len()));
        assert_eq!((loaded.scene.sh_degree, loaded.scene.antialiased), (scene.sh_degree, scene.antialiased));
        assert_eq!((loaded.scene.up, loaded.scene.motion.is_some()), (scene.up, scene.motion.is_some()));
        let loss = format::loss(Format::Html, &scene, &loaded.scene, 0);
        assert!(loss.percent() < 2.0, "{loss}");
        let order = dapple::edit::morton_order(&scene.means);
        let Some((want, got)) = scene.motion.as_ref().zip(loaded.scene.motion.as_ref()) else { continue };
        for (i, &from) in order.iter().enumerate() {
            let from = from as usize;
            for time in [0.0, 0.4, 1.0] {
                let (a, b) = (want.displacement(from, time), got.displacement(i, time));
                assert!(a.distance(b) < 0.01, "displacement {b}, not {a}");
                let [a, b] = [(want, &scene, from), (got, &loaded.scene, i)].map(|(motion, scene, i)| {
                    let [w, x, y, z] = motion.turned(i, scene.quaternions[i], time);
                    glam::Quat::from_xyzw(x, y, z, w).normalize()
                });
                assert!(a.angle_between(b) < 0.05, "turned to {b}, not {a}");
                let (a, b) = (want.visibility(from, time), got.visibility(i, time));
                assert!((a - b).abs() < 0.05, "visibility {b}, not {a}");
            }
        }
    }
}

#[test]
fn a_page_holds_the_plan_and_nothing_from_elsewhere() {
    let (_folder, _, page) = page_of(&moving::scene(300, 1));
    let plan = element(&page, "id=\"plan\">");
    assert_eq!(plan["programs"].as_object().expect("programs").keys().collect::<Vec<_>>(), ["color", "depth", "flow"]);
    assert_eq!(plan["view"]["time"], 156, "where the kernels read the time");
    assert!(plan["pipelines"][0]["code"].as_str().expect("a kernel").contains("fn main"));
    let facts = element(&page, "id=\"facts\">");
    assert_eq!((&facts["seconds"], facts["stops"].as_array().map(Vec::len)), (&Value::from(2.5), Some(1)));
    assert_eq!(facts["background"], serde_json::json!([1.0, 1.0, 1.0]));
    let elsewhere = ["src=\"http", "href=", "url(http", "import("];
    assert!(elsewhere.iter().all(|word| !page.contains(word)), "the page fetches something");
    let (_folder, _, page) = page_of(&made::scene(300, 1));
    assert_eq!(element(&page, "id=\"plan\">")["programs"].as_object().map(|all| all.len()), Some(2));
}

#[test]
fn a_damaged_page_is_refused() {
    let (_folder, path, page) = page_of(&moving::scene(300, 1));
    let start = page.find("class=\"packed\">").expect("the scene") + 15;
    let with = |from: &str, to: &str| page.replacen(from, to, 1);
    let cases = [
        (page[..start + 400].to_string(), "cut short"),
        (format!("{}!!{}", &page[..start + 8], &page[start + 10..]), "damaged"),
        (with("\"gaussians\":300", "\"gaussians\":301"), "cut short"),
        (with("\"gaussians\":300", "\"gaussians\":4000000000"), "can hold"),
        (with("\"sh_degree\":1,\"anti", "\"sh_degree\":2,\"anti"), "columns"),
        (with("\"version\":1", "\"version\":9"), "newer"),
        (with("\"scale\":", "\"scale\":-"), "frame"),
        (with("id=\"scene\">{", "id=\"scene\">"), "damaged"),
        (with("id=\"scene\"", "id=\"nothing\""), "only be written"),
        (with("{\"book\":0}", "{\"book\":77}"), "codebook"),
    ];
    for (text, word) in cases {
        assert_ne!(text, page, "{word}");
        std::fs::write(&path, text).expect("writes");
        let error = error_of(&path);
        assert!(error.contains(word), "{word}: {error}");
    }
}

/// A field that a kernel gains must reach the page, whose script names each.
#[test]
fn the_script_knows_every_field_of_the_kernels() {
    let (_folder, _, page) = page_of(&moving::scene(10, 1));
    let (plan, script) =
        (element(&page, "id=\"plan\">"), page.rsplit_once("<script type=\"module\">").expect("a script").1);
    let unused = |name: &str| name.is_empty() || name.starts_with("unused");
    // Pinholes have none of the former, and are the variant 0.
    let pinhole = ["distortion", "lens_model"];
    let mut known = 0;
    for (what, fields) in ["view", "presentation", "geometry", "motion"].map(|what| (what, &plan[what])) {
        for name in fields.as_object().expect("offsets").keys().filter(|name| !unused(name)) {
            let written = [format!("{name}:"), format!(", {name} }}"), format!(".{name}")];
            let found = written.iter().any(|written| script.contains(written));
            assert!(found != pinhole.contains(&name.as_str()), "{what}: the field {name}");
            known += 1;
        }
    }
    assert!(known > 20, "only {known} fields");
}
