//#use math/grid
//#use layout/view
//#use layout/splat
//#use layout/slot
//#if FLOW
//#use layout/flow_slot
// Adds the slots of Gaussians that have very many into their first, which is then their only one: so that no invocation
// of a later kernel has to walk the whole screen. A workgroup looks through a batch of Gaussians and adds up each long
// list with all its invocations, in a fixed order. BATCH Gaussians a workgroup. Twin: tests/stages/slots.rs (folded).

@group(0) @binding(0) var<uniform> view: View;
// [N]
@group(0) @binding(1) var<storage, read_write> splats: array<SplatRow>;
// [pairs][SLOT], then with FLOW [pairs][FLOW_SLOT].
@group(0) @binding(2) var<storage, read_write> slot_gradients: array<f32>;

const THREADS: u32 = 64u;
// Slots that one invocation adds up by itself.
const FEW_SLOTS: u32 = 64u;

var<workgroup> listed: array<u32, BATCH>;
var<workgroup> found: atomic<u32>;
var<workgroup> long_lists: u32;
var<workgroup> partial: array<f32, THREADS>;

// Adds `count` floats, `stride` apart from `first` on, into the first of them.
fn fold(thread: u32, first: u32, stride: u32, count: u32) {
    var sum = 0.0;
    for (var at = first + thread * stride; at < first + count * stride; at += THREADS * stride) {
        sum += slot_gradients[at];
    }
    partial[thread] = sum;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
    }
    if (thread == 0u) {
        slot_gradients[first] = partial[0];
    }
    workgroupBarrier();
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    if (thread == 0u) {
        atomicStore(&found, 0u);
    }
    workgroupBarrier();
    let first = flat_group(group) * BATCH;
    for (var i = thread; i < BATCH; i += THREADS) {
        let index = first + i;
        if (index < view.gaussians && splats[index].slot_count > FEW_SLOTS) {
            listed[atomicAdd(&found, 1u)] = index;
        }
    }
    workgroupBarrier();
    if (thread == 0u) {
        long_lists = atomicLoad(&found);
    }
    let lists = workgroupUniformLoad(&long_lists);
    for (var list = 0u; list < lists; list++) {
        let index = workgroupUniformLoad(&listed[list]);
        let slot = splats[index].first_slot;
        let count = splats[index].slot_count;
        for (var i = 0u; i < SLOT; i++) {
            fold(thread, slot_index(slot, i), SLOT, count);
        }
        //#if FLOW
        for (var i = 0u; i < FLOW_SLOT; i++) { fold(thread, flow_slot_index(slot, i), FLOW_SLOT, count); }
        if (thread == 0u) {
            splats[index].slot_count = 1u;
        }
    }
}
