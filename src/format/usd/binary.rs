//! Binary layers of USD ("crate" files, `.usdc`), turned into the text that the reader of layers takes: prims, the values
//! of Gaussians and transforms, and which axis is up. What else is in them is left out.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};

use super::crate_file::{CrateFile, Field, Value};
use crate::format::bounded::limit;

/// The first bytes of a binary layer.
pub(super) const MAGIC: &[u8] = b"PXR-USDC";
/// The deepest prim.
const MAX_DEPTH: usize = 200;
/// Kinds of specs.
const ATTRIBUTE: u32 = 1;
const PRIM: u32 = 6;

/// The text of a layer.
///
/// # Errors
/// The section of the file that is damaged, or of a kind that is not known.
pub(super) fn text_of(bytes: &[u8]) -> Result<String> {
    let file = CrateFile::open(bytes)?;
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); file.paths.len()];
    for (index, path) in file.paths.iter().enumerate() {
        if let Some(parent) = path.parent {
            children[parent].push(index);
        }
    }
    let mut fields: Vec<(u32, Vec<Field>)> = (0..file.paths.len()).map(|_| (0, Vec::new())).collect();
    for spec in &file.specs {
        let place = fields.get_mut(spec.path).context("a spec of a path that is not there")?;
        *place = (spec.kind, file.fields_of(spec)?);
    }
    let root = file.paths.iter().position(|path| path.parent.is_none()).context("no root")?;
    let mut text = String::from("#usda 1.0\n");
    if let Some(Value::Token(axis)) = value(&file, &fields[root].1, "upAxis")? {
        let _ = writeln!(text, "(upAxis = \"{}\")", plain(&axis));
    }
    let layer = Layer { file: &file, children: &children, fields: &fields, most: limit(bytes.len() as u64) };
    for &child in &children[root] {
        layer.prim(child, 0, &mut text)?;
    }
    Ok(text)
}

struct Layer<'a> {
    file: &'a CrateFile<'a>,
    /// By path: the paths in it, its kind and its fields.
    children: &'a [Vec<usize>],
    fields: &'a [(u32, Vec<Field>)],
    /// The most bytes of text.
    most: u64,
}

impl Layer<'_> {
    fn prim(&self, index: usize, depth: usize, text: &mut String) -> Result<()> {
        ensure!(depth < MAX_DEPTH, "prims are nested more than {MAX_DEPTH} levels deep");
        let (kind, fields) = &self.fields[index];
        if *kind != PRIM {
            return Ok(());
        }
        let name = plain(&self.file.paths[index].name);
        let kind = match value(self.file, fields, "typeName")? {
            Some(Value::Token(kind)) if kind.chars().all(|c| c.is_ascii_alphanumeric()) => kind,
            _ => String::new(),
        };
        let _ = writeln!(text, "def {kind} \"{name}\" {{");
        for &child in &self.children[index] {
            if self.fields[child].0 == ATTRIBUTE {
                self.attribute(child, text).with_context(|| format!("prim \"{name}\""))?;
            }
        }
        for &child in &self.children[index] {
            self.prim(child, depth + 1, text)?;
        }
        text.push_str("}\n");
        Ok(())
    }

    fn attribute(&self, index: usize, text: &mut String) -> Result<()> {
        let name = &self.file.paths[index].name;
        let base = name.strip_suffix('h').unwrap_or(name);
        let known = ["positions", "orientations", "scales", "opacities"].contains(&base)
            || name.starts_with("radiance:")
            || name.starts_with("xformOp") && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_'));
        if !known {
            return Ok(());
        }
        // Attributes may share one array.
        ensure!(text.len() as u64 <= self.most, "the layer claims more values than it can hold");
        let fields = &self.fields[index].1;
        let found = value(self.file, fields, "default").with_context(|| name.clone())?;
        let (found, sampled) = match found {
            None | Some(Value::Other) => (value(self.file, fields, "timeSamples").with_context(|| name.clone())?, true),
            found => (found, false),
        };
        match found {
            Some(Value::Numbers(numbers)) => {
                text.push_str(if sampled { "float " } else { "float[] " });
                let _ = write!(text, "{name}{}", if sampled { ".timeSamples = { 0: [" } else { " = [" });
                for number in numbers {
                    let _ = write!(text, "{number}, ");
                }
                text.push_str(if sampled { "] }\n" } else { "]\n" });
            }
            Some(Value::Tokens(tokens)) => {
                let quoted: Vec<String> = tokens.iter().map(|token| format!("\"{}\"", plain(token))).collect();
                let _ = writeln!(text, "token[] {name} = [{}]", quoted.join(", "));
            }
            Some(Value::Token(_) | Value::Other) | None => {}
        }
        Ok(())
    }
}

/// The value of a field.
fn value(file: &CrateFile, fields: &[Field], name: &str) -> Result<Option<Value>> {
    fields.iter().find(|field| file.tokens[field.token] == name).map(|field| file.value(field.value)).transpose()
}

/// A name without what would end it.
fn plain(name: &str) -> String {
    name.replace(|c: char| c.is_control() || matches!(c, '"' | '\\'), "_")
}
