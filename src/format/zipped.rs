//! Zip archives of scene files, as Brush and upload forms make them: one scene, or a sequence.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Contents;
use super::bounded::{limit, read_at_most};

/// Unpacks the entries `names` into a folder of their own and reads that with `read`.
///
/// # Errors
/// An entry that cannot be unpacked, two of one name, or what `read` finds.
pub(super) fn read(path: &Path, names: &[String], read: impl Fn(&Path) -> Result<Contents>) -> Result<Contents> {
    let unpack = || -> Result<_> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let file = File::open(path).context("cannot open the file")?;
        let most = limit(file.metadata()?.len());
        let mut archive =
            zip::ZipArchive::new(BufReader::new(file)).context("not a whole zip archive; copy it again")?;
        for name in names {
            let entry = archive.by_name(name).with_context(|| format!("the archive's {name} cannot be read"))?;
            let bytes = read_at_most(entry, most, name)?;
            let plain = Path::new(name).file_name().context("an entry without a name")?;
            let target = folder.path().join(plain);
            ensure!(!target.exists(), "the archive holds two files {}; unpack it and give one", plain.display());
            File::create(&target).and_then(|mut file| file.write_all(&bytes)).context("cannot unpack it")?;
        }
        Ok(folder)
    };
    let folder = unpack().with_context(|| path.display().to_string())?;
    // The name of the archive in place of the temporary folder's.
    let found = read(folder.path()).map_err(|error| {
        let text = format!("{error:#}");
        anyhow::anyhow!("{}", text.replace(&folder.path().display().to_string(), &path.display().to_string()))
    })?;
    Ok(match found {
        Contents::Scene(mut loaded) => {
            loaded.warnings.insert(0, format!("a zip archive; {} is read from it", names.join(", ")));
            Contents::Scene(loaded)
        }
        points => points,
    })
}
