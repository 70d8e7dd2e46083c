//! What the user is asked a path for.

use crate::format::Format;

/// What a path is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    OpenFile,
    OpenFolder,
    SaveScene,
    SavePicture,
    SavePath,
    OpenPath,
    /// The folder of a new run.
    RunFolder,
    /// A folder for the images of the camera path.
    ExportImages,
    ExportVideo,
}

impl Ask {
    pub fn title(self) -> &'static str {
        match self {
            Self::OpenFile | Self::OpenFolder => "Open a scene, a run or a capture",
            Self::SaveScene => "Save the scene",
            Self::SavePicture => "Save a picture",
            Self::SavePath => "Save the camera path",
            Self::OpenPath => "Open a camera path",
            Self::RunFolder => "A folder for the run",
            Self::ExportImages => "A folder for the path's images",
            Self::ExportVideo => "Save the path as a video",
        }
    }

    /// The name that is suggested; empty where something is opened.
    pub fn suggested_name(self) -> &'static str {
        match self {
            Self::OpenFile | Self::OpenFolder | Self::OpenPath | Self::RunFolder => "",
            Self::SaveScene => "scene.ply",
            Self::SavePicture => "picture.png",
            Self::SavePath => "path.json",
            Self::ExportImages => "frames",
            Self::ExportVideo => "path.mp4",
        }
    }

    /// Whether a file is written at the path.
    pub fn saves(self) -> bool {
        matches!(self, Self::SaveScene | Self::SavePicture | Self::SavePath | Self::ExportVideo)
    }

    /// A line below the field of a typed path: which formats the extension chooses from.
    pub fn formats(self) -> Option<String> {
        match self {
            Self::SaveScene => {
                let known = Format::list(Format::is_written);
                Some(format!("Its extension chooses the format: {known}."))
            }
            Self::ExportVideo => Some("Its extension chooses the format: .mp4, .webm, .mkv.".into()),
            _ => None,
        }
    }
}
