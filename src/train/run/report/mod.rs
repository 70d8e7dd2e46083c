//! `report.html`: what a run was, how it went and what came out, in one file that needs nothing else.

mod film;
mod gallery;
mod markup;
mod motion;
mod moves;

use anyhow::Result;

use crate::dataset::Capture;
use crate::gpu::StageTimes;
use crate::image::colormap::INFERNO;
use crate::image::plot::{Plot, Series};
use crate::train::config::Config;
use crate::train::evaluate::{Mean, View};
use crate::train::poses::Poses;
use crate::train::run::folder::Record;

pub use film::Film;
pub use gallery::Gallery;

use gallery::FULL_ERROR;
use markup::{escape, gradient};

const STYLE: &str = include_str!("report.css");

/// The contents of the report.
pub struct Facts<'a> {
    pub config: &'a Config,
    pub capture: &'a Capture,
    pub adapter: String,
    pub records: &'a [Record],
    pub views: &'a [View],
    /// Mean over the views, if they were held out.
    pub held_out: Option<Mean>,
    pub gallery: &'a Gallery,
    /// Of a capture in time.
    pub film: Option<&'a Film>,
    /// Share of the opacity in space that exact depth says is empty.
    pub floaters: Option<f64>,
    /// Where poses were refined.
    pub poses: Option<&'a Poses>,
    pub stages: StageTimes,
    /// Bytes on the device by buffer.
    pub memory: Vec<(&'static str, u64)>,
}

/// The page.
pub fn html(facts: &Facts) -> Result<String> {
    let name = facts.capture.root.file_name().unwrap_or_default().to_string_lossy();
    let name = escape(&name);
    let sections = [
        header(facts, &name),
        hero(facts.gallery),
        facts.film.map(motion::section).unwrap_or_default(),
        curves(facts.records),
        views(facts),
        facts.poses.map(moves::section).unwrap_or_default(),
        bars("Time of one step", "ms", &merged(&facts.stages), |ms| format!("{ms:.2}")),
        bars("GPU memory", "MiB", &mebibytes(&facts.memory), |mib| format!("{mib:.1}")),
        options(facts.config)?,
    ];
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{name} · Dapple</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n{}\n</main>\n\
         <footer>Dapple {}</footer>\n<script>{SCRIPT}</script></body></html>\n",
        sections.concat(),
        env!("CARGO_PKG_VERSION"),
    ))
}

/// Pictures of the table grow to the window when clicked.
const SCRIPT: &str = "document.addEventListener('click', event => { \
    const open = document.querySelector('img.zoom'); \
    if (open) open.classList.remove('zoom'); \
    else if (event.target.matches('td img, .strip img')) event.target.classList.add('zoom'); });";

fn header(facts: &Facts, name: &str) -> String {
    let card = |value: String, unit: &str, what: &str| {
        format!("<div class=\"card\"><b>{value}<small>{unit}</small></b><span>{what}</span></div>")
    };
    let last = facts.records.last();
    let mut cards = String::new();
    if let Some(mean) = facts.held_out {
        cards += &card(format!("{:.2}", mean.psnr), " dB", "PSNR, held out");
        if let Some(predicted) = mean.predicted {
            cards += &card(format!("{:.2}", predicted.psnr), " dB", "PSNR with predicted appearance");
        }
        if let Some(corrected) = mean.corrected {
            cards += &card(format!("({corrected:.2})"), " dB", "PSNR, colour-corrected");
        }
        cards += &card(format!("{:.4}", mean.ssim), "", "SSIM, held out");
    }
    if let Some(share) = facts.floaters {
        cards += &card(format!("{:.2}", 100.0 * share), " %", "of the opacity in empty space");
    }
    if let Some(last) = last {
        cards += &card(grouped(last.gaussians), "", "Gaussians");
        cards += &card(grouped(last.step.into()), "", "steps");
        cards += &card(clock(last.seconds), "", "training time");
    }
    let (total, held) = (facts.capture.shots.len(), if facts.held_out.is_some() { facts.views.len() } else { 0 });
    let lens = facts.capture.shots.first().map(|shot| shot.camera.lens);
    let size = lens.map(|lens| format!(" of {} × {}", lens.width, lens.height)).unwrap_or_default();
    format!(
        "<header><p class=\"brand\">Dapple</p><h1>{name}</h1>\
         <p class=\"facts\">{total} images{size}, {held} held out · {}</p>\
         <p class=\"path\">{}</p></header><section class=\"cards\">{cards}</section>\n",
        escape(&facts.adapter),
        escape(&facts.capture.root.display().to_string())
    )
}

