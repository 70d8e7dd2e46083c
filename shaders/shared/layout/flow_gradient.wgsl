// Gradient of a Gaussian by the flow in the buffer `flow_gradients`, rows of vectors: of its motion, those that the model
// has of the velocity, the acceleration and the angular velocity, where the motion's row has them; then, where flow is for
// all parameters, by (mean, 0), quaternion and (log-scale, 0). Only there has the time centre, the fourth of the first
// vector, a gradient.

// Vectors of the motion, and of the geometry.
const FLOW_MOTION: u32 = 2u * MOTION - 1u;
const FLOW_GEOMETRY: u32 = 3u;

// Where vector `i` of a Gaussian lies.
fn flow_gradient_index(gaussian: u32, all: bool, i: u32) -> u32 {
    return gaussian * (FLOW_MOTION + select(0u, FLOW_GEOMETRY, all)) + i;
}
