//! The system's file dialogs, each on a thread of its own so that the window stays alive behind it.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use eframe::egui;

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

/// At most one open dialog.
#[derive(Default)]
pub struct Dialogs {
    open: Option<(Ask, Receiver<Option<PathBuf>>)>,
}

impl Dialogs {
    /// Asks for a file, or for a folder; `name` is suggested where something is saved.
    pub fn ask(&mut self, context: &egui::Context, ask: Ask, folder: bool, name: &str) {
        if self.open.is_some() {
            return;
        }
        let dialog = rfd::FileDialog::new();
        let dialog = match ask {
            Ask::Open => dialog.set_title("Open a scene, a run or a capture"),
            Ask::SaveScene => dialog.set_title("Save the scene; the extension chooses the format"),
            Ask::SavePicture => dialog.set_title("Save a picture").add_filter("PNG", &["png"]),
            Ask::SavePath => dialog.set_title("Save the camera path").add_filter("JSON", &["json"]),
            Ask::OpenPath => dialog.set_title("Open a camera path").add_filter("JSON", &["json"]),
            Ask::RunFolder => dialog.set_title("A folder for the run"),
            Ask::Frames => dialog.set_title("A folder for the path's images"),
            Ask::Video => dialog.set_title("Save the path as a video").add_filter("video", &["mp4", "webm", "mkv"]),
        };
        let dialog = if name.is_empty() { dialog } else { dialog.set_file_name(name) };
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
        if cfg!(target_os = "macos") {
            // Dialogs of this system belong to the main thread.
            pick();
        } else {
            std::thread::spawn(pick);
        }
        self.open = Some((ask, answer));
    }

    /// The path chosen since the last call, and what for.
    pub fn answer(&mut self) -> Option<(Ask, PathBuf)> {
        let (ask, answer) = self.open.as_ref()?;
        match answer.try_recv() {
            Ok(path) => {
                let ask = *ask;
                self.open = None;
                Some((ask, path?))
            }
            Err(std::sync::mpsc::TryRecvError::Empty) => None,
            Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                self.open = None;
                None
            }
        }
    }
}
