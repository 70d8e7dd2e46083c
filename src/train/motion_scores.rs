//! Metrics of a scene in time: the end-point error of its flow, and the flicker of its renders.

use std::collections::BTreeMap;

use anyhow::Result;
use glam::Vec3;
use serde::Serialize;

use super::evaluate::{Comparison, Mean, View};
use super::metrics::Target;
use crate::dataset::{Capture, Direction, FlowTarget, Shot, Unseen};
use crate::render::{Rendered, SceneView};

/// Agreement of rendered flow with a capture's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FlowError {
    /// Mean over flows of the mean end-point error, in pixels; nothing rendered counts as no motion.
    pub epe: f64,
    /// Mean over flows of the mean length of the flow compared with.
    pub length: f64,
    /// Flows, forward and backward.
    pub images: usize,
}

/// The agreement of one rendered flow with the capture's.
#[derive(Clone, Copy, Debug)]
struct Agreement {
    shot: usize,
    epe: f64,
    length: f64,
}

/// Flow error and flicker of the evaluated shots.
#[derive(Clone, Debug, Default)]
pub struct MotionScores {
    flows: Vec<Agreement>,
    /// Shot, and the mean absolute error of the change since the previous frame of its camera, colours being 0 to 1.
    changes: Vec<(usize, f64)>,
}

/// Means over a part of the held-out images.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Scores {
    #[serde(flatten)]
    pub mean: Mean,
    pub views: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flicker: Option<f64>,
}

impl MotionScores {
    /// Renders the flow of the shots that have some, in both directions, beside it; `flicker` has seen the same shots.
    ///
    /// # Errors
    /// Flow files or pictures that cannot be read, and those of the device.
    pub fn measure(
        capture: &Capture,
        shots: &[usize],
        view: &mut SceneView,
        affine: bool,
        flicker: Flicker,
        background: Vec3,
    ) -> Result<Self> {
        let mut flows = Vec::new();
        for (&shot, direction) in shots.iter().flat_map(|shot| Direction::BOTH.map(|direction| (shot, direction))) {
            let Some(flow) = capture.load_flow(shot, direction)? else { continue };
            let rendered = flow_between(capture, view, (shot, flow.to), affine)?;
            flows.extend(agreement(shot, &rendered, &flow));
        }
        Ok(Self { flows, changes: flicker.finish(background, view)? })
    }

    /// Mean over the flows from the shots that are `wanted`.
    pub fn flow(&self, wanted: impl Fn(usize) -> bool) -> Option<FlowError> {
        let found: Vec<&Agreement> = self.flows.iter().filter(|flow| wanted(flow.shot)).collect();
        let mean =
            |value: fn(&Agreement) -> f64| found.iter().map(|flow| value(flow)).sum::<f64>() / found.len() as f64;
        let error = || FlowError { epe: mean(|flow| flow.epe), length: mean(|flow| flow.length), images: found.len() };
        (!found.is_empty()).then(error)
    }

    /// Mean over the shots that are `wanted` of the error of the change since the previous frame.
    pub fn flicker(&self, wanted: impl Fn(usize) -> bool) -> Option<f64> {
        let found: Vec<f64> =
            self.changes.iter().filter(|(shot, _)| wanted(*shot)).map(|(_, change)| *change).collect();
        (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
    }

    /// Means over held-out cameras and over held-out times, as far as `views` are of them.
    pub fn by_split(&self, capture: &Capture, views: &[View]) -> BTreeMap<&'static str, Scores> {
        let mut parts: BTreeMap<&'static str, Vec<View>> = BTreeMap::new();
        for view in views {
            if let Some(name) = shot_of(capture, view).and_then(|shot| split_name(&capture.shots[shot])) {
                parts.entry(name).or_default().push(view.clone());
            }
        }
        let scores = |(name, views): (&'static str, Vec<View>)| {
            let wanted = |shot: usize| split_name(&capture.shots[shot]) == Some(name);
            let (flow, flicker) = (self.flow(wanted), self.flicker(wanted));
            (name, Scores { mean: Mean::of(&views), views: views.len(), flow, flicker })
        };
        parts.into_iter().map(scores).collect()
    }
}

/// The index of the shot that a view is of.
pub fn shot_of(capture: &Capture, view: &View) -> Option<usize> {
    capture.shots.binary_search_by(|shot| shot.name.cmp(&view.name)).ok()
}

/// The name that `--split` has for the part of the capture that a held-out shot is in; `None` for other shots.
pub fn split_name(shot: &Shot) -> Option<&'static str> {
    shot.unseen.map(|unseen| match unseen {
        Unseen::Camera => "test-cameras",
        Unseen::Time => "test-times",
    })
}

/// The rendered flow from one shot to another.
pub fn flow_between(
    capture: &Capture,
    view: &mut SceneView,
    (from, to): (usize, usize),
    affine: bool,
) -> Result<Rendered> {
    let [from, to] = [from, to].map(|shot| &capture.shots[shot]);
    let at = |shot: &Shot| shot.time.unwrap_or(0.0);
    view.render_flow((&from.camera, at(from)), (&to.camera, at(to)), affine)
}

/// The means over the pixels whose flow is known; `None` where there are none.
fn agreement(shot: usize, rendered: &Rendered, flow: &FlowTarget) -> Option<Agreement> {
    let (mut epe, mut length, mut count) = (0.0, 0.0, 0.0);
    for ((got, want), _) in rendered.pixels.iter().zip(&flow.field).zip(&flow.valid).filter(|(_, valid)| **valid) {
        epe += f64::from((got.x - want[0]).hypot(got.y - want[1]));
        length += f64::from(want[0].hypot(want[1]));
        count += 1.0;
    }
    (count > 0.0).then(|| Agreement { shot, epe: epe / count, length: length / count })
}

