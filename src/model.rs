//! The Gaussians on the GPU: a geometry row with the constant colour each, further bands of spherical harmonics, and a
//! motion row where they move.

use anyhow::{Result, ensure};
use glam::{Vec3, Vec4};
use half::f16;

use crate::gpu::wgsl::constant;
use crate::gpu::{Buffer, Gpu, GpuError};
use crate::scene::{Curves, GATE_SLOPE, Motion, Scene};

pub use crate::scene::MotionKind;
use crate::shared;

// The gates of the scene are the kernels'.
const _: () = assert!(GATE_SLOPE as f64 == constant("motion/fade", "GATE"));

shared! {
    /// The geometry of a Gaussian and its constant colour; see `shaders/shared/layout/geometry.wgsl`.
    pub struct GeometryRow {
        /// Mean; logit of the opacity.
        pub mean_logit: Vec4,
        /// w, x, y, z.
        pub quaternion: Vec4,
        /// Log-scales; unused.
        pub log_scale: Vec4,
        /// Constant band of the spherical harmonics, rgb; unused.
        pub colour: Vec4,
    }
}

shared! {
    /// How a Gaussian moves and fades; see `shaders/shared/layout/motion_row.wgsl`.
    pub struct MotionRow {
        /// Velocity; time centre.
        pub velocity_centre: Vec4,
        /// Log-duration; gate; x and y of the acceleration.
        pub duration_gate: Vec4,
        /// Angular velocity; z of the acceleration.
        pub turn: Vec4,
    }
}

impl MotionKind {
    /// The kernels' constant `MOTION`.
    pub fn constant(self) -> (&'static str, u32) {
        ("MOTION", self as u32)
    }

    /// Vectors of a motion row that have moments.
    pub fn vectors(self) -> usize {
        [0, 2, 3][self as usize]
    }
}

/// How the Gaussians of a model are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelForm {
    pub motion: MotionKind,
    /// Whether their spherical harmonics beyond the constant band are f16 rather than f32.
    pub packed: bool,
}

impl ModelForm {
    /// The constants of the kernels that choose by it.
    pub fn constants(self) -> [(&'static str, u32); 2] {
        [self.motion.constant(), ("PACKED", u32::from(self.packed))]
    }

    /// Whether the Gaussians have motion rows.
    pub fn is_moving(self) -> bool {
        self.motion != MotionKind::Static
    }

    /// Words of `[capacity]` Gaussians with `rest` coefficients beyond the constant one.
    pub fn sh_words(self, capacity: usize, rest: usize) -> usize {
        if self.packed { capacity * (3 * rest).div_ceil(2) } else { capacity.next_multiple_of(4) * 3 * rest }
    }
}

/// Coefficients of the spherical harmonics of a degree beyond the constant one.
pub const fn sh_rest(degree: u32) -> usize {
    ((degree + 1) * (degree + 1) - 1) as usize
}

/// The parameters of every Gaussian. Clones share the memory.
#[derive(Clone, Debug)]
pub struct Rows {
    /// `[capacity]`.
    pub geometry: Buffer<GeometryRow>,
    /// Spherical harmonics beyond the constant band, in words: bits of f32, `[capacity / 4][3 rest][4]`, four Gaussians
    /// side by side, or packed two f16 a word, `[capacity][ceil(3 rest / 2)]`; coefficient-major, rgb innermost. See
    /// `shaders/shared/layout/sh_full.wgsl` and `sh_packed.wgsl`.
    pub sh: Buffer<u32>,
    /// `[capacity]`; of length 0 in a static scene.
    pub motion: Buffer<MotionRow>,
}

impl Rows {
    /// Zeroed rows for `capacity` Gaussians.
    pub fn zeros(gpu: &Gpu, capacity: usize, sh_degree: u32, form: ModelForm) -> Result<Self, GpuError> {
        Ok(Self {
            geometry: gpu.zeros("gaussians: geometry", capacity)?,
            sh: gpu.zeros("gaussians: spherical harmonics", form.sh_words(capacity, sh_rest(sh_degree)))?,
            motion: gpu.zeros("gaussians: motion", if form.is_moving() { capacity } else { 0 })?,
        })
    }

