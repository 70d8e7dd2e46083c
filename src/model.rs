//! The Gaussians on the GPU: one geometry row and four bands of spherical harmonics each, and a motion row where they
//! move.

use anyhow::{Result, ensure};
use glam::{Vec3, Vec4};

use crate::gpu::wgsl::constant;
use crate::gpu::{Buffer, Gpu, GpuError};
use crate::scene::{GATE_SLOPE, Motion, Scene};
use crate::shared;

// The gates of the scene are the kernels'.
const _: () = assert!(GATE_SLOPE as f64 == constant("motion/linear", "GATE"));

/// Bands of spherical harmonics, 0 to 3.
pub const BANDS: usize = 4;

shared! {
    /// The geometry of a Gaussian; see `shaders/shared/layout/geometry.wgsl`.
    pub struct GeometryRow {
        /// Mean; logit of the opacity.
        pub mean_logit: Vec4,
        /// w, x, y, z.
        pub quaternion: Vec4,
        /// Log-scales; unused.
        pub log_scale: Vec4,
    }
}

shared! {
    /// How a Gaussian moves and fades; see `shaders/shared/layout/motion_row.wgsl`.
    pub struct MotionRow {
        /// Velocity; time centre.
        pub velocity_centre: Vec4,
        /// Log-duration, gate, unused, unused.
        pub duration_gate: Vec4,
    }
}

/// Floats that a Gaussian has in a band.
pub const fn band_stride(band: usize) -> usize {
    3 * (2 * band + 1)
}

/// One value for every parameter of every Gaussian: the parameters themselves, or one of the optimiser's moments.
/// Clones share the memory.
#[derive(Clone, Debug)]
pub struct Rows {
    /// `[capacity]`.
    pub geometry: Buffer<GeometryRow>,
    /// By band: `[capacity / 4][3 (2 band + 1)][4]`, four Gaussians side by side, coefficient-major, rgb innermost. Bands
    /// above the degree are of length 0. One buffer a band, so that none meets a 2 GiB limit below 25 M Gaussians.
    pub sh: [Buffer<f32>; BANDS],
    /// `[capacity]`; of length 0 in a static scene.
    pub motion: Buffer<MotionRow>,
}

impl Rows {
    /// Zeroed rows for `capacity` Gaussians, which may be `moving`.
    pub fn zeros(gpu: &Gpu, capacity: usize, sh_degree: u32, moving: bool) -> Result<Self, GpuError> {
        let blocks = capacity.div_ceil(4);
        let band = |band: usize| {
            let blocks = if band as u32 <= sh_degree { blocks } else { 0 };
            gpu.zeros("gaussians: spherical harmonics", blocks * 4 * band_stride(band))
        };
        Ok(Self {
            geometry: gpu.zeros("gaussians: geometry", capacity)?,
            sh: [band(0)?, band(1)?, band(2)?, band(3)?],
            motion: gpu.zeros("gaussians: motion", if moving { capacity } else { 0 })?,
        })
    }
}

/// A scene on the GPU.
#[derive(Debug)]
pub struct Model {
    pub rows: Rows,
    len: usize,
    capacity: usize,
    sh_degree: u32,
    moving: bool,
}

impl Model {
    /// Uploads a scene.
    pub fn upload(gpu: &Gpu, scene: &Scene) -> Result<Self> {
        Self::with_capacity(gpu, scene, scene.len())
    }

    /// Uploads a scene with room for `capacity` Gaussians.
    ///
    /// # Errors
    /// A scene that does not validate or fit, and all that [`Gpu::zeros`] refuses.
    pub fn with_capacity(gpu: &Gpu, scene: &Scene, capacity: usize) -> Result<Self> {
        let mut model = Self::empty(gpu, capacity, scene.sh_degree, scene.motion.is_some())?;
        model.load(gpu, scene)?;
        Ok(model)
    }

    /// Room for `capacity` Gaussians, which may be `moving`, and none in it.
    pub fn empty(gpu: &Gpu, capacity: usize, sh_degree: u32, moving: bool) -> Result<Self, GpuError> {
        Ok(Self { rows: Rows::zeros(gpu, capacity, sh_degree, moving)?, len: 0, capacity, sh_degree, moving })
    }

    /// The same Gaussians in the same memory.
    pub fn sharing(&self) -> Self {
        Self { rows: self.rows.clone(), ..*self }
    }

    /// A model with geometry and constant colours of its own, still zero, that shares everything else with this one.
    pub fn sharing_all_but_geometry_and_colour(&self, gpu: &Gpu) -> Result<Self, GpuError> {
        let own = Rows::zeros(gpu, self.capacity, 0, false)?;
        let [_, sh1, sh2, sh3] = self.rows.sh.clone();
        let [sh0, ..] = own.sh;
        let rows = Rows { geometry: own.geometry, sh: [sh0, sh1, sh2, sh3], motion: self.rows.motion.clone() };
        Ok(Self { rows, ..*self })
    }

