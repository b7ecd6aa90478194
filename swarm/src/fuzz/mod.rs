//! Owns what fuzz targets and the replay of their corpora call: each decoder of this crate as a function of bytes alone, and
//! bytes to begin with. Never decodes anything itself: it only asks the production code, and what must hold of its answers.

mod cluster;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;

use crate::call::frame::{Envelope, kind};
use crate::call::traced;
use crate::directory::{Answer, Ask, GroupKey, Message, Refusal};
use crate::epoch::{Epoch, Term};
use crate::error::{CallError, Executed, Location};
use crate::message::Payload;
use crate::name::Name;
use crate::runtime::batch::{self, Pieces, Taken};
use crate::runtime::inquiry::Inquiry;
use crate::runtime::survey::{Findings, Question, Told};
use crate::runtime::translating::Text;
use crate::trace::TraceContext;
use crate::whom::Whom;
use crate::worker::{Bundle, SavedTimer, TimerId};

pub use cluster::directory_seeds;
pub use swarm_net::fuzz::*;

/// Directory messages: decoded, and heard by a directory.
pub fn directory(bytes: &[u8]) {
    if let Some(batch) = back::<Vec<(u16, Message)>>(bytes) {
        cluster::hear(batch);
    }
}

/// Requests to an owner, or its answers.
pub fn requests(bytes: &[u8]) {
    match bytes.split_first() {
        Some((choice, rest)) if choice % 2 == 0 => {
            if let Some(asks) = back::<Vec<(u64, Name, Ask)>>(rest) {
                cluster::ask(asks);
            }
        }
        Some((_, rest)) => drop(back::<Vec<(u64, Answer)>>(rest)),
        None => {}
    }
}

/// Inputs of [`requests`].
pub fn requests_seeds() -> Vec<Vec<u8>> {
    let asks: Vec<(u64, Name, Ask)> = vec![
        (1, Name::from("acct/42"), Ask::Register(cluster::spec())),
        (2, Name::from("a name that is longer than what stands in the value"), Ask::WhereisOrRegister(cluster::spec())),
        (3, Name::from("x"), Ask::Join { group: group(), kind: Some(cluster::KIND) }),
        (4, Name::from("x"), Ask::Leave { group: group() }),
        (5, Name::from("x"), Ask::Unregister),
        (6, Name::from("x"), Ask::Whereis),
    ];
    let answers: Vec<(u64, Answer)> = vec![
        (1, Answer::Registered(location())),
        (2, Answer::AlreadyRegistered(location())),
        (3, Answer::InitFailed(node(1), "it has failed for this reason".into())),
        (4, Answer::Whereis(Some(location()))),
        (5, Answer::NotOwner(Some(node(2)))),
        (6, Answer::WrongKind("counter".into())),
        (7, Answer::Refused(Refusal::Overloaded)),
    ];
    vec![with(0, &asks), with(1, &answers)]
}

/// A question to all nodes, or an answer to it.
pub fn surveys(bytes: &[u8]) {
    match bytes.split_first() {
        Some((choice, rest)) if choice % 2 == 0 => drop(back::<Question>(rest)),
        Some((_, rest)) => drop(back::<Findings>(rest)),
        None => {}
    }
}

/// Inputs of [`surveys`].
pub fn surveys_seeds() -> Vec<Vec<u8>> {
    let (whom, payload) = (Whom::Group(group()), b"payload".to_vec());
    let trace = TraceContext::new([0x0a; 16], [0xb7; 8], TraceContext::SAMPLED).expect("its ids are not zero");
    let told = Told { id: 1, message: 2, fingerprint: 3, payload, trace: traced::bytes(&trace) };
    let (worker, message, json) = ("counter".into(), "add".into(), b"{\"more\": 1}".to_vec());
    let text = Text { name: "a".into(), worker, message, cast: false, json };
    let findings = Findings {
        found: vec![("a".into(), location()), ("b".into(), location())],
        until: Some("b".into()),
        delivered: 2,
        replies: vec![("a".into(), Ok(b"reply".to_vec())), ("b".into(), Err(error()))],
        last: true,
        nobody: false,
    };
    vec![
        with(0, &Question::Page { whom: Whom::Kind(7), after: Some("a".into()), prefix: "a".into(), count: 9 }),
        with(0, &Question::Multicall { whom, told, within_ms: 4 }),
        with(0, &Question::Inquire(Inquiry::Read(text))),
        with(1, &findings),
    ]
}

