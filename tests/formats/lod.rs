//! Levels of detail: what a streamed SOG holds, what of it a camera is shown, and conversions by disk.

use std::collections::BTreeMap;
use std::f32::consts::PI;
use std::path::Path;

use dapple::camera::{Camera, Lens, Pose};
use dapple::edit;
use dapple::format::lod::{Detail, Levels};
use dapple::format::sog::Streamed;
use dapple::format::stream::{self, Hooks, PlyRows};
use dapple::format::{self, Format, WriteOptions};
use dapple::render::{Channel, SceneView};
use dapple::scene::{Scene, sigmoid};
use glam::{DVec3, Quat, Vec3, Vec4, dvec3};

use crate::support::files::{Folder, error_of};
use crate::support::gpu;
use crate::support::random::Rng;

/// Gaussians of the scene.
const N: usize = 20_000;
/// Regions of it: halves of at most 8192.
const REGIONS: usize = 4;

/// A wavy ground of 40 × 40 units of flat Gaussians with a pattern.
fn ground(n: usize, sh_degree: u32) -> Scene {
    let mut rng = Rng::new(17);
    let mut scene = Scene { sh_degree, up: Some(Vec3::NEG_Y), ..Scene::default() };
    for _ in 0..n {
        let (x, z) = (rng.range(-20.0, 20.0) as f32, rng.range(-20.0, 20.0) as f32);
        scene.means.push(Vec3::new(x, (0.3 * x).sin(), z));
        scene.quaternions.push([1.0, 0.0, 0.0, 0.0]);
        let size = rng.range(-2.3, -1.7) as f32;
        scene.log_scales.push(Vec3::new(size, size - 2.0, size));
        scene.logits.push(rng.range(0.0, 4.0) as f32);
        let light = if (x.floor() + z.floor()) as i32 % 2 == 0 { 1.0 } else { -0.5 };
        scene.sh.extend([light, 0.5 * light, 0.2]);
        scene.sh.extend((3..scene.sh_stride()).map(|k| 0.1 * light * ((k % 5) as f32 - 2.0)));
    }
    scene
}

fn write(folder: &Folder, name: &str, scene: &Scene, levels: usize) {
    let levels = Levels { count: Some(levels), chunk: 8192 };
    format::save(&folder.path(name), scene, &WriteOptions { levels, ..WriteOptions::default() }).expect("writes");
}

/// All files below a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            found.insert(name, std::fs::read(&path).expect("reads"));
        }
    }
    found
}

/// Opacity times area (root mean square over all directions, up to a constant), summed.
fn mass(scene: &Scene) -> f64 {
    let of_one = |i: usize| {
        let s = scene.log_scales[i].as_dvec3().exp();
        f64::from(sigmoid(scene.logits[i])) * dvec3(s.x * s.y, s.y * s.z, s.z * s.x).length()
    };
    (0..scene.len()).map(of_one).sum()
}

#[test]
fn every_level_covers_the_scene_once_with_half_of_the_gaussians() {
    let (folder, scene) = (Folder::new(), ground(N, 1));
    write(&folder, "a.lod", &scene, 4);
    let streamed = Streamed::open(&folder.path("a.lod/lod-meta.json")).expect("opens");
    assert_eq!((streamed.regions.len(), streamed.level_count()), (REGIONS, 4));
    let mut covered: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for level in 0..4 {
        assert_eq!(streamed.count(level), N >> level, "level {level}");
    }
    for region in &streamed.regions {
        for (level, range) in region.levels.iter().enumerate() {
            covered.entry(range.file).or_default().push((range.offset, range.count));
            let file = streamed.file(range.file).expect("is there");
            assert!(file.display().to_string().contains(&format!("/{level}_")), "one level a file");
            let part = format::load(&file).expect("reads").scene;
            for mean in &part.means[range.offset..range.offset + range.count] {
                let inside = mean.cmpge(region.bound.min - 1e-3) & mean.cmple(region.bound.max + 1e-3);
                assert!(inside.all(), "{mean} in {:?}", region.bound);
            }
        }
    }
    assert_eq!(covered.len(), streamed.file_count());
    for (file, mut ranges) in covered {
        ranges.sort_unstable();
        let end = ranges.iter().fold(0, |at, (offset, count)| {
            assert_eq!(*offset, at, "no gap and no overlap in file {file}");
            at + count
        });
        let found = format::load(&streamed.file(file).expect("is there")).expect("reads").scene;
        assert!(found.len() == end && end <= 8192 && found.up == scene.up, "file {file}: {end} of {}", found.len());
    }
}

