//! The window on Wayland, as most Linux desktops have it: a compositor without a screen (sway), keys and mouse by its
//! protocols for virtual ones.

use std::fs::Permissions;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use image::RgbImage;
use tempfile::TempDir;
use wayland_client::globals::{GlobalListContents, registry_queue_init};
use wayland_client::protocol::wl_keyboard::{KeyState, KeymapFormat};
use wayland_client::protocol::wl_pointer::ButtonState;
use wayland_client::protocol::wl_registry::{Event, WlRegistry};
use wayland_client::protocol::wl_seat::WlSeat;
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, delegate_noop};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1;
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1;
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1;
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1;

use super::display::{Running, are_installed, program, saved_picture, wait};
use super::{dapple, difference, picture, scene_in};

/// A user without rights, for a compositor that refuses to run as root.
const NOBODY: u32 = 65_534;
const CONFIG: &str = "default_border none\nxwayland disable\nfocus_follows_mouse no\n";
const KEYMAP: &str = r#"xkb_keymap {
    xkb_keycodes { include "evdev" };
    xkb_types { include "complete" };
    xkb_compat { include "complete" };
    xkb_symbols { include "pc+us" };
};"#;
/// Keys in the order of their numbers in Linux' input-event-codes.h, from 2 on.
const KEYS: &str = "1234567890-=\x08\tqwertyuiop";
/// The screen of the test.
const SIZE: (u32, u32) = (900, 600);
/// The left button, from the same file.
const BUTTON_LEFT: u32 = 0x110;

pub fn is_possible() -> bool {
    are_installed(&["sway", "swaymsg", "grim"], "the window is not tested on Wayland")
}

/// A compositor with a window on it.
pub struct Desktop {
    folder: PathBuf,
    hands: Hands,
    program: Running,
    _compositor: Running,
    /// Goes last: the others have their sockets in it.
    runtime: TempDir,
}

/// The end of a socket's name tells it from its lock file.
fn socket(runtime: &Path, start: &str, what: &str) -> PathBuf {
    wait(what, || {
        let names = std::fs::read_dir(runtime).expect("the folder is there").flatten();
        names.map(|entry| entry.path()).find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with(start) && !name.ends_with(".lock")
        })
    })
}

impl Desktop {
    /// Opens the window with `words` on the command line, over a whole screen. With `traced`, its log has what it says to
    /// the compositor, and when.
    pub fn open(folder: &Path, words: &[&str], size: (u32, u32), traced: bool) -> Self {
        let runtime = TempDir::new().expect("temporary folder");
        let config = runtime.path().join("config");
        std::fs::write(&config, CONFIG).expect("writes");
        std::fs::set_permissions(runtime.path(), Permissions::from_mode(0o700)).expect("ours");
        let mut compositor = Command::new("sway");
        compositor.arg("--config").arg(&config).env_remove("WAYLAND_DISPLAY").env_remove("DISPLAY");
        compositor.env("XDG_RUNTIME_DIR", runtime.path()).env("HOME", runtime.path());
        compositor.env("WLR_BACKENDS", "headless").env("WLR_LIBINPUT_NO_DEVICES", "1").env("WLR_RENDERER", "pixman");
        if std::fs::metadata("/proc/self").expect("on Linux").uid() == 0 {
            chown(runtime.path(), Some(NOBODY), Some(NOBODY)).expect("as root");
            compositor.uid(NOBODY).gid(NOBODY);
        }
        let log = std::fs::File::create(folder.join("sway.log")).expect("creates");
        let compositor = Running(compositor.stdout(Stdio::null()).stderr(log).spawn().expect("sway starts"));
        let display = socket(runtime.path(), "wayland-", "the compositor");

        let mut command = program();
        command.current_dir(folder).arg("view").args(words).stdin(Stdio::null()).stdout(Stdio::null());
        command.env("XDG_RUNTIME_DIR", runtime.path()).env("WAYLAND_DISPLAY", display.file_name().expect("a name"));
        command.env("XDG_CONFIG_HOME", folder).env("RUST_LOG", "error,dapple=debug").env_remove("DISPLAY");
        if traced {
            command.env("WAYLAND_DEBUG", "1");
        }
        let log = std::fs::File::create(folder.join("log")).expect("creates");
        let program = Running(command.stderr(log).spawn().expect("the program starts"));
        let hands = Hands::new(&display);
        let desktop = Self { folder: folder.to_path_buf(), hands, program, _compositor: compositor, runtime };
        desktop.resize(size);
        desktop
    }

