//! XGRIDS's LCC, read from files that are made after its layout.

use std::path::PathBuf;

use dapple::format::{self, Format};
use dapple::scene::{SH_C0, Scene, sigmoid};
use glam::{Quat, Vec3};

use crate::support::files::{Folder, error_of};
use crate::support::made;

fn write(folder: &Folder, scene: &Scene) -> PathBuf {
    made::lcc(scene).into_iter().for_each(|(name, bytes)| drop(folder.file(&format!("scan/{name}"), bytes)));
    folder.path("scan/meta.lcc")
}

#[test]
fn the_finest_level_and_the_environment_are_read() {
    for degree in [0, 3] {
        let (folder, scene) = (Folder::new(), made::scene(301, degree));
        let path = write(&folder, &scene);
        let found = format::load(&path).expect("reads");
        assert_eq!((found.format, found.version.as_str(), found.scene.sh_degree), (Format::Lcc, "5.0", degree));
        assert!(found.warnings[0].contains("2 levels of 300, 2 Gaussians; the finest"), "{:?}", found.warnings);
        assert!(found.warnings[1].contains("1 Gaussians of its environment"), "{:?}", found.warnings);
        let found = found.scene;
        assert_eq!((found.len(), found.up), (301, Some(Vec3::Z)));
        assert_eq!(found.means, scene.means);
        for i in 0..scene.len() {
            let off = (found.log_scales[i].exp() - scene.log_scales[i].exp()).abs().max_element();
            assert!(off < 3e-6, "Gaussian {i}: scales are off by {off}");
            let turn = |[w, x, y, z]: [f32; 4]| Quat::from_xyzw(x, y, z, w).normalize();
            let off = 1.0 - turn(found.quaternions[i]).dot(turn(scene.quaternions[i])).abs();
            assert!(off < 2e-6, "Gaussian {i}: rotations are off by {off}");
            assert!((sigmoid(found.logits[i]) - sigmoid(scene.logits[i])).abs() < 0.5 / 254.0);
        }
        for (k, (a, b)) in found.sh.iter().zip(&scene.sh).enumerate() {
            let step = if k % scene.sh_stride() < 3 { 1.0 / 255.0 / SH_C0 } else { 1.2 / 1023.0 };
            // Colours of 8 bits end at 0 and 1.
            let b = if k % scene.sh_stride() < 3 { b.clamp(-0.5 / SH_C0, 0.5 / SH_C0) } else { *b };
            assert!((a - b).abs() < 0.51 * step, "coefficient {k}: {a} for {b}");
        }
        // Its folder stands for it.
        assert_eq!(format::load(&folder.path("scan")).expect("reads").scene.len(), 301);
    }
}

/// Bits by hand: w the largest; x at the upper end of its range, y and z next to the middle of theirs.
#[test]
fn a_rotation_is_x_y_z_w_without_the_largest() {
    let (folder, scene) = (Folder::new(), made::scene(3, 0));
    let path = write(&folder, &scene);
    let mut data = std::fs::read(folder.path("scan/data.bin")).expect("reads");
    for (bits, wanted) in [
        (3_u32 << 30 | 512 << 20 | 512 << 10 | 1023, [0.7, 0.7, 0.0, 0.0]),
        (512 << 20 | 512 << 10, [0.0, 0.7, -0.7, 0.0]),
    ] {
        data[22..26].copy_from_slice(&bits.to_le_bytes());
        folder.file("scan/data.bin", &data);
        let found = format::load(&path).expect("reads").scene.quaternions[0];
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 0.01), "{found:?} for {wanted:?}");
    }
}

#[test]
fn what_is_missing_or_damaged_is_said() {
    let (folder, scene) = (Folder::new(), made::scene(101, 3));
    let path = write(&folder, &scene);
    let whole = |name: &str| std::fs::read(folder.path(&format!("scan/{name}"))).expect("reads");
    let broken = |name: &str, bytes: &[u8]| {
        let before = whole(name);
        folder.file(&format!("scan/{name}"), bytes);
        let error = error_of(&path);
        folder.file(&format!("scan/{name}"), before);
        error
    };
    let meta = String::from_utf8(whole("meta.lcc")).expect("text");
    let changed = |from: &str, to: &str| {
        assert!(meta.contains(from), "{from}");
        broken("meta.lcc", meta.replace(from, to).as_bytes())
    };
    assert!(changed("totalLevel", "levels").contains("not the description of an LCC scene"));
    assert!(changed("\"totalLevel\":2", "\"totalLevel\":0").contains("totalLevel is 0"));
    assert!(changed("\"totalLevel\":2", "\"totalLevel\":3").contains("no whole units of 52 bytes with 3 levels"));
    assert!(changed("\"scale\"", "\"size\"").contains("the attribute scale is missing"));
    assert!(changed("[100,2]", "[99,2]").contains("claims 99 Gaussians at the finest level, index.bin 100"));
    let (index, data) = (whole("index.bin"), whole("data.bin"));
    assert!(broken("data.bin", &data[..data.len() / 2]).contains("unit 1 of index.bin has 50 Gaussians from byte"));
    let mut twice = index.clone();
    // The second unit's Gaussians are those of the first, and many more than there are.
    twice.copy_within(4..16, 40);
    let again = [&twice[..], &twice[..], &twice[..]].concat();
    assert!(broken("index.bin", &again).contains("have more Gaussians than the"));
    let mut negative = index.clone();
    negative[4..8].copy_from_slice(&(-1_i32).to_le_bytes());
    assert!(broken("index.bin", &negative).contains("has 4294967295 Gaussians"));
    assert!(broken("shcoef.bin", &[0; 640]).contains("shcoef.bin is cut short: "));
    assert!(broken("environment.bin", &[0; 95]).contains("no whole records of 96"));
    for name in ["shcoef.bin", "index.bin", "data.bin"] {
        let before = whole(name);
        std::fs::remove_file(folder.path(&format!("scan/{name}"))).expect("removes");
        assert!(error_of(&path).contains(&format!("{name} is not beside it; copy the whole folder")), "{name}");
        folder.file(&format!("scan/{name}"), before);
    }
    let error = format::write_scene(&folder.path("out.lcc"), &scene).expect_err("is only read").to_string();
    assert!(error.contains(".lcc is only read; choose .sog or .spz"), "{error}");
}
