//! What tests of scene files share.

use std::path::{Path, PathBuf};

use dapple::format;
use dapple::scene::Scene;
use glam::Vec3;

/// A scene whose every number is different.
pub fn scene(n: usize, sh_degree: u32) -> Scene {
    let mut next = 0.0_f32;
    let mut number = || {
        next += 1.0;
        (next * 0.37).sin() * 3.0
    };
    let mut scene = Scene { sh_degree, antialiased: true, ..Scene::default() };
    for _ in 0..n {
        scene.means.push(Vec3::new(number(), number(), number()));
        scene.quaternions.push([number(), number(), number(), number()]);
        scene.log_scales.push(Vec3::new(number(), number(), number()));
        scene.logits.push(number());
        scene.sh.extend((0..scene.sh_stride()).map(|_| number()));
    }
    scene
}

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
        std::fs::write(&path, content).expect("writes");
        path
    }
}

/// The error of reading a file, which is one line and names it.
pub fn error_of(path: &Path) -> String {
    let message = format!("{:#}", format::read_scene(path).expect_err("must fail"));
    assert!(!message.contains('\n'), "one line: {message}");
    assert!(message.contains(&path.display().to_string()), "names the file: {message}");
    message
}
