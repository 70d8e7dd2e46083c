//! The description of a streamed SOG: a tree of regions, and where the Gaussians of each are at every level of detail.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use glam::Vec3;
use serde::{Deserialize, Serialize};

/// The deepest tree.
const MAX_DEPTH: usize = 64;
/// The version that is written; files from before it was given one say none.
pub const VERSION: u32 = 1;

/// `lod-meta.json`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    pub version: Option<u32>,
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub asset: serde_json::Value,
    /// Gaussians of all levels, and of each from the finest on.
    #[serde(default)]
    pub count: u64,
    #[serde(default)]
    pub counts: Vec<u64>,
    #[serde(default)]
    pub lod_levels: usize,
    /// The description of a SOG that is always drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Descriptions of the SOGs, relative to this one.
    pub filenames: Vec<String>,
    pub tree: Node,
}

/// A part of space: with its own Gaussians, or with parts of its own.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Node {
    #[serde(default)]
    pub bound: Bound,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
    /// By level, of which 0 is the finest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lods: BTreeMap<u32, Range>,
}

/// A box around whole Gaussians, in the scene's frame.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Bound {
    #[serde(default)]
    pub min: Vec3,
    #[serde(default)]
    pub max: Vec3,
}

impl Bound {
    /// A box around nothing.
    pub const NOTHING: Self = Self { min: Vec3::INFINITY, max: Vec3::NEG_INFINITY };

    /// The box around both.
    pub fn with(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// Gaussians `offset..offset + count` of a file.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Range {
    pub file: usize,
    pub offset: usize,
    pub count: usize,
}

impl Node {
    /// The nodes that have Gaussians of their own, in the tree's order.
    ///
    /// # Errors
    /// A tree that is too deep.
    pub fn leaves(&self) -> Result<Vec<&Node>> {
        let mut found = Vec::new();
        self.add_leaves(0, &mut found)?;
        Ok(found)
    }

    fn add_leaves<'a>(&'a self, depth: usize, found: &mut Vec<&'a Node>) -> Result<()> {
        ensure!(depth < MAX_DEPTH, "its tree is more than {MAX_DEPTH} levels deep");
        if !self.lods.is_empty() {
            found.push(self);
        }
        self.children.iter().try_for_each(|child| child.add_leaves(depth + 1, found))
    }
}
