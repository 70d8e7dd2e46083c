//! Cameras whose images are a folder of frames or a video; every frame becomes a shot of its own.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::source::{EXTENSIONS, ListedFrame, Listing};

const VIDEOS: [&str; 6] = ["mp4", "mov", "avi", "mkv", "webm", "m4v"];

pub fn is_video(path: &Path) -> bool {
    path.extension().is_some_and(|e| VIDEOS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

pub fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// The entries of a folder that `wanted` accepts, sorted by name; none if it cannot be listed.
pub fn entries(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = listed.filter(|path| wanted(path)).collect();
    found.sort();
    found
}

/// The images of a camera's folder, which some tools put into `images` there.
fn images_of(folder: &Path) -> Vec<PathBuf> {
    let here = entries(folder, is_image);
    if here.is_empty() { entries(&folder.join("images"), is_image) } else { here }
}

/// Whether a path is a camera: a video, or a folder with images.
pub fn is_camera(path: &Path) -> bool {
    if path.is_dir() { !images_of(path).is_empty() } else { is_video(path) }
}

/// Replaces every frame whose image is a folder or a video by the frames in it. A frame's number is the one its name ends
/// with, or else its place; its time is its number over the last number of all cameras, from the first. Where videos have
/// different or varying frame rates, the number is the frame's own time, in frames of the fastest video.
///
/// # Errors
/// A folder without images, or a video that cannot be decoded.
pub fn expand(listing: &mut Listing) -> Result<()> {
    if !listing.frames.iter().any(|frame| is_video(&frame.image) || frame.image.is_dir()) {
        return Ok(());
    }
    let (clocks, seconds) = clocks(listing.frames.iter().map(|camera| camera.image.as_path()), Path::new("ffmpeg"));
    listing.seconds = seconds;
    let mut frames = Vec::new();
    for camera in std::mem::take(&mut listing.frames) {
        let images = if is_video(&camera.image) {
            decode(&camera.image, Path::new("ffmpeg"), &cache_folder()?)?
        } else if camera.image.is_dir() {
            images_of(&camera.image)
        } else {
            bail!("{}: it mixes single images with folders or videos of frames", listing.origin.display());
        };
        ensure!(!images.is_empty(), "{}: this camera's folder holds no image", camera.image.display());
        let label = Path::new(&camera.name).with_extension("").to_string_lossy().into_owned();
        let clock = clocks.get(&camera.image).filter(|times| times.len() == images.len());
        for (image, number) in images.iter().zip(clock.cloned().unwrap_or_else(|| numbers(&images))) {
            let file = image.file_name().unwrap_or_default().to_string_lossy();
            let (name, image) = (format!("{label}/{file}"), image.clone());
            frames.push(ListedFrame { name, image, camera: Some(label.clone()), time: Some(number), ..camera.clone() });
        }
    }
    let number = |frame: &ListedFrame| frame.time.unwrap_or(0.0);
    let first = frames.iter().map(number).fold(f64::INFINITY, f64::min);
    let last = frames.iter().map(number).fold(0.0, f64::max);
    frames.iter_mut().for_each(|frame| frame.time = frame.time.map(|n| (n - first) / (last - first).max(1.0)));
    listing.frames = frames;
    Ok(())
}

/// The times of the frames of each video, in frames of the fastest one; none where all videos have one steady rate, so that
/// numbers tell the same, or where a camera is no video. With them the seconds from the first frame to the last.
fn clocks<'a>(cameras: impl Iterator<Item = &'a Path>, ffmpeg: &Path) -> (HashMap<PathBuf, Vec<f64>>, Option<f64>) {
    let mut clocks = HashMap::new();
    for camera in cameras {
        let times = if is_video(camera) { frame_times(camera, ffmpeg) } else { Vec::new() };
        if times.len() < 2 {
            return (HashMap::new(), None);
        }
        clocks.insert(camera.to_path_buf(), times);
    }
    let seconds = clocks.values().filter_map(|times| times.last().copied()).reduce(f64::max);
    let steps = clocks.values().flat_map(|times| times.windows(2).map(|pair| pair[1] - pair[0]));
    let (least, most) = steps.fold((f64::INFINITY, 0.0), |(a, b): (f64, f64), step| (a.min(step), b.max(step)));
    // Time bases of a thousandth of a second round the steps of 30 frames a second to 33 and 34.
    if least <= 0.0 || most <= 1.1 * least {
        return (HashMap::new(), seconds);
    }
    // The fastest video's mean step, so that its frames have whole numbers.
    let mean = |times: &Vec<f64>| times.last().copied().unwrap_or(0.0) / (times.len() - 1) as f64;
    let unit = clocks.values().map(mean).fold(f64::INFINITY, f64::min);
    let number = |time: f64| {
        let number = time / unit;
        if (number - number.round()).abs() < 0.05 { number.round() } else { number }
    };
    clocks.values_mut().for_each(|times| times.iter_mut().for_each(|time| *time = number(*time)));
    (clocks, seconds)
}

/// The times at which a video shows its frames, in seconds from the first; none where ffmpeg does not say.
fn frame_times(video: &Path, ffmpeg: &Path) -> Vec<f64> {
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-loglevel", "error", "-i"]).arg(video);
    command.args(["-map", "0:v:0", "-c", "copy", "-f", "framecrc", "-"]);
    let Ok(output) = command.output() else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout);
    let base = text.lines().find_map(|line| {
        let (numerator, denominator) = line.strip_prefix("#tb 0: ")?.split_once('/')?;
        Some(numerator.trim().parse::<f64>().ok()? / denominator.trim().parse::<f64>().ok()?)
    });
    let Some(base) = base else { return Vec::new() };
    // Packets come in the order of decoding: stream, decoding time, time of display, ...
    let shown = |line: &str| line.split(',').nth(2)?.trim().parse::<i64>().ok();
    let mut ticks: Vec<i64> = text.lines().filter(|line| !line.starts_with('#')).filter_map(shown).collect();
    ticks.sort_unstable();
    let first = ticks.first().copied().unwrap_or(0);
    ticks.iter().map(|tick| (tick - first) as f64 * base).collect()
}

