//! Owns what arrives from the network and hands it to whom it concerns. Runs on the I/O thread: never blocks, and
//! runs no user code but what has shown that it is quick.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use swarm_net::error::NetError;
use swarm_net::member::MemberEvent;
use swarm_net::node::NodeId;
use swarm_net::time::{Clock, Instant};
use swarm_net::transport::{FrameNo, Inbox, Lane, Peer};
use swarm_net::wire::{Frame, FrameRef};

use crate::call::frame::{Envelope, Visits, kind, payload, verdict, word};
use crate::call::wakes;
use crate::error::{CallError, Executed};
use crate::runtime::Node;
use crate::runtime::batch::{self, Pieces, Taken};
use crate::runtime::desk::Desk;
use crate::runtime::input::{Arrived, Input};
use crate::runtime::lane::LaneId;
use crate::runtime::rounds;
use crate::runtime::survey::{Findings, Question};
use crate::worker::{Payload, soon};

/// How often the I/O thread goes back and forth between the control and workers before it looks at its sockets again.
const ROUNDS_MAX: usize = 4;

/// The node's ear. The transport is started with it before the node exists.
pub(crate) struct Ear {
    node: OnceLock<Arc<Node>>,
    pieces: Pieces,
    desk: Arc<Desk>,
}

impl Ear {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { node: OnceLock::new(), pieces: Pieces::default(), desk }
    }

    /// The node that listens.
    pub(crate) fn listen(&self, node: Arc<Node>) {
        // Set once, by whoever starts the node.
        let _ = self.node.set(node);
    }

    /// The node, which follows the transport's start within microseconds.
    fn node(&self) -> &Arc<Node> {
        self.node.wait()
    }
}

impl Inbox for Ear {
    fn frame(&self, from: &Arc<Peer>, _lane: Lane, frame: FrameRef<'_>) {
        let (node, peer) = (self.node(), from.node());
        soon::open(|| node.now());
        let (head, body) = (frame.head, frame.body);
        match frame.kind {
            kind::CALL | kind::CAST => match Envelope::read(head, body) {
                // It would be done in vain.
                Some((envelope, _))
                    if envelope.origin.is_none() && frame.kind == kind::CALL && from.is_clogged(Lane::Calls) =>
                {
                    node.asks_too_much(peer, "a call, of more than whose answers are read,");
                }
                Some((envelope, range)) => {
                    wakes::collect();
                    node.receive(peer, frame.kind, envelope, payload(body, range));
                    self.hand_over_many(node);
                }
                None => node.could_not_read(peer, "a call"),
            },
            kind::REPLY => {
                wakes::collect();
                answered(node, from, head, body);
                self.hand_over_many(node);
            }
            kind::DIRECTORY => self.piece(from, frame, Input::Directory),
            kind::ASK => self.piece(from, frame, Input::Asks),
            kind::ANSWER => self.piece(from, frame, Input::Answers),
            kind::FLUSH => {
                let visits = Visits(u8::try_from(word(head, 2)).unwrap_or(u8::MAX));
                if let Some(upstream) = node.upstream(peer)
                    && !upstream.flush(LaneId(word(head, 1)), visits, word(head, 0))
                {
                    // Without an answer it would wait; with its connection it waits no more.
                    from.cut(Lane::Calls);
                }
            }
            kind::FLUSHED => node.flushed(peer, LaneId(word(head, 1)), word(head, 0)),
            kind::QUEUE_END => {
                if node.queue_ended(peer, &Payload::copy_of(body)).is_none() {
                    node.could_not_read(peer, "the end of a queue");
                }
            }
            kind::SURVEY => match batch::read::<Question>(&Payload::copy_of(body)) {
                Some(question) => {
                    node.counters.surveyed.add(1);
                    node.survey(peer, word(head, 0), question);
                }
                None => node.could_not_read(peer, "a question"),
            },
            kind::FINDINGS => match batch::read::<Findings>(&Payload::copy_of(body)) {
                Some(findings) => {
                    if !node.surveys.came(word(head, 0), peer, findings, body.len()) {
                        node.asks_too_much(peer, "an answer to a question that does not end");
                    }
                }
                None => node.could_not_read(peer, "an answer to a question"),
            },
            kind::PASSED => {
                if node.passed(peer, head, body).is_none() {
                    node.could_not_read(peer, "word of a message that was passed on");
                }
            }
            kind::NOT_HERE => {
                if node.not_there(peer, body).is_none() {
                    node.could_not_read(peer, "word of a name");
                }
            }
            kind::RECALL => {
                if node.pledge_recalled(peer, head, body).is_none() {
                    node.could_not_read(peer, "the recall of a pledge");
                }
            }
            kind::RECALLED => {
                if node.recall_known(peer, head, body).is_none() {
                    node.could_not_read(peer, "the answer to a recall");
                }
            }
            kind::LET_GO => self.desk.hand(Input::LetGo(peer, Arrived::from(from, Payload::empty()))),
            kind::LET_GONE => node.farewell.let_go(peer),
            kind::FETCH => node.serve_piece(peer, head, body),
            kind::STATE => node.piece_came(peer, head, body),
            unknown => node.could_not_read(peer, &format!("a frame of the unknown kind {unknown}")),
        }
    }

