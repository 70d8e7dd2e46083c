//! Messages to the user.

use std::time::{Duration, Instant};

/// Time for which a message stays; errors stay until they are closed.
const STAY: Duration = Duration::from_secs(6);
/// Most messages that are shown at a time.
const MOST: usize = 4;

/// A message.
#[derive(Debug)]
pub struct Notice {
    pub text: String,
    pub is_error: bool,
    since: Instant,
}

/// The messages that are shown, the last one at the end.
#[derive(Debug, Default)]
pub struct Notices(Vec<Notice>);

impl Notices {
    pub fn list(&self) -> &[Notice] {
        &self.0
    }

    pub fn add(&mut self, text: String) {
        self.0.push(Notice { text, is_error: false, since: Instant::now() });
    }

    /// Adds an error, once, in one line, and writes it to the log.
    pub fn add_error(&mut self, error: &anyhow::Error) {
        let text = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
        log::warn!("{text}");
        self.0.retain(|notice| notice.text != text);
        self.0.push(Notice { text, is_error: true, since: Instant::now() });
        let surplus = self.0.len().saturating_sub(MOST);
        self.0.drain(..surplus);
    }

    pub fn close(&mut self, index: usize) {
        if index < self.0.len() {
            self.0.remove(index);
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Removes old good news; whether some is left, which must go later.
    pub fn expire(&mut self) -> bool {
        self.0.retain(|notice| notice.is_error || notice.since.elapsed() < STAY);
        self.0.iter().any(|notice| !notice.is_error)
    }
}