    /// A command to the compositor.
    fn tell(&self, words: &[&str]) {
        let path = socket(self.runtime.path(), "sway-ipc", "the compositor's ear");
        let done = Command::new("swaymsg").arg("--socket").arg(path).args(words).output().expect("swaymsg runs");
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stdout));
    }

    pub fn resize(&self, (width, height): (u32, u32)) {
        self.tell(&["output", "HEADLESS-1", "resolution", &format!("{width}x{height}")]);
    }

    pub fn key(&self, key: char) {
        self.hands.press(key);
    }

    pub fn picture(&self) -> RgbImage {
        saved_picture(&self.folder, || self.key('p'))
    }

    /// What is on the screen.
    fn screen(&self) -> RgbImage {
        let display = socket(self.runtime.path(), "wayland-", "the compositor");
        let mut command = Command::new("grim");
        command
            .env("XDG_RUNTIME_DIR", self.runtime.path())
            .env("WAYLAND_DISPLAY", display.file_name().expect("a name"));
        let path = self.folder.join("screen.png");
        assert!(command.arg(&path).status().expect("grim runs").success());
        picture(&path)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Presses a key that changes the picture: the time from before it until the window hands the compositor its new
    /// pixels (`wl_surface.commit`), and the renderer's own, as its log has it, both in milliseconds. The window must be
    /// traced. A software adapter has drawn all pixels by then; the compositor only maps them.
    #[allow(dead_code, reason = "the measurements of the window use it")]
    pub fn until_presented(&self, key: char) -> Option<(f64, f64)> {
        let told = self.log().len();
        // libwayland's stamps: microseconds of the clock's time, in 32 bits.
        let pressed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as u32;
        self.key(key);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(600));
            let log = self.log();
            let mut lines = log[told..].lines().skip_while(|line| !line.contains("a picture of "));
            let drawn = lines.next().and_then(|line| line.rsplit(" in ").next()?.strip_suffix(" ms")?.parse().ok());
            let commit = lines.find(|line| line.contains("wl_surface@") && line.ends_with(".commit()"));
            if let (Some(drawn), Some(commit)) = (drawn, commit) {
                let (milliseconds, micros) = commit.strip_prefix('[')?.split(']').next()?.trim().split_once('.')?;
                let stamp = milliseconds.parse::<u32>().ok()?.wrapping_mul(1000).wrapping_add(micros.parse().ok()?);
                return Some((f64::from(stamp.wrapping_sub(pressed)) * 1e-3, drawn));
            }
        }
        None
    }
}

/// A keyboard and a mouse that a program moves.
struct Hands {
    keyboard: ZwpVirtualKeyboardV1,
    mouse: ZwlrVirtualPointerV1,
    queue: EventQueue<Deaf>,
    start: Instant,
}

/// Hears nothing of what the compositor says.
struct Deaf;

impl Dispatch<WlRegistry, GlobalListContents> for Deaf {
    fn event(_: &mut Self, _: &WlRegistry, _: Event, _: &GlobalListContents, _: &Connection, _: &QueueHandle<Self>) {}
}

delegate_noop!(Deaf: ignore WlSeat);
delegate_noop!(Deaf: ignore ZwpVirtualKeyboardManagerV1);
delegate_noop!(Deaf: ignore ZwpVirtualKeyboardV1);
delegate_noop!(Deaf: ignore ZwlrVirtualPointerManagerV1);
delegate_noop!(Deaf: ignore ZwlrVirtualPointerV1);

