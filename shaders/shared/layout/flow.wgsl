// Settings of the flow loss of one image (docs/algorithms.md F.2 to F.4).
struct Flow {
    // Width, height; pixels a run; unused.
    size: vec4u,
    // Gradient of the loss by one pixel's error; square of the error below which the loss is quadratic; unused.
    weights: vec4f,
}

// Least opacity of a pixel that has a flow.
const FLOW_OPACITY: f32 = 0.5;
// Targets of pixels that do not count are beyond this.
const FLOW_UNKNOWN: f32 = 1e9;
