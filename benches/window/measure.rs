//! The measurements.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::display::{Window, is_possible, wait};
use super::wayland::Desktop;
use super::{picture, scene_in};

/// Size of the picture in the window.
const SIZE: (u32, u32) = (960, 540);
const REPEATS: usize = 15;

/// All measurements, one after the other.
pub fn all() {
    cost_of_a_frame_and_of_none();
    cost_of_a_frame_on_wayland();
    cost_of_opening();
}

fn scene(folder: &std::path::Path) -> String {
    let path = std::env::var_os("DAPPLE_SCENE").map_or_else(|| scene_in(folder), PathBuf::from);
    path.display().to_string()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds of processor time that a process has used, all its threads together; those of a software adapter too.
fn processor_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the process is there");
    let words: Vec<&str> = stat.rsplit(')').next().expect("has fields").split_whitespace().collect();
    // In hundredths of a second, on every Linux there is.
    [11, 12].iter().map(|&at: &usize| words[at].parse::<f64>().expect("a number")).sum::<f64>() / 100.0
}

/// The milliseconds of the renderer in the last line that tells of a picture of the size.
fn last_picture(log: &str) -> Option<f64> {
    let start = format!("a picture of {} x {} in ", SIZE.0, SIZE.1);
    let line = log.lines().rev().find_map(|line| line.split(&start).nth(1))?;
    line.trim_end_matches(" ms").parse().ok()
}

/// A window whose picture has the size.
fn open(folder: &std::path::Path, scene: &str) -> Window {
    let mut window = Window::start(folder, &["view", scene], (1600, 900));
    window.appear((1200, 700));
    let (width, height) = window.settled().dimensions();
    window.resize(1200 + SIZE.0 - width, 700 + SIZE.1 - height);
    wait("the size", || (window.picture().dimensions() == SIZE).then_some(()));
    window
}

/// From a key to what comes of it, against the renderer's own time of the same picture: medians of pairs of milliseconds
/// that `press` measures.
fn compare(what: &str, mut press: impl FnMut(char) -> (f64, f64)) {
    let (mut whole, mut own, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..REPEATS {
        let (seen, drawn) = press(if index % 2 == 0 { '1' } else { '4' });
        shares.push(seen / drawn - 1.0);
        whole.push(seen);
        own.push(drawn);
    }
    let (whole, own, share) = (median(whole), median(own), median(shares));
    println!("{what}: {whole:.1} ms, the renderer's own {own:.1} ms: {:+.1} %", 100.0 * share);
}

fn from_key_to_screen(window: &Window, what: &str) {
    window.key("4");
    window.settled();
    let mut clock = Clock::new(window).expect("the display has XTEST and DAMAGE");
    compare(&format!("from a key to the screen, {what}"), |key| {
        let told = window.log().len();
        let seen = clock.until_seen(key).expect("the window answers");
        let drawn = last_picture(&window.log()[told..]).expect("RUST_LOG=dapple=debug tells of each picture");
        std::thread::sleep(Duration::from_millis(700));
        (seen.as_secs_f64() * 1e3, drawn)
    });
}

fn cost_of_a_frame_and_of_none() {
    if !is_possible() {
        println!("SKIPPED: no display without a screen is installed");
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut window = open(folder.path(), &scene(folder.path()));
    // Without the figures, whose time stamps and counts are no part of a picture.
    window.key("i");
    window.settled();

    // Notices fade after some seconds, by frames of the window; then there is nothing to do.
    std::thread::sleep(Duration::from_secs(8));
    let before = processor_seconds(window.process());
    std::thread::sleep(Duration::from_secs(5));
    let idle = processor_seconds(window.process()) - before;
    println!("a still scene: {idle:.2} s of processor time in 5 s, the software adapter's included");

    from_key_to_screen(&window, "with all panels");
    window.key("u");
    window.resize(SIZE.0, SIZE.1);
    wait("the size", || (window.picture().dimensions() == SIZE).then_some(()));
    window.settled();
    from_key_to_screen(&window, "only the picture");
    assert!(window.is_alive());
}

/// The same on Wayland, until the compositor has the window's new pixels. Mesa's software adapter shares memory with a
/// compositor; to an X server it sends 3 MB a frame through a socket, unless that has the DRI3 extension, as Xvfb has not.
fn cost_of_a_frame_on_wayland() {
    if !super::wayland::is_possible() {
        println!("SKIPPED: no Wayland compositor without a screen is installed");
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let desktop = Desktop::open(folder.path(), &[&scene(folder.path())], (1200, 700), true);
    let first = wait("the window's size", || Some(desktop.picture()).filter(|picture| picture.height() < 700));
    desktop.resize((1200 + SIZE.0 - first.width(), 700 + SIZE.1 - first.height()));
    for (key, what) in [('i', "with all panels"), ('u', "only the picture")] {
        desktop.key(key);
        if key == 'u' {
            desktop.resize(SIZE);
        }
        wait("the size", || (desktop.picture().dimensions() == SIZE).then_some(()));
        desktop.key('4');
        wait("opacity", || {
            let grey = |picture: &image::RgbImage| picture.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]);
            grey(&desktop.picture()).then_some(())
        });
        compare(&format!("from a key to the compositor, {what}"), |key| {
            desktop.until_presented(key).expect("the window answers")
        });
    }
}

fn cost_of_opening() {
    if !is_possible() {
        println!("SKIPPED: no display without a screen is installed");
        return;
    }
    let mut times = Vec::new();
    for run in 0..5 {
        let folder = tempfile::tempdir().expect("temporary folder");
        let scene = scene(folder.path());
        let start = Instant::now();
        let mut command = super::display::program();
        command.current_dir(folder.path()).args(["view", &scene, "--screenshot", "a.png", "--size", "960x540"]);
        assert!(command.status().expect("runs").success());
        let bare = start.elapsed().as_secs_f64();
        let ground = picture(&folder.path().join("a.png"));
        assert!(ground.pixels().any(|pixel| pixel != ground.get_pixel(0, 0)), "there is a picture");

        // Under no window manager a window keeps its first size: 1280 x 800, in which the picture is larger than 960 x 540.
        let (window, start) = Window::start_timed(folder.path(), &["view", &scene], (1280, 800));
        let colours = |window: &Window| {
            let screen = window.screen();
            // Left of the middle of the picture: neither figures nor axes lie there.
            let seen: std::collections::BTreeSet<[u8; 3]> = (0..200)
                .flat_map(|x| (0..200).map(move |y| (x, y)))
                .map(|(x, y)| screen.get_pixel(380 + x, 300 + y).0)
                .collect();
            seen.len()
        };
        while colours(&window) < 100 {
            assert!(start.elapsed() < Duration::from_secs(60), "no picture: {}", window.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        let shown = start.elapsed().as_secs_f64();
        println!("run {run}: the file of a picture after {bare:.2} s, the window's after {shown:.2} s");
        times.push(shown);
    }
    println!("median of the window: {:.2} s", median(times));
}
