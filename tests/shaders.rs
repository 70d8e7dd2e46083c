//! Every shader against its declaration, without a GPU.

use dapple::model::MotionKind;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dapple::gpu::check::Checked;
use dapple::gpu::kernel::{Access, Binding, Constant, Field, Shape};
use dapple::gpu::wgsl::{SHARED, WORDS, compose};
use dapple::gpu::{Declaration, check};

/// The kernels of the whole crate.
pub fn declarations() -> impl Iterator<Item = &'static Declaration> {
    let training = [
        dapple::train::loss::DECLARATIONS,
        dapple::train::flow::DECLARATIONS,
        dapple::train::update::DECLARATIONS,
        dapple::train::refine::DECLARATIONS,
        dapple::train::params::DECLARATIONS,
        dapple::train::appearance::kernels::DECLARATIONS,
    ];
    let all = [dapple::gpu::ceilings::DECLARATIONS, dapple::primitives::DECLARATIONS]
        .into_iter()
        .chain(dapple::render::DECLARATIONS.iter().copied());
    all.chain(training).flatten()
}

/// The rows of moments are as long on the host as on the device.
#[test]
fn moments_have_one_layout() {
    let update = declarations().find(|declaration| declaration.name == "Update").unwrap();
    for (motion, packed) in MotionKind::ALL.into_iter().flat_map(|motion| [(motion, false), (motion, true)]) {
        let form = dapple::model::ModelForm { motion, packed };
        let source = check(update, &form.constants()).unwrap().source;
        let module = naga::front::wgsl::parse_str(&source).unwrap();
        let (_, constant) = module.constants.iter().find(|(_, c)| c.name.as_deref() == Some("MOMENT_VECTORS")).unwrap();
        let value = &module.global_expressions[constant.init];
        let want = dapple::train::moments::moment_vectors(form) as u32;
        assert!(matches!(value, naga::Expression::Literal(naga::Literal::U32(v)) if *v == want), "{form:?}: {value:?}");
    }
}

/// What the window draws with, which is no kernel.
const WINDOW: &str = "view/window.wgsl";

