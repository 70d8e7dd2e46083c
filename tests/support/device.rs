//! What tests of the GPU share: the device, views of the oracle as the renderer takes them, and rows read back.

use std::sync::OnceLock;

use dapple::gpu::Gpu;
use dapple::model::{ModelForm, MotionKind, MotionRow, Rows, sh_rest};
use dapple::primitives::in_one_subgroup;
use dapple::render::{self, LaneForm, Renderer};
use dapple::train::moments::{Moments, moment_vectors};
use glam::{Vec3, Vec4};

use crate::reference::cases::camera_of;
use crate::reference::motion::MOTION;
use crate::reference::project::{PARAMETERS, View};

/// The adapter of this machine, opened once.
pub fn gpu() -> Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    let open = || Gpu::open(None).expect("these tests need a Vulkan, Metal or DX12 adapter; a software one will do");
    GPU.get_or_init(open).clone()
}

/// The width of subgroups that the tests are told to run the rasterizer in; unset, the adapter's own form is taken.
fn wanted_lanes() -> Option<u32> {
    let wanted = std::env::var("DAPPLE_TEST_LANES").ok()?;
    Some(wanted.parse().expect("DAPPLE_TEST_LANES is a number of lanes"))
}

/// Whether the adapter can run a form of the rasterizer; says so where it cannot.
///
/// # Panics
/// Where it cannot and `DAPPLE_TEST_LANES` asks for that form.
pub fn can_run(form: LaneForm) -> bool {
    let can = !form.subgroups || in_one_subgroup(&gpu(), form.lanes).unwrap();
    if !can {
        let adapter = gpu().describe();
        assert!(wanted_lanes() != Some(form.lanes), "{adapter} has no subgroups of {} lanes", form.lanes);
        eprintln!("SKIPPED: {adapter} has no subgroups of {} lanes", form.lanes);
    }
    can
}

/// The form of the rasterizer that the tests of stages run: the adapter's, or that of `DAPPLE_TEST_LANES`.
fn lane_form() -> LaneForm {
    let Some(lanes) = wanted_lanes() else { return LaneForm::of(&gpu()) };
    let form = LaneForm { lanes, subgroups: true };
    assert!(can_run(form));
    form
}

pub fn renderer() -> Renderer {
    Renderer::with_form(&gpu(), lane_form(), false).unwrap()
}

pub fn training_renderer() -> Renderer {
    Renderer::with_form(&gpu(), lane_form(), true).unwrap()
}

/// A view of the oracle, for the renderer under test.
pub fn device_view(view: &View<f64>, gaussians: usize) -> render::View {
    let background = Vec3::from_array(view.background.map(|v| v as f32));
    render::View::new(&camera_of(view), gaussians, view.near as f32).with_colour(
        background,
        view.sh_degree,
        view.antialiased,
    )
}

/// The first `count` rows, each in the order of the oracle's `Gaussian::to_array`; zero above `degree`.
pub fn read_rows(gpu: &Gpu, rows: &Rows, count: usize, degree: u32) -> Vec<[f64; PARAMETERS]> {
    let geometry = gpu.read_range(&rows.geometry, 0, count).unwrap();
    let mut out = vec![[0.0; PARAMETERS]; count];
    for (to, row) in out.iter_mut().zip(geometry) {
        let (m, q, s) = (row.mean_logit, row.quaternion, row.log_scale);
        let c = row.colour;
        let flat = [m.x, m.y, m.z, q.x, q.y, q.z, q.w, s.x, s.y, s.z, m.w, c.x, c.y, c.z];
        for (to, from) in to.iter_mut().zip(flat) {
            *to = f64::from(from);
        }
    }
    let stride = 3 * sh_rest(degree);
    let words = gpu.read_range(&rows.sh, 0, count.next_multiple_of(4) * stride).unwrap();
    for (i, to) in out.iter_mut().enumerate() {
        for e in 0..stride {
            to[14 + e] = f64::from(f32::from_bits(words[(i / 4 * stride + e) * 4 + i % 4]));
        }
    }
    out
}

/// First and second moments in full precision, each as rows of parameters.
pub fn read_moments(moments: &Moments, capacity: usize, degree: u32, motion: MotionKind) -> [Rows; 2] {
    let (gpu, form) = (gpu(), ModelForm { motion, packed: false });
    let vectors = gpu.read(&moments.rows).unwrap();
    [0, 1].map(|which| {
        let rows = Rows { sh: moments.sh[which].clone(), ..Rows::zeros(&gpu, capacity, degree, form).unwrap() };
        let own = vectors.chunks_exact(moment_vectors(form));
        let geometry: Vec<Vec4> = own.clone().flat_map(|row| row[4 * which..][..4].to_vec()).collect();
        gpu.write(&rows.geometry.cast(), 0, &geometry[..4 * capacity]);
        let vectors = motion.vectors();
        if vectors > 0 {
            // What the model does not use is zero.
            let whole = |row: &[Vec4]| {
                let own = &row[8 + vectors * which..][..vectors];
                [0, 1, 2].map(|i| own.get(i).copied().unwrap_or(Vec4::ZERO))
            };
            let motion: Vec<Vec4> = own.flat_map(whole).collect();
            gpu.write(&rows.motion.cast(), 0, &motion[..3 * capacity]);
        }
        rows
    })
}

/// Moments in full precision whose first are all ones and whose second all twos, for the first `count` Gaussians.
pub fn made_moments(count: usize, capacity: usize, degree: u32, motion: MotionKind) -> Moments {
    let (gpu, form) = (gpu(), ModelForm { motion, packed: false });
    let moments = Moments::zeros(&gpu, capacity, degree, form).unwrap();
    let vectors = motion.vectors();
    let row = [vec![1.0; 4], vec![2.0; 4], vec![1.0; vectors], vec![2.0; vectors]].concat();
    let row = row.into_iter().take(moment_vectors(form));
    let row: Vec<Vec4> = row.map(Vec4::splat).collect();
    gpu.write(&moments.rows, 0, &row.repeat(count));
    let stride = 3 * sh_rest(degree);
    for (value, sh) in [1.0_f32, 2.0].iter().zip(&moments.sh) {
        // Whole blocks of four: the rows behind the last Gaussian stay zero.
        let mut filled = vec![0; sh.len()];
        for g in 0..count {
            (0..stride).for_each(|e| filled[(g / 4 * stride + e) * 4 + g % 4] = value.to_bits());
        }
        gpu.write(sh, 0, &filled);
    }
    moments
}

/// The first `count` motion rows, in the order of the oracle's `Motion::to_array`.
pub fn read_motion(rows: &Rows, count: usize) -> Vec<[f64; MOTION]> {
    let rows = gpu().read_range(&rows.motion, 0, count).unwrap();
    let flat = |row: &MotionRow| {
        let (v, d) = (row.velocity_centre, row.duration_gate);
        let t = row.turn;
        [v.x, v.y, v.z, v.w, d.x, d.y, d.z, d.w, t.w, t.x, t.y, t.z].map(f64::from)
    };
    rows.iter().map(flat).collect()
}

/// Which Gaussians the frame last rendered shows.
pub fn seen(frame: &render::Frame, count: usize) -> Vec<bool> {
    let splats = gpu().read(frame.buffers().splats).unwrap();
    splats[..count].iter().map(|splat| splat.slot_count > 0).collect()
}
