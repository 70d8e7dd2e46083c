//! Composing a shader: constants first, then the shared files it uses, each once, then its own text.
//!
//! * `//#use layout/view` includes `shaders/shared/layout/view.wgsl`.
//! * `//#use motion/{MOTION}` includes the file that the value of the constant `MOTION` picks: [`WORDS`] names them.
//! * `//#if MOTION` keeps the next line only in variants in which the constant `MOTION` is not zero.
//!
//! In builds with debug assertions, the environment variable `DAPPLE_SHADERS` names a folder whose files stand in for
//! those of `shaders/`: a changed shader runs without a rebuild, see `tools/mutants`.

use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;

/// The file names that the values of a constant stand for, in the order 0, 1, 2, ….
pub const WORDS: &[(&str, &[&str])] = &[
    ("LENS", &["pinhole", "fisheye"]),
    ("MOTION", &["static", "linear", "curved"]),
    ("PACKED", &["full", "packed"]),
    ("SERIAL", &["parallel", "serial"]),
    ("SUBGROUPS", &["workgroup", "subgroup"]),
];

/// The shared WGSL files, by the name that `//#use` takes.
macro_rules! shared_files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/", $name, ".wgsl")))),*]
    };
}

/// Name and text of every file in `shaders/shared/`.
pub const SHARED: &[(&str, &str)] = shared_files![
    "flow/at",
    "flow/backward",
    "flow/forward",
    "form/exchange_subgroup",
    "form/exchange_workgroup",
    "form/lanes_serial",
    "form/lanes_subgroup",
    "form/lanes_workgroup",
    "form/rows_subgroup",
    "form/rows_workgroup",
    "form/scan_apply_parallel",
    "form/scan_apply_serial",
    "form/scan_sum_parallel",
    "form/scan_sum_serial",
    "form/sort_count_parallel",
    "form/sort_count_serial",
    "form/sort_rank_subgroup",
    "form/sort_rank_workgroup",
    "form/sort_scatter_parallel",
    "form/sort_scatter_serial",
    "layout/appearance",
    "layout/blocks",
    "layout/colour_gradient",
    "layout/digit",
    "layout/flow",
    "layout/flow_gradient",
    "layout/flow_image",
    "layout/flow_slot",
    "layout/flow_splat",
    "layout/geometry",
    "layout/level",
    "layout/moments",
    "layout/motion_row",
    "layout/refine",
    "layout/selection",
    "layout/sh_block",
    "layout/sh_full",
    "layout/sh_packed",
    "layout/slot",
    "layout/slot_sum",
    "layout/splat",
    "layout/status",
    "layout/view",
    "lens/fisheye",
    "lens/pinhole",
    "math/adam",
    "math/grid",
    "math/loss",
    "math/random",
    "math/real_f32",
    "math/real_vec4",
    "math/root",
    "math/round",
    "math/sh",
    "math/sh_basis",
    "math/sh_gradient",
    "math/turn",
    "motion/curved",
    "motion/curved_update",
    "motion/fade",
    "motion/linear",
    "motion/linear_update",
    "motion/moving_update",
    "motion/static",
    "motion/static_update",
    "splat/colour",
    "splat/colour_step_full",
    "splat/colour_step_packed",
    "splat/column",
    "splat/gaussian",
    "splat/gradient",
    "splat/projection",
    "splat/share",
    "splat/tiles",
];

