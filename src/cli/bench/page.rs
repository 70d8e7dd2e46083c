//! The page of `dapple bench --out`: the figures as a table for people, and as JSON for programs.

use std::fmt::Write;

use anyhow::Result;

use super::figures::{Figures, Measured, Stage};
use crate::cli::tables::{STYLE, escape};

/// The page.
pub fn html(figures: &Figures, comparison: &str) -> Result<String> {
    let c = &figures.ceilings;
    let exchange = if figures.subgroups { "subgroups" } else { "workgroup memory" };
    let mut body = format!(
        "<h1>Dapple {} on {}</h1>\n<p>{} lanes a tile by {exchange}. At best: copy {:.1} GB/s, arithmetic {:.0} GFLOP/s, \
         {:.2} billion exponentials a second, {:.1} µs a dispatch.</p>\n",
        escape(&figures.program),
        escape(&figures.adapter),
        figures.lanes,
        c.copy,
        c.arithmetic,
        c.exponentials,
        c.dispatch
    );
    figures.workloads.iter().for_each(|measured| workload(&mut body, measured, c.copy));
    if !comparison.is_empty() {
        let _ = writeln!(body, "<h2>Comparison</h2><pre>{}</pre>", escape(comparison));
    }
    let json = escape(&serde_json::to_string_pretty(figures)?);
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Dapple bench</title>\
         <style>{STYLE}</style></head><body>\n{body}<details><summary>All figures as JSON</summary>\
         <pre id=\"figures\">{json}</pre></details></body></html>\n"
    ))
}

fn workload(body: &mut String, measured: &Measured, copy: f64) {
    let counts = &measured.counts;
    let _ = writeln!(
        body,
        "<h2>{}</h2><p>{} Gaussians, {} visible, {} pairs, {} × {}, degree {}; {:.2} steps a second.</p>",
        escape(&measured.name),
        counts.gaussians,
        counts.visible,
        counts.pairs,
        counts.width,
        counts.height,
        counts.sh_degree,
        measured.steps_per_second
    );
    table(body, "An image", &measured.forward, copy);
    table(body, "A training step", &measured.training, copy);
    let total: u64 = measured.memory.iter().map(|(_, bytes)| bytes).sum();
    let _ = write!(body, "<table><tr><th>Memory of training</th><th>{:.1} MB</th></tr>", total as f64 * 1e-6);
    for (label, bytes) in &measured.memory {
        let _ = write!(body, "<tr><td>{}</td><td>{:.2}</td></tr>", escape(label), *bytes as f64 * 1e-6);
    }
    body.push_str("</table>\n");
}

fn table(body: &mut String, what: &str, stages: &[Stage], copy: f64) {
    let sum: f64 = stages.iter().map(|stage| stage.median).sum();
    let _ = write!(
        body,
        "<table><tr><th>{what}</th><th>ms, median</th><th>least</th><th>most</th><th>MB to move</th><th>GB/s</th>\
         <th>of copy</th><th></th></tr>"
    );
    for stage in stages {
        let moved = stage.bytes.map_or(String::new(), |bytes| format!("{:.1}", bytes as f64 * 1e-6));
        let rate = stage.rate().map_or(String::new(), |rate| format!("{rate:.1}"));
        let share = stage.rate().map_or(String::new(), |rate| format!("{:.0} %", 100.0 * rate / copy));
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{:.3}</td><td>{:.3}</td><td>{:.3}</td><td>{moved}</td><td>{rate}</td><td>{share}</td>\
             <td style=\"width:8rem\"><i style=\"width:{:.0}%\"></i></td></tr>",
            escape(&stage.name),
            stage.median,
            stage.least,
            stage.greatest,
            100.0 * stage.median / sum.max(1e-12)
        );
    }
    let _ = writeln!(body, "<tr><td>sum</td><td>{sum:.3}</td></tr></table>");
}
