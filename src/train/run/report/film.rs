//! The pictures that show a scene in time: strips of frames, and its optical flow beside the capture's.

use std::collections::BTreeMap;

use anyhow::Result;
use glam::{Vec2, Vec3, Vec4};

use super::gallery::{PICTURE_SIDE, data_uri, photo};
use crate::dataset::{Capture, Direction, FlowTarget, Unseen};
use crate::gpu::Gpu;
use crate::image::colormap::{INFERNO, flow_colour, ramp};
use crate::image::png::to_image;
use crate::render::{Channel, Rendered, SceneView, orbit};
use crate::scene::Scene;
use crate::scene::stats::percentile;
use crate::train::config::{Config, FlowShape};
use crate::train::evaluate::{Mean, View};
use crate::train::metrics::Target;
use crate::train::motion_scores::{Flicker, MotionScores, Scores, flow_between, shot_of, split_name};

/// Frames of a strip, and moments whose flow is shown.
const FRAMES: usize = 8;
const FLOWS: usize = 3;
/// A strip of held-out frames alone has at least so many; otherwise those trained on fill it up.
const LEAST_FRAMES: usize = 4;
/// Longer side of a frame in a strip.
const FRAME_SIDE: u32 = 360;
/// The error's colours end at this part of the length at which the flow's are saturated.
const ERROR_PART: f32 = 0.25;
/// Side of the picture of the colour wheel.
const WHEEL_SIDE: u32 = 192;
/// Colour of pixels whose flow is not known.
const UNKNOWN: Vec3 = Vec3::splat(0.5);
/// Rendered flow is shown where less light than this comes through.
const MOSTLY_EMPTY: f32 = 0.5;

/// Metrics and pictures of a scene in time.
pub struct Film {
    pub splits: BTreeMap<&'static str, Scores>,
    pub all: Scores,
    /// PSNR over time by split: (time, mean of the views then).
    pub psnr: BTreeMap<&'static str, Vec<(f64, f64)>>,
    pub strips: Vec<Strip>,
    pub flow: Option<FlowPictures>,
}

