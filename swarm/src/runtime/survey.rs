//! Owns questions that go to every node of the cluster at once, and their answers as they come in: lists, publishes,
//! multicalls. A node that is lost or late never holds back the others' answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rkyv::rancor::Error;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;
use tokio::sync::mpsc;

use crate::call::frame::{answer_head, kind};
use crate::directory::GroupKey;
use crate::error::{CallError, Location};
use crate::name::Name;
use crate::runtime::Node;
use crate::worker::Payload;

/// Which workers a question is about.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) enum Whom {
    /// All workers.
    Everyone,
    /// All workers of a kind.
    Kind(u64),
    /// The members of a group.
    Group(GroupKey),
}

/// A question to every node.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Which of them do you host?
    List(Whom),
    /// Which of them do you host after this name? So many at most, in order.
    Page { whom: Whom, after: Option<Name>, count: u32 },
    /// Cast this to those that you host.
    Publish { whom: Whom, id: u64, message: u64, fingerprint: u32, payload: Vec<u8> },
    /// Call those that you host, and answer within so many milliseconds.
    Multicall { whom: Whom, message: u64, fingerprint: u32, payload: Vec<u8>, within_ms: u32 },
}

/// One part of one node's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// Who is there. In a multicall the first part names all that were called.
    pub(crate) found: Vec<(Name, Location)>,
    /// A page ends with this name although there is more; `None` if there is not.
    pub(crate) until: Option<Name>,
    /// How many a publish was delivered to.
    pub(crate) delivered: u64,
    /// What the called ones have answered.
    pub(crate) replies: Vec<(Name, Result<Vec<u8>, CallError>)>,
    /// Nothing more comes from this node.
    pub(crate) last: bool,
}

/// The open questions of one node.
#[derive(Default)]
pub(crate) struct Surveys(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    open: BTreeMap<u64, Asked>,
}

struct Asked {
    missing: BTreeSet<NodeId>,
    findings: mpsc::UnboundedSender<(NodeId, Findings)>,
}

/// The answers to one question. Ends when every node has answered or is lost.
pub(crate) struct Answers {
    node: Arc<Node>,
    number: u64,
    findings: mpsc::UnboundedReceiver<(NodeId, Findings)>,
}

impl Answers {
    /// The next part; `None` when no more comes.
    pub(crate) async fn next(&mut self) -> Option<(NodeId, Findings)> {
        self.findings.recv().await
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.node.surveys.lock().open.remove(&self.number);
    }
}

impl Surveys {
    /// Asks all members, this node included.
    pub(crate) fn ask(&self, node: &Arc<Node>, question: &Question) -> Answers {
        let members: BTreeSet<NodeId> = node.routing().view().keys().copied().chain([node.id()]).collect();
        let (findings, received) = mpsc::unbounded_channel();
        let number = {
            let mut surveys = self.lock();
            surveys.next += 1;
            let number = surveys.next;
            surveys.open.insert(number, Asked { missing: members.clone(), findings });
            number
        };
        let answers = Answers { node: node.clone(), number, findings: received };
        let bytes = match rkyv::to_bytes::<Error>(question) {
            Ok(bytes) => Payload::from(bytes),
            Err(error) => {
                tracing::error!(%error, "a question could not be encoded");
                self.lock().open.remove(&number);
                return answers;
            }
        };
        for member in members.into_iter().filter(|member| *member != node.id()) {
            if !node.send_frame(member, kind::SURVEY, answer_head(number, 0), &bytes) {
                self.arrived(number, member, Findings { last: true, ..Findings::default() });
            }
        }
        node.survey(node.id(), number, question.clone());
        answers
    }

    /// A part of an answer has come.
    pub(crate) fn arrived(&self, number: u64, from: NodeId, findings: Findings) {
        let mut surveys = self.lock();
        let Some(asked) = surveys.open.get_mut(&number) else { return };
        if !asked.missing.contains(&from) {
            return;
        }
        if findings.last {
            asked.missing.remove(&from);
        }
        // Nobody listens any more: the entry goes when the listener's end is dropped.
        let _ = asked.findings.send((from, findings));
        if asked.missing.is_empty() {
            surveys.open.remove(&number);
        }
    }

    /// A node is lost: nobody waits for it.
    pub(crate) fn lost(&self, node: NodeId) {
        self.lock().open.retain(|_, asked| {
            asked.missing.remove(&node);
            !asked.missing.is_empty()
        });
    }

    /// Ends all of them.
    pub(crate) fn clear(&self) {
        self.lock().open.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
