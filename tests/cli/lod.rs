//! Levels of detail, and conversions by disk, on the command line.

use serde_json::Value;

use super::Folder;

/// A PLY of `n` Gaussians on a plane, every tenth of which cannot be seen.
fn plane(folder: &Folder, name: &str, n: usize) {
    let names = "x y z f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3";
    let properties: String = names.split(' ').map(|name| format!("property float {name}\n")).collect();
    let header = format!("ply\nformat binary_little_endian 1.0\nelement vertex {n}\n{properties}end_header\n");
    let side = (n as f32).sqrt();
    let row = |i: usize| {
        let (x, z) = (i as f32 % side - 0.5 * side, (i as f32 / side).floor() - 0.5 * side);
        let opacity = if i % 10 == 3 { -9.0 } else { 3.0 };
        [x, 0.1 * (x * 0.2).sin(), z, (x * 0.3).sin(), 0.4, 0.1, opacity, -0.6, -2.0, -0.6, 1.0, 0.0, 0.0, 0.0]
    };
    let rows = (0..n).flat_map(row).flat_map(f32::to_le_bytes);
    folder.file(name, header.into_bytes().into_iter().chain(rows).collect::<Vec<u8>>());
}

fn said(folder: &Folder, line: &str) -> String {
    let output = folder.dapple(line).assert().success().get_output().clone();
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

fn gaussians(folder: &Folder, name: &str) -> Option<u64> {
    let output = folder.dapple(&format!("info {name} --json")).assert().success().get_output().clone();
    serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["gaussians"].as_u64()
}

#[test]
fn a_scene_gets_levels_of_detail_and_loses_them_again() {
    let folder = Folder::new();
    plane(&folder, "in.ply", 20_000);
    let text = said(&folder, "export in.ply out.lod --levels 3 --chunk 8192 --views 0");
    assert!(text.contains("left out 2,000 that can never be seen"), "{text}");
    assert!(text.contains("wrote out.lod: streamed SOG, 18,000 Gaussians, degree 0"), "{text}");
    let text = said(&folder, "info out.lod");
    assert!(text.contains("with 3 levels of 18000, 9000, 4500 Gaussians"), "{text}");
    folder.succeed("export out.lod back.ply --views 0");
    assert_eq!(gaussians(&folder, "back.ply"), Some(18_000));
    assert!(folder.error("export in.ply out.lod", 1).contains("out.lod exists"));
    said(&folder, "export in.ply out.lod --overwrite --views 0");
    assert_eq!(gaussians(&folder, "out.lod"), Some(18_000));
    assert!(folder.error("export in.ply out.sog --levels 2", 1).contains("--levels and --chunk are for .lod"));
    assert!(folder.error("export in.ply a/lod-meta.json", 1).contains("streamed SOG is a folder"));
    folder.error("export in.ply b.lod --chunk 100", 2);
}

#[test]
fn a_budget_is_kept_in_pictures() {
    let folder = Folder::new();
    plane(&folder, "in.ply", 20_000);
    folder.succeed("export in.ply out.lod --levels 4 --views 0");
    let picture = |name: &str| image::open(folder.path(name)).expect("a picture").to_rgb8();
    folder.succeed("render in.ply --orbit 2 --out all --size 96x64");
    folder.succeed("render out.lod --orbit 2 --out some --size 96x64 --budget 9000");
    let (a, b) = (picture("all/00000.png"), picture("some/00000.png"));
    let squares: f64 = a.iter().zip(b.iter()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    let psnr = 10.0 * (255.0 * 255.0 / (squares / a.len() as f64)).log10();
    assert!((15.0..60.0).contains(&psnr), "{psnr:.1} dB: alike, and not the same");
    folder.succeed("view out.lod --budget 3000 --screenshot window.png --size 96x64");
    assert!(picture("window.png").iter().any(|&level| level > 40), "it shows something");
    assert!(folder.error("render in.ply --orbit 1 --out x --budget 100", 1).contains("needs levels of detail"));
}

#[test]
fn by_disk_a_scene_becomes_what_it_does_in_memory() {
    let folder = Folder::new();
    plane(&folder, "in.ply", 12_000);
    for name in ["out.lod", "out.spz", "out.compressed.ply"] {
        let text = said(&folder, &format!("export in.ply {name} --by-disk --max-size 2 --transform scale=2"));
        assert!(text.contains("converting in.ply by disk, a part at a time: 12,000 Gaussians"), "{text}");
        assert!(text.contains("left out 1,200 that can never be seen") && text.contains("10,800 Gaussians"), "{text}");
        folder.succeed(&format!("export in.ply again.{name} --max-size 2 --transform scale=2 --views 0"));
        let file = if name == "out.lod" { "/lod-meta.json" } else { "" };
        let [by_disk, in_memory] = [name.to_string(), format!("again.{name}")].map(|name| name + file);
        assert!(folder.bytes(&by_disk) == folder.bytes(&in_memory), "{name}");
        assert_eq!(gaussians(&folder, name), Some(10_800));
    }
    assert!(folder.error("export in.ply out.ply --by-disk", 1).contains("PLY is not written so"));
    assert!(folder.error("export in.ply x.spz --by-disk --keep 9", 1).contains("--keep needs the whole scene"));
    assert!(folder.error("export out.spz x.lod --by-disk", 1).contains("reads binary little-endian PLY"));
    let mut left = std::fs::read_dir(&folder.0).expect("a folder").flatten().map(|entry| entry.file_name());
    assert!(left.all(|name| !name.to_string_lossy().starts_with('.')), "nothing half-written");
}