#[test]
fn levels_keep_the_mass() {
    let (folder, mut scene) = (Folder::new(), ground(N, 0));
    // So transparent that nothing becomes more than opaque.
    scene.logits.iter_mut().for_each(|logit| *logit -= 5.0);
    write(&folder, "a.lod", &scene, 4);
    let mut detail = Detail::open(&folder.path("a.lod"), 1 << 20).expect("opens").expect("a streamed SOG");
    let whole = mass(&scene);
    for level in 0..4 {
        let found = detail.pick(&[Some(level); REGIONS], usize::MAX).expect("reads").scene;
        let share = mass(&found) / whole;
        assert!((0.9..1.05).contains(&share), "level {level} has {share:.3} of the mass");
        assert!((0..found.len()).all(|i| (0.0..=1.0).contains(&sigmoid(found.logits[i]))));
    }
}

#[test]
fn the_finest_level_reads_back_and_bytes_are_the_same_again() {
    let (folder, scene) = (Folder::new(), ground(N, 2));
    write(&folder, "a.lod", &scene, 2);
    write(&folder, "b/a.lod", &scene, 2);
    assert!(files(&folder.path("a.lod")) == files(&folder.path("b/a.lod")), "the same bytes");
    let found = format::load(&folder.path("a.lod")).expect("reads");
    assert_eq!((found.format, found.version.as_str(), found.scene.len()), (Format::Sog, "streamed", N));
    let loss = format::loss(Format::Lod, &scene, &found.scene, 0);
    assert!(loss.percent() < 5.0 && loss.parts[0] == 0 && loss.left_out == 0, "{loss}");
    // Levels by themselves: as many as bring the coarsest below 100 000.
    format::write_scene(&folder.path("c.lod"), &scene).expect("writes");
    let streamed = Streamed::open(&folder.path("c.lod/lod-meta.json")).expect("opens");
    assert_eq!((streamed.level_count(), streamed.file_count()), (1, 1));
}

/// The text of a page between two others.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    page.split_once(start).and_then(|(_, rest)| rest.split_once(end)).expect("is there").0
}

fn turn_of(page: &str) -> Quat {
    Quat::from_array(serde_json::from_str(between(page, "const turn = ", ";")).expect("a quaternion"))
}

#[test]
fn its_page_starts_where_the_page_of_the_scene_does_and_turns_it_upright() {
    let (folder, mut scene) = (Folder::new(), ground(N, 0));
    let settings = |name: &str| -> serde_json::Value {
        let page = std::fs::read_to_string(folder.path(name)).expect("a page");
        serde_json::from_str(between(&page, "settings: ", ",\n        ...scene")).expect("JSON")
    };
    format::write_scene(&folder.path("<a>.html"), &scene).expect("writes");
    write(&folder, "<a>.lod", &scene, 2);
    let page = std::fs::read_to_string(folder.path("<a>.lod/index.html")).expect("a page");
    assert!(page.contains("<title>&lt;a></title>") && !page.contains("class=\"scene\""), "the scene is beside it");
    assert!(page.contains("'lod-meta.json'") && page.contains("'file:'") && page.contains("python3 -m http.server"));
    assert!(turn_of(&page).angle_between(Quat::from_rotation_z(PI)) < 1e-6, "upright: half a turn about z");
    assert_eq!(settings("<a>.html"), settings("<a>.lod/index.html"), "the same first camera");
    // The static page's scene is turned, that of the folder stays as it is and the page turns it.
    let turn = edit::Similarity::turn(DVec3::NEG_Y, dvec3(0.0, 0.0, 1.0));
    turn.apply_to(&mut scene);
    assert!(scene.up.is_some_and(|up| up.distance(Vec3::Z) < 1e-6));
    write(&folder, "z.lod", &scene, 2);
    let found = format::load(&folder.path("z.lod")).expect("reads, and index.html is no scene in it").scene;
    assert!(found.means.iter().all(|mean| mean.z < 1.1 && mean.z > -1.1), "it is not turned");
    let page = std::fs::read_to_string(folder.path("z.lod/index.html")).expect("a page");
    let up = turn_of(&page) * Vec3::Z;
    assert!(up.distance(Vec3::Y) < 1e-6, "{up}");
    let camera = |name: &str| {
        let camera = settings(name)["cameras"][0]["initial"].clone();
        let place = |what: &str| -> Vec3 { serde_json::from_value(camera[what].clone()).expect("a place") };
        (place("position"), place("target"))
    };
    let ((a, to_a), (b, to_b)) = (camera("<a>.html"), camera("z.lod/index.html"));
    assert!(a.distance(b) < 1e-3 * a.distance(to_a) && to_a.distance(to_b) < 1e-3 * a.distance(to_a), "{a} and {b}");
}

