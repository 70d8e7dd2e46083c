//! The oracle: a plain serial CPU twin of every GPU kernel, written from the formulas alone (docs/algorithms.md A to E)
//! and named after the stages it checks. Never shipped.
//!
//! Forward code is generic over [`number::Num`]: with `f64` it gives values, with `Dual` exact derivatives of the
//! branch taken. [`gradient`] holds both ways to a gradient, `exact` (duals) and `analytic` (hand-written adjoints,
//! fast); `tests/oracle/` checks them against each other and against central differences.
//!
//! All angles, lengths and pixels as in `dapple::camera`: world-to-camera `p = V m + t`, OpenCV axes, pixel (column j,
//! row i) sampled at (j + ½, i + ½). Matrices are row-major `[[T; C]; R]`.

// Loop indices are the subscripts of the formulas.
#![allow(clippy::needless_range_loop)]

pub mod adam;
pub mod appearance;
pub mod cases;
pub mod display;
pub mod fisheye;
pub mod flow;
pub mod gradient;
pub mod loss;
pub mod motion;
pub mod number;
pub mod packed;
pub mod project;
pub mod project_backward;
pub mod random;
pub mod rasterize;
pub mod relocate;
pub mod sh;
pub mod tiles;
pub mod update;
