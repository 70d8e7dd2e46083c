//! The compact formats: round trips within each one's quantisation, real files of other tools, and files that are wrong.

use std::path::{Path, PathBuf};

use dapple::format::{self, Format, Loaded, ReadOptions, SpzAxes, WriteOptions, sog, spz};
use dapple::scene::Scene;
use glam::Vec3;

use crate::support::files::{data, error_of};
use crate::support::made::{self, scene};

/// The largest errors of a copy, Gaussian by Gaussian.
#[derive(Debug, Default)]
struct Errors {
    mean: f32,
    /// 1 − |q·q'|.
    rotation: f32,
    log_scale: f32,
    opacity: f32,
    dc: f32,
    /// Of each band.
    sh: [f32; 3],
}

fn unit(q: [f32; 4]) -> [f32; 4] {
    let norm = q.iter().map(|v| v * v).sum::<f32>().sqrt();
    q.map(|v| v / norm)
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Compares a scene with a copy whose Gaussians may be in another order: each with the nearest.
fn errors(scene: &Scene, copy: &Scene) -> Errors {
    assert_eq!(scene.len(), copy.len());
    let mut errors = Errors::default();
    if scene.is_empty() {
        return errors;
    }
    assert_eq!(scene.sh_degree, copy.sh_degree);
    let (stride, mut used) = (scene.sh_stride(), vec![false; copy.len()]);
    for i in 0..scene.len() {
        let nearest = |a: &usize, b: &usize| {
            let to = |j: usize| copy.means[j].distance_squared(scene.means[i]);
            to(*a).total_cmp(&to(*b))
        };
        let j = (0..copy.len()).min_by(nearest).expect("not empty");
        assert!(!std::mem::replace(&mut used[j], true), "Gaussian {j} is the nearest to two");
        let largest = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        let (a, b) = (unit(scene.quaternions[i]), unit(copy.quaternions[j]));
        let dot = a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>().abs();
        errors.mean = errors.mean.max((scene.means[i] - copy.means[j]).abs().max_element());
        errors.rotation = errors.rotation.max(1.0 - dot);
        errors.log_scale = errors.log_scale.max((scene.log_scales[i] - copy.log_scales[j]).abs().max_element());
        errors.opacity = errors.opacity.max((sigmoid(scene.logits[i]) - sigmoid(copy.logits[j])).abs());
        let (a, b) = (&scene.sh[i * stride..][..stride], &copy.sh[j * stride..][..stride]);
        errors.dc = errors.dc.max(largest(&a[..3], &b[..3]));
        for (band, (start, end)) in [(3, 12), (12, 27), (27, 48)].into_iter().enumerate() {
            if end <= stride {
                errors.sh[band] = errors.sh[band].max(largest(&a[start..end], &b[start..end]));
            }
        }
    }
    errors
}

/// Writes, reads and compares; checks that reading says what was written.
fn round_trip(name: &str, written: &Scene, options: &WriteOptions) -> (Errors, Loaded) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join(name);
    format::save(&path, written, options).expect("writes");
    let loaded = format::load_with(&path, &ReadOptions::default()).expect("reads");
    // An empty file is all that tells of no Gaussians in a format without a header.
    let said = usize::from(loaded.format == Format::Splat && written.is_empty());
    assert_eq!(loaded.warnings.len(), said, "{:?}", loaded.warnings);
    if loaded.format.holds_antialiased() {
        assert_eq!(loaded.scene.antialiased, written.antialiased);
    }
    let files = std::fs::read_dir(path.parent().expect("a folder")).expect("lists").flatten();
    assert!(files.into_iter().all(|file| !file.file_name().to_string_lossy().contains("partial")));
    (errors(written, &loaded.scene), loaded)
}

const COUNTS: [usize; 6] = [0, 1, 255, 256, 257, 1500];

