//! Owns how settings come from outside the program: from the environment, and from TOML. Never guesses: what it does not
//! know is an error.

use std::collections::BTreeMap;

use swarm_net::setting::Settings;

use super::Config;
use crate::secrets::{SECRET, SECRET_FILE};

/// What the names of all variables begin with.
const PREFIX: &str = "SWARM_";
pub(crate) const GATEWAY: &str = "SWARM_GATEWAY";
pub(crate) const METRICS: &str = "SWARM_METRICS";
/// The variables with the paths of a node's certificate, its private key and the CA, and that with the name that certificates bear. Without
/// the feature they are mistakes: a node must not seem to heed them.
#[cfg(feature = "tls")]
pub(crate) const TLS: [&str; 4] = [TLS_CERT, TLS_KEY, TLS_CA, TLS_NAME];
#[cfg(not(feature = "tls"))]
const TLS: [&str; 0] = [];
#[cfg(feature = "tls")]
pub(crate) const TLS_CERT: &str = "SWARM_TLS_CERT";
#[cfg(feature = "tls")]
pub(crate) const TLS_KEY: &str = "SWARM_TLS_KEY";
#[cfg(feature = "tls")]
pub(crate) const TLS_CA: &str = "SWARM_TLS_CA";
#[cfg(feature = "tls")]
pub(crate) const TLS_NAME: &str = "SWARM_TLS_NAME";
pub(crate) const DASHBOARD: &str = "SWARM_DASHBOARD";
pub(crate) const DASHBOARD_TOKEN: &str = "SWARM_DASHBOARD_TOKEN";
pub(crate) const DASHBOARD_TOKEN_FILE: &str = "SWARM_DASHBOARD_TOKEN_FILE";
pub(crate) const DASHBOARD_CERT: &str = "SWARM_DASHBOARD_CERT";
pub(crate) const DASHBOARD_KEY: &str = "SWARM_DASHBOARD_KEY";
pub(crate) const HTTP: &str = "SWARM_HTTP";
pub(crate) const HTTP_TOKEN: &str = "SWARM_HTTP_TOKEN";
pub(crate) const HTTP_TOKEN_FILE: &str = "SWARM_HTTP_TOKEN_FILE";
pub(crate) const HTTP_CERT: &str = "SWARM_HTTP_CERT";
pub(crate) const HTTP_KEY: &str = "SWARM_HTTP_KEY";

/// What stands in no configuration.
const ELSEWHERE: [&str; 14] = [
    SECRET,
    SECRET_FILE,
    GATEWAY,
    METRICS,
    DASHBOARD,
    DASHBOARD_TOKEN,
    DASHBOARD_TOKEN_FILE,
    DASHBOARD_CERT,
    DASHBOARD_KEY,
    HTTP,
    HTTP_TOKEN,
    HTTP_TOKEN_FILE,
    HTTP_CERT,
    HTTP_KEY,
];

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such setting.
    #[error("there is no setting `{name}`; did you mean `{like}`? (Every field of swarm::Config is one)")]
    Unknown {
        /// What was named.
        name: String,
        /// The setting whose name is most like it.
        like: String,
    },
    /// A setting has a value that is none.
    #[error("the setting `{name}` is `{text}`, which {problem}")]
    Value {
        /// The setting.
        name: String,
        /// What it was set to.
        text: String,
        /// What is wrong with that.
        problem: String,
    },
    /// A setting is out of its range.
    #[error("the setting `{setting}` {problem}")]
    Range {
        /// The setting.
        setting: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file could not be read, or is not what it should be.
    #[error("the configuration {file} cannot be used: {problem}")]
    File {
        /// Which file.
        file: String,
        /// What is wrong with it, and where.
        problem: String,
    },
}

