//! The options of a new run, as text. List, help and parser are those of `dapple train`, so a new option of
//! [`Config`] appears here by itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Command, FromArgMatches};

use crate::train::config::{Config, Flags, FlowSource, Init};

/// Values that a new run in the window starts from, where they differ from the defaults: a scene in minutes.
const START: [(&str, &str); 3] = [("steps", "7000"), ("cap_max", "200000"), ("max_resolution", "800")];

/// An option of [`Config`].
#[derive(Clone, Debug)]
pub struct RunOption {
    /// Its key in `config.toml`, such as `cap_max`.
    pub key: String,
    /// Its flag without dashes in front, such as `cap-max`.
    pub name: String,
    pub heading: String,
    pub help: String,
    /// The values to choose from; empty where text is typed.
    pub choices: Vec<String>,
    /// Its default as text; empty where the option is unset by default.
    pub default: String,
}

impl RunOption {
    /// Whether it is switched on and off.
    pub fn is_switch(&self) -> bool {
        self.choices == ["true", "false"]
    }

    /// Whether name or help contain a lower-case text.
    pub fn matches(&self, text: &str) -> bool {
        self.name.contains(text) || self.key.contains(text) || self.help.to_lowercase().contains(text)
    }
}

/// All options, in the order of `dapple train --help`.
pub fn all() -> &'static [RunOption] {
    static ALL: OnceLock<Vec<RunOption>> = OnceLock::new();
    ALL.get_or_init(|| {
        let defaults = texts(&Config::default());
        let option = |arg: &clap::Arg| {
            let key = arg.get_id().to_string();
            RunOption {
                name: arg.get_long().unwrap_or(&key).to_string(),
                heading: arg.get_help_heading().unwrap_or("Other").to_string(),
                help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
                choices: arg.get_possible_values().iter().map(|value| value.get_name().to_string()).collect(),
                default: defaults.get(&key).cloned().unwrap_or_default(),
                key,
            }
        };
        command().get_arguments().map(option).collect()
    })
}

fn command() -> Command {
    Flags::augment_args(Command::new("train").no_binary_name(true).disable_help_flag(true))
}

/// The options of a configuration as text, by key; those that are unset are left out.
fn texts(config: &Config) -> BTreeMap<String, String> {
    let table = toml::Table::try_from(config).unwrap_or_default();
    let text = |value: toml::Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    table.into_iter().map(|(key, value)| (key, text(value))).collect()
}

/// The values that were chosen for a new run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// By key. An empty text stands for the default.
    values: BTreeMap<String, String>,
    /// Errors of values, by key.
    errors: BTreeMap<String, String>,
}

impl Default for RunOptions {
    fn default() -> Self {
        let values = START.map(|(key, value)| (key.to_string(), value.to_string()));
        Self { values: values.into(), errors: BTreeMap::new() }
    }
}

impl RunOptions {
    /// The options of a run.
    pub fn of(config: &Config) -> Self {
        let defaults = texts(&Config::default());
        let mut values = texts(config);
        values.retain(|key, value| key != "capture" && defaults.get(key) != Some(value));
        Self { values, errors: BTreeMap::new() }
    }

    /// The text in an option's field.
    pub fn value<'a>(&'a self, option: &'a RunOption) -> &'a str {
        self.values.get(&option.key).unwrap_or(&option.default)
    }

    /// The error of an option's value.
    pub fn error(&self, option: &RunOption) -> Option<&str> {
        self.errors.get(&option.key).map(String::as_str)
    }

    /// Whether an option differs from its default.
    pub fn is_changed(&self, option: &RunOption) -> bool {
        let value = self.value(option).trim();
        !value.is_empty() && value != option.default
    }

    pub fn set(&mut self, key: &str, value: String) {
        let alone = Self { values: [(key.to_string(), value.clone())].into(), errors: BTreeMap::new() };
        match alone.apply(&mut Config::default()) {
            Ok(()) => self.errors.remove(key),
            Err(error) => self.errors.insert(key.to_string(), format!("{error:#}")),
        };
        self.values.insert(key.to_string(), value);
    }

