//! Scenes, checkpoints, adapters and disks that a command cannot work with.

use std::path::Path;
use std::process::Command;

use super::{Folder, tiny};

#[test]
fn adapters_that_do_not_exist_are_refused_with_those_that_do() {
    let folder = Folder::new();
    let capture = tiny().display();
    // 15 is in the name of some software adapters, but no adapter has that index.
    for wanted in ["abacus", "15"] {
        let error = folder.error(&format!("train {capture} --out r --steps 2 --adapter {wanted}"), 1);
        assert!(error.contains(&format!("no adapter matches \"{wanted}\"")), "{error}");
        assert!(error.contains("`dapple adapters`"), "{error}");
    }
    assert!(!folder.path("r").exists());
    let listed = folder.dapple("adapters").assert().success().get_output().stdout.clone();
    assert!(String::from_utf8_lossy(&listed).starts_with("0: "), "the first has index 0");
    folder.succeed(&format!("train {capture} --out r --steps 2 --adapter 0"));
    if cfg!(target_os = "linux") {
        folder.succeed(&format!("train {capture} --out s --steps 2 --adapter vulkan:0"));
        assert!(folder.error("view --screenshot p.png none.ply --adapter dx12:0", 1).contains("none.ply"));
        assert!(folder.error(&format!("train {capture} --out t --steps 2 --adapter dx12:0"), 1).contains("(Vulkan)"));
    }
}

/// Mesa's driver for AMD cards can be told to show a card that is not there; it refuses a device.
#[test]
fn the_next_adapter_is_tried_where_the_best_does_not_open() {
    let folder = Folder::new();
    let pretending = |line: &str| {
        let mut command = folder.dapple(line);
        command.env("RADV_FORCE_FAMILY", "navi21");
        command
    };
    let listed = pretending("adapters").assert().success().get_output().stdout.clone();
    if !String::from_utf8_lossy(&listed).starts_with("0: Null hardware") {
        eprintln!("SKIPPED: no driver that shows a card which is not there");
        return;
    }
    let text = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let line = format!("train {} --steps 2 --cap-max 800", tiny().display());
    let said = text(pretending(&format!("{line} --out r")).assert().success().get_output());
    assert!(said.contains("warning: the adapter \"Null hardware") && said.contains("refused a device"), "{said}");
    assert!(said.lines().any(|line| line.starts_with("warning: using ") && line.ends_with(" instead")), "{said}");
    let said = text(pretending(&format!("{line} --out s --adapter 0")).assert().code(1).get_output());
    assert!(said.contains("error: the adapter") && said.contains("--adapter chooses another: 1: "), "{said}");
    assert!(!folder.path("s").exists());
}

/// What no device can hold is refused by name, before anything of that size is allocated on the host.
#[test]
fn populations_beyond_the_device_are_refused_at_once() {
    let folder = Folder::new();
    let capture = tiny().display();
    for size in ["--cap-max 2000000000", "--cap-max 4294967295 --init random --init-points 4294967295"] {
        let start = std::time::Instant::now();
        let error = folder.error(&format!("train {capture} --out r --steps 2 {size}"), 1);
        assert!(error.contains("bytes") && error.contains("--cap-max"), "{error}");
        assert!(error.contains("would fit") && error.contains("adapter"), "{error}");
        assert!(start.elapsed().as_secs() < 20, "refused after {:?}", start.elapsed());
    }
    assert!(!folder.path("r").exists());
}

#[test]
fn scenes_that_are_not_whole_are_named() {
    let folder = Folder::new();
    let scene = folder.text_of_scene();
    let commands = |file: &str| {
        [format!("eval {file} --capture {}", tiny().display()), format!("render {file} --orbit 2 --out d")]
    };
    folder.file("half.ply", scene.replace("property float rot_2\n", ""));
    folder.file("nan.ply", scene.replace(" 2 -3", " NaN -3"));
    folder.file("short.ply", scene.replace("vertex 1", "vertex 1000000000000"));
    folder.file("text.ply", "hello\n");
    let expected = [
        ("half.ply", "lack the properties rot_2"),
        ("nan.ply", "none of its 1 Gaussians is whole: 1 Gaussian holds a NaN"),
        ("short.ply", "cut short"),
        ("text.ply", "not a PLY"),
        ("none.ply", "none.ply"),
    ];
    for (file, place) in expected {
        for command in commands(file) {
            let error = folder.error(&command, 1);
            assert!(error.contains(file) && error.contains(place), "{command}: {error}");
        }
    }
    std::fs::create_dir(folder.path("run")).expect("creates");
    assert!(folder.error("render run --orbit 2 --out d", 1).contains("holds no scene.ply"));
    assert!(!folder.path("d").exists());
    // The options of a run say how its scene is to be shown: they are not guessed where they cannot be read.
    folder.file("run/scene.ply", &scene);
    folder.file("run/config.toml", "steps = ");
    assert!(folder.error("render run --orbit 2 --out d", 1).contains("config.toml:1"));
}

