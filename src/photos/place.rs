//! Finding where pictures were taken: features, pairs, and the model of cameras and points, each a stage that is kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::colmap::{Analysis, Colmap};
use super::gather::Pictures;
use super::hooks::{Event, Hooks};
use super::settings::{Cameras, LOG, Matcher, Settings, WORK};
use super::stages::{Found, Stages};
use super::summary::Summary;

/// Most pictures of which every pair is compared, unless --matcher says otherwise: photos, and frames of one video.
const EXHAUSTIVE_PHOTOS: usize = 400;
const EXHAUSTIVE_FRAMES: usize = 120;
/// Neighbours on each side that a picture is compared with.
const OVERLAP: usize = 10;
/// Features and pairs: the tables of the database, and the files that a program that was stopped leaves beside.
const DATABASE: &str = "database.db";

/// What a reconstruction works with.
struct Work<'a> {
    settings: &'a Settings,
    pictures: &'a Pictures,
    /// The capture's folder.
    folder: &'a Path,
    colmap: Option<Colmap>,
}

/// Finds the cameras of the pictures in `folder/images`; the model is `folder/sparse/0`. COLMAP is looked for where it is
/// needed and was not found yet.
///
/// # Errors
/// [`super::hooks::Stopped`]; COLMAP is missing, fails or places no picture.
pub fn place(
    settings: &Settings,
    pictures: &Pictures,
    folder: &Path,
    colmap: Option<Colmap>,
    stages: &mut Stages,
    hooks: &mut Hooks,
) -> Result<Summary> {
    let mut work = Work { settings, pictures, folder, colmap };
    work.features(stages, hooks)?;
    work.matches(stages, hooks)?;
    work.poses(stages, hooks)
}

