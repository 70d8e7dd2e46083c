//! Reading: all prims of Gaussians in the stage, under the transforms of their ancestors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glam::{DMat4, DQuat, DVec3, EulerRot};

use super::tokens::{Token, Tokens};
use super::{PRIM_TYPE, binary};
use crate::edit::{self, Similarity};
use crate::format::bounded::{limit, read_at_most, read_file};
use crate::format::{Format, Loaded};
use crate::scene::{Scene, logit, sh_coefficients};

/// Reads `.usda`, `.usdc` and `.usdz`.
///
/// # Errors
/// Names the line or the prim, and the fault.
pub fn read(path: &Path, format: Format) -> Result<Loaded> {
    let open = || -> Result<Loaded> {
        let mut file = BufReader::new(File::open(path).context("cannot open the file")?);
        if format == Format::Usdz {
            return read_package(file);
        }
        if file.fill_buf().is_ok_and(|start| start.starts_with(binary::MAGIC)) {
            return read_bytes(&read_file(path)?, format);
        }
        read_layer(file, format)
    };
    open().with_context(|| format!("{}", path.display()))
}

/// The first file of a package is its layer.
fn read_package(file: BufReader<File>) -> Result<Loaded> {
    let mut archive = zip::ZipArchive::new(file).context("a .usdz that cannot be read; copy it again")?;
    let layer = archive.by_index(0).context("an empty .usdz")?;
    ensure!(
        layer.compression() == zip::CompressionMethod::Stored,
        "its files are compressed, which a .usdz must not be; pack it again with usdzip"
    );
    let most = limit(layer.size());
    let bytes = read_at_most(layer, most, "its layer")?;
    read_bytes(&bytes, Format::Usdz)
}

/// Reads a layer, whether it is text or binary.
fn read_bytes(bytes: &[u8], format: Format) -> Result<Loaded> {
    if !bytes.starts_with(binary::MAGIC) {
        return read_layer(bytes, format);
    }
    let text = binary::text_of(bytes).context(BINARY)?;
    let loaded = read_layer(text.as_bytes(), format).context(BINARY)?;
    Ok(Loaded { version: "(a binary layer)".into(), ..loaded })
}

/// Where an error is.
const BINARY: &str = "its binary layer; `usdcat -o scene.usda` makes text of it, which may be read";

fn read_layer(reader: impl Read, format: Format) -> Result<Loaded> {
    let mut layer =
        Layer { tokens: Tokens::new(reader), scopes: Vec::new(), parts: Vec::new(), z_up: false, warnings: Vec::new() };
    if let Err(error) = layer.read() {
        return Err(error.context(format!("line {}", layer.tokens.line())));
    }
    ensure!(!layer.parts.is_empty(), "no {PRIM_TYPE} in the stage");
    let mut loaded = Loaded::new(Scene::default(), format);
    loaded.axes = if layer.z_up { "z up" } else { "y up" }.into();
    loaded.warnings = layer.warnings;
    // To y down.
    let turn = if layer.z_up {
        DQuat::from_mat3(&glam::DMat3::from_cols(DVec3::X, DVec3::Z, DVec3::NEG_Y))
    } else {
        DQuat::from_xyzw(0.0, 0.0, 1.0, 0.0)
    };
    for mut part in layer.parts {
        Similarity::rotation(turn).apply_to(&mut part);
        edit::append(&mut loaded.scene, part)?;
    }
    Ok(loaded)
}

struct Layer<R> {
    tokens: Tokens<R>,
    /// The prims that are open.
    scopes: Vec<Scope>,
    /// Gaussians of the prims that are closed.
    parts: Vec<Scene>,
    z_up: bool,
    warnings: Vec<String>,
}

#[derive(Default)]
struct Scope {
    name: String,
    /// The arrays of a prim of Gaussians.
    field: Option<Field>,
    /// Numbers of each transform of the prim, and the order in which they stand.
    transforms: BTreeMap<String, Vec<f64>>,
    order: Vec<String>,
    /// Parts from here on lie in this prim.
    first: usize,
}

#[derive(Default)]
struct Field {
    /// `[N][3]`, `[N][4]`, `[N][3]`, `[N]`, `[N][K][3]`, as in the file.
    positions: Vec<f32>,
    orientations: Vec<f32>,
    scales: Vec<f32>,
    opacities: Vec<f32>,
    harmonics: Vec<f32>,
    degree: Option<u32>,
}

impl<R: Read> Layer<R> {
    fn read(&mut self) -> Result<()> {
        if self.tokens.ahead()? == Some(b'(') {
            self.read_metadata()?;
        }
        loop {
            match self.tokens.next()? {
                Token::End if self.scopes.is_empty() => return Ok(()),
                Token::End => bail!("the file ends inside the prim \"{}\"; copy or export it again", self.prim()),
                Token::Mark(b'}') => self.close()?,
                Token::Word(word) => self.statement(&word)?,
                other => bail!("a statement expected, not {}", other.shown()),
            }
        }
    }

    fn prim(&self) -> &str {
        self.scopes.last().map_or("", |scope| &scope.name)
    }