    /// Makes room for `capacity` Gaussians, one buffer after the other, so that no two have to be there twice.
    fn make_room(&mut self, gpu: &Gpu, capacity: usize, sh_degree: u32, form: ModelForm) -> Result<(), GpuError> {
        self.geometry = gpu.grown(&self.geometry, capacity)?;
        self.sh = gpu.grown(&self.sh, form.sh_words(capacity, sh_rest(sh_degree)))?;
        self.motion = gpu.grown(&self.motion, if form.is_moving() { capacity } else { 0 })?;
        Ok(())
    }
}

/// A scene on the GPU.
#[derive(Debug)]
pub struct Model {
    pub rows: Rows,
    len: usize,
    capacity: usize,
    sh_degree: u32,
    form: ModelForm,
}

impl Model {
    /// Uploads a scene in full precision.
    pub fn upload(gpu: &Gpu, scene: &Scene) -> Result<Self> {
        Self::with_capacity(gpu, scene, scene.len())
    }

    /// Uploads a scene in full precision with room for `capacity` Gaussians.
    ///
    /// # Errors
    /// A scene that does not validate or fit, and all that [`Gpu::zeros`] refuses.
    pub fn with_capacity(gpu: &Gpu, scene: &Scene, capacity: usize) -> Result<Self> {
        let form = ModelForm { motion: MotionKind::of(scene.motion.as_ref()), packed: false };
        let mut model = Self::empty(gpu, capacity, scene.sh_degree, form)?;
        model.load(gpu, scene)?;
        Ok(model)
    }

    /// Room for `capacity` Gaussians, and none in it.
    pub fn empty(gpu: &Gpu, capacity: usize, sh_degree: u32, form: ModelForm) -> Result<Self, GpuError> {
        Ok(Self { rows: Rows::zeros(gpu, capacity, sh_degree, form)?, len: 0, capacity, sh_degree, form })
    }

    /// Makes room for `capacity` Gaussians. Who shares the model keeps the old memory, which is not trained any more.
    ///
    /// # Errors
    /// All that [`Gpu::zeros`] refuses.
    pub fn make_room(&mut self, gpu: &Gpu, capacity: usize) -> Result<(), GpuError> {
        self.rows.make_room(gpu, capacity, self.sh_degree, self.form)?;
        self.capacity = capacity;
        Ok(())
    }

    /// The same Gaussians in the same memory.
    pub fn sharing(&self) -> Self {
        Self { rows: self.rows.clone(), ..*self }
    }

    /// A model with geometry of its own, still zero, that shares everything else with this one.
    pub fn sharing_all_but_geometry(&self, gpu: &Gpu) -> Result<Self, GpuError> {
        let geometry = gpu.zeros("gaussians: geometry", self.capacity)?;
        Ok(Self { rows: Rows { geometry, ..self.rows.clone() }, ..*self })
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
        ensure!(scene.motion.is_some() == self.form.is_moving(), "a static and a moving scene do not share a model");
        ensure!(
            MotionKind::of(scene.motion.as_ref()) <= self.form.motion,
            "a scene whose Gaussians turn in a model of linear motion"
        );
        gpu.write(&self.rows.geometry, 0, &geometry_rows(scene));
        if let Some(motion) = &scene.motion {
            gpu.write(&self.rows.motion, 0, &motion_rows(motion));
        }
        gpu.write(&self.rows.sh, 0, &pack_sh(scene, self.form));
        self.len = len;
        Ok(())
    }

