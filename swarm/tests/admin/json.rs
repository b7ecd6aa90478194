//! Messages that operators send as JSON: wherever the worker is, and whoever knows its type.

use std::future::pending;
use std::time::Duration;

use swarm::Admin;
use swarm::admin::{Client, ClientError, Code, Endpoint, Ran};
use swarm::message::JSON_BYTES_MAX;
use swarm::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::fixture::{Dir, PATIENCE, TallyClient, builder, client, tallies, until};

/// There was not enough.
#[swarm::message(json)]
struct Overdrawn {
    by: u64,
}

/// A change that is remembered.
#[swarm::message(json)]
enum Note {
    /// In words.
    Text(String),
    /// A date.
    Date {
        year: u32,
        month: u8,
    },
    Nothing,
}

struct Purse {
    cents: u64,
    notes: u64,
}

#[swarm::worker(json, register = manual, name = "bank.purse")]
impl Purse {
    /// With something in it.
    #[init]
    fn init(opening: u64) -> Self {
        Self { cents: opening, notes: 0 }
    }

    /// Takes money out.
    #[call]
    fn take(&mut self, cents: u64) -> Result<u64, Overdrawn> {
        let left = self.cents.checked_sub(cents).ok_or_else(|| Overdrawn { by: cents - self.cents })?;
        self.cents = left;
        Ok(left)
    }

    #[cast(Note)]
    fn note(&mut self, note: Note) {
        let (Note::Text(_) | Note::Date { .. } | Note::Nothing) = note;
        self.notes += 1;
    }

    #[call]
    fn notes(&self) -> u64 {
        self.notes
    }

    #[call]
    fn tear(&mut self) {
        panic!("as it was told to");
    }

    #[call]
    async fn lose(&mut self) {
        pending::<()>().await;
    }

    #[call]
    fn count(&self, coins: u32) -> Vec<u8> {
        vec![255; coins as usize]
    }
}

/// A node that serves operators and does not know the type, and one that does.
async fn bank(cluster: &str, dir: &Dir) -> [Swarm; 2] {
    let one = builder(cluster, &[]).admin(Admin::unix(dir.join("one"))).start().await.expect("a node starts");
    let other = builder(cluster, &[&one])
        .worker::<Purse>()
        .admin(Admin::unix(dir.join("other")))
        .start()
        .await
        .expect("a node starts");
    let nodes = [one, other];
    until("both know both", &nodes[0], async || nodes.iter().all(|node| node.nodes().len() == 2)).await;
    nodes
}

