//! Twin of the optimiser (docs/algorithms.md E.1): Adam, bias-corrected with the global step.

pub const BETA1: f64 = 0.9;
pub const BETA2: f64 = 0.999;
pub const EPSILON: f64 = 1e-15;

/// First and second moment of one parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    pub m: f64,
    pub v: f64,
}

/// One step with the 1-based global step `step`; returns the parameter's change. A parameter that never had a gradient
/// (v = 0) stays where it is.
pub fn step(moments: &mut Moments, gradient: f64, rate: f64, step: u32) -> f64 {
    moments.m = BETA1 * moments.m + (1.0 - BETA1) * gradient;
    moments.v = BETA2 * moments.v + (1.0 - BETA2) * gradient * gradient;
    if moments.v == 0.0 {
        return 0.0;
    }
    let m = moments.m / (1.0 - BETA1.powi(step as i32));
    let v = moments.v / (1.0 - BETA2.powi(step as i32));
    -rate * m / (v.sqrt() + EPSILON)
}
