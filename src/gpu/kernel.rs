//! A kernel is one WGSL file and one declaration; this module checks one against the other and runs it.
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
//! With a GPU, `gpu.pipeline::<ReduceRows>(&[])?` compiles it and [`Pipeline::dispatch`] dispatches it. The file is looked up
//! in the folder `shaders/` of the crate that declares the kernel, which needs `bytemuck` for [`shared!`](crate::shared).
//!
//! Constants make variants of a kernel: `[LANES = 8 in [8, 32], FLOW = 0 in [0, 1, 2]]` gives each its default and all
//! its legal values, and the test over all kernels composes and validates every combination.

use std::marker::PhantomData;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ArraySize, Module, ScalarKind, StorageAccess, TypeInner};

use super::buffer::Buffer;
use super::device::{Gpu, GpuError};
use super::wgsl::{Constants, compose, constant, replaced};

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

/// Declares a kernel: see the module's page. `write` means read and write; `atomic` is for `atomic<u32>`. `read(FLAG)` is
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
    fn present(&self, constants: &Constants) -> Vec<bool> {
        let nonzero = |flag| constants.iter().any(|(name, value)| *name == flag && *value != 0);
        self.bindings.iter().map(|binding| binding.when.is_none_or(nonzero)).collect()
    }

    /// The bindings of the variant with these constants.
    fn bindings_with(&self, constants: &Constants) -> Vec<Binding> {
        let present = self.present(constants);
        self.bindings.iter().zip(present).filter(|(_, present)| *present).map(|(binding, _)| *binding).collect()
    }
}

/// A composed shader that agrees with its declaration.
#[derive(Clone, Debug)]
pub struct Checked {
    pub source: String,
    /// Invocations of a workgroup.
    pub invocations: u32,
}

/// Parses and validates the composed shader and compares it with its declaration.
///
/// # Errors
/// Every difference, a line each: a bug in the shader or its declaration.
pub fn check(declaration: &Declaration, overrides: &Constants) -> Result<Checked, String> {
    let constants = declaration.constants_with(overrides);
    let source = compose(&replaced(declaration.file, declaration.source), &constants);
    let module = naga::front::wgsl::parse_str(&source)
        .map_err(|error| format!("{}: {}", declaration.file, error.emit_to_string(&source)))?;
    Validator::new(ValidationFlags::all(), Capabilities::SUBGROUP)
        .validate(&module)
        .map_err(|error| format!("{}: {}", declaration.file, error.emit_to_string(&source)))?;
    let mut problems = differences(&declaration.bindings_with(&constants), &module);
    let main = module.entry_points.iter().find(|entry| entry.name == "main");
    if main.is_none() {
        problems.push("no entry point `main`".into());
    }
    match main {
        Some(main) if problems.is_empty() => Ok(Checked { source, invocations: main.workgroup_size.iter().product() }),
        _ => Err(format!("{}:\n{}", declaration.file, problems.join("\n"))),
    }
}

fn differences(bindings: &[Binding], module: &Module) -> Vec<String> {
    let mut problems = Vec::new();
    let bound = module.global_variables.iter().filter_map(|(_, v)| v.binding.map(|b| (b, v)));
    let mut bound: Vec<_> = bound.collect();
    bound.sort_by_key(|(binding, _)| (binding.group, binding.binding));
    if bound.len() != bindings.len() {
        problems.push(format!("{} bindings declared, {} in the shader", bindings.len(), bound.len()));
    }
    for (index, (expected, (binding, variable))) in bindings.iter().zip(&bound).enumerate() {
        let mut expect = |what: &str, ok: bool, found: String| {
            if !ok {
                problems.push(format!("binding {index} `{}`: {what}, found {found}", expected.name));
            }
        };
        expect(
            "@group(0) and its index",
            binding.group == 0 && binding.binding == index as u32,
            format!("{binding:?}"),
        );
        let name = variable.name.as_deref().unwrap_or_default();
        expect("the same name", name == expected.name, name.to_string());
        let access = match variable.space {
            AddressSpace::Uniform => Some(Access::Uniform),
            AddressSpace::Storage { access } if access == StorageAccess::LOAD => Some(Access::Read),
            AddressSpace::Storage { .. } => Some(Access::Write),
            _ => None,
        };
        expect("the same access", access == Some(expected.access), format!("{:?}", variable.space));
        let inner = &module.types[variable.ty].inner;
        let (element, stride) = match *inner {
            TypeInner::Array { base, size: ArraySize::Dynamic, stride } => (base, Some(stride as usize)),
            _ => (variable.ty, None),
        };
        let difference = shape_difference(module, element, stride, &expected.shape);
        expect("the same element", difference.is_none(), difference.unwrap_or_default());
    }
    problems
}

