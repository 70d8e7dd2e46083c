//! Every variant of every kernel through naga's writers of SPIR-V, MSL and HLSL, and within WebGPU's limits. With
//! `DAPPLE_BACKENDS_OUT` the texts are left in that folder for other validators: see `tools/backends`.

use std::path::PathBuf;

use dapple::gpu::check;
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module};

use crate::shaders::declarations;

/// Storage buffers that WebGPU promises a kernel.
const STORAGE_BUFFERS: usize = 8;
/// Bytes of workgroup memory that WebGPU promises.
const WORKGROUP_BYTES: u32 = 16_384;

/// A variant, its text and what naga makes of it.
struct Composed {
    name: String,
    source: String,
    module: Module,
    info: ModuleInfo,
}

fn composed() -> Vec<Composed> {
    let mut all = Vec::new();
    for declaration in declarations() {
        for variant in declaration.variants() {
            let values: Vec<String> = variant.iter().map(|(name, value)| format!("{name}{value}")).collect();
            let name = [vec![declaration.name.to_string()], values].concat().join("_");
            let source = check(declaration, &variant).unwrap().source;
            let module = naga::front::wgsl::parse_str(&source).unwrap();
            let capabilities = Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16_IN_FLOAT32;
            let info = Validator::new(ValidationFlags::all(), capabilities).validate(&module).unwrap();
            all.push(Composed { name, source, module, info });
        }
    }
    all
}

fn uses_subgroups(source: &str) -> bool {
    source.lines().any(|line| line.split("//").next().is_some_and(|code| code.contains("subgroup")))
}

/// What a browser is given: the extension named, and its test of uniformity off, which cannot follow that all lanes of a
/// workgroup come to the same vote.
fn for_browsers(source: &str) -> String {
    let head = if uses_subgroups(source) { "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n" } else { "" };
    format!("{head}{source}")
}

fn spirv(Composed { module, info, .. }: &Composed) -> Result<Vec<u8>, String> {
    let options = spv::Options { lang_version: (1, 6), ..Default::default() };
    let words = spv::write_vec(module, info, &options, None).map_err(|error| error.to_string())?;
    Ok(words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

fn metal(Composed { module, info, .. }: &Composed) -> Result<Vec<u8>, String> {
    let options = msl::Options { lang_version: (2, 4), ..Default::default() };
    let written = msl::write_string(module, info, &options, &msl::PipelineOptions::default());
    Ok(written.map_err(|error| error.to_string())?.0.into_bytes())
}

fn direct_x(Composed { module, info, .. }: &Composed) -> Result<Vec<u8>, String> {
    let options = hlsl::Options { shader_model: hlsl::ShaderModel::V6_0, ..Default::default() };
    let (mut text, pipeline) = (String::new(), hlsl::PipelineOptions::default());
    hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None).map_err(|error| error.to_string())?;
    // Helpers that are written twice are a known fault of the writer, which no validator here sees.
    let mut helpers: Vec<&str> =
        text.lines().filter(|line| line.contains(" Construct") && line.ends_with('{')).collect();
    let written = helpers.len();
    helpers.sort_unstable();
    helpers.dedup();
    if helpers.len() == written { Ok(text.into_bytes()) } else { Err("a helper is written twice".into()) }
}

/// A writer: from a variant to the bytes of its file.
type Write = fn(&Composed) -> Result<Vec<u8>, String>;

#[test]
fn every_back_end_takes_every_variant() {
    let out = std::env::var_os("DAPPLE_BACKENDS_OUT").map(PathBuf::from);
    if let Some(out) = &out {
        std::fs::create_dir_all(out).unwrap();
    }
    let back_ends: [(&str, Write); 3] = [("spv", spirv), ("metal", metal), ("hlsl", direct_x)];
    let (mut problems, all) = (Vec::new(), composed());
    for variant in &all {
        let leave = |ending: &str, bytes: &[u8]| {
            if let Some(out) = &out {
                std::fs::write(out.join(format!("{}.{ending}", variant.name)), bytes).unwrap();
            }
        };
        leave("wgsl", for_browsers(&variant.source).as_bytes());
        for (ending, write) in back_ends {
            match write(variant) {
                Ok(bytes) => leave(ending, &bytes),
                Err(error) => problems.push(format!("{} as {ending}: {error}", variant.name)),
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    eprintln!("back ends: {} variants through {} writers", all.len(), back_ends.len());
    assert!(all.len() > 170);
}

#[test]
fn every_variant_keeps_to_the_limits_of_webgpu() {
    let (mut most, mut problems) = (0, Vec::new());
    for Composed { name, module, .. } in composed() {
        let storage = module.global_variables.iter().filter(|(_, v)| matches!(v.space, AddressSpace::Storage { .. }));
        let buffers = storage.count();
        let workgroup = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
        let bytes: u32 = workgroup.map(|(_, v)| module.types[v.ty].inner.size(module.to_ctx())).sum();
        most = most.max(buffers);
        if buffers > STORAGE_BUFFERS || bytes > WORKGROUP_BYTES {
            problems.push(format!("{name}: {buffers} storage buffers, {bytes} bytes of workgroup memory"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    eprintln!("limits: at most {most} storage buffers");
}