    /// The stage's own: which way is up.
    fn read_metadata(&mut self) -> Result<()> {
        self.tokens.expect(b'(')?;
        loop {
            match self.tokens.next()? {
                Token::Mark(b')') => return Ok(()),
                Token::Mark(b'=') => self.tokens.skip_value()?,
                Token::Word(word) if word == "upAxis" => {
                    self.tokens.expect(b'=')?;
                    self.z_up = self.tokens.next()? == Token::Text("Z".into());
                }
                Token::End => bail!("the file ends inside the stage's metadata"),
                _ => {}
            }
        }
    }

    fn statement(&mut self, word: &str) -> Result<()> {
        match word {
            "def" | "over" | "class" => self.open(),
            "variantSet" => {
                self.tokens.next()?;
                self.tokens.expect(b'=')?;
                self.warnings.push(format!("the variants of \"{}\" are ignored", self.prim()));
                self.tokens.skip_value()
            }
            "reorder" => {
                self.tokens.next()?;
                self.tokens.expect(b'=')?;
                self.tokens.skip_value()
            }
            // What may stand before a type.
            "custom" | "uniform" | "varying" | "config" | "prepend" | "append" | "delete" | "add" => Ok(()),
            kind => {
                let Token::Word(name) = self.tokens.next()? else { bail!("a name expected after \"{kind}\"") };
                if self.tokens.accept(b'=')? {
                    self.value(&name)?;
                }
                if self.tokens.ahead()? == Some(b'(') {
                    self.tokens.skip_value()?;
                }
                Ok(())
            }
        }
    }

    fn open(&mut self) -> Result<()> {
        let mut scope = Scope { first: self.parts.len(), ..Scope::default() };
        scope.name = match self.tokens.next()? {
            Token::Text(name) => name,
            Token::Word(kind) => {
                scope.field = (kind == PRIM_TYPE).then(Field::default);
                let Token::Text(name) = self.tokens.next()? else { bail!("a prim without a name") };
                name
            }
            _ => bail!("a prim without a name"),
        };
        if self.tokens.ahead()? == Some(b'(') {
            self.tokens.skip_value()?;
        }
        self.tokens.expect(b'{')?;
        ensure!(self.scopes.len() < 1000, "prims are nested more than 1000 levels deep");
        self.scopes.push(scope);
        Ok(())
    }

    /// The value of an attribute.
    fn value(&mut self, name: &str) -> Result<()> {
        let Some(scope) = self.scopes.last_mut() else { return self.tokens.skip_value() };
        let (base, sampled) = name.strip_suffix(".timeSamples").map_or((name, false), |base| (base, true));
        if base == "xformOpOrder" {
            self.tokens.expect(b'[')?;
            while let Token::Text(name) = self.tokens.next()? {
                scope.order.push(name);
            }
            return Ok(());
        }
        let transform = base.starts_with("xformOp:");
        let degree = scope.field.is_some() && base == "radiance:sphericalHarmonicsDegree";
        let array = scope.field.as_mut().and_then(|field| field.array(base));
        if !(transform || array.is_some() || degree) {
            return self.tokens.skip_value();
        }
        if sampled {
            self.tokens.expect(b'{')?;
            self.tokens.next()?;
            self.tokens.expect(b':')?;
        }
        if let Some(array) = array {
            array.clear();
            self.tokens.numbers(|value| array.push(value as f32)).with_context(|| name.to_string())?;
        } else {
            let mut few = Vec::new();
            self.tokens.numbers(|value| few.extend((few.len() < 16).then_some(value)))?;
            if degree {
                let field = scope.field.as_mut();
                field.context("a field of Gaussians")?.degree = few.first().map(|&degree| degree as u32);
            } else {
                scope.transforms.insert(base.to_string(), few);
            }
        }
        if sampled {
            let warning = "it is animated; its first moment is read";
            if !self.warnings.iter().any(|known| known == warning) {
                self.warnings.push(warning.into());
            }
            while !self.tokens.accept(b'}')? {
                self.tokens.skip_value()?;
            }
        }
        Ok(())
    }

    /// Ends a prim: its Gaussians, and those of the prims in it, take its transforms.
    fn close(&mut self) -> Result<()> {
        let scope = self.scopes.pop().context("an unmatched \"}\"")?;
        let place = || format!("prim \"{}\"", scope.name);
        if let Some(field) = scope.field {
            let scene = field.into_scene(&mut self.warnings).with_context(place)?;
            self.parts.push(scene);
        }
        if scope.order.is_empty() || self.parts.len() == scope.first {
            return Ok(());
        }
        let matrix = matrix(&scope.order, &scope.transforms).with_context(place)?;
        let similarity = Similarity::from_matrix(matrix).with_context(place)?;
        self.parts[scope.first..].iter_mut().for_each(|part| similarity.apply_to(part));
        Ok(())
    }
}

