//! glTF and USD: round trips, what other tools write, and files that are wrong.

use std::path::Path;

use dapple::edit::Similarity;
use dapple::format::{self, Format};
use dapple::scene::Scene;
use glam::{DQuat, DVec3, Vec3, Vec4};

use crate::support::files::{Folder, error_of};
use crate::support::made;
use crate::support::usdc;

/// A scene with unit quaternions.
fn scene(n: usize, sh_degree: u32) -> Scene {
    let mut scene = Scene { antialiased: false, ..made::scene(n, sh_degree) };
    for quaternion in &mut scene.quaternions {
        *quaternion = Vec4::from_array(*quaternion).normalize().to_array();
    }
    scene
}

/// Writes a scene and reads it back.
fn back(folder: &Folder, name: &str, scene: &Scene) -> format::Loaded {
    format::write_scene(&folder.path(name), scene).expect("writes");
    format::load(&folder.path(name)).expect("reads")
}

/// Holds a scene against another but for the last bits of what is stored in another form.
fn assert_close(found: &Scene, expected: &Scene) {
    found.validate().expect("whole");
    assert_eq!((found.len(), found.sh_degree), (expected.len(), expected.sh_degree));
    for i in 0..found.len() {
        assert!(found.means[i].distance(expected.means[i]) < 2e-6, "mean {i}");
        let dot: f32 = found.quaternions[i].iter().zip(expected.quaternions[i]).map(|(a, b)| a * b).sum();
        assert!(dot.abs() > 1.0 - 1e-6, "rotation {i}: {dot}");
        assert!((found.log_scales[i] - expected.log_scales[i]).abs().max_element() < 2e-6, "scale {i}");
        assert!((found.logits[i] - expected.logits[i]).abs() < 1e-5, "logit {i}");
    }
    let worst = found.sh.iter().zip(&expected.sh).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "harmonics differ by {worst}");
}

#[test]
fn scenes_of_every_degree_come_back() {
    let folder = Folder::new();
    let formats = [
        ("s.glb", Format::Glb),
        ("s.gltf", Format::Gltf),
        ("a scene.gltf", Format::Gltf),
        ("s.usda", Format::Usda),
        ("s.usdz", Format::Usdz),
    ];
    for (name, format) in formats {
        for degree in 0..=3 {
            let written = scene(9, degree);
            let loaded = back(&folder, name, &written);
            assert_eq!((loaded.format, loaded.axes.as_str()), (format, "y up"));
            assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
            assert_close(&loaded.scene, &written);
            // Means and harmonics lose nothing at all.
            assert_eq!((&loaded.scene.means, &loaded.scene.sh), (&written.means, &written.sh), "{name} {degree}");
        }
    }
    assert!(folder.path("a scene.bin").exists());
}

#[test]
fn large_blocks_and_extreme_values_come_back() {
    let folder = Folder::new();
    let mut written = scene(40_000, 1);
    written.means[3] = Vec3::new(1e-20, -3.5e12, 123_456_790.0);
    written.log_scales[4] = Vec3::new(-60.0, 20.0, -12.0);
    for name in ["s.glb", "s.usda"] {
        let loaded = back(&folder, name, &written).scene;
        assert_eq!((&loaded.means, &loaded.sh), (&written.means, &written.sh), "{name}");
        assert!((loaded.log_scales[4] - written.log_scales[4]).abs().max_element() < 1e-5);
    }
}

#[test]
fn a_usd_package_is_aligned() {
    let folder = Folder::new();
    back(&folder, "s.usdz", &scene(2, 0));
    let bytes = std::fs::read(folder.path("s.usdz")).expect("reads");
    let start = bytes.windows(10).position(|w| w == b"#usda 1.0\n").expect("stored as it is");
    assert_eq!(start % 64, 0);
}

