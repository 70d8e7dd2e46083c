//! The formats of others that hold our motion, `.ftgs.ply`, `.tsog` and `.4dgs`: there and back, and files made by hand.

use std::io::{Cursor, Write};

use dapple::format::{self, Format, write_scene};
use dapple::scene::{ALPHA_MIN, Clip, Motion, Scene, sigmoid};
use glam::Vec3;
use serde_json::{Value, json};

use crate::support::files::{Folder, error_of};
use crate::support::{made, moving};

const NAMES: [(&str, Format); 3] =
    [("a.ftgs.ply", Format::FtgsPly), ("a.tsog", Format::Tsog), ("a.4dgs", Format::FourD)];
const TIMES: [f32; 4] = [0.0, 0.37, 0.8, 1.0];

/// For each Gaussian of `scene` the one of `found` that is nearest at half time; files have orders of their own.
fn partners(found: &Scene, scene: &Scene) -> Vec<usize> {
    let (there, here) = (found.at(0.5).means, scene.at(0.5).means);
    let nearest = |mean: &Vec3| {
        let distances = there.iter().map(|other| other.distance(*mean));
        distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).expect("one").0
    };
    here.iter().map(nearest).collect()
}

/// The largest differences of positions and of opacities, over several times.
fn worst(found: &Scene, scene: &Scene) -> (f32, f32) {
    assert_eq!(found.len(), scene.len());
    let partners = partners(found, scene);
    let mut sorted = partners.clone();
    sorted.sort_unstable();
    assert!(sorted.iter().enumerate().all(|(i, &k)| i == k), "each has one of its own");
    let mut worst = (0.0_f32, 0.0_f32);
    for time in TIMES {
        let (there, here) = (found.at(time), scene.at(time));
        for (i, &k) in partners.iter().enumerate() {
            // Where something is that nobody sees says nothing.
            if sigmoid(here.logits[i]) >= ALPHA_MIN {
                worst.0 = worst.0.max(there.means[k].distance(here.means[i]));
            }
            worst.1 = worst.1.max((sigmoid(there.logits[k]) - sigmoid(here.logits[i])).abs());
        }
    }
    worst
}

/// A moving scene whose Gaussians have room, some of them for ever.
fn scene(degree: u32) -> Scene {
    let mut scene = moving::scene(60, degree);
    scene.antialiased = false;
    if let Some(motion) = &mut scene.motion {
        // Beside those that never fade: centres outside the clip, and durations beyond it.
        (motion.centres[1], motion.centres[2], motion.log_durations[2]) = (-0.7, 4.0, 30_f32.ln());
    }
    scene
}

#[test]
fn motion_and_fading_come_back() {
    let folder = Folder::new();
    for degree in [0, 2, 3] {
        let scene = scene(degree);
        // Two numbers of .4dgs are each off by half a step, along each of three axes.
        let step = 0.02 * median_size(&scene) * 3.0_f32.sqrt();
        for ((name, format), (position, opacity)) in NAMES.into_iter().zip([(1e-5, 1e-5), (3e-4, 0.006), (step, 0.006)])
        {
            let path = folder.path(name);
            write_scene(&path, &scene).expect("writes");
            let loaded = format::load(&path).expect("reads");
            assert_eq!((loaded.format, loaded.scene.sh_degree), (format, degree));
            assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
            let (far, off) = worst(&loaded.scene, &scene);
            assert!(far < position && off < opacity, "{name}, degree {degree}: {far} and {off} off");
            let (lost, parts) = shows(&loaded.scene, &scene);
            assert_eq!(lost, 0, "{name}, degree {degree}: {parts:?} differ so that it shows");
            // By its content, whatever its name.
            let renamed = folder.path(if format == Format::FtgsPly { "b.ply" } else { "b.bin" });
            std::fs::rename(&path, &renamed).expect("renames");
            assert_eq!(format::load(&renamed).expect("reads").format, format);
        }
    }
}

/// The median of the Gaussians' largest standard deviations.
fn median_size(scene: &Scene) -> f32 {
    let mut sizes: Vec<f32> = scene.log_scales.iter().map(|scale| scale.max_element().exp()).collect();
    sizes.sort_unstable_by(f32::total_cmp);
    sizes[(sizes.len() - 1) / 2]
}

