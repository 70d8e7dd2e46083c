// Flat indices for grids of any size. A dispatch of more than GRID_ROW workgroups is folded into rows of that many,
// so the flat index of a workgroup is the same expression for every dispatch, indirect ones included.
const GRID_ROW: u32 = 16384u;

fn flat_group(group: vec3u) -> u32 {
    return group.y * GRID_ROW + group.x;
}

// Arguments of an indirect dispatch of `groups` workgroups.
fn fold_groups(groups: u32) -> vec3u {
    return vec3u(min(groups, GRID_ROW), (groups + GRID_ROW - 1u) / GRID_ROW, 1u);
}
