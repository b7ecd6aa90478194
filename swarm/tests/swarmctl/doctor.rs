//! What the doctor finds without a network of its own. Each of its findings is provoked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use serde_json::Value;
use swarm::prelude::*;
use swarm::{Admin, Builder};
use tokio::sync::Semaphore;

use super::fixture::{Dir, PATIENCE, TallyClient, builder, pair};

/// How many messages wait for a [`Clerk`] at most.
const MAILBOX: usize = 40;

/// As many runs of [`Clerk::file`] end as there are permits.
static FILED: Semaphore = Semaphore::const_new(0);

/// Is given more than it works off.
struct Clerk;

#[swarm::worker(mailbox = 40)]
impl Clerk {
    #[init]
    fn init() -> Self {
        Self
    }

    #[cast]
    async fn file(&mut self) {
        FILED.acquire().await.expect("it is never closed").forget();
    }
}

/// Does not let go.
struct Clinger;

#[swarm::worker]
impl Clinger {
    #[init]
    fn init() -> Self {
        Self
    }

    #[begin_handoff]
    async fn begin_handoff(&mut self) -> Handoff {
        std::future::pending().await
    }
}

/// A worker type as one half of the nodes know it.
mod before {
    /// One number.
    pub(super) struct Twin;

    #[swarm::worker(name = "doctor.twin", register = manual)]
    impl Twin {
        #[init]
        fn init(start: u64) -> Self {
            let _ = start;
            Self
        }
    }

    /// Tells a number.
    pub(super) struct Form;

    #[swarm::worker(name = "doctor.form", register = manual)]
    impl Form {
        #[init]
        fn init() -> Self {
            Self
        }

        #[call]
        fn size(&self) -> u64 {
            0
        }
    }
}

/// The same as the other half knows it.
mod after {
    /// A text.
    pub(super) struct Twin;

    #[swarm::worker(name = "doctor.twin", register = manual)]
    impl Twin {
        #[init]
        fn init(start: String) -> Self {
            let _ = start;
            Self
        }
    }

    /// Tells a text.
    pub(super) struct Form;

    #[swarm::worker(name = "doctor.form", register = manual)]
    impl Form {
        #[init]
        fn init() -> Self {
            Self
        }

        #[call]
        fn size(&self) -> String {
            String::new()
        }
    }
}

/// What it finds, looking again and again until there is one of this code.
pub(super) async fn until_found(dir: &Dir, words: &[&str], code: &str, patience: std::time::Duration) -> Value {
    let end = Instant::now() + patience;
    loop {
        let ran = dir.run(&[&["doctor", "--json"], words].concat()).await;
        let all: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        let found = all["findings"].as_array().cloned().unwrap_or_default();
        assert_eq!(ran.status, if found.is_empty() { 0 } else { 5 }, "{ran:?}");
        if let Some(finding) = found.iter().find(|finding| finding["code"] == code) {
            assert!(
                ["seen", "means", "advice"]
                    .iter()
                    .all(|part| finding[part].as_str().is_some_and(|text| !text.is_empty()))
            );
            return finding.clone();
        }
        assert!(Instant::now() < end, "not found in time: {code}; {ran:?}");
    }
}

async fn found(dir: &Dir, code: &str) -> Value {
    until_found(dir, &[], code, PATIENCE).await
}

fn seen(finding: &Value) -> &str {
    finding["seen"].as_str().expect("a text")
}

