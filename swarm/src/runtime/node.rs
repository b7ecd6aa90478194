//! Owns what all threads of one node share. Its parts know what they do; this only holds them together.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::Sender;
use swarm_net::error::NetError;
use swarm_net::member::{Member, MemberEvent, Profile};
use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use swarm_net::transport::{FrameNo, Lane as Wire, Peer, Transport};
use swarm_net::wire::Frame;
use tokio::sync::watch;

use crate::call::frame::{Visits, answer_head, kind, verdict};
use crate::call::pending::{Answer, Pending, Place as Stand, RequestId};
use crate::config::Config;
use crate::directory::{Directory, Notice};
use crate::error::{CallError, Executed, Location};
use crate::event::{Event, Subscribers};
use crate::name::Name;
use crate::runtime::control::Input;
use crate::runtime::crews::Crews;
use crate::runtime::departures::Departures;
use crate::runtime::errands::Errands;
use crate::runtime::farewell::Farewell;
use crate::runtime::fetch::{Fetches, Outgoing};
use crate::runtime::hints::Hints;
use crate::runtime::instances::Instances;
use crate::runtime::lanes::{LaneId, Lanes};
use crate::runtime::letter::Letter;
use crate::runtime::places::{Place, Places};
use crate::runtime::pledges::Pledges;
use crate::runtime::relays::{self, Confirmed, Relays};
use crate::runtime::room::Room;
use crate::runtime::routing::Routing;
use crate::runtime::story::Story;
use crate::runtime::survey::Surveys;
use crate::runtime::tenancy::Tenancy;
use crate::runtime::track::Unconfirmed;
use crate::runtime::upstream::Upstream;
use crate::runtime::waits::Waits;
use crate::runtime::{Kinds, inbox};
use crate::stats::{Counters, Stats};
use crate::swarm::Guard;
use crate::timer::Timers;
use crate::worker::{AnyCell, End, Host, KindId, Lease, Outlet, Payload, ReplyTo};

/// Keeps a letter unconfirmed to the node that sent it here.
type Token = Box<dyn Any + Send + Sync>;

/// Everything of a node but its threads.
pub(crate) struct Node {
    me: NodeId,
    config: Config,
    control: Sender<Input>,
    transport: Transport,
    tokio: tokio::runtime::Handle,
    timers: Timers,
    routing: ArcSwap<Routing>,
    partitions: u64,
    this: Weak<Node>,
    profile: Profile,
    guard: Mutex<Weak<Guard>>,
    pub(crate) kinds: Kinds,
    pub(crate) pending: Arc<Pending>,
    pub(crate) places: Places,
    pub(crate) lanes: Lanes<Letter>,
    pub(crate) relays: Relays<Token, (Name, ReplyTo)>,
    pub(crate) hints: Hints,
    pub(crate) room: Arc<Room>,
    pub(crate) waits: Waits,
    pub(crate) departures: Departures,
    pub(crate) groups: Crews,
    pub(crate) errands: Errands,
    pub(crate) fetches: Fetches,
    pub(crate) outgoing: Outgoing,
    pub(crate) instances: Instances,
    pub(crate) surveys: Surveys,
    pub(crate) pledges: Pledges,
    pub(crate) counters: Counters,
    pub(crate) subscribers: Subscribers,
    upstreams: RwLock<HashMap<NodeId, Arc<Upstream>>>,
    numbers: AtomicU64,
    pub(crate) farewell: Farewell,
    story: Mutex<Story>,
    pub(crate) tenancy: Tenancy,
    joined: watch::Sender<bool>,
    failed: OnceLock<NetError>,
    stopped: AtomicBool,
    gauges: Gauges,
}

/// Figures that the control thread writes after each turn.
#[derive(Default)]
struct Gauges {
    partitions: AtomicUsize,
    names: AtomicUsize,
    under_replicated: AtomicUsize,
    requests: AtomicUsize,
}

/// What a node is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) control: Sender<Input>,
    pub(crate) transport: Transport,
    pub(crate) tokio: tokio::runtime::Handle,
    pub(crate) timers: Timers,
    pub(crate) kinds: Kinds,
    pub(crate) profile: Profile,
}