/// Photo and render of the first view under a slider.
fn hero(gallery: &Gallery) -> String {
    let Some(hero) = &gallery.hero else { return String::new() };
    format!(
        "<section class=\"hero\"><figure style=\"--ratio: {}\">\
         <img src=\"{}\" alt=\"render\"><img class=\"truth\" src=\"{}\" alt=\"photo\">\
         <i></i><span class=\"left\">photo</span><span class=\"right\">render</span>\
         <input type=\"range\" min=\"0\" max=\"100\" value=\"50\" step=\"0.1\" aria-label=\"wipe\" \
         oninput=\"this.parentNode.style.setProperty('--wipe', this.value + '%')\"></figure>\
         <p class=\"note\">{}</p></section>\n",
        f64::from(hero.size.0) / f64::from(hero.size.1),
        hero.render,
        hero.truth,
        escape(&hero.name)
    )
}

fn curves(records: &[Record]) -> String {
    let points = |value: fn(&Record) -> f64| -> Vec<(f64, f64)> {
        records.iter().map(|record| (f64::from(record.step), value(record))).collect()
    };
    let tests = |value: fn(&Mean) -> f64| -> Vec<(f64, f64)> {
        records.iter().filter_map(|r| r.test.as_ref().map(|test| (f64::from(r.step), value(test)))).collect()
    };
    let line = |class, points| Series { class, points, dots: false };
    let dotted = |points| vec![Series { class: "main", points, dots: true }];
    let loss = points(|record| record.loss);
    let smooth = smoothed(&loss);
    let epe = records.iter().filter_map(|record| Some((f64::from(record.step), record.flow?))).collect();
    let plot = |series, logarithmic| Plot { series, logarithmic, axis: "step" };
    let plots = [
        ("Loss", plot(vec![line("raw", loss), line("main", smooth)], true)),
        ("PSNR of held-out views, dB", plot(dotted(tests(|t| t.psnr)), false)),
        ("SSIM of held-out views", plot(dotted(tests(|t| t.ssim)), false)),
        ("Gaussians", plot(vec![line("main", points(|r| r.gaussians as f64))], false)),
        ("End-point error of the flow trained on, pixels", plot(vec![line("main", epe)], false)),
    ];
    let drawn = plots.iter().map(|(title, plot)| (title, plot.svg())).filter(|(_, svg)| !svg.is_empty());
    let figures = drawn.map(|(title, svg)| format!("<figure><figcaption>{title}</figcaption>{svg}</figure>"));
    format!("<section><h2>Training</h2><div class=\"plots\">{}</div></section>\n", figures.collect::<String>())
}

/// A running mean over about a fortieth of the points: each loss is of another image.
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let reach = (points.len() / 40).max(1);
    let mean = |i: usize| {
        let window = &points[i.saturating_sub(reach)..(i + reach + 1).min(points.len())];
        window.iter().map(|point| point.1).sum::<f64>() / window.len() as f64
    };
    (0..points.len()).map(|i| (points[i].0, mean(i))).collect()
}

