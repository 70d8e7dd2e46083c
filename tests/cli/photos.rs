//! `dapple photos`: its stages with a script in COLMAP's place, and videos with the real ffmpeg.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;

use super::{Folder, copy};

const COUNT: usize = 8;

/// What stands for COLMAP: it notes its commands, makes the files that each would make, and says what each would say.
/// `FAIL` names a command that fails, `HANG` one that does not end.
const SCRIPT: &str = r#"#!/bin/sh
root=$(dirname "$0")
command=$1
case "$command $2" in
help*) echo "COLMAP 3.8 -- (Commit Unknown on Unknown without CUDA)"; exit 0 ;;
*--help) echo "  --SiftExtraction.use_gpu arg (=1)"; exit 0 ;;
esac
echo "$*" >>"$root/calls"
if [ "$FAIL" = "$command" ]; then echo "it went wrong here" >&2; exit 3; fi
if [ "$HANG" = "$command" ]; then touch "$root/hangs"; exec sleep 60; fi
value() { while [ $# -gt 0 ]; do if [ "$1" = "$name" ]; then echo "$2"; fi; shift; done; }
case $command in
feature_extractor) name=--database_path; touch "$(value "$@")"; echo "Processed file [1/8]" ;;
exhaustive_matcher | sequential_matcher) echo "Matching block [1/1, 1/1] in 0.1s" ;;
mapper)
    name=--output_path; out=$(value "$@"); mkdir "$out/0" "$out/1"
    cp "$root"/model/*.txt "$out/1"; echo "Registering image #1 (8)" ;;
model_analyzer)
    case $3 in */1) images=7 ;; *) images=2 ;; esac
    echo "Registered images = $images"; echo "Points = 60"; echo "Mean observations per image = 400"
    echo "Mean reprojection error = 0.71px" ;;
esac
"#;

/// Photos on a circle around what they show, and a program that finds them there.
fn prepare() -> Folder {
    let folder = Folder::new();
    let script = folder.file("bin/colmap", SCRIPT);
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).expect("sets");
    folder.file("bin/model/cameras.txt", "1 PINHOLE 64 48 60 60 32 24\n");
    let mut images = String::new();
    std::fs::create_dir(folder.path("photos")).expect("creates");
    for i in 0..COUNT {
        let half = std::f64::consts::PI * i as f64 / COUNT as f64;
        let name = format!("{i}.png");
        images += &format!("{} {} 0 {} 0 0 0 3 1 {name}\n\n", i + 1, half.cos(), half.sin());
        let pattern = |x: u32, y: u32| image::Rgb([(x * 4) as u8, (y * 5) as u8, (i * 30) as u8]);
        image::RgbImage::from_fn(64, 48, pattern).save(folder.path("photos").join(name)).expect("saves");
    }
    folder.file("bin/model/images.txt", images);
    let point = |i: usize| {
        let angle = i as f64;
        format!("{} {} {} {} 200 100 50 0.5 1 0 2 0\n", i + 1, angle.sin(), 0.5 * (angle * 3.0).cos(), angle.cos())
    };
    folder.file("bin/model/points3D.txt", (0..60).map(point).collect::<String>());
    folder
}

impl Folder {
    fn photos(&self, line: &str) -> Command {
        let mut command = self.dapple(line);
        let path = std::env::var("PATH").expect("a path");
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command
    }

    /// The commands that the program was given since the last look.
    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("bin/calls")).unwrap_or_default();
        let _ = std::fs::remove_file(self.path("bin/calls"));
        let first = |line: &str| line.split(' ').next().unwrap_or_default().to_string();
        text.lines().map(first).filter(|word| word != "model_analyzer").collect()
    }
}

const LINE: &str = "photos photos run --steps 10 --cap-max 500";

#[test]
fn photos_become_a_scene_and_what_is_done_is_kept() {
    let folder = prepare();
    let output = folder.photos(LINE).assert().success().get_output().clone();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("7 of 8 pictures registered, 60 points, reprojection error 0.71 px"), "{text}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("warning: pictures that are not registered") && said.contains("2 models, the others of 2"),
        "{said}"
    );
    assert!(folder.path("run/scene.ply").is_file() && folder.path("run/report.html").is_file());
    assert_eq!(folder.calls(), ["feature_extractor", "exhaustive_matcher", "mapper"]);
    // The largest model is the capture's, and the photos are the user's own.
    assert!(folder.path("run/capture/sparse/0/images.txt").is_file());
    assert_eq!(folder.bytes("run/capture/images/3.png"), folder.bytes("photos/3.png"));

    let output = folder.photos(LINE).assert().success().get_output().clone();
    assert!(String::from_utf8_lossy(&output.stderr).contains("poses: 7 of 8 pictures registered"));
    assert!(folder.calls().is_empty(), "nothing is done twice");
    // The scene is trained on this capture.
    let error = folder.photos(&format!("{LINE} --max-size 800")).assert().code(1).get_output().clone();
    let error = String::from_utf8_lossy(&error.stderr).into_owned();
    assert!(
        error.contains("features were made with max_size 1600, not max_size 800; choose another folder"),
        "{error}"
    );
}

#[test]
fn other_settings_do_again_what_depends_on_them() {
    let folder = prepare();
    let line = "photos photos run --no-train";
    folder.photos(line).assert().success();
    assert_eq!(folder.calls(), ["feature_extractor", "exhaustive_matcher", "mapper"]);
    folder.photos(&format!("{line} --matcher sequential")).assert().success();
    assert_eq!(folder.calls(), ["sequential_matcher", "mapper"]);
    std::fs::remove_file(folder.path("photos/7.png")).expect("removes");
    folder.photos(&format!("{line} --matcher sequential")).assert().success();
    assert_eq!(folder.calls(), ["feature_extractor", "sequential_matcher", "mapper"]);
    assert!(!folder.path("run/capture/images/7.png").exists());
    assert!(!folder.path("run/scene.ply").exists());
}

