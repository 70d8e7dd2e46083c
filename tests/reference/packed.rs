//! Twin of the packed step of a Gaussian's colour (docs/algorithms.md E.1): RMSprop with one second moment for all
//! coefficients, the mean square of their gradients, which the addition theorem gives without knowing the direction.

use std::f64::consts::PI;

use super::adam::{BETA2, EPSILON};

/// One step with the 1-based global step `step`, for the gradient of the colour. Takes the second moment along, and returns
/// what a coefficient whose basis function has the value 1 changes by, a rate of 1.
pub fn step(second: &mut f64, colour: [f64; 3], step: u32) -> [f64; 3] {
    let square: f64 = colour.iter().map(|c| c * c).sum();
    *second = BETA2 * *second + (1.0 - BETA2) * square / (12.0 * PI);
    if square == 0.0 {
        return [0.0; 3];
    }
    let root = (*second / (1.0 - BETA2.powi(step as i32))).sqrt() + EPSILON;
    colour.map(|c| -c / root)
}
