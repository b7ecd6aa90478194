//! Owns this node's part of a survey: who of its workers is meant, and what they answer. A slow worker never holds back
//! what the others have answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Clock;
use tokio::sync::mpsc;

use crate::call::frame::{answer_head, kind};
use crate::error::CallError;
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::letter::Letter;
use crate::runtime::survey::{Findings, Question, Whom};
use crate::worker::{Deadline, Outlet, Parcel, Payload, ReplyTo};

/// How long answers are gathered before they are sent: longer than quick handlers take, shorter than anyone notices.
const GATHER: Duration = Duration::from_millis(5);

/// How many names one part of an answer carries, so that no frame grows with the node.
const PART_MAX: usize = 4096;

/// Collects the replies of a multicall instead of sending each by itself.
struct Gatherer {
    node: NodeId,
    names: Mutex<BTreeMap<u64, Name>>,
    replies: mpsc::UnboundedSender<(Name, Result<Vec<u8>, CallError>)>,
}

impl Outlet for Gatherer {
    fn reply(&self, _node: NodeId, request: u64, result: Result<Payload, CallError>) {
        let name = self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&request);
        if let Some(name) = name {
            // The gathering ends at its deadline, and then nobody wants late ones.
            let _ = self.replies.send((name, result.map(|reply| reply.to_vec())));
        }
    }
}

impl Node {
    /// Answers another node's question, or this node's own.
    pub(crate) fn survey(self: &Arc<Self>, to: NodeId, number: u64, question: Question) {
        match question {
            Question::List(whom) => self.list(to, number, &whom),
            Question::Publish { whom, id, message, fingerprint, payload } => {
                let delivered = self.publish_here(&whom, id, message, fingerprint, &payload);
                self.findings(to, number, Findings { delivered, last: true, ..Findings::default() });
            }
            Question::Multicall { whom, message, fingerprint, payload, within_ms } => {
                let within = Duration::from_millis(u64::from(within_ms));
                self.multicall_here(to, number, &whom, message, fingerprint, &payload, within);
            }
        }
    }

    fn list(self: &Arc<Self>, to: NodeId, number: u64, whom: &Whom) {
        let cells = self.meant(whom);
        let located = cells.iter().filter_map(|name| self.location_here(name).map(|at| (name.clone(), at)));
        let mut found: Vec<_> = located.collect();
        while found.len() > PART_MAX {
            let rest = found.split_off(PART_MAX);
            self.findings(to, number, Findings { found, ..Findings::default() });
            found = rest;
        }
        self.findings(to, number, Findings { found, last: true, ..Findings::default() });
    }

    fn publish_here(
        self: &Arc<Self>,
        whom: &Whom,
        id: u64,
        message: u64,
        fingerprint: u32,
        payload: &[u8],
    ) -> u64 {
        let mut delivered = 0;
        for name in self.meant(whom) {
            let counts = self.location_here(&name).is_some();
            let parcel = Parcel {
                method: message,
                fingerprint,
                payload: Payload::copy_of(payload),
                deadline: Deadline::NEVER,
                reply: None,
                publish: id,
                unconfirmed: None,
            };
            let letter = Letter { name, parcel, kind: 0, hops: 0, from: None, from_queue: false };
            match self.publish_to(letter) {
                Ok(()) => delivered += u64::from(counts),
                Err((letter, error)) => self.refuse(letter, error),
            }
        }
        delivered
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of a question and its asker")]
    fn multicall_here(
        self: &Arc<Self>,
        to: NodeId,
        number: u64,
        whom: &Whom,
        message: u64,
        fingerprint: u32,
        payload: &[u8],
        within: Duration,
    ) {
        let located: Vec<_> = self
            .meant(whom)
            .into_iter()
            .filter_map(|name| self.location_here(&name).map(|location| (name, location)))
            .collect();
        let (replies, mut gathered) = mpsc::unbounded_channel();
        let numbered = (1..).zip(located.iter().map(|(name, _)| name.clone()));
        let gatherer = Arc::new(Gatherer { node: self.id(), names: Mutex::new(numbered.collect()), replies });
        let deadline = Deadline::after(Clock::instant(), within);
        for (request, (name, _)) in (1..).zip(&located) {
            let parcel = Parcel {
                method: message,
                fingerprint,
                payload: Payload::copy_of(payload),
                deadline,
                reply: Some(ReplyTo { outlet: gatherer.clone(), node: gatherer.node, request }),
                publish: 0,
                unconfirmed: None,
            };
            self.post(Letter { name: name.clone(), parcel, kind: 0, hops: 0, from: None, from_queue: false });
        }
        let node = self.clone();
        let mut missing = located.len();
        self.runtime().spawn(async move {
            let mut part = Findings { found: located, ..Findings::default() };
            while missing > 0 && Clock::instant() < deadline.due {
                let until = Clock::instant() + GATHER;
                while missing > 0 && Clock::instant() < until {
                    match node.within(until.since(Clock::instant()), gathered.recv()).await {
                        Some(Some(reply)) => {
                            missing -= 1;
                            part.replies.push(reply);
                        }
                        Some(None) => missing = 0,
                        None => break,
                    }
                }
                if missing > 0 && (!part.found.is_empty() || !part.replies.is_empty()) {
                    node.findings(to, number, std::mem::take(&mut part));
                }
            }
            part.last = true;
            node.findings(to, number, part);
        });
    }

    /// The names of this node that are meant, in order.
    fn meant(&self, whom: &Whom) -> Vec<Name> {
        let cells = |pick: &dyn Fn(u64) -> bool| {
            let names = self.places.cells().filter(|cell| pick(cell.kind().0)).map(|cell| cell.name().clone());
            names.collect()
        };
        match whom {
            Whom::Everyone => cells(&|_| true),
            Whom::Kind(kind) => cells(&|of| of == *kind),
            Whom::Group(group) => self.groups.of(group),
        }
    }

    fn findings(self: &Arc<Self>, to: NodeId, number: u64, findings: Findings) {
        if to == self.id() {
            self.surveys.arrived(number, to, findings);
            return;
        }
        match rkyv::to_bytes::<rkyv::rancor::Error>(&findings) {
            Ok(bytes) => {
                self.send_frame(to, kind::FINDINGS, answer_head(number, 0), &bytes);
            }
            Err(error) => tracing::error!(peer = %to, %error, "an answer could not be encoded"),
        }
    }
}
