// Bits of a Gaussian's state in the viewer.
const DELETED: u32 = 1u;
const SELECTED: u32 = 2u;
