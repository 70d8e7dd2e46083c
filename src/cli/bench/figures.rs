//! What `dapple bench` measured, as its JSON file has it, and as tables.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::gpu::StageTimes;
use crate::gpu::ceilings::Ceilings;
use crate::scene::stats::percentile;

/// All measurements of one call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Version of Dapple.
    pub program: String,
    pub adapter: String,
    /// Invocations a tile of the rasterizer, and whether they exchange by subgroups.
    pub lanes: u32,
    pub subgroups: bool,
    pub ceilings: Ceilings,
    pub workloads: Vec<Measured>,
}

/// The measurements of one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub name: String,
    pub counts: Counts,
    /// Stages of an image.
    pub forward: Vec<Stage>,
    /// Stages of a step of training.
    pub training: Vec<Stage>,
    /// Over the timed steps; growth makes later ones slower.
    pub steps_per_second: f64,
    /// Label and bytes of each GPU buffer.
    pub memory: Vec<(String, u64)>,
}

/// Sizes that the time of a stage follows from.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Counts {
    pub gaussians: u64,
    pub visible: u64,
    /// (Gaussian, tile) pairs.
    pub pairs: u64,
    pub width: u32,
    pub height: u32,
    pub sh_degree: u32,
    /// Whether colours are trained packed.
    #[serde(default)]
    pub packed: bool,
}

/// Device time of a stage, in milliseconds: the median of some measurements, the least and the greatest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    pub name: String,
    pub median: f64,
    pub least: f64,
    pub greatest: f64,
    /// Bytes that it has to move at least, where that is known.
    pub bytes: Option<u64>,
}

/// The stages of repeated measurements, those of one name together, in order of their first run.
pub fn stages(runs: &[StageTimes], bytes: impl Fn(&str) -> Option<u64>) -> Vec<Stage> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in runs.iter().flatten() {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let stage = |name: &&str| {
        let sum = |run: &StageTimes| run.iter().filter(|stage| stage.0 == *name).map(|stage| stage.1).sum::<f64>();
        let of = |percent| percentile(runs.iter().map(sum), percent).unwrap_or_default();
        Stage { name: (*name).into(), median: of(50), least: of(0), greatest: of(100), bytes: bytes(name) }
    };
    names.iter().map(stage).collect()
}

impl Stage {
    /// GB/s of the bytes that it has to move.
    pub fn rate(&self) -> Option<f64> {
        self.bytes.filter(|_| self.median > 0.0).map(|bytes| bytes as f64 / self.median * 1e-6)
    }
}

impl Figures {
    /// # Errors
    /// Names the file that cannot be read, or is no file of measurements.
    pub fn load(path: &std::path::Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let wrong = || format!("{}: no file that this version's `dapple bench --json` wrote", path.display());
        serde_json::from_slice(&bytes).with_context(wrong)
    }

    /// Everything as text.
    pub fn text(&self) -> String {
        let (mut out, c) = (String::new(), &self.ceilings);
        let exchange = if self.subgroups { "subgroups" } else { "workgroup memory" };
        let _ = writeln!(out, "Dapple {} on {}; {} lanes a tile by {exchange}", self.program, self.adapter, self.lanes);
        let _ = writeln!(
            out,
            "ceilings: copy {:.1} GB/s, arithmetic {:.0} GFLOP/s, {:.2} billion exponentials/s, {:.1} µs a dispatch",
            c.copy, c.arithmetic, c.exponentials, c.dispatch
        );
        for measured in &self.workloads {
            let Counts { gaussians, visible, pairs, width, height, .. } = measured.counts;
            let _ = writeln!(
                out,
                "\n{}: {gaussians} Gaussians, {visible} visible, {pairs} pairs, {width} x {height}; {:.2} steps/s",
                measured.name, measured.steps_per_second
            );
            for (what, stages) in [("an image", &measured.forward), ("a training step", &measured.training)] {
                self.table(&mut out, what, stages);
            }
            let total: u64 = measured.memory.iter().map(|(_, bytes)| bytes).sum();
            let _ = writeln!(out, "\n{:<36} {:>9.2} MB", "memory of training", total as f64 / 1e6);
            for (label, bytes) in &measured.memory {
                let _ = writeln!(out, "{label:<36} {:>9.2} MB", *bytes as f64 / 1e6);
            }
        }
        out
    }