/// The small words of one node to another: where a message was passed on, that a name is not there, recalls of pledges, ends
/// of queues, questions for pieces of states, states, errors; and batches in pieces.
pub fn words(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    match choice % 8 {
        0 => drop(back::<(Name, NodeId)>(rest)),
        1 => drop(back::<Name>(rest)),
        2 => drop(back::<Whom>(rest)),
        3 => drop(back::<(Name, Epoch)>(rest)),
        4 => drop(back::<(Name, Epoch, u64)>(rest)),
        5 => {
            if let Ok(bundle) = Bundle::decode(Payload::copy_of(rest)) {
                assert_eq!(Bundle::decode(bundle.encode()).as_ref(), Ok(&bundle));
            }
        }
        6 => drop(back::<CallError>(rest)),
        _ => pieces(rest),
    }
}

/// Inputs of [`words`].
pub fn words_seeds() -> Vec<Vec<u8>> {
    let bundle = Bundle {
        state: Some(Payload::copy_of(b"state of a worker")),
        schema: 5,
        timers: vec![SavedTimer {
            id: TimerId(1),
            remaining: Duration::from_millis(5),
            every: Some(Duration::from_secs(1)),
            method: 3,
            fingerprint: 4,
            payload: Payload::copy_of(b"tick"),
        }],
        publishes: vec![1, 2, 3],
    };
    let mut parts = vec![7];
    for (offset, piece) in [(0_u64, &b"abcd"[..]), (4, b"efgh"), (8, b"i")] {
        let step = [&9_u64.to_le_bytes()[..], &offset.to_le_bytes(), piece].concat();
        put_step(&mut parts, kind::DIRECTORY, &step);
    }
    vec![
        with(0, &(Name::from("acct/42"), node(1))),
        with(2, &Whom::Group(group())),
        with(4, &(Name::from("acct/42"), epoch(), 65_536_u64)),
        [&[5], &bundle.encode()[..]].concat(),
        with(6, &error()),
        parts,
    ]
}

/// A call or cast: the id of its message, and its payload.
pub fn call(bytes: &[u8]) -> Option<(u64, Payload)> {
    let (head, body) = bytes.split_first_chunk::<24>()?;
    let (envelope, range) = Envelope::read(head, body)?;
    let payload = &body[range];
    let frame = envelope.frame::<Error>(kind::CALL, payload.len(), |mut bytes| {
        bytes.extend_from_slice(payload);
        Ok(bytes)
    });
    let frame = frame.expect("the closure does not fail");
    let (again, range) = Envelope::read(frame.head(), frame.body()).expect("it was written above");
    assert_eq!((&again, &frame.body()[range]), (&envelope, payload));
    Some((envelope.message, Payload::copy_of(payload)))
}

/// An input of [`call`] with this message and payload.
pub fn call_seed(message: u64, payload: &Payload) -> Vec<u8> {
    framed(&envelope(message), payload)
}

/// The same of a call that is traced.
pub fn traced_call_seed(message: u64, payload: &Payload) -> Vec<u8> {
    let trace = TraceContext::new([0x0a; 16], [0xb7; 8], TraceContext::SAMPLED).expect("its ids are not zero");
    let trace = Some(Box::new(trace.with_state("congo=t61rcWkgMzE")));
    framed(&Envelope { trace, ..envelope(message) }, payload)
}

fn envelope(message: u64) -> Envelope {
    let mut envelope = Envelope::own("acct/42".into(), (7, message, 9), 1, Duration::from_secs(1));
    envelope.origin = Some(node(1));
    envelope.path = envelope.path.with(node(2)).with(node(1));
    envelope.multicall = 3;
    envelope
}

fn framed(envelope: &Envelope, payload: &Payload) -> Vec<u8> {
    let frame = envelope.frame::<Error>(kind::CALL, payload.len(), |mut bytes| {
        bytes.extend_from_slice(payload);
        Ok(bytes)
    });
    let frame = frame.expect("the closure does not fail");
    [&frame.head()[..], frame.body()].concat()
}