/// How many Gaussians have other shapes or colours.
fn shows(found: &Scene, scene: &Scene) -> (usize, [usize; 3]) {
    let unit = |q: [f32; 4]| q.map(|v| v / q.iter().map(|v| v * v).sum::<f32>().sqrt());
    let mut parts = [0; 3];
    for (i, k) in partners(found, scene).into_iter().enumerate() {
        let (p, q) = (unit(scene.quaternions[i]), unit(found.quaternions[k]));
        let stride = scene.sh_stride();
        let (sh, other) = (&scene.sh[i * stride..][..stride], &found.sh[k * stride..][..stride]);
        // Colours of .4dgs are from 0 to 1.
        let near =
            |(n, (a, b)): (usize, (&f32, &f32))| (a.clamp(-1.77, 1.77) - b).abs() < if n < 3 { 0.05 } else { 0.25 };
        let wrong = [
            (scene.log_scales[i] - found.log_scales[k]).abs().max_element() > 0.05,
            p.iter().zip(q).map(|(a, b)| a * b).sum::<f32>().abs() < 0.999,
            !sh.iter().zip(other).enumerate().all(near),
        ];
        parts.iter_mut().zip(wrong).for_each(|(n, wrong)| *n += usize::from(wrong));
    }
    (parts.iter().sum(), parts)
}

#[test]
fn a_still_scene_stays_still() {
    let folder = Folder::new();
    let scene = Scene { antialiased: false, ..made::scene(50, 1) };
    for (name, _) in NAMES {
        let path = folder.path(name);
        write_scene(&path, &scene).expect("writes");
        let found = format::load(&path).expect("reads").scene;
        let (far, off) = worst(&found, &scene);
        assert!(far < 2e-3 && off < 0.003, "{name}: {far} and {off} off");
        assert_eq!(found.motion.is_some(), name == "a.ftgs.ply", "{name}: which always has times");
    }
}

#[test]
fn up_and_the_length_of_the_clip_are_kept() {
    let folder = Folder::new();
    let clip = Clip { seconds: Some(2.5), frames: Some(51) };
    let scene = Scene { up: Some(Vec3::Z), clip, ..scene(1) };
    let path = folder.path("a.dapple");
    write_scene(&path, &scene).expect("writes");
    assert_eq!(format::load(&path).expect("reads").scene, scene);
    let clips = [Clip { seconds: None, ..clip }, clip, Clip { frames: None, ..clip }];
    let mut upright = scene.clone();
    format::fit(&mut upright, Format::Tsog).expect("turns it");
    for ((name, _), clip) in NAMES.into_iter().zip(clips) {
        let path = folder.path(name);
        write_scene(&path, &scene).expect("writes");
        let found = format::load(&path).expect("reads").scene;
        assert_eq!(found.clip, clip, "{name}");
        assert!(found.up.expect("an up").distance(Vec3::NEG_Y) < 1e-6, "{name}: {:?}", found.up);
        let (far, off) = worst(&found, &upright);
        assert!(far < 3e-3 && off < 0.006, "{name}: {far} and {off} off");
    }
}

#[test]
fn a_length_that_nobody_knows_is_said() {
    let mut scene = scene(0);
    for format in [Format::Tsog, Format::FourD] {
        let said = format::fit(&mut scene.clone(), format).expect("fits");
        assert!(said.iter().any(|line| line.contains("plays in one second, or in --duration")), "{said:?}");
    }
    scene.clip.seconds = Some(3.0);
    if let Some(motion) = &mut scene.motion {
        motion.gates[0] = 0.02;
    }
    let said = format::fit(&mut scene, Format::FourD).expect("fits");
    assert!(said.len() == 1 && said[0].contains("1 Gaussians fade in part"), "{said:?}");
    assert_eq!(scene.len(), 61);
}

/// Pictures of one row, by their names.
type Images = Vec<(&'static str, Vec<[u8; 4]>)>;

/// A zip archive of a description and of images of one row, whose pixels are given.
fn tsog(folder: &Folder, name: &str, meta: &Value, images: &[(&str, Vec<[u8; 4]>)]) -> std::path::PathBuf {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8]| {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("starts");
        archive.write_all(bytes).expect("writes");
    };
    add("meta.json", meta.to_string().as_bytes());
    for (name, pixels) in images {
        let mut file = Vec::new();
        let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut file);
        let width = pixels.len() as u32;
        encoder.encode(pixels.as_flattened(), width, 1, image::ExtendedColorType::Rgba8).expect("encodes");
        add(name, &file);
    }
    folder.file(name, archive.finish().expect("finishes").into_inner())
}

