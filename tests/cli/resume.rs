//! Runs that stop and go on: the same bytes as a run that never stopped.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{Folder, tiny};

/// Short, with relocation, growth up to the cap, and the ramp of the colour degree.
const RUN: &str =
    "--steps 300 --cap-max 1000 --growth 1.1 --refine-every 2000 --dead-opacity 0.1 --sh-interval 5000 --seed 5";

/// The lines of `metrics.jsonl` without the times, which differ.
fn metrics(folder: &Folder, run: &str) -> Vec<serde_json::Value> {
    let parse = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).expect("every line is JSON");
        record.as_object_mut().expect("an object").remove("seconds").expect("a time");
        record
    };
    folder.text(&format!("{run}/metrics.jsonl")).lines().map(parse).collect()
}

fn spawn(folder: &Folder, line: &str) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("dapple"));
    command.current_dir(folder.0.path()).args(line.split_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts")
}

/// Waits until a run has recorded `lines` lines.
fn wait_for(folder: &Folder, run: &str, lines: usize) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let path = folder.path(&format!("{run}/metrics.jsonl"));
    while std::fs::read_to_string(&path).map_or(0, |text| text.lines().count()) < lines {
        assert!(Instant::now() < deadline, "the run does not get on");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(status.expect("kill").success());
}

fn said(child: Child) -> (ExitStatus, String) {
    let output = child.wait_with_output().expect("ends");
    (output.status, String::from_utf8(output.stderr).expect("text"))
}

#[test]
fn equal_seeds_and_other_kernels_give_equal_bytes() {
    let folder = Folder::new();
    let train = |out: &str, more: &str| {
        folder.succeed(&format!("train {} --out {out} {RUN} {more}", tiny().display()));
        (folder.bytes(&format!("{out}/scene.ply")), metrics(&folder, out))
    };
    let first = train("first", "");
    let gaussians = |line: usize| first.1[line]["gaussians"].as_u64().expect("a count");
    assert!(gaussians(0) < 1000 && gaussians(first.1.len() - 1) == 1000, "the run grows up to the cap");
    assert!(first == train("again", ""), "two runs with one seed");
    assert!(first == train("plain", "--subgroups off --cache-gb 0"), "without subgroups and without a cache");
    let other = format!("train {} --out seed {}", tiny().display(), RUN.replace("--seed 5", "--seed 6"));
    folder.succeed(&other);
    assert!(first.0 != folder.bytes("seed/scene.ply"), "another seed");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_stopped_and_resumed_equals_one_that_was_not() {
    let folder = Folder::new();
    let train = |out: &str| format!("train {} --out {out} {RUN}", tiny().display());
    folder.succeed(&train("whole"));
    let child = spawn(&folder, &train("halves"));
    wait_for(&folder, "halves", 15);
    signal(&child, "-INT");
    let (status, text) = said(child);
    assert_eq!(status.code(), Some(130), "{text}");
    assert!(text.contains("stopped after step") && text.contains("--resume"), "{text}");
    assert!(metrics(&folder, "halves").len() < metrics(&folder, "whole").len(), "it was stopped on the way");
    // A scene is there to look at already.
    folder.dapple(&format!("eval halves --capture {}", tiny().display())).assert().success();

    folder.succeed("train --out halves --resume");
    assert!(folder.bytes("halves/scene.ply") == folder.bytes("whole/scene.ply"));
    assert_eq!(metrics(&folder, "halves"), metrics(&folder, "whole"));
    assert!(folder.path("halves/report.html").exists());
    // Nothing is left to do, and doing that changes nothing.
    folder.succeed("train --out halves --resume");
    assert!(folder.bytes("halves/scene.ply") == folder.bytes("whole/scene.ply"));
    assert_eq!(metrics(&folder, "halves"), metrics(&folder, "whole"));
}

#[cfg(unix)]
#[test]
fn a_second_interrupt_ends_a_run_at_once() {
    let folder = Folder::new();
    // Large images that are evaluated after every step: the first interrupt has to wait for that.
    let frame = |name: &str, z: i32| {
        image::RgbImage::from_pixel(1500, 1500, image::Rgb([90; 3])).save(folder.path(name)).expect("writes");
        format!(r#"{{"file_path": "{name}", "transform_matrix": [[1,0,0,0],[0,1,0,0],[0,0,1,{z}],[0,0,0,1]]}}"#)
    };
    let frames = format!("{}, {}", frame("a.png", 4), frame("b.png", 5));
    folder.file("transforms.json", format!("{{\"camera_angle_x\": 0.7, \"frames\": [{frames}]}}"));
    let child = spawn(
        &folder,
        "train . --out r --steps 1000 --cap-max 500 --init random --test-every 2 --eval-every 1 --coarse-to-fine off",
    );
    wait_for(&folder, "r", 1);
    std::thread::sleep(Duration::from_millis(100));
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(30));
    signal(&child, "-INT");
    let (status, text) = said(child);
    assert_eq!(status.code(), Some(130), "{text}");
    assert!(text.contains("once more to stop at once") && !text.contains("stopped after step"), "{text}");
    // And the run can go on.
    assert!(folder.path("r/config.toml").exists() && folder.text("r/metrics.jsonl").starts_with("{\"step\":1,"));
}

/// A file of options leaves open what the run chose at its start: it may stand beside --resume, as `dapple partition` says.
#[test]
fn a_run_goes_on_with_its_file_of_options() {
    let folder = Folder::new();
    folder.file("train.toml", "eval_every = 0\n");
    for (init, run) in [("auto", "a"), ("random", "b")] {
        let line = format!("train {} --config train.toml --init {init} --out {run} --resume", tiny().display());
        let child = spawn(&folder, &line);
        wait_for(&folder, run, 1);
        signal(&child, "-INT");
        let (status, text) = said(child);
        assert_eq!(status.code(), Some(130), "{text}");
        let before = folder.text(&format!("{run}/metrics.jsonl")).lines().count();
        let child = spawn(&folder, &line);
        wait_for(&folder, run, before + 1);
        signal(&child, "-INT");
        let (status, text) = said(child);
        assert_eq!(status.code(), Some(130), "{text}");
    }
}

#[test]
fn a_checkpoint_that_is_damaged_is_named() {
    let folder = Folder::new();
    folder.succeed(&format!("train {} --out r --steps 20 --cap-max 800", tiny().display()));
    let whole = folder.bytes("r/checkpoint.safetensors");
    let resume = |bytes: &[u8]| {
        std::fs::write(folder.path("r/checkpoint.safetensors"), bytes).expect("writes");
        folder.error("train --out r --resume", 1)
    };
    for keep in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        let error = resume(&whole[..keep]);
        assert!(error.contains("checkpoint.safetensors: "), "{keep} bytes: {error}");
    }
    let at = whole.windows(9).position(|bytes| bytes == b"gaussians").expect("the count is in the header");
    let mut other = whole.clone();
    other[at] = b'q';
    let error = resume(&other);
    assert!(error.contains("cannot resume r") && error.contains("how many Gaussians"), "{error}");
    std::fs::write(folder.path("r/checkpoint.safetensors"), &whole).expect("writes");
    let error = folder.error("train --out r --resume --cap-max 801", 1);
    assert!(error.contains("--cap-max is 801, but the run in r has 800"), "{error}");
    folder.succeed("train --out r --resume");
}