#[test]
fn spz_comes_back() {
    for (version, frame) in [(3, SpzAxes::Rub), (4, SpzAxes::Rub), (4, SpzAxes::Rdf)] {
        let options = WriteOptions { spz_version: version, spz_axes: frame, ..WriteOptions::default() };
        for (degree, n) in (0..=3).flat_map(|degree| COUNTS.map(|n| (degree, n))) {
            let (errors, loaded) = round_trip("scene.spz", &scene(n, degree), &options);
            assert_eq!(loaded.version, version.to_string());
            assert_eq!(loaded.axes, if frame == SpzAxes::Rub { "RUB" } else { "RDF" });
            assert!(errors.mean <= 1.01 / 8192.0, "{errors:?}");
            assert!(errors.rotation < 3e-6, "{errors:?}");
            assert!(errors.log_scale <= 0.031_26 && errors.opacity <= 0.001_97, "{errors:?}");
            assert!(errors.dc <= 0.013_08, "{errors:?}");
            assert!(errors.sh[0] <= 0.031_26 && errors.sh[1] <= 0.062_51 && errors.sh[2] <= 0.062_51, "{errors:?}");
        }
    }
}

#[test]
fn spz_positions_have_the_bits_that_fit() {
    for (size, step) in [(0.5, 2.0_f32.powi(-15)), (3000.0, 2.0_f32.powi(-11)), (70_000.0, 2.0_f32.powi(-6))] {
        let mut written = scene(50, 0);
        written.means.iter_mut().for_each(|mean| *mean *= size / 4.0);
        written.means[0] = Vec3::new(size, -size, size);
        let (errors, _) = round_trip("scene.spz", &written, &WriteOptions::default());
        assert!(errors.mean <= 0.51 * step, "±{size}: {errors:?}");
    }
    let mut written = scene(5, 0);
    written.means[3].y = 1e9;
    let path = tempfile::tempdir().expect("temporary folder").path().join("far.spz");
    let error = format!("{:#}", format::write_scene(&path, &written).expect_err("too far"));
    assert!(error.contains("scale the scene down"), "{error}");
}

#[test]
fn spz_frames_are_those_that_the_file_or_the_caller_names() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (written, path) = (scene(20, 3), folder.path().join("scene.spz"));
    // Version 3 has no record: read as another frame, y and z are reversed.
    spz::write(&path, &written, 3, SpzAxes::Rdf).expect("writes");
    let options = ReadOptions { spz_axes: Some(SpzAxes::Rdf) };
    let same = format::load_with(&path, &options).expect("reads").scene;
    assert!(errors(&written, &same).sh[2] <= 0.063);
    let other = format::read_scene(&path).expect("reads");
    for (a, b) in same.means.iter().zip(&other.means) {
        assert_eq!(*a, *b * Vec3::new(1.0, -1.0, -1.0));
    }
    // In version 4 the record counts, unless the caller says something else.
    spz::write(&path, &written, 4, SpzAxes::Rdf).expect("writes");
    assert_eq!(format::read_scene(&path).expect("reads"), same);
    let options = ReadOptions { spz_axes: Some(SpzAxes::Rub) };
    let asked = format::load_with(&path, &options).expect("reads");
    assert_eq!(asked.scene, other);
    assert!(asked.warnings[0].contains("axes are RDF; RUB is taken, as asked"), "{:?}", asked.warnings);
}

#[test]
fn compressed_ply_comes_back() {
    for (degree, n) in (0..=3).flat_map(|degree| COUNTS.map(|n| (degree, n))) {
        let (errors, loaded) = round_trip("scene.compressed.ply", &scene(n, degree), &WriteOptions::default());
        assert_eq!(loaded.format, Format::CompressedPly);
        // Ranges of at most 8, 4 and 0.85 in chunks of 256.
        assert!(errors.mean <= 8.0 / 1023.0 * 0.51 && errors.rotation < 3e-6, "{errors:?}");
        assert!(errors.log_scale <= 4.0 / 1023.0 * 0.51 && errors.opacity <= 0.001_97, "{errors:?}");
        assert!(errors.dc <= 3.0 / 255.0 * 0.51, "{errors:?}");
        assert!(errors.sh.iter().all(|&sh| sh <= 0.015_63), "{errors:?}");
    }
}

