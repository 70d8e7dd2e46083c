//#use motion/linear
//#use motion/moving_update
// What motion/moving_update.wgsl asks of a motion model, for the linear one. Twin: tests/reference/motion.rs.

// Rates of the row's vectors; `slowing` is that of velocities.
fn motion_rates(slowing: f32) -> array<vec4f, MOTION_VECTORS> {
    return array<vec4f, MOTION_VECTORS>(
        vec4f(slowing * vec3f(step.lr_velocity), step.lr_time),
        vec4f(step.lr_duration, step.lr_gate, 0.0, 0.0),
    );
}

// What shrinks besides the velocity, by the rates of a step: nothing.
fn shrink_bends(rates: array<vec4f, MOTION_VECTORS>, value: ptr<function, array<vec4f, MOTION_VECTORS>>) {
}

// Shifts the time centre along the Gaussian's own path.
fn slide(shift: f32, row: ptr<function, array<vec4f, MOTION_VECTORS>>, value: ptr<function, array<vec4f, 4>>) {
    (*value)[0] += vec4f(shift * (*row)[0].xyz, 0.0);
    (*row)[0].w += shift;
}

fn row_vectors(row: MotionRow) -> array<vec4f, MOTION_VECTORS> {
    return array<vec4f, MOTION_VECTORS>(row.velocity_centre, row.duration_gate);
}

fn row_of(vectors: array<vec4f, MOTION_VECTORS>) -> MotionRow {
    return MotionRow(vectors[0], vectors[1], vec4f(0.0));
}