    /// Replaces all Gaussians by those of a scene.
    ///
    /// # Errors
    /// A scene that does not validate or fit, is of another degree, or moves where the model does not or the reverse.
    pub fn load(&mut self, gpu: &Gpu, scene: &Scene) -> Result<()> {
        scene.validate()?;
        let (len, capacity) = (scene.len(), self.capacity);
        ensure!(len <= capacity, "{len} Gaussians do not fit a capacity of {capacity}");
        ensure!(
            scene.sh_degree == self.sh_degree,
            "a scene of degree {} in a model of {}",
            scene.sh_degree,
            self.sh_degree
        );
        ensure!(scene.motion.is_some() == self.moving, "a static and a moving scene do not share a model");
        gpu.write(&self.rows.geometry, 0, &geometry_rows(scene));
        if let Some(motion) = &scene.motion {
            gpu.write(&self.rows.motion, 0, &motion_rows(motion));
        }
        for band in 0..=scene.sh_degree as usize {
            gpu.write(&self.rows.sh[band], 0, &pack_band(scene, band));
        }
        self.len = len;
        Ok(())
    }

    /// Reads the scene back.
    pub fn download(&self, gpu: &Gpu) -> Result<Scene> {
        let mut scene = Scene { sh_degree: self.sh_degree, ..Scene::default() };
        for row in gpu.read_range(&self.rows.geometry, 0, self.len)? {
            scene.means.push(row.mean_logit.truncate());
            scene.logits.push(row.mean_logit.w);
            scene.quaternions.push(row.quaternion.to_array());
            scene.log_scales.push(row.log_scale.truncate());
        }
        if self.moving {
            scene.motion = Some(unpack_motion(&gpu.read_range(&self.rows.motion, 0, self.len)?));
        }
        scene.sh = vec![0.0; self.len * scene.sh_stride()];
        for band in 0..=self.sh_degree as usize {
            let used = self.len.div_ceil(4) * 4 * band_stride(band);
            unpack_band(&mut scene, band, &gpu.read_range(&self.rows.sh[band], 0, used)?);
        }
        Ok(scene)
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub fn sh_degree(&self) -> u32 {
        self.sh_degree
    }

    /// Whether the Gaussians have motion rows.
    pub fn is_moving(&self) -> bool {
        self.moving
    }

    /// Says that the rows below `len` now hold Gaussians.
    pub fn set_len(&mut self, len: usize) {
        assert!(len <= self.capacity, "the model holds at most {} Gaussians", self.capacity);
        self.len = len;
    }
}

fn geometry_rows(scene: &Scene) -> Vec<GeometryRow> {
    let row = |i: usize| GeometryRow {
        mean_logit: scene.means[i].extend(scene.logits[i]),
        quaternion: Vec4::from(scene.quaternions[i]),
        log_scale: scene.log_scales[i].extend(0.0),
    };
    (0..scene.len()).map(row).collect()
}

fn motion_rows(motion: &Motion) -> Vec<MotionRow> {
    let row = |i: usize| MotionRow {
        velocity_centre: motion.velocities[i].extend(motion.centres[i]),
        duration_gate: Vec4::new(motion.log_durations[i], motion.gates[i], 0.0, 0.0),
    };
    (0..motion.centres.len()).map(row).collect()
}

fn unpack_motion(rows: &[MotionRow]) -> Motion {
    let mut motion = Motion::default();
    for row in rows {
        motion.velocities.push(row.velocity_centre.truncate());
        motion.centres.push(row.velocity_centre.w);
        motion.log_durations.push(row.duration_gate.x);
        motion.gates.push(row.duration_gate.y);
    }
    motion
}

/// Where element `e` of Gaussian `g` lies in a buffer of blocks of four Gaussians.
fn blocked(g: usize, e: usize, stride: usize) -> usize {
    (g / 4 * stride + e) * 4 + g % 4
}

fn pack_band(scene: &Scene, band: usize) -> Vec<f32> {
    let (stride, first) = (band_stride(band), 3 * band * band);
    let mut packed = vec![0.0; scene.len().div_ceil(4) * 4 * stride];
    for (g, row) in scene.sh.chunks_exact(scene.sh_stride()).enumerate() {
        for e in 0..stride {
            packed[blocked(g, e, stride)] = row[first + e];
        }
    }
    packed
}

fn unpack_band(scene: &mut Scene, band: usize, packed: &[f32]) {
    let (stride, first) = (band_stride(band), 3 * band * band);
    let row_stride = scene.sh_stride();
    for (g, row) in scene.sh.chunks_exact_mut(row_stride).enumerate() {
        for e in 0..stride {
            row[first + e] = packed[blocked(g, e, stride)];
        }
    }
}

/// Robust bounds of a scene: the box between the 1st and 99th percentile of the means along each axis.
pub fn robust_bounds(scene: &Scene) -> Option<(Vec3, Vec3)> {
    if scene.is_empty() {
        return None;
    }
    let (mut low, mut high) = (Vec3::ZERO, Vec3::ZERO);
    for axis in 0..3 {
        let mut values: Vec<f32> = scene.means.iter().map(|m| m[axis]).collect();
        values.sort_by(f32::total_cmp);
        low[axis] = values[values.len() / 100];
        high[axis] = values[values.len() - 1 - values.len() / 100];
    }
    Some((low, high))
}
