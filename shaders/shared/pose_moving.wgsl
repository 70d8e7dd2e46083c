//#use moving
// What pose_backward.wgsl has besides where Gaussians move.

// [N][2]
@group(0) @binding(11) var<storage, read> motion: array<vec4f>;
