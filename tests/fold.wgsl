// Marks every workgroup by its flat index: the test of grids that are folded because one row of them is too long.
//#use math/grid
@group(0) @binding(0) var<storage, read_write> marks: array<u32>; // [groups]

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
    let index = flat_group(group);
    if index < arrayLength(&marks) {
        marks[index] += index + 1u;
    }
}
