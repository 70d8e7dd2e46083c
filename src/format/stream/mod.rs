//! Conversions from disk to disk (docs/formats.md 6), in memory that does not grow with the scene: blocks of rows are
//! read twice, first to learn what the format's choices depend on, then to write.

mod cells;
mod compressed;
mod rows;
mod spz;

use std::path::Path;

use anyhow::{Result, bail, ensure};
use glam::Vec3;

use super::Format;
use super::clean::{Cleaned, clean_scene};
use super::lod::{Cells, LodWriter};
use super::options::WriteOptions;
use super::spz_fit::Survey;
use crate::edit;
use crate::scene::Scene;
use cells::DiskCells;
pub use rows::PlyRows;

/// What a conversion calls while it runs.
pub struct Hooks<'a> {
    /// Changes a block of Gaussians, each by itself; the second argument says whether it is the first time.
    pub edit: &'a mut dyn FnMut(&mut Scene, bool) -> Result<()>,
    /// Told what is done, and the share of it that is done, 0 to 1.
    pub progress: &'a mut dyn FnMut(&'static str, f64),
}

/// What a conversion has written.
#[derive(Debug)]
pub struct Converted {
    pub gaussians: usize,
    pub sh_degree: u32,
    /// What was left out or mended, one sentence each.
    pub warnings: Vec<String>,
}

/// Whether a format can be written block by block.
pub fn can_write(format: Format) -> bool {
    matches!(format, Format::CompressedPly | Format::Spz | Format::Lod)
}

/// Converts the rows of a PLY into a file of `format`, one that [`can_write`].
///
/// # Errors
/// Rows that cannot be read, no Gaussians that are left, what the format cannot hold, or a failed write; an earlier file
/// of that name is left as it was.
pub fn convert(
    path: &Path,
    format: Format,
    rows: &PlyRows,
    hooks: &mut Hooks,
    options: &WriteOptions,
) -> Result<Converted> {
    let Found { survey, mut sample, facts, mut converted } = look_through(format, rows, hooks)?;
    let count = converted.gaussians;
    let again = |hooks: &mut Hooks, take: &mut dyn FnMut(Scene) -> Result<()>| {
        rows.for_each_block(|mut block, done| {
            (hooks.progress)("sorting the rows", done);
            clean_scene(&mut block);
            (hooks.edit)(&mut block, false)?;
            take(block)
        })
    };
    if format == Format::Spz {
        survey.check_sizes()?;
        let strays = survey.strays();
        let order = spz::Order { survey, strays: strays.as_ref().map(|(bits, _)| *bits), facts };
        converted.gaussians = order.gaussians();
        converted.warnings.extend(strays.map(|(_, said)| said));
        spz::write(path, &order, options, |take| again(hooks, take))?;
        return Ok(converted);
    }
    let cells = Cells::of(&mut sample, LodWriter::cells(count));
    drop(sample);
    let disk = DiskCells::scatter(path, &cells, facts, |take| again(hooks, take))?;
    let each = |i: usize| i as f64 / cells.len() as f64;
    match format {
        Format::CompressedPly => {
            compressed::write(path, count, &disk, &mut |i| (hooks.progress)("writing", each(i)))?;
        }
        Format::Lod => {
            let mut writer = LodWriter::new(path, count, options.levels)?;
            let mut nodes = Vec::new();
            for i in 0..cells.len() {
                (hooks.progress)("merging and writing", each(i));
                nodes.push(writer.add(&disk.take(i)?)?);
            }
            writer.finish(cells.tree(), nodes, &options.page)?;
        }
        _ => bail!("{}: {} files are not written block by block", path.display(), format.name()),
    }
    Ok(converted)
}

/// What the first reading finds.
struct Found {
    survey: Survey,
    /// Means that the borders of cells are found with.
    sample: Vec<Vec3>,
    /// Degree of the harmonics and what else is the same for all; without Gaussians.
    facts: Scene,
    converted: Converted,
}

fn look_through(format: Format, rows: &PlyRows, hooks: &mut Hooks) -> Result<Found> {
    let step = LodWriter::sample_step(rows.count());
    let (mut survey, mut sample, mut cleaned, mut count) = (Survey::default(), Vec::new(), Cleaned::default(), 0);
    let mut facts = Scene::default();
    rows.for_each_block(|mut block, done| {
        (hooks.progress)("looking through the rows", done);
        cleaned += clean_scene(&mut block);
        (hooks.edit)(&mut block, true)?;
        sample.extend((0..block.len()).filter(|i| (count + i).is_multiple_of(step)).map(|i| block.means[i]));
        if format == Format::Spz {
            survey.add(&block, step);
        }
        count += block.len();
        facts = edit::gather(&block, &[]);
        Ok(())
    })?;
    ensure!(count > 0, "no Gaussians are left; nothing is written");
    let warnings = rows.warnings().iter().cloned().chain(cleaned.warnings()).collect();
    let converted = Converted { gaussians: count, sh_degree: facts.sh_degree, warnings };
    Ok(Found { survey, sample, facts, converted })
}
