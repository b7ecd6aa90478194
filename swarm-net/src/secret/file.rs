//! Owns how a key file is read. Never reads one that others than its owner can read, as far as the system tells.

use std::path::Path;

use zeroize::Zeroizing;

use super::secret::{Secret, SecretError};
use crate::private::{self, Unread};

/// A file with four secrets is far shorter. Nothing is gained by reading what was named by mistake.
const FILE_BYTES_MAX: usize = 16 << 10;

/// The secrets of a file, one a line.
pub(super) fn read(path: &Path) -> Result<Vec<Secret>, SecretError> {
    let failed = |problem: String| SecretError::File { file: path.to_owned(), problem };
    let bytes = read_closed(path, FILE_BYTES_MAX)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is not text".to_owned()))?;
    let secrets = Secret::from_lines(text);
    if secrets.is_empty() {
        return Err(failed("it is empty: write a secret into it, as `openssl rand -base64 32` makes it".to_owned()));
    }
    Ok(secrets)
}

/// A file with something secret in it, of at most so many bytes. Wiped from memory when it is dropped.
///
/// # Errors
/// [`SecretError`] if it cannot be read, is longer, or is open to others than its owner: on Unix its mode must be `0600` or stricter.
pub fn read_closed(path: &Path, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let failed = |problem: String| SecretError::File { file: path.to_owned(), problem };
    private::read(path, bytes_max).map_err(|unread| match unread {
        Unread::System(error) => failed(error.to_string()),
        Unread::Mode(mode) => SecretError::FileMode { file: path.to_owned(), mode },
        Unread::TooLong => failed(format!("it is longer than {bytes_max} bytes, so it is no key file")),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A file that is gone at the end of its test.
    struct Scrap(PathBuf);

    impl Scrap {
        fn new(name: &str, text: &[u8], mode: u32) -> Self {
            let path = std::env::temp_dir().join(format!("swarm-{}-{name}", std::process::id()));
            std::fs::write(&path, text).expect("the directory for temporary files is writable");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = std::fs::Permissions::from_mode(mode);
                std::fs::set_permissions(&path, mode).expect("it is ours");
            }
            Self(path)
        }
    }

    impl Drop for Scrap {
        fn drop(&mut self) {
            std::fs::remove_file(&self.0).expect("it is still there");
        }
    }

    #[test]
    fn a_closed_file_gives_its_lines() {
        let file = Scrap::new("good", b"\n  the first of the secrets \n\nthe second of the secrets\n", 0o600);
        let secrets = read(&file.0).expect("a good file");
        let lines: Vec<_> = secrets.iter().map(Secret::bytes).collect();
        assert_eq!(lines, [b"the first of the secrets".as_slice(), b"the second of the secrets"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_closes_it() {
        for mode in [0o640, 0o604, 0o644, 0o660, 0o601] {
            let file = Scrap::new(&format!("mode-{mode:o}"), b"the only one of the secrets", mode);
            let error = read(&file.0).expect_err("it is open");
            assert_eq!(error, SecretError::FileMode { file: file.0.clone(), mode });
            assert!(error.to_string().contains(&format!("chmod 600 {}", file.0.display())), "{error}");
            assert!(!error.to_string().contains("the only one"), "{error}");
        }
        for mode in [0o600, 0o400, 0o700] {
            let file = Scrap::new(&format!("mode-{mode:o}"), b"the only one of the secrets", mode);
            assert!(read(&file.0).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn files_that_are_none_are_refused_with_their_name() {
        let long = vec![b'x'; FILE_BYTES_MAX + 1];
        for (name, text, part) in [
            ("empty", b" \n\n".as_slice(), "openssl rand"),
            ("binary", b"\xff\xfe", "not text"),
            ("long", &long, "longer"),
        ] {
            let file = Scrap::new(name, text, 0o600);
            let error = read(&file.0).expect_err("it is no key file").to_string();
            assert!(error.contains(part) && error.contains(name), "{error}");
        }
        let absent = read(Path::new("/nonexistent/key")).expect_err("it is not there");
        assert!(absent.to_string().contains("/nonexistent/key"), "{absent}");
    }
}
