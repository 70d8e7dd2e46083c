//! Frames of a video: of each moment the sharpest, evenly spaced, by the system's ffmpeg.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use image::RgbImage;

use super::external::start_error;
use super::hooks::{Event, Hooks};
use super::link::{put_faces, put_frame};
use super::sharpness::sharpness;
use crate::format::create_folder;

/// Frames a second that are looked at, about.
const LOOKED_AT: f64 = 24.0;

/// What ffmpeg says of a video.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoFacts {
    pub seconds: f64,
    /// Whether it shows all directions, equirectangular.
    pub spherical: bool,
    /// Whether its transfer curve is PQ or HLG.
    pub high_range: bool,
}

/// Looks at the header of a video.
///
/// # Errors
/// A file that is no video, or no ffmpeg.
pub fn facts(video: &Path) -> Result<VideoFacts> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-i"]).arg(video);
    // It says what it found, and complains that no output is named.
    let output = command.output().map_err(|error| start_error("ffmpeg", &error))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let facts =
        parse(&said).with_context(|| format!("{}: ffmpeg finds no video of a known length in it", video.display()))?;
    Ok(facts)
}

fn parse(said: &str) -> Option<VideoFacts> {
    let duration = said.lines().find_map(|line| line.trim().strip_prefix("Duration: "))?;
    let mut seconds = 0.0;
    for part in duration.split(',').next()?.split(':') {
        seconds = 60.0 * seconds + part.trim().parse::<f64>().ok()?;
    }
    let stream = said.lines().find(|line| line.contains(" Video: "))?;
    let spherical = said.contains("spherical: equirectangular");
    let high_range = stream.contains("smpte2084") || stream.contains("arib-std-b67");
    (seconds > 0.0).then_some(VideoFacts { seconds, spherical, high_range })
}

/// Moments of equal length, and the frames in each that are looked at.
pub struct Moments {
    /// Moments a second.
    rate: f64,
    /// Frames looked at in each.
    frames: u64,
}

impl Moments {
    pub fn new(rate: f64) -> Self {
        Self { rate, frames: (LOOKED_AT / rate).round().max(1.0) as u64 }
    }

    /// The moment of a frame; `None` for frames in its first and last sixth, so that frames of neighbouring moments do not
    /// show the same.
    fn of(&self, frame: u64) -> Option<u64> {
        let (moment, place) = (frame / self.frames, frame % self.frames);
        let edge = self.frames / 6;
        (edge..self.frames - edge).contains(&place).then_some(moment)
    }
}

/// Takes the sharpest frame of each moment into `folder`; those that are there stay. `share` is where in the whole stage
/// this video begins, and its part of it.
///
/// # Errors
/// A video that cannot be decoded, a frame that cannot be written.
pub fn take(
    video: &Path,
    facts: &VideoFacts,
    moments: &Moments,
    folder: &Path,
    panorama: bool,
    share: (f64, f64),
    hooks: &mut Hooks,
) -> Result<()> {
    create_folder(folder)?;
    let stem = |moment: u64| folder.join(format!("{:05}", moment + 1));
    let is_there = |moment: u64| {
        if panorama { stem(moment).join("down.jpg").exists() } else { stem(moment).with_extension("jpg").exists() }
    };
    let put = |(moment, frame): (u64, RgbImage)| -> Result<()> {
        if panorama {
            return put_faces(&frame, &stem(moment)).with_context(|| video.display().to_string());
        }
        put_frame(&frame, &stem(moment).with_extension("jpg"))
    };
    let mut decoder = Decoder::start(video, moments.rate * moments.frames as f64)?;
    let mut best: Option<(u64, f64, RgbImage)> = None;
    let mut count = 0;
    while let Some(frame) = decoder.next()? {
        hooks.check()?;
        let moment = moments.of(count).filter(|moment| !is_there(*moment));
        count += 1;
        let Some(moment) = moment else { continue };
        if let Some((earlier, _, frame)) = best.take_if(|(earlier, ..)| *earlier != moment) {
            put((earlier, frame))?;
        }
        let score = sharpness(&frame);
        if best.as_ref().is_none_or(|(_, least, _)| score > *least) {
            best = Some((moment, score, frame));
        }
        let seconds = count as f64 / (moments.rate * moments.frames as f64);
        let share = share.0 + share.1 * (seconds / facts.seconds).min(1.0);
        let text = format!("second {seconds:.0} of {:.0}", facts.seconds);
        (hooks.on_event)(Event::Progress { share, text });
    }
    if let Some((moment, _, frame)) = best {
        put((moment, frame))?;
    }
    hooks.check()?;
    decoder.finish(video)?;
    ensure!(count > 0, "{}: ffmpeg found no frame in it", video.display());
    Ok(())
}

