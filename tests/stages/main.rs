//! Each stage of the GPU pipeline by itself against the f64 oracle.

mod display;
mod edges;
mod loss;
mod motion;
mod refine;
mod tiles;
mod update;

#[path = "../reference/mod.rs"]
mod reference;
#[path = "../support/mod.rs"]
mod support;