    fn table(&self, out: &mut String, what: &str, stages: &[Stage]) {
        if stages.is_empty() {
            let _ = writeln!(out, "\n{what}: this adapter has no timestamps");
            return;
        }
        let head = ["median", "least", "most, ms", "MB to move", "GB/s", "of copy"];
        let _ = writeln!(
            out,
            "\n{what:<20} {:>9} {:>9} {:>9} {:>11} {:>8} {:>8}",
            head[0], head[1], head[2], head[3], head[4], head[5]
        );
        for stage in stages {
            let Stage { name, median, least, greatest, bytes } = stage;
            let moved = bytes.map_or(String::new(), |bytes| format!("{:.1}", bytes as f64 * 1e-6));
            let rate = stage.rate().map_or(String::new(), |rate| format!("{rate:.1}"));
            let share =
                stage.rate().map_or(String::new(), |rate| format!("{:.0} %", 100.0 * rate / self.ceilings.copy));
            let _ =
                writeln!(out, "{name:<20} {median:>9.3} {least:>9.3} {greatest:>9.3} {moved:>11} {rate:>8} {share:>8}");
        }
        let sum: f64 = stages.iter().map(|stage| stage.median).sum();
        let _ = writeln!(out, "{:<20} {sum:>9.3}", "sum");
    }

    /// The ratio of earlier times to these, stage by stage; above 1 is faster now.
    pub fn compared_with(&self, old: &Self) -> String {
        let mut out = format!("\nagainst Dapple {} on {}; above 1 is faster now\n", old.program, old.adapter);
        let mut seen = false;
        for now in &self.workloads {
            let Some(then) = old.workloads.iter().find(|then| then.name == now.name) else { continue };
            seen = true;
            let _ = writeln!(out, "\n{:<36} {:>10} {:>10} {:>7}", now.name, "then, ms", "now, ms", "ratio");
            let kinds = [("image", &then.forward, &now.forward), ("step", &then.training, &now.training)];
            for (kind, then, now) in kinds {
                for stage in now {
                    let earlier = then.iter().find(|earlier| earlier.name == stage.name);
                    ratio(&mut out, &format!("{kind}: {}", stage.name), earlier.map(|s| s.median), Some(stage.median));
                }
                let gone = then.iter().filter(|earlier| now.iter().all(|stage| stage.name != earlier.name));
                gone.for_each(|stage| ratio(&mut out, &format!("{kind}: {}", stage.name), Some(stage.median), None));
                let sum = |stages: &[Stage]| Some(stages.iter().map(|stage| stage.median).sum());
                ratio(&mut out, &format!("{kind}: sum"), sum(then), sum(now));
            }
            let step = |measured: &Measured| Some(1000.0 / measured.steps_per_second.max(1e-9));
            ratio(&mut out, "a step by the clock", step(then), step(now));
        }
        if !seen {
            out += "no workload is in both\n";
        }
        out
    }
}

fn ratio(out: &mut String, name: &str, then: Option<f64>, now: Option<f64>) {
    let show = |value: Option<f64>| value.map_or("-".to_string(), |value| format!("{value:.3}"));
    let ratio = then.zip(now).filter(|(_, now)| *now > 0.0).map(|(then, now)| format!("{:.2}", then / now));
    let _ = writeln!(out, "{name:<36} {:>10} {:>10} {:>7}", show(then), show(now), ratio.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(time: f64) -> Figures {
        let stage = |name: &str, bytes| Stage { name: name.into(), median: time, least: time, greatest: time, bytes };
        let counts = Counts { gaussians: 9, visible: 8, pairs: 20, width: 64, height: 32, sh_degree: 3, packed: true };
        let measured = Measured {
            name: "a".into(),
            counts,
            forward: vec![stage("project", Some(2_000_000))],
            training: vec![stage("update", None)],
            steps_per_second: 500.0 / time,
            memory: vec![("rows".into(), 3_000_000)],
        };
        let ceilings = Ceilings { copy: 4.0, arithmetic: 1.0, exponentials: 1.0, dispatch: 1.0 };
        let (program, adapter) = ("1".into(), "b".into());
        Figures { program, adapter, lanes: 8, subgroups: true, ceilings, workloads: vec![measured] }
    }

    #[test]
    fn stages_of_one_name_are_added_before_the_median() {
        let runs = [vec![("a", 1.0), ("b", 5.0), ("a", 2.0)], vec![("a", 4.0), ("b", 6.0), ("a", 3.0)]];
        let found = stages(&[runs[0].clone(), runs[1].clone(), runs[0].clone()], |name| (name == "b").then_some(7));
        assert_eq!(found.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((found[0].median, found[0].least, found[0].greatest, found[0].bytes), (3.0, 3.0, 7.0, None));
        assert_eq!((found[1].median, found[1].bytes), (5.0, Some(7)));
    }

    #[test]
    fn a_table_holds_a_stage_against_the_ceiling() {
        let text = figures(1.0).text();
        // 2 MB in 1 ms are 2 GB/s, half of what a copy reaches.
        assert!(text.contains("2.0      2.0     50 %"), "{text}");
        assert!(text.contains("memory of training                        3.00 MB"), "{text}");
    }

    #[test]
    fn a_comparison_gives_ratios() {
        let said = figures(2.0).compared_with(&figures(3.0));
        assert!(said.contains("image: project                            3.000      2.000    1.50"), "{said}");
        let mut other = figures(1.0);
        other.workloads[0].name = "b".into();
        assert!(figures(1.0).compared_with(&other).contains("no workload is in both"));
    }
}
