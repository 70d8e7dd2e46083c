// The pose of a Gaussian that neither moves nor fades: the motion model of static scenes, of which nothing is left in the
// compiled kernels. motion/linear.wgsl has the same functions.

struct Pose {
    mean: vec3f,
    visibility: f32,
}

fn pose_of(gaussian: u32, mean: vec3f) -> Pose {
    return Pose(mean, 1.0);
}

fn velocity_of(gaussian: u32) -> vec3f {
    return vec3f(0.0);
}