impl Work<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(WORK).join(name)
    }

    fn colmap(&mut self) -> Result<&mut Colmap> {
        if self.colmap.is_none() {
            self.colmap = Some(Colmap::find(self.folder)?);
        }
        self.colmap.as_mut().context("COLMAP was found")
    }

    /// The words of a command on the database.
    fn words(&self, command: &str, more: &[(&str, String)]) -> Vec<String> {
        let mut words = vec![command.to_string(), "--database_path".into(), self.path(DATABASE).display().to_string()];
        more.iter().for_each(|(name, value)| words.extend([format!("--{name}"), value.clone()]));
        words
    }

    fn images(&self) -> String {
        self.folder.join("images").display().to_string()
    }

    fn features(&mut self, stages: &mut Stages, hooks: &mut Hooks) -> Result<()> {
        let cameras = self.settings.cameras.unwrap_or(if self.pictures.uniform { Cameras::One } else { Cameras::Each });
        let count = self.pictures.names.len();
        let found = stages.begin(
            "features",
            json!({ "max_size": self.settings.max_size, "cameras": cameras, "face": self.pictures.face }),
        )?;
        if found == Found::Done {
            kept(hooks, "features", &format!("of {count} pictures"));
            return Ok(());
        }
        if found == Found::Nothing {
            for end in ["", "-journal", "-wal", "-shm"] {
                remove(&self.path(&format!("{DATABASE}{end}")))?;
            }
        }
        let shared = match (cameras, self.pictures.folders) {
            (Cameras::Each, _) => "",
            (Cameras::One, true) => "ImageReader.single_camera_per_folder",
            (Cameras::One, false) => "ImageReader.single_camera",
        };
        let lens = match (cameras, self.pictures.folders) {
            (Cameras::Each, _) => "a lens for each",
            (Cameras::One, true) => "a lens for each input",
            (Cameras::One, false) => "one lens",
        };
        stage(hooks, "features", format!("finding features in {count} pictures, {lens}"));
        let model = if self.pictures.face.is_some() { "PINHOLE" } else { "OPENCV" };
        let mut more = vec![
            ("image_path", self.images()),
            ("ImageReader.camera_model", model.into()),
            ("SiftExtraction.max_image_size", self.settings.max_size.to_string()),
        ];
        if let Some(side) = self.pictures.face {
            let half = 0.5 * f64::from(side);
            more.push(("ImageReader.camera_params", format!("{half},{half},{half},{half}")));
        }
        if !shared.is_empty() {
            more.push((shared, "1".into()));
        }
        let words = self.words("feature_extractor", &more);
        let colmap = self.colmap()?;
        colmap.run_on_gpu(&colmap.extracts_on_gpu(), &words, count, hooks).context("features were not found")?;
        stages.finish("features")
    }

    fn matches(&mut self, stages: &mut Stages, hooks: &mut Hooks) -> Result<()> {
        let (count, sequence) = (self.pictures.names.len(), self.pictures.sequence);
        let most = if sequence { EXHAUSTIVE_FRAMES } else { EXHAUSTIVE_PHOTOS };
        let chosen = if count <= most { Matcher::Exhaustive } else { Matcher::Sequential };
        let matcher = self.settings.matcher.unwrap_or(chosen);
        // A panorama's faces are neighbours in the order of names, too.
        let overlap = OVERLAP * if self.pictures.face.is_some() { 6 } else { 1 };
        if stages.begin("matches", json!({ "matcher": matcher }))? == Found::Done {
            kept(hooks, "matches", &format!("of {count} pictures"));
            return Ok(());
        }
        let (text, words) = match matcher {
            Matcher::Exhaustive => {
                // Small blocks: progress is counted in them.
                let block = ("ExhaustiveMatching.block_size", (count / 6).clamp(5, 50).to_string());
                (format!("comparing all {} pairs", count * (count - 1) / 2), self.words("exhaustive_matcher", &[block]))
            }
            Matcher::Sequential => {
                let option = ("SequentialMatching.overlap", overlap.to_string());
                let text = format!("comparing each picture with the {overlap} before and after it");
                (text, self.words("sequential_matcher", &[option]))
            }
        };
        stage(hooks, "matches", text);
        if self.settings.matcher.is_none() && matcher == Matcher::Sequential && !sequence {
            hooks.note(format!(
                "{count} photos are many: only neighbours in the order of names are compared (--matcher)"
            ));
        }
        let colmap = self.colmap()?;
        colmap.run_on_gpu(&colmap.matches_on_gpu(), &words, count, hooks).context("the pictures were not compared")?;
        stages.finish("matches")
    }

    fn poses(&mut self, stages: &mut Stages, hooks: &mut Hooks) -> Result<Summary> {
        if stages.begin("poses", json!({}))? == Found::Done {
            let summary = Summary::read(self.folder)?;
            kept(hooks, "poses", &summary.words());
            return Ok(summary);
        }
        let (sparse, count) = (self.path("sparse"), self.pictures.names.len());
        remove(&sparse)?;
        crate::format::create_folder(&sparse)?;
        stage(hooks, "poses", "placing cameras and points".into());
        let mut more = vec![("image_path", self.images()), ("output_path", sparse.display().to_string())];
        if self.pictures.face.is_some() {
            // The faces' lens is exact.
            let lens =
                ["Mapper.ba_refine_focal_length", "Mapper.ba_refine_principal_point", "Mapper.ba_refine_extra_params"];
            more.extend(lens.map(|option| (option, "0".to_string())));
        }
        let words = self.words("mapper", &more);
        let log = self.path(LOG);
        self.colmap()?.run(&words, count, hooks).with_context(|| nothing_placed(count))?;
        let mut models = Vec::new();
        for model in std::fs::read_dir(&sparse).context("cannot list COLMAP's models")?.flatten() {
            models.push((self.colmap()?.analyse(&model.path())?, model.path()));
        }
        // In the order of names where two are equal.
        models.sort_by(|a, b| b.0.registered.cmp(&a.0.registered).then_with(|| a.1.cmp(&b.1)));
        let Some((best, model)) = models.first().filter(|(best, _)| best.registered >= 2) else {
            bail!("{}; {} holds all that COLMAP said", nothing_placed(count), log.display());
        };
        let summary = summary(best, count, models[1..].iter().map(|(other, _)| other.registered).collect());
        let place = self.folder.join("sparse");
        remove(&place)?;
        crate::format::create_folder(&place)?;
        std::fs::rename(model, place.join("0")).with_context(|| format!("cannot move {}", model.display()))?;
        summary.write(self.folder)?;
        stages.finish("poses")?;
        Ok(summary)
    }
}

fn nothing_placed(count: usize) -> String {
    format!(
        "none of {count} pictures could be placed: pictures must overlap by more than half, show texture, and be taken \
         from different places"
    )
}

fn summary(best: &Analysis, pictures: usize, others: Vec<usize>) -> Summary {
    let Analysis { registered, points, error, observations } = *best;
    Summary { pictures, registered, points, error, observations, others }
}

fn stage(hooks: &mut Hooks, name: &'static str, text: String) {
    (hooks.on_event)(Event::Stage { name, text });
}

fn kept(hooks: &mut Hooks, name: &'static str, text: &str) {
    (hooks.on_event)(Event::Kept { name, text: text.into() });
}

/// Removes a file or folder, if it is there.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