/// `None` where the WGSL type has the shape, else what differs.
fn shape_difference(
    module: &Module,
    ty: naga::Handle<naga::Type>,
    stride: Option<usize>,
    shape: &Shape,
) -> Option<String> {
    let ty = &module.types[ty];
    let is = |scalar: naga::Scalar, kind| scalar.kind == kind && scalar.width == 4;
    let same = match (&ty.inner, shape) {
        (TypeInner::Scalar(s), Shape::F32) => is(*s, ScalarKind::Float),
        (TypeInner::Scalar(s), Shape::U32) | (TypeInner::Atomic(s), Shape::AtomicU32) => is(*s, ScalarKind::Uint),
        (TypeInner::Vector { size: naga::VectorSize::Bi, scalar }, Shape::Vec2U32) => is(*scalar, ScalarKind::Uint),
        (TypeInner::Vector { size: naga::VectorSize::Quad, scalar }, Shape::Vec4F32) => is(*scalar, ScalarKind::Float),
        (TypeInner::Struct { members, span }, Shape::Struct { name, size, fields }) => {
            let found: Vec<_> = members
                .iter()
                .map(|m| (m.name.as_deref().unwrap_or_default(), m.offset as usize, wgsl_type(module, m.ty)))
                .collect();
            let same = found.iter().copied().eq(fields.iter().map(|field| (field.name, field.offset, field.wgsl)));
            let found_name = ty.name.as_deref().unwrap_or_default();
            if found_name != *name || !same || *span as usize != *size || stride.is_some_and(|s| s != *size) {
                return Some(format!("struct {found_name} {found:?} of {span} bytes, not {name} {fields:?} of {size}"));
            }
            true
        }
        _ => false,
    };
    (!same).then(|| format!("{:?}, not {shape:?}", ty.inner))
}

/// The type of a field as [`FieldType`] writes it; empty for a type that no field of the host has.
fn wgsl_type(module: &Module, ty: naga::Handle<naga::Type>) -> &'static str {
    use naga::{Scalar, VectorSize::Quad};
    match module.types[ty].inner {
        TypeInner::Scalar(Scalar::F32) => f32::WGSL,
        TypeInner::Scalar(Scalar::U32) | TypeInner::Atomic(Scalar::U32) => u32::WGSL,
        TypeInner::Vector { size: Quad, scalar: Scalar::F32 } => glam::Vec4::WGSL,
        TypeInner::Vector { size: Quad, scalar: Scalar::U32 } => <[u32; 4]>::WGSL,
        _ => "",
    }
}

/// A kernel ready to run in one variant.
#[derive(Debug)]
pub struct Pipeline<K> {
    gpu: Gpu,
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    /// Which of the declaration's bindings this variant has.
    present: Vec<bool>,
    /// Of a workgroup.
    invocations: u32,
    kernel: PhantomData<fn(K)>,
}

