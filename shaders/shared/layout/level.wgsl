// One level of a tree of sums over the rows of a matrix.

// Rows that one invocation adds up.
const FAN_IN: u32 = 32u;

struct Level {
    // Rows of the matrix, at most; columns; levels below this one.
    capacity: u32,
    width: u32,
    depth: u32,
}
