//#use motion/static
// The motion part of update.wgsl for static scenes: nothing. motion/moving_update.wgsl has the same functions.

struct MotionGradient {
    unused: f32,
}

struct MotionValue {
    unused: f32,
}

fn motion_gradient(index: u32, by_mean: vec3f, quaternion: vec4f, by_quaternion: vec4f, by_visibility: f32) -> MotionGradient {
    return MotionGradient(0.0);
}

fn motion_gradient_sum(gradient: MotionGradient) -> f32 {
    return 0.0;
}

fn add_flow_gradient(index: u32, gradient: ptr<function, array<vec4f, 4>>) {
}

fn store_motion_gradient(index: u32, gradient: MotionGradient) {
}

fn penalised_share(visibility: f32) -> f32 {
    return 1.0;
}

fn step_motion(index: u32, gradient: MotionGradient, damping: f32, value: ptr<function, array<vec4f, 4>>) -> MotionValue {
    return MotionValue(0.0);
}

fn motion_sum(value: MotionValue) -> f32 {
    return 0.0;
}

fn store_motion(index: u32, value: MotionValue) {
}
