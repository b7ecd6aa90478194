//! Owns what a node finds when an operator has it checked: the ways to others, whom it refused, names that have trouble. Never judges; who
//! asks all nodes does.

use std::sync::Arc;
use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;
use swarm_net::secret::{About, Refusal};
use swarm_net::transport::{Way, Ways};
use tokio::sync::oneshot;

use crate::directory::Whereabouts;
use crate::message::Fingerprint;
use crate::name::Name;
use crate::registration::Entry;
use crate::runtime::Node;
use crate::runtime::input::Input;

/// How long what was refused is told: whoever is refused tries again and again.
const REFUSED_TOLD: Duration = Duration::from_secs(120);

/// How many versions are told: of some hundred worker types.
const SCHEMAS_MAX: usize = 4096;

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Ailments {
    /// The ways to members, and to addresses where nobody answers.
    pub(crate) ways: Vec<WayFacts>,
    /// This node sends beacons.
    pub(crate) beacons: bool,
    /// What was refused lately.
    pub(crate) refused: Vec<RefusedFacts>,
    /// Names that this node decides about and that have trouble.
    pub(crate) strained: Vec<(Name, Whereabouts)>,
    /// What it knows of its worker types.
    pub(crate) schemas: Vec<SchemaFacts>,
}

/// The version that a node has of something that travels.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct SchemaFacts {
    /// The worker type that it belongs to.
    pub(crate) kind: String,
    /// The message, with its reply; empty for the handoff state.
    pub(crate) message: String,
    /// Its fingerprint.
    pub(crate) version: u32,
}

/// The way to another node, as [`Way`] says.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct WayFacts {
    pub(crate) addr: String,
    pub(crate) node: Option<NodeId>,
    pub(crate) connected: bool,
    pub(crate) failures: u32,
    pub(crate) small_ms: Option<u64>,
    pub(crate) large_ms: Option<u64>,
    pub(crate) elsewhere: Option<String>,
    pub(crate) beacon_ms: Option<u64>,
}

/// Something that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct RefusedFacts {
    /// In a word: `secret`, `misfit` or `other`.
    pub(crate) about: String,
    pub(crate) text: String,
    pub(crate) whom: String,
    pub(crate) count: u64,
    pub(crate) ago_ms: u64,
}

impl Node {
    pub(crate) async fn check_up(self: &Arc<Self>) -> Ailments {
        let (told, ways) = oneshot::channel();
        // Who waits may be gone by then.
        self.transport().check_up(move |ways| drop(told.send(ways)));
        let (tell, strained) = oneshot::channel();
        self.control(Input::Strained(tell));
        // The one is dropped by a node that stops, and the other by one where many ask at once: nothing is known then.
        let Ways { ways, beacons, .. } = ways.await.unwrap_or_default();
        let strained = strained.await.unwrap_or_default();
        let refused = self.transport().refusals().into_iter().filter(|refusal| refusal.ago < REFUSED_TOLD);
        Ailments {
            ways: ways.into_iter().map(way).collect(),
            beacons,
            refused: refused.map(refused_facts).collect(),
            strained,
            schemas: self.kinds.iter().flat_map(schemas).take(SCHEMAS_MAX).collect(),
        }
    }
}

/// What travels of a worker type, but for its init arguments, which all members know anyway.
fn schemas(entry: &Entry) -> impl Iterator<Item = SchemaFacts> {
    let fact =
        |message: &str, version| SchemaFacts { kind: entry.name.to_owned(), message: message.to_owned(), version };
    // One without a state has a version of it as well, for that differs from all others.
    let state = fact("", entry.state.map_or(0, Fingerprint::low));
    let messages = (entry.methods)();
    let messages = messages.into_iter().map(move |method| fact(method.name, method.request.call(method.reply)));
    std::iter::once(state).chain(messages)
}

fn way(way: Way) -> WayFacts {
    WayFacts {
        addr: way.addr.to_string(),
        node: way.node,
        connected: way.connected,
        failures: way.failures,
        small_ms: way.small.map(millis),
        large_ms: way.large.map(millis),
        elsewhere: way.elsewhere.map(|addr| addr.to_string()),
        beacon_ms: way.beacon.map(millis),
    }
}

fn refused_facts(refusal: Refusal) -> RefusedFacts {
    let about = match refusal.about {
        About::Secret => "secret",
        About::Misfit => "misfit",
        // The word is another crate's, which may add to it.
        About::Other | _ => "other",
    };
    RefusedFacts {
        about: about.to_owned(),
        text: refusal.text.to_owned(),
        whom: refusal.whom,
        count: refusal.count,
        ago_ms: millis(refusal.ago),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
