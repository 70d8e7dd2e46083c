//#use motion/curved
//#use motion/moving_update
// What motion/moving_update.wgsl asks of a motion model, for the curved one. Twin: tests/reference/motion.rs.

// Rates of the row's vectors; `slowing` is that of velocities. Those of the acceleration and of the angular velocity fall
// with the duration as well, so that a step moves and turns no Gaussian farther within its duration than one of the first.
fn motion_rates(slowing: f32) -> array<vec4f, MOTION_VECTORS> {
    let bend = slowing * slowing * step.lr_acceleration;
    return array<vec4f, MOTION_VECTORS>(
        vec4f(slowing * vec3f(step.lr_velocity), step.lr_time),
        vec4f(step.lr_duration, step.lr_gate, bend, bend),
        vec4f(slowing * vec3f(step.lr_turn), bend),
    );
}

// Acceleration and angular velocity shrink by a constant amount a step, a share of their rates.
fn shrink_bends(rates: array<vec4f, MOTION_VECTORS>, value: ptr<function, array<vec4f, MOTION_VECTORS>>) {
    let acceleration = vec3f((*value)[1].zw, (*value)[2].w);
    let bend = max(0.0, 1.0 - step.bend_shrinkage * rates[2].w / max(length(acceleration), 1e-20));
    let turn = max(0.0, 1.0 - step.bend_shrinkage * rates[2].x / max(length((*value)[2].xyz), 1e-20));
    (*value)[1] *= vec4f(1.0, 1.0, bend, bend);
    (*value)[2] *= vec4f(vec3f(turn), bend);
}

// Shifts the time centre along the Gaussian's own path.
fn slide(shift: f32, row: ptr<function, array<vec4f, MOTION_VECTORS>>, value: ptr<function, array<vec4f, 4>>) {
    let acceleration = vec3f((*row)[1].zw, (*row)[2].w);
    (*value)[0] += vec4f(shift * ((*row)[0].xyz + 0.5 * shift * acceleration), 0.0);
    (*value)[1] = quaternion_product(turn_by(shift * (*row)[2].xyz), (*value)[1]);
    (*row)[0] += shift * vec4f(acceleration, 1.0);
}

fn row_vectors(row: MotionRow) -> array<vec4f, MOTION_VECTORS> {
    return unpack_motion(row);
}

fn row_of(vectors: array<vec4f, MOTION_VECTORS>) -> MotionRow {
    return pack_motion(vectors);
}
