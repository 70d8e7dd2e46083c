//! A display without a screen (Xvfb), a window on it, and hands for mouse and keys (xdotool).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::RgbImage;

/// Longest wait for anything: a debug build on a busy machine with a software adapter is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running child, ended with its owner.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `dapple view` in its window, or another command that opens one.
pub struct Window {
    number: String,
    window: String,
    folder: PathBuf,
    program: Running,
    _display: Running,
}

/// Calls `look` until it finds something.
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(60));
    }
}

/// Whether programs that tests need are there; says what is left out if not.
pub fn are_installed(names: &[&str], else_what: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &&&str| std::env::split_paths(&paths).any(|folder| folder.join(name).exists());
    let missing: Vec<_> = names.iter().filter(|name| !is_there(name)).copied().collect();
    if !missing.is_empty() {
        eprintln!("SKIPPED: {else_what}; not installed: {} (tools/setup does it)", missing.join(", "));
    }
    missing.is_empty()
}

pub fn is_possible() -> bool {
    are_installed(&["Xvfb", "xdotool"], "the window is not tested")
}

/// A command of the program under test: that of the environment variable DAPPLE, or the one that was built.
pub fn program() -> Command {
    Command::new(std::env::var_os("DAPPLE").map_or_else(|| assert_cmd::cargo::cargo_bin("dapple"), PathBuf::from))
}

/// The picture that a window saves in its working folder when it is asked with the key P.
pub fn saved_picture(folder: &Path, ask: impl Fn()) -> RgbImage {
    // The first free name is taken, so this is the one.
    let path = folder.join("dapple-001.png");
    let mut asked = Instant::now() - PATIENCE;
    let picture = wait("a picture", || {
        // Until the scene is there, the key does nothing.
        if asked.elapsed() > Duration::from_secs(10) && !path.exists() {
            ask();
            asked = Instant::now();
        }
        path.exists().then(|| super::picture(&path))
    });
    std::fs::remove_file(&path).expect("the picture is ours");
    picture
}

impl Window {
    /// Opens a window of 900 × 600 with `words` on the command line, in a working folder.
    pub fn open(folder: &Path, words: &[&str]) -> Self {
        let line = [&["view"], words].concat();
        let mut window = Self::start(folder, &line, (900, 600));
        window.appear((900, 600));
        window
    }

    /// Starts a program that opens a window, on a display of a size.
    pub fn start(folder: &Path, words: &[&str], size: (u32, u32)) -> Self {
        Self::start_timed(folder, words, size).0
    }

    /// The same with the moment at which the program was started; it logs its pictures.
    pub fn start_timed(folder: &Path, words: &[&str], (width, height): (u32, u32)) -> (Self, Instant) {
        let number_file = folder.join("display");
        let out = std::fs::File::create(&number_file).expect("creates");
        let mut display = Command::new("Xvfb");
        display.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            &format!("{width}x{height}x24"),
            "-nolisten",
            "tcp",
            // Else the server begins anew whenever its last client leaves, as xdotool does, and refuses who comes then.
            "-noreset",
            "-fbdir",
        ]);
        let display = Running(display.arg(folder).stdout(out).stderr(Stdio::null()).spawn().expect("Xvfb starts"));
        let number = wait("the display", || {
            let text = std::fs::read_to_string(&number_file).ok()?;
            text.ends_with('\n').then(|| format!(":{}", text.trim()))
        });
        let mut command = program();
        command.current_dir(folder).args(words).stdin(Stdio::null());
        command.env("DISPLAY", &number).env("XDG_CONFIG_HOME", folder).env_remove("WAYLAND_DISPLAY");
        command.env("RUST_LOG", "error,dapple=debug");
        let log = std::fs::File::create(folder.join("log")).expect("creates");
        let start = Instant::now();
        let program = Running(command.stdout(Stdio::null()).stderr(log).spawn().expect("the program starts"));
        (Self { number, window: String::new(), folder: folder.to_path_buf(), program, _display: display }, start)
    }

    /// Waits for the window and gives it a size and the keys.
    pub fn appear(&mut self, (width, height): (u32, u32)) {
        self.window = wait("the window", || {
            assert!(self.is_alive(), "the program ended without a window: {}", self.log());
            let found = self.xdotool(&["search", "--onlyvisible", "--name", "^Dapple$"]);
            found.lines().next().map(str::to_string)
        });
        let id = self.window.clone();
        self.xdotool(&["windowmove", &id, "0", "0"]);
        self.resize(width, height);
        self.xdotool(&["windowfocus", &id]);
    }

    fn xdotool(&self, words: &[&str]) -> String {
        let output = Command::new("xdotool").env("DISPLAY", &self.number).args(words).output().expect("xdotool runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What the viewer has said on its standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Whether the program that was started still runs.
    pub fn is_alive(&mut self) -> bool {
        self.program.0.try_wait().expect("can be asked").is_none()
    }

    /// The name of its display.
    #[allow(dead_code, reason = "the measurements of the window use it")]
    pub fn display(&self) -> &str {
        &self.number
    }

    /// The display's own memory: an XWD file of 32 bits a pixel.
    pub fn memory(&self) -> PathBuf {
        self.folder.join("Xvfb_screen0")
    }

    /// Number of the process that was started.
    pub fn process(&self) -> u32 {
        self.program.0.id()
    }

    pub fn key(&self, key: &str) {
        self.xdotool(&["key", key]);
    }

    pub fn click(&self, (x, y): (i32, i32)) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string(), "click", "1"]);
    }

    /// Clicks into a field, and types over what is in it.
    pub fn write(&self, at: (i32, i32), text: &str) {
        self.click(at);
        std::thread::sleep(Duration::from_millis(300));
        self.xdotool(&["key", "ctrl+a", "type", "--delay", "10", text]);
        self.key("Return");
    }

    /// Takes the window off the screen, as minimising does, and puts it back.
    pub fn hide(&self) {
        self.xdotool(&["windowunmap", &self.window]);
        std::thread::sleep(Duration::from_millis(400));
        self.xdotool(&["windowmap", &self.window]);
        self.xdotool(&["windowfocus", &self.window]);
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
    pub fn picture(&self) -> RgbImage {
        saved_picture(&self.folder, || self.key("p"))
    }

    /// The picture when nothing moves any more: what was done before has its effect, and flights are over.
    pub fn settled(&self) -> RgbImage {
        let mut last = self.picture();
        wait("a picture that stays", || {
            let next = self.picture();
            let same = next == last;
            last = next;
            same.then(|| last.clone())
        })
    }

    /// Waits for the window to show a picture exactly, on the screen too.
    pub fn until_equal(&self, what: &str, picture: &RgbImage) {
        let start = Instant::now();
        loop {
            let shown = self.picture();
            if shown == *picture {
                break;
            }
            let sizes = (shown.dimensions(), picture.dimensions());
            let off = if sizes.0 == sizes.1 { super::difference(&shown, picture) } else { f64::NAN };
            assert!(start.elapsed() < PATIENCE, "waited too long for {what}: {sizes:?}, off by {off} of 255 levels");
        }
        self.wait_for(picture);
    }

    /// What is on the screen.
    pub fn screen(&self) -> RgbImage {
        let bytes = std::fs::read(self.memory()).expect("the display's memory");
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
