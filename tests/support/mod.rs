//! What tests of the GPU share: the device, views of the oracle as the renderer takes them, and rows read back.

use std::sync::OnceLock;

use dapple::gpu::Gpu;
use dapple::model::{GEOMETRY_ROW, Rows, band_stride};
use dapple::render;
use glam::Vec3;

use crate::reference::cases::camera_of;
use crate::reference::project::{PARAMETERS, View};

/// The adapter of this machine, opened once.
pub fn gpu() -> Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    let open = || Gpu::open(None).expect("these tests need a Vulkan, Metal or DX12 adapter; a software one will do");
    GPU.get_or_init(open).clone()
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
    let geometry = gpu.read_range(&rows.geometry, 0, GEOMETRY_ROW * count).unwrap();
    let mut out = vec![[0.0; PARAMETERS]; count];
    for (to, row) in out.iter_mut().zip(geometry.chunks_exact(GEOMETRY_ROW)) {
        let flat = [row[0].x, row[0].y, row[0].z, row[1].x, row[1].y, row[1].z, row[1].w, row[2].x, row[2].y, row[2].z];
        for (to, from) in to.iter_mut().zip(flat.into_iter().chain([row[0].w])) {
            *to = f64::from(from);
        }
    }
    for band in 0..=degree as usize {
        let (stride, first) = (band_stride(band), 11 + 3 * band * band);
        let packed = gpu.read(&rows.sh[band]).unwrap();
        for (i, to) in out.iter_mut().enumerate() {
            for e in 0..stride {
                to[first + e] = f64::from(packed[(i / 4 * stride + e) * 4 + i % 4]);
            }
        }
    }
    out
}
