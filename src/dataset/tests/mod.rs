//! Tests of whole captures, on tiny ones written by code.

mod colmap_models;
pub(super) mod fixtures;
mod json_captures;
mod pictures;