/// The published vector of the playback profile: two Gaussians whose numbers are worked out by hand.
fn vector() -> (Value, Images) {
    let log_two = std::f64::consts::LN_2;
    let meta = json!({
        "version": 4, "profile": { "id": "org.opsiclear.tsog-playback", "version": 1 }, "count": 2,
        "means": { "mins": [-log_two, 0, log_two], "maxs": [log_two, 0, log_two], "files": ["pl", "ph"] },
        "scales": { "codebook": [0], "files": ["s"] },
        "quats": { "files": ["q"] },
        "sh0": { "codebook": [0, 1, -1], "files": ["dc"] },
        "shN": { "bands": 1, "count": 1, "codebook": [0, 0.5, -0.5], "files": ["palette", "labels"] },
        "timeline": { "type": 1, "mins": [-1, 0.5], "maxs": [1, 0.5], "files": ["tl", "th"] },
        "temporal": { "means": { "mins": [[-2, 0, 0]], "maxs": [[2, 0, 65_535]], "files": ["vl", "vh"] } },
        "playback": { "duration": 2, "fps": 2 },
    });
    let ends = vec![[0, 0, 0, 255], [255, 0, 0, 255]];
    let images = vec![
        ("pl", ends.clone()),
        ("ph", ends.clone()),
        ("s", vec![[0, 0, 0, 255]; 2]),
        ("q", vec![[128, 128, 128, 252], [128, 128, 128, 255]]),
        ("dc", vec![[0, 1, 2, 128], [2, 0, 1, 255]]),
        ("palette", vec![[1, 2, 0, 255]; 192]),
        ("labels", vec![[0, 0, 0, 255]; 2]),
        ("tl", ends.clone()),
        ("th", ends),
        ("vl", vec![[0, 0, 1, 255], [255, 0, 2, 255]]),
        ("vh", vec![[0, 0, 2, 255], [255, 0, 1, 255]]),
    ];
    (meta, images)
}

#[test]
fn the_published_vector_decodes() {
    let folder = Folder::new();
    let (meta, images) = vector();
    let loaded = format::load(&tsog(&folder, "v.zip", &meta, &images)).expect("reads");
    let scene = &loaded.scene;
    assert_eq!((loaded.format, scene.len(), scene.sh_degree), (Format::Tsog, 2, 1));
    assert_eq!(scene.clip, Clip { seconds: Some(2.0), frames: Some(5) });
    let motion = scene.motion.as_ref().expect("moves");
    assert_eq!(motion.velocities, [Vec3::new(-2.0, 0.0, 513.0), Vec3::new(2.0, 0.0, 258.0)]);
    assert_eq!(motion.centres, [-1.0, 1.0]);
    let near = |a: f32, b: f64| assert!((f64::from(a) - b).abs() < 1e-6 * b.abs().max(1.0), "{a}, not {b}");
    scene.means.iter().zip([[-1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]).for_each(|(mean, expected)| {
        (0..3).for_each(|k| near(mean[k], expected[k]));
    });
    let start = scene.at(0.0);
    start.means.iter().zip([[-3.0, 0.0, 514.0], [-1.0, 0.0, -257.0]]).for_each(|(mean, expected)| {
        (0..3).for_each(|k| near(mean[k], expected[k]));
    });
    near(sigmoid(start.logits[0]), 0.067_933_004_918_770_3);
    near(sigmoid(start.logits[1]), 0.135_335_283_236_612_7);
    assert_eq!(scene.sh[..12], [0.0, 1.0, -1.0, 0.5, -0.5, 0.0, 0.5, -0.5, 0.0, 0.5, -0.5, 0.0]);
    assert_eq!(scene.sh[12..15], [-1.0, 0.0, 1.0]);
    assert!(loaded.warnings.iter().any(|warning| warning.contains("axes are not named")), "{:?}", loaded.warnings);
}

#[test]
fn a_discrete_timeline_shows_one_frame_at_a_time() {
    let folder = Folder::new();
    let (mut meta, images) = vector();
    meta["timeline"] = json!({ "type": 0, "N": 3, "delta": 21_845, "files": ["tl", "th"] });
    meta.as_object_mut().expect("an object").remove("temporal");
    meta.as_object_mut().expect("an object").remove("playback");
    let scene = format::load(&tsog(&folder, "d.tsog", &meta, &images)).expect("reads").scene;
    let motion = scene.motion.as_ref().expect("fades");
    assert_eq!((&motion.centres[..], scene.clip.frames), (&[0.0, 1.0][..], Some(3)));
    assert!(motion.visibility(0, 0.5) < 0.01 && motion.visibility(1, 1.0) == 1.0);
}

#[test]
fn a_wrong_tsog_is_described() {
    let folder = Folder::new();
    let with = |edit: &dyn Fn(&mut Value, &mut Images)| {
        let (mut meta, mut images) = vector();
        edit(&mut meta, &mut images);
        error_of(&tsog(&folder, "w.tsog", &meta, &images))
    };
    let member = |pointer: &'static str, value: Value| {
        with(&|meta, _| *meta.pointer_mut(pointer).expect("is there") = value.clone())
    };
    assert!(member("/version", json!(5)).contains("TSOG version 5 is not known"));
    assert!(member("/profile/version", json!(2)).contains("the profile"));
    assert!(member("/count", json!(3)).contains("2 pixels for 3 Gaussians"));
    assert!(member("/scales/codebook", json!([null])).contains("not the description of a TSOG"));
    assert!(member("/sh0/codebook", json!([0, 1])).contains("Gaussian 0 has a number that its codebook lacks"));
    assert!(member("/means/mins", json!([1, 0, 0])).contains("means: its mins and maxs"));
    assert!(member("/timeline/mins", json!([-1, 0])).contains("shortest duration"));
    assert!(member("/timeline/type", json!(2)).contains("type 2 is not known"));
    assert!(member("/quats/files", json!(["../q"])).contains("no name of a file"));
    assert!(member("/quats/files", json!(["missing"])).contains("missing cannot be read"));
    assert!(member("/shN/count", json!(65)).contains("192 by 1 pixels, expected 192 by 2"));
    assert!(member("/playback/duration", json!(0)).contains("0 is not above 0"));
    assert!(member("/timeline", Value::Null).contains("timeline is null"));
    assert!(with(&|_, images| images[3].1[1][3] = 251).contains("Gaussian 1 has no rotation"));
    assert!(with(&|_, images| images[4].1.push([0; 4])).contains("dc has another size"));
}

