//! Renders as a video.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use image::RgbImage;

/// Frames a second of a video.
const FRAME_RATE: u32 = 30;

/// A video that grows frame by frame, encoded by the system's ffmpeg.
pub struct Video {
    path: PathBuf,
    size: (u32, u32),
    ffmpeg: Child,
}

impl Video {
    /// # Errors
    /// ffmpeg is not installed.
    pub fn create(path: &Path, width: u32, height: u32) -> Result<Self> {
        let (size, rate) = (format!("{width}x{height}"), FRAME_RATE.to_string());
        let mut command = Command::new("ffmpeg");
        command.args(["-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", &rate]);
        // Most players want 4:2:0, and that wants even sides.
        let filter = "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=black,scale=out_color_matrix=bt709,format=yuv420p";
        command.args(["-i", "-", "-vf", filter, "-colorspace", "bt709", "-color_primaries", "bt709"]);
        command.args(["-color_trc", "iec61966-2-1"]).arg(path);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let ffmpeg = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                anyhow::anyhow!("--video needs ffmpeg, which is not installed (on Debian: apt-get install ffmpeg)")
            }
            _ => anyhow::anyhow!("cannot start ffmpeg: {error}"),
        })?;
        Ok(Self { path: path.to_path_buf(), size: (width, height), ffmpeg })
    }

    pub fn add(&mut self, frame: &RgbImage) -> Result<()> {
        ensure!(
            frame.dimensions() == self.size,
            "the cameras have different image sizes, and a video has one; give --size WIDTHxHEIGHT"
        );
        let pipe = self.ffmpeg.stdin.as_mut().context("ffmpeg takes no frames")?;
        match pipe.write_all(frame) {
            Ok(()) => Ok(()),
            // It has ended, and has said why.
            Err(_) => self.finish(),
        }
    }

    /// Ends the video. After an error in [`Video::add`] there is nothing left to end.
    pub fn finish(&mut self) -> Result<()> {
        drop(self.ffmpeg.stdin.take());
        let mut said = String::new();
        if let Some(stderr) = &mut self.ffmpeg.stderr {
            stderr.read_to_string(&mut said).context("cannot read from ffmpeg")?;
        }
        let status = self.ffmpeg.wait().context("cannot wait for ffmpeg")?;
        if !status.success() {
            let reason = said.lines().next().unwrap_or("it gave no reason");
            bail!("ffmpeg could not write {}: {reason}", self.path.display());
        }
        Ok(())
    }
}
