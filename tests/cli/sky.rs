//! A capture under an open sky: it is noticed, put behind the scene, and dropped or kept on export.

use crate::support::files::Folder;

use super::repository;

/// A smaller scenes/outdoor.toml.
fn outdoor(folder: &Folder) {
    let text = std::fs::read_to_string(repository("scenes/outdoor.toml")).unwrap();
    let changes = [
        ("width = 200", "width = 96"),
        ("height = 150", "height = 72"),
        ("train = 48", "train = 16"),
        ("test = 8", "test = 3"),
        ("points = 6000", "points = 1200"),
        ("samples = 2", "samples = 1"),
    ];
    let small = changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    folder.file("outdoor.toml", small);
    folder.succeed("synth outdoor.toml outdoor");
}

/// The percentage that the run says floats in empty space.
fn floating(said: &str) -> f64 {
    let line = said.lines().find(|line| line.contains("exact depth says is empty")).expect("a measure of floaters");
    line.split_whitespace().find_map(|word| word.parse().ok()).expect("a number")
}

fn count(folder: &Folder, scene: &str) -> usize {
    dapple::format::read_scene(&folder.path(scene)).unwrap().len()
}

#[test]
fn sky_is_found_stays_behind_the_scene_and_can_be_dropped() {
    let folder = Folder::new();
    outdoor(&folder);
    let train = "train outdoor --steps 250 --cap-max 2500 --coarse-to-fine off --seed 2";
    let (with, without) =
        (folder.succeed(&format!("{train} --out run")), folder.succeed(&format!("{train} --out off --sky off")));
    assert!(with.contains("% of the photos is sky") && !without.contains("is sky"), "{with}{without}");
    let (with, without) = (floating(&with), floating(&without));
    assert!(with < 0.5 * without && without > 1.0, "{with} % with a shell, {without} % without");

    folder.succeed("export run all.ply --views 0");
    folder.succeed("export run near.ply --sky drop --views 0");
    folder.succeed("export run part.ply --sky keep --crop sphere=0,0,0,1 --views 0");
    folder.succeed("export run piece.ply --crop sphere=0,0,0,1 --views 0");
    let [all, near, part, piece] = ["all.ply", "near.ply", "part.ply", "piece.ply"].map(|name| count(&folder, name));
    assert!(near < all && near > all / 2, "{near} of {all}");
    assert_eq!(part - piece, all - near, "the sky is what a crop leaves with --sky keep");
    // What is moved takes the limit along: the same Gaussians are left.
    folder.succeed("export run moved.ply --sky drop --transform translate=100,0,0 --transform scale=3 --views 0");
    assert_eq!(count(&folder, "moved.ply"), near);
    let said = folder.error("export all.ply again.ply --sky drop", 1);
    assert!(said.contains("--sky needs a run") && said.contains("--crop sphere"), "{said}");
}

/// 1200 points are more than there is room for; sky, which has none, gets Gaussians all the same.
#[test]
fn sky_has_its_share_where_points_exceed_the_cap() {
    let folder = Folder::new();
    outdoor(&folder);
    let said = folder.succeed("train outdoor --steps 20 --cap-max 600 --out run");
    assert!(
        said.contains("1200 first points are more than --cap-max leaves room for; 500 of them are taken"),
        "{said}"
    );
    assert!(said.contains("% of the photos is sky"), "{said}");
    folder.succeed("export run near.ply --sky drop --views 0");
    let (near, all) = (count(&folder, "near.ply"), count(&folder, "run"));
    assert!(all == 600 && (5..100).contains(&(all - near)), "{near} of {all} are no sky");
}
