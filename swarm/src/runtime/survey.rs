//! Owns questions that go to all nodes at once that may have an answer, and the answers as they come in: lists, publishes,
//! multicalls. Never leaves a node out that has not pledged that nobody of the group is there; and a node that is lost or late never holds back the others' answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rkyv::rancor::Error;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use tokio::sync::mpsc;

use crate::call::frame::{answer_head, kind};
use crate::error::{CallError, Location, RegistryError};
use crate::hash::HashMap;
use crate::name::Name;
use crate::runtime::inquiry::Inquiry;
use crate::runtime::{Node, batch};
use crate::whom::Whom;
use crate::worker::Payload;

/// How many bytes one node's answer to one question may have in all its parts: the names and places of more than a million workers.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// What a part takes at least, so that empty ones come to an end as well.
const PART_BYTES_MIN: usize = 256;

/// A question to the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Which of them do you host?
    List(Whom),
    /// Which of them do you host whose names begin like this and come after that one? So many at most, in order.
    Page { whom: Whom, prefix: Name, after: Option<Name>, count: u32 },
    /// Cast this to those that you host.
    Publish { whom: Whom, told: Told },
    /// Call those that you host, and answer within so many milliseconds.
    Multicall { whom: Whom, told: Told, within_ms: u32 },
    /// What do you say of yourself?
    Inquire(Inquiry),
}

/// What the members of a group are told.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The number of this publish or multicall.
    pub(crate) id: u64,
    /// The message's id on the wire.
    pub(crate) message: u64,
    /// The low bits of the fingerprint of the asker's version of it.
    pub(crate) fingerprint: u32,
    /// The message.
    pub(crate) payload: Vec<u8>,
    /// Where the asker stands in a trace, as in frames of calls; empty if that is not sampled.
    pub(crate) trace: Vec<u8>,
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
    /// What the called ones have answered; or what nobody has, who stands for the node itself.
    pub(crate) replies: Vec<(Name, Result<Vec<u8>, CallError>)>,
    /// Nothing more comes from this node.
    pub(crate) last: bool,
    /// Nobody of the group is there, and who asked will be told before somebody is.
    pub(crate) nobody: bool,
}

impl Question {
    /// Which workers it is about.
    pub(crate) fn whom(&self) -> &Whom {
        match self {
            Self::List(whom) | Self::Page { whom, .. } | Self::Publish { whom, .. } | Self::Multicall { whom, .. } => {
                whom
            }
            // It is about the node, whoever is there, and nobody pledges anything about that.
            Self::Inquire(_) => &Whom::Everyone,
        }
    }

    /// What is asked again if it or its answer may be lost with a connection. What may have run must not run twice; but who
    /// was called is not to be missing in the answer.
    fn again(self) -> Option<Self> {
        match self {
            Self::List(_) | Self::Page { .. } => Some(self),
            Self::Inquire(ref inquiry) => inquiry.is_repeatable().then_some(self),
            Self::Multicall { whom, .. } => Some(Self::List(whom)),
            Self::Publish { .. } => None,
        }
    }
}

/// The open questions of one node.
#[derive(Default)]
pub(crate) struct Surveys(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    open: BTreeMap<u64, Asked>,
    /// The nodes that have pledged that nobody of a group is there. Each gives so many pledges at most.
    pledged: HashMap<Whom, BTreeSet<NodeId>>,
}

struct Asked {
    whom: Whom,
    /// Until when who asks waits for the answers.
    due: Instant,
    question: Payload,
    /// Who has not answered to the end, and how many bytes of its answer have come.
    missing: BTreeMap<NodeId, usize>,
    /// Nodes that were left out, since they have pledged.
    spared: BTreeSet<NodeId>,
    findings: mpsc::UnboundedSender<(NodeId, Findings)>,
}

impl Asked {
    fn again(&self) -> Option<Payload> {
        let question = batch::read::<Question>(&self.question)?.again()?;
        rkyv::to_bytes::<Error>(&question).ok().map(Payload::from)
    }
}

