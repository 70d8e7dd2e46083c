//! The system's file dialogs, each on a thread of its own so that the window stays alive behind it; where the system has
//! none, the window asks for a path.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use eframe::egui::text::{CCursor, CCursorRange};
use eframe::egui::{self, Align2, Key, RichText, vec2};

use crate::format::Format;

use super::theme;

/// A dialog that is closed sooner was never open: nobody is that quick.
const QUICKEST: Duration = Duration::from_millis(700);

/// What a path is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Open,
    SaveScene,
    SavePicture,
    SavePath,
    OpenPath,
    /// The folder of a new run.
    RunFolder,
    /// A folder for the images of a path.
    Frames,
    Video,
}

impl Ask {
    fn title(self) -> &'static str {
        match self {
            Self::Open => "Open a scene, a run or a capture",
            Self::SaveScene => "Save the scene",
            Self::SavePicture => "Save a picture",
            Self::SavePath => "Save the camera path",
            Self::OpenPath => "Open a camera path",
            Self::RunFolder => "A folder for the run",
            Self::Frames => "A folder for the path's images",
            Self::Video => "Save the path as a video",
        }
    }

    /// Whether a file is written where the path says.
    fn saves(self) -> bool {
        matches!(self, Self::SaveScene | Self::SavePicture | Self::SavePath | Self::Video)
    }

    /// What a typed path says besides where it is.
    fn note(self) -> Option<String> {
        match self {
            Self::SaveScene => {
                let known = Format::list(|format| format != Format::Ksplat);
                Some(format!("Its extension chooses the format: {known}."))
            }
            Self::Video => Some("Its extension chooses the format: .mp4, .webm, .mkv.".into()),
            _ => None,
        }
    }
}

struct Open {
    ask: Ask,
    name: String,
    since: Instant,
    answer: Receiver<Option<PathBuf>>,
}

/// The window's own question.
struct Typed {
    ask: Ask,
    text: String,
    /// Whether the field has been seen: its suggestion is selected once, so that typing replaces it.
    begun: bool,
    /// The text of which it was said that there is such a file, which would be replaced.
    warned: Option<String>,
}

impl Typed {
    fn new(ask: Ask, text: String) -> Self {
        Self { ask, text, begun: false, warned: None }
    }
}

/// At most one open dialog, the system's or the window's own.
#[derive(Default)]
pub struct Dialogs {
    open: Option<Open>,
    typed: Option<Typed>,
    /// What was typed last: the path may have been wrong.
    last: Option<(Ask, String)>,
    /// Whether the system has turned out to have no dialogs.
    absent: bool,
}

impl Dialogs {
    /// Whether an answer is awaited.
    pub fn is_open(&self) -> bool {
        self.open.is_some() || self.typed.is_some()
    }

    /// As where the system has no dialogs.
    #[cfg(test)]
    pub fn type_paths(&mut self) {
        self.absent = true;
    }

    /// Asks for a file, or for a folder; `name` is suggested where something is saved.
    pub fn ask(&mut self, context: &egui::Context, ask: Ask, folder: bool, name: &str) {
        if self.is_open() {
            return;
        }
        if self.absent {
            self.typed = Some(Typed::new(ask, self.suggestion(ask, name)));
            return;
        }
        let dialog = rfd::FileDialog::new().set_title(ask.title());
        let dialog = match ask {
            Ask::SavePicture => dialog.add_filter("PNG", &["png"]),
            Ask::SavePath | Ask::OpenPath => dialog.add_filter("JSON", &["json"]),
            Ask::Video => dialog.add_filter("video", &["mp4", "webm", "mkv"]),
            Ask::Open | Ask::SaveScene | Ask::RunFolder | Ask::Frames => dialog,
        };
        let dialog = if name.is_empty() || folder { dialog } else { dialog.set_file_name(name) };
        let (sender, answer) = channel();
        let context = context.clone();
        let pick = move || {
            let path = match ask {
                Ask::Open if folder => dialog.pick_folder(),
                Ask::RunFolder | Ask::Frames => dialog.pick_folder(),
                Ask::Open | Ask::OpenPath => dialog.pick_file(),
                Ask::SaveScene | Ask::SavePicture | Ask::SavePath | Ask::Video => dialog.save_file(),
            };
            // The window may be gone by now.
            let _ = sender.send(path);
            context.request_repaint();
        };
        self.open = Some(Open { ask, name: name.to_string(), since: Instant::now(), answer });
        if cfg!(target_os = "macos") {
            // Dialogs of this system belong to the main thread.
            pick();
        } else {
            std::thread::spawn(pick);
        }
    }