#[test]
fn a_camera_gets_fine_what_is_near_and_never_more_than_the_budget() {
    let (folder, scene) = (Folder::new(), ground(4 * N, 0));
    write(&folder, "a.lod", &scene, 5);
    let lens = Lens::from_fov_x(1.0, 640, 480);
    let camera = |eye: DVec3, to: DVec3| Camera { pose: Pose::look_at(eye, to, -DVec3::Y), lens };
    let low = camera(dvec3(-19.0, -2.0, -19.0), dvec3(0.0, 0.0, 0.0));
    for budget in [6000, 12_000, 30_000, 1_000_000] {
        let mut detail = Detail::open(&folder.path("a.lod"), budget).expect("opens").expect("a streamed SOG");
        let chosen = detail.choose(&low);
        let picked = detail.pick(&chosen, usize::MAX).expect("reads");
        assert!(picked.is_complete && picked.scene.len() <= budget, "{} of {budget}", picked.scene.len());
        assert!(picked.scene.len() * 2 > budget.min(60_000), "it is used: {} of {budget}", picked.scene.len());
        let near = |wanted: bool| {
            let of = |mean: &&Vec3| (mean.distance(Vec3::new(-19.0, 0.0, -19.0)) < 10.0) == wanted;
            picked.scene.means.iter().filter(of).count() as f64 / scene.means.iter().filter(of).count() as f64
        };
        assert!(near(true) >= near(false), "{budget}: {:.3} near, {:.3} far", near(true), near(false));
    }
    // With its back to the ground, only the coarsest is kept.
    let mut detail = Detail::open(&folder.path("a.lod"), 30_000).expect("opens").expect("a streamed SOG");
    let away = detail.choose(&camera(dvec3(0.0, -60.0, 0.0), dvec3(0.1, -100.0, 0.0)));
    assert!(away.iter().all(|level| *level == Some(4)), "{away:?}");
    // Before files are read, what is there is shown.
    let coarse = detail.coarsest().expect("reads").len();
    let fine = detail.choose(&low);
    let first = detail.pick(&fine, 1).expect("reads");
    assert!(!first.is_complete && first.scene.len() >= coarse, "{} of {coarse}", first.scene.len());
    assert!(Detail::open(&folder.path("a.lod/0_0"), 10).expect("looks").is_none(), "a SOG has no levels");
}

/// PSNR between two images, dB.
fn psnr(a: &[Vec4], b: &[Vec4]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from((a.truncate() - b.truncate()).length_squared()));
    -10.0 * (squares.sum::<f64>() / (3 * a.len()) as f64).log10()
}

#[test]
fn pictures_of_coarser_levels_differ_little_by_little() {
    let (folder, scene) = (Folder::new(), ground(N, 0));
    write(&folder, "a.lod", &scene, 4);
    let pose = Pose::look_at(dvec3(0.0, -14.0, -24.0), DVec3::ZERO, -DVec3::Y);
    let camera = Camera { pose, lens: Lens::from_fov_x(1.0, 160, 120) };
    let mut view = SceneView::new(&gpu(), scene, &[camera], Vec3::ZERO, Channel::Color).expect("fits");
    let whole = view.render(&camera, 0.0).expect("renders").pixels;
    let mut detail = Detail::open(&folder.path("a.lod"), 1 << 20).expect("opens").expect("a streamed SOG");
    let mut of_level = |level: usize| {
        view.replace(detail.pick(&[Some(level); REGIONS], usize::MAX).expect("reads").scene).expect("fits");
        psnr(&whole, &view.render(&camera, 0.0).expect("renders").pixels)
    };
    // An eighth of the Gaussians, 2500, cannot hold the pattern of 1600 squares.
    let levels = [0, 1, 2].map(&mut of_level);
    assert!(levels[0] > 45.0 && levels[2] > 20.0, "{levels:.1?} dB");
    assert!(levels.windows(2).all(|pair| pair[0] > pair[1]), "{levels:.1?} dB");
}

