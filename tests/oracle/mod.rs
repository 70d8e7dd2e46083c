//! The oracle checked against itself: duals against central differences, formulas against brute force.

// Loop indices are the subscripts of the formulas.
#![allow(clippy::needless_range_loop)]

mod loss;
mod motion;
mod render;
mod sh;
mod tiles;
mod training;
