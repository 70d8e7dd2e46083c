// Gradient of a Gaussian by the flow in the buffer `flow_gradients`: [N] (velocity, unused), or where flow is for all
// parameters [N][4]: (velocity, time centre), (mean, 0), quaternion, (log-scale, 0).
const FLOW_MOTION: u32 = 0u;
const FLOW_GEOMETRY: u32 = 1u;
const FLOW_ROW: u32 = 4u;

// Where vector `i` of a Gaussian lies, where flow is for all parameters.
fn flow_gradient_index(gaussian: u32, i: u32) -> u32 {
    return FLOW_ROW * gaussian + i;
}