    fn suggestion(&self, ask: Ask, name: &str) -> String {
        let last = self.last.iter().find(|(was, _)| *was == ask);
        last.map_or_else(|| name.to_string(), |(_, text)| text.clone())
    }

    /// The path chosen since the last call, and what for.
    pub fn answer(&mut self, context: &egui::Context) -> Option<(Ask, PathBuf)> {
        if let Some(path) = self.prompt(context) {
            return Some(path);
        }
        let answer = self.open.as_ref()?.answer.try_recv();
        if answer == Err(TryRecvError::Empty) {
            return None;
        }
        let Open { ask, name, since, .. } = self.open.take()?;
        match answer.ok().flatten() {
            Some(path) => Some((ask, path)),
            None => {
                if since.elapsed() < QUICKEST {
                    self.absent = true;
                    self.typed = Some(Typed::new(ask, self.suggestion(ask, &name)));
                }
                None
            }
        }
    }

    /// Asks for a path in the window.
    fn prompt(&mut self, context: &egui::Context) -> Option<(Ask, PathBuf)> {
        let Typed { ask, text, begun, warned } = self.typed.as_mut()?;
        let (mut done, mut open) = (false, true);
        egui::Window::new(ask.title())
            .collapsible(false)
            .resizable(false)
            .open(&mut open)
            .default_width(460.0)
            .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
            .show(context, |ui| {
                let quiet = |text: &str| RichText::new(text).small().color(theme::QUIET);
                let hint = match std::env::current_dir() {
                    Ok(folder) => {
                        format!("No file dialog here; type the path, from {} on or in full.", folder.display())
                    }
                    Err(_) => "No file dialog here; type the full path.".into(),
                };
                let label = ui.label(quiet(&hint)).id;
                let field = ui.add(egui::TextEdit::singleline(text).desired_width(460.0)).labelled_by(label);
                if !std::mem::replace(begun, true) {
                    let mut state = egui::text_edit::TextEditState::default();
                    let all = CCursorRange::two(CCursor::new(0), CCursor::new(text.chars().count()));
                    state.cursor.set_char_range(Some(all));
                    state.store(ui.ctx(), field.id);
                }
                if !field.has_focus() && !field.lost_focus() {
                    field.request_focus();
                }
                if let Some(note) = ask.note() {
                    ui.label(quiet(&note));
                }
                let replaces = warned.as_ref() == Some(text);
                if replaces {
                    ui.label(RichText::new("There is such a file; once more replaces it.").color(theme::WARM));
                }
                done = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
                done |= ui.button(if replaces { "Replace" } else { "OK" }).clicked();
                // As the system's dialogs do.
                if done && !replaces && ask.saves() && PathBuf::from(text.trim()).is_file() {
                    (done, *warned) = (false, Some(text.clone()));
                    field.request_focus();
                }
            });
        let closed = !open || context.input(|input| input.key_pressed(Key::Escape));
        let chosen = (done && !text.trim().is_empty()).then(|| (*ask, PathBuf::from(text.trim())));
        if let Some((ask, _)) = &chosen {
            self.last = Some((*ask, text.clone()));
        }
        if closed || chosen.is_some() {
            self.typed = None;
        }
        chosen
    }
}
