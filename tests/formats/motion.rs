//! Scenes in motion on disk: exact round trips of our own container, what other formats keep, and files that are wrong.

use std::path::{Path, PathBuf};

use dapple::format::{self, Format, TimeSamples, WriteOptions, sequence};
use dapple::scene::Scene;
use glam::Vec3;

use crate::support::files::error_of;
use crate::support::moving::{curved, scene};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary folder")
}

const TIMES: [f32; 4] = [0.0, 0.31, 0.77, 1.0];

/// Holds positions and opacities of two scenes of the same order against each other at several times.
fn assert_same_motion(found: &Scene, expected: &Scene, position: f32, opacity: f32) {
    assert_eq!(found.len(), expected.len());
    let sigmoid = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    for time in TIMES {
        let (found, expected) = (found.at(time), expected.at(time));
        for i in 0..found.len() {
            let miss = found.means[i].distance(expected.means[i]);
            assert!(miss <= position, "Gaussian {i} at {time}: {miss} off");
            let [a, b] = [found.logits[i], expected.logits[i]].map(sigmoid);
            assert!((a - b).abs() <= opacity, "Gaussian {i} at {time}: opacity {a}, not {b}");
        }
    }
}

#[test]
fn our_container_holds_curves() {
    let folder = folder();
    let (path, scene) = (folder.path().join("a.dapple"), curved(37, 1));
    format::write_scene(&path, &scene).unwrap();
    let loaded = format::load(&path).unwrap();
    assert_eq!((loaded.version.as_str(), loaded.scene), ("2", scene));
}

/// Formats of linear motion get the lines nearest to curves.
#[test]
fn other_containers_hold_the_lines_nearest_to_curves() {
    let folder = folder();
    for name in ["a.ftgs.ply", "a.tsog", "a.4dgs"] {
        let mut scene = curved(23, 0);
        let said = format::fit_paths(&mut scene, Format::of_name(Path::new(name)).unwrap()).expect("says so");
        assert!(said.contains("straight") && said.contains(".dapple"), "{name}: {said}");
        assert!(scene.motion.as_ref().unwrap().curves.is_none());
        let path = folder.path().join(name);
        format::write_scene(&path, &curved(23, 0)).unwrap();
        assert!(format::load(&path).unwrap().scene.motion.unwrap().curves.is_none());
    }
}

/// The formats of Spacetime Gaussians have squares of time and turns of their own, which for small angles are ours.
#[test]
fn spacetime_gaussians_hold_curves() {
    let folder = folder();
    for (name, position, angle) in [("a.spacetime.ply", 1e-5, 6e-4), ("a.splatv", 2e-3, 4e-3)] {
        let mut scene = curved(53, 0);
        let motion = scene.motion.as_mut().unwrap();
        motion.gates.fill(dapple::scene::Motion::NO_GATE);
        motion.curves.as_mut().unwrap().angular_velocities.iter_mut().for_each(|turn| *turn *= 0.05);
        let path = folder.path().join(name);
        format::write_scene(&path, &scene).unwrap();
        let loaded = format::load(&path).unwrap();
        assert_eq!(loaded.warnings.len(), 0, "{:?}", loaded.warnings);
        let order: Vec<usize> = match name {
            "a.splatv" => nearest_of(&scene, &loaded.scene),
            _ => (0..53).collect(),
        };
        for time in TIMES {
            let (want, got) = (scene.at(time), loaded.scene.at(time));
            for (i, &from) in order.iter().enumerate() {
                let miss = want.means[from].distance(got.means[i]);
                assert!(miss < position, "{name}: Gaussian {from} at {time}: {miss} off");
                let quat = |[w, x, y, z]: [f32; 4]| glam::Quat::from_xyzw(x, y, z, w).normalize();
                // An arc cosine would be coarse here.
                let [want, got] = [quat(want.quaternions[from]), quat(got.quaternions[i])];
                let miss = 2.0 * (want - got).length().min((want + got).length());
                assert!(miss < angle, "{name}: Gaussian {from} at {time}: turned by {miss} too much");
            }
        }
    }
    let turning = format::fit_paths(&mut curved(53, 0), Format::SpacetimePly).expect("says so");
    assert!(turning.contains("not steady"), "{turning}");
}

