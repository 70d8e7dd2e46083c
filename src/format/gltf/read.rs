//! Reading: all primitives with Gaussians in the node tree of the scene, under the transforms of their nodes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use glam::{DMat4, DQuat, DVec3, Vec3};
use serde_json::Value;

use super::document::{Buffers, Document, Node, Primitive};
use super::{BIN_CHUNK, EXTENSION, GLB_MAGIC, JSON_CHUNK};
use crate::edit::{self, Similarity};
use crate::format::{Format, Loaded};
use crate::scene::{SH_C0, Scene, logit, sh_coefficients};

/// The least bytes per Gaussian, with the smallest types that the extension allows.
const LEAST_BYTES: u64 = 20;
/// The component type of floats.
const FLOAT: u32 = 5126;
/// One number in this many may be beyond its range by accident.
const ODD_SHARE: usize = 50;

/// Reads `.glb` and `.gltf`.
///
/// # Errors
/// Names the array, node or buffer, and the fault.
pub fn read(path: &Path) -> Result<Loaded> {
    read_file(path).with_context(|| format!("{}", path.display()))
}

fn read_file(path: &Path) -> Result<Loaded> {
    let mut file = File::open(path).context("cannot open the file")?;
    let length = file.metadata()?.len();
    let mut magic = [0; 4];
    let binary = file.read_exact(&mut magic).is_ok() && u32::from_le_bytes(magic) == GLB_MAGIC;
    file.rewind()?;
    let (text, chunk) = if binary { glb_chunks(&mut file, length)? } else { (whole(&mut file)?, None) };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let mut document: Document = serde_json::from_slice(text).context("its JSON is not a glTF document")?;
    let version =
        document.asset["version"].as_str().context("not a glTF document: asset.version is absent")?.to_string();
    ensure!(version.starts_with("2."), "glTF {version} is not supported; version 2.0 is");
    let known = |name: &&String| ![EXTENSION, "KHR_mesh_quantization"].contains(&name.as_str());
    if let Some(extension) = document.extensions_required.iter().find(known) {
        bail!("it needs the extension {extension}, which is not supported; export it without");
    }
    let buffers = Buffers::open(path, &mut document, chunk)?;
    let mut loaded = Loaded::new(Scene::default(), if binary { Format::Glb } else { Format::Gltf });
    if normalise_integers(&mut document) {
        loaded.warnings.push(
            "its opacities or colours are integers that it does not call normalised; they are read as 0 to 1".into(),
        );
    }
    loaded.version = version;
    loaded.axes = "y up".into();
    collect(&document, &buffers, &mut loaded)?;
    Ok(loaded)
}

fn whole(file: &mut File) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// Place and length of a chunk in the file.
type Chunk = (u64, u64);

