//! Every shader against its declaration, without a GPU.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dapple::gpu::kernel::{Access, Binding, Shape};
use dapple::gpu::wgsl::{SHARED, compose};
use dapple::gpu::{Declaration, check};

/// The kernels of the whole crate.
const ALL: &[&[Declaration]] = &[
    dapple::primitives::DECLARATIONS,
    dapple::render::DECLARATIONS,
    dapple::render::CAMERA_DECLARATIONS,
    dapple::render::FLOW_DECLARATIONS,
    dapple::render::PRESENT_DECLARATIONS,
    dapple::render::DISGUISE_DECLARATIONS,
    dapple::render::PROBE_DECLARATIONS,
    dapple::train::loss::DECLARATIONS,
    dapple::train::flow::DECLARATIONS,
    dapple::train::update::DECLARATIONS,
    dapple::train::refine::DECLARATIONS,
    dapple::train::params::DECLARATIONS,
];

/// What the window draws with, which is no kernel.
const WINDOW: &str = "picture.wgsl";

fn declarations() -> impl Iterator<Item = &'static Declaration> {
    ALL.iter().copied().flatten()
}

/// The constants that `//#use FLAG ? a : b` asks for, in the kernel's text and in that of the files it may use.
fn flags(source: &str, found: &mut BTreeSet<String>) {
    for directive in source.lines().filter_map(|line| line.strip_prefix("//#use ")) {
        let names = match directive.split_once('?') {
            None => vec![directive],
            Some((flag, choices)) => {
                found.insert(flag.trim().to_string());
                choices.split(':').collect()
            }
        };
        for name in names {
            if let Some((_, text)) = SHARED.iter().find(|(shared, _)| *shared == name.trim()) {
                flags(text, found);
            }
        }
    }
}

/// Every combination of a kernel's flags.
fn variants(declaration: &Declaration) -> Vec<Vec<(&'static str, u32)>> {
    let mut asked = BTreeSet::new();
    flags(declaration.source, &mut asked);
    let names = declaration.constants.iter().map(|(name, _)| *name).filter(|name| asked.contains(*name));
    names.fold(vec![vec![]], |variants, name| {
        let both = |v: Vec<_>| [0, 1].map(|value| [v.as_slice(), &[(name, value)]].concat());
        variants.into_iter().flat_map(both).collect()
    })
}

#[test]
fn every_shader_agrees_with_its_declaration() {
    let mut problems = Vec::new();
    for declaration in declarations() {
        for variant in std::iter::once(vec![]).chain(variants(declaration)) {
            if let Err(problem) = check(declaration, &variant) {
                problems.push(format!("{} {variant:?}: {problem}", declaration.name));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_window_s_shader_is_valid() {
    let text = include_str!("../shaders/picture.wgsl");
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    naga::valid::Validator::new(Default::default(), Default::default()).validate(&module).unwrap();
    let stages: Vec<_> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(stages, ["corner", "display_referred", "linear_light"]);
}

/// Paths of the `.wgsl` files under `shaders/`, relative to it.
fn files(directory: &Path, root: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, root, found);
        } else if path.extension().is_some_and(|extension| extension == "wgsl") {
            found.insert(path.strip_prefix(root).unwrap().to_path_buf());
        }
    }
}

#[test]
fn every_shader_file_is_declared() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut found = BTreeSet::new();
    files(&root, &root, &mut found);
    let mut known: BTreeSet<_> = declarations().map(|declaration| PathBuf::from(declaration.file)).collect();
    known.insert(PathBuf::from(WINDOW));
    known.extend(SHARED.iter().map(|(name, _)| Path::new("shared").join(name).with_extension("wgsl")));
    let unknown: Vec<_> = found.difference(&known).collect();
    assert!(unknown.is_empty(), "no declaration (see ALL above) and no SHARED entry names {unknown:?}");
}

#[test]
fn every_shared_file_is_used() {
    let composed: Vec<_> = declarations()
        .flat_map(|declaration| variants(declaration).into_iter().map(move |variant| (declaration, variant)))
        .map(|(declaration, variant)| compose(declaration.source, &declaration.constants_with(&variant)))
        .collect();
    for (name, text) in SHARED {
        assert!(composed.iter().any(|shader| shader.contains(text)), "no kernel uses shaders/shared/{name}.wgsl");
    }
}

const SOURCE: &str = "
struct View {
    focal: vec2f,
    width: u32,
}
@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> means: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> depths: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    depths[id.x] = means[id.x].z * view.focal.x + f32(view.width * SCALE);
}
";