/// A `.gltf` of one Gaussian, a node's properties and an accessor of scales to be filled in.
fn small_gltf(node: &str, scales: &str) -> String {
    let numbers = [1.0_f32, 2.0, 3.0, 0.0, 0.0, 0.0, 1.0, 0.5, 0.25, 0.125, 0.75, 0.1, 0.2, 0.3];
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
    // Scales of 1 and 2, as bytes.
    bytes.extend([255, 51, 127, 0]);
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
    let view = |offset: usize, length: usize| format!(r#"{{"buffer":0,"byteOffset":{offset},"byteLength":{length}}}"#);
    let views = [view(0, 12), view(12, 16), view(28, 12), view(40, 4), view(44, 12), view(56, 3)].join(",");
    let float =
        |view: usize, kind: &str| format!(r#"{{"bufferView":{view},"componentType":5126,"count":1,"type":"{kind}"}}"#);
    let accessors =
        [float(0, "VEC3"), float(1, "VEC4"), scales.to_string(), float(3, "SCALAR"), float(4, "VEC3")].join(",");
    format!(
        r#"{{"asset":{{"version":"2.0"}},"extensionsUsed":["KHR_gaussian_splatting"],"scenes":[{{"nodes":[0]}}],
        "nodes":[{{"children":[1]{node}}},{{"mesh":0,"translation":[0,0,1]}}],
        "meshes":[{{"primitives":[{{"mode":0,"attributes":{{"POSITION":0,"KHR_gaussian_splatting:ROTATION":1,
        "KHR_gaussian_splatting:SCALE":2,"KHR_gaussian_splatting:OPACITY":3,
        "KHR_gaussian_splatting:SH_DEGREE_0_COEF_0":4}},"extensions":{{"KHR_gaussian_splatting":
        {{"kernel":"ellipse","colorSpace":"srgb_rec709_display"}}}}}}]}}],
        "buffers":[{{"byteLength":{},"uri":"data:application/octet-stream;base64,{data}"}}],
        "bufferViews":[{views}],"accessors":[{accessors}]}}"#,
        bytes.len()
    )
}

const FLOAT_SCALES: &str = r#"{"bufferView":2,"componentType":5126,"count":1,"type":"VEC3"}"#;