/// ffmpeg as it decodes; it ends where this is dropped.
struct Decoder {
    ffmpeg: Child,
    frames: BufReader<std::process::ChildStdout>,
    /// What it complains of.
    said: File,
}

impl Decoder {
    /// Decodes `rate` frames a second.
    fn start(video: &Path, rate: f64) -> Result<Self> {
        let said = tempfile::tempfile().context("cannot write to the folder of temporary files")?;
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-i"]).arg(video);
        command.args(["-an", "-vf", &format!("fps={rate:.6}"), "-pix_fmt", "rgb24"]);
        command.args(["-f", "image2pipe", "-c:v", "ppm", "-"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said.try_clone()?);
        let mut ffmpeg = command.spawn().map_err(|error| start_error("ffmpeg", &error))?;
        let frames = BufReader::with_capacity(1 << 20, ffmpeg.stdout.take().context("ffmpeg gives no frames")?);
        Ok(Self { ffmpeg, frames, said })
    }

    /// The next frame, a PPM file; `None` at the end.
    fn next(&mut self) -> Result<Option<RgbImage>> {
        let mut header = Vec::new();
        let mut byte = [0];
        while header.iter().filter(|b| **b == b'\n').count() < 3 {
            if self.frames.read(&mut byte)? == 0 {
                return Ok(None);
            }
            header.push(byte[0]);
            ensure!(header.len() < 64, "ffmpeg gives frames that are no PPM");
        }
        let text = String::from_utf8_lossy(&header);
        let words: Vec<&str> = text.split_whitespace().collect();
        let ["P6", width, height, "255"] = words[..] else { bail!("ffmpeg gives frames that are no PPM of 8 bits") };
        let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
        let mut pixels = vec![0; 3 * width as usize * height as usize];
        // A frame that ends early is the end: ffmpeg says what happened.
        if self.frames.read_exact(&mut pixels).is_err() {
            return Ok(None);
        }
        Ok(RgbImage::from_raw(width, height, pixels))
    }

    /// # Errors
    /// What ffmpeg complains of, if it failed.
    fn finish(mut self, video: &Path) -> Result<()> {
        let status = self.ffmpeg.wait().context("cannot wait for ffmpeg")?;
        let mut said = String::new();
        self.said.rewind().and_then(|()| self.said.read_to_string(&mut said)).context("cannot read from ffmpeg")?;
        let reason = said.lines().next().unwrap_or("it gave no reason");
        ensure!(status.success(), "{}: ffmpeg could not decode it: {reason}", video.display());
        Ok(())
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end.
        let _ = self.ffmpeg.kill();
        let _ = self.ffmpeg.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ffmpeg_says_of_a_video_is_understood() {
        let said = "Input #0, mov,mp4, from 'a.mp4':\n  Duration: 00:01:02.50, start: 0.000000, bitrate: 9 kb/s\n  \
                    Stream #0:0[0x1](und): Video: hevc (Main 10), yuv420p10le(tv, bt2020nc/bt2020/arib-std-b67), 3840x1920\n    \
                    Side data:\n      spherical: equirectangular (0.000000/0.000000/0.000000)\n";
        assert_eq!(parse(said), Some(VideoFacts { seconds: 62.5, spherical: true, high_range: true }));
        assert_eq!(parse("a.txt: Invalid data found when processing input\n"), None);
        let sound = "  Duration: 00:00:03.00, start: 0\n  Stream #0:0: Audio: mp3\n";
        assert_eq!(parse(sound), None);
    }

    #[test]
    fn moments_are_even_and_their_edges_are_left_out() {
        let moments = Moments::new(2.0);
        let frames: Vec<Option<u64>> = (0..25).map(|frame| moments.of(frame)).collect();
        assert_eq!(frames[..3], [None, None, Some(0)]);
        assert_eq!(frames[9..15], [Some(0), None, None, None, None, Some(1)]);
        let every = Moments::new(30.0);
        assert_eq!((0..3).map(|frame| every.of(frame)).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    }
}
