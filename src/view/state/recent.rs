//! The files opened lately, a line each in the user's own configuration folder.

use std::path::{Path, PathBuf};

/// Most files that are kept.
const MOST: usize = 12;

/// Files opened lately, the last one first.
#[derive(Debug, Default)]
pub struct Recent {
    file: Option<PathBuf>,
    paths: Vec<PathBuf>,
}

impl Recent {
    /// Reads the user's list; none if there is no place for one.
    pub fn load() -> Self {
        let folder = std::env::var_os("XDG_CONFIG_HOME")
            .or_else(|| std::env::var_os("APPDATA"))
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
        Self::at(folder.map(|folder| folder.join("dapple").join("recent.txt")))
    }

    fn at(file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let paths = text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).take(MOST).collect();
        Self { file, paths }
    }

    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Puts a path first and saves the list. A list that cannot be saved is a small loss, told in the log.
    pub fn add(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        self.paths.retain(|known| *known != path);
        self.paths.insert(0, path);
        self.paths.truncate(MOST);
        let Some(file) = &self.file else { return };
        let lines: String = self.paths.iter().map(|path| format!("{}\n", path.display())).collect();
        let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = folder.and_then(|()| std::fs::write(file, lines)) {
            log::debug!("the recent files cannot be saved in {}: {error}", file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_opened_comes_first_and_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("dapple/recent.txt");
        let mut recent = Recent::at(Some(file.clone()));
        for name in ["/a.ply", "/b.ply", "/a.ply"] {
            recent.add(Path::new(name));
        }
        assert_eq!(Recent::at(Some(file.clone())).paths(), [Path::new("/a.ply"), Path::new("/b.ply")]);
        (0..20).for_each(|i| recent.add(Path::new(&format!("/{i}.ply"))));
        assert_eq!(Recent::at(Some(file)).paths().len(), MOST);
    }
}
