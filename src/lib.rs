//! Dapple: 3D Gaussian splatting, trained, viewed and exported on any GPU.
//!
//! # One step of training
//!
//! ```text
//!  dataset ──Shot{camera, picture}──────────────┐
//!                                               ▼
//!  model ──▶ project ──▶ depth sort ──▶ emit pairs ──▶ tile sort ──▶ rasterize ──▶ loss
//!  (rows)    EWA, SH     visible        exact tiles    by tile       rgb + T       L1 + SSIM
//!    ▲                                                                               │ ∂L/∂pixel
//!    │                                                                               ▼
//!    └── update ◀── one gradient record per (Gaussian, tile) slot ◀── rasterize backward
//!        slot sums → adjoints → regularisers → Adam → noise; now and then relocation and growth
//! ```
//!
//! In a scene in time a Gaussian moves along a line and fades in and out: `project` takes it where it is at the view's time,
//! `update` goes back to its velocity, time centre and duration. Optical flow is two more channels of the rasterizer, whose
//! gradient supervises velocities ([`render::FlowForm`]). Static scenes run kernels that hold nothing of either.
//!
//! Rendering is the upper line alone, and everything that shows a picture goes through the same [`render::Renderer`].
//!
//! # Where to start reading
//!
//! [`camera`] holds the conventions, [`scene`] the Gaussians on the host, [`model`] the same on the GPU. [`render`] is the
//! forward and backward pass, [`train::trainer`] puts a step together. A kernel is one file in `shaders/` and one
//! declaration; [`gpu::kernel`] says how, and its serial twin in `tests/reference/` says what it must compute.
//! `docs/architecture.md` tells more of all this, `docs/algorithms.md` has the mathematics, `docs/formats.md` the files.
//!
//! # Using the library
//!
//! Everything goes through a [`scene::Scene`], a few arrays on the host: formats read into it and write from it, [`edit`]
//! changes it, [`render::SceneView`] renders it, and [`train::Session`] makes one of a capture. `examples/` has a program of
//! each kind.
//!
//! ```
//! use dapple::{edit, format, scene::Scene};
//! use glam::{DVec3, Vec3};
//!
//! # fn main() -> anyhow::Result<()> {
//! // Two white Gaussians of 10 cm, one opaque and one that hardly shows.
//! let mut scene = Scene {
//!     means: vec![Vec3::ZERO, Vec3::X],
//!     quaternions: vec![[1.0, 0.0, 0.0, 0.0]; 2],
//!     log_scales: vec![Vec3::splat(0.1_f32.ln()); 2],
//!     logits: vec![4.0, -6.0],
//!     sh: vec![1.77; 6],
//!     ..Scene::default()
//! };
//! scene.retain(|scene, i| edit::peak_opacity(scene, i) >= 0.01);
//! edit::Similarity::translation(DVec3::Y).apply_to(&mut scene);
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("scene.spz");
//! format::write_scene(&path, &scene)?;
//! let found = format::load(&path)?;
//! assert_eq!((found.scene.len(), found.version.as_str()), (1, "4"));
//! assert!(found.scene.means[0].distance(Vec3::Y) < 1e-3);
//! # Ok(())
//! # }
//! ```
//!
//! # Conventions
//!
//! * Cameras: OpenCV axes (x right, y down, z forward), world-to-camera poses, pixel centres at +½.
//! * Quaternions: (w, x, y, z), normalised at use. Scales: logarithms of standard deviations. Opacity: logits.
//! * Colours: display-referred sRGB. Spherical harmonics: coefficient-major, RGB innermost.
//! * Training runs in a normalised frame ([`scene::Normalisation`]); files are always in the capture's own.
//! * Determinism: no float atomics, stable sorts, fixed reduction orders, counter-based random numbers. On one adapter,
//!   equal seeds give equal bytes, and a resumed run equals one that was never stopped.
//!
//! # Imports
//!
//! They go one way: `cli → view → train → render → model → primitives → gpu`; `synth → dataset → scene → camera`;
//! `blocks → train`, for `cli`; `photos → dataset`, for `cli`; `format → edit → scene → camera`; `model → scene`;
//! `image → format`, for `train`, `page`, `view` and `cli`; `page → render`, for `cli`. `tests/layers.rs` holds the crate to
//! that.

pub mod blocks;
pub mod camera;
#[cfg(feature = "cli")]
pub mod cli;
pub mod dataset;
pub mod edit;
pub mod format;
pub mod gpu;
pub mod image;
pub mod model;
pub mod page;
pub mod photos;
pub mod primitives;
pub mod render;
pub mod scene;
pub mod synth;
pub mod train;
#[cfg(feature = "viewer")]
pub mod view;
