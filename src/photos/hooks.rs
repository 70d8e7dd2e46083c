//! What the making of a capture tells, and how it is stopped.

use anyhow::Result;

/// The work was stopped by its hooks; what is done is kept.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

/// What the making of a capture tells.
pub enum Told {
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

/// Whom the making of a capture tells, and who may stop it.
pub struct Hooks<'a> {
    pub tell: &'a mut dyn FnMut(Told),
    pub interrupted: fn() -> bool,
}

impl Hooks<'_> {
    pub fn note(&mut self, text: impl Into<String>) {
        (self.tell)(Told::Note(text.into()));
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        (self.tell)(Told::Warning(text.into()));
    }

    /// # Errors
    /// [`Stopped`], where the work is to stop.
    pub fn check(&self) -> Result<()> {
        if (self.interrupted)() { Err(Stopped.into()) } else { Ok(()) }
    }
}
