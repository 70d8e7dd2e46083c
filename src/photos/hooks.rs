//! The events of making a capture, and how it is stopped.

use anyhow::Result;

/// The work was stopped by its hooks; what is done is kept.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

/// What happens while a capture is made.
pub enum Event {
    /// A stage starts.
    Stage {
        name: &'static str,
        text: String,
    },
    /// A stage was done by an earlier run.
    Kept {
        name: &'static str,
        text: String,
    },
    /// So much of the stage is done, 0 to 1, in words.
    Progress {
        share: f64,
        text: String,
    },
    /// Something that was chosen, left out or looks wrong.
    Note(String),
    Warning(String),
}

/// Who hears the events of making a capture, and may stop it.
pub struct Hooks<'a> {
    pub on_event: &'a mut dyn FnMut(Event),
    pub interrupted: fn() -> bool,
}

impl Hooks<'_> {
    pub fn note(&mut self, text: impl Into<String>) {
        (self.on_event)(Event::Note(text.into()));
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        (self.on_event)(Event::Warning(text.into()));
    }

    /// # Errors
    /// [`Stopped`], where the work is to stop.
    pub fn check(&self) -> Result<()> {
        if (self.interrupted)() { Err(Stopped.into()) } else { Ok(()) }
    }
}
