//#use SUBGROUPS ? exchange_flow_subgroup : exchange_flow_workgroup
// A Gaussian's flow at a pixel (ALGORITHMS F.4), as both passes of the rasterizer see it. FLOW: 1 = all of its pixels move
// as its mean does, 2 = as its ellipse does. Uses the buffer `flow_records`, [N][2], see project_flow.wgsl.

struct FlowRecord {
    // Displacement of the mean, pixels; 1 where there is one; unused.
    moved: vec4f,
    // A - 1 by rows.
    change: vec4f,
}

fn load_flow(gaussian: u32) -> FlowRecord {
    return FlowRecord(flow_records[2u * gaussian], flow_records[2u * gaussian + 1u]);
}

// Flow at `row` of a column, where `d` is the offset of the mean from the pixel centre of the anchor row.
fn flow_at(record: FlowRecord, d: vec2f, row: u32) -> vec2f {
    if (FLOW == 1u) {
        return record.moved.xy;
    }
    let e = vec2f(-d.x, f32(row) - f32(ANCHOR) - d.y);
    return record.moved.xy + vec2f(dot(record.change.xy, e), dot(record.change.zw, e));
}