#[test]
fn nodes_move_gaussians_and_bytes_are_numbers() {
    let folder = Folder::new();
    let node = r#","translation":[10,0,0],"rotation":[0,0.7071067811865476,0,0.7071067811865476],"scale":[2,2,2]"#;
    let loaded = format::load(&folder.file("a.gltf", small_gltf(node, FLOAT_SCALES))).expect("reads");
    // (1, 2, 4) doubled, a quarter turn about y, moved; then half a turn from y up to y down.
    assert!(loaded.scene.means[0].distance(Vec3::new(-18.0, -4.0, -2.0)) < 1e-5, "{}", loaded.scene.means[0]);
    let expected = Vec3::new(1.0, 0.5, 0.25).map(f32::ln);
    assert!((loaded.scene.log_scales[0] - expected).abs().max_element() < 1e-6);
    assert!((loaded.scene.logits[0] - 3.0_f32.ln()).abs() < 1e-5);
    for (normalised, expected) in [(true, [1.0, 0.2, 127.0 / 255.0]), (false, [255.0, 51.0, 127.0])] {
        let scales =
            format!(r#"{{"bufferView":5,"componentType":5121,"normalized":{normalised},"count":1,"type":"VEC3"}}"#);
        let loaded = format::load(&folder.file("b.gltf", small_gltf("", &scales))).expect("reads");
        let found = loaded.scene.log_scales[0].to_array().map(f32::exp);
        assert!(found.iter().zip(expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-5), "{found:?}");
    }
    let drafts = small_gltf("", FLOAT_SCALES).replace("KHR_gaussian_splatting:", "_");
    assert_eq!(format::load(&folder.file("c.gltf", drafts)).expect("reads").scene.len(), 1);
    let linear = small_gltf("", FLOAT_SCALES).replace("srgb_rec709", "lin_rec709");
    let linear = format::load(&folder.file("d.gltf", linear)).expect("reads");
    assert!(linear.warnings[0].contains("linear"), "{:?}", linear.warnings);
    let colour = 0.5 + 0.282_094_8 * linear.scene.sh[0];
    let encoded = 1.055 * (0.5 + 0.282_094_8 * 0.1_f32).powf(1.0 / 2.4) - 0.055;
    assert!((colour - encoded).abs() < 1e-6);
}

#[test]
fn gltf_that_is_wrong_gets_one_clear_line() {
    let folder = Folder::new();
    let good = small_gltf("", FLOAT_SCALES);
    let wrong = |name: &str, from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        error_of(&folder.file(name, good.replace(from, to)))
    };
    let count = FLOAT_SCALES.replace("\"count\":1", "\"count\":4294967295");
    let count = error_of(&folder.file("count.gltf", small_gltf("", &count)));
    assert!(count.contains("SCALE") && count.contains("4294967295"), "{count}");
    let all = wrong("all.gltf", "\"count\":1", "\"count\":4294967295");
    assert!(all.contains("4294967295 Gaussians, more than its buffers of 60 bytes"), "{all}");
    assert!(wrong("view.gltf", "\"bufferView\":0", "\"bufferView\":77").contains("no bufferView 77"));
    assert!(wrong("short.gltf", "\"byteLength\":60", "\"byteLength\":61").contains("61 bytes expected, 60 found"));
    assert!(wrong("beyond.gltf", "\"byteOffset\":44", "\"byteOffset\":52").contains("beyond its buffer"));
    assert!(wrong("cycle.gltf", "\"mesh\":0,", "\"mesh\":0,\"children\":[0],").contains("two parents"));
    assert!(wrong("gone.gltf", ":OPACITY", ":OPAQUE").contains("no attribute OPACITY"));
    assert!(
        wrong("band.gltf", "\"POSITION\":0", "\"POSITION\":0,\"_SH_DEGREE_1_COEF_0\":4")
            .contains("of degree 1 are absent")
    );
    assert!(wrong("version.gltf", "\"version\":\"2.0\"", "\"version\":\"1.0\"").contains("glTF 1.0"));
    let needs = wrong("needs.gltf", "\"extensionsUsed\"", "\"extensionsRequired\":[\"EXT_meshopt_compression\"],\"x\"");
    assert!(needs.contains("EXT_meshopt_compression"), "{needs}");
    assert!(wrong("none.gltf", "KHR_gaussian_splatting", "OTHER").contains("no Gaussians"));
    let skewed = error_of(&folder.file("skew.gltf", small_gltf(r#","scale":[1,2,1]"#, FLOAT_SCALES)));
    assert!(skewed.contains("node 1") && skewed.contains("differently"), "{skewed}");
    assert!(error_of(&folder.file("text.gltf", "{]")).contains("JSON"));

    back(&folder, "s.glb", &scene(5, 0));
    let bytes = std::fs::read(folder.path("s.glb")).expect("reads");
    for length in [4, 11, 19, 40, bytes.len() - 1] {
        let cut = error_of(&folder.file("cut.glb", &bytes[..length]));
        assert!(cut.contains("cut short"), "{length}: {cut}");
    }
    let mut later = bytes.clone();
    later[4] = 3;
    assert!(error_of(&folder.file("later.glb", later)).contains("version 3"));
}

#[test]
fn usd_of_other_tools_reads() {
    let folder = Folder::new();
    let text = r#"#usda 1.0
(
    """a comment of
    several lines"""
    customLayerData = { string a = "}" ; int b = 3 }
    upAxis = "Z"
    subLayers = [@./none.usda@]
)
# a comment
def Xform "World" (
    prepend apiSchemas = ["SomeAPI"]
    kind = "component"
)
{
    double3 xformOp:translate = (0, 0, 5)
    float xformOp:rotateZ.timeSamples = { 0: 90, 1: 100 }
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]
    rel material:binding = </World/Looks>
    def ParticleField3DGaussianSplat "G"
    {
        quath[] orientationsh = [(1, 0, 0, 0)]
        point3f[] positions.timeSamples = {
            0: [(1, 2, 3)],
            1: [(9, 9, 9)],
        }
        float3[] scales = [(1, 2, 0.5)] (
            doc = "metadata"
        )
        float[] opacities = [0.5]
        uniform int radiance:sphericalHarmonicsDegree = 0
        float3[] radiance:sphericalHarmonicsCoefficients = [(0.1, 0.2, 0.3)]
        custom string note = "a ] in a string"
        float unset
        def Scope "Empty" {}
    }
    def Mesh "Cube" { int[] faceVertexCounts = [4, 4] }
}
"#;
    let loaded = format::load(&folder.file("w.usda", text)).expect("reads");
    let scene = &loaded.scene;
    assert_eq!((scene.len(), scene.sh_degree, loaded.axes.as_str()), (1, 0, "z up"));
    // A quarter turn about z of (1, 2, 3), lifted by 5; then z up becomes y down.
    assert!(scene.means[0].distance(Vec3::new(-2.0, -8.0, 1.0)) < 1e-5, "{}", scene.means[0]);
    assert_eq!(scene.sh, [0.1, 0.2, 0.3]);
    assert_eq!(scene.logits, [0.0]);
    assert!(loaded.warnings.iter().any(|w| w.contains("first moment")), "{:?}", loaded.warnings);
}

#[test]
fn orders_of_rotation_are_usd_s() {
    let folder = Folder::new();
    back(&folder, "s.usda", &scene(3, 2));
    let text = std::fs::read_to_string(folder.path("s.usda")).expect("reads");
    let axes = [DVec3::X, DVec3::Y, DVec3::Z];
    for (order, places) in [("XYZ", [0, 1, 2]), ("YZX", [1, 2, 0]), ("ZXY", [2, 0, 1]), ("XZY", [0, 2, 1])] {
        let op = format!(
            "    float3 xformOp:rotate{order} = (20, 40, 70)\n    uniform token[] xformOpOrder = [\"xformOp:rotate{order}\"]\n}}"
        );
        let end = text.rfind('}').expect("a prim");
        let found = format::load(&folder.file("r.usda", format!("{}{op}\n", &text[..end]))).expect("reads").scene;
        // The first axis turns first, in a frame with y up.
        let mut expected = scene(3, 2);
        let flip = Similarity::rotation(DQuat::from_xyzw(0.0, 0.0, 1.0, 0.0));
        flip.apply_to(&mut expected);
        for place in places {
            let turn = DQuat::from_axis_angle(axes[place], [20.0_f64, 40.0, 70.0][place].to_radians());
            Similarity::rotation(turn).apply_to(&mut expected);
        }
        flip.apply_to(&mut expected);
        assert_close(&found, &expected);
    }
}

#[test]
fn usd_that_is_wrong_gets_one_clear_line() {
    let folder = Folder::new();
    back(&folder, "s.usda", &scene(3, 0));
    let good = std::fs::read_to_string(folder.path("s.usda")).expect("reads");
    for cut in [good.len() / 3, good.len() / 2, good.len() - 3] {
        let error = error_of(&folder.file("cut.usda", &good[..cut]));
        assert!(error.contains("the file ends inside") && error.contains("line "), "{cut}: {error}");
    }
    let wrong = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        error_of(&folder.file("wrong.usda", good.replacen(from, to, 1)))
    };
    assert!(wrong("float[] opacities = [", "float[] opacities = [0.5, ").contains("opacities: 4 numbers, not 3"));
    assert!(wrong("point3f[] positions = [(", "point3f[] positions = [(nan, ").contains("positions"));
    assert!(wrong("scales = [(", "scales = [(1x, ").contains("\"1x\" is not a number"));
    assert!(wrong("scales = [(", "scales = [(&, ").contains("among numbers"));
    assert!(wrong("sphericalHarmonicsDegree = 0", "x = 0").contains("prim \"Gaussians\""));
    assert!(wrong("def ParticleField3DGaussianSplat", "def Mesh").contains("no ParticleField3DGaussianSplat"));
    assert!(error_of(&folder.file("b.usdc", b"PXR-USDC\0\0")).contains("usdcat"));
    assert!(error_of(&folder.file("c.usdc", &usdc::layer()[..600])).contains("binary layer"));
    assert!(error_of(&folder.file("b.usdz", b"PK\x03\x04 nothing")).contains("zip archive"));
}

#[test]
fn real_gltf_reads() {
    let data = std::env::var("DAPPLE_DATA").unwrap_or_else(|_| "../shared/data".into());
    let folder = Path::new(&data).join("splats/khr_gltf");
    if !folder.exists() {
        eprintln!("SKIPPED: no scenes in {}", folder.display());
        return;
    }
    let matrix = ["khr_conformance_matrix.glb", "khr_conformance_matrix.gltf"]
        .map(|name| format::load(&folder.join(name)).expect("reads"));
    assert_eq!((matrix[0].scene.len(), matrix[0].scene.sh_degree), (15, 3));
    assert_eq!(matrix[0].scene, matrix[1].scene);
    let fallback = format::load(&folder.join("khr_extensible_fallback.gltf")).expect("reads");
    assert_eq!(fallback.scene.len(), 1);
    assert!(fallback.warnings.iter().any(|w| w.contains("customShape")), "{:?}", fallback.warnings);
}

#[test]
fn binary_layers_are_those_of_the_text() {
    let folder = Folder::new();
    let text = format::load(&folder.file("a.usda", usdc::text())).expect("text");
    let binary = format::load(&folder.file("a.usdc", usdc::layer())).expect("binary");
    assert_eq!((text.scene.len(), &text.scene, &text.axes), (20, &binary.scene, &binary.axes));
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("a.usdc", stored).expect("starts");
    std::io::Write::write_all(&mut archive, &usdc::layer()).expect("writes");
    let package = archive.finish().expect("finishes").into_inner();
    assert_eq!(format::read_scene(&folder.file("a.usdz", package)).expect("a package"), text.scene);
    let mut newer = usdc::layer();
    newer[9] = 99;
    assert!(error_of(&folder.file("d.usdc", newer)).contains("version 0.99 of binary USD"));
}
