//#use moving
// What project.wgsl has besides where Gaussians move.

// [N][2]
@group(0) @binding(10) var<storage, read> motion: array<vec4f>;
