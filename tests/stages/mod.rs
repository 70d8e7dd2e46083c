//! Each stage of the GPU pipeline by itself against the f64 oracle.

mod appearance;
mod display;
mod edges;
mod force;
mod loss;
mod motion;
mod packed;
mod penalties;
mod refine;
mod rigid_flow;
mod slots;
mod tiles;
mod update;