impl Hands {
    fn new(display: &Path) -> Self {
        let stream = wait("the compositor to answer", || UnixStream::connect(display).ok());
        let connection = Connection::from_socket(stream).expect("a Wayland socket");
        let (globals, mut queue) = registry_queue_init::<Deaf>(&connection).expect("a compositor");
        let handle = queue.handle();
        let seat: WlSeat = globals.bind(&handle, 1..=7, ()).expect("a seat");
        let manager: ZwpVirtualKeyboardManagerV1 = globals.bind(&handle, 1..=1, ()).expect("virtual keyboards");
        let keyboard = manager.create_virtual_keyboard(&seat, &handle, ());
        let mut keymap = tempfile::tempfile().expect("temporary file");
        std::io::Write::write_all(&mut keymap, KEYMAP.as_bytes()).expect("writes");
        std::io::Write::write_all(&mut keymap, &[0]).expect("writes");
        keyboard.keymap(KeymapFormat::XkbV1 as u32, keymap.as_fd(), KEYMAP.len() as u32 + 1);
        let manager: ZwlrVirtualPointerManagerV1 = globals.bind(&handle, 1..=2, ()).expect("virtual pointers");
        let mouse = manager.create_virtual_pointer(Some(&seat), &handle, ());
        queue.roundtrip(&mut Deaf).expect("keyboard and mouse are taken");
        Self { keyboard, mouse, queue, start: Instant::now() }
    }

    fn press(&self, key: char) {
        let code = 2 + KEYS.find(key).expect("a key of the upper rows") as u32;
        let now = self.now();
        for state in [KeyState::Pressed, KeyState::Released] {
            self.keyboard.key(now, code, state as u32);
        }
        self.queue.flush().expect("the compositor listens");
    }

    fn now(&self) -> u32 {
        self.start.elapsed().as_millis() as u32
    }

    /// Drags with the left button, in steps, on a screen of a size.
    fn drag(&self, from: (u32, u32), to: (u32, u32), (width, height): (u32, u32)) {
        let done = || {
            self.mouse.frame();
            self.queue.flush().expect("the compositor listens");
            std::thread::sleep(Duration::from_millis(100));
        };
        let at = |step: u32| {
            let (x, y) = (from.0 * (8 - step) + to.0 * step, from.1 * (8 - step) + to.1 * step);
            self.mouse.motion_absolute(self.now(), x, y, 8 * width, 8 * height);
            done();
        };
        at(0);
        self.mouse.button(self.now(), BUTTON_LEFT, ButtonState::Pressed);
        done();
        (1..=8).for_each(at);
        std::thread::sleep(Duration::from_millis(300));
        self.mouse.button(self.now(), BUTTON_LEFT, ButtonState::Released);
        done();
    }
}

#[test]
fn the_window_works_on_wayland() {
    if !is_possible() {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    scene_in(folder.path());
    let mut desktop = Desktop::open(folder.path(), &["blobs.ply"], SIZE, false);
    let first = wait("the window's size", || {
        assert!(desktop.program.0.try_wait().expect("can be asked").is_none(), "it ended: {}", desktop.log());
        let picture = desktop.picture();
        (picture.height() < SIZE.1 && picture == desktop.picture()).then_some(picture)
    });
    let size = format!("{}x{}", first.width(), first.height());
    dapple(folder.path(), &["view", "blobs.ply", "--screenshot", "direct.png", "--size", &size]);
    assert!(first == picture(&folder.path().join("direct.png")), "as without a window");

    // The picture lies at the screen's left; its middle is free of figures and axes.
    let (x, y) = (first.width() / 2 - 24, first.height() / 2 - 24);
    let is_shown = |picture: &RgbImage| {
        let screen = desktop.screen();
        (20..80).any(|top| {
            (0..48)
                .all(|dy| (0..48).all(|dx| screen.get_pixel(x + dx, y + top + dy) == picture.get_pixel(x + dx, y + dy)))
        })
    };
    wait("the picture on the screen", || is_shown(&first).then_some(()));
    desktop.key('2');
    let depth = wait("depth", || Some(desktop.picture()).filter(|picture| difference(picture, &first) > 0.05));
    wait("depth on the screen", || is_shown(&depth).then_some(()));
    desktop.key('1');
    wait("colours again", || (desktop.picture() == first).then_some(()));
    desktop.hands.drag((250, 330), (400, 350), SIZE);
    wait("another side", || (difference(&desktop.picture(), &first) > 0.05).then_some(()));
    assert!(!desktop.log().contains("warning"), "{}", desktop.log());
}
