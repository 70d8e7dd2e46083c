//! What is asked before edits or a camera path are lost.

use std::path::PathBuf;

/// Where to, from the scene that is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Leave {
    Open(PathBuf),
    /// To the training of the run that is shown, which goes on from its checkpoint and keeps the camera path.
    Train,
    Close,
    Quit,
}

/// The question that is asked, and what follows from the answer.
#[derive(Default)]
pub struct UnsavedChanges {
    /// Where the user wants to go; the question is open while this is set.
    pub asked: Option<Leave>,
    /// Where to once something is saved, and of how many unsaved things.
    pub after_saving: Option<(Leave, usize)>,
    /// Whether the window may close with unsaved changes.
    pub may_quit: bool,
}
