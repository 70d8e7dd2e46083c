//! A kernel is one WGSL file and one declaration; [`check`](super::check()) compares them, and a
//! [`Pipeline`](super::Pipeline) runs them.
//!
//! ```
//! use dapple::gpu::{Kernel, check};
//! use dapple::{kernel, shared};
//!
//! shared! {
//!     /// The struct `Level` of the shader: the same name, field names, types and offsets.
//!     pub struct Level { pub capacity: u32, pub width: u32, pub depth: u32 }
//! }
//! kernel! {
//!     /// Sums of 32 rows each.
//!     pub ReduceRows = "primitives/reduce_rows.wgsl" [] {
//!         uniform level: Level, read count: u32, read rows: f32, write sums: f32
//!     }
//! }
//! // Without a GPU: does the shader agree with its declaration?
//! let checked = check(&ReduceRows::DECLARATION, &[]).unwrap();
//! assert_eq!(checked.invocations, 64);
//! ```
//!
//! With a GPU, `gpu.pipeline::<ReduceRows>(&[])?` compiles it and [`Pipeline::dispatch`](super::Pipeline::dispatch) dispatches it. The file is looked up
//! in the folder `shaders/` of the crate that declares the kernel, which needs `bytemuck` for [`shared!`](crate::shared).
//!
//! Constants make variants of a kernel: `[LANES = 8 in [8, 32], FLOW = 0 in [0, 1, 2]]` gives each its default and all
//! its legal values, and the test over all kernels composes and validates every combination. A pipeline asks for others
//! than the defaults by `gpu.pipeline::<Name>(&[("LANES", 32)])`. The shader uses the constants and does not declare
//! them: composing writes `const LANES: u32 = 32u;` in front of it.
//!
//! That test finds a declaration in the lists `DECLARATIONS` of the rooms; see `tests/shaders.rs`.

use super::wgsl::Constants;

/// How a kernel uses a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Uniform,
    Read,
    Write,
}

/// The shape of a buffer's element, as WGSL sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    F32,
    U32,
    /// An `atomic<u32>` on the shader's side, a `u32` on ours.
    AtomicU32,
    Vec2U32,
    Vec4F32,
    Struct {
        name: &'static str,
        size: usize,
        fields: &'static [Field],
    },
}

/// A field of a struct that host and shader share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    /// In bytes from the start of the struct.
    pub offset: usize,
    /// The type as WGSL writes it. An `atomic<u32>` of the shader counts as `u32`.
    pub wgsl: &'static str,
}

/// A Rust type that may be a field of a [`shared!`](crate::shared) struct.
pub trait FieldType {
    /// The same type in WGSL.
    const WGSL: &'static str;
}

impl FieldType for f32 {
    const WGSL: &'static str = "f32";
}
impl FieldType for u32 {
    const WGSL: &'static str = "u32";
}
impl FieldType for glam::Vec4 {
    const WGSL: &'static str = "vec4<f32>";
}
impl FieldType for [u32; 4] {
    const WGSL: &'static str = "vec4<u32>";
}

/// A Rust type that may be an element of a shader's buffer.
pub trait Element: bytemuck::Pod {
    const SHAPE: Shape;
}

impl Element for f32 {
    const SHAPE: Shape = Shape::F32;
}
impl Element for u32 {
    const SHAPE: Shape = Shape::U32;
}
impl Element for [u32; 2] {
    const SHAPE: Shape = Shape::Vec2U32;
}
impl Element for glam::Vec4 {
    const SHAPE: Shape = Shape::Vec4F32;
}

/// A struct with the same name, field names, field types and offsets as one in WGSL.
#[macro_export]
macro_rules! shared {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $name { $($(#[$field_meta])* pub $field: $ty),* }

        impl $crate::gpu::kernel::Element for $name {
            const SHAPE: $crate::gpu::kernel::Shape = $crate::gpu::kernel::Shape::Struct {
                name: stringify!($name),
                size: size_of::<$name>(),
                fields: &[$($crate::gpu::kernel::Field {
                    name: stringify!($field),
                    offset: std::mem::offset_of!($name, $field),
                    wgsl: <$ty as $crate::gpu::kernel::FieldType>::WGSL,
                }),*],
            };
        }
    };
}

/// One binding of a kernel, in the order of `@binding`.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub name: &'static str,
    pub access: Access,
    pub shape: Shape,
    /// The constant without which the binding is not there: it exists only in variants where that is not zero.
    pub when: Option<&'static str>,
}

/// A constant of a kernel, a WGSL `const NAME: u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    pub name: &'static str,
    pub default: u32,
    /// Every value that a variant may have.
    pub legal: &'static [u32],
}