impl Node {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts { config, control, transport, tokio, timers, kinds, profile } = parts;
        let me = transport.node();
        let partitions = config.partitions();
        let tenancy = Tenancy::new(config.placement);
        // The control thread ends only when the node does.
        let sooner = |wake: Sender<Input>| move |_: Instant| drop(wake.send(Input::Look));
        Arc::new_cyclic(|this| Self {
            me,
            pending: Arc::new(Pending::new(config.calls_open_max(), sooner(control.clone()))),
            lanes: Lanes::new(partitions, sooner(control.clone())),
            config,
            control,
            transport,
            tokio,
            timers,
            routing: ArcSwap::from_pointee(Routing::alone(me, partitions)),
            partitions: u64::from(partitions),
            this: this.clone(),
            profile,
            guard: Mutex::default(),
            kinds,
            places: Places::new(),
            relays: Relays::default(),
            hints: Hints::default(),
            room: Arc::default(),
            waits: Waits::default(),
            departures: Departures::default(),
            groups: Crews::default(),
            errands: Errands::default(),
            fetches: Fetches::default(),
            outgoing: Outgoing::default(),
            instances: Instances::default(),
            surveys: Surveys::default(),
            pledges: Pledges::default(),
            counters: Counters::default(),
            subscribers: Subscribers::default(),
            upstreams: RwLock::default(),
            numbers: AtomicU64::new(1),
            farewell: Farewell::default(),
            story: Mutex::default(),
            tenancy,
            joined: watch::Sender::new(false),
            failed: OnceLock::new(),
            stopped: AtomicBool::new(false),
            gauges: Gauges::default(),
        })
    }

    pub(crate) fn id(&self) -> NodeId {
        self.me
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.tokio
    }

    /// The present instant, by the clock that this node and its cells go by.
    pub(crate) fn now(&self) -> Instant {
        self.timers.now()
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.config.call_timeout()
    }

    /// This node, for who has it only by reference.
    pub(crate) fn this(&self) -> Arc<Self> {
        self.this.upgrade().expect("somebody holds the node whose method runs")
    }

    /// The node of the worker that runs on this thread, else the process's default.
    pub(crate) fn current() -> Option<Arc<Self>> {
        crate::swarm::current_node()
    }

    /// Counts a call that is over.
    pub(crate) fn note_call<R>(&self, result: Result<R, CallError>) -> Result<R, CallError> {
        self.counters.calls.add(1);
        self.counters.calls_failed.add(u64::from(result.is_err()));
        result
    }

    /// The users' handle on this node, while they hold one.
    pub(crate) fn guard(&self) -> Weak<Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_guard(&self, guard: Weak<Guard>) {
        *self.guard.lock().unwrap_or_else(PoisonError::into_inner) = guard;
    }

    /// A number that this node has not given before.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Hands something to the control thread.
    pub(crate) fn control(&self, input: Input) {
        // It ends only when the node does.
        drop(self.control.send(input));
    }

    /// The end of `within`, or of the future.
    pub(crate) async fn within<F: Future>(&self, within: Duration, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut sleep = pin!(self.timers.delay(within));
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            sleep.as_mut().poll(cx).map(|_| None)
        })
        .await
    }
}

// --- where things are

impl Node {
    pub(crate) fn routing(&self) -> arc_swap::Guard<Arc<Routing>> {
        self.routing.load()
    }

    pub(crate) fn set_routing(&self, routing: Routing) {
        self.routing.store(Arc::new(routing));
    }

    /// The partition of a name, without a look at the routing snapshot.
    pub(crate) fn partition_of(&self, name: &Name) -> swarm_net::ring::PartitionId {
        let partition = name.hash64().0 % self.partitions;
        swarm_net::ring::PartitionId(u16::try_from(partition).unwrap_or(u16::MAX))
    }

    pub(crate) fn peer(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.transport.peer(node)
    }

    pub(crate) fn location(&self, cell: &Arc<dyn AnyCell>) -> Location {
        Location { node: self.me, worker: cell.worker().to_owned(), epoch: cell.epoch() }
    }

    /// Where a worker of this node is, if it takes messages here.
    pub(crate) fn location_here(&self, name: &Name) -> Option<Location> {
        self.places.open_cell(name).map(|cell| self.location(&cell))
    }

    /// The wire name of a worker type, as far as this node knows it.
    pub(crate) fn kind_name(&self, kind: u64) -> String {
        let known = self.kinds.get(KindId(kind)).map(|entry| entry.name.to_owned());
        known.unwrap_or_else(|| format!("worker type {kind:#018x}"))
    }
}

