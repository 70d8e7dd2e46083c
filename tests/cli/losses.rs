//! What an export leaves out, changes or would replace is said, and can be refused; orientation is kept.

use dapple::format;
use dapple::scene::{Motion, Scene};
use glam::Vec3;
use serde_json::Value;

use super::Folder;

/// `n` Gaussians of degree 0 in a unit box, 1 % of it large, opaque.
fn cloud(n: usize) -> Scene {
    let place = |i: usize, k: f32| (i as f32 * k).fract();
    Scene {
        means: (0..n).map(|i| Vec3::new(place(i, 0.618_034), place(i, 0.754_878), place(i, 0.569_84))).collect(),
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]; n],
        log_scales: vec![Vec3::splat(0.01_f32.ln()); n],
        logits: vec![3.0; n],
        sh: vec![0.3; 3 * n],
        ..Scene::default()
    }
}

fn said(folder: &Folder, line: &str) -> String {
    let output = folder.dapple(line).assert().success().get_output().clone();
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

fn read(folder: &Folder, name: &str) -> Scene {
    format::read_scene(&folder.path(name)).expect("reads")
}

#[test]
fn a_stray_does_not_coarsen_a_spz() {
    let folder = Folder::new();
    let mut scene = cloud(400);
    scene.means[7] = Vec3::new(5e6, 0.0, 0.0);
    format::write_scene(&folder.path("fly.ply"), &scene).expect("writes");
    let text = said(&folder, "export fly.ply fly.spz");
    assert!(text.contains("1 Gaussian lies more than 16384 units from the origin"), "{text}");
    assert!(text.contains("steps of 0.000030517578 instead of 1"), "{text}");
    assert!(text.contains("lost: 0.0 % of the Gaussians differ so that it shows, 0.2 % are left out"), "{text}");
    scene.retain(|_, i| i != 7);
    let found = read(&folder, "fly.spz");
    assert_eq!(found.len(), 399);
    let worst = scene.means.iter().zip(&found.means).map(|(a, b)| a.distance(*b)).fold(0.0, f32::max);
    assert!(worst < 0.000_1, "{worst}");
    // Far beyond what 24 bits hold, where it was refused.
    scene.means[8] = Vec3::splat(1e9);
    format::write_scene(&folder.path("fly.ply"), &scene).expect("writes");
    assert!(said(&folder, "export fly.ply far.spz").contains("1 Gaussian lies more than 16384 units"));
    assert!(folder.error_at_end("export fly.ply s.spz --strict=0.1", 1).contains("more than --strict=0.1"));
    folder.succeed("export fly.ply t.spz --strict");
}

#[test]
fn units_too_small_for_a_spz_are_refused_with_the_remedy() {
    let folder = Folder::new();
    format::write_scene(&folder.path("m.ply"), &cloud(100)).expect("writes");
    let error = folder.error("export m.ply m.spz --transform scale=0.0001", 1);
    assert!(error.contains("100 % of the Gaussians have sizes") && error.contains("--transform scale=100"), "{error}");
    assert!(!folder.path("m.spz").exists());
    let text = said(&folder, "export m.ply m.spz --transform scale=0.0001 --transform scale=100");
    assert!(text.contains("lost: nothing that shows"), "{text}");
    assert!(said(&folder, "export m.ply n.ply").contains("lost: none; the file has the same numbers"));
}

#[test]
fn far_gaussians_share_no_chunks_with_near_ones() {
    let folder = Folder::new();
    let mut scene = cloud(8192);
    for i in (0..8192).step_by(32) {
        let direction = (scene.means[i] - 0.5).normalize();
        scene.means[i] = direction * (1000.0 + 10.0 * (i % 97) as f32);
        scene.log_scales[i] = Vec3::splat(2.0);
    }
    format::write_scene(&folder.path("sky.ply"), &scene).expect("writes");
    // Along the Morton curve alone, four in five would be elsewhere.
    let text = said(&folder, "export sky.ply sky.compressed.ply --strict=0.1");
    assert!(text.contains("lost: "), "{text}");
}

#[test]
fn directions_of_colours_survive_a_spz() {
    let folder = Folder::new();
    let mut scene = cloud(300);
    scene.set_sh_degree(3);
    // Below half a step of 4 bits: all of them were rounded to 0.
    for i in 0..300 {
        scene.sh[48 * i + 12..48 * (i + 1)].fill(if i % 2 == 0 { 0.05 } else { -0.05 });
    }
    format::write_scene(&folder.path("s.ply"), &scene).expect("writes");
    assert!(said(&folder, "export s.ply s.spz").contains("lost: nothing that shows"));
    let found = read(&folder, "s.spz");
    let error = |k: usize| (scene.sh[k] - found.sh[k]).abs();
    assert!((0..300).all(|i| (12..48).all(|k| error(48 * i + k) <= 2.0 / 128.0 + 1e-6)), "6 bits");
}

#[test]
fn a_partial_gate_is_split() {
    let folder = Folder::new();
    let (n, time) = (3, 0.9);
    let motion = Motion::still(vec![0.5; n], 0.1, 0.03);
    let mut scene = Scene { motion: Some(motion), ..cloud(n) };
    if let Some(motion) = &mut scene.motion {
        motion.gates[2] = 1.0;
    }
    format::write_scene(&folder.path("g.dapple"), &scene).expect("writes");
    let text = said(&folder, "export g.dapple g.spacetime.ply");
    assert!(text.contains("2 Gaussians fade in part"), "{text}");
    let found = read(&folder, "g.spacetime.ply");
    assert_eq!(found.len(), 5);
    for time in [0.0, 0.4, 0.5, time] {
        let opacity = |scene: &Scene, i: usize| 1.0 / (1.0 + (-scene.at(time).logits[i]).exp());
        // Of two that lie on each other, what both let through is the product.
        let together = 1.0 - (1.0 - opacity(&found, 0)) * (1.0 - opacity(&found, 3));
        assert!((together - opacity(&scene, 0)).abs() < 1e-4, "{together} at {time}");
        assert!((opacity(&found, 2) - opacity(&scene, 2)).abs() < 1e-4);
    }
}

#[test]
fn a_moving_crop_keeps_what_is_seen_inside_at_any_time() {
    let folder = Folder::new();
    let mut motion = Motion::still(vec![0.0, 0.0, 0.0, 1.5], 10.0, Motion::NO_GATE);
    motion.log_durations[2] = 0.01_f32.ln();
    motion.velocities = vec![Vec3::X * 4.0, Vec3::X * -4.0, Vec3::X * 4.0, Vec3::X * 4.0];
    // The first flies in, the second away, the third would fly in but is gone by then; the mean of the fourth is where
    // it will be after the clip.
    let means = vec![Vec3::ZERO, Vec3::ZERO, Vec3::ZERO, Vec3::X * 6.0];
    let scene = Scene { means, motion: Some(motion), ..cloud(4) };
    format::write_scene(&folder.path("m.dapple"), &scene).expect("writes");
    for (name, region) in [("box", "box=1,-1,-1,3,1,1"), ("sphere", "sphere=2,0,0,1")] {
        folder.succeed(&format!("export m.dapple {name}.dapple --crop {region}"));
        let found = read(&folder, &format!("{name}.dapple"));
        assert_eq!(found.means, [Vec3::ZERO, Vec3::X * 6.0], "{name}");
    }
}

#[test]
fn a_scene_with_an_up_stands_upright_where_y_is_up() {
    let folder = Folder::new();
    let mut scene = Scene { up: Some(Vec3::Z), ..cloud(50) };
    scene.means[0] = Vec3::Z * 9.0;
    format::write_scene(&folder.path("run/scene.ply"), &scene).expect_err("no folder");
    std::fs::create_dir(folder.path("run")).expect("creates");
    format::write_scene(&folder.path("run/scene.ply"), &scene).expect("writes");
    assert_eq!(read(&folder, "run"), scene, "the direction comes back");
    for name in ["a.glb", "b.usda"] {
        let text = said(&folder, &format!("export run {name}"));
        assert!(text.contains("turned upright; its up was (0.00, 0.00, 1.00)"), "{text}");
        // Read with y down, as all scenes.
        assert!(read(&folder, name).means[0].distance(Vec3::Y * -9.0) < 1e-5, "{name}");
    }
    for name in ["c.compressed.ply", "d.sog", "e.dapple"] {
        folder.succeed(&format!("export run {name} --transform rotate=0,90,0"));
        assert!(read(&folder, name).up.expect("an up").distance(Vec3::X) < 1e-6, "{name}");
    }
    let turned = said(&folder, "export run f.glb --up z");
    assert!(!turned.contains("upright"), "once is enough: {turned}");
    folder.succeed("export run page.html");
}

#[test]
fn a_flip_is_the_mirror_image() {
    let folder = Folder::new();
    let mut scene = cloud(20);
    scene.set_sh_degree(2);
    scene.sh.iter_mut().enumerate().for_each(|(k, v)| *v = 0.1 + (k as f32 * 0.37).fract());
    scene.quaternions.fill([0.5, 0.5, -0.5, 0.5]);
    format::write_scene(&folder.path("a.ply"), &scene).expect("writes");
    folder.succeed("export a.ply b.ply --transform flip=x");
    let once = read(&folder, "b.ply");
    assert_eq!(once.means[3], scene.means[3] * Vec3::new(-1.0, 1.0, 1.0));
    // y, z, x; xy, yz, 3z² − 1, xz, x² − y²: what is odd in x changes its sign.
    let signs: Vec<f32> = (0..9).map(|k| once.sh[3 * k] / scene.sh[3 * k]).map(f32::signum).collect();
    assert_eq!(signs, [1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0]);
    folder.succeed("export b.ply c.ply --transform flip=x");
    assert_eq!(read(&folder, "c.ply"), scene);
    folder.succeed("export a.ply d.ply --transform flip=x --transform flip=y");
    folder.succeed("export a.ply e.ply --transform rotate=0,0,180");
    let (two, half_turn) = (read(&folder, "d.ply"), read(&folder, "e.ply"));
    assert!(two.means.iter().zip(&half_turn.means).all(|(a, b)| a.distance(*b) < 1e-6));
    assert!(two.sh.iter().zip(&half_turn.sh).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn nothing_is_replaced_unasked() {
    let folder = Folder::new();
    folder.scene("a.ply");
    folder.scene("b.ply");
    let before = folder.bytes("b.ply");
    let error = folder.error("export a.ply b.ply", 1);
    assert!(error.contains("b.ply exists") && error.contains("--overwrite"), "{error}");
    assert!(folder.error("export a.ply a.ply", 1).contains("a.ply exists"));
    assert_eq!(folder.bytes("b.ply"), before);
    folder.succeed("export a.ply b.ply --overwrite");
    folder.succeed("export a.ply c.ply");
    folder.file("frame_0001.ply", "");
    assert!(folder.error("export a.ply frame.ply --times 0:1:3", 1).contains("frame_0001.ply exists"));
}

#[test]
fn what_was_meant_is_said() {
    let folder = Folder::new();
    folder.scene("a.ply");
    for (line, code, meant) in [
        ("export a.ply b.ply --tranform scale=2", 2, "did you mean --transform?"),
        ("exprt a.ply b.ply", 2, "did you mean export?"),
        ("train c --out r --stepz 3", 2, "did you mean --steps?"),
        ("export a.ply", 2, "export needs a file to write"),
        ("export a.ply b.ply --keep 10%", 2, "\"10%\" is not a whole number of Gaussians"),
        ("export a.ply b.ply --time -0.1", 1, "--time -0.1 is not in 0 to 1"),
    ] {
        let error = folder.error(line, code);
        assert!(error.contains(meant), "{line}: {error}");
    }
    folder.file("none.ply", folder.text_of_scene().replace("vertex 1", "vertex 0"));
    assert!(folder.error("export none.ply b.ply", 1).contains("none.ply: the file holds no Gaussians"));
    let facts = folder.dapple("info none.ply --json").assert().success().get_output().stdout.clone();
    assert_eq!(serde_json::from_slice::<Value>(&facts).expect("JSON")["gaussians"], 0);
}

/// A reader that leaves, as `head` does, is no error.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_panic() {
    let folder = Folder::new();
    folder.scene("a.ply");
    let program = assert_cmd::cargo::cargo_bin("dapple");
    for line in ["info a.ply", "info a.ply --json", "export a.ply b.ply", "--help", "export --help", "info missing.ply"]
    {
        let script = format!("{{ sleep 0.2; {} {line}; echo $? >code; }} 2>err | true", program.display());
        let status = std::process::Command::new("sh").arg("-c").arg(script).current_dir(folder.0.path()).status();
        assert!(status.expect("runs").success());
        assert!(!folder.text("err").contains("panicked"), "{line}: {}", folder.text("err"));
        let code = if line.contains("missing") { "1\n" } else { "0\n" };
        assert_eq!(folder.text("code"), code, "{line}");
    }
    assert!(folder.path("b.ply").exists(), "the work is done all the same");
}