#[test]
fn splat_comes_back_without_higher_bands() {
    for n in COUNTS {
        let (errors, _) = round_trip("scene.splat", &scene(n, 0), &WriteOptions::default());
        assert!(errors.mean == 0.0 && errors.log_scale < 1e-6, "{errors:?}");
        assert!(errors.rotation < 1e-4 && errors.opacity <= 0.001_97 && errors.dc <= 0.006_96, "{errors:?}");
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("scene.splat");
    format::write_scene(&path, &scene(100, 2)).expect("writes");
    let read = format::read_scene(&path).expect("reads");
    assert_eq!(read.sh_degree, 0);
    let importance = |i: usize| read.log_scales[i].element_sum() + sigmoid(read.logits[i]).ln();
    // Small opacities are too coarse to tell their order.
    let clear: Vec<f32> = (0..100).filter(|&i| sigmoid(read.logits[i]) > 0.1).map(importance).collect();
    assert!(
        clear.len() > 50 && clear.windows(2).all(|pair| pair[1] <= pair[0] + 0.05),
        "the most important come first"
    );
}

#[test]
fn sog_comes_back_bundled_and_unbundled() {
    for (degree, n) in (0..=3).flat_map(|degree| COUNTS.map(|n| (degree, n))) {
        let written = scene(n, degree);
        let (errors, loaded) = round_trip("scene.sog", &written, &WriteOptions::default());
        assert_eq!((loaded.format, loaded.version.as_str()), (Format::Sog, "2"));
        let (_, unbundled) = round_trip("folder/meta.json", &written, &WriteOptions::default());
        assert_eq!(loaded.scene, unbundled.scene);
        // Half of 65 535th of ±ln 5, times the slope of the exponential, 5.
        assert!(errors.mean <= 2.0 * 5.0_f32.ln() * 5.0 / 65_535.0 * 0.51, "{errors:?}");
        assert!(errors.rotation < 5e-5 && errors.opacity <= 0.001_97, "{errors:?}");
        assert!(errors.log_scale <= 0.03 && errors.dc <= 0.03, "{errors:?}");
        // Each Gaussian of these small scenes has a set of its own.
        if n <= 1024 {
            assert!(errors.sh.iter().all(|&sh| sh <= 0.02), "{errors:?}");
        }
    }
}

#[test]
fn sog_files_do_not_depend_on_the_number_of_threads() {
    let written = scene(5000, 3);
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let folder = tempfile::tempdir().expect("temporary folder");
        let paths = ["a.sog", "a.spz", "a.compressed.ply", "a.splat"].map(|name| folder.path().join(name));
        pool.install(|| paths.iter().for_each(|path| format::write_scene(path, &written).expect("writes")));
        paths.map(|path| std::fs::read(path).expect("reads"))
    };
    let (one, four) = (bytes(1), bytes(4));
    assert!(one == four, "equal scenes must give equal files");
}

#[test]
fn degenerate_scenes_are_written() {
    let one = scene(1, 3);
    let mut same = Scene { sh_degree: 3, ..Scene::default() };
    for _ in 0..3000 {
        same.means.push(one.means[0]);
        same.quaternions.push([0.0; 4]);
        same.log_scales.push(Vec3::new(-30.0, 90.0, 0.0));
        same.logits.push(200.0);
        same.sh.extend(one.sh.iter().map(|v| v * 1e6));
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    for name in ["a.sog", "a.spz", "a.compressed.ply", "a.splat"] {
        let path = folder.path().join(name);
        format::write_scene(&path, &same).expect(name);
        assert_eq!(format::read_scene(&path).expect(name).len(), 3000, "{name}");
    }
    // The only one of these that holds a quaternion of 0, which is no rotation.
    let path = folder.path().join("a.ply");
    format::write_scene(&path, &same).expect("writes");
    assert!(error_of(&path).contains("3000 Gaussians have a quaternion of 0"));
}

#[test]
fn ksplat_of_every_level_is_read() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("scene.ksplat");
    for (level, degree, n) in (0..3).flat_map(|level| (0..3).flat_map(move |d| [1, 300].map(|n| (level, d, n)))) {
        let written = scene(n, degree);
        std::fs::write(&path, made::ksplat(&written, level)).expect("writes");
        let loaded = format::load(&path).expect("reads");
        let errors = errors(&written, &loaded.scene);
        let (mean, half, sh) = [(0.0, 1e-6, 0.0), (1e-4, 2e-3, 5e-4), (1e-4, 2e-3, 0.0059)][level];
        assert!(errors.mean <= mean && errors.log_scale <= half && errors.rotation < 1e-5, "{level}: {errors:?}");
        assert!(errors.opacity <= 0.001_97 && errors.dc <= 0.006_96, "{level}: {errors:?}");
        assert!(errors.sh.iter().all(|&error| error <= sh), "{level}: {errors:?}");
    }
}

