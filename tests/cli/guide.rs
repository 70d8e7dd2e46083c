//! A run that another program judges: by targets or gradients, from nothing; and guides that fail.

use super::views::psnr_of_json;
use super::{Folder, repository, tiny};

/// Options of a short run without photos, judged by examples/guide.py on the tiny capture's pictures.
fn sculpted(more: &str) -> String {
    format!("train --guide-only --steps 400 --cap-max 1200 --init-points 1200 --seed 4 --eval-every 0 {more}")
}

/// Runs `dapple train` with a guide; its exit code and what it said.
fn guided(folder: &Folder, line: &str, guide: &str) -> (i32, String) {
    let output = folder.dapple(line).args(["--guide", guide]).output().expect("runs");
    (output.status.code().expect("no signal"), String::from_utf8(output.stderr).expect("text"))
}

fn example(more: &str) -> String {
    format!("python3 {} {} {more}", repository("examples/guide.py").display(), tiny().display())
}

#[test]
fn a_scene_is_sculpted_from_answers_alone() {
    let folder = Folder::new();
    let blind = format!("eval blind --capture {} --background black --json e.json", tiny().display());
    for (run, how) in [("targets", ""), ("gradients", "--gradient")] {
        let (code, said) = guided(&folder, &sculpted(&format!("--out {run}")), &example(how));
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("no photos: 24 cameras"), "{said}");
        folder.succeed(&blind.replace("blind", run));
        let found = psnr_of_json(&folder.text("e.json"));
        // From the photos themselves 20.1 dB after 600 steps.
        assert!(found > 15.0, "{run}: {found} dB of held-out views that the guide never told of");
        assert!(folder.path(&format!("{run}/renders")).read_dir().unwrap().count() > 4, "pictures are left");
    }
    // The same answers make the same bytes, and photos may be trained on beside them.
    let (_, _) = guided(&folder, &sculpted("--out again"), &example(""));
    assert!(
        folder.bytes("again/scene.ply") == folder.bytes("targets/scene.ply"),
        "a run is as repeatable as its guide"
    );
    let beside = format!("train {} --out beside --steps 40 --cap-max 800 --guide-every 8", tiny().display());
    assert_eq!(guided(&folder, &beside, &example("")).0, 0);
}

#[test]
fn a_guide_that_fails_ends_the_run_with_one_line_and_its_checkpoint() {
    let folder = Folder::new();
    let cases = [
        ("exit 3", "it ended (exit status: 3)"),
        ("sleep 30", "did not answer in 0.7 seconds (--guide-timeout)"),
        ("echo hello; cat > /dev/null", "its reply is not one: hello"),
        (
            "echo '{\"answer\": \"none\", \"next\": {\"transform_matrix\": [[2,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]], \"camera_angle_x\": 1, \"width\": 64, \"height\": 64}}'",
            "not a rigid motion",
        ),
    ];
    for (guide, expected) in cases {
        let (code, said) = guided(&folder, &sculpted("--out none --guide-timeout 0.7"), guide);
        assert!(code == 1 && said.contains(expected), "{guide}: {said}");
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("error: the guide `") && last.contains("at step 0"), "{last}");
        assert!(!folder.path("none").exists(), "a run that cannot start leaves no folder");
    }
    let broken = "import json, os, struct, sys
asked, told = sys.stdin.buffer, sys.stdout.buffer
while line := asked.readline():
    request = json.loads(line)
    reply, values = {'answer': 'none'}, b''
    if 'width' in request:
        count = request['width'] * request['height']
        asked.read(16 * count)
        value = 0.0
        if request['step'] == 25 and os.path.exists('break'):
            if open('break').read() == 'die':
                sys.exit(5)
            value = float('nan')
        values = struct.pack('<f', value) * (3 * count)
        reply = {'answer': 'gradient', 'channels': 3, 'loss': 0.5}
    told.write(json.dumps(reply).encode() + b'\\n' + values)
    told.flush()
";
    folder.file("broken.py", broken);
    let line = |run: &str| sculpted(&format!("--out {run} --save-every 10")).replace("--steps 400", "--steps 30");
    assert_eq!(guided(&folder, &line("whole"), "python3 broken.py").0, 0);
    for (kind, expected) in
        [("die", "it ended (exit status: 5)"), ("nan", "values that are not finite, the first at pixel 0")]
    {
        folder.file("break", kind);
        let (code, said) = guided(&folder, &line(kind), "python3 broken.py");
        assert!(code == 1 && said.contains(expected) && said.contains("at step 25"), "{said}");
        std::fs::remove_file(folder.path("break")).unwrap();
        folder.succeed(&format!("train --out {kind} --resume"));
        let [whole, resumed] = ["whole", kind].map(|run| folder.bytes(&format!("{run}/scene.ply")));
        assert!(whole == resumed, "{kind}: resumed from the checkpoint before, it ends in the same bytes");
    }
}