/// Why it was refused, what was said, and whether the handler ran.
fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (Code, String, Ran) {
    let error = result.expect_err("it is refused");
    let executed = error.executed();
    let ClientError::Refused(refusal) = error else { panic!("it is no refusal: {error:?}") };
    (refusal.code, refusal.text, executed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_sends_on_what_it_does_not_know_itself() {
    let dir = Dir::new();
    let nodes = bank("json-on", &dir).await;
    PurseClient::register("purse", 500).on(&nodes[0]).await.expect("the other node starts it");
    for operator in [client(&nodes[0]).await, client(&nodes[1]).await] {
        let left = operator.call("purse", "take", r#"{"cents": 100}"#).await.expect("there is enough");
        let of_the_wire = operator.call("purse", "bank.purse/take", r#"{"cents": 100}"#).await.expect("as well");
        assert!(
            [["{\"Ok\":400}", "{\"Ok\":300}"], ["{\"Ok\":200}", "{\"Ok\":100}"]]
                .contains(&[left.as_str(), of_the_wire.as_str()])
        );
    }
    let operator = client(&nodes[0]).await;
    let reply = operator.call("purse", "take", r#"{"cents": 107}"#).await.expect("an answer as any other");
    assert_eq!(reply, r#"{"Err":{"by":7}}"#);
    for note in [r#"{"Text": "a \"note\""}"#, r#"{"Date": {"year": 2026, "month": 2}}"#, r#""Nothing""#] {
        operator.cast("purse", "note", note).await.expect("it is sent");
    }
    assert_eq!(operator.call("purse", "notes", "{}").await.expect("it comes behind them"), "3");
    assert_eq!(operator.call("purse", "notes", "null").await.expect("it has no fields"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_nothing_runs() {
    let dir = Dir::new();
    let nodes = bank("json-wrong", &dir).await;
    PurseClient::register("purse", 500).on(&nodes[0]).await.expect("the other node starts it");
    tallies(&nodes[0], 1).await;
    let operator = client(&nodes[0]).await;
    let call = async |name: &str, message: &str, json: &str| refused(operator.call(name, message, json).await);
    let no = |code, text: &str| (code, text.to_owned(), Ran::No);
    assert_eq!(call("nobody", "take", "{}").await, no(Code::NotFound, "no worker is registered as `nobody`"));
    assert_eq!(
        call("purse", "steal", "{}").await,
        no(
            Code::NotFound,
            "the worker type `bank.purse` has no message `steal`: it has take, note, notes, tear, lose, count"
        )
    );
    assert_eq!(
        call("purse", "note", r#""Nothing""#).await,
        no(Code::NotFound, "`note` of `bank.purse` is cast, and cannot be called")
    );
    assert_eq!(
        refused(operator.cast("purse", "take", r#"{"cents": 1}"#).await),
        no(Code::NotFound, "`take` of `bank.purse` is called, and cannot be cast")
    );
    let malformed = [
        ("take", "{}", "this is no `bank.purse/take`: missing field `cents` at line 1 column 2"),
        (
            "take",
            r#"{"cents": "1"}"#,
            "this is no `bank.purse/take`: `cents`: invalid type: string \"1\", expected u64 at line 1 column 13",
        ),
        (
            "take",
            "[[[",
            "this is no `bank.purse/take`: invalid type: sequence, expected struct Take at line 1 column 1",
        ),
        ("take", "", "this is no `bank.purse/take`: EOF while parsing a value at line 1 column 0"),
    ];
    for (message, json, text) in malformed {
        assert_eq!(call("purse", message, json).await, no(Code::Malformed, text));
    }
    let deep = "[".repeat(JSON_BYTES_MAX);
    let (code, text, ran) = call("purse", "take", &deep).await;
    assert_eq!((code, ran), (Code::Malformed, Ran::No));
    assert!(text.ends_with("it is nested deeper than the 64 that are read"), "{text}");
    let (code, text, ran) = call("purse", "take", &(deep + "[")).await;
    assert_eq!((code, ran), (Code::Malformed, Ran::No));
    assert!(text.starts_with("the JSON has 1048577 bytes, more than the 1048576"), "{text}");
    assert_eq!(
        call("tally/00", "hit", "{}").await,
        no(Code::Unsupported, "workers of the type `Tally` take no JSON: mark it `#[swarm::worker(json)]`")
    );
    assert_eq!(TallyClient::at("tally/00").on(&nodes[0]).hit().await, Ok(1), "nothing ran before");
    assert_eq!(PurseClient::at("purse").on(&nodes[0]).notes().await, Ok(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_and_failed_is_told_apart() {
    let dir = Dir::new();
    let nodes = bank("json-ran", &dir).await;
    PurseClient::register("purse", 500).on(&nodes[0]).await.expect("the other node starts it");
    let operator = client(&nodes[0]).await;
    let (code, text, ran) = refused(operator.call("purse", "tear", "{}").await);
    assert_eq!((code, ran), (Code::Failed, Ran::Yes));
    assert!(text.contains("panicked: as it was told to"), "{text}");
    let much = format!(r#"{{"coins": {}}}"#, JSON_BYTES_MAX / 2);
    let (code, text, ran) = refused(operator.call("purse", "count", &much).await);
    assert_eq!((code, ran), (Code::Failed, Ran::Yes));
    assert!(text.contains("it has more than the 1048576 bytes that are written"), "{text}");
    let some = operator.call("purse", "count", r#"{"coins": 100000}"#).await.expect("it fits");
    assert_eq!(some.len(), 100_000 * 4 + 1);
    let hasty = client(&nodes[0]).await.timeout(Duration::from_secs(1));
    let error = hasty.call("purse", "lose", "{}").await.expect_err("it never answers");
    assert_ne!(error.executed(), Ran::No, "{error}");
    // What waits behind it has not run when its time is over, and says so or does not know; it never says yes.
    let error = hasty.call("purse", "notes", "{}").await.expect_err("it waits for ever");
    assert_ne!(error.executed(), Ran::Yes, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_type_is_described_by_a_node_that_knows_it() {
    let dir = Dir::new();
    let nodes = bank("json-kind", &dir).await;
    let operator = client(&nodes[0]).await;
    let kind = operator.kind("bank.purse").await.expect("the other node knows it");
    assert_eq!((kind.kind.as_str(), kind.json, kind.public), ("bank.purse", true, false));
    assert_eq!((kind.docs.as_str(), kind.init.len()), ("With something in it.", 1));
    assert_eq!((kind.init[0].name.as_str(), kind.init[0].ty.as_str()), ("opening", "u64"));
    let messages: Vec<_> = kind.messages.iter().map(|message| (message.message.as_str(), message.cast)).collect();
    assert_eq!(messages[..2], [("bank.purse/take", false), ("Note", true)]);
    let take = &kind.messages[0];
    assert_eq!((take.docs.as_str(), take.reply.as_str()), ("Takes money out.", "Result<u64, Overdrawn>"));
    let variants = kind.messages[1].takes.as_ref().expect("it is described");
    let variants: Vec<_> = variants.iter().map(|found| (found.name.as_str(), found.docs.as_str())).collect();
    assert_eq!(variants, [("Text", "In words."), ("Date", "A date."), ("Nothing", "")]);

    let tally = operator.kind("Tally").await.expect("it knows that itself");
    assert!(!tally.json && tally.messages.iter().any(|message| message.message == "Tally/hit"), "{tally:?}");
    let (code, text, _) = refused(operator.kind("Purse").await);
    assert_eq!(code, Code::NotFound);
    assert!(
        text.starts_with("no node knows a worker type `Purse`: they know ") && text.contains("bank.purse"),
        "{text}"
    );
}

/// While the worker moves, messages follow it: none is lost, and none is run twice.
#[tokio::test(flavor = "multi_thread")]
async fn messages_find_a_worker_that_moves() {
    let dir = Dir::new();
    let one = builder("json-move", &[]).admin(Admin::unix(dir.join("one"))).worker::<Purse>().start().await;
    let one = one.expect("a node starts");
    for i in 0..16 {
        PurseClient::register(format!("purse/{i}"), 1_000).on(&one).await.expect("the name is free");
    }
    let operator = client(&one).await;
    let other = builder("json-move", &[&one]).worker::<Purse>().start().await.expect("a node starts");
    until("some have moved", &one, async || {
        for i in 0..16 {
            // A purse that moves begins anew, with what it was opened with: each answer is right by itself.
            let reply = operator.call(&format!("purse/{i}"), "take", r#"{"cents": 1}"#).await.expect("it answers");
            assert!(reply.starts_with("{\"Ok\":9"), "{reply}");
        }
        other.stats().workers > 0 && one.stats().workers + other.stats().workers == 16
    })
    .await;
}

/// A node of the version before this: it is not asked what it does not understand.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_too_old_is_not_asked() {
    let dir = Dir::new();
    let path = dir.join("old");
    let listener = UnixListener::bind(&path).expect("a new socket");
    let old = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client comes");
        let length = stream.read_u32().await.expect("it says something");
        let mut frame = vec![0; length as usize];
        stream.read_exact(&mut frame).await.expect("it says all of it");
        let asked: serde_json::Value = serde_json::from_slice(&frame).expect("it is JSON");
        let id = &asked["Request"]["id"];
        let answer = format!(
            r#"{{"request_id":{id},"message":{{"Ok":{{"Hello":{{"version":1,"oldest":1,"swarm":"0.1.0"}}}}}}}}"#
        );
        stream.write_u32(u32::try_from(answer.len()).expect("a short text")).await.expect("it listens");
        stream.write_all(answer.as_bytes()).await.expect("it listens");
        let mut more = Vec::new();
        stream.read_to_end(&mut more).await.expect("the client goes");
        more
    });
    let operator = Client::connect(&Endpoint::Unix(path)).await.expect("it is old enough").timeout(PATIENCE);
    let (code, text, ran) = refused(operator.call("purse", "take", "{}").await);
    assert_eq!((code, ran), (Code::Unsupported, Ran::No));
    assert!(text.starts_with("the node (swarm 0.1.0) is too old to know of JSON"), "{text}");
    refused(operator.cast("purse", "take", "{}").await);
    refused(operator.kind("purse").await);
    drop(operator);
    assert_eq!(old.await.expect("it ends"), b"", "nothing more was asked");
}
