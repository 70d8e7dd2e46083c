//! Plans of blocks: cells, who sees them, and blocks as captures.

use std::collections::BTreeSet;
use std::path::Path;

use dapple::blocks::{self, Grid, Options, Plan};
use dapple::dataset::{Capture, CaptureOptions, Cell, Split};
use dapple::synth;
use dapple::train::Config;
use glam::{DVec3, dvec2};

use crate::support::files::Folder;
use crate::support::random::Rng;

/// Four houses on a square, seen from a drive around them and from a flight above.
pub const TOWN: &str = r##"
seed = 3
points = 1500
object = [
    { shape = { box = { size = [12, 12, 0.2] } }, at = [0, 0, -0.1], material = "ground" },
    { shape = { box = { size = [2, 2, 2] } }, at = [-3, -3, 1], material = "red" },
    { shape = { box = { size = [2, 2, 3] } }, at = [3, -3, 1.5], material = "blue" },
    { shape = { box = { size = [2, 2, 1] } }, at = [-3, 3, 0.5], material = "blue" },
    { shape = { box = { size = [2, 2, 2] } }, at = [3, 3, 1], material = "red" },
]
image = { width = 32, height = 24, samples = 1, background = "sky" }
cameras = { train = 0, test = 0, target = [0, 0, 0], radius = 1, elevation = [0, 0], fov = 70 }
sky = { zenith = "#a9c4e8", horizon = "#f4efe6", ground = "#8b8074", strength = 0.8 }

[material]
ground = { pattern = { checker = { a = "#8e8a82", b = "#5f5c56", size = 1.0 } } }
red = { pattern = { brick = { brick = "#b0492f", mortar = "#cfc6b8", size = 0.7 } } }
blue = { pattern = { noise = { a = "#8fb0cf", b = "#3f6386", size = 0.5 } } }

[[path]]
name = "drive"
views = 16
hold_out_every = 8
eyes = [[-5, -5.5, 0.8], [5, -5.5, 0.8], [5, 5.5, 0.8], [-5, 5.5, 0.8]]
targets = [[-3, -3, 1], [3, -3, 1], [3, 3, 1], [-3, 3, 1]]

[[path]]
name = "flight"
views = 12
hold_out_every = 6
eyes = [[-5, -4, 5], [5, -3, 5], [-5, 4, 5], [5, 4, 5]]
targets = [[-3, -2, 0], [3, -2, 0], [-3, 2, 0], [3, 2, 0]]
"##;

/// The town as a capture `town` in a folder.
pub fn town(folder: &Folder) {
    let scene = folder.file("town.toml", TOWN);
    synth::run(&scene, &folder.path("town")).expect("a capture");
}

fn options(grid: Grid) -> Options {
    Options { grid, margin: 0.1, up: None, coarse: Config::default(), block: Config::default() }
}

fn partition(folder: &Folder, capture: &str, out: &str, grid: Grid) -> Plan {
    blocks::partition(&folder.path(capture), &folder.path(out), &options(grid)).expect("a plan")
}

/// All files below a folder with their bytes.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("reads") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).expect("reads")));
        }
    }
    found.sort();
    found
}

#[test]
fn cells_cover_the_ground_once_and_share_what_is_there() {
    let mut rng = Rng::new(5);
    let places: Vec<DVec3> =
        (0..20_000).map(|_| DVec3::new(rng.normal() * 3.0, rng.normal().abs() * 8.0, rng.range(0.0, 2.0))).collect();
    let cameras: Vec<DVec3> = places.iter().step_by(50).map(|place| *place + DVec3::X).collect();
    for (columns, rows) in [(1, 1), (3, 2), (4, 5)] {
        let axes = blocks::ground_axes(DVec3::Z);
        let cells = blocks::cells(Grid::Of(columns, rows), axes, &places, &cameras, 0.1).expect("cells");
        assert_eq!(cells.len(), columns * rows);
        let corners = cells.iter().flat_map(|cell| [cell.low, cell.high, dvec2(cell.low.x, cell.high.y)]);
        let random = (0..5000).map(|_| dvec2(rng.range(-25.0, 25.0), rng.range(-5.0, 40.0)));
        for ground in corners.chain(random.collect::<Vec<_>>()) {
            let owners = cells.iter().filter(|cell| cell.contains(ground.extend(3.0))).count();
            assert_eq!(owners, 1, "{ground} in {columns}x{rows}");
        }
        let within = |cell: &Cell, all: &[DVec3]| all.iter().filter(|place| cell.contains(**place)).count() as f64;
        let share = |cell: &Cell| within(cell, &places) / 20_000.0 + within(cell, &cameras) / 400.0;
        let shares: Vec<f64> = cells.iter().map(share).collect();
        let fair = 2.0 / cells.len() as f64;
        assert!(shares.iter().all(|share| (share / fair - 1.0).abs() < 0.15), "{shares:?}");
    }
}