/// Of each Gaussian of a scene the one of another whose mean is nearest.
fn nearest_of(among: &Scene, scene: &Scene) -> Vec<usize> {
    let nearest = |mean: &Vec3| {
        let distance = |i: &usize| among.means[*i].distance_squared(*mean);
        (0..among.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("some")
    };
    scene.means.iter().map(nearest).collect()
}

/// The straight paths are at most a twelfth of the acceleration away over the clip, where tangents are up to half of it away;
/// a Gaussian seen for a short time keeps its path and its rotation at that time.
#[test]
fn straight_paths_are_near_the_curves() {
    let bent = |log_duration: f32, centre: f32| {
        let mut scene = curved(40, 0);
        let motion = scene.motion.as_mut().unwrap();
        motion.gates.fill(dapple::scene::Motion::NO_GATE);
        motion.log_durations.fill(log_duration);
        motion.centres.fill(centre);
        scene
    };
    for (log_duration, centre, times) in [(3.0, 0.0, [0.0, 0.5, 1.0]), (-5.0, 0.7, [0.694, 0.7, 0.706])] {
        let curves = bent(log_duration, centre);
        let mut lines = curves.clone();
        format::straighten(&mut lines).expect("it says so");
        let width = if log_duration > 0.0 { 1.0_f32 } else { 3.0 * log_duration.exp() };
        let bends = &curves.motion.as_ref().unwrap().curves.as_ref().unwrap().accelerations;
        for time in times {
            let (want, got) = (curves.at(time), lines.at(time));
            for (i, bend) in bends.iter().enumerate() {
                let most = bend.length() * width * width / 12.0 + 1e-5;
                let miss = want.means[i].distance(got.means[i]);
                assert!(miss <= most, "Gaussian {i} at {time}: {miss} off, at most {most} expected");
            }
        }
        let middle = if log_duration > 0.0 { 0.5 } else { centre };
        let (want, got) = (curves.at(middle), lines.at(middle));
        let turned =
            |i: usize| (0..4).map(|k| (want.quaternions[i][k] - got.quaternions[i][k]).abs()).fold(0.0, f32::max);
        assert!((0..40).all(|i| turned(i) < 1e-5), "the rotation in the middle");
    }
}

#[test]
fn our_container_holds_every_bit() {
    let folder = folder();
    for degree in 0..=3 {
        for still in [false, true] {
            let mut scene = scene(37, degree);
            scene.motion = scene.motion.filter(|_| !still);
            scene.means[5].x = -0.0;
            let path = folder.path().join("a.dapple");
            format::write_scene(&path, &scene).unwrap();
            let loaded = format::load(&path).unwrap();
            assert_eq!((loaded.format, loaded.version.as_str(), loaded.warnings.len()), (Format::Dapple, "1", 0));
            assert_eq!(loaded.scene, scene);
            assert_eq!(loaded.scene.means[5].x.to_bits(), (-0.0_f32).to_bits());
            let again = folder.path().join("b.dapple");
            format::write_scene(&again, &loaded.scene).unwrap();
            assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap(), "the same bytes");
            // By content, whatever the name; and any reader of safetensors opens it.
            let renamed = folder.path().join("c.bin");
            std::fs::rename(&again, &renamed).unwrap();
            assert_eq!(format::load(&renamed).unwrap().scene, scene);
            let bytes = std::fs::read(&path).unwrap();
            let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            assert_eq!(tensors.len(), if still { 5 } else { 9 });
            assert_eq!(tensors.tensor("sh").unwrap().shape(), [37, ((degree + 1) * (degree + 1)) as usize, 3]);
        }
    }
}

#[test]
fn a_wrong_container_is_described() {
    let folder = folder();
    let path = folder.path().join("a.dapple");
    format::write_scene(&path, &scene(9, 1)).unwrap();
    let good = std::fs::read(&path).unwrap();
    let with = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        edit(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        error_of(&path)
    };
    let replaced = |old: &'static str, new: &'static str| {
        move |bytes: &mut Vec<u8>| {
            assert_eq!(old.len(), new.len());
            let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).expect(old);
            bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
        }
    };
    assert!(with(&|bytes| bytes.truncate(bytes.len() - 3)).contains("cut short"));
    assert!(with(&|bytes| bytes.truncate(40)).contains("cut short"));
    assert!(with(&|bytes| bytes.clear()).contains("cut short"));
    assert!(with(&|bytes| bytes[..8].fill(0xff)).contains("cut short or damaged"));
    assert!(
        with(&replaced("\\\"version\\\":1", "\\\"version\\\":9"))
            .contains("version 9; this Dapple reads versions up to 2")
    );
    assert!(with(&replaced("\"gates\"", "\"grate\"")).contains("the tensor \"gates\" is absent"));
    assert!(with(&replaced("\"shape\":[9,4,3]", "\"shape\":[9,6,2]")).contains("\"sh\" has the shape [9, 6, 2]"));
    assert!(with(&replaced("dapple_scene", "dapple_other")).contains("not a scene of Dapple"));
    let nan = f32::NAN.to_le_bytes();
    let poisoned = [&good[..good.len() - 4], &nan].concat();
    std::fs::write(&path, poisoned).unwrap();
    let left = format::load(&path).unwrap();
    assert_eq!((left.scene.len(), left.warnings.len()), (8, 1), "{:?}", left.warnings);
}

