use std::path::{Path, PathBuf};

use rcgen::ExtendedKeyUsagePurpose;

use super::*;
use crate::tls::Tls;
use crate::tls::mint::{Mint, Paper};

const NAME: &str = "bank.swarm";

/// A directory with three files that is gone at the end of its test.
struct Drawer(PathBuf);

impl Drawer {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("swarm-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the directory for temporary files is writable");
        Self(path)
    }

    /// With these contents.
    fn with(name: &str, paper: &Paper, ca: &str) -> Self {
        let drawer = Self::new(name);
        drawer.put(paper, ca);
        drawer
    }

    fn put(&self, paper: &Paper, ca: &str) {
        self.write("node.pem", &paper.certificate);
        self.write("node.key", &paper.key);
        self.write("ca.pem", ca);
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("it is ours");
        self.mode(name, 0o600);
    }

    fn mode(&self, name: &str, mode: u32) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).expect("it is ours");
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn tls(&self) -> Result<Tls, TlsError> {
        Tls::from_files(self.path("node.pem"), self.path("node.key"), self.path("ca.pem"))
    }

    fn credentials(&self) -> Result<Credentials, TlsError> {
        self.tls()?.credentials("bank")
    }
}

impl Drop for Drawer {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("it is still there");
    }
}

fn flaw(error: &TlsError) -> Flaw {
    let TlsError::Flawed { flaw, .. } = error else { panic!("{error}") };
    *flaw
}

#[test]
fn three_files_make_credentials_of_which_nothing_shows_the_key() {
    let mint = Mint::new("ca");
    let paper = mint.paper(NAME, |_| {});
    let drawer = Drawer::with("good", &paper, &mint.pem());
    let (tls, credentials) = (drawer.tls().expect("good files"), drawer.credentials().expect("a good certificate"));
    assert_eq!(credentials.name(), NAME);
    let shown = format!("{tls:?} {credentials:?}");
    for line in paper.key.lines() {
        assert!(!shown.contains(line), "{shown}");
    }
    assert!(shown.contains("node.key") && shown.contains(NAME), "{shown}");
}

