//! Composing a shader: constants first, then the shared files it uses, each once, then its own text.
//!
//! A line `//#use sh` includes `shaders/shared/sh.wgsl`. A line `//#use FLAG ? a : b` includes `a` when the constant
//! `FLAG` is not zero, else `b`: how a kernel gets a form for adapters with subgroups and one for those without.
//!
//! In builds with debug assertions, the environment variable `DAPPLE_SHADERS` names a folder whose files stand in for
//! those of `shaders/`: a changed shader runs without a rebuild, see `tools/mutants`.

use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;

/// The shared WGSL files, by the name that `//#use` takes.
macro_rules! shared_files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/", $name, ".wgsl")))),*]
    };
}

/// Name and text of every file in `shaders/shared/`.
pub const SHARED: &[(&str, &str)] = shared_files![
    "adam",
    "admission",
    "blocks",
    "colour",
    "column",
    "digit",
    "exchange_flow_subgroup",
    "exchange_flow_workgroup",
    "exchange_subgroup",
    "exchange_workgroup",
    "flow",
    "flow_backward",
    "flow_backward_absent",
    "flow_forward",
    "flow_forward_absent",
    "flow_record",
    "flow_record_absent",
    "gaussian",
    "gaussian_gradient",
    "grid",
    "lanes_plain",
    "lanes_serial",
    "lanes_subgroups",
    "loss",
    "moving",
    "pose_moving",
    "project_flow_moving",
    "project_moving",
    "projection",
    "random",
    "real_f32",
    "real_vec4",
    "refine",
    "root",
    "rows_plain",
    "rows_subgroups",
    "scan_apply_parallel",
    "scan_apply_serial",
    "scan_sum_parallel",
    "scan_sum_serial",
    "sh",
    "sh_gradient",
    "share",
    "sort_count_parallel",
    "sort_count_serial",
    "sort_rank_plain",
    "sort_rank_subgroups",
    "sort_scatter_parallel",
    "sort_scatter_serial",
    "still",
    "tiles",
    "update_moving",
    "update_still",
    "view",
];

/// Values of the constants of one variant of a kernel, each a WGSL `const NAME: u32`.
pub type Constants = [(&'static str, u32)];

/// Composes the text of a shader.
///
/// # Panics
/// On a `//#use` of a file or a flag that does not exist: a bug in the shader, found by the test over all of them.
pub fn compose(source: &str, constants: &Constants) -> String {
    let mut text = String::new();
    for (name, value) in constants {
        text += &format!("const {name}: u32 = {value}u;\n");
    }
    let mut included = Vec::new();
    include(source, constants, &mut included, &mut text);
    text
}

fn include(source: &str, constants: &Constants, included: &mut Vec<&'static str>, text: &mut String) {
    for directive in source.lines().filter_map(|line| line.strip_prefix("//#use ")) {
        let wanted = choose(directive, constants);
        let (name, body) = *SHARED
            .iter()
            .find(|(name, _)| *name == wanted)
            .unwrap_or_else(|| panic!("`//#use {directive}`: there is no shaders/shared/{wanted}.wgsl"));
        if !included.contains(&name) {
            included.push(name);
            include(&replaced(&format!("shared/{name}.wgsl"), body), constants, included, text);
        }
    }
    text.push_str(source);
    text.push('\n');
}

/// The text of `file` in the folder `DAPPLE_SHADERS`; `built_in` where the variable, the file or debug assertions are
/// missing. A file `used` in that folder gets a line with the name of every file that is asked for.
pub(super) fn replaced<'a>(file: &str, built_in: &'a str) -> Cow<'a, str> {
    let folder = std::env::var_os("DAPPLE_SHADERS").filter(|_| cfg!(debug_assertions));
    let Some(folder) = folder.map(PathBuf::from) else {
        return built_in.into();
    };
    if let Ok(mut used) = std::fs::OpenOptions::new().append(true).open(folder.join("used")) {
        // One write, so that the lines of several threads stay whole.
        let _ = used.write_all(format!("{file}\n").as_bytes());
    }
    std::fs::read_to_string(folder.join(file)).map_or(built_in.into(), Cow::Owned)
}

fn choose<'a>(directive: &'a str, constants: &Constants) -> &'a str {
    let Some((flag, choices)) = directive.split_once('?') else {
        return directive.trim();
    };
    let (yes, no) = choices.split_once(':').expect("`//#use FLAG ? a : b` has two choices");
    let (_, value) = constants
        .iter()
        .find(|(name, _)| *name == flag.trim())
        .unwrap_or_else(|| panic!("`//#use {directive}`: the kernel declares no constant {flag}"));
    if *value != 0 { yes.trim() } else { no.trim() }
}
