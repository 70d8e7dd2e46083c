// How a Gaussian moves and fades, 48 bytes in the buffers `motion`. In its moments a row has MOTION_VECTORS vectors.

struct MotionRow {
    // Velocity; time centre.
    velocity_centre: vec4f,
    // Log-duration; gate; x and y of the acceleration.
    duration_gate: vec4f,
    // Angular velocity; z of the acceleration.
    turn: vec4f,
}

// Vectors of a row that the motion model uses: the first two where MOTION = 1, linear; all where it is 2, curved.
const MOTION_VECTORS: u32 = MOTION + 1u;

fn unpack_motion(row: MotionRow) -> array<vec4f, 3> {
    return array<vec4f, 3>(row.velocity_centre, row.duration_gate, row.turn);
}

fn pack_motion(vectors: array<vec4f, 3>) -> MotionRow {
    return MotionRow(vectors[0], vectors[1], vectors[2]);
}