/// Frames in the order of time, one row above the other.
pub struct Strip {
    pub title: String,
    pub times: Vec<String>,
    pub rows: Vec<(&'static str, Vec<String>)>,
}

/// Flow at a few moments, in the standard colours.
pub struct FlowPictures {
    /// The colour wheel, whose rim is `scale` pixels long.
    pub wheel: String,
    pub scale: f32,
    /// The end-point error at the end of the colour map, in pixels.
    pub error_scale: f32,
    pub rows: Vec<FlowRow>,
}

pub struct FlowRow {
    pub name: String,
    pub time: String,
    pub photo: String,
    pub rendered: String,
    /// The capture's flow and the error to it, where there is some.
    pub given: Option<(String, String)>,
}

impl Film {
    /// Scores and pictures of a finished scene. `views` are the evaluated `shots`, which `flicker` has seen.
    ///
    /// # Errors
    /// Flow files that cannot be read, and those of the device.
    pub fn shoot(
        gpu: &Gpu,
        scene: Scene,
        config: &Config,
        capture: &Capture,
        (shots, views): (&[usize], &[View]),
        flicker: Flicker,
    ) -> Result<Self> {
        let cameras = capture.cameras();
        let path = orbit::sweep(&scene, &cameras, FRAMES as u32);
        let background = config.background.fixed();
        let mut view = SceneView::new(gpu, scene, &cameras, background, Channel::Color)?;
        let affine = config.flow_form == FlowShape::Affine;
        let scores = MotionScores::measure(capture, shots, &mut view, affine, flicker, background)?;
        let (flow, flicker) = (scores.flow(|_| true), scores.flicker(|_| true));
        let stream = stream(capture, shots);
        let mut through = Strip {
            title: "A path through space and time".into(),
            times: (0..FRAMES).map(|i| time_label(i as f32 / (FRAMES - 1) as f32)).collect(),
            rows: vec![("render", Vec::new())],
        };
        for (i, camera) in path.iter().enumerate() {
            let rendered = view.render(camera, i as f32 / (FRAMES - 1) as f32)?;
            through.rows[0].1.push(data_uri(&image(&rendered), FRAME_SIDE)?);
        }
        Ok(Self {
            splits: scores.by_split(capture, views),
            all: Scores { mean: Mean::of(views), views: views.len(), flow, flicker },
            psnr: over_time(capture, views),
            strips: vec![strip(capture, &mut view, &stream, background)?, through],
            flow: flow_pictures(capture, &mut view, &stream, background, affine)?,
        })
    }
}

/// PSNR of the held-out views by split and time; several cameras of one time are averaged.
fn over_time(capture: &Capture, views: &[View]) -> BTreeMap<&'static str, Vec<(f64, f64)>> {
    // Times are not negative, and so in the order of their bits.
    let mut found: BTreeMap<&'static str, BTreeMap<u32, Vec<f64>>> = BTreeMap::new();
    for view in views {
        let Some(shot) = shot_of(capture, view).map(|shot| &capture.shots[shot]) else { continue };
        if let (Some(split), Some(time)) = (split_name(shot), shot.time) {
            found.entry(split).or_default().entry(time.max(0.0).to_bits()).or_default().push(view.psnr);
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let line = |times: BTreeMap<u32, Vec<f64>>| {
        times.into_iter().map(|(time, psnr)| (f64::from(f32::from_bits(time)), mean(&psnr))).collect()
    };
    found.into_iter().map(|(split, times)| (split, line(times))).collect()
}

/// The shots of the camera to show, in the order of time: of a camera held out as a whole where there is one, else of
/// that with the most held-out frames, which are shown alone where they are not too few.
fn stream(capture: &Capture, shots: &[usize]) -> Vec<usize> {
    let mut streams: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &shot in shots {
        streams.entry(capture.shots[shot].stream).or_default().push(shot);
    }
    let whole = |shots: &[usize]| shots.iter().any(|&shot| capture.shots[shot].unseen == Some(Unseen::Camera));
    let best = streams.iter().max_by_key(|(stream, shots)| (whole(shots), shots.len(), std::cmp::Reverse(**stream)));
    let Some((&stream, held_out)) = best else { return Vec::new() };
    let all = || (0..capture.shots.len()).filter(|&shot| capture.shots[shot].stream == stream).collect();
    let mut shown: Vec<usize> = if held_out.len() >= LEAST_FRAMES { held_out.clone() } else { all() };
    let time = |shot: &usize| capture.shots[*shot].time.unwrap_or(0.0);
    shown.sort_by(|a, b| time(a).total_cmp(&time(b)));
    shown
}

/// At most `count` of the items, from the first to the last evenly.
fn spread<T: Copy>(items: &[T], count: usize) -> Vec<T> {
    let count = count.min(items.len());
    (0..count).map(|i| items[i * (items.len() - 1) / (count - 1).max(1)]).collect()
}

fn time_label(time: f32) -> String {
    format!("{time:.2}")
}

/// Photo above render, over time.
fn strip(capture: &Capture, view: &mut SceneView, stream: &[usize], background: Vec3) -> Result<Strip> {
    let (mut times, mut photos, mut renders) = (Vec::new(), Vec::new(), Vec::new());
    for shot in spread(stream, FRAMES) {
        // A picture that cannot be decoded was warned of in the evaluation.
        let Ok(picture) = capture.load(shot) else { continue };
        let shot = &capture.shots[shot];
        let rendered = view.render(&shot.camera, shot.time.unwrap_or(0.0))?;
        photos.push(data_uri(&photo(&Target::new(&picture, background)), FRAME_SIDE)?);
        renders.push(data_uri(&image(&rendered), FRAME_SIDE)?);
        let trained = if shot.unseen.is_none() { " trained" } else { "" };
        times.push(time_label(shot.time.unwrap_or(0.0)) + trained);
    }
    let held_out = stream.iter().any(|&shot| capture.shots[shot].unseen == Some(Unseen::Camera));
    let fixed = stream.windows(2).all(|pair| capture.shots[pair[0]].camera.pose == capture.shots[pair[1]].camera.pose);
    let title = match (held_out, fixed) {
        (true, true) => "A camera that training never saw, over time",
        (true, false) => "Cameras that training never saw, over time",
        (false, true) => "Moments of one camera, over time",
        (false, false) => "Moments of a moving camera, over time",
    };
    Ok(Strip { title: title.into(), times, rows: vec![("photo", photos), ("render", renders)] })
}

fn image(rendered: &Rendered) -> image::RgbImage {
    to_image(rendered.width, rendered.height, rendered.pixels.iter().map(|pixel| pixel.truncate()))
}

/// The flow to the next frame at a few moments of a camera; `None` where there is no next frame.
fn flow_pictures(
    capture: &Capture,
    view: &mut SceneView,
    stream: &[usize],
    background: Vec3,
    affine: bool,
) -> Result<Option<FlowPictures>> {
    let neighbours = capture.neighbours();
    let next = |shot: usize| neighbours[shot][Direction::Forward as usize];
    let given = |&shot: &usize| capture.flow_to(shot, Direction::Forward).is_some();
    let mut moments: Vec<usize> = stream.iter().copied().filter(given).collect();
    if moments.is_empty() {
        moments = stream.iter().copied().filter(|&shot| next(shot).is_some()).collect();
    }
    let mut found: Vec<(usize, Rendered, Option<FlowTarget>)> = Vec::new();
    for shot in spread(&moments, FLOWS) {
        let flow = capture.load_flow(shot, Direction::Forward)?;
        let Some(to) = flow.as_ref().map(|flow| flow.to).or(next(shot)) else { continue };
        found.push((shot, flow_between(capture, view, (shot, to), affine)?, flow));
    }
    if found.is_empty() {
        return Ok(None);
    }
    let scale = scale(&found);
    let error_scale = ERROR_PART * scale;
    let mut rows = Vec::new();
    for (shot, rendered, flow) in &found {
        let Ok(picture) = capture.load(*shot) else { continue };
        let (width, height) = (rendered.width, rendered.height);
        let encode =
            |colours: &mut dyn Iterator<Item = Vec3>| data_uri(&to_image(width, height, colours), PICTURE_SIDE);
        let colour = |pixel: &Vec4| match pixel {
            pixel if pixel.w > MOSTLY_EMPTY => UNKNOWN,
            pixel => flow_colour(pixel.truncate().truncate() / scale),
        };
        let vectors = || rendered.pixels.iter().map(|pixel| pixel.truncate().truncate());
        let given = flow.as_ref().map(|flow| -> Result<_> {
            let known = || flow.field.iter().map(|vector| Vec2::from_array(*vector)).zip(&flow.valid);
            let colour = |(vector, valid): (Vec2, &bool)| if *valid { flow_colour(vector / scale) } else { UNKNOWN };
            let error = |(got, (want, valid)): (Vec2, (Vec2, &bool))| {
                ramp(&INFERNO, if *valid { got.distance(want) / error_scale } else { 0.0 })
            };
            Ok((encode(&mut known().map(colour))?, encode(&mut vectors().zip(known()).map(error))?))
        });
        rows.push(FlowRow {
            name: capture.shots[*shot].name.clone(),
            time: time_label(capture.shots[*shot].time.unwrap_or(0.0)),
            photo: data_uri(&photo(&Target::new(&picture, background)), PICTURE_SIDE)?,
            rendered: encode(&mut rendered.pixels.iter().map(colour))?,
            given: given.transpose()?,
        });
    }
    Ok(Some(FlowPictures { wheel: wheel()?, scale, error_scale, rows }))
}

/// The length at which colours are saturated: that of the 98th percentile of what moves, rounded up.
fn scale(found: &[(usize, Rendered, Option<FlowTarget>)]) -> f32 {
    let lengths = found.iter().flat_map(|(_, rendered, flow)| -> Vec<f32> {
        match flow {
            Some(flow) => flow.field.iter().map(|[x, y]| x.hypot(*y)).collect(),
            None => rendered.pixels.iter().map(|pixel| pixel.x.hypot(pixel.y)).collect(),
        }
    });
    // The range is that of pixels that move.
    let moving = lengths.filter(|length| *length > 1e-3).map(f64::from);
    let length = percentile(moving, 98).map_or(1.0, |length| length as f32);
    let power = 10_f32.powf(length.log10().floor());
    let round = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0].into_iter().map(|m| m * power);
    round.into_iter().find(|round| *round >= length).unwrap_or(length)
}

/// The colours of all directions, up to length 1 at the rim.
fn wheel() -> Result<String> {
    let place = |i: u32| 2.0 * (i as f32 + 0.5) / WHEEL_SIDE as f32 - 1.0;
    let colours = (0..WHEEL_SIDE * WHEEL_SIDE).map(|i| {
        let at = Vec2::new(place(i % WHEEL_SIDE), place(i / WHEEL_SIDE));
        flow_colour(at.clamp_length_max(1.0))
    });
    data_uri(&to_image(WHEEL_SIDE, WHEEL_SIDE, colours), WHEEL_SIDE)
}

#[cfg(test)]
mod tests {
    use glam::vec4;

    use super::*;

    #[test]
    fn frames_are_spread_from_the_first_to_the_last() {
        assert_eq!(spread(&[0, 1, 2, 3, 4, 5, 6, 7, 8], 3), [0, 4, 8]);
        assert_eq!((spread(&[5, 6], 8), spread(&[5, 6], 1)), (vec![5, 6], vec![5]));
        assert!(spread::<usize>(&[], 3).is_empty());
    }

    #[test]
    fn the_scale_is_round_and_above_what_moves() {
        let rendered = |length: f32| {
            let pixels = (0..100).map(|i| vec4(if i < 50 { 0.0 } else { length }, 0.0, 0.0, 0.0)).collect();
            vec![(0, Rendered { width: 100, height: 1, pixels }, None)]
        };
        assert_eq!([3.4, 0.21, 11.0, 0.0].map(|length| scale(&rendered(length))), [4.0, 0.3, 15.0, 1.0]);
    }
}
