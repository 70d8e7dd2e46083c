//! Files of tests: temporary folders, the real data, and the errors of readers.

use std::path::{Path, PathBuf};

use dapple::format;

/// A temporary folder.
pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("creates");
        std::fs::write(&path, content).expect("writes");
        path
    }
}

/// A path in the folder of real data, or `None`, loudly, where that is not at hand.
pub fn data(sub: &str) -> Option<PathBuf> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = std::env::var_os("DAPPLE_DATA").map_or_else(default, PathBuf::from).join(sub);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there (set DAPPLE_DATA)", path.display());
        return None;
    }
    Some(path)
}

/// The error of reading a file, which is one line and names it.
pub fn error_of(path: &Path) -> String {
    let message = format!("{:#}", format::load(path).expect_err("must fail"));
    assert!(!message.contains('\n'), "one line: {message}");
    assert!(message.contains(&path.display().to_string()), "names the file: {message}");
    message
}
