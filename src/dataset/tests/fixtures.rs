//! Writers of tiny captures.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::dataset::{Capture, CaptureOptions, FlowChoice};

pub const OPTIONS: CaptureOptions = CaptureOptions {
    max_resolution: None,
    test_every: 8,
    strict: false,
    masks: true,
    invert_masks: false,
    undistort: false,
    flow: FlowChoice::Auto,
};

pub fn open(path: &Path) -> anyhow::Result<Capture> {
    Capture::open(path, &OPTIONS)
}

/// The one line a user sees when opening fails.
pub fn refusal(path: &Path) -> String {
    let message = format!("{:#}", open(path).expect_err("this capture must be refused"));
    assert!(!message.contains('\n'), "more than one line: {message}");
    message
}

pub fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A photo whose pixels all differ from their neighbours, so that any shift shows.
pub fn pattern(width: u32, height: u32) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 37 % 251) as u8, (y * 53 % 241) as u8, ((x + 3 * y) * 29 % 239) as u8])
    })
}

pub fn save(path: &Path, image: impl Into<image::DynamicImage>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.into().save(path).unwrap();
}

/// Id, model number and name, size, parameters.
type CameraRow = (u32, i32, &'static str, [u64; 2], Vec<f64>);

/// A COLMAP model, as numbers.
#[derive(Clone)]
pub struct Model {
    pub cameras: Vec<CameraRow>,
    /// Quaternion w x y z with translation, camera, name, number of features.
    pub images: Vec<([f64; 7], u32, String, usize)>,
    pub points: Vec<([f64; 3], [u8; 3])>,
}

impl Model {
    /// A model of one pinhole camera of 16 × 12 pixels with the named images, each with two features.
    pub fn pinhole(names: &[&str]) -> Self {
        let pose = |i: usize| [1.0, 0.0, 0.0, 0.0, i as f64, 0.0, 4.0];
        Self {
            cameras: vec![(7, 1, "PINHOLE", [16, 12], vec![20.0, 21.0, 8.25, 5.5])],
            images: names.iter().enumerate().map(|(i, name)| (pose(i), 7, (*name).to_owned(), 2)).collect(),
            points: vec![([0.5, -1.0, 2.0], [255, 0, 51]), ([1.0, 2.0, 3.0], [0, 255, 0])],
        }
    }

    pub fn binary(&self) -> [(&'static str, Vec<u8>); 3] {
        let count = |n: usize| (n as u64).to_le_bytes().to_vec();
        let mut cameras = count(self.cameras.len());
        for (id, model, _, size, parameters) in &self.cameras {
            cameras.extend(id.to_le_bytes());
            cameras.extend(model.to_le_bytes());
            size.iter().for_each(|v| cameras.extend(v.to_le_bytes()));
            parameters.iter().for_each(|v| cameras.extend(v.to_le_bytes()));
        }
        let mut images = count(self.images.len());
        for (i, (pose, camera, name, features)) in self.images.iter().enumerate() {
            images.extend((i as u32 + 1).to_le_bytes());
            pose.iter().for_each(|v| images.extend(v.to_le_bytes()));
            images.extend(camera.to_le_bytes());
            images.extend(name.as_bytes());
            images.push(0);
            images.extend((*features as u64).to_le_bytes());
            images.extend(vec![0xee; features * 24]);
        }
        let mut points = count(self.points.len());
        for (i, (position, colour)) in self.points.iter().enumerate() {
            points.extend((i as u64).to_le_bytes());
            position.iter().for_each(|v| points.extend(v.to_le_bytes()));
            points.extend(colour);
            points.extend(0.5_f64.to_le_bytes());
            points.extend(3_u64.to_le_bytes());
            points.extend([0xdd; 24]);
        }
        [("cameras.bin", cameras), ("images.bin", images), ("points3D.bin", points)]
    }

    pub fn text(&self) -> [(&'static str, String); 3] {
        let join = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        let cameras = self.cameras.iter().map(|(id, _, name, [w, h], p)| format!("{id} {name} {w} {h} {}\n", join(p)));
        let images = self.images.iter().enumerate().map(|(i, (pose, camera, name, features))| {
            format!("{} {} {camera} {name}\n{}\n", i + 1, join(pose), ["1.5 2.5 -1"].repeat(*features).join(" "))
        });
        let points =
            self.points.iter().enumerate().map(|(i, (p, [r, g, b]))| format!("{i} {} {r} {g} {b} 0.5 1 2\n", join(p)));
        [
            ("cameras.txt", format!("# Camera list\n{}", cameras.collect::<String>())),
            ("images.txt", format!("# Image list\n# with two lines each\n{}", images.collect::<String>())),
            ("points3D.txt", format!("# Points\n{}", points.collect::<String>())),
        ]
    }

    /// A capture folder with the model in `folder` and every image present.
    pub fn capture(&self, folder: &str, binary: bool) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        self.write_model(&root.path().join(folder), binary);
        for (_, camera, name, _) in &self.images {
            let Some((.., [w, h], _)) = self.cameras.iter().find(|c| c.0 == *camera) else { continue };
            save(&root.path().join("images").join(name), pattern(*w as u32, *h as u32));
        }
        root
    }

    pub fn write_model(&self, folder: &Path, binary: bool) {
        if binary {
            self.binary().into_iter().for_each(|(name, bytes)| write(&folder.join(name), bytes));
        } else {
            self.text().into_iter().for_each(|(name, text)| write(&folder.join(name), text));
        }
    }
}

/// A camera-to-world matrix in JSON: axes of the world, at the given place.
pub const LEVEL: &str = "[[1,0,0,1.5],[0,1,0,-2],[0,0,1,4],[0,0,0,1]]";

/// A capture folder with the given JSON text and photos of 16 × 12 pixels.
pub fn json_capture(files: &[(&str, String)], images: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| write(&root.path().join(name), text));
    images.iter().for_each(|name| save(&root.path().join(name), pattern(16, 12)));
    root
}

/// JSON of frames with level poses; `top` is put before them, `each` into every one.
pub fn frames(top: &str, names: &[&str], each: &str) -> String {
    let frame = |name: &&str| format!(r#"{{"file_path": "{name}", {each} "transform_matrix": {LEVEL}}}"#);
    format!("{{{top} \"frames\": [{}]}}", names.iter().map(frame).collect::<Vec<_>>().join(","))
}