    fn batch(&self) {
        let (node, began) = (self.node(), Clock::instant());
        let tokio = node.runtime();
        node.rounds.hand_over(tokio);
        // What the control orders is begun here, if it is quick, and what comes of it goes back to the control.
        for _ in 0..ROUNDS_MAX {
            self.desk.turn();
            if !soon::run(tokio, || node.now()) {
                break;
            }
        }
        soon::close(tokio);
        self.desk.turn();
        // A handler that blocks holds up all of the node, however quick it was before.
        self.late(Clock::instant().since(began));
    }

    fn due(&self) -> Option<Instant> {
        self.node.get()?.rounds.due()
    }

    fn overdue(&self) {
        self.node().rounds.overdue();
    }

    fn late(&self, by: Duration) {
        if by > self.node().config().stall_limit() {
            self.desk.do_now(Input::Stalled(by));
        }
    }

    fn member(&self, event: MemberEvent) {
        self.desk.hand(Input::Member(event));
    }

    fn connected(&self, peer: &Arc<Peer>) {
        self.node().connected(peer.node());
    }

    fn reset(&self, peer: &Arc<Peer>, lane: Lane, claimed: FrameNo, unsent: Vec<Frame>) {
        let node = self.node();
        match lane {
            Lane::Bulk => node.fetches.lost(peer.node()),
            Lane::Calls => {
                self.pieces.lost(peer.node());
                self.desk.hand(Input::Reset(peer.node()));
                node.lost(peer.node(), claimed, unsent);
            }
        }
    }

    fn fatal(&self, error: NetError) {
        rounds::do_collected();
        soon::close(self.node().runtime());
        self.node().fail(error);
    }
}

impl Ear {
    fn hand_over_many(&self, node: &Node) {
        if rounds::collected() >= rounds::MANY {
            node.rounds.hand_over(node.runtime());
        }
    }

    /// A piece of a batch for the control has come.
    fn piece(&self, from: &Peer, frame: FrameRef<'_>, input: impl FnOnce(NodeId, Arrived) -> Input) {
        let peer = from.node();
        match self.pieces.take(peer, frame.kind, frame.head, frame.body) {
            Taken::Part => {}
            Taken::Whole(batch) => self.desk.add(input(peer, Arrived::from(from, batch))),
            Taken::Refused => self.node().could_not_read(peer, "a piece of a batch"),
        }
    }
}

fn answered(node: &Arc<Node>, from: &Arc<Peer>, head: &[u8; 24], body: &[u8]) {
    let request = word(head, 0);
    match word(head, 1) {
        verdict::REPLY => node.answered(request, Ok(Payload::copy_of(body))),
        verdict::ERROR => match batch::read::<CallError>(&Payload::copy_of(body)) {
            Some(error) => node.failed_away(from.node(), request, error),
            None => node.could_not_read(from.node(), "an error"),
        },
        verdict::TOO_LARGE => node.reply_too_large(request, word(head, 2)),
        _ => node.could_not_read(from.node(), "an answer"),
    }
}

/// The error of a call that was under way on a connection that was lost.
pub(crate) fn node_down(name: crate::name::Name, node: swarm_net::node::NodeId) -> CallError {
    CallError::NodeDown { name, node, executed: Executed::Maybe }
}
