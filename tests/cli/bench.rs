//! `dapple bench`: what it measures, not how long that takes.

use super::{Folder, tiny};

#[test]
fn a_synthetic_workload_is_measured_compared_and_shown() {
    let folder = Folder::new();
    folder.succeed("bench --synthetic 600@64x48 --timed 4 --json a.json");
    let figures: serde_json::Value = serde_json::from_str(&folder.text("a.json")).expect("JSON");
    for rate in ["copy", "arithmetic", "exponentials", "dispatch"] {
        assert!(figures["ceilings"][rate].as_f64().expect("a number") > 0.0, "{rate}");
    }
    let measured = &figures["workloads"][0];
    assert_eq!(measured["name"], "600@64x48");
    assert_eq!((&measured["counts"]["gaussians"], &measured["counts"]["width"]), (&600.into(), &64.into()));
    let visible = measured["counts"]["visible"].as_u64().expect("a count");
    assert!((400..=600).contains(&visible), "{visible} of 600 are seen");
    assert!(measured["counts"]["pairs"].as_u64() >= Some(visible) && measured["steps_per_second"].as_f64() > Some(0.0));
    let names = |part: &str| -> Vec<String> {
        let stages = measured[part].as_array().expect("a list").iter();
        stages.map(|stage| stage["name"].as_str().expect("a name").to_string()).collect()
    };
    assert!(names("forward").contains(&"rasterize".into()) && !names("forward").contains(&"update".into()));
    assert!(names("training").contains(&"rasterize backward".into()) && names("training").contains(&"update".into()));
    let memory = measured["memory"].as_array().expect("a list").iter().map(|entry| entry[1].as_u64().expect("bytes"));
    assert!(memory.sum::<u64>() > 600 * 200, "every buffer is listed");

    let output =
        folder.dapple("bench --synthetic 600@64x48 --timed 4 --compare a.json --out p.html").assert().success();
    let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(said.contains("against Dapple") && said.contains("step: rasterize backward"), "{said}");
    assert!(said.contains("ceilings: copy") && said.contains("done; open p.html"), "{said}");
    let page = folder.text("p.html");
    assert!(
        page.contains("<h2>600@64x48</h2>") && page.contains("Comparison") && page.contains("&quot;ceilings&quot;")
    );
}

#[test]
fn a_capture_is_measured_and_nothing_is_refused() {
    let folder = Folder::new();
    folder.succeed(&format!("bench {} --timed 3 --cap-max 700 --json b.json", tiny().display()));
    let figures: serde_json::Value = serde_json::from_str(&folder.text("b.json")).expect("JSON");
    assert_eq!(figures["workloads"][0]["name"], "tiny");
    assert!(folder.error("bench", 2).contains("--synthetic"));
    assert!(folder.error("bench --synthetic 5@big", 2).contains("1M@1297x840"));
    folder.file("wrong.json", "{}");
    assert!(folder.error("bench --synthetic 600@64x48 --compare wrong.json", 1).contains("wrong.json"));
}
