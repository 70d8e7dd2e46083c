//! From a key to the screen, timed by the display's own events: asking for the picture over and over, or pressing keys by
//! another program, would take time from what is measured and add to it.

use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::damage::{self, ConnectionExt as _, ReportLevel};
use x11rb::protocol::xproto::{ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use super::display::Window;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A hand on the keys and an eye on the screen of a [`Window`].
pub struct Clock {
    connection: RustConnection,
    root: u32,
    damage: damage::Damage,
    memory: std::fs::File,
}

impl Clock {
    pub fn new(window: &Window) -> Outcome<Self> {
        let (connection, screen) = x11rb::connect(Some(window.display()))?;
        let root = connection.setup().roots[screen].root;
        connection.damage_query_version(1, 1)?.reply()?;
        connection.xtest_get_version(2, 2)?.reply()?;
        let damage = connection.generate_id()?;
        connection.damage_create(damage, root, ReportLevel::NON_EMPTY)?.check()?;
        Ok(Self { connection, root, damage, memory: std::fs::File::open(window.memory())? })
    }

    /// Presses the key of a character, and returns how long it takes until the middle of the screen has changed: the
    /// server has then drawn the window's new picture.
    pub fn until_seen(&mut self, key: char) -> Outcome<Duration> {
        let code = self.code_of(key)?;
        let old = self.middle()?;
        while self.connection.poll_for_event()?.is_some() {}
        self.connection.damage_subtract(self.damage, x11rb::NONE, x11rb::NONE)?.check()?;

        let start = Instant::now();
        for event in [KEY_PRESS_EVENT, KEY_RELEASE_EVENT] {
            self.connection.xtest_fake_input(event, code, x11rb::CURRENT_TIME, self.root, 0, 0, 0)?;
        }
        self.connection.flush()?;
        loop {
            let Event::DamageNotify(_) = self.connection.wait_for_event()? else { continue };
            let seen = start.elapsed();
            if self.middle()? != old {
                return Ok(seen);
            }
            if seen > Duration::from_secs(60) {
                return Err(format!("the key {key} has no effect").into());
            }
            self.connection.damage_subtract(self.damage, x11rb::NONE, x11rb::NONE)?;
            self.connection.flush()?;
        }
    }

    fn code_of(&self, key: char) -> Outcome<u8> {
        let setup = self.connection.setup();
        let (low, high) = (setup.min_keycode, setup.max_keycode);
        let map = self.connection.get_keyboard_mapping(low, high - low + 1)?.reply()?;
        // Latin-1 characters are their own symbols.
        let at = map.keysyms.iter().position(|&symbol| symbol == key as u32).ok_or("there is no such key")?;
        Ok(low + (at / usize::from(map.keysyms_per_keycode)) as u8)
    }

    /// Pixels around the middle of the screen.
    fn middle(&mut self) -> Outcome<Vec<u8>> {
        let mut bytes = vec![0; 1 << 16];
        self.memory.seek(SeekFrom::Start(self.memory.metadata()?.len() / 2))?;
        self.memory.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