#[test]
fn every_variant_of_every_shader_agrees_with_its_declaration() {
    let mut problems = Vec::new();
    let mut variants = 0;
    for declaration in declarations() {
        for variant in declaration.variants() {
            variants += 1;
            if let Err(problem) = check(declaration, &variant) {
                problems.push(format!("{} {variant:?}: {problem}", declaration.name));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(variants > 170, "only {variants} variants were checked");
}

#[test]
fn defaults_are_legal_and_words_name_every_value() {
    for declaration in declarations() {
        for constant in declaration.constants {
            let Constant { name, default, legal } = constant;
            assert!(legal.contains(default), "{}: {name} = {default} is not one of {legal:?}", declaration.name);
            if let Some((_, words)) = WORDS.iter().find(|(known, _)| known == name) {
                let most = *legal.iter().max().unwrap() as usize;
                assert!(most < words.len(), "{}: {name} = {most} has no word", declaration.name);
            }
        }
    }
}

#[test]
#[should_panic(expected = "one of [8, 16, 32], not 4")]
fn an_illegal_value_is_refused() {
    declarations().find(|declaration| declaration.name == "Rasterize").unwrap().constants_with(&[("LANES", 4)]);
}

#[test]
fn the_window_s_shader_is_valid() {
    let text = include_str!("../shaders/view/window.wgsl");
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
    assert!(unknown.is_empty(), "no declaration (see `declarations` above) and no SHARED entry names {unknown:?}");
}

#[test]
fn every_shared_file_is_used() {
    let variants = declarations().flat_map(|d| d.variants().into_iter().map(move |v| compose(d.source, &v)));
    let composed: Vec<_> = variants.collect();
    for (name, text) in SHARED {
        // A file may have lines that a variant leaves out; its longest line is not one of them.
        let line = text.lines().filter(|line| !line.starts_with("//#")).max_by_key(|line| line.len()).unwrap();
        assert!(composed.iter().any(|shader| shader.contains(line)), "no kernel uses shaders/shared/{name}.wgsl");
    }
}

/// Buffers of rows are indexed by Gaussian or slot alone: where the parts of a row lie is known in `shared/layout/` only.
#[test]
fn rows_are_taken_apart_in_the_layout_files_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut found = BTreeSet::new();
    files(&root, &root, &mut found);
    for file in found.iter().filter(|file| !file.starts_with("shared/layout")) {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for buffer in ["splats", "flow_splats", "geometry", "motion", "slot_gradients"] {
            let stride = strided_index(&text, buffer);
            assert!(stride.is_none(), "{}: {}", file.display(), stride.unwrap());
        }
    }
}

/// The first place where `buffer` is indexed by a number times something.
fn strided_index(text: &str, buffer: &str) -> Option<String> {
    let start = format!("{buffer}[");
    let starts = text.match_indices(&start).map(|(at, _)| at);
    let own = |at: &usize| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let index =
        |at: usize| text[at..].chars().skip_while(|c| *c != '[').skip(1).take_while(|c| *c != ']').collect::<String>();
    starts
        .filter(own)
        .map(|at| format!("{buffer}[{}]", index(at)))
        .find(|found| found.contains("u *") || found.contains("* "))
}

const SOURCE: &str = "
struct View {
    focal: vec4f,
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

const FOCAL: Field = Field { name: "focal", offset: 0, wgsl: "vec4<f32>" };
const WIDTH: Field = Field { name: "width", offset: 16, wgsl: "u32" };
const VIEW: Shape = Shape::Struct { name: "View", size: 32, fields: &[FOCAL, WIDTH] };
const BINDINGS: [Binding; 3] = [
    Binding { name: "view", access: Access::Uniform, shape: VIEW, when: None },
    Binding { name: "means", access: Access::Read, shape: Shape::Vec4F32, when: None },
    Binding { name: "depths", access: Access::Write, shape: Shape::F32, when: None },
];

/// What the check says of `SOURCE` when one of its bindings is declared otherwise.
fn with_binding(index: usize, binding: Binding) -> Result<Checked, String> {
    let mut bindings = BINDINGS;
    bindings[index] = binding;
    with_bindings(&bindings)
}

fn with_bindings(bindings: &[Binding]) -> Result<Checked, String> {
    // A declaration lives as long as the program; that of a test may leak.
    let bindings: &'static [Binding] = bindings.to_vec().leak();
    check(
        &Declaration {
            name: "Depth",
            file: "depth.wgsl",
            source: SOURCE,
            constants: &[Constant { name: "SCALE", default: 2, legal: &[2] }],
            bindings,
        },
        &[],
    )
}

#[track_caller]
fn assert_reports(result: Result<Checked, String>, words: &[&str]) {
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
    const OTHER: Field = Field { name: "height", ..WIDTH };
    const MOVED: Field = Field { offset: 20, ..WIDTH };
    const OF_FLOATS: Field = Field { wgsl: "f32", ..WIDTH };
    let structs = [
        Shape::Struct { name: "View", size: 32, fields: &[FOCAL, MOVED] },
        Shape::Struct { name: "View", size: 32, fields: &[FOCAL, OTHER] },
        Shape::Struct { name: "View", size: 32, fields: &[FOCAL, OF_FLOATS] },
        Shape::Struct { name: "View", size: 20, fields: &[FOCAL, WIDTH] },
        Shape::Struct { name: "Camera", size: 32, fields: &[FOCAL, WIDTH] },
        Shape::Struct { name: "View", size: 32, fields: &[FOCAL] },
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
    for declaration in declarations().filter(|d| d.bindings.iter().any(|binding| binding.when.is_some())) {
        let of_static: Vec<_> = ["MOTION", "FLOW"].into_iter().map(|name| (name, 0)).collect();
        let known = |(name, value): &(&str, u32)| {
            declaration.constants.iter().any(|constant| constant.name == *name && constant.legal.contains(value))
        };
        let of_static: Vec<_> = of_static.into_iter().filter(known).collect();
        let text = compose(declaration.source, &declaration.constants_with(&of_static));
        for binding in declaration.bindings.iter().filter(|binding| binding.when.is_some()) {
            optional += 1;
            assert!(!text.contains(&format!("> {}:", binding.name)), "{} binds {}", declaration.name, binding.name);
        }
    }
    assert!(optional >= 7, "only {optional} bindings are optional");
}