impl Field {
    /// The array of an attribute; that of single precision over that of half, whichever comes first.
    fn array(&mut self, name: &str) -> Option<&mut Vec<f32>> {
        let (base, half) = name.strip_suffix('h').map_or((name, false), |base| (base, true));
        let array = match base {
            "positions" => &mut self.positions,
            "orientations" => &mut self.orientations,
            "scales" => &mut self.scales,
            "opacities" => &mut self.opacities,
            "radiance:sphericalHarmonicsCoefficients" => &mut self.harmonics,
            _ => return None,
        };
        (!half || array.is_empty()).then_some(array)
    }

    fn into_scene(self, warnings: &mut Vec<String>) -> Result<Scene> {
        let n = self.positions.len() / 3;
        let degree = self.degree.unwrap_or(3);
        ensure!(degree <= 10, "spherical harmonics of degree {degree} are not supported");
        let lengths = [
            ("positions", self.positions.len(), 3 * n),
            ("orientations", self.orientations.len(), 4 * n),
            ("scales", self.scales.len(), 3 * n),
            ("opacities", self.opacities.len(), n),
            ("radiance:sphericalHarmonicsCoefficients", self.harmonics.len(), 3 * n * sh_coefficients(degree)),
        ];
        for (name, found, expected) in lengths {
            ensure!(found == expected, "{name}: {found} numbers, not {expected} for {n} Gaussians of degree {degree}");
        }
        let mut scene = Scene { sh_degree: degree.min(3), ..Scene::default() };
        scene.means = self.positions.chunks_exact(3).map(glam::Vec3::from_slice).collect();
        drop(self.positions);
        scene.quaternions = self.orientations.chunks_exact(4).map(|q| [q[0], q[1], q[2], q[3]]).collect();
        drop(self.orientations);
        // A scale of 0 has no logarithm.
        let log = |s: &f32| s.abs().max(f32::MIN_POSITIVE).ln();
        let scales = self.scales.chunks_exact(3);
        scene.log_scales = scales.map(|s| glam::Vec3::new(log(&s[0]), log(&s[1]), log(&s[2]))).collect();
        drop(self.scales);
        scene.logits = self.opacities.into_iter().map(logit).collect();
        scene.sh = self.harmonics;
        if degree > 3 {
            warnings.push(format!("its spherical harmonics are of degree {degree}; bands above the third are dropped"));
            let (stride, kept) = (3 * sh_coefficients(degree), scene.sh_stride());
            scene.sh = scene.sh.chunks_exact(stride).flat_map(|sh| &sh[..kept]).copied().collect();
        }
        Ok(scene)
    }
}

/// The transform of a prim. The first in the order is applied last.
fn matrix(order: &[String], values: &BTreeMap<String, Vec<f64>>) -> Result<DMat4> {
    let mut matrix = DMat4::IDENTITY;
    for name in order {
        let (name, inverse) = name.strip_prefix("!invert!").map_or((name.as_str(), false), |name| (name, true));
        ensure!(name != "!resetXformStack!", "!resetXformStack! is not supported");
        let values = values.get(name).with_context(|| format!("{name} has no value"))?;
        let one = transform(name, values).with_context(|| format!("{name} is not known, or has not enough numbers"))?;
        matrix *= if inverse { one.inverse() } else { one };
    }
    Ok(matrix)
}

fn transform(name: &str, values: &[f64]) -> Option<DMat4> {
    let kind = name.strip_prefix("xformOp:")?.split(':').next()?;
    let vector = || Some(DVec3::new(*values.first()?, *values.get(1)?, *values.get(2)?));
    let axis = |axis: DVec3| Some(DMat4::from_axis_angle(axis, values.first()?.to_radians()));
    let euler = |order| {
        let degrees = vector()?;
        let angle = |name| match name {
            'X' => degrees.x,
            'Y' => degrees.y,
            _ => degrees.z,
        };
        // USD turns about the first axis first; the outermost matrix is that of the last.
        let mut names = kind.chars().rev();
        let angles = [names.next()?, names.next()?, names.next()?].map(|name| angle(name).to_radians());
        Some(DMat4::from_euler(order, angles[0], angles[1], angles[2]))
    };
    match kind {
        "translate" => Some(DMat4::from_translation(vector()?)),
        "scale" => Some(DMat4::from_scale(vector()?)),
        "rotateX" => axis(DVec3::X),
        "rotateY" => axis(DVec3::Y),
        "rotateZ" => axis(DVec3::Z),
        "rotateXYZ" => euler(EulerRot::ZYX),
        "rotateXZY" => euler(EulerRot::YZX),
        "rotateYXZ" => euler(EulerRot::ZXY),
        "rotateYZX" => euler(EulerRot::XZY),
        "rotateZXY" => euler(EulerRot::YXZ),
        "rotateZYX" => euler(EulerRot::XYZ),
        "orient" => {
            let [w, x, y, z] = *values.first_chunk()?;
            Some(DMat4::from_quat(DQuat::from_xyzw(x, y, z, w).normalize()))
        }
        // Rows of USD, which multiplies from the left, are our columns.
        "transform" => Some(DMat4::from_cols_array(values.first_chunk()?)),
        _ => None,
    }
}
