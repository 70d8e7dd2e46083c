//! The page of `dapple compare --page`.

use std::fmt::Write;

use anyhow::Result;
use serde_json::Value;

use super::found::{Compared, Opened, figure, rows};
use crate::cli::pictures::decibels;
use crate::cli::tables::{STYLE, escape};

/// The page.
pub fn html(first: &Opened, found: &[Compared]) -> Result<String> {
    let mut body = format!(
        "<h1>Compared with {}</h1>\n<p>{}, {:.1} bytes each</p>\n<table><tr><th>scene</th><th>Gaussians</th>\
         <th>bytes each</th><th>PSNR</th><th>worst view</th><th>SSIM</th><th>field</th></tr>",
        escape(&first.path.display().to_string()),
        escape(&first.what),
        first.bytes_each
    );
    for compared in found {
        let pictures = compared.pictures.as_ref().map(|pictures| {
            [decibels(pictures.psnr), decibels(pictures.worst_psnr()), format!("{:.4}", pictures.ssim)]
        });
        let [psnr, worst, ssim] = pictures.unwrap_or_else(|| ["–"; 3].map(String::from));
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{}</td><td>{:.1}</td><td>{psnr}</td><td>{worst}</td><td>{ssim}</td><td>{}</td></tr>",
            escape(&compared.opened.path.display().to_string()),
            compared.opened.count,
            compared.opened.bytes_each,
            figure(compared.field)
        );
    }
    body.push_str("</table>\n");
    found.iter().for_each(|compared| scene(&mut body, compared));
    let json: Vec<Value> = found.iter().map(Compared::json).collect();
    let json = escape(&serde_json::to_string_pretty(&json)?);
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Scenes compared</title>\
         <style>{STYLE} img{{width:100%}}</style></head><body>\n{body}<details><summary>All figures as JSON</summary>\
         <pre id=\"figures\">{json}</pre></details></body></html>\n"
    ))
}

/// One scene's worst view and the differences of its Gaussians.
fn scene(body: &mut String, compared: &Compared) {
    let _ = writeln!(body, "<h2>{}</h2>", escape(&compared.opened.path.display().to_string()));
    if let (Some(picture), Some(pictures)) = (&compared.picture, &compared.pictures) {
        let name = picture.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(
            body,
            "<p>View {}, the worst: the first scene, this one, and eight times their difference.</p><img src=\"{}\" \
             alt=\"the worst view\">",
            pictures.worst + 1,
            escape(&name)
        );
    }
    let _ = write!(
        body,
        "<table><tr><th>{} Gaussians correspond</th><th>median</th><th>95 %</th><th></th></tr>",
        compared.parameters.pairs
    );
    for (name, spread, unit) in rows(&compared.parameters) {
        let (median, most) = (figure(spread.median), figure(spread.p95));
        let _ = write!(body, "<tr><td>{name}</td><td>{median}</td><td>{most}</td><td>{unit}</td></tr>");
    }
    body.push_str("</table>\n");
}