#[test]
fn real_files_open() {
    let Some(splats) = data("splats") else { return };
    let files = [
        ("mini/minimal.splat", Format::Splat, "", 4, 0),
        ("mini/minimal.ksplat", Format::Ksplat, "0.1", 4, 0),
        ("mini/minimal-raw.spz", Format::Spz, "2", 4, 0),
        ("mini/minimal-v2.spz", Format::Spz, "2", 4, 0),
        ("mini/minimal-v3.spz", Format::Spz, "3", 4, 0),
        ("mini/minimal-v4.spz", Format::Spz, "4", 4, 0),
        ("supersplat/biker.compressed.ply", Format::CompressedPly, "", 152_746, 0),
        ("supersplat/guitar.compressed.ply", Format::CompressedPly, "", 90_854, 0),
        ("sog/playbot_4_0", Format::Sog, "2", 8406, 2),
        ("sog/playcanvas-logo/meta.json", Format::Sog, "1", 307_128, 0),
    ];
    for (name, format, version, count, degree) in files {
        let loaded = format::load(&splats.join(name)).expect(name);
        assert_eq!((loaded.format, loaded.version.as_str()), (format, version), "{name}");
        assert_eq!((loaded.scene.len(), loaded.scene.sh_degree), (count, degree), "{name}");
        assert!(loaded.scene.quaternions.iter().all(|q| (unit(*q)[0] - q[0]).abs() < 1e-4), "{name}");
    }
}

/// Four tools' files of the same four Gaussians: at the corners of a square, 0.1 wide, in four colours.
#[test]
fn the_same_scene_in_five_files_is_the_same() {
    let Some(splats) = data("splats") else { return };
    let read = |name: &str| format::load(&splats.join("mini").join(name)).expect(name).scene;
    let reference = read("minimal.ksplat");
    assert_eq!(
        reference.means,
        [[-1.0, 0.0, -1.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0; 3]].map(Vec3::from_array)
    );
    for (name, frame) in
        [("minimal-v2.spz", 1.0), ("minimal-v3.spz", 1.0), ("minimal-v4.spz", 1.0), ("minimal.splat", -1.0)]
    {
        let scene = read(name);
        assert!((scene.log_scales[2] - Vec3::splat(0.1_f32.ln())).abs().max_element() < 0.04, "{name}");
        assert!((sigmoid(scene.logits[1]) - 0.9).abs() < 0.01, "{name}");
        let mut z: Vec<f32> = scene.means.iter().map(|mean| mean.z * -frame).collect();
        z.sort_by(f32::total_cmp);
        assert_eq!(z.first().copied().map(f32::abs), Some(if z[0] == 0.0 { 0.0 } else { 1.0 }), "{name}: {z:?}");
    }
}

/// Files of each format: small ones that are made, with their names.
fn small_files(folder: &Path) -> Vec<PathBuf> {
    let written = scene(300, 2);
    let mut paths = Vec::new();
    for (name, version) in
        [("a.spz", 3), ("b.spz", 4), ("a.compressed.ply", 4), ("a.splat", 4), ("a.sog", 4), ("a.ply", 4)]
    {
        let options = WriteOptions { spz_version: version, ..WriteOptions::default() };
        let path = folder.join(name);
        format::save(&path, &written, &options).expect("writes");
        paths.push(path);
    }
    paths
}

