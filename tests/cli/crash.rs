//! Runs that are killed.

/// `tools/crash_test` with a few kills; it says itself what it checks.
#[cfg(unix)]
#[test]
fn killed_runs_go_on_to_the_same_bytes() {
    let mut tool = std::process::Command::new(super::repository("tools/crash_test"));
    tool.args(["3", "1"]).env("DAPPLE", assert_cmd::cargo::cargo_bin("dapple"));
    let output = tool.output().expect("bash");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("3 kills"), "{said}");
}
