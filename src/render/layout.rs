//! What the buffers of a frame hold: the structs of `shaders/shared/layout/` on the host.

use glam::Vec4;

use crate::gpu::wgsl::constant;
use crate::shared;

shared! {
    /// A projected Gaussian as the rasterizer reads it, with its slots; see `shaders/shared/layout/splat.wgsl`.
    pub struct SplatRow {
        pub mean_conic: Vec4,
        pub conic_opacity: Vec4,
        pub features: Vec4,
        pub first_slot: u32,
        pub slot_count: u32,
        pub unused0: u32,
        pub unused1: u32,
    }
}

shared! {
    /// The flow of a splat; see `shaders/shared/layout/flow_splat.wgsl`.
    pub struct FlowSplat {
        pub moved: Vec4,
        pub change: Vec4,
    }
}

shared! {
    /// The two times of a flow; see `shaders/render/flow_gradient.wgsl`.
    pub struct Times {
        pub source: f32,
        pub destination: f32,
        pub unused0: f32,
        pub unused1: f32,
    }
}

shared! {
    /// What the device tells the host of the frames since the host last looked; see `shaders/shared/layout/status.wgsl`.
    pub struct FrameStatus {
        pub capacity: u32,
        pub overflowed: u32,
        pub needed: u32,
        pub non_finite: u32,
        pub steps: u32,
        pub unused0: u32,
        pub unused1: u32,
        pub unused2: u32,
    }
}

/// Floats of a slot.
pub const SLOT: usize = constant("layout/slot", "SLOT") as usize;