impl Gpu {
    /// Checks, compiles and lays out a kernel with some of its constants replaced.
    ///
    /// # Errors
    /// The first limit of the adapter that the kernel's bindings exceed, or the driver's refusal.
    pub fn pipeline<K: Kernel>(&self, overrides: &Constants) -> Result<Pipeline<K>, GpuError> {
        let declaration = K::DECLARATION;
        let Checked { source, invocations } = check(&declaration, overrides).map_err(GpuError::Reported)?;
        let constants = declaration.constants_with(overrides);
        let (bindings, present) = (declaration.bindings_with(&constants), declaration.present(&constants));
        let storage = bindings.iter().filter(|b| b.access != Access::Uniform).count() as u32;
        let most = self.device.limits().max_storage_buffers_per_shader_stage;
        if storage > most {
            return Err(GpuError::Reported(format!(
                "the kernel {} binds {storage} storage buffers, above the adapter's max_storage_buffers_per_shader_stage of {most}",
                declaration.name
            )));
        }
        // Loop bounding would keep drivers from unrolling the loops whose arrays must live in registers. Each loop of
        // our shaders ends by construction; bounds checks on buffers stay on.
        let checks = wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() };
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(declaration.name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        // SAFETY: the modules are our own; every loop in them terminates.
        let module = unsafe { self.device.create_shader_module_trusted(descriptor, checks) };
        let layout = self.bind_group_layout(declaration.name, &bindings);
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(declaration.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(declaration.name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Every kernel writes its workgroup memory before it reads it.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        match pollster::block_on(scope.pop()) {
            Some(error) => Err(GpuError::Reported(format!("{}: {error}", declaration.name))),
            None => Ok(Pipeline { gpu: self.clone(), pipeline, layout, present, invocations, kernel: PhantomData }),
        }
    }

    fn bind_group_layout(&self, name: &str, bindings: &[Binding]) -> wgpu::BindGroupLayout {
        let entries: Vec<_> = bindings
            .iter()
            .enumerate()
            .map(|(index, binding)| wgpu::BindGroupLayoutEntry {
                binding: index as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match binding.access {
                        Access::Uniform => wgpu::BufferBindingType::Uniform,
                        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                        Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(name), entries: &entries })
    }
}

/// Workgroups in a row of a folded grid.
const GRID_ROW: u32 = constant("math/grid", "GRID_ROW") as u32;

impl<K: Kernel> Pipeline<K> {
    /// Dispatches as many workgroups as `invocations` need.
    pub fn dispatch<B: Kernel<Static = K>>(&self, pass: &mut wgpu::ComputePass<'_>, kernel: &B, invocations: u32) {
        self.dispatch_groups(pass, kernel, invocations.div_ceil(self.invocations));
    }

    /// Dispatches `groups` workgroups, folded in two dimensions as `math/grid.wgsl` says: for kernels whose unit of work is
    /// a workgroup's.
    pub fn dispatch_groups<B: Kernel<Static = K>>(&self, pass: &mut wgpu::ComputePass<'_>, kernel: &B, groups: u32) {
        if groups > 0 {
            self.bind(pass, &kernel.buffers());
            pass.dispatch_workgroups(groups.min(GRID_ROW), groups.div_ceil(GRID_ROW), 1);
        }
    }

    /// Dispatches as many workgroups as the three words of `arguments` from word `at` on say.
    pub fn dispatch_indirect<B: Kernel<Static = K>>(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        kernel: &B,
        arguments: &Buffer<u32>,
        at: usize,
    ) {
        self.bind(pass, &kernel.buffers());
        pass.dispatch_workgroups_indirect(arguments.raw(), 4 * at as u64);
    }

    fn bind(&self, pass: &mut wgpu::ComputePass<'_>, buffers: &[&wgpu::Buffer]) {
        let entries: Vec<_> = buffers
            .iter()
            .zip(&self.present)
            .filter_map(|(buffer, present)| present.then_some(buffer))
            .enumerate()
            .map(|(index, buffer)| wgpu::BindGroupEntry { binding: index as u32, resource: buffer.as_entire_binding() })
            .collect();
        let group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.layout,
            entries: &entries,
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &group, &[]);
    }
}
