//! What other programs are told: events, completions, manual pages, reports of faults, and what is in a folder.

use serde_json::Value;

use super::Folder;

/// The events on the standard output of a command, which prints nothing else there.
fn events(folder: &Folder, line: &str, code: i32) -> Vec<Value> {
    let output = folder.dapple(line).assert().code(code).get_output().clone();
    let text = String::from_utf8(output.stdout).expect("text");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(events[0]["event"], "start");
    assert_eq!(events[events.len() - 1]["exit_code"], code, "{text}");
    events
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    kinds.dedup();
    kinds
}

#[test]
fn long_commands_tell_their_progress() {
    let folder = Folder::new();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/scenes/tiny.toml"), folder.path("tiny.toml")).expect("copies");
    let made = events(&folder, "synth tiny.toml capture --json", 0);
    assert_eq!(kinds(&made), ["start", "progress", "message", "end"]);
    let last = made.iter().rev().find(|event| event["event"] == "progress").expect("progress");
    assert_eq!(last["done"], last["of"]);
    let trained = events(&folder, "train capture --out run --steps 20 --json", 0);
    for kind in ["progress", "evaluated", "saved", "message"] {
        assert!(kinds(&trained).contains(&kind), "{kind}: {:?}", kinds(&trained));
    }
    let step = trained.iter().rev().find(|event| event["event"] == "progress").expect("progress");
    assert_eq!((&step["done"], &step["of"]), (&Value::from(20), &Value::from(20)));
    assert!(step["loss"].as_f64().is_some_and(|loss| loss > 0.0) && step["gaussians"].as_u64() > Some(0));
    let rendered = events(&folder, "render run --orbit 3 --out pictures --size 32x24 --json", 0);
    let files: Vec<&str> = rendered.iter().filter_map(|event| event["file"].as_str()).collect();
    assert!(files.len() == 3 && files.iter().all(|file| folder.path(file).is_file()), "{files:?}");
    let exported = events(&folder, "export run a.sog --json", 0);
    let wrote = exported.iter().find(|event| event["event"] == "wrote").expect("a file");
    assert_eq!((&wrote["file"], &wrote["format"]), (&Value::from("a.sog"), &Value::from("SOG")));
    assert_eq!(wrote["bytes"], std::fs::metadata(folder.path("a.sog")).expect("is there").len());
    let refused = events(&folder, "export run a.sog --json", 1);
    assert!(refused[refused.len() - 1]["message"].as_str().expect("text").contains("a.sog exists"));
    run_and_folder_are_described(&folder);
}

fn run_and_folder_are_described(folder: &Folder) {
    let said = |line: &str| {
        String::from_utf8(folder.dapple(line).assert().success().get_output().stdout.clone()).expect("text")
    };
    let text = said("info run");
    for part in ["trained on   ", "steps        20 of 20", "held out     PSNR ", "checkpoint   "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let run: Value = serde_json::from_str(&said("info run --json")).expect("JSON");
    assert_eq!((&run["run"]["step"], &run["run"]["steps"]), (&Value::from(20), &Value::from(20)));
    assert!(run["run"]["psnr"].as_f64().is_some_and(|psnr| psnr > 5.0));
    let listed: Value = serde_json::from_str(&said("info . --json")).expect("JSON");
    let entries = listed["entries"].as_array().expect("a list");
    let found: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| (entry["name"].as_str().expect("a name"), entry["kind"].as_str().expect("a kind")))
        .collect();
    assert_eq!(found, [("a.sog", "scene"), ("capture", "capture"), ("run", "run")], "{listed}");
    assert!(said("info .").contains("run      run"), "{}", said("info ."));
}

#[test]
fn shells_and_man_know_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = folder.dapple(&format!("completions {shell}")).assert().success().get_output().clone();
        let text = String::from_utf8(output.stdout).expect("text");
        for word in ["train", "export", "doctor", "cap-max", "duration"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    folder.error("completions tcsh-nope", 2);
    folder.succeed("man pages");
    for (page, parts) in [
        ("dapple.1", ["dapple", "train", "Exit codes"]),
        ("dapple-train.1", ["dapple\\-train", "cap\\-max", "default"]),
        ("dapple-export.1", ["dapple\\-export", ".4dgs", "morton"]),
    ] {
        let text = folder.text(&format!("pages/{page}"));
        parts.iter().for_each(|part| assert!(text.contains(part), "{page}: {part}"));
    }
}

#[test]
fn the_doctor_tells_what_works() {
    let folder = Folder::new();
    let output = folder.dapple("doctor --json").assert().success().get_output().clone();
    let facts: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&facts["version"], &facts["device"]["works"]), (&env!("CARGO_PKG_VERSION").into(), &true.into()));
    let first = &facts["adapters"][0];
    assert!(first["name"].is_string() && first["limits"]["max_buffer_size"].as_u64() > Some(1 << 20), "{first}");
    let text = folder.dapple("doctor").assert().success().get_output().stdout.clone();
    let text = String::from_utf8(text).expect("text");
    for part in ["dapple       ", "system       ", "adapter 0    ", "device       works: ", "ffmpeg"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Without a driver: what to install, and a code that scripts see.
    if cfg!(target_os = "linux") {
        let mut none = folder.dapple("doctor --json");
        none.env("VK_DRIVER_FILES", "/nowhere.json").env("VK_ICD_FILENAMES", "/nowhere.json");
        let output = none.assert().code(1).get_output().clone();
        let facts: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(facts["remedies"][0].as_str().expect("a remedy").contains("install a Vulkan driver"), "{facts}");
        assert_eq!(facts["environment"]["VK_DRIVER_FILES"], "/nowhere.json");
    }
}

#[test]
fn exit_codes_are_the_documented_ones() {
    let folder = Folder::new();
    folder.error("export nothing.ply out.ply", 1);
    assert!(folder.error("export --mortn a b", 2).contains("did you mean --morton"));
    folder.error("train --out r", 2);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_synthesis_without_a_trace() {
    let folder = Folder::new();
    let tiny = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenes/tiny.toml")).expect("reads");
    // Large enough that it lasts.
    let large = tiny.lines().map(|line| match line.split_once(" = ") {
        Some((name @ ("width" | "height"), _)) => format!("{name} = 1500\n"),
        _ => format!("{line}\n"),
    });
    folder.file("large.toml", large.collect::<String>());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dapple"));
    command.current_dir(folder.0.path()).args(["synth", "large.toml", "made", "--json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("a pipe")));
    let first = lines.by_ref().take(2).last().expect("an event").expect("text");
    assert!(first.contains("progress"), "{first}");
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("signals");
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert!(lines.last().expect("an event").expect("text").contains("\"exit_code\":130"));
    let left: Vec<_> = std::fs::read_dir(folder.0.path()).expect("lists").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["large.toml"]);
}