/// All that is known of a kernel without a GPU.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    pub name: &'static str,
    /// File name in `shaders/`.
    pub file: &'static str,
    pub source: &'static str,
    pub constants: &'static [Constant],
    pub bindings: &'static [Binding],
}

/// A kernel's bindings at one dispatch.
pub trait Kernel {
    /// The kernel type with its lifetime erased, which names the pipeline that runs it.
    type Static: Kernel;

    const DECLARATION: Declaration;

    /// The raw buffers in the order of the declaration.
    fn buffers(&self) -> Vec<&wgpu::Buffer>;
}

/// Declares a kernel: see the module's page. An access is `uniform`, `read`, `write` (read and write) or `atomic` (of
/// `atomic<u32>`, with the type `u32`); a type is an [`Element`](crate::gpu::kernel::Element). `read(FLAG)` is
/// a binding only of the variants in which the constant `FLAG` is not zero; it stands behind those of all variants.
#[macro_export]
macro_rules! kernel {
    ($(#[$meta:meta])* pub $name:ident = $file:literal [$($constant:ident = $value:literal in $legal:expr),* $(,)?] {
        $($access:ident $(($when:ident))? $binding:ident: $ty:ty),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name<'a> { $(pub $binding: &'a $crate::gpu::Buffer<$ty>),* }

        impl $crate::gpu::Kernel for $name<'_> {
            type Static = $name<'static>;

            const DECLARATION: $crate::gpu::Declaration = $crate::gpu::Declaration {
                name: stringify!($name),
                file: $file,
                source: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)),
                constants: &[$($crate::gpu::kernel::Constant {
                    name: stringify!($constant),
                    default: $value,
                    legal: &$legal,
                }),*],
                bindings: &[$($crate::gpu::kernel::Binding {
                    name: stringify!($binding),
                    access: $crate::kernel!(@access $access),
                    shape: $crate::kernel!(@shape $access $ty),
                    when: $crate::kernel!(@when $($when)?),
                }),*],
            };

            fn buffers(&self) -> Vec<&wgpu::Buffer> {
                vec![$(self.$binding.raw()),*]
            }
        }
    };
    (@when) => { None };
    (@when $when:ident) => { Some(stringify!($when)) };
    (@access uniform) => { $crate::gpu::kernel::Access::Uniform };
    (@access read) => { $crate::gpu::kernel::Access::Read };
    (@access write) => { $crate::gpu::kernel::Access::Write };
    (@access atomic) => { $crate::gpu::kernel::Access::Write };
    (@shape atomic $ty:ty) => { $crate::gpu::kernel::Shape::AtomicU32 };
    (@shape $access:ident $ty:ty) => { <$ty as $crate::gpu::kernel::Element>::SHAPE };
}

impl Declaration {
    /// The default constants with some of them replaced.
    ///
    /// # Panics
    /// On a name that the kernel does not declare, or a value that is not legal.
    pub fn constants_with(&self, overrides: &Constants) -> Vec<(&'static str, u32)> {
        let mut constants: Vec<_> = self.constants.iter().map(|constant| (constant.name, constant.default)).collect();
        for (name, value) in overrides {
            let index = self.constants.iter().position(|constant| constant.name == *name);
            let index = index.unwrap_or_else(|| panic!("the kernel {} has no constant {name}", self.name));
            let legal = self.constants[index].legal;
            assert!(legal.contains(value), "{name} of the kernel {} is one of {legal:?}, not {value}", self.name);
            constants[index].1 = *value;
        }
        constants
    }

    /// The constants of every legal variant.
    pub fn variants(&self) -> Vec<Vec<(&'static str, u32)>> {
        self.constants.iter().fold(vec![vec![]], |variants, constant| {
            let with = |variant: Vec<_>| {
                constant.legal.iter().map(move |value| [variant.as_slice(), &[(constant.name, *value)]].concat())
            };
            variants.into_iter().flat_map(with).collect()
        })
    }

    /// Whether each binding is there in the variant with these constants.
    pub(super) fn present(&self, constants: &Constants) -> Vec<bool> {
        let nonzero = |flag| constants.iter().any(|(name, value)| *name == flag && *value != 0);
        self.bindings.iter().map(|binding| binding.when.is_none_or(nonzero)).collect()
    }

    /// The bindings of the variant with these constants.
    pub(super) fn bindings_with(&self, constants: &Constants) -> Vec<Binding> {
        let present = self.present(constants);
        self.bindings.iter().zip(present).filter(|(_, present)| *present).map(|(binding, _)| *binding).collect()
    }
}
