//! The system's file dialogs, each on a thread of its own so that the window stays alive behind it; where the system has
//! none, the window asks for a path.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui;

use crate::view::state::ask::Ask;

use super::task::Task;

/// A dialog that is closed sooner than this was never shown: no user is that quick.
const QUICKEST: Duration = Duration::from_millis(700);

/// A dialog of the system.
struct SystemDialog {
    ask: Ask,
    since: Instant,
    task: Task<Option<PathBuf>>,
}

/// A path that is typed in the window.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedPath {
    pub ask: Ask,
    pub text: String,
    /// The text of which the user was told that there is such a file, which would be replaced.
    warned: Option<String>,
}

impl TypedPath {
    /// Whether confirming replaces a file, as the user has been told.
    pub fn replaces(&self) -> bool {
        self.warned.as_ref() == Some(&self.text)
    }

    /// The same question with another text.
    pub fn with_text(&self, text: String) -> Self {
        Self { text, ..self.clone() }
    }

    /// Whether confirming would replace a file without a warning.
    pub fn must_warn(&self) -> bool {
        !self.replaces() && self.ask.saves() && Path::new(self.text.trim()).is_file()
    }
}

/// At most one open dialog, the system's or the window's own.
#[derive(Default)]
pub struct Dialogs {
    system: Option<SystemDialog>,
    typed: Option<TypedPath>,
    /// The text typed last, which is suggested again: the path may have been wrong.
    last: Option<(Ask, String)>,
    /// Whether the system has turned out to have no dialogs.
    absent: bool,
}

impl Dialogs {
    /// Whether an answer is awaited.
    pub fn is_open(&self) -> bool {
        self.system.is_some() || self.typed.is_some()
    }

    /// The path that is typed in the window.
    pub fn typed(&self) -> Option<&TypedPath> {
        self.typed.as_ref()
    }

    /// As where the system has no dialogs.
    #[cfg(test)]
    pub fn type_paths(&mut self) {
        self.absent = true;
    }

    /// Asks for a path, unless a dialog is open.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn ask(&mut self, context: &egui::Context, ask: Ask) -> anyhow::Result<()> {
        if self.is_open() {
            return Ok(());
        }
        if self.absent {
            self.ask_in_window(ask);
            return Ok(());
        }
        let dialog = system_dialog(ask);
        let pick = move |_: &_| match ask {
            Ask::OpenFolder | Ask::RunFolder | Ask::ExportImages => dialog.pick_folder(),
            Ask::OpenFile | Ask::OpenPath => dialog.pick_file(),
            Ask::SaveScene | Ask::SavePicture | Ask::SavePath | Ask::ExportVideo => dialog.save_file(),
        };
        let since = Instant::now();
        // Dialogs of macOS belong to the main thread.
        let task = if cfg!(target_os = "macos") {
            Task::here("dialog", context, pick)
        } else {
            Task::start("dialog", context, pick)?
        };
        self.system = Some(SystemDialog { ask, since, task });
        Ok(())
    }

    fn ask_in_window(&mut self, ask: Ask) {
        let last = self.last.iter().find(|(was, _)| *was == ask);
        let text = last.map_or_else(|| ask.suggested_name().to_string(), |(_, text)| text.clone());
        self.typed = Some(TypedPath { ask, text, warned: None });
    }

    /// The answer of the system's dialog, once.
    pub fn poll(&mut self) -> Option<(Ask, PathBuf)> {
        let answer = self.system.as_ref()?.task.poll()?;
        let SystemDialog { ask, since, .. } = self.system.take()?;
        let path = answer.ok().flatten();
        if path.is_none() && since.elapsed() < QUICKEST {
            self.absent = true;
            self.ask_in_window(ask);
        }
        Some((ask, path?))
    }

    pub fn type_text(&mut self, text: String) {
        if let Some(typed) = &mut self.typed {
            typed.text = text;
        }
    }

    /// Takes the typed path. Where it would replace a file, the user is told first, and confirms again.
    pub fn confirm(&mut self) -> Option<(Ask, PathBuf)> {
        let typed = self.typed.as_mut()?;
        let path = PathBuf::from(typed.text.trim());
        if path.as_os_str().is_empty() {
            return None;
        }
        if typed.must_warn() {
            typed.warned = Some(typed.text.clone());
            return None;
        }
        let TypedPath { ask, text, .. } = self.typed.take()?;
        self.last = Some((ask, text));
        Some((ask, path))
    }

    /// Closes the window's own question.
    pub fn cancel(&mut self) {
        self.typed = None;
    }
}

fn system_dialog(ask: Ask) -> rfd::FileDialog {
    let dialog = rfd::FileDialog::new().set_title(ask.title());
    let dialog = match ask {
        Ask::SavePicture => dialog.add_filter("PNG", &["png"]),
        Ask::SavePath | Ask::OpenPath => dialog.add_filter("JSON", &["json"]),
        Ask::ExportVideo => dialog.add_filter("video", &["mp4", "webm", "mkv"]),
        Ask::OpenFile | Ask::OpenFolder | Ask::SaveScene | Ask::RunFolder | Ask::ExportImages => dialog,
    };
    if ask.saves() { dialog.set_file_name(ask.suggested_name()) } else { dialog }
}