impl Config {
    /// The default, with what the environment says. See [`Config::with_env`].
    ///
    /// # Errors
    /// As [`Config::with_env`].
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::default().with_env()
    }

    /// This, with what the variables `SWARM_*` of the environment say: each field is one, as `SWARM_CALL_TIMEOUT_MS` and
    /// `SWARM_NET_FRAME_BYTES_MAX`. (`SWARM_SECRET` and `SWARM_SECRET_FILE` are for [`Builder::secret`](crate::Builder::secret), `SWARM_GATEWAY` for
    /// `Builder::gateway`, `SWARM_METRICS` for `Builder::metrics`, `SWARM_TLS_CERT` and its kin for `Builder::tls`, `SWARM_HTTP` and what begins so for `Builder::http`,
    /// `SWARM_DASHBOARD` and what begins so for `Builder::dashboard`, and no part of this.)
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] if a variable begins with `SWARM_` and is no field, [`ConfigError::Value`] if its value is
    /// no number.
    pub fn with_env(self) -> Result<Self, ConfigError> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        self.with_variables(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// This, with what these variables say: [`Config::with_env`] for variables from elsewhere. Those whose names do not
    /// begin with `SWARM_` mean nothing.
    ///
    /// ```
    /// let config = swarm::Config::wan().with_variables([("SWARM_REPLICAS", "5"), ("PATH", "/bin")])?;
    /// assert_eq!((config.replicas, config.claim_wait_ms), (5, swarm::Config::wan().claim_wait_ms));
    ///
    /// let mistyped = swarm::Config::default().with_variables([("SWARM_REPLICA", "5")]);
    /// assert!(mistyped.unwrap_err().to_string().contains("did you mean `SWARM_REPLICAS`"));
    /// # Ok::<(), swarm::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Config::with_env`].
    pub fn with_variables<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Result<Self, ConfigError>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let ours = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut ours: BTreeMap<String, String> = ours.filter(|(name, _)| name.starts_with(PREFIX)).collect();
        let (mut known, mut wrong) = (Vec::new(), None);
        self.each("", &mut |path, setting| {
            let name = format!("{PREFIX}{}", path.replace('.', "_").to_uppercase());
            if let Some(text) = ours.remove(&name)
                && let Err(problem) = setting.set(&text)
            {
                wrong.get_or_insert(ConfigError::Value { name: name.clone(), text, problem });
            }
            known.push(name);
        });
        for other in ELSEWHERE.iter().chain(&TLS) {
            ours.remove(*other);
        }
        if let Some((name, _)) = ours.pop_first() {
            let like = known.into_iter().min_by_key(|known| distance(known, &name)).unwrap_or_default();
            return Err(ConfigError::Unknown { name, like });
        }
        wrong.map_or(Ok(self), Err)
    }

    /// Reads TOML: the fields by their names, `[net]` and `[net.membership]` as tables. What it does not name has its
    /// default.
    ///
    /// ```
    /// let config = swarm::Config::from_toml("replicas = 5\n[net]\nping_after_ms = 5_000\n")?;
    /// assert_eq!((config.replicas, config.net.ping_after_ms), (5, 5_000));
    /// assert!(swarm::Config::from_toml("replica = 5").unwrap_err().to_string().contains("unknown field `replica`"));
    /// # Ok::<(), swarm::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::File`] with the line if it is not TOML, or names something that is no setting.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::File { file: "text".to_owned(), problem: error.to_string() })
    }

    /// Reads a TOML file; see [`Config::from_toml`]. The environment comes after it:
    /// `Config::from_file("swarm.toml")?.with_env()?`.
    ///
    /// # Errors
    /// [`ConfigError::File`] if it cannot be read, and as [`Config::from_toml`].
    #[cfg(feature = "toml")]
    pub fn from_file(path: impl AsRef<std::path::Path>) -> Result<Self, ConfigError> {
        let failed = |problem: String| ConfigError::File { file: path.as_ref().display().to_string(), problem };
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        toml::from_str(&text).map_err(|error| failed(error.to_string()))
    }
}

/// How many letters have to be changed to make the one of the other (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field is reached by its name, and nothing else is: the other way round of what serde sees.
    #[test]
    fn every_field_can_be_set() {
        let mut paths = Vec::new();
        Config::default().each("", &mut |path, setting| paths.push((path.to_owned(), setting.get())));
        assert!(paths.len() > 50, "{paths:?}");
        for (path, value) in paths {
            let name = format!("{PREFIX}{}", path.replace('.', "_").to_uppercase());
            let other: u64 = if value == "7" { 8 } else { 7 };
            let config =
                Config::default().with_variables([(name.clone(), other.to_string())]).expect("it is a setting");
            let mut changed = Vec::new();
            config.clone().each("", &mut |path, setting| changed.push((path.to_owned(), setting.get())));
            assert!(changed.contains(&(path.clone(), other.to_string())), "{name}");
            assert_ne!(config, Config::default(), "{name}");
        }
    }

    #[test]
    fn what_is_no_setting_is_named_with_what_is_like_it() {
        let check = |name: &str, value: &str, expected: &str| {
            let error = Config::default().with_variables([(name, value)]).expect_err("it is wrong");
            assert!(error.to_string().contains(expected), "{error}");
        };
        check("SWARM_CALL_TIMEOUT", "5", "`SWARM_CALL_TIMEOUT_MS`");
        check("SWARM_NET_MEMBERSHIP_PROBE_MS", "5", "`SWARM_NET_MEMBERSHIP_PROBE_RTT_MS`");
        check("SWARM_WEIGHT", "heavy", "`heavy`, which is not a whole number from 0 to 65535");
        check("SWARM_REPLICAS", "256", "from 0 to 255");
        check("SWARM_REPLICAS", "-1", "from 0 to 255");
        check("SWARM_", "1", "no setting `SWARM_`");
    }

    #[test]
    fn what_the_builder_reads_itself_is_no_setting_and_no_mistake() {
        let elsewhere = ELSEWHERE.into_iter().chain(TLS).map(|name| (name, "anything"));
        assert_eq!(Config::default().with_variables(elsewhere), Ok(Config::default()));
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [("", "", 0), ("", "ab", 2), ("abc", "axc", 1), ("kitten", "sitting", 3)] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[cfg(feature = "toml")]
    #[test]
    fn toml_reaches_every_field_by_the_same_names() {
        let mut config = Config::default();
        let mut n = 0;
        config.each("", &mut |_, setting| {
            n += 1;
            setting.set(&n.to_string()).expect("a small number");
        });
        let text = toml::to_string(&config).expect("it is a table");
        assert_eq!(Config::from_toml(&text), Ok(config));
        let wrong = Config::from_toml("[net.membership]\nprobe = 1").expect_err("no such field");
        assert!(matches!(&wrong, ConfigError::File { problem, .. } if problem.contains("probe_period_ms")), "{wrong}");
        let absent = Config::from_file("/nonexistent/swarm.toml").expect_err("no such file");
        assert!(absent.to_string().contains("/nonexistent/swarm.toml"), "{absent}");
    }
}