/// The JSON of a `.glb`, and its binary chunk.
fn glb_chunks(file: &mut File, length: u64) -> Result<(Vec<u8>, Option<Chunk>)> {
    let words = |file: &mut File, n: usize| -> Result<Vec<u32>> {
        let mut bytes = vec![0; 4 * n];
        file.read_exact(&mut bytes).context("cut short in a header; copy or export the file again")?;
        Ok(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    };
    let header = words(file, 3)?;
    ensure!(header[1] == 2, "version {} of the .glb container is not known; 2 is", header[1]);
    let total = u64::from(header[2]);
    ensure!(total <= length, "cut short: {total} bytes expected, {length} found; copy or export the file again");
    let (mut at, mut text, mut binary) = (12, None, None);
    while at + 8 <= total {
        let chunk = words(file, 2)?;
        let (start, size) = (at + 8, u64::from(chunk[0]));
        ensure!(start + size <= total, "a chunk of {size} bytes reaches beyond the end of the file");
        if chunk[1] == JSON_CHUNK && text.is_none() {
            let mut bytes = vec![0; size as usize];
            file.read_exact(&mut bytes)?;
            text = Some(bytes);
        } else if chunk[1] == BIN_CHUNK && binary.is_none() {
            binary = Some((start, size));
        }
        at = start + size;
        file.seek(SeekFrom::Start(at))?;
    }
    Ok((text.context("no chunk of JSON")?, binary))
}

/// Marks opacities and colours that are integers as normalised; returns whether some were not.
fn normalise_integers(document: &mut Document) -> bool {
    let primitives =
        document.meshes.iter().flat_map(|mesh| &mesh.primitives).filter(|primitive| is_gaussians(primitive));
    let of = |primitive| [attribute(primitive, "OPACITY"), primitive.attributes.get("COLOR_0").copied()];
    let wanted: Vec<usize> = primitives.flat_map(of).flatten().collect();
    let mut found = false;
    for index in wanted {
        if let Some(accessor) = document.accessors.get_mut(index).filter(|a| !a.normalized && a.component_type != FLOAT)
        {
            accessor.normalized = true;
            found = true;
        }
    }
    found
}

/// Collects the Gaussians of all nodes of the scene.
fn collect(document: &Document, buffers: &Buffers, loaded: &mut Loaded) -> Result<()> {
    let mut stack: Vec<(usize, DMat4)> =
        roots(document)?.into_iter().rev().map(|node| (node, DMat4::IDENTITY)).collect();
    let mut visited = vec![false; document.nodes.len()];
    let (mut seen, mut others) = (0_u64, 0);
    while let Some((index, parent)) = stack.pop() {
        let node = document.nodes.get(index).with_context(|| format!("there is no node {index}"))?;
        ensure!(!std::mem::replace(&mut visited[index], true), "node {index} has two parents or is its own ancestor");
        let world = parent * local(node);
        stack.extend(node.children.iter().rev().map(|&child| (child, world)));
        let Some(mesh) = node.mesh else { continue };
        let mesh = document.meshes.get(mesh).with_context(|| format!("there is no mesh {mesh}"))?;
        for (number, primitive) in mesh.primitives.iter().enumerate() {
            if !is_gaussians(primitive) {
                others += 1;
                continue;
            }
            let part = gaussians(document, buffers, primitive, &mut loaded.warnings, &mut seen);
            let place = || format!("node {index}, primitive {number}");
            let mut part = part.with_context(place)?;
            // Half a turn from y up to y down.
            let half_turn = Similarity::rotation(DQuat::from_xyzw(0.0, 0.0, 1.0, 0.0));
            Similarity::from_matrix(world).with_context(place)?.then(&half_turn).apply_to(&mut part);
            edit::append(&mut loaded.scene, part).with_context(place)?;
        }
    }
    if others > 0 {
        loaded.warnings.push(format!("{others} primitives without Gaussians are ignored"));
    }
    ensure!(seen > 0, "its scene holds no Gaussians ({EXTENSION})");
    Ok(())
}

fn roots(document: &Document) -> Result<Vec<usize>> {
    let scene = document.scene.unwrap_or(0);
    if let Some(scene) = document.scenes.get(scene) {
        return Ok(scene.nodes.clone());
    }
    ensure!(document.scenes.is_empty(), "there is no scene {scene}");
    let mut root = vec![true; document.nodes.len()];
    for &child in document.nodes.iter().flat_map(|node| &node.children) {
        *root.get_mut(child).with_context(|| format!("there is no node {child}"))? = false;
    }
    Ok((0..root.len()).filter(|&node| root[node]).collect())
}

fn local(node: &Node) -> DMat4 {
    if let Some(matrix) = &node.matrix {
        return DMat4::from_cols_array(matrix);
    }
    let [x, y, z, w] = node.rotation.unwrap_or([0.0, 0.0, 0.0, 1.0]);
    DMat4::from_scale_rotation_translation(
        node.scale.map_or(DVec3::ONE, DVec3::from_array),
        DQuat::from_xyzw(x, y, z, w).normalize(),
        node.translation.map_or(DVec3::ZERO, DVec3::from_array),
    )
}

/// Whether a primitive holds Gaussians: by the extension, or by the attributes of its drafts.
fn is_gaussians(primitive: &Primitive) -> bool {
    primitive.extensions.contains_key(EXTENSION) || attribute(primitive, "ROTATION").is_some()
}

/// An attribute of the extension, under its name or that of the drafts.
fn attribute(primitive: &Primitive, name: &str) -> Option<usize> {
    let find = |key: String| primitive.attributes.get(&key).copied();
    find(format!("{EXTENSION}:{name}")).or_else(|| find(format!("_{name}")))
}

/// Reads the Gaussians of a primitive. `seen` counts those of all nodes, and is bounded by the size of the buffers: a
/// malicious file cannot exhaust the memory.
fn gaussians(
    document: &Document,
    buffers: &Buffers,
    primitive: &Primitive,
    warnings: &mut Vec<String>,
    seen: &mut u64,
) -> Result<Scene> {
    let describing = primitive.extensions.get(EXTENSION);
    if let Some(packed) =
        describing.and_then(|e| e["extensions"].as_object()).and_then(|e| e.keys().find(|k| k.contains("compression")))
    {
        bail!("its Gaussians are packed with {packed}, which is not supported; export it without compression");
    }
    let plain = |name: &str| primitive.attributes.get(name).copied();
    let position = plain("POSITION").context("no attribute POSITION")?;
    let count = document.count(position)?;
    *seen = seen.saturating_add(count);
    ensure!(
        *seen <= buffers.length() / LEAST_BYTES,
        "the file claims {seen} Gaussians, more than its buffers of {} bytes can hold",
        buffers.length()
    );
    let mut reader = Arrays { document, buffers, count };
    let mut scene = Scene { sh_degree: degree(primitive)?, ..Scene::default() };
    reader.each("POSITION", position, 3, |v| scene.means.push(Vec3::new(v[0], v[1], v[2])))?;
    let required = |name: &str| attribute(primitive, name).with_context(|| format!("no attribute {name}"));
    reader.each("ROTATION", required("ROTATION")?, 4, |[x, y, z, w]| scene.quaternions.push([w, x, y, z]))?;
    reader.each("SCALE", required("SCALE")?, 3, |v| scene.log_scales.push(Vec3::new(v[0], v[1], v[2])))?;
    match (attribute(primitive, "OPACITY"), plain("COLOR_0")) {
        (Some(opacity), _) => reader.each("OPACITY", opacity, 1, |v| scene.logits.push(v[0]))?,
        // Drafts had it in the colour.
        (None, Some(colour)) if document.components(colour)? == 4 => {
            reader.each("COLOR_0", colour, 4, |v| scene.logits.push(v[3]))?;
        }
        _ => bail!("no attribute OPACITY"),
    }
    activate(&mut scene, warnings);
    colours(&mut reader, primitive, &mut scene, warnings)?;
    if let Some(describing) = describing {
        read_as_described(describing, &mut scene, warnings);
    }
    Ok(scene)
}

/// Turns opacities and scales into logits and logarithms. Old writers stored those themselves: then more of the
/// numbers than an accident explains are beyond 0 to 1, or negative.
fn activate(scene: &mut Scene, warnings: &mut Vec<String>) {
    let many = |odd: usize, all: usize| odd * ODD_SHARE > all;
    let mut warn = |text: &str| {
        if !warnings.iter().any(|known| known == text) {
            warnings.push(text.into());
        }
    };
    let odd = scene.logits.iter().filter(|v| !(-0.01..=1.01).contains(*v)).count();
    if many(odd, scene.logits.len()) {
        warn("its opacities are logits, against the specification; they are read as such");
    } else {
        scene.logits.iter_mut().for_each(|v| *v = if v.is_nan() { *v } else { logit(*v) });
    }
    let scales: &mut [f32] = bytemuck::cast_slice_mut(&mut scene.log_scales);
    let negative = scales.iter().filter(|&&s| s < 0.0).count();
    if many(negative, scales.len()) {
        warn("its scales are logarithms, against the specification; they are read as such");
    } else {
        // A scale of 0 has no logarithm.
        scales.iter_mut().for_each(|s| *s = if s.is_nan() { *s } else { s.abs().max(f32::MIN_POSITIVE).ln() });
    }
}

/// Reads arrays of one length.
struct Arrays<'a> {
    document: &'a Document,
    buffers: &'a Buffers,
    count: u64,
}