#[test]
fn spacetime_ply_keeps_motion_and_fading() {
    let folder = folder();
    let mut scene = scene(40, 0);
    let path = folder.path().join("a.spacetime.ply");
    format::write_scene(&path, &scene).unwrap();
    let loaded = format::load(&path).unwrap();
    assert_eq!(loaded.format, Format::SpacetimePly);
    assert!(loaded.warnings.is_empty());
    // The gate of those that do not fade becomes a long duration.
    assert_same_motion(&loaded.scene, &scene, 1e-6, 2e-3);
    assert!(loaded.scene.sh.iter().zip(&scene.sh).all(|(a, b)| (a - b).abs() < 1e-5));
    assert_eq!((&loaded.scene.quaternions, &loaded.scene.log_scales), (&scene.quaternions, &scene.log_scales));
    // By its properties, whatever its name.
    let other = folder.path().join("b.ply");
    std::fs::rename(&path, &other).unwrap();
    assert_eq!(format::load(&other).unwrap().format, Format::SpacetimePly);
    // In the format, opacity falls to 1/e at one scale from the centre, which is √2 of our deviations.
    let bytes = std::fs::read(&other).unwrap();
    let start = bytes.windows(11).position(|window| window == b"end_header\n").unwrap() + 11;
    assert_eq!(bytes.len() - start, 40 * 32 * 4);
    let value = |i: usize, column: usize| {
        let at = start + (i * 32 + column) * 4;
        f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    };
    let motion = scene.motion.as_ref().unwrap();
    assert_eq!(value(1, 3), motion.centres[1]);
    let visible = motion.visibility(1, motion.centres[1] + value(1, 4).exp());
    assert!((visible - (-1.0_f32).exp()).abs() < 1e-5, "{visible}");
    assert!((value(1, 17) - (0.5 + 0.282_094_8 * scene.sh[3])).abs() < 1e-6, "plain RGB");

    scene.motion = None;
    format::write_scene(&path, &scene).unwrap();
    assert_same_motion(&format::load(&path).unwrap().scene, &scene, 0.0, 1e-3);
}

#[test]
fn what_our_motion_has_no_place_for_is_said() {
    let folder = folder();
    let path = folder.path().join("a.ply");
    let names = "x y z trbf_center trbf_scale motion_0 motion_1 motion_2 motion_3 motion_4 motion_5 motion_6 motion_7 \
        motion_8 f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3 omega_0 omega_1 omega_2 \
        omega_3 f_t_0";
    let properties: String = names.split(' ').map(|name| format!("property float {name}\n")).collect();
    let row = "1 2 3 0.5 -1 4 5 6 0 0 1 0 0 0.5 0.9 0.5 0.1 0 -3 -3 -3 1 0 0 0 0 0 0.1 0 7\n";
    let text = format!("ply\nformat ascii 1.0\nelement vertex 2\n{properties}end_header\n{row}{row}");
    std::fs::write(&path, &text).unwrap();
    let loaded = format::load(&path).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].contains("2 Gaussians move along cubics"), "{:?}", loaded.warnings);
    assert_eq!(loaded.scene.at(1.0).means[0], Vec3::new(3.0, 4.5, 6.25));
    let motion = loaded.scene.motion.as_ref().unwrap();
    assert_eq!(motion.curves.as_ref().unwrap().angular_velocities[0], Vec3::new(0.0, 0.2, 0.0));
    std::fs::write(&path, text.replace("trbf_scale", "trbf_other")).unwrap();
    assert!(error_of(&path).contains("lack the properties trbf_scale"));
    std::fs::write(&path, text.replace("0.5 -1 4", "0.5 nan 4")).unwrap();
    assert!(error_of(&path).contains("2 Gaussians hold a NaN"));
    std::fs::write(&path, &text[..text.len() - row.len()]).unwrap();
    error_of(&path);
}