/// The numbers that the images' names end with, or their places where some have none or two have the same.
fn numbers(images: &[PathBuf]) -> Vec<f64> {
    let number = |path: &PathBuf| -> Option<u32> {
        let stem = path.file_stem()?.to_string_lossy().into_owned();
        let digits = stem.len() - stem.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        stem[stem.len() - digits..].parse().ok()
    };
    let named: Option<Vec<u32>> = images.iter().map(number).collect();
    match named.filter(|numbers| numbers.is_sorted_by(|a, b| a < b)) {
        Some(numbers) => numbers.into_iter().map(f64::from).collect(),
        None => (0..images.len()).map(|i| i as f64).collect(),
    }
}

/// The folder of decoded videos: `dapple/frames` in the user's cache folder.
fn cache_folder() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = variable("XDG_CACHE_HOME")
        .or_else(|| variable("LOCALAPPDATA"))
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .context("there is no folder for decoded videos; set XDG_CACHE_HOME to one")?;
    Ok(base.join("dapple/frames"))
}

/// Decodes a video into a folder of its own in `cache`, once, and returns its frames in order.
fn decode(video: &Path, ffmpeg: &Path, cache: &Path) -> Result<Vec<PathBuf>> {
    let facts = std::fs::metadata(video).with_context(|| format!("{}: cannot open the video", video.display()))?;
    let mut hasher = DefaultHasher::new();
    let changed = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    (std::path::absolute(video)?, facts.len(), changed).hash(&mut hasher);
    let stem = video.file_stem().unwrap_or_default().to_string_lossy();
    let folder = cache.join(format!("{stem}-{:016x}", hasher.finish()));
    if !folder.is_dir() {
        std::fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
        let work =
            tempfile::tempdir_in(cache).with_context(|| format!("cannot create a folder in {}", cache.display()))?;
        log::info!("decoding {} into {}", video.display(), folder.display());
        run_ffmpeg(video, ffmpeg, work.path())?;
        // Renamed when complete; another process may have been faster, with the same frames.
        if let Err(error) = std::fs::rename(work.path(), &folder) {
            ensure!(folder.is_dir(), "cannot move the frames of {} to {}: {error}", video.display(), folder.display());
        }
    }
    Ok(entries(&folder, is_image))
}