impl Arrays<'_> {
    fn each(&mut self, name: &str, accessor: usize, components: usize, mut value: impl FnMut([f32; 4])) -> Result<()> {
        let place = || format!("{name}, accessor {accessor}");
        let (count, found) = (self.document.count(accessor)?, self.document.components(accessor).with_context(place)?);
        ensure!(count == self.count, "{}: {count} elements for {} Gaussians", place(), self.count);
        ensure!(found >= components, "{}: {found} numbers an element, not {components}", place());
        let each = |_, values| {
            value(values);
            Ok(())
        };
        self.document.for_each(self.buffers, accessor, each).with_context(place)
    }
}

/// The highest degree whose coefficients, and those below, are all there.
fn degree(primitive: &Primitive) -> Result<u32> {
    let has = |band: u32, m: u32| attribute(primitive, &format!("SH_DEGREE_{band}_COEF_{m}")).is_some();
    let mut degree = 0;
    for band in 1..=3 {
        let found = (0..=2 * band).filter(|&m| has(band, m)).count() as u32;
        ensure!(
            found == 0 || (found == 2 * band + 1 && degree + 1 == band),
            "some spherical harmonics of degree {band} are absent"
        );
        if found > 0 {
            degree = band;
        }
    }
    Ok(degree)
}

fn colours(reader: &mut Arrays, primitive: &Primitive, scene: &mut Scene, warnings: &mut Vec<String>) -> Result<()> {
    let stride = scene.sh_stride();
    scene.sh = vec![0.0; scene.len() * stride];
    let mut coefficient = |k: usize, name: &str, accessor: usize, of: fn([f32; 4]) -> [f32; 3]| {
        let mut at = 3 * k;
        reader.each(name, accessor, 3, |v| {
            scene.sh[at..at + 3].copy_from_slice(&of(v));
            at += stride;
        })
    };
    for band in 0..=scene.sh_degree {
        for m in 0..=2 * band {
            let name = format!("SH_DEGREE_{band}_COEF_{m}");
            let k = sh_coefficients(band) - (2 * band + 1) as usize + m as usize;
            if let Some(accessor) = attribute(primitive, &name) {
                coefficient(k, &name, accessor, |[r, g, b, _]| [r, g, b])?;
            } else {
                let colour = *primitive.attributes.get("COLOR_0").with_context(|| format!("no attribute {name}"))?;
                // The colour for programs that know no Gaussians, which is linear.
                coefficient(k, "COLOR_0", colour, |[r, g, b, _]| [r, g, b].map(|v| (encoded(v) - 0.5) / SH_C0))?;
                warnings.push("it has no spherical harmonics; its colours are taken from COLOR_0".into());
            }
        }
    }
    Ok(())
}

