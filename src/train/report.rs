//! `report.html`: what a run was, how it went and what came out, in one file that needs nothing else.

use std::io::Cursor;

use anyhow::{Context, Result};
use base64::Engine;
use glam::Vec3;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ImageEncoder, RgbImage};

use super::config::Config;
use super::evaluate::{Comparison, Mean, View};
use super::picture::{EMBER, ramp, to_image};
use super::plot::{Plot, Series};
use super::run_folder::Record;
use crate::camera::fit_within;
use crate::dataset::Capture;
use crate::gpu::StageTimes;

/// Longer side of the pictures in the table, and of the pair at the top.
const PICTURE_SIDE: u32 = 480;
const HERO_SIDE: u32 = 1000;
/// Views that are shown with pictures; the table lists all.
const MAX_PICTURED: usize = 24;
/// Mean absolute error, of 1, at the bright end of the error's colours.
const FULL_ERROR: f32 = 0.2;

const STYLE: &str = include_str!("report.css");

/// All that the report tells.
pub struct Facts<'a> {
    pub config: &'a Config,
    pub capture: &'a Capture,
    pub adapter: String,
    pub records: &'a [Record],
    pub views: &'a [View],
    /// Mean over the views, if they were held out.
    pub held_out: Option<Mean>,
    pub gallery: &'a Gallery,
    pub stages: StageTimes,
    /// Bytes on the device by buffer.
    pub memory: Vec<(&'static str, u64)>,
}

/// Pictures of views, encoded for the page.
pub struct Gallery {
    stride: usize,
    seen: usize,
    hero: Option<Hero>,
    entries: Vec<Entry>,
}

struct Hero {
    name: String,
    size: (u32, u32),
    truth: String,
    render: String,
}

struct Entry {
    /// Position among the views.
    index: usize,
    truth: String,
    render: String,
    error: String,
}

impl Gallery {
    /// For `count` views, of which some may be shown.
    pub fn new(count: usize) -> Self {
        Self { stride: count.div_ceil(MAX_PICTURED).max(1), seen: 0, hero: None, entries: Vec::new() }
    }

    /// Takes the next view; `render` is its render as an image.
    pub fn add(&mut self, comparison: Comparison, render: &RgbImage) -> Result<()> {
        let index = self.seen;
        self.seen += 1;
        if !index.is_multiple_of(self.stride) {
            return Ok(());
        }
        let target = comparison.target;
        let truth = to_image(target.width, target.height, target.colours.iter().copied());
        if self.hero.is_none() {
            self.hero = Some(Hero {
                name: comparison.view.name.clone(),
                size: fit_within(target.width, target.height, Some(HERO_SIDE)),
                truth: data_uri(&truth, HERO_SIDE)?,
                render: data_uri(render, HERO_SIDE)?,
            });
        }
        self.entries.push(Entry {
            index,
            truth: data_uri(&truth, PICTURE_SIDE)?,
            render: data_uri(render, PICTURE_SIDE)?,
            error: data_uri(&error_image(&comparison), PICTURE_SIDE)?,
        });
        Ok(())
    }
}

/// Mean absolute error over the channels, as a heat map; pixels that do not count stay dark.
fn error_image(comparison: &Comparison) -> RgbImage {
    let target = comparison.target;
    let colour = |(i, truth): (usize, &Vec3)| {
        let counts = target.mask.as_ref().is_none_or(|mask| mask[i]);
        let render = comparison.render.pixels[i].truncate().clamp(Vec3::ZERO, Vec3::ONE);
        let error = if counts { (*truth - render).abs().element_sum() / 3.0 } else { 0.0 };
        ramp(&EMBER, error / FULL_ERROR)
    };
    to_image(target.width, target.height, target.colours.iter().enumerate().map(colour))
}

/// A JPEG of bounded size as text that an `<img>` takes.
fn data_uri(image: &RgbImage, side: u32) -> Result<String> {
    let (width, height) = fit_within(image.width(), image.height(), Some(side));
    let small = if (width, height) == image.dimensions() {
        image.clone()
    } else {
        resize(image, width, height, FilterType::Triangle)
    };
    let mut bytes = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 88);
    encoder.write_image(&small, width, height, image::ExtendedColorType::Rgb8).context("cannot encode a picture")?;
    Ok(format!("data:image/jpeg;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes.get_ref())))
}

/// The page.
pub fn html(facts: &Facts) -> Result<String> {
    let name = facts.capture.root.file_name().unwrap_or_default().to_string_lossy();
    let name = escape(&name);
    let sections = [
        header(facts, &name),
        hero(facts.gallery),
        curves(facts.records),
        views(facts),
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
    else if (event.target.matches('td img')) event.target.classList.add('zoom'); });";

fn header(facts: &Facts, name: &str) -> String {
    let card = |value: String, unit: &str, what: &str| {
        format!("<div class=\"card\"><b>{value}<small>{unit}</small></b><span>{what}</span></div>")
    };
    let last = facts.records.last();
    let mut cards = String::new();
    if let Some(mean) = facts.held_out {
        cards += &card(format!("{:.2}", mean.psnr), " dB", "PSNR, held out");
        cards += &card(format!("{:.4}", mean.ssim), "", "SSIM, held out");
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
    let plots = [
        ("Loss", Plot { series: vec![line("raw", loss), line("main", smooth)], logarithmic: true }),
        ("PSNR of held-out views, dB", Plot { series: dotted(tests(|t| t.psnr)), logarithmic: false }),
        ("SSIM of held-out views", Plot { series: dotted(tests(|t| t.ssim)), logarithmic: false }),
        ("Gaussians", Plot { series: vec![line("main", points(|r| r.gaussians as f64))], logarithmic: false }),
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
    for (index, view) in facts.views.iter().enumerate() {
        let share = if high > low { 20.0 + 80.0 * (view.psnr - low) / (high - low) } else { 100.0 };
        rows += &format!(
            "<tr><th>{}</th><td class=\"number\">{:.2}<i style=\"width: {share:.0}%\"></i></td><td class=\"number\">{:.4}</td>",
            escape(&view.name),
            view.psnr,
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
    let gradient: Vec<String> = EMBER.iter().map(|[r, g, b]| format!("rgb({r} {g} {b})")).collect();
    format!(
        "<section><h2>{title}</h2><div class=\"scroll\"><table><thead><tr><th>view</th><th>PSNR, dB</th><th>SSIM</th>\
         <th>photo</th><th>render</th><th>error <span class=\"scale\">0<i style=\"background: linear-gradient(90deg, {})\">\
         </i>{FULL_ERROR}</span></th></tr></thead><tbody>\n{rows}</tbody></table></div></section>\n",
        gradient.join(", ")
    )
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
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