fn run_ffmpeg(video: &Path, ffmpeg: &Path, folder: &Path) -> Result<()> {
    let mut reason = String::new();
    // Every frame once; the option's name changed in ffmpeg 5.1.
    for every_frame in [["-fps_mode", "passthrough"], ["-vsync", "0"]] {
        let mut command = Command::new(ffmpeg);
        command.args(["-nostdin", "-loglevel", "error", "-i"]).arg(video).args(every_frame);
        // JPEG of the best quality: PNG would take eight times the space of what is lossy already.
        command.args(["-qmin", "1", "-q:v", "1"]).arg(folder.join("%06d.jpg"));
        let output = command.output().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => anyhow!(
                "{}: decoding a video needs ffmpeg, which is not installed (on Debian: apt-get install ffmpeg); or \
                 extract its frames into a folder {} yourself",
                video.display(),
                video.with_extension("").display()
            ),
            _ => anyhow!("cannot start ffmpeg: {error}"),
        })?;
        if output.status.success() {
            ensure!(!entries(folder, is_image).is_empty(), "{}: ffmpeg found no frame in it", video.display());
            return Ok(());
        }
        reason = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("it gave no reason").to_owned();
        if !reason.contains("fps_mode") {
            break;
        }
    }
    bail!("{}: ffmpeg could not decode it: {reason}", video.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_numbered_by_name_where_the_names_have_numbers() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(numbers(&paths(&["a/3.png", "a/04.png", "a/f_9.png"])), [3.0, 4.0, 9.0]);
        assert_eq!(numbers(&paths(&["a.png", "b.png"])), [0.0, 1.0]);
        assert_eq!(numbers(&paths(&["1.png", "10.png", "2.png"])), [0.0, 1.0, 2.0], "the order of names is kept");
    }

    #[test]
    fn without_ffmpeg_the_remedy_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let video = folder.path().join("cam00.mp4");
        std::fs::write(&video, "not a video").unwrap();
        let error = decode(&video, Path::new("no-such-ffmpeg"), folder.path()).unwrap_err().to_string();
        assert!(error.contains("cam00.mp4") && error.contains("apt-get install ffmpeg"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    /// A program that prints the video's own text stands for ffmpeg: packets in the order of decoding.
    #[cfg(unix)]
    #[test]
    fn videos_of_different_rates_keep_their_own_times() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join("tool");
        std::fs::write(&tool, "#!/bin/sh\ncat \"$5\"\n").unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        let clocks_of = |videos: &[&[i64]]| {
            let text = |shown: &[i64]| {
                let packets: String = shown.iter().map(|tick| format!("0, -512, {tick}, 512, 99, 0xe7\n")).collect();
                format!("#codec_id 0: h264\n#tb 0: 1/15360\n{packets}")
            };
            let paths: Vec<PathBuf> = (0..videos.len()).map(|i| folder.path().join(format!("{i}.mp4"))).collect();
            paths.iter().zip(videos).for_each(|(path, shown)| std::fs::write(path, text(shown)).unwrap());
            let (clocks, seconds) = clocks(paths.iter().map(PathBuf::as_path), &tool);
            let last =
                videos.iter().filter(|shown| shown.len() > 1).map(|shown| (shown.iter().max(), shown.iter().min()));
            let ticks = last
                .filter_map(|(last, first)| Some(last? - first?))
                .max()
                .filter(|_| videos.iter().all(|v| v.len() > 1));
            assert_eq!(seconds, ticks.map(|ticks| ticks as f64 / 15360.0), "the length of the longest");
            paths.iter().filter_map(|path| clocks.get(path).cloned()).collect::<Vec<_>>()
        };
        // 30 and 15 frames a second, the first with frames shown in another order than decoded, and starting late.
        assert_eq!(
            clocks_of(&[&[512, 2560, 1536, 1024, 2048], &[0, 1024, 2048]]),
            [vec![0.0, 1.0, 2.0, 3.0, 4.0], vec![0.0, 2.0, 4.0]]
        );
        assert_eq!(clocks_of(&[&[0, 512, 1024, 1536], &[0, 512, 1536]])[1], [0.0, 1.0, 3.0], "one was dropped");
        assert!(clocks_of(&[&[0, 512, 1024], &[0, 512, 1024, 1536]]).is_empty(), "numbers tell the same");
        assert!(clocks_of(&[&[0, 512, 1024], &[]]).is_empty(), "not known of all");
    }

    #[cfg(unix)]
    #[test]
    fn a_video_is_decoded_once_and_again_when_it_changes() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (cache, video, tool) =
            (folder.path().join("cache"), folder.path().join("cam01.mp4"), folder.path().join("tool"));
        std::fs::write(&video, "one").unwrap();
        // Stands for ffmpeg: its last argument is the pattern of the frames' names.
        let script = "#!/bin/sh\nfor last; do :; done\nd=$(dirname \"$last\")\necho x >> \"$(dirname \"$0\")/runs\"\n\
                      cp \"$5\" \"$d/000001.jpg\"; cp \"$5\" \"$d/000002.jpg\"\n";
        std::fs::write(&tool, script).unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        let frames = decode(&video, &tool, &cache).unwrap();
        assert_eq!(frames.iter().map(|f| f.file_name().unwrap()).collect::<Vec<_>>(), ["000001.jpg", "000002.jpg"]);
        assert_eq!(decode(&video, &tool, &cache).unwrap(), frames);
        std::fs::write(&video, "another").unwrap();
        let changed = decode(&video, &tool, &cache).unwrap();
        assert_ne!(changed, frames);
        assert_eq!(std::fs::read(&changed[1]).unwrap(), b"another");
        assert_eq!(std::fs::read_to_string(folder.path().join("runs")).unwrap().lines().count(), 2);
    }
}