fn views(facts: &Facts) -> String {
    let psnr = |value: fn(f64, f64) -> f64, start| facts.views.iter().map(|view| view.psnr).fold(start, value);
    let (low, high) = (psnr(f64::min, f64::INFINITY), psnr(f64::max, f64::NEG_INFINITY));
    let mut rows = String::new();
    let predicted = facts.views.iter().any(|view| view.predicted.is_some());
    for (index, view) in facts.views.iter().enumerate() {
        let share = if high > low { 20.0 + 80.0 * (view.psnr - low) / (high - low) } else { 100.0 };
        rows += &format!(
            "<tr><th>{}</th><td class=\"number\">{:.2}<i style=\"width: {share:.0}%\"></i></td>{}<td class=\"number\">{:.4}</td>",
            escape(&view.name),
            view.psnr,
            other_scores(view, predicted),
            view.ssim
        );
        if let Some(entry) = facts.gallery.entries.iter().find(|entry| entry.index == index) {
            for (what, uri) in [("photo", &entry.truth), ("render", &entry.render), ("error", &entry.error)] {
                rows += &format!("<td><img loading=\"lazy\" src=\"{uri}\" alt=\"{what}\"></td>");
            }
        }
        rows += "</tr>\n";
    }
    let title = if facts.held_out.is_some() { "Held-out views" } else { "Training views (none was held out)" };
    format!(
        "<section><h2>{title}</h2><div class=\"scroll\"><table><thead><tr><th>view</th><th>PSNR, dB</th>{}<th>(colour-corrected)</th><th>SSIM</th>\
         <th>photo</th><th>render</th><th>error <span class=\"scale\">0<i style=\"background: {}\">\
         </i>{FULL_ERROR}</span></th></tr></thead><tbody>\n{rows}</tbody></table></div></section>\n",
        if predicted { "<th>with predicted appearance</th>" } else { "" },
        gradient(&INFERNO)
    )
}

/// The cells of a view's PSNR with predicted appearance, where the table has that, and after colour correction.
fn other_scores(view: &View, predicted: bool) -> String {
    let cell = |text: String| format!("<td class=\"number\">{text}</td>");
    let score = view.predicted.map_or("–".into(), |score| format!("{:.2}", score.psnr));
    let corrected = view.corrected.map_or("–".into(), |psnr| format!("({psnr:.2})"));
    if predicted { cell(score) + &cell(corrected) } else { cell(corrected) }
}

/// A bar for each named number; nothing if there are none.
fn bars(title: &str, unit: &str, values: &[(&str, f64)], show: fn(f64) -> String) -> String {
    let longest = values.iter().map(|value| value.1).fold(0.0, f64::max);
    if longest <= 0.0 {
        return String::new();
    }
    let total: f64 = values.iter().map(|value| value.1).sum();
    let row = |(name, value): &(&str, f64)| {
        format!(
            "<span>{}</span><div><i style=\"width: {:.1}%\"></i></div><b>{}</b>",
            escape(name),
            100.0 * value / longest,
            show(*value)
        )
    };
    format!(
        "<section><h2>{title} <small>{} {unit}</small></h2><div class=\"bars\">{}</div></section>\n",
        show(total),
        values.iter().map(row).collect::<String>()
    )
}

/// Stages in order of their first run; those that ran more than once summed.
fn merged<'a>(stages: &[(&'a str, f64)]) -> Vec<(&'a str, f64)> {
    let mut merged: Vec<(&str, f64)> = Vec::new();
    for &(name, time) in stages {
        match merged.iter_mut().find(|stage| stage.0 == name) {
            Some(stage) => stage.1 += time,
            None => merged.push((name, time)),
        }
    }
    merged
}

fn mebibytes<'a>(memory: &[(&'a str, u64)]) -> Vec<(&'a str, f64)> {
    let mut sizes: Vec<(&str, f64)> =
        memory.iter().map(|&(name, bytes)| (name, bytes as f64 / f64::from(1 << 20))).collect();
    sizes.sort_by(|a, b| b.1.total_cmp(&a.1));
    sizes
}

fn options(config: &Config) -> Result<String> {
    let text = escape(&config.to_toml()?);
    Ok(format!("<section><details><summary>Options of this run</summary><pre>{text}</pre></details></section>"))
}

/// A count with thin spaces between its thousands.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let head = (digits.len() - 1) % 3 + 1;
    let mut text = digits[..head].to_string();
    for at in (head..digits.len()).step_by(3) {
        text = text + "\u{202f}" + &digits[at..at + 3];
    }
    text
}

fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, m, s) => format!("{m}:{s:02}"),
        (h, m, s) => format!("{h}:{m:02}:{s:02}"),
    }
}