#[test]
fn every_photo_that_sees_a_cell_is_in_its_block() {
    let folder = Folder::new();
    town(&folder);
    let plan = partition(&folder, "town", "plan", Grid::Of(3, 3));
    let capture = Capture::open(&folder.path("town"), &CaptureOptions::default()).expect("opens");
    let points = dapple::format::read_any(&folder.path("town/points.ply")).expect("points");
    let dapple::format::Contents::Points(points) = points else { panic!("points") };
    let (mut listed, mut left_out) = (0, 0);
    for planned in &plan.cells {
        let block = Capture::open(&folder.path("plan").join(&planned.block.capture), &CaptureOptions::default());
        let block = block.expect("a block is a capture");
        let names: BTreeSet<&str> = block.shots.iter().map(|shot| shot.name.as_str()).collect();
        for shot in &capture.shots {
            let lens = shot.camera.lens;
            let inside =
                points.positions.iter().map(|point| point.as_dvec3()).filter(|point| planned.cell.reaches(*point));
            let pixels = inside
                .filter_map(|point| Some(shot.camera.project(point)?.0 / dvec2(lens.width.into(), lens.height.into())));
            let tiles: BTreeSet<(i32, i32)> = (pixels.filter(|at| at.min_element() >= 0.0 && at.max_element() < 1.0))
                .map(|at| ((at.x * 16.0) as i32, (at.y * 12.0) as i32))
                .collect();
            let least = if planned.cell.reaches(shot.camera.pose.centre()) { 1 } else { 4 };
            assert_eq!(
                names.contains(shot.name.as_str()),
                tiles.len() >= least,
                "{} in {}",
                shot.name,
                planned.block.name
            );
            listed += usize::from(tiles.len() >= least);
            left_out += usize::from(tiles.len() < least);
        }
        for shot in &block.shots {
            let whole = capture.shots.iter().find(|other| other.name == shot.name).expect("of the capture");
            assert_eq!((shot.split, &shot.image, shot.camera), (whole.split, &whole.image, whole.camera));
        }
        let train = block.shots.iter().filter(|shot| shot.split == Split::Train).count();
        assert_eq!((train, block.shots.len() - train), (planned.block.photos, planned.block.held_out));
        assert_eq!(block.block.expect("a block").frame, plan.frame);
    }
    assert!(listed > 30 && left_out > 5, "{listed} listed, {left_out} left out: both must occur");
}

#[test]
fn a_plan_is_the_same_again_and_holds_no_photo() {
    let folder = Folder::new();
    town(&folder);
    let plan = partition(&folder, "town", "a", Grid::Of(2, 1));
    partition(&folder, "town", "b", Grid::Of(2, 1));
    let [a, b] = ["a", "b"].map(|name| {
        let root = folder.path(name).display().to_string();
        contents(&folder.path(name))
            .into_iter()
            .map(|(path, bytes)| (path.replace(&root, ""), bytes))
            .collect::<Vec<_>>()
    });
    assert!(a == b, "{:?}", a.iter().zip(&b).find(|(a, b)| a != b).map(|(a, _)| &a.0));
    let pictures: Vec<&String> = a.iter().map(|(path, _)| path).filter(|path| path.ends_with(".png")).collect();
    assert_eq!((pictures.len(), pictures[0].as_str()), (1, "/plan.png"));
    assert_eq!(Plan::read(&folder.path("a")).expect("reads").0, plan);
    let error = blocks::partition(&folder.path("town"), &folder.path("a"), &options(Grid::Auto)).expect_err("refused");
    assert!(error.to_string().contains("is not empty"), "{error}");
    let error =
        blocks::partition(&folder.path("a/blocks/0_0"), &folder.path("c"), &options(Grid::Auto)).expect_err("refused");
    assert!(error.to_string().contains("a block already"), "{error}");
    assert!(!folder.path("c").exists(), "nothing is left of it");
}

/// A COLMAP model in text: cameras that look down on two groups of points, and tracks that say who saw them.
#[test]
fn tracks_say_who_sees_a_cell_where_there_are_any() {
    let folder = Folder::new();
    image::RgbImage::from_pixel(40, 30, image::Rgb([90, 120, 60])).save(folder.path("photo.png")).expect("a photo");
    std::fs::create_dir_all(folder.path("model/images")).expect("a folder");
    let (mut images, mut points) = (String::new(), String::new());
    for k in 1..=6 {
        std::fs::copy(folder.path("photo.png"), folder.path(&format!("model/images/{k}.png"))).expect("copies");
        // Half a turn about x: looking down from a height of 10.
        images += &format!("{k} 0 1 0 0 {} 0 10 1 {k}.png\n\n", -(f64::from(k) - 3.5) * 0.5);
    }
    let mut rng = Rng::new(8);
    for i in 0..400 {
        let left = i % 2 == 0;
        let x = if left { rng.range(-5.0, -1.0) } else { rng.range(1.0, 5.0) };
        // The first three photos observe the left, the others the right, though all could see all.
        let observers = if left { "1 0 2 0 3 0" } else { "4 0 5 0 6 0" };
        points += &format!("{i} {x} {} 0 99 99 99 0.5 {observers}\n", rng.range(-3.0, 3.0));
    }
    std::fs::create_dir_all(folder.path("model/sparse/0")).expect("a folder");
    folder.file("model/sparse/0/cameras.txt", "1 PINHOLE 40 30 30 30 20 15\n");
    folder.file("model/sparse/0/images.txt", images);
    folder.file("model/sparse/0/points3D.txt", points);
    let mut options = options(Grid::Of(2, 1));
    (options.up, options.block.test_every, options.margin) = (Some(DVec3::Z), 0, 0.05);
    let plan = blocks::partition(&folder.path("model"), &folder.path("plan"), &options).expect("a plan");
    for (planned, names) in plan.cells.iter().zip([["1.png", "2.png", "3.png"], ["4.png", "5.png", "6.png"]]) {
        let path = folder.path("plan").join(&planned.block.capture);
        let block =
            Capture::open(&path, &CaptureOptions { test_every: 0, ..CaptureOptions::default() }).expect("opens");
        assert_eq!(block.shots.iter().map(|shot| shot.name.as_str()).collect::<Vec<_>>(), names);
        let points = block.points.expect("points").positions;
        assert_eq!(points.len(), 200);
        assert!((190..=200).contains(&planned.block.points), "without the margin");
        assert!(points.iter().all(|point| planned.cell.reaches(point.as_dvec3())));
    }
}