/// A question that was just noted as open.
pub(super) struct Opened {
    pub(super) number: u64,
    /// Who is to be asked.
    pub(super) asked: BTreeSet<NodeId>,
    pub(super) findings: mpsc::UnboundedReceiver<(NodeId, Findings)>,
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

impl Node {
    /// Asks all members that may have an answer, this node included, for a user who waits until `due`.
    ///
    /// # Errors
    /// [`RegistryError::Stopping`] if nothing more is begun for users.
    pub(crate) fn ask_all(self: &Arc<Self>, question: &Question, due: Instant) -> Result<Answers, RegistryError> {
        let members = self.routing().view().keys().copied().chain([self.id()]).collect();
        self.ask_some(members, question, due)
    }

    /// The same of these nodes alone.
    ///
    /// # Errors
    /// As [`Self::ask_all`].
    pub(crate) fn ask_some(
        self: &Arc<Self>,
        nodes: BTreeSet<NodeId>,
        question: &Question,
        due: Instant,
    ) -> Result<Answers, RegistryError> {
        let in_hand = self.take_in_hand().ok_or(RegistryError::Stopping { node: self.id() })?;
        let answers = self.surveys.ask(self, nodes, question, due);
        // It stands among the open ones now.
        drop(in_hand);
        Ok(answers)
    }
}

impl Surveys {
    fn ask(&self, node: &Arc<Node>, members: BTreeSet<NodeId>, question: &Question, due: Instant) -> Answers {
        let here = members.contains(&node.id());
        let bytes = rkyv::to_bytes::<Error>(question);
        let bytes = bytes.inspect_err(|error| tracing::error!(%error, "a question could not be encoded"));
        let Ok(bytes) = bytes.map(Payload::from) else {
            let (_, findings) = mpsc::unbounded_channel();
            return Answers { node: node.clone(), number: 0, findings };
        };
        let Opened { number, asked, findings } = self.open(members, question.whom(), bytes.clone(), due);
        let answers = Answers { node: node.clone(), number, findings };
        for member in asked.into_iter().filter(|member| *member != node.id()) {
            self.send(node, member, number, &bytes);
        }
        if here {
            node.survey(node.id(), number, question.clone());
        }
        answers
    }

    /// `by` has taken its pledge about a group back, or with `Everyone` all of them. What is being asked goes to it, too.
    pub(crate) fn recalled(&self, node: &Arc<Node>, by: NodeId, whom: &Whom) {
        for (number, question) in self.take_back(by, whom) {
            self.send(node, by, number, &question);
        }
    }

    fn send(&self, node: &Arc<Node>, to: NodeId, number: u64, question: &Payload) {
        if !node.send_frame(to, kind::SURVEY, answer_head(number, 0), question) {
            self.arrived(number, to, Findings { last: true, ..Findings::default() });
        }
    }

    /// Notes a question as open, and says whom it goes to.
    pub(super) fn open(&self, members: BTreeSet<NodeId>, whom: &Whom, question: Payload, due: Instant) -> Opened {
        let (sender, findings) = mpsc::unbounded_channel();
        let mut surveys = self.lock();
        surveys.next += 1;
        let number = surveys.next;
        let pledged = surveys.pledged.get(whom);
        let (spared, asked): (BTreeSet<_>, BTreeSet<_>) =
            members.into_iter().partition(|node| pledged.is_some_and(|nodes| nodes.contains(node)));
        let missing = asked.iter().map(|node| (*node, 0)).collect();
        surveys.open.insert(number, Asked { whom: whom.clone(), due, question, missing, spared, findings: sender });
        Opened { number, asked, findings }
    }

    /// Forgets a pledge, and says what is open that now goes to `by` as well.
    pub(super) fn take_back(&self, by: NodeId, whom: &Whom) -> Vec<(u64, Payload)> {
        let mut surveys = self.lock();
        if *whom == Whom::Everyone {
            surveys.forget_pledges(by);
        } else if let Some(nodes) = surveys.pledged.get_mut(whom) {
            nodes.remove(&by);
            if nodes.is_empty() {
                surveys.pledged.remove(whom);
            }
        }
        let concerned = |asked: &Asked| *whom == Whom::Everyone || asked.whom == *whom;
        let open = surveys.open.iter_mut().filter(|(_, asked)| concerned(asked));
        let late = open.filter_map(|(number, asked)| {
            asked.spared.take(&by).map(|by| {
                asked.missing.insert(by, 0);
                (*number, asked.question.clone())
            })
        });
        late.collect()
    }

