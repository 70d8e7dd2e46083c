//! Long lists of slots, added into their first.

use bytemuck::Zeroable;
use dapple::gpu::Recorder;
use dapple::model::MotionKind;
use dapple::render::{FOLD_BATCH, FlowForm, FoldSlots, SLOT, SplatRow};

use crate::reference::cases::{self, Rng};
use crate::support::{device_view, gpu};

/// Slots that are not folded at most.
const FEW: u32 = 64;

/// The slots after folding, and how many each Gaussian then has: `stride` floats a slot, in f64.
fn folded(slots: &[f32], stride: usize, lists: &[(u32, u32)]) -> (Vec<f64>, Vec<u32>) {
    let mut out: Vec<f64> = slots.iter().map(|v| f64::from(*v)).collect();
    for &(first, count) in lists.iter().filter(|(_, count)| *count > FEW) {
        for i in 0..stride {
            let at = |k: u32| (first + k) as usize * stride + i;
            out[at(0)] = (0..count).map(|k| f64::from(slots[at(k)])).sum();
        }
    }
    (out, lists.iter().map(|(_, count)| if *count > FEW { 1 } else { *count }).collect())
}

/// At sizes around the edges of batch and list, with slots of the image alone and with those of both forms of flow.
#[test]
fn long_lists_of_slots_are_added_into_their_first() {
    let gpu = gpu();
    let mut rng = Rng::new(29);
    let form = |affine| FlowForm { affine, all: false, motion: MotionKind::Linear };
    let forms = [(0, 0), (1, form(false).slot()), (2, form(true).slot())];
    let mut long = 0;
    for (flow, flow_stride) in forms {
        for count in [1, FOLD_BATCH - 1, FOLD_BATCH, FOLD_BATCH + 1, 2 * FOLD_BATCH + 77] {
            let lengths = [0, 1, FEW - 1, FEW, FEW + 1, 130, 700];
            let mut next = 0;
            let lists: Vec<(u32, u32)> = (0..count)
                .map(|i| {
                    let length = if i % 50 == 0 {
                        lengths[(i / 50) as usize % 7].max(if i == 0 { 99 } else { 0 })
                    } else {
                        i % 3
                    };
                    next += length;
                    (next - length, length)
                })
                .collect();
            long += lists.iter().filter(|(_, length)| *length > FEW).count();
            let row = |(first, length): &(u32, u32)| SplatRow {
                first_slot: *first,
                slot_count: *length,
                ..SplatRow::zeroed()
            };
            let splats = gpu.upload("splats", &lists.iter().map(row).collect::<Vec<_>>()).unwrap();
            let floats = next as usize * (SLOT + flow_stride);
            let values: Vec<f32> = (0..floats).map(|_| rng.range(-1.0, 1.0) as f32).collect();
            let slots = gpu.upload("slots", &values).unwrap();
            let view = device_view(&cases::view(&mut Rng::new(1), 32, 32), count as usize);
            let view = gpu.upload("view", &[view]).unwrap();
            let kernel = gpu.pipeline::<FoldSlots>(&[("FLOW", flow)]).unwrap();
            let mut recorder = Recorder::new(&gpu, false);
            recorder.stage("fold", |pass| {
                let fold = FoldSlots { view: &view, splats: &splats, slot_gradients: &slots };
                kernel.dispatch_groups(pass, &fold, count.div_ceil(FOLD_BATCH));
            });
            recorder.finish().unwrap();
            let image = next as usize * SLOT;
            let (want, want_counts) = folded(&values[..image], SLOT, &lists);
            let (want_flow, _) =
                if flow == 0 { (Vec::new(), Vec::new()) } else { folded(&values[image..], flow_stride, &lists) };
            let got = gpu.read(&slots).unwrap();
            for (i, (got, want)) in got.iter().zip(want.iter().chain(&want_flow)).enumerate() {
                assert!(
                    (f64::from(*got) - want).abs() < 1e-4,
                    "flow {flow}, {count} Gaussians, float {i}: {got}, not {want}"
                );
            }
            let counts: Vec<u32> = gpu.read(&splats).unwrap().iter().map(|row| row.slot_count).collect();
            assert_eq!(counts, want_counts, "flow {flow}, {count} Gaussians");
        }
    }
    assert!(long > 50, "{long} long lists");
}