/// One that tries to join, and may not: it is let go when the test ends.
fn outsider(builder: Builder) -> tokio::task::JoinHandle<Result<Swarm, swarm::StartError>> {
    tokio::spawn(builder.start())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_found_where_nothing_is_wrong() {
    let dir = Dir::new();
    let nodes = pair("doctor-well", &dir).await;
    TallyClient::register("tally", ()).on(&nodes[0]).await.expect("the name is free");
    let text = dir.run(&["doctor"]).await.done();
    assert_eq!(text, "nothing is wrong with the 2 nodes, as far as can be seen\n");
    assert_eq!(dir.run(&["doctor", "--json"]).await.json()[0], serde_json::json!({ "findings": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_secret_or_another_one_is_found() {
    let dir = Dir::new();
    let one =
        builder("doctor-secret", &[]).secret("the secret of a cluster").admin(Admin::unix(dir.socket("one.sock")));
    let one = one.start().await.expect("a node starts");
    let without = outsider(builder("doctor-secret", &[&one]));
    let finding = found(&dir, "secret").await;
    assert_eq!(finding["subject"], one.node().to_string());
    assert!(seen(&finding).contains("the other one has neither"), "{finding}");
    without.abort();
    let other = outsider(builder("doctor-secret", &[&one]).secret("another secret of a cluster"));
    let end = Instant::now() + PATIENCE;
    loop {
        let text = dir.run(&["doctor"]).await.out;
        if text.contains("the other node has another secret, or another cluster's name") {
            assert!(text.contains("  do     give all nodes the same `.secret_file(..)`"), "{text}");
            break;
        }
        assert!(Instant::now() < end, "not found in time: {text}");
    }
    other.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_other_partitions_is_found() {
    let dir = Dir::new();
    let one = builder("doctor-misfit", &[]).admin(Admin::unix(dir.socket("one.sock"))).start().await;
    let one = one.expect("a node starts");
    let mut config = Config::local();
    config.net.partitions = 64;
    let other = outsider(builder("doctor-misfit", &[&one]).config(config));
    let finding = found(&dir, "misfit").await;
    assert_eq!(finding["subject"], one.node().to_string());
    // Whichever of the two has called the other: who is called says it.
    let told = ["which has 64 partitions", "which has refused us (Partitions)"];
    assert!(told.iter().any(|text| seen(&finding).contains(text)), "{finding}");
    other.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_several_versions_are_found() {
    let dir = Dir::new();
    let admin = Admin::unix(dir.socket("one.sock"));
    let one = builder("doctor-kinds", &[]).worker::<before::Twin>().worker::<before::Form>().admin(admin);
    let one = one.start().await.expect("a node starts");
    let other = builder("doctor-kinds", &[&one]).worker::<after::Twin>().worker::<after::Form>().start().await;
    let other = other.expect("a node starts");
    let finding = found(&dir, "kinds").await;
    assert_eq!(finding["subject"], "doctor.twin");
    assert!(seen(&finding).starts_with("nodes have its init arguments in the versions "), "{finding}");
    assert!(seen(&finding).contains(&format!(" on {}", other.node())), "{finding}");
    let finding = found(&dir, "messages").await;
    assert_eq!(finding["subject"], "doctor.form");
    assert!(seen(&finding).starts_with("nodes have its message `doctor.form/size` in the versions "), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_another_version_of_the_protocol_is_found() {
    use tokio::io::AsyncWriteExt as _;

    let dir = Dir::new();
    let admin = Admin::unix(dir.socket("one.sock"));
    let one = builder("doctor-protocol", &[]).secret("the secret of a cluster").admin(admin);
    let one = one.start().await.expect("a node starts");
    let mut stranger = tokio::net::TcpStream::connect(one.local_addr()).await.expect("it listens");
    // The first words of a node with a secret: which protocol, which version of it, and how much follows.
    let hail = [b"locked\xa7\x01".as_slice(), &200_u16.to_le_bytes(), &200_u16.to_le_bytes(), &[0; 200]].concat();
    stranger.write_all(&hail).await.expect("it listens");
    let finding = found(&dir, "misfit").await;
    assert_eq!(finding["subject"], one.node().to_string());
    assert!(finding["means"].as_str().is_some_and(|text| text.contains("another version of Swarm")), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_of_too_few_partitions_is_found() {
    let dir = Dir::new();
    let mut config = Config::local();
    // With four for three nodes one of them has half of the ring, at least.
    config.net.partitions = 4;
    let builder = |seeds: &[&Swarm]| builder("doctor-ring", seeds).config(config.clone());
    let one = builder(&[]).admin(Admin::unix(dir.socket("one.sock"))).start().await.expect("a node starts");
    let _two = builder(&[&one]).start().await.expect("a node starts");
    let _three = builder(&[&one]).start().await.expect("a node starts");
    let finding = found(&dir, "unbalanced-ring").await;
    assert!(seen(&finding).contains("of 4 partitions"), "{finding}");
    assert!(finding["advice"].as_str().is_some_and(|text| text.contains("more partitions")), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hot_worker_and_mailboxes_that_fill_are_found() {
    let dir = Dir::new();
    let nodes = pair("doctor-load", &dir).await;
    ClerkClient::register("clerk", ()).on(&nodes[0]).await.expect("the name is free");
    let clerk = ClerkClient::at("clerk").on(&nodes[0]);
    // One of them is in hand.
    (0..21).for_each(|_| clerk.file().expect("there is room"));
    let finding = found(&dir, "hot-worker").await;
    assert_eq!(finding["subject"], "clerk");
    assert!(seen(&finding).starts_with("20 messages wait for it on ") && seen(&finding).contains("of 40"), "{finding}");
    (21..=MAILBOX).for_each(|_| clerk.file().expect("there is room"));
    let finding = found(&dir, "mailbox-full").await;
    assert!(seen(&finding).starts_with("40 messages wait for it"), "{finding}");

    let stop = Arc::new(AtomicBool::new(false));
    let (flooding, stopped) = (nodes[0].clone(), stop.clone());
    let flood = tokio::spawn(async move {
        let clerk = ClerkClient::at("clerk").on(&flooding);
        while !stopped.load(Ordering::Relaxed) {
            // It is refused here, or where the worker is.
            let _ = clerk.file();
            tokio::task::yield_now().await;
        }
    });
    let finding = found(&dir, "mailboxes-fill").await;
    assert!(seen(&finding).contains("messages came to workers with full mailboxes"), "{finding}");
    stop.store(true, Ordering::Relaxed);
    flood.await.expect("it does not panic");
    FILED.add_permits(Semaphore::MAX_PERMITS / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_does_not_end_is_found() {
    let dir = Dir::new();
    let nodes = pair("doctor-stuck", &dir).await;
    let at = ClingerClient::whereis_or_register("clinger", ()).on(&nodes[0]).await.expect("the name is free");
    let away = nodes.iter().find(|node| node.node() != at.node).expect("there are two").node().to_string();
    dir.run(&["move", "clinger", &away]).await.done();
    // The first attempt is given up after five seconds, and the second takes too long.
    let finding = until_found(&dir, &[], "stuck-handoff", 3 * PATIENCE).await;
    assert_eq!(finding["subject"], "clinger");
    assert!(seen(&finding).contains(&away), "{finding}");
}

/// A node whose runtime does nothing any more is a member still, since its network has threads of its own.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_found() {
    let dir = Dir::new();
    let one = builder("doctor-silent", &[]).admin(Admin::unix(dir.socket("one.sock"))).start().await;
    let one = one.expect("a node starts");
    let ((started, other), (go_on, held)) = (mpsc::channel(), mpsc::channel::<()>());
    let builder = builder("doctor-silent", &[&one]);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let other = runtime.block_on(builder.start()).expect("a node starts");
        started.send(other.node().to_string()).expect("the test waits for it");
        // Until the test drops its end.
        let _ = held.recv();
        drop(other);
    });
    let other = tokio::task::spawn_blocking(move || other.recv().expect("it starts")).await.expect("it does not panic");
    let finding = found(&dir, "silent-node").await;
    assert_eq!(finding["subject"], other);
    drop(go_on);
    thread.join().expect("it does not panic");
}