/// Takes account of the kernel and the colour space that the extension names.
fn read_as_described(describing: &Value, scene: &mut Scene, warnings: &mut Vec<String>) {
    let mut warn = |text: String| {
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    };
    match describing["kernel"].as_str() {
        Some("ellipse") | None => {}
        Some(other) => warn(format!("its kernel \"{other}\" is not known; it is read as an ellipse")),
    }
    match describing["colorSpace"].as_str() {
        // The second was a draft's name.
        Some("srgb_rec709_display" | "BT.709-sRGB") | None => {}
        Some("lin_rec709_display" | "BT.709-linear") => {
            let stride = scene.sh_stride();
            scene.sh.chunks_mut(stride).for_each(encode);
            warn("its colours are linear; they are converted, to first order where they depend on the view".into());
        }
        Some(other) => warn(format!("its colour space \"{other}\" is not known; it is read as sRGB")),
    }
}

/// The transfer function of sRGB.
fn encoded(linear: f32) -> f32 {
    if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

/// Turns the harmonics of one linear colour into those of a display-referred one: exact for the mean, with the
/// derivative there for what depends on the direction.
fn encode(sh: &mut [f32]) {
    for channel in 0..3 {
        let linear = sh[channel] * SH_C0 + 0.5;
        let slope = if linear <= 0.003_130_8 { 12.92 } else { 1.055 / 2.4 * linear.powf(1.0 / 2.4 - 1.0) };
        sh[channel] = (encoded(linear) - 0.5) / SH_C0;
        sh[channel..].iter_mut().skip(3).step_by(3).for_each(|v| *v *= slope);
    }
}