    /// A part of this node's own answer, or of one that could not be asked for.
    pub(crate) fn arrived(&self, number: u64, from: NodeId, findings: Findings) {
        // It has no bytes, so it is never too long.
        let _ = self.came(number, from, findings, 0);
    }

    /// A part of an answer has come, of so many bytes. False if the answer is longer than any may be: nobody waits for the rest of it.
    pub(crate) fn came(&self, number: u64, from: NodeId, findings: Findings, bytes: usize) -> bool {
        let mut surveys = self.lock();
        let Some(asked) = surveys.open.get_mut(&number) else { return true };
        let Some(so_far) = asked.missing.get_mut(&from) else { return true };
        *so_far += bytes.max(PART_BYTES_MIN);
        if *so_far > ANSWER_BYTES_MAX {
            asked.missing.remove(&from);
            if asked.missing.is_empty() {
                surveys.open.remove(&number);
            }
            return false;
        }
        if findings.last {
            asked.missing.remove(&from);
        }
        let pledged = findings.nobody.then(|| asked.whom.clone());
        // Nobody listens any more: the entry goes when the listener's end is dropped.
        let _ = asked.findings.send((from, findings));
        if asked.missing.is_empty() {
            surveys.open.remove(&number);
        }
        if let Some(whom) = pledged {
            surveys.pledged.entry(whom).or_default().insert(from);
        }
        true
    }

    /// The connection to a node is lost: its pledges count no more, and what can be asked again is. `unsent` are the questions
    /// that did not leave this node.
    pub(crate) fn disconnected(&self, node: &Arc<Node>, peer: NodeId, unsent: BTreeMap<u64, Payload>) {
        for (number, question) in self.again(peer, unsent) {
            self.send(node, peer, number, &question);
        }
    }

    /// What a node is asked over a new connection. Nobody waits for the rest of its answers.
    pub(super) fn again(&self, peer: NodeId, mut unsent: BTreeMap<u64, Payload>) -> Vec<(u64, Payload)> {
        let mut surveys = self.lock();
        surveys.forget_pledges(peer);
        let mut again = Vec::new();
        surveys.open.retain(|number, asked| {
            if asked.missing.contains_key(&peer) {
                match unsent.remove(number).or_else(|| asked.again()) {
                    Some(question) => again.push((*number, question)),
                    None => {
                        asked.missing.remove(&peer);
                    }
                }
            }
            !asked.missing.is_empty()
        });
        again
    }

    /// A node is lost: nobody waits for it, and its pledges count no more.
    pub(crate) fn lost(&self, node: NodeId) {
        let mut surveys = self.lock();
        surveys.forget_pledges(node);
        surveys.open.retain(|_, asked| {
            asked.missing.remove(&node);
            !asked.missing.is_empty()
        });
    }

    /// Whether any answer is missing for which somebody waits.
    pub(crate) fn are_waited_on(&self, now: Instant) -> bool {
        self.lock().open.values().any(|asked| asked.due > now)
    }

    /// A node's pledges count no more.
    pub(crate) fn distrust(&self, node: NodeId) {
        self.lock().forget_pledges(node);
    }

    /// Ends all of them.
    pub(crate) fn clear(&self) {
        let mut surveys = self.lock();
        surveys.open.clear();
        surveys.pledged.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn forget_pledges(&mut self, of: NodeId) {
        self.pledged.retain(|_, nodes| {
            nodes.remove(&of);
            !nodes.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_end_is_not_waited_for() {
        let (one, other) = (NodeId::new(([127, 0, 0, 1], 1).into(), 1), NodeId::new(([127, 0, 0, 1], 2).into(), 2));
        let surveys = Surveys::default();
        let Opened { number, mut findings, .. } =
            surveys.open([one, other].into(), &Whom::Everyone, Payload::empty(), Instant::START);
        let quarter = ANSWER_BYTES_MAX / 4;
        assert!((0..4).all(|_| surveys.came(number, one, Findings::default(), quarter)));
        assert!(!surveys.came(number, one, Findings::default(), 0), "one too many, though it is empty");
        assert!(surveys.came(number, one, Findings::default(), quarter), "and what follows is nobody's");
        assert!(surveys.came(number, other, Findings { last: true, ..Findings::default() }, ANSWER_BYTES_MAX));
        assert_eq!(std::iter::from_fn(|| findings.try_recv().ok()).count(), 5);
        assert!(findings.is_closed(), "it has ended");
    }
}
