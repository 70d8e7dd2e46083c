// The first count[0] elements, cut into blocks: the last may be short, and there is at least one, so that a kernel
// over nothing still writes its results. Kernels that use this bind `extent` and `count`.
// Threads of a workgroup, where a block is a workgroup's work.
const THREADS: u32 = 256u;

struct Extent {
    capacity: u32,   // elements that the buffers hold; a larger count is cut to it
    max_blocks: u32, // blocks that the dispatch covers
    min_block: u32,  // elements of a block while that many blocks suffice
}

struct Blocks {
    elements: u32,
    number: u32,
    length: u32,
}

fn blocks() -> Blocks {
    let n = min(count[0], extent.capacity);
    let last = max(n, 1u) - 1u;
    let number = min(last / extent.min_block + 1u, extent.max_blocks);
    return Blocks(n, number, max(extent.min_block, last / number + 1u));
}

// First element of a block and the one after its last.
fn block_range(cut: Blocks, block: u32) -> vec2u {
    let start = min(block * cut.length, cut.elements);
    return vec2u(start, min(start + cut.length, cut.elements));
}
