//! Renders as a video.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use image::RgbImage;

/// A video that grows frame by frame, encoded by the system's ffmpeg. It has its name once it is finished; until then it
/// is written beside, and dropped unfinished it is removed.
pub struct Video {
    path: PathBuf,
    /// Where it is written; `None` when it has its name.
    unfinished: Option<PathBuf>,
    size: (u32, u32),
    ffmpeg: Child,
}

impl Video {
    /// A video of `rate` frames a second.
    ///
    /// # Errors
    /// ffmpeg is not installed.
    pub fn create(path: &Path, width: u32, height: u32, rate: f64) -> Result<Self> {
        let name = path.file_name().with_context(|| format!("{}: a video needs a name", path.display()))?;
        let (size, rate) = (format!("{width}x{height}"), rate.to_string());
        // ffmpeg knows the container by the extension, so that stays last.
        let unfinished = path.with_file_name(format!(".unfinished-{}", name.to_string_lossy()));
        let mut command = Command::new("ffmpeg");
        command.args(["-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", &rate]);
        // Most players want 4:2:0, and that wants even sides.
        let filter = "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=black,scale=out_color_matrix=bt709,format=yuv420p";
        command.args(["-i", "-", "-vf", filter, "-colorspace", "bt709", "-color_primaries", "bt709"]);
        command.args(["-color_trc", "iec61966-2-1"]).arg(&unfinished);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let ffmpeg = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                anyhow::anyhow!("a video needs ffmpeg, which is not installed (on Debian: apt-get install ffmpeg)")
            }
            _ => anyhow::anyhow!("cannot start ffmpeg: {error}"),
        })?;
        Ok(Self { path: path.to_path_buf(), unfinished: Some(unfinished), size: (width, height), ffmpeg })
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
        if let Some(unfinished) = self.unfinished.take() {
            std::fs::rename(&unfinished, &self.path)
                .with_context(|| format!("cannot write {}", self.path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        if let Some(unfinished) = self.unfinished.take() {
            // It may have ended by itself, and may have written nothing: neither changes what is left.
            let _ = self.ffmpeg.kill();
            let _ = self.ffmpeg.wait();
            let _ = std::fs::remove_file(unfinished);
        }
    }
}
