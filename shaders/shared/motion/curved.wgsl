//#use motion/fade
//#use math/turn
// A Gaussian's pose at the view's time: it moves along a parabola, turns at a steady rate, and fades (docs/algorithms.md
// G.2). Uses the buffer `motion`; motion/linear.wgsl has the same functions. Twin: tests/reference/motion.rs.

struct Pose {
    mean: vec3f,
    visibility: f32,
    // Unit quaternion of the turn since the time centre.
    turn: vec4f,
}

fn acceleration_of(row: MotionRow) -> vec3f {
    return vec3f(row.duration_gate.zw, row.turn.w);
}

// The quaternion (w, x, y, z) of a turn by a vector of angles.
fn turn_by(angle: vec3f) -> vec4f {
    let half = 0.5 * angle;
    let length = sqrt(dot(half, half));
    // sin x / x is 1 to the last bit where x is small.
    let turn = cosine_sine(length);
    let ratio = select(turn.y / max(length, 1e-20), 1.0, length < 1e-4);
    return vec4f(turn.x, ratio * half);
}

fn quaternion_product(a: vec4f, b: vec4f) -> vec4f {
    return vec4f(a.x * b.x - dot(a.yzw, b.yzw), a.x * b.yzw + b.x * a.yzw + cross(a.yzw, b.yzw));
}

fn conjugate(q: vec4f) -> vec4f {
    return vec4f(q.x, -q.yzw);
}

// Gradient of a vector of angles by that of a small turn after it: the transposed left Jacobian of the rotations,
// J = 1 + (1 - cos t) / t^2 [t] + (t - sin t) / t^3 [t]^2.
fn turn_by_backward(angle: vec3f, by_turn: vec3f) -> vec3f {
    let squared = dot(angle, angle);
    let t = sqrt(squared);
    let half = 0.5 * t;
    let ratio = select(cosine_sine(half).y / max(half, 1e-20), 1.0, half < 1e-4);
    // A series where the difference would cancel.
    let series = 1.0 / 6.0 - squared * (1.0 / 120.0 - squared * (1.0 / 5040.0 - squared / 362880.0));
    let second = select((1.0 - cosine_sine(t).y / max(t, 1e-20)) / max(squared, 1e-20), series, squared < 1.0);
    let across = cross(angle, by_turn);
    return by_turn - 0.5 * ratio * ratio * across + second * cross(angle, across);
}

fn pose_of(gaussian: u32, mean: vec3f) -> Pose {
    let row = motion[gaussian];
    let f = fade_of(row, view.time);
    let path = f.elapsed * (row.velocity_centre.xyz + 0.5 * f.elapsed * acceleration_of(row));
    return Pose(mean + path, visibility_of(f), turn_by(f.elapsed * row.turn.xyz));
}

// The quaternion of a Gaussian in a pose.
fn pose_quaternion(pose: Pose, quaternion: vec4f) -> vec4f {
    return quaternion_product(pose.turn, quaternion);
}

// The gradient of a quaternion by that of the turned one.
fn pose_quaternion_backward(pose: Pose, by_quaternion: vec4f) -> vec4f {
    return quaternion_product(conjugate(pose.turn), by_quaternion);
}

fn velocity_of(gaussian: u32) -> vec3f {
    let row = motion[gaussian];
    return row.velocity_centre.xyz + (view.time - row.velocity_centre.w) * acceleration_of(row);
}

// Gradient of a row by where its Gaussian gets between the times `start` and `end` since its centre: by its mean, and by its
// turned quaternion. That by the centre is right where `start` is 0.
fn path_backward(row: MotionRow, start: f32, end: f32, by_mean: vec3f, quaternion: vec4f, by_quaternion: vec4f)
    -> array<vec4f, MOTION_VECTORS> {
    let acceleration = acceleration_of(row);
    let elapsed = end - start;
    // By a small turn of the turned Gaussian.
    let by_turn = 0.5 * quaternion_product(by_quaternion, conjugate(quaternion)).yzw;
    let by_angle = turn_by_backward(elapsed * row.turn.xyz, by_turn);
    let by_acceleration = 0.5 * elapsed * (end + start) * by_mean;
    let by_centre = -dot(row.velocity_centre.xyz + end * acceleration, by_mean) - dot(row.turn.xyz, by_angle);
    return array<vec4f, MOTION_VECTORS>(
        vec4f(elapsed * by_mean, by_centre),
        vec4f(0.0, 0.0, by_acceleration.xy),
        vec4f(elapsed * by_angle, by_acceleration.z),
    );
}
