// How a Gaussian moves and fades, 32 bytes in the buffers `motion` and in those of its moments.

struct MotionRow {
    // Velocity; time centre.
    velocity_centre: vec4f,
    // Log-duration, gate, unused, unused.
    duration_gate: vec4f,
}