const VIEW: Shape = Shape::Struct { name: "View", size: 16, fields: &[("focal", 0), ("width", 8)] };
const BINDINGS: [Binding; 3] = [
    Binding { name: "view", access: Access::Uniform, shape: VIEW, when: None },
    Binding { name: "means", access: Access::Read, shape: Shape::Vec4F32, when: None },
    Binding { name: "depths", access: Access::Write, shape: Shape::F32, when: None },
];

/// What the check says of `SOURCE` when one of its bindings is declared otherwise.
fn with_binding(index: usize, binding: Binding) -> Result<String, String> {
    let mut bindings = BINDINGS;
    bindings[index] = binding;
    with_bindings(&bindings)
}

fn with_bindings(bindings: &[Binding]) -> Result<String, String> {
    // A declaration lives as long as the program; that of a test may leak.
    let bindings: &'static [Binding] = bindings.to_vec().leak();
    check(&Declaration { name: "Depth", file: "depth.wgsl", source: SOURCE, constants: &[("SCALE", 2)], bindings }, &[])
}

#[track_caller]
fn assert_reports(result: Result<String, String>, words: &[&str]) {
    let problem = result.expect_err("the difference was not noticed");
    for word in words {
        assert!(problem.contains(word), "{word:?} is not in: {problem}");
    }
}

#[test]
fn a_right_declaration_passes() {
    with_bindings(&BINDINGS).unwrap();
}

#[test]
fn a_wrong_name_is_reported() {
    let wrong = Binding { name: "positions", ..BINDINGS[1] };
    assert_reports(with_binding(1, wrong), &["depth.wgsl", "binding 1 `positions`", "same name", "means"]);
}

#[test]
fn a_wrong_access_is_reported() {
    let wrong = Binding { access: Access::Read, ..BINDINGS[2] };
    assert_reports(with_binding(2, wrong), &["binding 2 `depths`", "same access"]);
    let wrong = Binding { access: Access::Write, ..BINDINGS[0] };
    assert_reports(with_binding(0, wrong), &["binding 0 `view`", "same access"]);
}

#[test]
fn a_wrong_element_is_reported() {
    for shape in [Shape::U32, Shape::AtomicU32, Shape::Vec2U32, Shape::Vec4F32] {
        let wrong = Binding { shape, ..BINDINGS[2] };
        assert_reports(with_binding(2, wrong), &["binding 2 `depths`", "same element"]);
    }
}

#[test]
fn a_wrong_struct_is_reported() {
    let structs = [
        Shape::Struct { name: "View", size: 16, fields: &[("focal", 0), ("width", 12)] },
        Shape::Struct { name: "View", size: 16, fields: &[("focal", 0), ("height", 8)] },
        Shape::Struct { name: "View", size: 12, fields: &[("focal", 0), ("width", 8)] },
        Shape::Struct { name: "Camera", size: 16, fields: &[("focal", 0), ("width", 8)] },
        Shape::Struct { name: "View", size: 16, fields: &[("focal", 0)] },
    ];
    for shape in structs {
        assert_reports(with_binding(0, Binding { shape, ..BINDINGS[0] }), &["binding 0 `view`", "struct View"]);
    }
}

#[test]
fn missing_and_swapped_bindings_are_reported() {
    assert_reports(with_bindings(&BINDINGS[..2]), &["2 bindings declared, 3 in the shader"]);
    assert_reports(
        with_bindings(&[BINDINGS[0], BINDINGS[2], BINDINGS[1]]),
        &["binding 1 `depths`", "binding 2 `means`"],
    );
}

#[test]
fn broken_shaders_are_reported() {
    let declare = |source| Declaration { name: "Broken", file: "broken.wgsl", source, constants: &[], bindings: &[] };
    assert_reports(check(&declare("fn main( {"), &[]), &["broken.wgsl"]);
    assert_reports(
        check(&declare("@compute @workgroup_size(1) fn main() { let x: u32 = 1.5; }"), &[]),
        &["broken.wgsl"],
    );
    assert_reports(check(&declare("@compute @workgroup_size(1) fn other() {}"), &[]), &["no entry point `main`"]);
}

/// A static scene's kernels are composed without the buffers of motion and flow.
#[test]
fn static_kernels_hold_nothing_of_motion_and_flow() {
    let mut optional = 0;
    for declaration in declarations().filter(|d| d.constants.iter().any(|(name, _)| ["MOTION", "FLOW"].contains(name)))
    {
        let static_variant: Vec<_> = declaration.constants.iter().map(|(name, _)| (*name, 0)).collect();
        let text = compose(declaration.source, &declaration.constants_with(&static_variant));
        for binding in declaration.bindings.iter().filter(|binding| binding.when.is_some()) {
            optional += 1;
            assert!(!text.contains(&format!("> {}:", binding.name)), "{} binds {}", declaration.name, binding.name);
        }
    }
    assert!(optional >= 9, "only {optional} bindings are optional");
}