#[test]
fn what_is_damaged_or_in_the_way_is_said() {
    let (folder, scene) = (Folder::new(), ground(9000, 0));
    write(&folder, "a.lod", &scene, 2);
    let meta = folder.path("a.lod/lod-meta.json");
    let text = std::fs::read_to_string(&meta).expect("reads");
    let broken = |text: &str| {
        std::fs::write(&meta, text).expect("writes");
        error_of(&meta)
    };
    assert!(broken(&text[..text.len() / 2]).contains("is not the description of a streamed SOG"));
    assert!(broken(&text.replace("\"version\":1", "\"version\":2")).contains("version 2 is not known"));
    assert!(broken(&text.replace("0_0/meta.json", "../0_0/meta.json")).contains("is no name of a file beside it"));
    assert!(broken(&text.replace("\"file\":0", "\"file\":70")).contains("there is no file 70"));
    std::fs::write(&meta, &text).expect("writes");
    std::fs::remove_dir_all(folder.path("a.lod/0_1")).expect("removes");
    assert!(error_of(&meta).contains("part 0_1/meta.json is not there; copy the whole folder"));
    let mut detail = Detail::open(&folder.path("a.lod"), 1 << 20).expect("opens").expect("a streamed SOG");
    let missing = detail.pick(&[Some(0); 2], usize::MAX).expect_err("is not there").to_string();
    assert!(missing.contains("part 0_1/meta.json is not there"), "{missing}");
    // The whole folder is replaced, and nothing else is.
    write(&folder, "a.lod", &scene, 1);
    assert!(!folder.path("a.lod/1_0").exists(), "the old level is gone");
    folder.file("b.lod/notes.txt", "mine");
    let error = format::write_scene(&folder.path("b.lod"), &scene).expect_err("holds something else").to_string();
    assert!(error.contains("is there and is no streamed SOG"), "{error}");
    let left: Vec<String> = std::fs::read_dir(&folder.0)
        .expect("a folder")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(left.iter().all(|name| !name.starts_with('.')), "nothing half-written: {left:?}");
}

/// Converts a PLY by disk.
fn convert(folder: &Folder, from: &str, to: &str, options: &WriteOptions) -> stream::Converted {
    let rows = PlyRows::open(&folder.path(from)).expect("opens").expect("rows of floats");
    let mut hooks = Hooks { edit: &mut |_, _| Ok(()), progress: &mut |_, _| () };
    let to = folder.path(to);
    let format = format::format_to_write(&to).expect("is known");
    stream::convert(&to, format, &rows, &mut hooks, options).expect("converts")
}

#[test]
fn by_disk_the_same_is_written_as_in_memory() {
    let (folder, mut scene) = (Folder::new(), ground(N, 1));
    scene.means[7] = Vec3::new(4.0e6, 0.0, 0.0);
    format::write_scene(&folder.path("in.ply"), &scene).expect("writes");
    let bytes = std::fs::read(folder.path("in.ply")).expect("reads");
    let whole = format::load(&folder.path("in.ply")).expect("reads").scene;
    let levels = Levels { count: Some(3), chunk: 8192 };
    let options = WriteOptions { levels, ..WriteOptions::default() };
    format::save(&folder.path("a.lod"), &whole, &options).expect("writes");
    assert_eq!(convert(&folder, "in.ply", "b/a.lod", &options).gaussians, N);
    assert!(files(&folder.path("a.lod")) == files(&folder.path("b/a.lod")), "the same bytes");
    for version in [3, 4] {
        let options = WriteOptions { spz_version: version, ..options.clone() };
        format::save(&folder.path("a.spz"), &whole, &options).expect("writes");
        let made = convert(&folder, "in.ply", "b.spz", &options);
        assert_eq!(made.gaussians, N - 1, "the stray is left out");
        assert!(made.warnings.iter().any(|said| said.contains("1 Gaussian lies more than")), "{:?}", made.warnings);
        let [a, b] = ["a.spz", "b.spz"].map(|name| format::load(&folder.path(name)).expect("reads"));
        assert!(a.scene == b.scene && a.version == b.version && a.axes == b.axes, "version {version}");
    }
    format::save(&folder.path("a.compressed.ply"), &whole, &options).expect("writes");
    convert(&folder, "in.ply", "b.compressed.ply", &options);
    let [a, b] =
        ["a.compressed.ply", "b.compressed.ply"].map(|name| format::load(&folder.path(name)).expect("reads").scene);
    assert!(a == b && a.len() == N, "one cell has the order of the whole");
    // Cut short: an error, and nothing is left.
    folder.file("cut.ply", &bytes[..bytes.len() - 9]);
    assert!(PlyRows::open(&folder.path("cut.ply")).is_err_and(|error| format!("{error:#}").contains("cut short")));
    let left =
        std::fs::read_dir(&folder.0).expect("a folder").flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    let left: Vec<String> = left.filter(|name| name.starts_with('.')).collect();
    assert!(left.is_empty(), "nothing half-written: {left:?}");
}
