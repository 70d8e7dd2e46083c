// Flow of a splat: how it moves on the image towards another view. Two vec4 in the buffer `flow_splats`. FLOW = 1: all of
// its pixels move as its mean does; 2: as its ellipse does.

struct FlowSplat {
    // Displacement of the mean in pixels; 1 where there is one, else 0; unused.
    moved: vec4f,
    // Only with FLOW = 2: A - 1 by rows, where A maps the ellipse here to the ellipse there.
    change: vec4f,
}
