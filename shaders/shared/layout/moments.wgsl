// Moments of a Gaussian's parameters, side by side in the buffer `moments`, [N][MOMENT_VECTORS] vec4: the first and the
// second of each vector of its geometry row, then with MOTION those of the vectors of its motion row that the model uses.
//
// With PACKED the constant band has no moments, and the second moment of the colour, one for all of its coefficients, is
// the fourth component of the log-scales' second moment.

// Vectors of a geometry row that have moments of their own.
const TRAINED_VECTORS: u32 = select(4u, 3u, PACKED != 0u);
const FIRST_MOMENTS: u32 = 0u;
const SECOND_MOMENTS: u32 = TRAINED_VECTORS;
const FIRST_MOTION_MOMENTS: u32 = 2u * TRAINED_VECTORS;
const SECOND_MOTION_MOMENTS: u32 = FIRST_MOTION_MOMENTS + MOTION + 1u;
const MOMENT_VECTORS: u32 = 2u * TRAINED_VECTORS + select(0u, 2u * (MOTION + 1u), MOTION != 0u);

// Where vector `i` of a Gaussian's moments lies.
fn moment_index(gaussian: u32, i: u32) -> u32 {
    return gaussian * MOMENT_VECTORS + i;
}
