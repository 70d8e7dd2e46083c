//! Tests of whole captures, on tiny ones written by code.

mod clips;
mod colmap_models;
pub(super) mod fixtures;
mod flows;
mod habits;
mod json_captures;
mod photos;