#[test]
fn files_that_are_cut_short_get_one_clear_line() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for path in small_files(folder.path()) {
        let whole = std::fs::read(&path).expect("reads");
        for part in 1..40 {
            let length = whole.len() * part / 40;
            std::fs::write(&path, &whole[..length]).expect("writes");
            if path.extension().is_some_and(|e| e == "splat") && length % 32 == 0 {
                assert_eq!(format::read_scene(&path).expect("whole records").len(), length / 32);
            } else {
                error_of(&path);
            }
        }
    }
}

#[test]
fn claims_and_versions_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        path
    };
    let paths = small_files(folder.path());
    let v4 = std::fs::read(&paths[1]).expect("reads");
    let edit = |at: usize, value: u32| {
        let mut bytes = v4.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    assert!(error_of(&file("v.spz", &edit(4, 5))).contains("version 5 is not known"));
    assert!(error_of(&file("n.spz", &edit(8, u32::MAX))).contains("claims 4294967295 Gaussians"));
    assert!(error_of(&file("m.spz", &edit(8, 299))).contains("stream 0 claims"));
    assert!(error_of(&file("t.spz", &edit(16, 5))).contains("starts inside the header"));
    assert!(error_of(&file("e.spz", &[&v4[..], b"x"].concat())).contains("1 bytes follow"));
    assert!(error_of(&file("x.spz", b"hello, this is no scene")).contains("does not start with"));
    let gzip = |body: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, body).expect("compresses");
        encoder.finish().expect("compresses")
    };
    // A bomb: the header's claim is what counts.
    let mut bomb = vec![0; 64 << 20];
    bomb[..12].copy_from_slice(b"NGSP\x03\0\0\0\xff\xff\xff\x0f");
    assert!(error_of(&file("bomb.spz", &gzip(&bomb))).contains("more than"));
    assert!(error_of(&file("other.spz", &gzip(b"hello, this is no scene"))).contains("does not start with"));
    let mut ksplat = vec![0; 5000];
    ksplat[1] = 1;
    ksplat[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(error_of(&file("s.ksplat", &ksplat)).contains("cut short"));
    ksplat[0] = 9;
    assert!(error_of(&file("k.ksplat", &ksplat)).contains("version 9.1 is not known"));
    assert!(error_of(&file("c.splat", &[0; 33])).contains("1 are left over after 1"));
    assert!(error_of(&file("z.sog", b"PK\x03\x04 and no more")).contains("zip archive"));
}

#[test]
fn a_sog_that_is_wrong_says_where() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("meta.json");
    sog::write(&path, &scene(300, 1)).expect("writes");
    let good = std::fs::read_to_string(&path).expect("reads");
    let error_with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        std::fs::write(&path, good.replacen(from, to, 1)).expect("writes");
        error_of(&path)
    };
    assert!(error_with("\"version\":2", "\"version\":3").contains("SOG version 3 is not known"));
    assert!(
        error_with("\"count\":300,\"means\"", "\"count\":4000000000,\"means\"")
            .contains("pixels for 4000000000 Gaussians")
    );
    assert!(error_with("\"count\":300,\"means\"", "\"count\":500,\"means\"").contains("pixels for 500"));
    assert!(error_with("\"count\":300,\"files\":[\"shN", "\"count\":7,\"files\":[\"shN").contains("of a palette of 7"));
    assert!(error_with("sh0.webp", "../sh0.webp").contains("no name of a file beside it"));
    assert!(error_with("sh0.webp", "sh1.webp").contains("sh1.webp"));
    assert!(error_with("\"bands\":1", "\"bands\":3").contains("pixels wide"));
    assert!(error_with("\"codebook\":[", "\"codebook\":[1,").contains("257 numbers"));
    assert!(error_with("{", "[").contains("not the description"));
    std::fs::write(&path, &good).expect("writes");
    let quats = folder.path().join("quats.webp");
    std::fs::write(&quats, &std::fs::read(&quats).expect("reads")[..100]).expect("writes");
    assert!(error_of(&path).contains("quats.webp is not a readable image"));
    std::fs::remove_file(&quats).expect("removes");
    assert!(error_of(&path).contains("quats.webp"));
}
