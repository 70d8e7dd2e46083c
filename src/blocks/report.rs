//! `plan.html`: the plan's picture, and what each block holds and how it is trained.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use super::picture::PICTURE;
use super::plan::{Plan, PlannedBlock};
use crate::format::write_atomically;

pub const REPORT: &str = "plan.html";

/// Writes the report of a plan into its folder.
pub fn save(folder: &Path, plan: &Plan) -> Result<()> {
    let mut rows = String::new();
    let blocks = [&plan.coarse].into_iter().chain(plan.cells.iter().map(|planned| &planned.block));
    for block in blocks {
        let PlannedBlock { name, photos, held_out, points, cameras, .. } = block;
        let command = block.command(Path::new(""));
        write!(
            rows,
            "<tr><td>{name}</td><td>{photos}</td><td>{held_out}</td><td>{points}</td><td>{cameras}</td><td><code>{command}</code></td></tr>"
        )?;
    }
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Plan of blocks</title><style>\
         body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em }} \
         img {{ max-width: 100%; border: 1px solid #ccc }} td, th {{ padding: .2em .8em; text-align: right }} \
         td:last-child, th:last-child {{ text-align: left }} code {{ font-size: 12px }}</style></head><body>\
         <h1>{count} blocks</h1><p>Trained are first the coarse scene and then the blocks, in any order, each by its command in \
         this folder; <code>dapple merge . merged.ply</code> joins them. In the picture points are grey, cameras orange, and \
         margins light blue; in each cell the number of photos that see it stands above the number of its points.</p>\
         <img src=\"{PICTURE}\" alt=\"The cells from above\"><table><tr><th>block</th><th>photos</th><th>held out</th>\
         <th>points</th><th>cameras in it</th><th>command</th></tr>{rows}</table></body></html>\n",
        count = plan.cells.len(),
    );
    write_atomically(&folder.join(REPORT), |out| out.write_all(html.as_bytes()))
}