#[test]
fn files_that_are_none_are_refused_with_their_name() {
    let mint = Mint::new("ca");
    let paper = mint.paper(NAME, |_| {});
    for (file, text, part) in [
        ("node.pem", "", "no certificate in it"),
        ("node.pem", &*paper.key, "no certificate in it"),
        ("node.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "not PEM"),
        ("node.pem", &"x".repeat(300 << 10), "longer"),
        ("node.key", &*paper.certificate, "no private key in it"),
        ("node.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "neither a key of ECDSA"),
        ("node.key", &"x".repeat(300 << 10), "longer"),
        ("ca.pem", "# nothing\n", "no certificate in it"),
        ("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ""),
    ] {
        let drawer = Drawer::with("bad", &paper, &mint.pem());
        drawer.write(file, text);
        let error = drawer.tls().expect_err("it cannot be used").to_string();
        assert!(error.contains(part) && error.contains(file), "{error}");
        std::fs::remove_file(drawer.path(file)).expect("it is ours");
        assert!(drawer.tls().expect_err("it is not there").to_string().contains(file));
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_closes_it() {
    let mint = Mint::new("ca");
    let drawer = Drawer::with("open", &mint.paper(NAME, |_| {}), &mint.pem());
    for mode in [0o640, 0o604, 0o644, 0o660, 0o601] {
        drawer.mode("node.key", mode);
        let error = drawer.tls().expect_err("it is open");
        assert_eq!(error, TlsError::FileMode { file: drawer.path("node.key"), mode });
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    drawer.mode("node.key", 0o400);
    // What everybody is shown may be read by everybody.
    drawer.mode("node.pem", 0o644);
    drawer.mode("ca.pem", 0o644);
    assert!(drawer.credentials().is_ok());
}

#[test]
fn a_certificate_that_no_node_would_accept_is_refused_at_the_start() {
    let (mint, other) = (Mint::new("ca"), Mint::new("another"));
    let swapped = Paper { key: mint.paper(NAME, |_| {}).key, ..mint.paper(NAME, |_| {}) };
    let drawer = Drawer::with("swapped", &swapped, &mint.pem());
    let (certificate, key) = (drawer.path("node.pem"), drawer.path("node.key"));
    assert_eq!(drawer.tls().expect_err("it is another's key"), TlsError::Mismatch { certificate, key });

    let check = |flawed: Flaw, paper: &Paper| {
        let drawer = Drawer::with(&format!("{flawed:?}"), paper, &mint.pem());
        let error = drawer.credentials().expect_err("it is flawed");
        assert_eq!(flaw(&error), flawed);
        assert!(error.to_string().contains(NAME) && error.to_string().contains("node.pem"), "{error}");
    };
    check(Flaw::Issuer, &other.paper(NAME, |_| {}));
    check(Flaw::Name, &mint.paper("post.swarm", |_| {}));
    check(Flaw::Name, &mint.paper("", |params| params.subject_alt_names.clear()));
    check(Flaw::Expired, &mint.paper(NAME, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1)));
    check(Flaw::Early, &mint.paper(NAME, |params| params.not_before = rcgen::date_time_ymd(4000, 1, 1)));
    for purpose in [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth] {
        check(Flaw::Purpose, &mint.paper(NAME, |params| params.extended_key_usages = vec![purpose]));
    }
    let both = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let paper = mint.paper(NAME, |params| params.extended_key_usages = both);
    assert!(Drawer::with("both", &paper, &mint.pem()).credentials().is_ok());
}

#[test]
fn names_are_the_clusters_unless_another_is_said() {
    let mint = Mint::new("ca");
    let paper = mint.paper("nodes.example.org", |_| {});
    let drawer = Drawer::with("names", &paper, &mint.pem());
    let tls = drawer.tls().expect("good files");
    assert_eq!(flaw(&tls.clone().credentials("bank").expect_err("that is bank.swarm")), Flaw::Name);
    let named = tls.clone().name("nodes.example.org").credentials("bank").expect("that is its name");
    assert_eq!(named.name(), "nodes.example.org");
    let error = tls.credentials("the bank's").expect_err("that is no name");
    assert_eq!(error, TlsError::Name { name: "the bank's.swarm".to_owned() });
    assert!(error.to_string().contains("Tls::name"), "{error}");
}

#[test]
fn what_is_read_again_is_used_and_what_is_broken_changes_nothing() {
    let mint = Mint::new("ca");
    let drawer = Drawer::with("again", &mint.paper(NAME, |_| {}), &mint.pem());
    let credentials = drawer.credentials().expect("a good certificate");
    let first = credentials.current();
    credentials.reload().expect("the same again");
    let second = credentials.current();
    assert_eq!((first.generation, second.generation), (0, 1));

    drawer.write("node.pem", &mint.paper(NAME, |_| {}).certificate);
    assert!(matches!(credentials.reload(), Err(TlsError::Mismatch { .. })), "its key is not there yet");
    drawer.write("node.pem", "");
    assert!(matches!(credentials.reload(), Err(TlsError::File { .. })));
    drawer.put(&mint.paper(NAME, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1)), &mint.pem());
    assert_eq!(flaw(&credentials.reload().expect_err("it has expired")), Flaw::Expired);
    std::fs::remove_file(drawer.path("ca.pem")).expect("it is ours");
    assert!(matches!(credentials.reload(), Err(TlsError::File { what: "CA", .. })));
    assert!(Arc::ptr_eq(&credentials.current(), &second));

    let other = Mint::new("another");
    drawer.put(&other.paper(NAME, |_| {}), &format!("{}{}", mint.pem(), other.pem()));
    credentials.reload().expect("it is of one of the two CAs");
    assert_eq!(credentials.clone().current().generation, 2, "clones are one");
    assert!(Path::new(&drawer.path("node.key")).exists());
}
