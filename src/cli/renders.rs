//! Renders of other programs: the images of a folder, as if a scene had been rendered.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use glam::{Vec3, Vec4};

use crate::dataset::{Capture, Shot};
use crate::render::Rendered;
use crate::train::run::folder::picture_names;

/// Whether a folder holds images and no scene.
pub fn is_at(path: &Path) -> bool {
    path.is_dir() && !images(path).is_empty() && crate::format::read_scene(path).is_err()
}

/// The images of a folder and of those in it, by their path in it without extension, in order of their names.
fn images(folder: &Path) -> Vec<(String, PathBuf)> {
    let known = |path: &Path| {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg" | "webp"))
    };
    let mut found: Vec<(String, PathBuf)> = walk(folder, 3)
        .into_iter()
        .filter(|path| known(path))
        .filter_map(|path| {
            let inside = path.strip_prefix(folder).ok()?.with_extension("");
            Some((inside.to_string_lossy().replace('\\', "/"), path))
        })
        .collect();
    found.sort();
    found
}

fn walk(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() && depth > 0 { walk(&path, depth - 1) } else { vec![path] }).collect()
}

/// The images of a folder, one for each shot.
pub struct Renders {
    /// By name of the shot.
    paths: HashMap<String, PathBuf>,
}

impl Renders {
    /// Images with the shots' names; else, where there are as many, in order. Which of both is said.
    ///
    /// # Errors
    /// Another number of images than of shots, whose names do not fit either.
    pub fn find(folder: &Path, capture: &Capture, shots: &[usize]) -> Result<Self> {
        let found = images(folder);
        let names: Vec<&str> = shots.iter().map(|&shot| capture.shots[shot].name.as_str()).collect();
        let wanted = picture_names(&names);
        let named = |name: &String| {
            let end = |path: &str| path == name || path.ends_with(&format!("/{name}"));
            let mut fitting = found.iter().filter(|(path, _)| end(path));
            fitting.next().filter(|_| fitting.next().is_none()).map(|(_, path)| path.clone())
        };
        let by_name: Option<Vec<PathBuf>> = wanted.iter().map(named).collect();
        let paths = match by_name {
            Some(paths) => paths,
            None if found.len() == shots.len() => {
                log::info!(
                    "{}: the images' names are not those of the views; they are taken in order: {} is {}, and so on",
                    folder.display(),
                    found[0].0,
                    names[0]
                );
                found.into_iter().map(|(_, path)| path).collect()
            }
            None => bail!(
                "{}: {} images for {} views, and their names do not fit: \"{}\" is not one of them; give a folder with one \
                 image a view, named or numbered as they are",
                folder.display(),
                found.len(),
                shots.len(),
                wanted.iter().find(|name| named(name).is_none()).map_or("", String::as_str)
            ),
        };
        Ok(Self { paths: names.into_iter().map(String::from).zip(paths).collect() })
    }

    /// The image of a shot. One that is twice as wide holds the photo on its left half, as gsplat writes them.
    ///
    /// # Errors
    /// An image that cannot be read, or of another size than the photo.
    pub fn load(&self, shot: &Shot) -> Result<Rendered> {
        let path = self.paths.get(&shot.name).with_context(|| format!("{}: no image", shot.name))?;
        let image = image::open(path).with_context(|| path.display().to_string())?;
        let image = image.into_rgb32f();
        let (width, height) = (shot.camera.lens.width, shot.camera.lens.height);
        let skipped = if image.width() == 2 * width { width } else { 0 };
        ensure!(
            image.width() == width + skipped && image.height() == height,
            "{}: it has {} x {} pixels, but the photo {width} x {height}; --max-resolution {} compares at the image's size",
            path.display(),
            image.width(),
            image.height(),
            image.width().max(image.height())
        );
        let pixel = |x: u32, y: u32| Vec3::from_array(image.get_pixel(skipped + x, y).0).extend(0.0);
        let pixels: Vec<Vec4> =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
        Ok(Rendered { width, height, pixels })
    }
}