// --- frames

impl Node {
    /// Sends a frame that nobody waits for. Says whether it was taken.
    pub(crate) fn send_frame(&self, to: NodeId, kind: u8, head: [u8; 24], body: &[u8]) -> bool {
        // The other side waits for it, which bounds how many there are.
        let frame = Frame::new(kind, head, &[body]).owed();
        self.peer(to).is_some_and(|peer| peer.send(Wire::Calls, frame).is_ok())
    }

    /// Sends a frame that others would wait for in vain: it is lost only with its connection. Says whether it was taken.
    pub(crate) fn send_vital(&self, to: NodeId, kind: u8, head: [u8; 24], body: &[u8]) -> bool {
        let frame = Frame::new(kind, head, &[body]).vital();
        self.peer(to).is_some_and(|peer| peer.send(Wire::Calls, frame).is_ok())
    }

    /// Sends a control frame. What is lost is found again by the directory's periodic comparison.
    pub(crate) fn send_control(&self, to: NodeId, kind: u8, head: [u8; 24], body: &[u8]) {
        if !self.send_frame(to, kind, head, body) {
            tracing::debug!(node = %self.me, peer = %to, kind, "a control frame could not be sent");
        }
    }

    /// Whose answer a call of `origin` wants.
    pub(crate) fn reply_to(&self, origin: NodeId, request: u64) -> ReplyTo {
        ReplyTo { outlet: self.outlet(), node: origin, request }
    }

    /// An answer to a call of this node.
    pub(crate) fn complete(&self, request: u64, result: Result<Payload, CallError>) {
        self.pending.complete(RequestId(request), result.map(Answer::Payload));
    }

    /// What another node says is the answer to a call of this node. It counts only if the call has left this node, so
    /// nobody else can end what is still here.
    pub(crate) fn answered(&self, request: u64, result: Result<Payload, CallError>) {
        self.pending.complete_away(RequestId(request), result.map(Answer::Payload));
    }

    /// The reply to a call of this node is too large to travel.
    pub(crate) fn reply_too_large(&self, request: u64, bytes: u64) {
        let Some(name) = self.pending.name(RequestId(request)) else { return };
        let limit = self.config.message_bytes_max();
        self.answered(request, Err(CallError::TooLarge { name, bytes, limit, executed: Executed::Yes }));
    }

    /// A call that was posted while the node stopped may have been missed when all that wait were told.
    pub(crate) fn end_if_stopped(&self, name: &Name, request: u64) {
        if self.is_stopped() {
            self.complete(request, Err(CallError::Stopping { name: name.clone(), node: self.me }));
        }
    }
}

// --- order of calls

impl Node {
    /// What another node has sent here without finding its place yet.
    pub(crate) fn upstream(self: &Arc<Self>, from: NodeId) -> Option<Arc<Upstream>> {
        let known = self.upstreams.read().unwrap_or_else(PoisonError::into_inner).get(&from).cloned();
        if known.is_some() {
            return known;
        }
        self.peer(from)?;
        let mut upstreams = self.upstreams.write().unwrap_or_else(PoisonError::into_inner);
        let node = Arc::downgrade(self);
        let confirm = move |lane: LaneId, id| {
            if let Some(node) = node.upgrade() {
                node.send_vital(from, kind::FLUSHED, answer_head(id, lane.0), &[]);
            }
        };
        Some(upstreams.entry(from).or_insert_with(|| Upstream::new(Box::new(confirm))).clone())
    }

    /// Whether nothing that others have sent here waits for its place.
    #[cfg(test)]
    pub(crate) fn has_confirmed_all(&self) -> bool {
        let upstreams = self.upstreams.read().unwrap_or_else(PoisonError::into_inner);
        upstreams.values().all(|upstream| upstream.is_idle())
    }

    /// Asks `of` to confirm everything of this lane that it was sent before, and that had been here so often before.
    pub(crate) fn flush(self: &Arc<Self>, of: NodeId, (lane, visits): (LaneId, Visits), id: u64) {
        let mut head = answer_head(id, lane.0);
        head[16..].copy_from_slice(&u64::from(visits.0).to_le_bytes());
        if !self.send_vital(of, kind::FLUSH, head, &[]) {
            // Nothing can be in flight to a node that is gone. Not on this stack, which holds the lane's name.
            let node = self.clone();
            self.tokio.spawn(async move { node.flushed(of, lane, id) });
        }
    }

