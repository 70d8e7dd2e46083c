//! The report's part about poses: how far each camera moved.

use std::collections::BTreeMap;

use crate::image::plot::{Plot, Series};
use crate::train::poses::{Moved, Poses};

use super::markup::escape;

/// The section.
pub fn section(poses: &Poses) -> String {
    let line = |class, moved: &BTreeMap<String, Moved>, value: fn(&Moved) -> f64| Series {
        class,
        points: moved.values().enumerate().map(|(i, moved)| (i as f64, value(moved))).collect(),
        dots: moved.len() <= 100,
    };
    let figure = |title: &str, value: fn(&Moved) -> f64| {
        let mut series = vec![line("main", &poses.trained, value)];
        if !poses.aligned.is_empty() {
            series.push(line("second", &poses.aligned, value));
        }
        let svg = Plot { series, logarithmic: false, axis: "photo" }.svg();
        format!("<figure><figcaption>{title}</figcaption>{svg}</figure>")
    };
    let held_out = if poses.aligned.is_empty() { "" } else { " (the second line is of held-out cameras)" };
    format!(
        "<section><h2>Refined poses</h2><p class=\"note\">{}{held_out}.</p><div class=\"plots\">{}{}</div></section>\n",
        escape(&poses.words()),
        figure("Turn of each camera, degrees", |moved| moved.degrees),
        figure("Shift of each camera, % of the cameras\u{2019} reach", |moved| 100.0 * moved.share)
    )
}
