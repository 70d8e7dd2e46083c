//#use math/grid
//#use layout/geometry
//#use layout/splat
//#use splat/projection
//#use splat/colour
//#use splat/tiles
//#use motion/{MOTION}
// Projects every Gaussian into the view: splat for the rasterizer, with the number of its tiles, and depth (EWA splatting;
// docs/algorithms.md B.1, C.1). One invocation a Gaussian. Twin: tests/reference/project.rs.
//
// FEATURE chooses what the rasterizer composites as its three features: 0 = colour, 1 = depth, 2 = normal of the
// Gaussian's flattest side, in the world, facing the camera, 3 = velocity in the world. With MOTION Gaussians are taken
// where they are, and as opaque as they are, at the view's time (docs/algorithms.md G.2).

@group(0) @binding(0) var<uniform> view: View;
// [N]
@group(0) @binding(1) var<storage, read> geometry: array<GeometryRow>;
// Spherical harmonics; see layout/sh_full.wgsl and layout/sh_packed.wgsl.
@group(0) @binding(2) var<storage, read> sh: array<u32>;
// [N]
@group(0) @binding(3) var<storage, read_write> splats: array<SplatRow>;
// [N] bits of the depth; 1 where a tile is met.
@group(0) @binding(4) var<storage, read_write> depths: array<u32>;
@group(0) @binding(5) var<storage, read_write> visible: array<u32>;
// [N]
//#if MOTION
@group(0) @binding(6) var<storage, read> motion: array<MotionRow>;

fn flattest_normal(g: Gaussian, towards: vec3f) -> vec3f {
    let r = rotation_matrix(unit_quaternion(g.quaternion));
    let s = g.log_scale;
    var normal = r[2];
    if (s.x <= s.y && s.x <= s.z) {
        normal = r[0];
    } else if (s.y <= s.z) {
        normal = r[1];
    }
    return select(normal, -normal, dot(normal, towards) > 0.0);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let gaussian = flat_group(group) * 64u + lane;
    if (gaussian >= view.gaussians) {
        return;
    }
    visible[gaussian] = 0u;
    splats[gaussian].slot_count = 0u;
    let mean_logit = geometry[gaussian].mean_logit;
    let pose = pose_of(gaussian, mean_logit.xyz);
    // The cheapest tests first: most of a large scene is behind the camera, most of a long clip at another time.
    if (!lens_sees(to_camera(pose.mean)) || sigmoid(mean_logit.w) * pose.visibility < ALPHA_MIN) {
        return;
    }
    let g = gaussian_of(geometry[gaussian], pose.mean, pose_quaternion(pose, geometry[gaussian].quaternion), pose.visibility);
    let o = project_gaussian(g);
    if (!o.visible) {
        return;
    }
    let bands = tile_bands(o.u, o.conic, o.conic_determinant, o.opacity, view.size.zw);
    var count = 0u;
    for (var index = bands.first; index <= bands.last; index++) {
        let span = band_span(bands, index);
        count += u32(span.y - span.x);
    }
    if (count == 0u) {
        return;
    }
    let direction = normalize(g.mean - view.centre.xyz);
    var features: vec3f;
    if (FEATURE == 0u) {
        features = sh_colour(gaussian, geometry[gaussian].colour.xyz, direction, view.sh_degree);
    } else if (FEATURE == 1u) {
        features = vec3f(o.p.z);
    } else if (FEATURE == 2u) {
        features = flattest_normal(g, direction);
    } else {
        features = velocity_of(gaussian);
    }
    // A pixel that meets a NaN is lost, however faint the Gaussian.
    if (!is_finite(dot(features, vec3f(1.0)))) {
        return;
    }
    if (FEATURE == 0u) {
        features = max(vec3f(0.0), features);
    }
    visible[gaussian] = 1u;
    depths[gaussian] = bitcast<u32>(lens_depth(o.p));
    let cutoff = log(ALPHA_LEVELS * o.opacity);
    let decay = exp(-0.5 * o.conic.z);
    let splat = Splat(o.u, o.conic, o.conic_determinant, o.opacity, cutoff, decay, features);
    splats[gaussian] = pack_splat(splat, count);
}