    /// Everything of this lane that was sent to `by` before this flush has found its place.
    pub(crate) fn flushed(self: &Arc<Self>, by: NodeId, lane: LaneId, id: u64) {
        if !relays::is_relayed(id) {
            if let Some(key) = self.lanes.confirmed(by, id) {
                self.drain(&key);
            }
            return;
        }
        let Confirmed { tokens, next, all_of } = self.relays.confirmed(by, lane, id);
        // Dropping them confirms, which sends frames: not under a lock.
        drop(tokens);
        if let Some(id) = next {
            self.flush(by, (lane, Visits(0)), id);
        }
        if let Some(all_of) = all_of {
            self.lanes.passed_on(all_of, by, || self.relays.is_confirmed(by, lane));
        }
    }
}

// --- time

impl Node {
    /// When [`Self::expire`] has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let story = self.story.lock().unwrap_or_else(PoisonError::into_inner).next_due();
        [self.lanes.next_due(), self.pending.next_due(), self.waits.next(), story].into_iter().flatten().min()
    }

    /// Ends or repeats what is due.
    pub(crate) fn expire(self: &Arc<Self>, now: Instant) {
        if self.pending.next_due().is_some_and(|at| at <= now) {
            self.pending.expire(now, self.id(), |waiting| match waiting.place {
                Stand::Sent { peer, frame } => match self.peer(peer) {
                    Some(peer) if peer.claimed(Wire::Calls) < FrameNo(frame) => Executed::No,
                    Some(_) | None => Executed::Maybe,
                },
                Stand::Here => Executed::No,
                Stand::Begun => Executed::Yes,
                Stand::Away => Executed::Maybe,
            });
        }
        self.tell_story(now);
        self.end_waits(now);
        self.relays.expire(now);
        while let Some((key, Unconfirmed(unconfirmed))) = self.lanes.overdue(now) {
            if unconfirmed {
                tracing::warn!(node = %self.me, "a node did not confirm in time what it was sent: calls may be out of order");
            }
            self.drain(&key);
        }
    }
}

// --- changes of the cluster

impl Node {
    pub(crate) fn tell(&self, event: impl Fn() -> Event) {
        self.subscribers.tell(event);
    }

    /// The operator's story of the cluster.
    pub(crate) fn tell_member(&self, event: &MemberEvent) {
        match event {
            MemberEvent::Up(member) => {
                let id = member.id;
                tracing::info!(node = %self.me, peer = %id, "a node is up");
                self.tell(|| Event::NodeUp(id));
            }
            MemberEvent::Changed(member) if member.profile.leaving => {
                let id = member.id;
                tracing::info!(node = %self.me, peer = %id, "a node is leaving");
                self.tell(|| Event::NodeLeaving(id));
            }
            MemberEvent::Changed(_) => {}
            MemberEvent::Down(id, why) => {
                tracing::info!(node = %self.me, peer = %id, ?why, "a node is gone");
                self.tell(|| Event::NodeDown(*id, *why));
            }
            MemberEvent::Joined => tracing::info!(node = %self.me, "joined the cluster"),
        }
    }

    /// What the directory has noticed: its items for who looks for them, their sum for everybody.
    pub(crate) fn tell_notice(&self, now: Instant, notice: Notice) {
        self.story.lock().unwrap_or_else(PoisonError::into_inner).note(now, &notice);
        match notice {
            Notice::FailedOver { name, to } => {
                tracing::debug!(node = %self.me, %name, peer = %to, "a worker starts again elsewhere");
                self.tell(|| Event::FailedOver(name.clone()));
            }
            Notice::Conflict { name, winner, loser } => {
                tracing::debug!(node = %self.me, %name, %winner, %loser, "two instances of a name met");
                self.tell(|| Event::Conflict(name.clone()));
            }
            Notice::KindConflict { name, loser } => {
                tracing::warn!(node = %self.me, %name, peer = %loser, "two workers of different types met under one name: the loser is dropped");
                self.tell(|| Event::Conflict(name.clone()));
            }
            Notice::Moved { name, from, to } => {
                tracing::debug!(node = %self.me, %name, %from, %to, "a worker has moved")
            }
            Notice::Adopted { name, host } => {
                tracing::debug!(node = %self.me, %name, peer = %host, "a worker whose record was lost is registered again");
            }
            Notice::Ended { name } => tracing::debug!(node = %self.me, %name, "a name is free: its worker has ended"),
            Notice::StartFailed { name, host, text } => {
                tracing::warn!(node = %self.me, %name, peer = %host, text, "a worker did not start");
            }
            Notice::Forced { partition, without } => {
                tracing::debug!(node = %self.me, partition = partition.0, ?without, "a partition goes on without members that do not answer");
            }
            Notice::LeaveTimedOut { cells, roles, copies } => {
                tracing::warn!(node = %self.me, cells, roles, copies, "leaving took too long: not everything was handed over");
            }
            Notice::Claimed { .. } | Notice::Owner { .. } => self.trace(&notice),
            Notice::Disagreed { .. } | Notice::UnderReplicated { .. } => self.trace(&notice),
        }
    }