    /// Reads the scene back.
    pub fn download(&self, gpu: &Gpu) -> Result<Scene> {
        let mut scene = Scene { sh_degree: self.sh_degree, ..Scene::default() };
        let rows = gpu.read_range(&self.rows.geometry, 0, self.len)?;
        for row in &rows {
            scene.means.push(row.mean_logit.truncate());
            scene.logits.push(row.mean_logit.w);
            scene.quaternions.push(row.quaternion.to_array());
            scene.log_scales.push(row.log_scale.truncate());
        }
        if self.form.is_moving() {
            let rows = gpu.read_range(&self.rows.motion, 0, self.len)?;
            scene.motion = Some(unpack_motion(&rows, self.form.motion));
        }
        let stride = scene.sh_stride();
        scene.sh = vec![0.0; self.len * stride];
        for (to, row) in scene.sh.chunks_exact_mut(stride).zip(&rows) {
            to[..3].copy_from_slice(&row.colour.to_array()[..3]);
        }
        unpack_sh(
            &mut scene,
            self.form,
            &gpu.read_range(&self.rows.sh, 0, self.form.sh_words(self.len, self.sh_rest()))?,
        );
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
        self.form.is_moving()
    }

    /// How the Gaussians are stored.
    pub fn form(&self) -> ModelForm {
        self.form
    }

    /// Coefficients of the spherical harmonics that each Gaussian has beyond the constant one.
    pub fn sh_rest(&self) -> usize {
        sh_rest(self.sh_degree)
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
        colour: Vec3::from_slice(&scene.sh[i * scene.sh_stride()..]).extend(0.0),
    };
    (0..scene.len()).map(row).collect()
}

fn motion_rows(motion: &Motion) -> Vec<MotionRow> {
    let row = |i: usize| {
        let curve = motion.curves.as_ref().map(|curves| (curves.accelerations[i], curves.angular_velocities[i]));
        let (bend, turn) = curve.unwrap_or_default();
        MotionRow {
            velocity_centre: motion.velocities[i].extend(motion.centres[i]),
            duration_gate: Vec4::new(motion.log_durations[i], motion.gates[i], bend.x, bend.y),
            turn: turn.extend(bend.z),
        }
    };
    (0..motion.centres.len()).map(row).collect()
}

fn unpack_motion(rows: &[MotionRow], kind: MotionKind) -> Motion {
    let mut motion = Motion::default();
    let mut curves = Curves::default();
    for row in rows {
        motion.velocities.push(row.velocity_centre.truncate());
        motion.centres.push(row.velocity_centre.w);
        motion.log_durations.push(row.duration_gate.x);
        motion.gates.push(row.duration_gate.y);
        curves.accelerations.push(Vec3::new(row.duration_gate.z, row.duration_gate.w, row.turn.w));
        curves.angular_velocities.push(row.turn.truncate());
    }
    motion.curves = (kind == MotionKind::Curved).then_some(curves);
    motion
}

/// Where element `e` of Gaussian `g` lies in a buffer of blocks of four Gaussians.
fn blocked(g: usize, e: usize, stride: usize) -> usize {
    (g / 4 * stride + e) * 4 + g % 4
}

/// The bands of a scene beyond the constant one, as words.
fn pack_sh(scene: &Scene, form: ModelForm) -> Vec<u32> {
    let stride = scene.sh_stride() - 3;
    let mut words = vec![0; form.sh_words(scene.len(), stride / 3)];
    if stride == 0 {
        return words;
    }
    let own = words.len() / scene.len().max(1);
    for (g, row) in scene.sh.chunks_exact(scene.sh_stride()).enumerate() {
        if form.packed {
            for (word, pair) in words[g * own..][..own].iter_mut().zip(row[3..].chunks(2)) {
                let half = |i: usize| u32::from(f16::from_f32(pair.get(i).copied().unwrap_or(0.0)).to_bits());
                *word = half(0) | half(1) << 16;
            }
        } else {
            (0..stride).for_each(|e| words[blocked(g, e, stride)] = row[3 + e].to_bits());
        }
    }
    words
}

fn unpack_sh(scene: &mut Scene, form: ModelForm, words: &[u32]) {
    let (row_stride, own) = (scene.sh_stride(), words.len() / scene.len().max(1));
    let stride = row_stride - 3;
    for (g, row) in scene.sh.chunks_exact_mut(row_stride).enumerate() {
        for e in 0..stride {
            row[3 + e] = if form.packed {
                f16::from_bits((words[g * own + e / 2] >> (16 * (e % 2))) as u16).to_f32()
            } else {
                f32::from_bits(words[blocked(g, e, stride)])
            };
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