#[test]
fn a_stage_that_fails_is_one_error_that_names_the_log_and_is_gone_on_with() {
    let folder = prepare();
    for (command, said) in
        [("feature_extractor", "features were not found"), ("mapper", "none of 8 pictures could be placed")]
    {
        let output = folder.photos(LINE).env("FAIL", command).assert().code(1).get_output().clone();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{text}");
        for part in
            [said, "colmap failed (exit status: 3, its last line: it went wrong here)", "run/capture/colmap/log.txt"]
        {
            assert!(errors[0].contains(part), "{part}: {text}");
        }
    }
    assert!(folder.text("run/capture/colmap/log.txt").contains("it went wrong here"));
    assert_eq!(folder.calls(), ["feature_extractor", "feature_extractor", "exhaustive_matcher", "mapper"]);
    folder.photos(LINE).assert().success();
    assert_eq!(folder.calls(), ["mapper"]);
}

#[test]
fn a_stopped_command_goes_on_where_it_was() {
    let folder = prepare();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("dapple"));
    let path = format!("{}:{}", folder.path("bin").display(), std::env::var("PATH").expect("a path"));
    command
        .current_dir(folder.0.path())
        .args(LINE.split(' '))
        .arg("--json")
        .env("PATH", path)
        .env("HANG", "exhaustive_matcher");
    let out = std::fs::File::create(folder.path("events")).expect("creates");
    let mut child = command.stdout(out).stderr(std::process::Stdio::null()).spawn().expect("starts");
    let begun = std::time::Instant::now();
    while !folder.path("bin/hangs").exists() {
        assert!(begun.elapsed().as_secs() < 60, "it never comes to compare photos");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().expect("starts").success());
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    let events = folder.text("events");
    assert!(events.contains(r#""event":"stopped""#) && events.contains(r#""stage":"matches""#), "{events}");
    folder.calls();
    folder.photos(LINE).assert().success();
    assert_eq!(folder.calls(), ["exhaustive_matcher", "mapper"]);
}

#[test]
fn what_cannot_be_used_is_one_clear_error() {
    let folder = prepare();
    assert!(folder.error("photos nowhere run", 1).contains("nowhere: there is no such file"));
    assert!(folder.error("photos run", 2).contains("dapple photos <INPUT>... <RUN>"));
    std::fs::create_dir(folder.path("none")).expect("creates");
    assert!(folder.error("photos none run", 1).contains("no photos (JPEG, PNG, WebP, TIFF, BMP, EXR) and no videos"));
    folder.file("phone/IMG_1.HEIC", "x");
    assert!(folder.error("photos phone run", 1).contains("1 photos are HEIC or AVIF"));
    assert!(folder.error("photos photos run --fps 0", 2).contains("--fps"));
    let output = folder.dapple("photos photos run").env("PATH", "/nowhere").assert().code(1).get_output().clone();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("colmap is not installed: sudo apt-get install colmap"), "{text}");
    assert!(!folder.path("run").exists(), "nothing is left of it");
    copy(&folder.path("photos"), &folder.path("own/capture/images"));
    assert!(
        folder
            .photos("photos photos own")
            .assert()
            .code(1)
            .get_output()
            .stderr
            .ends_with(b"choose another folder for the run\n")
    );
}

/// A video of one second a colour, whose frames but one in twelve are blurred.
fn video(path: &Path) -> bool {
    let found =
        std::process::Command::new("ffmpeg").arg("-version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: videos are not decoded, ffmpeg is not installed (tools/setup installs it)");
        return false;
    }
    let frames = tempfile::tempdir().expect("temporary folder");
    for i in 0..48u32 {
        let sharp = i % 12 == 5;
        let stripes = |x: u32, _| {
            let edge = if sharp { if x % 8 < 4 { 255 } else { 0 } } else { 128 };
            image::Rgb([edge, (i * 5) as u8, if sharp { 255 } else { 0 }])
        };
        image::RgbImage::from_fn(64, 48, stripes).save(frames.path().join(format!("{i:02}.png"))).expect("saves");
    }
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-r", "24", "-i"]).arg(frames.path().join("%02d.png"));
    command.args(["-c:v", "ffv1"]).arg(path);
    assert!(command.status().expect("starts").success(), "ffmpeg encodes");
    true
}

#[test]
fn of_a_video_the_sharpest_frame_of_each_moment_is_taken() {
    let folder = prepare();
    if !video(&folder.path("walk.mkv")) {
        return;
    }
    let said = folder.photos("photos walk.mkv run --fps 2 --no-train").assert().success().get_output().stderr.clone();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains("4 frames of 2 s of video, the sharpest of each 0.50 s"), "{said}");
    for i in 1..=4 {
        let frame = image::open(folder.path(&format!("run/capture/images/{i:05}.jpg"))).expect("is there").into_rgb8();
        let blue = frame.pixels().map(|p| u64::from(p.0[2])).sum::<u64>() / (64 * 48);
        assert!(blue > 200, "frame {i} is not the sharp one: {blue}");
    }
    assert!(!folder.path("run/capture/images/00005.jpg").exists());
    // As panoramas, frames of the wrong shape are refused by name.
    let error = folder.photos("photos walk.mkv other --fps 2 --panorama").assert().code(1).get_output().stderr.clone();
    assert!(
        String::from_utf8_lossy(&error).contains("walk.mkv: a panorama of all directions is twice as wide as high")
    );
}
