// The bits of a key that one pass of the radix sort orders by. Kernels that use this bind `digit`.
struct Digit {
    shift: u32,
    mask: u32,
}

fn digit_of(key: u32) -> u32 {
    return (key >> digit.shift) & digit.mask;
}
