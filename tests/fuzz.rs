//! Readers and files that someone damaged: whatever the bytes, a reader gives a scene or one clear line, does not panic,
//! does not hang, and asks for no more memory than the file's size justifies.
//!
//! The normal run takes DAPPLE_FUZZ_SECONDS (by default 5) in all; `cargo test --release --test fuzz -- --ignored
//! --nocapture` takes DAPPLE_FUZZ_SECONDS (by default 600) for each reader. DAPPLE_FUZZ_SEED chooses other files, and
//! DAPPLE_FUZZ_READERS, such as `spz,sog`, fewer readers. An input that is found is stored beside the temporary folder and
//! named; a copy in `tests/damaged` keeps it tested.
//!
//! `cargo test --test fuzz -- --ignored --nocapture commands` gives damaged files of each format to `dapple info`, `export`
//! and `view`, and prints what they said.

#[path = "support/archive.rs"]
mod archive;
#[path = "fuzz/commands.rs"]
mod commands;
#[path = "support/counting.rs"]
mod counting;
#[path = "support/made.rs"]
mod made;
#[path = "support/random.rs"]
#[expect(dead_code, reason = "the suite uses the rest")]
mod random;
#[path = "support/usdc.rs"]
#[expect(dead_code, reason = "the suite uses the rest")]
mod usdc;
#[path = "fuzz/wholes.rs"]
mod wholes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use counting::LARGEST;
use dapple::format::{self, WriteOptions};
use made::scene;
use random::Rng;
use wholes::{READERS, Whole, damage, wholes_of};

/// The largest single allocation that a reader may ask for: as many bytes, and this many times the file's size. Scenes
/// may be 256 times the file and 16 MiB (`src/format/bounded.rs`); a decoder's picture has twice the bytes at most.
const FLOOR: usize = 33 << 20;
const RATIO: usize = 512;
/// The longest that a file of a few hundred kilobytes may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The allocation counter is one for the process, so that tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// What went wrong with a file, if anything.
fn trouble(path: &Path, size: usize) -> Option<String> {
    LARGEST.store(0, Ordering::Relaxed);
    let start = Instant::now();
    let read = catch_unwind(AssertUnwindSafe(|| format::load(path)));
    let (largest, time) = (LARGEST.load(Ordering::Relaxed), start.elapsed());
    let allowed = FLOOR + RATIO * size;
    if largest > allowed {
        return Some(format!("asked for {largest} bytes at once, where {allowed} are allowed"));
    }
    if time > PATIENCE {
        return Some(format!("took {time:?}"));
    }
    match read {
        Err(_) => Some("panicked".into()),
        Ok(Ok(loaded)) => loaded.scene.validate().err().map(|error| format!("gave a scene that is wrong: {error:#}")),
        Ok(Err(error)) => {
            let line = format!("{error:#}");
            let clear = !line.contains('\n') && line.contains(&path.display().to_string()) && line.len() < 1000;
            (!clear).then(|| format!("not one clear line: {line:?}"))
        }
    }
}

/// Damages the files in turn for `time`: the number of files that were read.
fn fuzz(wholes: &[Whole], time: Duration, seed: u64) -> usize {
    let folder = tempfile::tempdir().expect("temporary folder");
    let start = Instant::now();
    let mut random = Rng::new(seed);
    let mut count = 0;
    while start.elapsed() < time {
        let whole = &wholes[count % wholes.len()];
        let mut bytes = whole.bytes.clone();
        for _ in 0..1 + random.below(4) {
            damage(&mut bytes, &mut random);
        }
        let bytes = (whole.wrap)(bytes);
        let (read, size) = whole.write(folder.path(), &bytes);
        if let Some(what) = trouble(&read, size) {
            let kept =
                std::env::temp_dir().join(format!("dapple-damaged-{seed}-{count}-{}", whole.name.replace('/', "-")));
            std::fs::write(&kept, &bytes).expect("writes");
            panic!("{}: {what}; the file is kept as {}", whole.name, kept.display());
        }
        count += 1;
    }
    count
}

/// The readers to try, all or those of DAPPLE_FUZZ_READERS.
fn readers() -> Vec<&'static str> {
    let Ok(chosen) = std::env::var("DAPPLE_FUZZ_READERS") else { return READERS.to_vec() };
    let known = |name: &str| READERS.into_iter().find(|reader| *reader == name);
    chosen
        .split(',')
        .map(|name| known(name).unwrap_or_else(|| panic!("no reader {name}; there are {READERS:?}")))
        .collect()
}

fn number_from(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn run(seconds_each: f64) {
    let _turn = TURN.lock();
    // Panics are found and reported once; their own messages would only repeat them.
    let seed = number_from("DAPPLE_FUZZ_SEED", 1);
    for reader in readers() {
        let wholes = wholes_of(reader);
        let count = fuzz(&wholes, Duration::from_secs_f64(seconds_each), seed);
        println!("{reader}: {count} damaged files of {} whole ones in {seconds_each} s, nothing found", wholes.len());
        assert!(count > 0);
    }
}

#[test]
fn damaged_files_of_every_format() {
    run(number_from("DAPPLE_FUZZ_SECONDS", 5) as f64 / readers().len() as f64);
}

#[test]
#[ignore = "takes DAPPLE_FUZZ_SECONDS for each reader, ten minutes by default"]
fn damaged_files_of_every_format_at_length() {
    run(number_from("DAPPLE_FUZZ_SECONDS", 600) as f64);
}

/// Files that once were trouble.
#[test]
fn damaged_files_that_were_found_stay_harmless() {
    let _turn = TURN.lock();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/damaged");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    for path in paths {
        let size = std::fs::metadata(&path).expect("a file").len() as usize;
        assert_eq!(trouble(&path, size), None, "{}", path.display());
    }
}

/// A reader that keeps these rules for the files that are as they should be.
#[test]
fn whole_files_are_no_trouble() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, degree) in [("a.sog", 3), ("a.spz", 3), ("a.ply", 3), ("a.compressed.ply", 3), ("a.splat", 0)] {
        let path = folder.path().join(name);
        format::save(&path, &scene(20_000, degree), &WriteOptions::default()).expect("writes");
        let size = std::fs::metadata(&path).expect("a file").len() as usize;
        assert_eq!(trouble(&path, size), None, "{name}");
    }
}