/// Values of the constants of one variant of a kernel, each a WGSL `const NAME: u32`.
pub type Constants = [(&'static str, u32)];

/// The value of `const NAME` in a file of `shaders/shared/`, read while the crate is compiled. The file must write it as
/// a number, or as one number divided by another: so a constant that host and device share is written once.
///
/// # Panics
/// Fails to compile where the file or the constant does not exist.
pub const fn constant(file: &str, name: &str) -> f64 {
    let mut index = 0;
    while !equal(SHARED[index].0.as_bytes(), file.as_bytes()) {
        index += 1;
    }
    constant_of(SHARED[index].1.as_bytes(), name.as_bytes())
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && starts_with(a, 0, b)
}

const fn starts_with(text: &[u8], at: usize, word: &[u8]) -> bool {
    let mut i = 0;
    while i < word.len() {
        if at + i >= text.len() || text[at + i] != word[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn constant_of(text: &[u8], name: &[u8]) -> f64 {
    let mut at = 0;
    loop {
        assert!(at < text.len(), "the shared file has no such constant");
        if starts_with(text, at, b"const ") && starts_with(text, at + 6, name) && text[at + 6 + name.len()] == b':' {
            break;
        }
        at += 1;
    }
    while text[at] != b'=' {
        at += 1;
    }
    let (value, end) = number(text, at + 2);
    if starts_with(text, end, b" / ") { value / number(text, end + 3).0 } else { value }
}

/// The decimal number at a place of a text, and where it ends. Exact for up to 15 digits.
const fn number(text: &[u8], mut at: usize) -> (f64, usize) {
    let (mut digits, mut scale) = (0.0, 0i32);
    let mut fraction = false;
    assert!(text[at].is_ascii_digit(), "the constant is not a number");
    loop {
        match text[at] {
            digit @ b'0'..=b'9' => {
                digits = 10.0 * digits + (digit - b'0') as f64;
                scale -= fraction as i32;
            }
            b'.' => fraction = true,
            _ => break,
        }
        at += 1;
    }
    if text[at] == b'e' {
        let negative = text[at + 1] == b'-';
        let (exponent, end) = number(text, at + 1 + negative as usize);
        scale += if negative { -(exponent as i32) } else { exponent as i32 };
        at = end;
    } else if text[at] == b'u' || text[at] == b'f' {
        at += 1;
    }
    let mut power = 1.0;
    let mut i = 0;
    while i < scale.abs() {
        power *= 10.0;
        i += 1;
    }
    (if scale < 0 { digits / power } else { digits * power }, at)
}

/// Composes the text of a shader.
///
/// # Panics
/// On a directive that names a file, a constant or a value that does not exist: a bug in the shader, found by the test
/// over all of them.
pub fn compose(source: &str, constants: &Constants) -> String {
    let mut text = String::new();
    for (name, value) in constants {
        text += &format!("const {name}: u32 = {value}u;\n");
    }
    include(source, constants, &mut Vec::new(), &mut text);
    text
}

fn include(source: &str, constants: &Constants, included: &mut Vec<&'static str>, text: &mut String) {
    let kept: Vec<&str> = kept_lines(source, constants).collect();
    for directive in kept.iter().filter_map(|line| line.strip_prefix("//#use ")) {
        let wanted = pick(directive.trim(), constants);
        let (name, body) = *SHARED
            .iter()
            .find(|(name, _)| *name == wanted)
            .unwrap_or_else(|| panic!("`//#use {directive}`: there is no shaders/shared/{wanted}.wgsl"));
        if !included.contains(&name) {
            included.push(name);
            include(&replaced(&format!("shared/{name}.wgsl"), body), constants, included, text);
        }
    }
    for line in kept {
        text.push_str(line);
        text.push('\n');
    }
}

/// The lines of a text but for those that a `//#if` before them leaves out.
fn kept_lines<'a>(source: &'a str, constants: &Constants) -> impl Iterator<Item = &'a str> {
    let mut keep = true;
    source.lines().filter(move |line| {
        let kept = keep;
        keep = line.trim_start().strip_prefix("//#if ").is_none_or(|name| value(name.trim(), constants) != 0);
        kept
    })
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

/// The file name of a `//#use`, with the word for each constant in braces.
fn pick(directive: &str, constants: &Constants) -> String {
    let Some((before, rest)) = directive.split_once('{') else {
        return directive.to_string();
    };
    let (name, after) = rest.split_once('}').unwrap_or_else(|| panic!("`//#use {directive}` has no closing brace"));
    let words = WORDS.iter().find(|(known, _)| *known == name);
    let (_, words) = words.unwrap_or_else(|| panic!("`//#use {directive}`: WORDS has no constant {name}"));
    format!("{before}{}{}", words[value(name, constants) as usize], pick(after, constants))
}

fn value(name: &str, constants: &Constants) -> u32 {
    let found = constants.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("a directive asks for {name}, which the kernel does not declare")).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_read_as_wgsl_writes_them() {
        let text = b"const WIDE: u32 = 16u;\nconst WIDER: f32 = 0.5;\nconst SMALL: f32 = 2.5e-5;\nconst LEAST: f32 = 1.0 / 255.0;\n";
        let read = |name: &str| constant_of(text, name.as_bytes());
        assert_eq!(read("WIDE"), 16.0);
        assert_eq!(read("WIDER"), 0.5);
        assert_eq!(read("SMALL"), 2.5e-5);
        assert_eq!(read("LEAST"), 1.0 / 255.0);
    }

    #[test]
    #[should_panic(expected = "no such constant")]
    fn a_missing_constant_is_refused() {
        constant_of(b"const WIDE: u32 = 16u;\n", b"WIDTH");
    }

    #[test]
    fn a_guarded_line_goes_with_its_constant() {
        let source = "//#if MOTION\nlet moving = 1;\nlet always = 2;\n";
        assert!(compose(source, &[("MOTION", 1)]).contains("moving"));
        let text = compose(source, &[("MOTION", 0)]);
        assert!(!text.contains("moving") && text.contains("always"), "{text}");
        assert_eq!(compose("//#if MOTION\n//#use math/nothing\n", &[("MOTION", 0)]).lines().count(), 2);
    }

    #[test]
    fn a_constant_picks_a_file() {
        assert_eq!(pick("motion/{MOTION}", &[("MOTION", 1)]), "motion/linear");
        assert_eq!(pick("form/{SERIAL}_{SUBGROUPS}", &[("SERIAL", 0), ("SUBGROUPS", 1)]), "form/parallel_subgroup");
    }
}
