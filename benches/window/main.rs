//! What the window itself costs, beside the renderer: `DAPPLE_SCENE=biker.compressed.ply cargo bench --bench window`. It
//! wants a machine without other work, and a display without a screen as the tests of the window do.

#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "the tests of the window use the rest")]
#[path = "../../tests/view/display.rs"]
mod display;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "the tests of the window use the rest")]
#[path = "../../tests/view/pictures.rs"]
mod pictures;
#[cfg(target_os = "linux")]
#[allow(dead_code, unused_imports, reason = "the tests of the window use the rest")]
#[path = "../../tests/view/wayland.rs"]
mod wayland;

#[cfg(target_os = "linux")]
use pictures::{dapple, difference, picture, scene_in};

fn main() {
    #[cfg(target_os = "linux")]
    measure::all();
    #[cfg(not(target_os = "linux"))]
    println!("SKIPPED: the window is measured on Linux only");
}
