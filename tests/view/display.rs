//! A display without a screen (Xvfb), a window on it, and hands for mouse and keys (xdotool).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::RgbImage;

/// Longest wait for anything: a debug build on a busy machine with a software adapter is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running child, ended with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `dapple view` in its window.
pub struct Window {
    number: String,
    window: String,
    folder: PathBuf,
    viewer: Running,
    _display: Running,
    pictures: u32,
}

/// Calls `look` until it finds something.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(150));
    }
}

/// Whether the programs that these tests need are there.
pub fn is_possible() -> bool {
    ["Xvfb", "xdotool"].iter().all(|name| {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).any(|folder| folder.join(name).exists())
    })
}

impl Window {
    /// Opens a window of 900 × 600 with `words` on the command line, in a working folder.
    pub fn open(folder: &Path, words: &[&str]) -> Self {
        let number_file = folder.join("display");
        let out = std::fs::File::create(&number_file).expect("creates");
        let mut display = Command::new("Xvfb");
        display.args(["-displayfd", "1", "-screen", "0", "900x600x24", "-nolisten", "tcp", "-fbdir"]).arg(folder);
        let display = Running(display.stdout(out).stderr(Stdio::null()).spawn().expect("Xvfb starts"));
        let number = wait("the display", || {
            let text = std::fs::read_to_string(&number_file).ok()?;
            text.ends_with('\n').then(|| format!(":{}", text.trim()))
        });
        let mut viewer = Command::new(assert_cmd::cargo::cargo_bin("dapple"));
        viewer.current_dir(folder).arg("view").args(words);
        viewer.env("DISPLAY", &number).env("XDG_CONFIG_HOME", folder).env_remove("WAYLAND_DISPLAY");
        let log = std::fs::File::create(folder.join("log")).expect("creates");
        let viewer = Running(viewer.stderr(log).stdin(Stdio::null()).spawn().expect("the viewer starts"));
        let folder = folder.to_path_buf();
        let mut window = Self { number, window: String::new(), folder, viewer, _display: display, pictures: 0 };
        window.window = wait("the window", || {
            let found = window.xdotool(&["search", "--onlyvisible", "--name", "^Dapple$"]);
            found.lines().next().map(str::to_string)
        });
        let id = window.window.clone();
        window.xdotool(&["windowmove", &id, "0", "0"]);
        window.xdotool(&["windowsize", &id, "900", "600"]);
        window.xdotool(&["windowfocus", &id]);
        window
    }

    fn xdotool(&self, words: &[&str]) -> String {
        let output = Command::new("xdotool").env("DISPLAY", &self.number).args(words).output().expect("xdotool runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What the viewer has said on its standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub fn is_alive(&mut self) -> bool {
        self.viewer.0.try_wait().expect("can be asked").is_none()
    }

    pub fn key(&self, key: &str) {
        self.xdotool(&["key", key]);
        std::thread::sleep(Duration::from_millis(120));
    }

    /// Holds a key down for a while.
    pub fn hold(&self, key: &str, milliseconds: u64) {
        self.xdotool(&["keydown", key]);
        std::thread::sleep(Duration::from_millis(milliseconds));
        self.xdotool(&["keyup", key]);
    }

    pub fn scroll(&self, clicks: u32, up: bool) {
        for _ in 0..clicks {
            self.xdotool(&["click", if up { "4" } else { "5" }]);
        }
    }

    /// Drags with a button (1 left, 2 middle, 3 right) in steps, as a hand does.
    pub fn drag(&self, button: &str, from: (i32, i32), to: (i32, i32)) {
        let at = |(x, y): (i32, i32)| self.xdotool(&["mousemove", &x.to_string(), &y.to_string()]);
        at(from);
        std::thread::sleep(Duration::from_millis(100));
        self.xdotool(&["mousedown", button]);
        for step in 1..=8 {
            at((from.0 + (to.0 - from.0) * step / 8, from.1 + (to.1 - from.1) * step / 8));
            std::thread::sleep(Duration::from_millis(60));
        }
        std::thread::sleep(Duration::from_millis(300));
        self.xdotool(&["mouseup", button]);
        std::thread::sleep(Duration::from_millis(200));
    }

    pub fn resize(&self, width: u32, height: u32) {
        self.xdotool(&["windowsize", &self.window, &width.to_string(), &height.to_string()]);
        std::thread::sleep(Duration::from_millis(150));
    }

    /// The picture that the window saves with its key, once it does.
    pub fn picture(&mut self) -> RgbImage {
        self.pictures += 1;
        let path = self.folder.join(format!("dapple-{:03}.png", self.pictures));
        let mut asked = Instant::now() - PATIENCE;
        wait("a picture", || {
            // Until the scene is there, the key does nothing.
            if asked.elapsed() > Duration::from_secs(15) && !path.exists() {
                self.key("p");
                asked = Instant::now();
            }
            path.exists().then(|| super::picture(&path))
        })
    }

    /// What is on the screen, from the display's own memory: an XWD file of 32 bits a pixel.
    pub fn screen(&self) -> RgbImage {
        let bytes = std::fs::read(self.folder.join("Xvfb_screen0")).expect("the display's memory");
        let word = |i: usize| u32::from_be_bytes(bytes[4 * i..4 * i + 4].try_into().expect("four bytes")) as usize;
        let (header, width, height, stride, colours) = (word(0), word(4), word(5), word(12), word(19));
        let start = header + 12 * colours;
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let at = start + y as usize * stride + 4 * x as usize;
            image::Rgb([bytes[at + 2], bytes[at + 1], bytes[at]])
        })
    }

    /// Waits until the middle of a picture is on the screen, exactly.
    pub fn wait_for(&self, picture: &RgbImage) {
        let (width, height) = picture.dimensions();
        let side = 48.min(width / 2).min(height / 2);
        let (x0, y0) = (width / 2 - side / 2, height / 2 - side / 2);
        wait("the picture on the screen", || {
            let screen = self.screen();
            let fits = |dx: u32, dy: u32| {
                (0..side).all(|y| {
                    (0..side).all(|x| {
                        let at = (x0 + x + dx, y0 + y + dy);
                        at.0 < screen.width()
                            && at.1 < screen.height()
                            && screen.get_pixel(at.0, at.1) == picture.get_pixel(x0 + x, y0 + y)
                    })
                })
            };
            // The picture starts at the window's left, below the menu.
            (0..3).any(|dx| (0..80).any(|dy| fits(dx, dy))).then_some(())
        });
    }
}