    fn trace(&self, notice: &Notice) {
        tracing::trace!(node = %self.me, ?notice, "directory");
    }

    fn tell_story(&self, now: Instant) {
        let lines = self.story.lock().unwrap_or_else(PoisonError::into_inner).tell(now);
        for (level, line) in lines {
            if level == tracing::Level::WARN {
                tracing::warn!(node = %self.me, "{line}");
            } else {
                tracing::info!(node = %self.me, "{line}");
            }
        }
    }

    /// This node as a member.
    pub(crate) fn member(&self) -> Member {
        Member { id: self.me, profile: Arc::new(self.profile.clone()) }
    }

    /// Tells everybody that this node begins to leave.
    pub(crate) fn announce_leaving(&self) {
        self.transport.set_profile(Profile { leaving: true, ..self.profile.clone() });
    }

    pub(crate) fn joined(&self) {
        self.joined.send_replace(true);
    }

    /// Waits until this node takes part.
    ///
    /// # Errors
    /// What keeps it from that for good.
    pub(crate) async fn until_joined(&self) -> Result<(), NetError> {
        // The sender lives as long as the node.
        let _ = self.joined.subscribe().wait_for(|joined| *joined).await;
        self.tenancy.until_settled().await;
        self.failed.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// The network is of no use any more.
    pub(crate) fn fail(self: &Arc<Self>, error: NetError) {
        tracing::error!(node = %self.me, %error, "the node stops");
        // The first reason is the one that counts.
        let _ = self.failed.set(error);
        self.stop();
        self.tenancy.settle();
        self.joined();
    }

    /// A new connection: nothing that was sent on an older one counts.
    pub(crate) fn connected(&self, peer: NodeId) {
        self.upstreams.write().unwrap_or_else(PoisonError::into_inner).remove(&peer);
        self.surveys.distrust(peer);
        self.remind_of_recalls(peer);
    }

    /// The connection for calls to `peer` was lost. Frames up to `claimed` may have arrived; the others came back.
    pub(crate) fn lost(self: &Arc<Self>, peer: NodeId, claimed: FrameNo, unsent: Vec<Frame>) {
        self.upstreams.write().unwrap_or_else(PoisonError::into_inner).remove(&peer);
        self.hints.lost(peer);
        self.pending.fail_where(|waiting| match waiting.place {
            Stand::Sent { peer: sent_to, frame } if sent_to == peer && FrameNo(frame) <= claimed => {
                Some(inbox::node_down(waiting.name.clone(), peer))
            }
            Stand::Sent { .. } | Stand::Here | Stand::Begun | Stand::Away => None,
        });
        let relays::Lost { calls, tokens, flushes } = self.relays.lost(peer, claimed, unsent.len());
        for (name, reply) in calls {
            reply.reply(Err(inbox::node_down(name, peer)));
        }
        // What came back is older than all that waits, and is still unconfirmed to whoever sent it.
        self.resend(peer, unsent);
        drop(tokens);
        for (lane, visits, id) in flushes {
            self.flush(peer, (lane, visits), id);
        }
        self.surveys.lost(peer);
        self.farewell.let_go(peer);
        for name in self.waits.lost(peer) {
            self.open_gate(&name, |gate| gate.source == peer);
        }
        for key in self.lanes.lost(peer) {
            self.drain(&key);
        }
    }

    /// `peer` is no member any more.
    pub(crate) fn gone(self: &Arc<Self>, peer: NodeId) {
        self.hints.lost(peer);
        self.fetches.lost(peer);
        self.surveys.lost(peer);
    }

    /// Ends everything at once, as a crash would.
    pub(crate) fn stop(self: &Arc<Self>) {
        if self.stopped.swap(true, Ordering::SeqCst) {
            return;
        }
        self.control(Input::Stop);
        self.transport.stop();
        let waiting = self.lanes.clear();
        let places = self.places.clear();
        let mut letters = waiting;
        letters.extend(self.departures.clear());
        for place in places {
            match place {
                // Local callers that wait in its queue are answered below, with all that wait.
                Place::Cell(cell) => drop(cell.close()),
                Place::Gated(cell, gate) => {
                    drop(cell.close());
                    letters.extend(gate.waiting);
                }
                Place::Held(held) => letters.extend(held),
                Place::Redirect(..) => {}
            }
        }
        let me = self.me;
        self.pending.fail_where(|waiting| {
            let name = waiting.name.clone();
            Some(match waiting.place {
                Stand::Here => CallError::Stopping { name, node: me },
                Stand::Sent { peer, .. } => inbox::node_down(name, peer),
                Stand::Begun | Stand::Away => inbox::node_down(name, me),
            })
        });
        drop(letters);
        self.surveys.clear();
        self.pledges.clear();
        self.fetches.clear();
        self.subscribers.close();
        tracing::info!(node = %self.me, "stopped");
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// What the control thread knows for [`Self::stats`].
    pub(crate) fn note_directory(&self, directory: &Directory, requests: usize) {
        let figures = directory.stats();
        self.gauges.partitions.store(figures.owned, Ordering::Relaxed);
        self.gauges.names.store(figures.records, Ordering::Relaxed);
        self.gauges.under_replicated.store(figures.under_replicated, Ordering::Relaxed);
        self.gauges.requests.store(requests, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let gauge = |gauge: &AtomicUsize| gauge.load(Ordering::Relaxed) as u64;
        Stats {
            nodes: self.routing().view().len().max(1) as u64,
            workers: self.places.cells().count() as u64,
            partitions: gauge(&self.gauges.partitions),
            names: gauge(&self.gauges.names),
            under_replicated: gauge(&self.gauges.under_replicated),
            calls: counters.calls.get(),
            calls_failed: counters.calls_failed.get(),
            casts: counters.casts.get(),
            received: counters.received.get(),
            surveyed: counters.surveyed.get(),
            forwarded: counters.forwarded.get(),
            handoffs_in: counters.handoffs_in.get(),
            handoffs_out: counters.handoffs_out.get(),
            started: counters.started.get(),
            quorums_lost: counters.quorums_lost.get(),
            calls_open: self.pending.len() as u64,
            requests_open: gauge(&self.gauges.requests),
        }
    }
}

// --- what cells see

impl Host for Node {
    fn node(&self) -> NodeId {
        self.me
    }

    fn runtime(&self) -> &tokio::runtime::Handle {
        &self.tokio
    }

    fn timers(&self) -> &Timers {
        &self.timers
    }

    fn pending(&self) -> &Arc<Pending> {
        &self.pending
    }

    fn lease(&self) -> Lease {
        self.tenancy.lease()
    }

    fn outlet(&self) -> Arc<dyn Outlet> {
        self.this()
    }

    fn ended(&self, name: &Name, _kind: KindId, epoch: crate::epoch::Epoch, end: End) {
        if let Some(node) = self.this.upgrade() {
            node.cell_ended(name, epoch, &end);
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Outlet for Node {
    fn reply(&self, node: NodeId, request: u64, result: Result<Payload, CallError>) {
        if node == self.me {
            self.complete(request, result);
            return;
        }
        let sent = match result {
            Ok(reply) if reply.len() as u64 > self.config.message_bytes_max() => {
                let mut head = answer_head(request, verdict::TOO_LARGE);
                head[16..].copy_from_slice(&(reply.len() as u64).to_le_bytes());
                self.send_frame(node, kind::REPLY, head, &[])
            }
            Ok(reply) => self.send_frame(node, kind::REPLY, answer_head(request, verdict::REPLY), &reply),
            Err(error) => match rkyv::to_bytes::<rkyv::rancor::Error>(&error) {
                Ok(bytes) => self.send_frame(node, kind::REPLY, answer_head(request, verdict::ERROR), &bytes),
                Err(_) => false,
            },
        };
        if !sent {
            tracing::debug!(node = %self.me, peer = %node, "an answer could not be sent: its caller will time out");
        }
    }
}