#[test]
fn a_wrong_4dgs_is_described() {
    let folder = Folder::new();
    let path = folder.path("a.4dgs");
    write_scene(&path, &scene(1)).expect("writes");
    let good = std::fs::read(&path).expect("reads");
    let with = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        edit(&mut bytes);
        error_of(&folder.file("w.4dgs", bytes))
    };
    let replaced = |old: &'static str, new: &'static str| {
        move |bytes: &mut Vec<u8>| {
            let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).expect(old);
            bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
        }
    };
    assert!(with(&|bytes| bytes.truncate(bytes.len() - 9)).contains("cut short"));
    assert!(with(&|bytes| bytes[5] = b'2').contains("not a .4dgs file of major version 1"));
    assert!(with(&replaced("gaussian-birth", "keyframe-delta")).contains("model is \"keyframe-delta\""));
    assert!(with(&replaced("uniform-v1", "uniform-v2")).contains("grids are \"uniform-v2\""));
    // The count of the header, behind two texts, the length and the record's own nine bytes.
    let count = 8 + 9 + 4 + 4 + concat!("Dapple ", env!("CARGO_PKG_VERSION")).len() + 8;
    assert_eq!(good[count], 60);
    assert!(with(&|bytes| bytes[count] = 61).contains("its header says 61"));
    assert!(with(&|bytes| bytes[count] = 59).contains("more than the header says"));
    assert!(with(&|bytes| bytes[count + 4] = 9).contains("more than"));
    // A mark of axes that nobody knows is none.
    let file = {
        let mut bytes = good.clone();
        replaced("y-up-right-handed", "sideways_or_more_")(&mut bytes);
        bytes
    };
    let found = format::load(&folder.file("s.4dgs", file)).expect("reads");
    assert!(found.warnings[0].contains("axes are not named"), "{:?}", found.warnings);
    assert_eq!(found.scene.up, None);
}

#[test]
fn short_lives_have_chunks_of_their_own() {
    let folder = Folder::new();
    let n = 80;
    let motion = Motion::still((0..n).map(|i| i as f32 / n as f32).collect(), 0.002, Motion::NO_GATE);
    let scene = Scene { motion: Some(motion), ..made::scene(n, 0) };
    let path = folder.path("short.4dgs");
    write_scene(&path, &scene).expect("writes");
    let (far, off) = worst(&format::load(&path).expect("reads").scene, &scene);
    assert!(far < 2e-3 && off < 0.02, "{far} and {off} off");
    // One entry of the index each, right before the 37 bytes that end the file: the statistics, and then 8 or 9 chunks.
    let bytes = std::fs::read(&path).expect("reads");
    let footer = &bytes[bytes.len() - 28..];
    let summary = u64::from_le_bytes(footer[..8].try_into().expect("8 bytes")) as usize;
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[summary..bytes.len() - 37]);
    assert_eq!(footer[16..20], sum.sum().to_le_bytes());
    let (mut at, mut kinds) = (summary, Vec::new());
    while at < bytes.len() - 37 {
        kinds.push(bytes[at]);
        at += 9 + u64::from_le_bytes(bytes[at + 1..at + 9].try_into().expect("8 bytes")) as usize;
    }
    assert_eq!(kinds.pop(), Some(12));
    assert!(kinds.len() == 9 && kinds.iter().all(|kind| *kind == 8), "{kinds:?}");
}
