//#use moving
// What project_flow.wgsl has besides where Gaussians move.

// [N][2]
@group(0) @binding(5) var<storage, read> motion: array<vec4f>;
