//#use motion/fade
// A Gaussian's pose at the view's time: it moves along a line and fades (docs/algorithms.md G.2). Uses the buffer `motion`.
// Twin: tests/reference/motion.rs.

struct Pose {
    mean: vec3f,
    visibility: f32,
}

fn pose_of(gaussian: u32, mean: vec3f) -> Pose {
    let row = motion[gaussian];
    let f = fade_of(row, view.time);
    return Pose(mean + f.elapsed * row.velocity_centre.xyz, visibility_of(f));
}

// The quaternion of a Gaussian in a pose.
fn pose_quaternion(pose: Pose, quaternion: vec4f) -> vec4f {
    return quaternion;
}

// The gradient of a quaternion by that of the turned one.
fn pose_quaternion_backward(pose: Pose, by_quaternion: vec4f) -> vec4f {
    return by_quaternion;
}

fn velocity_of(gaussian: u32) -> vec3f {
    return motion[gaussian].velocity_centre.xyz;
}

// Gradient of a row by where its Gaussian gets between the times `start` and `end` since its centre: by its mean, and by its
// turned quaternion. That by the centre is right where `start` is 0.
fn path_backward(row: MotionRow, start: f32, end: f32, by_mean: vec3f, quaternion: vec4f, by_quaternion: vec4f)
    -> array<vec4f, MOTION_VECTORS> {
    return array<vec4f, MOTION_VECTORS>(
        vec4f((end - start) * by_mean, -dot(row.velocity_centre.xyz, by_mean)),
        vec4f(0.0),
    );
}