/// A configuration as TOML, and its lines as settings of the environment.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = crate::Config::from_toml(text) {
        let written = toml::to_string(&config).expect("a configuration can be written");
        assert_eq!(crate::Config::from_toml(&written), Ok(config.clone()), "and is read as the same");
        let _ = config.check();
    }
    let variables = text.lines().filter_map(|line| line.split_once('='));
    let variables: BTreeMap<&str, &str> = variables.map(|(name, value)| (name.trim(), value.trim())).collect();
    if let Ok(config) = crate::Config::default().with_variables(variables) {
        let _ = config.check();
    }
}

/// Inputs of [`config`].
pub fn config_seeds() -> Vec<Vec<u8>> {
    let all = toml::to_string(&crate::Config::local()).unwrap_or_default();
    let variables = "SWARM_REPLICAS=5\nSWARM_PLACEMENT=quorum:3\nSWARM_NET_MEMBERSHIP_SUSPICION_MIN_MS=8000\n";
    vec![all.into_bytes(), variables.into()]
}

/// What these bytes are; written again it is read as the same.
fn back<T>(bytes: &[u8]) -> Option<T>
where
    T: Archive + PartialEq + Debug + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, Error>> + Deserialize<T, HighDeserializer<Error>>,
{
    let value = batch::read::<T>(&Payload::copy_of(bytes))?;
    let again = Payload::from(rkyv::to_bytes::<Error>(&value).expect("writing to memory does not fail"));
    assert_eq!(batch::read::<T>(&again).as_ref(), Some(&value), "what was written comes back");
    Some(value)
}

/// Batches in pieces of two peers: no more comes out of one than has gone in.
fn pieces(bytes: &[u8]) {
    let pieces = Pieces::default();
    let mut given = 0;
    for (choice, step) in steps(bytes) {
        let Some((numbers, body)) = step.split_first_chunk::<16>() else { continue };
        let mut head = [0; 24];
        head[..16].copy_from_slice(numbers);
        given += body.len();
        if let Taken::Whole(batch) = pieces.take(node(u16::from(choice & 1)), choice >> 1, &head, body) {
            assert!(batch.len() <= given);
        }
    }
}

fn with<T>(choice: u8, value: &T) -> Vec<u8>
where
    T: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
{
    let bytes = rkyv::to_bytes::<Error>(value).expect("writing to memory does not fail");
    [&[choice], &bytes[..]].concat()
}

fn node(i: u16) -> NodeId {
    NodeId::new(([127, 0, 0, 1], 4000 + i).into(), 0x1234_5678 * (u64::from(i) + 1))
}

fn epoch() -> Epoch {
    Epoch::new(Term { counter: 1_700_000_000_000, tag: node(1).tag() }, 3)
}

fn location() -> Location {
    Location { node: node(1), worker: "counter".into(), epoch: epoch() }
}

fn group() -> GroupKey {
    GroupKey { tag: 7, key: "eu".into() }
}

fn error() -> CallError {
    CallError::NodeDown { name: "acct/42".into(), node: node(1), executed: Executed::Maybe }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed that is refused at the door begins nothing.
    #[test]
    fn seeds_are_what_they_are_meant_for() {
        let tail = |seeds: &[Vec<u8>], i: usize| seeds[i][1..].to_vec();
        let (words, surveys, requests) = (words_seeds(), surveys_seeds(), requests_seeds());
        assert!(back::<(Name, NodeId)>(&tail(&words, 0)).is_some());
        assert!(back::<Whom>(&tail(&words, 1)).is_some());
        assert!(back::<(Name, Epoch, u64)>(&tail(&words, 2)).is_some());
        assert!(Bundle::decode(Payload::copy_of(&tail(&words, 3))).is_ok());
        assert!(back::<CallError>(&tail(&words, 4)).is_some());
        assert!(back::<Question>(&tail(&surveys, 0)).is_some());
        assert!(back::<Question>(&tail(&surveys, 1)).is_some());
        assert!(back::<Question>(&tail(&surveys, 2)).is_some());
        assert!(back::<Findings>(&tail(&surveys, 3)).is_some());
        assert!(back::<Vec<(u64, Name, Ask)>>(&tail(&requests, 0)).is_some_and(|asks| asks.len() == 6));
        assert!(back::<Vec<(u64, Answer)>>(&tail(&requests, 1)).is_some_and(|answers| answers.len() == 7));
        let messages: usize =
            directory_seeds().iter().filter_map(|seed| back::<Vec<(u16, Message)>>(seed)).map(|all| all.len()).sum();
        assert!(messages > 8, "{messages} sorts of messages");
    }
}
