//! Owns this node's part of a survey: who of its workers is meant, and what they answer. A slow worker never holds back
//! what the others have answered.

use std::sync::Arc;
use std::time::Duration;

use swarm_net::node::NodeId;

use crate::call::frame::{answer_head, kind};
use crate::call::pending::{Place, Ticket, Waiting};
use crate::error::{CallError, Executed, Location};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::letter::Letter;
use crate::runtime::places::Found;
use crate::runtime::survey::{Findings, Question};
use crate::runtime::telling::Word;
use crate::whom::{PART_MAX, Whom};
use crate::worker::{Deadline, KindId, Parcel, ReplyTo};

/// What one name takes of a part beside its own bytes and those of its reply, and the head and tail of a part: more than any
/// location or error.
const NAMED_BYTES: usize = 512;

impl Node {
    /// Answers another node's question, or this node's own.
    pub(crate) fn survey(self: &Arc<Self>, to: NodeId, number: u64, question: Question) {
        let question = match question {
            Question::Inquire(inquiry) => return self.answer_inquiry(to, number, inquiry),
            question @ (Question::List(_)
            | Question::Page { .. }
            | Question::Publish { .. }
            | Question::Multicall { .. }) => question,
        };
        let Some(meant) = self.meant_or_pledge(to, number, question.whom()) else { return };
        let public = matches!(question.whom(), Whom::Public(_));
        match question {
            Question::List(_) => self.list_here(to, number, &meant),
            Question::Page { prefix, after, count, .. } => {
                let comes = |name: &Name| {
                    name.as_str().starts_with(prefix.as_str()) && after.as_ref().is_none_or(|after| name > after)
                };
                let meant = meant.into_iter().filter(comes).collect();
                self.page_here(to, number, meant, count as usize);
            }
            Question::Inquire(_) => {}
            Question::Publish { told, .. } => self.publish_here((to, number), meant, Word::of(told, public)),
            Question::Multicall { told, within_ms, .. } => {
                let within = Duration::from_millis(u64::from(within_ms));
                self.multicall_here((to, number), meant, Word::of(told, public), within);
            }
        }
    }

    fn list_here(self: &Arc<Self>, to: NodeId, number: u64, meant: &[Name]) {
        // A worker that has just come and waits for the rest of its queue is here all the same.
        let located = meant.iter().filter_map(|name| Some((name.clone(), self.location(&self.places.any_cell(name)?))));
        let mut found: Vec<_> = located.collect();
        while found.len() > PART_MAX {
            let rest = found.split_off(PART_MAX);
            self.findings(to, number, Findings { found, ..Findings::default() });
            found = rest;
        }
        self.findings(to, number, Findings { found, last: true, ..Findings::default() });
    }

    fn page_here(self: &Arc<Self>, to: NodeId, number: u64, mut names: Vec<Name>, count: usize) {
        let count = count.clamp(1, PART_MAX);
        let mut until = None;
        if names.len() > count {
            // Only the first names need to be in order.
            names.select_nth_unstable(count);
            names.truncate(count);
            until = names.iter().max().cloned();
        }
        names.sort_unstable();
        let located = names.into_iter().filter_map(|name| self.location_here(&name).map(|at| (name, at)));
        let found = located.collect();
        self.findings(to, number, Findings { found, until, last: true, ..Findings::default() });
    }

    /// Calls a worker with a message that is there as bytes already, and is answered in bytes.
    pub(crate) fn post_bytes(
        self: &Arc<Self>,
        name: Name,
        kind: u64,
        deadline: Deadline,
        parcel: impl FnOnce(ReplyTo) -> Parcel,
    ) -> Result<Ticket, CallError> {
        let waiting = Waiting { name: name.clone(), deadline, place: Place::Here };
        let ticket = self.pending.take(waiting).map_err(|exhausted| CallError::Overloaded {
            name: name.clone(),
            node: self.id(),
            what: format!("the table of waiting calls ({exhausted})"),
        })?;
        let parcel = parcel(self.reply_to(self.id(), ticket.request().0));
        if let Err((letter, error)) = self.route_own(Letter::new(name, kind, parcel)) {
            self.refuse(letter, error);
        }
        self.end_if_stopped(ticket.request());
        Ok(ticket)
    }

