// The pose of a Gaussian that neither moves nor fades: the motion model of static scenes, of which nothing is left in the
// compiled kernels. motion/linear.wgsl has the same functions.

struct Pose {
    mean: vec3f,
    visibility: f32,
}

fn pose_of(gaussian: u32, mean: vec3f) -> Pose {
    return Pose(mean, 1.0);
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
    return vec3f(0.0);
}