    /// The configuration of a run of a capture.
    ///
    /// # Errors
    /// Names the first option whose value cannot be read.
    pub fn config(&self, capture: &Path) -> Result<Config> {
        let capture = std::path::absolute(capture).context("cannot resolve the capture's path")?;
        let mut config = Config { capture, ..Config::default() };
        self.apply(&mut config)?;
        // Absolute, so that the saved options hold wherever they are used from.
        if let FlowSource::Folder(path) = &mut config.flow {
            *path = std::path::absolute(&*path).context("cannot resolve the path of --flow")?;
        }
        if let Init::File(path) = &mut config.init {
            *path = std::path::absolute(&*path).context("cannot resolve the path of --init")?;
        }
        Ok(config)
    }

    fn apply(&self, config: &mut Config) -> Result<()> {
        let given = |option: &RunOption| {
            let value = self.values.get(&option.key)?.trim();
            (!value.is_empty()).then(|| format!("--{}={value}", option.name))
        };
        let flags = all().iter().filter_map(given);
        let matches = command().try_get_matches_from(flags).map_err(|error| {
            let text = error.to_string();
            anyhow!("{}", text.lines().next().unwrap_or_default().trim_start_matches("error: "))
        })?;
        Flags::from_arg_matches(&matches)?.apply(config);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::{Background, Switch};

    #[test]
    fn every_option_of_a_run_is_in_the_list() {
        let keys: Vec<&str> = all().iter().map(|option| option.key.as_str()).collect();
        for key in texts(&Config::default()).keys().filter(|key| *key != "capture") {
            assert!(keys.contains(&key.as_str()), "{key} is missing");
        }
        assert!(keys.len() > 60, "only {} options", keys.len());
        assert!(all().iter().all(|option| !option.help.is_empty() && option.heading != "Other"));
        assert!(all().iter().any(RunOption::is_switch) && all().iter().any(|option| option.choices.len() > 1));
    }

    #[test]
    fn values_become_a_configuration_and_come_back() {
        let mut options = RunOptions::default();
        for (key, value) in [
            ("seed", "7"),
            ("strict", "true"),
            ("background", "0.25,0.5,1"),
            ("static", "true"),
            ("lr_mean", "0.001"),
            ("flow_all", "off"),
            ("init_extent", "2.5"),
            ("sh_degree", ""),
            ("init", "points.ply"),
        ] {
            options.set(key, value.into());
        }
        let config = options.config(Path::new("capture")).expect("parses");
        assert!(config.capture.is_absolute() && config.strict && config.r#static);
        assert_eq!((config.step_count(), config.seed, config.max_resolution, config.degree()), (7000, 7, Some(800), 3));
        assert_eq!((config.lr_mean, config.flow_all, config.init_extent), (0.001, Switch::Off, Some(2.5)));
        assert_eq!(config.background, Background::Colour([0.25, 0.5, 1.0]));
        assert!(matches!(&config.init, Init::File(path) if path.is_absolute()));
        let again = RunOptions::of(&config).config(Path::new("capture")).expect("parses");
        assert_eq!(again, config, "nothing is lost on the way to text and back");
    }

    #[test]
    fn a_wrong_value_is_named() {
        let mut options = RunOptions::default();
        let steps = all().iter().find(|option| option.key == "steps").expect("is there");
        assert!(!options.is_changed(&RunOption { default: "7000".into(), ..steps.clone() }));
        options.set("steps", "many".into());
        assert!(options.error(steps).is_some_and(|error| error.contains("many") && error.contains("--steps")));
        assert!(options.config(Path::new("capture")).is_err());
        options.set("steps", "90".into());
        assert!(options.error(steps).is_none() && options.is_changed(steps));
    }
}
