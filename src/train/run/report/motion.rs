//! The part of the page about a scene in time.

use super::film::{Film, FlowPictures, Strip};
use super::markup::{escape, gradient};
use crate::image::colormap::INFERNO;
use crate::image::plot::{Plot, Series};
use crate::train::motion_scores::Scores;

pub fn section(film: &Film) -> String {
    let strips: String = film.strips.iter().map(strip).collect();
    format!(
        "<section><h2>In time</h2>{}</section>\n{strips}{}",
        scores(film),
        film.flow.as_ref().map(flow).unwrap_or_default()
    )
}

/// The table of the splits beside PSNR over time.
fn scores(film: &Film) -> String {
    let number = |value: Option<f64>, digits: usize| value.map_or("–".into(), |value| format!("{value:.digits$}"));
    let row = |name: &str, scores: &Scores| {
        let epe = number(scores.flow.map(|flow| flow.epe), 3);
        let length = scores.flow.map(|flow| format!(" <small>of {:.2}</small>", flow.length)).unwrap_or_default();
        format!(
            "<tr><th>{name}</th><td>{}</td><td>{:.2}</td><td>{:.4}</td><td>{epe}{length}</td><td>{}</td></tr>\n",
            scores.views,
            scores.mean.psnr,
            scores.mean.ssim,
            number(scores.flicker.map(|flicker| 100.0 * flicker), 3)
        )
    };
    let mut rows: String = film.splits.iter().map(|(name, scores)| row(swatched(name), scores)).collect();
    if film.splits.len() != 1 {
        let name = if film.splits.is_empty() { "training views" } else { "all held out" };
        rows += &row(name, &film.all);
    }
    let class = |split: &str| if split == "test-cameras" { "main" } else { "second" };
    let series =
        film.psnr.iter().map(|(split, points)| Series { class: class(split), points: points.clone(), dots: true });
    let svg = Plot { series: series.collect(), logarithmic: false, axis: "time" }.svg();
    let figure = format!("<figure><figcaption>PSNR of held-out views over time, dB</figcaption>{svg}</figure>");
    format!(
        "<div class=\"plots timed\"><div class=\"scroll\"><table class=\"scores\"><thead><tr><th>held out</th><th>views</th>\
         <th>PSNR, dB</th><th>SSIM</th><th>flow error, px</th><th>flicker, %</th></tr></thead><tbody>\n{rows}</tbody></table>\
         <p class=\"note\">Flow error: mean end-point error of the rendered flow, of the flow's mean length. Flicker: mean \
         error of the change from one frame to the next, of the range of colours.</p></div>{}</div>",
        if svg.is_empty() { "" } else { &figure }
    )
}

/// The title of a split, with the colour of its line.
fn swatched(split: &str) -> &'static str {
    match split {
        "test-cameras" => "<i class=\"swatch main\"></i>cameras",
        _ => "<i class=\"swatch second\"></i>times",
    }
}

fn strip(strip: &Strip) -> String {
    if strip.times.is_empty() {
        return String::new();
    }
    let times: String = strip.times.iter().map(|time| format!("<span>{time}</span>")).collect();
    let row = |(what, frames): &(&str, Vec<String>)| {
        let image = |uri: &String| format!("<img loading=\"lazy\" src=\"{uri}\" alt=\"{what}\">");
        format!("<b>{what}</b>{}", frames.iter().map(image).collect::<String>())
    };
    format!(
        "<section><h2>{}</h2><div class=\"scroll film\"><div class=\"strip\" style=\"--frames: {}\">{}<b>time</b>{times}\
         </div></div></section>\n",
        escape(&strip.title),
        strip.times.len(),
        strip.rows.iter().map(row).collect::<String>()
    )
}

fn flow(flow: &FlowPictures) -> String {
    let given = flow.rows.iter().any(|row| row.given.is_some());
    let mut rows = String::new();
    for row in &flow.rows {
        let image = |what: &str, uri: &str| format!("<td><img loading=\"lazy\" src=\"{uri}\" alt=\"{what}\"></td>");
        rows += &format!("<tr><th>{}<small>time {}</small></th>", escape(&row.name), row.time);
        rows += &image("photo", &row.photo);
        rows += &image("rendered flow", &row.rendered);
        if let Some((truth, error)) = &row.given {
            rows += &(image("given flow", truth) + &image("end-point error", error));
        }
        rows += "</tr>\n";
    }
    let more = format!(
        "<th>given</th><th>error, px <span class=\"scale\">0<i style=\"background: {}\"></i>{}</span></th>",
        gradient(&INFERNO),
        flow.error_scale
    );
    format!(
        "<section><h2>Optical flow to the next frame</h2><div class=\"legend\"><img src=\"{}\" alt=\"colour wheel\">\
         <p>Hue is the direction in which a pixel moves, as from the wheel's middle; white stands still, and the rim is \
         <b>{} pixels</b> a frame.{}</p></div><div class=\"scroll\"><table class=\"flow\"><thead><tr><th>frame</th><th>photo</th>\
         <th>rendered</th>{}</tr></thead><tbody>\n{rows}</tbody></table></div></section>\n",
        flow.wheel,
        flow.scale,
        if given {
            " Grey: nothing there, not known, or hidden in the next frame."
        } else {
            " The capture has no flow to compare with."
        },
        if given { &more } else { "" }
    )
}