#[test]
fn camera_paths_and_sizes_that_make_no_sense_are_named() {
    let folder = Folder::new();
    folder.scene("scene.ply");
    for size in ["0x5", "5", "5x", "-1x2", "axb", "99999x2", "4.5x2"] {
        let error = folder.error(&format!("render scene.ply --orbit 1 --out d --size={size}"), 2);
        assert!(error.contains(size) && error.contains("WIDTHxHEIGHT"), "{error}");
    }
    let paths = [
        ("", "path.json"),
        ("[1, 2]", "path.json"),
        ("{\"cameras\": 7}", "path.json"),
        ("{\"cameras\": [{\"transform_matrix\": [[1]]}]}", "path.json"),
        (
            "{\"w\":9,\"h\":9,\"fov_x\":60,\"cameras\":[{\"transform_matrix\":[[1,0,0,0],[0,1,0,0],[0,0,1,NaN],[0,0,0,1]]}]}",
            "path.json",
        ),
        ("{\"w\":9,\"h\":9,\"cameras\":[{\"transform_matrix\":[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}]}", "fov_x"),
    ];
    for (text, expected) in paths {
        folder.file("path.json", text);
        let error = folder.error("render scene.ply --path path.json --out d", 1);
        assert!(error.contains("path.json") && error.contains(expected), "{text}: {error}");
    }
    assert!(!folder.path("d").exists());
}

#[test]
fn a_video_without_ffmpeg_says_so() {
    let folder = Folder::new();
    folder.scene("scene.ply");
    let mut command = folder.dapple("render scene.ply --orbit 2 --size 32x32 --out d --video v.mp4");
    // No program at all is on this path.
    let output = command.env("PATH", folder.path("none")).assert().code(1).get_output().clone();
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("error: a video needs ffmpeg, which is not installed"), "{text}");
    assert!(!folder.path("d").exists());
}

/// On a disk that fills up a run ends with one line, and goes on once there is room.
#[test]
fn a_full_disk_stops_a_run_that_can_go_on() {
    let folder = Folder::new();
    let disk = folder.path("disk");
    std::fs::create_dir(&disk).expect("creates");
    let mount = |options: &str| {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&disk);
        command.output().is_ok_and(|output| output.status.success())
    };
    if !cfg!(target_os = "linux") || !mount("size=300k") {
        eprintln!("SKIPPED: a full disk needs the right to mount a tmpfs");
        return;
    }
    let mounted = Mounted(&disk);
    let line = format!("train {} --out disk/r --steps 20 --cap-max 800", tiny().display());
    let error = folder.error_at_end(&line, 1);
    assert!(error.contains("disk/r/") && error.contains("free some space there"), "{error}");
    assert!(
        !std::fs::read_dir(disk.join("r"))
            .expect("reads")
            .any(|entry| { entry.expect("reads").file_name().to_string_lossy().contains("partial") })
    );
    assert!(mount("remount,size=20m"), "grows");
    folder.succeed(&format!("{line} --resume"));
    folder.succeed(&line.replace("disk/r", "whole"));
    assert!(folder.bytes("disk/r/scene.ply") == folder.bytes("whole/scene.ply"));

    // Full from the start: no folder that would look like a run.
    assert!(mount("remount,size=20m"));
    let filler = disk.join("filler");
    let filled = std::fs::File::create(&filler).and_then(|mut file| std::io::copy(&mut std::io::repeat(7), &mut file));
    assert!(filled.is_err(), "the disk is full");
    let error = folder.error(&line.replace("disk/r", "disk/new"), 1);
    assert!(error.contains("free some space there"), "{error}");
    assert!(!disk.join("new").exists());
    drop(mounted);
}

/// A mount that ends with the test.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
