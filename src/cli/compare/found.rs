//! What `dapple compare` has found, as text and as JSON.

use std::path::PathBuf;

use indicatif::HumanCount;
use serde_json::{Value, json};

use crate::cli::pictures::{Pictures, decibels};
use crate::edit::{Matching, Spread};
use crate::scene::Scene;

/// A scene as it is compared.
pub struct Opened {
    pub path: PathBuf,
    pub what: String,
    pub count: usize,
    pub bytes_each: f64,
    pub scene: Scene,
}

/// What a scene has in common with the first.
pub struct Compared {
    pub opened: Opened,
    pub field: f64,
    pub parameters: Matching,
    pub pictures: Option<Pictures>,
    /// File of the worst view, where one was written.
    pub picture: Option<PathBuf>,
}

impl Compared {
    pub fn print(&self) {
        let (opened, of) = (&self.opened, &self.parameters);
        println!("{}: {}, {:.1} bytes each", opened.path.display(), opened.what, opened.bytes_each);
        if let Some(pictures) = &self.pictures {
            println!(
                "  pictures     {} from {} views, the worst {} (view {}); SSIM {:.4}{}",
                decibels(pictures.psnr),
                pictures.views.len(),
                decibels(pictures.worst_psnr()),
                pictures.worst + 1,
                pictures.ssim,
                if pictures.covered < 0.01 { "; they show next to nothing, give --capture" } else { "" }
            );
        }
        println!("  field        {} of full scale apart (0: the same)", figure(self.field));
        println!("  Gaussians    {} correspond; median and 95 % of their differences:", HumanCount(of.pairs as u64));
        for (name, spread, unit) in rows(of) {
            println!("    {name:<10} {:>8}  {:>8}  {unit}", figure(spread.median), figure(spread.p95));
        }
    }

    pub fn json(&self) -> Value {
        let pictures = self.pictures.as_ref().map(|pictures| {
            // Infinite decibels have no number in JSON.
            let views: Vec<Value> = pictures.views.iter().map(|v| json!({ "psnr": v.psnr, "ssim": v.ssim })).collect();
            json!({
                "psnr": pictures.psnr.is_finite().then_some(pictures.psnr),
                "ssim": pictures.ssim,
                "worst": pictures.worst,
                "worst_psnr": pictures.worst_psnr(),
                "covered": pictures.covered,
                "views": views,
                "worst_picture": self.picture,
            })
        });
        json!({
            "scene": self.opened.path,
            "gaussians": self.opened.count,
            "bytes_per_gaussian": self.opened.bytes_each,
            "field": self.field,
            "pictures": pictures,
            "parameters": self.parameters,
        })
    }
}

/// The differences of Gaussians that correspond, each with its unit.
pub fn rows(of: &Matching) -> [(&'static str, Spread, &'static str); 7] {
    [
        ("position", of.position, "of the largest standard deviation"),
        ("distance", of.distance, "scene units"),
        ("scale", of.scale, "in the logarithm"),
        ("shape", of.shape, "of the size, with direction"),
        ("opacity", of.opacity, "of full scale"),
        ("colour", of.colour, "of full scale"),
        ("by view", of.directional, "of full scale: colour that depends on the direction"),
    ]
}

/// A number for people.
pub fn figure(value: f64) -> String {
    if value == 0.0 || value >= 1e-3 { format!("{value:.4}") } else { format!("{value:.1e}") }
}