#[test]
fn splatv_keeps_half_precision() {
    let folder = folder();
    let mut scene = scene(2500, 0);
    // In the order in which the format stores them.
    let weight =
        |scene: &Scene, i: usize| (1.0 / (1.0 + (-scene.logits[i]).exp())).ln() + scene.log_scales[i].element_sum();
    let path = folder.path().join("a.splatv");
    format::write_scene(&path, &scene).unwrap();
    let loaded = format::load(&path).unwrap();
    assert_eq!((loaded.format, loaded.scene.len()), (Format::Splatv, 2500));
    let mut order: Vec<usize> = (0..2500).collect();
    order.sort_by(|&a, &b| weight(&scene, b).total_cmp(&weight(&scene, a)));
    let motion = scene.motion.as_mut().unwrap();
    motion.velocities = order.iter().map(|&i| motion.velocities[i]).collect();
    for values in [&mut motion.centres, &mut motion.log_durations, &mut motion.gates] {
        *values = order.iter().map(|&i| values[i]).collect();
    }
    scene.means = order.iter().map(|&i| scene.means[i]).collect();
    scene.logits = order.iter().map(|&i| scene.logits[i]).collect();
    assert_same_motion(&loaded.scene, &scene, 1e-3, 0.02);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);

    let good = std::fs::read(&path).unwrap();
    assert_eq!(&good[..4], &[0x4b, 0x67, 0, 0]);
    std::fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(error_of(&path).contains("cut short"));
    std::fs::write(&path, &good[..30]).unwrap();
    assert!(error_of(&path).contains("cut short"));
    let huge = String::from_utf8_lossy(&good).find("\"size\":").unwrap();
    let mut bytes = good.clone();
    bytes[huge + 7] = b'9';
    std::fs::write(&path, bytes).unwrap();
    assert!(error_of(&path).contains("cut short"));
    std::fs::write(&path, b"\x4b\x67\0\0\x02\0\0\0[]").unwrap();
    assert!(error_of(&path).contains("no chunk"));
}

#[test]
fn a_folder_of_numbered_scenes_is_a_sequence() {
    let folder = folder();
    let scene = scene(30, 1);
    let pattern = folder.path().join("seq/frame.ply");
    std::fs::create_dir(folder.path().join("seq")).unwrap();
    let samples = TimeSamples { first: 0.0, last: 1.0, count: 5 };
    for (index, time) in samples.times().enumerate() {
        let path = sequence::name_of(&pattern, index, samples.count);
        assert_eq!(path.file_name().unwrap().to_string_lossy(), format!("frame_000{}.ply", index + 1));
        format::write_scene(&path, &scene.at(time)).unwrap();
    }
    let loaded = format::load(&folder.path().join("seq")).unwrap();
    assert_eq!(loaded.scene.len(), 150);
    assert!(loaded.warnings[0].contains("5 scenes"));
    for (index, time) in samples.times().enumerate() {
        let (found, expected) = (loaded.scene.at(time), scene.at(time));
        // Its own Gaussians are as they were, and those of the other moments have vanished.
        for i in 0..150 {
            let opacity = 1.0 / (1.0 + (-found.logits[i]).exp());
            match (i / 30 == index, i % 30) {
                (true, k) => {
                    assert_eq!(found.means[i], expected.means[k]);
                    assert!((opacity - 1.0 / (1.0 + (-expected.logits[k]).exp())).abs() < 1e-5);
                }
                (false, _) => assert!(opacity < 4e-4, "{opacity}"),
            }
        }
    }
    format::write_scene(&sequence::name_of(&pattern, 2, 5), &Scene { motion: None, ..self::scene(3, 2) }).unwrap();
    let error = format!("{:#}", format::load(&folder.path().join("seq")).unwrap_err());
    assert!(error.contains("frame_0003.ply: degree 2, but the first file has 1"), "{error}");
    assert_eq!(
        sequence::name_of(Path::new("a/b.compressed.ply"), 0, 20_000),
        PathBuf::from("a/b_00001.compressed.ply")
    );
}

#[test]
fn usd_has_a_sample_at_each_moment() {
    let folder = folder();
    let scene = scene(7, 1);
    let options =
        WriteOptions { times: Some(TimeSamples { first: 0.0, last: 1.0, count: 3 }), ..WriteOptions::default() };
    for name in ["a.usda", "a.usdz"] {
        let path = folder.path().join(name);
        let still = format!("{:#}", format::write_scene(&path, &scene).unwrap_err());
        assert!(still.contains("--times"), "{still}");
        format::save(&path, &scene, &options).unwrap();
        // Our reader takes the first moment, and says so.
        let loaded = format::load(&path).unwrap();
        assert!(loaded.warnings.iter().any(|warning| warning.contains("first moment")), "{:?}", loaded.warnings);
        let expected = scene.at(0.0);
        assert!(loaded.scene.means.iter().zip(&expected.means).all(|(a, b)| a.distance(*b) < 1e-6));
    }
    let text = std::fs::read_to_string(folder.path().join("a.usda")).unwrap();
    for part in ["endTimeCode = 2", "point3f[] positions.timeSamples = {", "float[] opacities.timeSamples = {", " 2: ["]
    {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn formats_without_motion_name_the_remedy() {
    let folder = folder();
    for name in ["a.ply", "a.splat", "a.spz", "a.sog", "a.glb", "a.compressed.ply"] {
        let path = folder.path().join(name);
        let error = format!("{:#}", format::write_scene(&path, &scene(3, 0)).unwrap_err());
        assert!(error.contains("--time") && !path.exists(), "{error}");
        format::write_scene(&path, &scene(3, 0).at(0.5)).unwrap();
        assert_eq!(format::load(&path).unwrap().scene.len(), 3);
    }
}
