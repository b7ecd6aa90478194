//! Owns how a node, or a program that connects to one, comes by the cluster's secrets. Never shows one.

use std::ffi::OsString;
use std::path::PathBuf;

use swarm_net::secret::{Keyring, Secret, SecretError};
use zeroize::Zeroizing;

/// The variable with the cluster's secret, and that with the path of a file that holds it. They stand in no configuration, since that can
/// be printed.
pub(crate) const SECRET: &str = "SWARM_SECRET";
pub(crate) const SECRET_FILE: &str = "SWARM_SECRET_FILE";

/// What a builder was told of secrets.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) secrets: Vec<Secret>,
    pub(crate) file: Option<PathBuf>,
}

impl Told {
    /// The keys: those that the code names, or else those of the environment, if any.
    pub(crate) fn keys(self, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Keyring>, SecretError> {
        let secrets = match (self.secrets, self.file) {
            (secrets, None) if !secrets.is_empty() => secrets,
            (secrets, Some(file)) if secrets.is_empty() => Secret::from_file(file)?,
            (_, Some(_)) => return Err(SecretError::Both { first: "`.secret(..)`", second: "`.secret_file(..)`" }),
            (_, None) => match (variable(SECRET), variable(SECRET_FILE)) {
                (None, None) => return Ok(None),
                (Some(text), None) => lines(text)?,
                (None, Some(file)) => Secret::from_file(PathBuf::from(file))?,
                (Some(_), Some(_)) => return Err(SecretError::Both { first: SECRET, second: SECRET_FILE }),
            },
        };
        Keyring::new(secrets).map(Some)
    }
}

/// The secrets of a variable. One that is set and empty is a mistake: the node would not be protected, and nobody would know.
pub(crate) fn lines(text: OsString) -> Result<Vec<Secret>, SecretError> {
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
        Ok(Told { secrets, file: None }.keys(variable)?.map(|keys| keys.ids()))
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
        assert!(matches!(twice.keys(|_| None), Err(SecretError::Both { .. })));
    }
}
