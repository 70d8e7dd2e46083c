//! A shader against its declaration, without a GPU.

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ArraySize, Module, ScalarKind, StorageAccess, TypeInner};

use super::kernel::{Access, Binding, Declaration, FieldType, Shape};
use super::wgsl::{Constants, compose, replaced};

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
    Validator::new(ValidationFlags::all(), Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16_IN_FLOAT32)
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