/// Compares the change from one frame of a camera to its next, while shots are evaluated in the order of their names.
pub struct Flicker<'a> {
    capture: &'a Capture,
    /// For each shot the previous one of its camera in time.
    previous: Vec<Option<usize>>,
    /// The last shot seen, and render minus photo there.
    last: Option<(usize, Misses)>,
    changes: Vec<(usize, f64)>,
    /// Shots whose previous one is not evaluated just before them.
    alone: Vec<usize>,
}

/// `[height * width]` render minus photo, each in 0..=1; zero where the pixel does not count.
type Misses = Vec<Vec3>;

impl<'a> Flicker<'a> {
    pub fn new(capture: &'a Capture) -> Self {
        let previous = capture.neighbours().into_iter().map(|both| both[Direction::Backward as usize]).collect();
        Self { capture, previous, last: None, changes: Vec::new(), alone: Vec::new() }
    }

    /// Takes the next view.
    pub fn add(&mut self, comparison: &Comparison<'_>) {
        let (shot, now) = (comparison.shot, misses(comparison.target, comparison.render));
        let Some(previous) = self.previous[shot] else {
            self.last = Some((shot, now));
            return;
        };
        match &self.last {
            Some((last, before)) if *last == previous => self.changes.extend(change(shot, before, &now)),
            _ => self.alone.push(shot),
        }
        self.last = Some((shot, now));
    }

    /// Renders the frames before those that were evaluated alone, and compares them too. Frames whose photo cannot be
    /// decoded are passed over.
    fn finish(mut self, background: Vec3, view: &mut SceneView) -> Result<Vec<(usize, f64)>> {
        for shot in std::mem::take(&mut self.alone) {
            let Some(previous) = self.previous[shot] else { continue };
            let mut pair = Vec::new();
            for shot in [previous, shot] {
                let Ok(picture) = self.capture.load(shot) else { break };
                let frame = &self.capture.shots[shot];
                let rendered = view.render(&frame.camera, frame.time.unwrap_or(0.0))?;
                pair.push(misses(&Target::new(&picture, background), &rendered));
            }
            if let [before, now] = pair.as_slice() {
                self.changes.extend(change(shot, before, now));
            }
        }
        self.changes.sort_by_key(|change| change.0);
        Ok(self.changes)
    }
}

fn misses(target: &Target, render: &Rendered) -> Misses {
    let miss = |(i, want): (usize, &Vec3)| match &target.mask {
        Some(mask) if !mask[i] => Vec3::ZERO,
        _ => render.pixels[i].truncate().clamp(Vec3::ZERO, Vec3::ONE) - *want,
    };
    target.colours.iter().enumerate().map(miss).collect()
}

/// The flicker of a shot: the mean absolute change of its error since the frame before, so that a constant error counts
/// as none. `None` for frames of different sizes.
fn change(shot: usize, before: &Misses, now: &Misses) -> Option<(usize, f64)> {
    let sum = || before.iter().zip(now).map(|(a, b)| f64::from((*a - *b).abs().element_sum())).sum::<f64>();
    (before.len() == now.len()).then(|| (shot, sum() / (3 * now.len()) as f64))
}

#[cfg(test)]
mod tests {
    use glam::{Vec4, vec4};

    use super::*;

    #[test]
    fn flow_is_compared_where_it_is_known() {
        let pixels = vec![vec4(3.0, 4.0, 0.0, 0.0), Vec4::ZERO, vec4(9.0, 9.0, 0.0, 0.0)];
        let rendered = Rendered { width: 3, height: 1, pixels };
        let field = vec![[0.0, 0.0], [0.0, -2.0], [0.0, 0.0]];
        let mut flow = FlowTarget { to: 0, field, valid: vec![true, true, false] };
        let found = agreement(7, &rendered, &flow).expect("two pixels are known");
        assert_eq!((found.shot, found.epe, found.length), (7, 3.5, 1.0));
        flow.valid = vec![false; 3];
        assert!(agreement(7, &rendered, &flow).is_none());
        let agreements = [(0, 1.0), (1, 2.0), (1, 4.0)].map(|(shot, epe)| Agreement { shot, epe, length: 8.0 });
        let scores = MotionScores { flows: agreements.to_vec(), changes: vec![(0, 0.5), (2, 0.25)] };
        assert_eq!(scores.flow(|shot| shot == 1), Some(FlowError { epe: 3.0, length: 8.0, images: 2 }));
        assert_eq!((scores.flow(|shot| shot == 2), scores.flicker(|shot| shot != 1)), (None, Some(0.375)));
    }

    #[test]
    fn a_constant_error_does_not_flicker() {
        let target = |grey: f32, mask| Target { width: 2, height: 1, colours: vec![Vec3::splat(grey); 2], mask };
        let render = |grey: [f32; 2]| Rendered {
            width: 2,
            height: 1,
            pixels: grey.map(|grey| Vec3::splat(grey).extend(0.0)).to_vec(),
        };
        let first = misses(&target(0.5, None), &render([0.75, 0.75]));
        // The photo brightens by a quarter and the render with it, but for the second pixel.
        let second = misses(&target(0.75, None), &render([1.0, 0.75]));
        assert_eq!(change(3, &first, &first), Some((3, 0.0)));
        assert_eq!(change(3, &first, &second), Some((3, 0.125)));
        let masked = Some(vec![true, false]);
        let [first, second] = [(0.5, [0.75; 2]), (0.75, [1.0, 0.0])]
            .map(|(photo, grey)| misses(&target(photo, masked.clone()), &render(grey)));
        assert_eq!(change(3, &first, &second), Some((3, 0.0)));
        assert_eq!(change(3, &first, &vec![Vec3::ZERO]), None);
    }
}
