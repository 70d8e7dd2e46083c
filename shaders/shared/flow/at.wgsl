//#use layout/flow_splat
// Flow of a splat at a pixel (docs/algorithms.md F.4), as both passes of the rasterizer see it: at `row` of a column,
// where `d` is the offset of the mean from the pixel centre of the anchor row.
fn flow_at(flow: FlowSplat, d: vec2f, row: u32) -> vec2f {
    if (FLOW == 1u) {
        return flow.moved.xy;
    }
    let e = vec2f(-d.x, f32(row) - f32(ANCHOR) - d.y);
    return flow.moved.xy + vec2f(dot(flow.change.xy, e), dot(flow.change.zw, e));
}
