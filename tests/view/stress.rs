//! Two hundred openings of good, broken and huge files in one window, and what memory they leave behind. It takes
//! minutes: `cargo test --release --test view -- --ignored --nocapture many`.

use std::path::Path;

use dapple::format;
use dapple::scene::Scene;

use super::display::{Window, is_possible, wait};
use super::{blobs, dapple};

/// Openings, and how many lie between two looks at the memory.
const OPENINGS: usize = 200;
const LOOK: usize = 20;
/// Gaussians of the largest scene.
const LARGE: usize = 400_000;

/// In a window of 900 × 600: the File menu and its Close, and where the empty screen asks for a path.
const CLOSE: [(i32, i32); 2] = [(77, 17), (90, 218)];
const PATH_FIELD: (i32, i32) = (350, 217);
/// A place of the open menu and one of the side panel, and their colour, that of nothing else there.
const MENU: (u32, u32) = (194, 258);
const PANEL: (u32, u32) = (750, 560);
const COLOUR: [u8; 3] = [24, 27, 33];

/// A scene of many copies of the blobs.
fn large() -> Scene {
    let (part, mut scene) = (blobs(), blobs());
    while scene.len() < LARGE {
        let shift = (scene.len() / part.len()) as f32;
        scene
            .means
            .extend(part.means.iter().map(|&mean| mean + glam::Vec3::new(shift % 17.0, 0.1 * shift, shift % 5.0)));
        scene.quaternions.extend(&part.quaternions);
        scene.log_scales.extend(&part.log_scales);
        scene.logits.extend(&part.logits);
        scene.sh.extend(&part.sh);
    }
    scene
}

/// The files of one round, and whether each can be opened, where that does not depend on the device.
fn files_in(folder: &Path) -> Vec<(&'static str, Option<bool>)> {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("writes");
    format::write_scene(&folder.join("a.ply"), &blobs()).expect("writes");
    format::write_scene(&folder.join("large.ply"), &large()).expect("writes");
    for name in ["b.spz", "c.splat", "d.glb", "e.sog"] {
        dapple(folder, &["export", "a.ply", name]);
    }
    let whole = std::fs::read(folder.join("a.ply")).expect("reads");
    write("cut.ply", &whole[..whole.len() / 2]);
    write("noise.splat", &whole[..333]);
    write("empty.ply", b"");
    write("words.txt", b"no scene");
    let header = String::from_utf8_lossy(&whole[..whole.len().min(4000)]).replace("vertex 1500", "vertex 4000000000");
    write("lies.ply", &header.as_bytes()[..header.find("end_header").expect("a header") + 11]);
    let spz = std::fs::read(folder.join("b.spz")).expect("reads");
    write("cut.spz", &spz[..spz.len() - 40]);
    // Four million Gaussians of zeros, which a software adapter has no buffer for; the disk stores nothing of it.
    let huge = std::fs::File::create(folder.join("huge.splat")).expect("creates");
    huge.set_len(128 << 20).expect("is sparse");
    vec![
        ("a.ply", Some(true)),
        ("cut.ply", Some(false)),
        ("b.spz", Some(true)),
        ("lies.ply", Some(false)),
        ("large.ply", Some(true)),
        ("noise.splat", Some(false)),
        ("c.splat", Some(true)),
        ("empty.ply", Some(false)),
        ("d.glb", Some(true)),
        ("words.txt", Some(false)),
        ("e.sog", Some(true)),
        ("cut.spz", Some(false)),
        ("none.ply", Some(false)),
        ("huge.splat", None),
    ]
}

/// Closes what is shown, by the File menu.
fn close(window: &Window) {
    let [menu, entry] = CLOSE;
    let is_there = |(x, y): (u32, u32)| window.screen().get_pixel(x, y).0 == COLOUR;
    window.click(menu);
    wait("the menu", || is_there(MENU).then_some(()));
    window.click(entry);
    wait("the first screen", || (!is_there(PANEL)).then_some(()));
}

/// Resident memory of a process, MiB; on a software adapter the buffers of the device are in it.
fn memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("has a size");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

#[test]
#[ignore = "takes minutes"]
fn many_openings_leave_nothing_behind() {
    if !is_possible() || !cfg!(target_os = "linux") {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let root = folder.path();
    let files = files_in(root);
    let mut window = Window::open(root, &[]);
    // A click that is asked for before the window is there would be lost.
    wait("the first screen", || (window.screen().get_pixel(PANEL.0, PANEL.1).0 != [0; 3]).then_some(()));
    let recent = root.join("dapple/recent.txt");
    let (mut opened, mut refused) = (0, 0);
    println!("opened  refused  memory, MiB");
    let mut sizes = Vec::new();
    for index in 0..OPENINGS {
        let (name, good) = files[index % files.len()];
        // Both ways of telling are emptied first, so that the next word is about this file.
        let _ = std::fs::remove_file(&recent);
        let said = window.log().len();
        window.write(PATH_FIELD, name);
        let entered = wait(name, || {
            let entered = recent.exists();
            let failed = window.log()[said..].contains(name);
            assert!(window.is_alive(), "{name} ended the window: {}", window.log());
            assert!(good.is_none_or(|good| if good { !failed } else { !entered }), "{name}: {}", &window.log()[said..]);
            (entered || failed).then_some(entered)
        });
        if entered {
            opened += 1;
            window.picture();
            close(&window);
        } else {
            refused += 1;
        }
        if (index + 1) % LOOK == 0 {
            sizes.push(memory(window.process()));
            println!("{opened:6}  {refused:7}  {:10.1}", sizes[sizes.len() - 1]);
        }
    }
    // The first rounds fill caches; after them, all is as it was.
    let (early, late) = (sizes[1].max(sizes[2]), sizes[sizes.len() - 1].min(sizes[sizes.len() - 2]));
    assert!(late < 1.1 * early, "memory grows from {early:.1} to {late:.1} MiB");
}