    /// The kind of a worker that is here, or was lately, if it is a public one.
    pub(super) fn public_kind(&self, name: &Name) -> Option<KindId> {
        let kind = match self.places.read(name).get(name)? {
            Found::Cell(cell, _) => cell.kind(),
            Found::Redirect(_, kind, _) => kind,
            Found::Held => return None,
        };
        self.kinds.get(kind).filter(|entry| entry.public).map(|entry| entry.kind)
    }

    /// The names of this node that are meant, and those that were here lately: what is published goes after them.
    pub(crate) fn meant(&self, whom: &Whom) -> Vec<Name> {
        match whom {
            Whom::Everyone => self.places.cells().map(|cell| cell.name().clone()).collect(),
            Whom::Kind(kind) => self.places.of_kind(KindId(*kind)),
            Whom::Group(group) => self.groups.of(group),
            Whom::Public(group) => {
                let mut names = self.groups.of(group);
                names.retain(|name| self.public_kind(name).is_some());
                names
            }
        }
    }

    /// Sends findings, in as many parts as they need to travel.
    pub(crate) fn findings(self: &Arc<Self>, to: NodeId, number: u64, mut findings: Findings) {
        if to == self.id() {
            self.surveys.arrived(number, to, findings);
            return;
        }
        let limit = self.part_bytes_max();
        let mut part = Findings::default();
        let mut room = limit;
        let found = std::mem::take(&mut findings.found).into_iter().map(Piece::Found);
        let replies = std::mem::take(&mut findings.replies).into_iter();
        let replies = replies.map(|(name, reply)| Piece::Reply((name.clone(), self.travels(name, reply))));
        for piece in found.chain(replies) {
            let bytes = piece.bytes();
            if bytes > room && room < limit {
                self.part(to, number, &std::mem::take(&mut part));
                room = limit;
            }
            room = room.saturating_sub(bytes);
            match piece {
                Piece::Found(named) => part.found.push(named),
                Piece::Reply(reply) => part.replies.push(reply),
            }
        }
        self.part(to, number, &Findings { found: part.found, replies: part.replies, ..findings });
    }

    /// A reply as it can travel.
    fn travels(&self, name: Name, reply: Reply) -> Reply {
        let limit = self.part_bytes_max() as u64;
        let reply = reply?;
        let bytes = reply.len() as u64;
        if bytes > limit { Err(CallError::TooLarge { name, bytes, limit, executed: Executed::Yes }) } else { Ok(reply) }
    }

    /// How much one part carries: the longest reply, unless that fits into no frame with its name.
    fn part_bytes_max(&self) -> usize {
        let frame = self.config().net.frame_bytes_max as usize;
        let message = usize::try_from(self.config().message_bytes_max()).unwrap_or(usize::MAX);
        message.min(frame.saturating_sub(NAMED_BYTES + Name::BYTES_MAX))
    }

    fn part(self: &Arc<Self>, to: NodeId, number: u64, findings: &Findings) {
        match rkyv::to_bytes::<rkyv::rancor::Error>(findings) {
            Ok(bytes) => {
                self.send_frame(to, kind::FINDINGS, answer_head(number, 0), &bytes);
            }
            Err(error) => tracing::error!(peer = %to, %error, "an answer could not be encoded"),
        }
    }
}

/// One thing that is found.
enum Piece {
    Found((Name, Location)),
    Reply((Name, Reply)),
}

impl Piece {
    fn bytes(&self) -> usize {
        let (name, reply) = match self {
            Self::Found((name, _)) => (name, 0),
            Self::Reply((name, reply)) => (name, reply.as_ref().map_or(0, Vec::len)),
        };
        NAMED_BYTES + name.as_str().len() + reply
    }
}

pub(super) type Reply = Result<Vec<u8>, CallError>;
