//! `dapple partition`, the training of blocks, and `dapple merge`.

use dapple::blocks::Plan;
use dapple::format;

use super::Folder;
use crate::blocks::town;

const BLOCK: &str = "--steps 24 --cap-max 500 --eval-every 0 --coarse-to-fine off --save-every 8";

impl Folder {
    fn train_block(&self, plan: &str, block: &str) {
        let run = block.rsplit('/').next().expect("a name");
        let options = format!("--config {plan}/{block}/train.toml --out {plan}/runs/{run} --resume");
        self.succeed(&format!("train {plan}/{block} {options}"));
    }
}

#[test]
fn blocks_are_trained_in_any_order_and_merged_to_the_same_bytes() {
    let folder = Folder::new();
    town(&folder);
    let mut command = folder.dapple("partition town plan --blocks 2x1 --coarse");
    command.arg("--steps 40 --cap-max 400 --coarse-to-fine off").arg("--").args(BLOCK.split(' ')).assert().success();
    let error = folder.error("merge plan out.ply", 1);
    assert!(error.contains("the block coarse is not trained; train it with: dapple train plan/coarse"), "{error}");
    let error = folder.error_at_end("train plan/blocks/0_0 --out early --config plan/blocks/0_0/train.toml", 1);
    assert!(error.contains("coarse scene") && error.contains("plan/coarse --config"), "{error}");
    assert!(!folder.path("early").exists());

    folder.train_block("plan", "coarse");
    for file in ["plan.json", "coarse/block.json", "blocks/0_0/block.json"] {
        assert!(folder.path("plan").join(file).is_file());
    }
    super::copy(&folder.path("plan"), &folder.path("other"));
    folder.train_block("plan", "blocks/0_0");
    let error = folder.error("merge plan out.ply", 1);
    assert!(
        error.contains("the block 1_0 is not trained") && error.contains("--out plan/runs/1_0 --resume"),
        "{error}"
    );
    assert!(!folder.path("out.ply").exists());
    folder.train_block("plan", "blocks/1_0");
    folder.train_block("other", "blocks/1_0");
    folder.train_block("other", "blocks/0_0");
    folder.succeed("merge plan out.ply");
    folder.succeed("merge other/plan.json other.ply");
    assert_eq!(folder.bytes("out.ply"), folder.bytes("other.ply"), "the order of training does not matter");

    let (plan, _) = Plan::read(&folder.path("plan")).expect("a plan");
    let merged = format::read_scene(&folder.path("out.ply")).expect("reads");
    let owner = |mean: glam::Vec3| plan.cells.iter().position(|planned| planned.cell.contains(mean.as_dvec3()));
    let mut expected = Vec::new();
    for (run, cell) in [("0_0", Some(0)), ("1_0", Some(1))] {
        let scene = format::read_scene(&folder.path("plan/runs").join(run)).expect("reads");
        assert!(scene.means.iter().any(|mean| owner(*mean) != cell), "{run} holds what is around it too");
        expected.extend(scene.means.iter().filter(|mean| owner(**mean) == cell));
    }
    assert_eq!(merged.means, expected, "each cell's own, once");
    assert!(
        merged.means.iter().any(|mean| owner(*mean) == Some(0))
            && merged.means.iter().any(|mean| owner(*mean) == Some(1))
    );
}

#[test]
fn faulty_plans_are_said_in_one_line() {
    let folder = Folder::new();
    town(&folder);
    for grid in ["0x2", "2", "2x", "axb", "2x99"] {
        assert!(folder.error(&format!("partition town plan --blocks {grid}"), 2).contains("as 3x2"), "{grid}");
    }
    assert!(folder.error("partition town plan --margin 2", 1).contains("--margin 2 is not in 0 to 1"));
    assert!(folder.error("partition town plan -- --stepps 3", 2).contains("--stepps"));
    let mut wrong = folder.dapple("partition town plan --coarse");
    assert!(wrong.arg("--steps x").assert().code(2).get_output().stderr.starts_with(b"error: --coarse"));
    assert!(folder.error("partition none plan", 1).contains("none"));
    assert!(folder.error_at_end("partition town plan --blocks 40x40", 1).contains("fewer"));
    assert!(!folder.path("plan").exists(), "nothing half done");
    assert!(folder.error("merge town out.ply", 1).contains("dapple partition CAPTURE FOLDER makes one"));
    folder.succeed("partition town plan --blocks 2x1");
    assert!(folder.error("merge plan out.unknown", 1).contains("out.unknown"));
    std::fs::remove_dir_all(folder.path("town")).expect("removes");
    let error = folder.error("info plan/blocks/0_0", 1);
    assert!(error.contains("block.json: its capture is not at"), "{error}");
}
