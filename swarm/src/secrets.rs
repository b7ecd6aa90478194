//! Owns how a node, or a program that connects to one, comes by the cluster's secrets. Never shows one.

use std::ffi::OsString;
use std::path::PathBuf;

use swarm_net::secret::{Keyring, Secret, SecretError};
use zeroize::Zeroizing;

/// The variable with the cluster's secret, and that with the path of a file that holds it. They stand in no configuration, since that can
/// be printed.
pub(crate) const SECRET: &str = "SWARM_SECRET";
pub(crate) const SECRET_FILE: &str = "SWARM_SECRET_FILE";

/// What a builder was told of secrets, or of tokens.
#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) secrets: Vec<Secret>,
    pub(crate) file: Option<PathBuf>,
}

/// Where secrets may be told: by which methods, and else by which variables of the environment; each time themselves, or their file.
pub(crate) struct Places {
    pub(crate) methods: [&'static str; 2],
    pub(crate) variables: [&'static str; 2],
}

/// Where the cluster's secret is told, to nodes and to all who connect to one.
const CLUSTER: Places = Places { methods: ["`.secret(..)`", "`.secret_file(..)`"], variables: [SECRET, SECRET_FILE] };

impl Told {
    /// The keys of the cluster: those that the code names, or else those of the environment, if any.
    pub(crate) fn keys(self) -> Result<Option<Keyring>, SecretError> {
        self.keyring(&CLUSTER, |name| std::env::var_os(name))
    }

    /// The same of what is told at these places.
    pub(crate) fn keyring(
        self,
        places: &Places,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Keyring>, SecretError> {
        let both = |[first, second]: [&'static str; 2]| SecretError::Both { first, second };
        let [text, file] = places.variables;
        let secrets = match (self.secrets, self.file) {
            (secrets, None) if !secrets.is_empty() => secrets,
            (secrets, Some(file)) if secrets.is_empty() => Secret::from_file(file)?,
            (_, Some(_)) => return Err(both(places.methods)),
            (_, None) => match (variable(text), variable(file)) {
                (None, None) => return Ok(None),
                (Some(text), None) => lines(text)?,
                (None, Some(file)) => Secret::from_file(PathBuf::from(file))?,
                (Some(_), Some(_)) => return Err(both(places.variables)),
            },
        };
        Keyring::new(secrets).map(Some)
    }
}

/// The secrets of a variable. One that is set and empty is a mistake: nothing would be protected, and nobody would know.
fn lines(text: OsString) -> Result<Vec<Secret>, SecretError> {
    let text = Zeroizing::new(text.into_encoded_bytes());
    let secrets = Secret::from_lines(&String::from_utf8_lossy(&text));
    if secrets.is_empty() { Err(SecretError::TooShort { bytes: 0 }) } else { Ok(secrets) }
}

#[cfg(test)]
mod tests {
    use swarm_net::secret::KeyId;

    use super::*;

    const ONE: &str = "the first of two secrets";
    const TWO: &str = "the other of two secrets";

    fn ids(secrets: &[&str]) -> Vec<KeyId> {
        Keyring::new(secrets.iter().map(|secret| Secret::from(*secret))).expect("good secrets").ids()
    }

    fn told(secrets: &[&str], variables: &[(&str, &str)]) -> Result<Option<Vec<KeyId>>, SecretError> {
        let secrets = secrets.iter().map(|secret| Secret::from(*secret)).collect();
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| text.into());
        Ok(Told { secrets, file: None }.keyring(&CLUSTER, variable)?.map(|keys| keys.ids()))
    }

    #[test]
    fn code_goes_before_the_environment_and_the_first_encrypts() {
        assert_eq!(told(&[], &[]), Ok(None));
        assert_eq!(told(&[ONE, TWO], &[(SECRET, "anything")]), Ok(Some(ids(&[ONE, TWO]))));
        assert_eq!(told(&[], &[(SECRET, ONE)]), Ok(Some(ids(&[ONE]))));
        assert_eq!(told(&[], &[(SECRET, &format!(" {TWO}\n\n{ONE}\n"))]), Ok(Some(ids(&[TWO, ONE]))));
    }

    #[test]
    fn what_cannot_be_meant_is_an_error_and_never_no_secret() {
        assert_eq!(told(&[], &[(SECRET, "")]), Err(SecretError::TooShort { bytes: 0 }));
        assert_eq!(told(&[], &[(SECRET, "short")]), Err(SecretError::TooShort { bytes: 5 }));
        assert_eq!(told(&[""], &[]), Err(SecretError::TooShort { bytes: 0 }));
        let both = told(&[], &[(SECRET, ONE), (SECRET_FILE, "/etc/key")]).expect_err("which one?");
        assert!(both.to_string().contains("SWARM_SECRET and SWARM_SECRET_FILE"), "{both}");
        let absent = told(&[], &[(SECRET_FILE, "/nonexistent/key")]).expect_err("no such file");
        assert!(absent.to_string().contains("/nonexistent/key"), "{absent}");
        let twice = Told { secrets: vec![ONE.into()], file: Some("/etc/key".into()) };
        assert!(matches!(twice.keyring(&CLUSTER, |_| None), Err(SecretError::Both { .. })));
    }
}
