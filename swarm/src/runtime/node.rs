//! Owns what all threads of one node share. Its parts know what they do; this only holds them together.

use std::any::Any;
use std::future::Future;
use std::ops::Deref;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use swarm_net::error::NetError;
use swarm_net::member::{Member, Profile};
use swarm_net::node::NodeId;
use swarm_net::secret::Keyring;
use swarm_net::time::{Clock, Instant};
#[cfg(feature = "tls")]
use swarm_net::tls::Credentials;
use swarm_net::transport::{Peer, Transport};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::call::pending::Pending;
use crate::config::Config;
use crate::error::{CallError, Location};
use crate::event::Subscribers;
use crate::name::{Name, NameHash};
use crate::runtime::Kinds;
use crate::runtime::complaints::Complaints;
use crate::runtime::crews::Crews;
use crate::runtime::departures::Departures;
use crate::runtime::desk::Desk;
use crate::runtime::early::EarlyAnswers;
use crate::runtime::errands::Errands;
use crate::runtime::farewell::Farewell;
use crate::runtime::fetch::Fetches;
use crate::runtime::figures::Gauges;
use crate::runtime::flushes::Upstreams;
use crate::runtime::guard::Guard;
use crate::runtime::hints::Hints;
use crate::runtime::input::Input;
use crate::runtime::instances::Instances;
use crate::runtime::lanes::Lanes;
use crate::runtime::letter::Letter;
use crate::runtime::outgoing::Outgoing;
use crate::runtime::places::Places;
use crate::runtime::pledges::Pledges;
use crate::runtime::relays::Relays;
use crate::runtime::room::Room;
use crate::runtime::rounds::Rounds;
use crate::runtime::routing::Routing;
use crate::runtime::snapshot::Snapshot;
use crate::runtime::story::Story;
use crate::runtime::survey::Surveys;
use crate::runtime::tally::{Tallies, Tally};
use crate::runtime::telling;
use crate::runtime::tenancy::Tenancy;
use crate::runtime::vitals::Lately;
use crate::runtime::waits::Waits;
use crate::stats::Counters;
use crate::timer::Timers;
use crate::trace::Tracing;
use crate::worker::pace::{Keeps, Switch};
use crate::worker::soon;
use crate::worker::{AnyCell, End, Host, Incident, KindId, Payload, ReplyTo};

/// Keeps a letter unconfirmed to the node that sent it here.
pub(crate) type Token = Box<dyn Any + Send + Sync>;

/// Everything of a node but its threads.
pub(crate) struct Node {
    me: NodeId,
    config: Config,
    /// What protects its traffic, if anything does.
    pub(crate) keys: Option<Keyring>,
    /// What protects its connections in place of that.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Credentials>,
    pub(crate) desk: Arc<Desk>,
    transport: Transport,
    tokio: tokio::runtime::Handle,
    timers: Timers,
    routing: Snapshot<Routing>,
    partitions: u64,
    this: Weak<Node>,
    /// What it says of itself.
    profile: Mutex<Profile>,
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
    pub(crate) early: EarlyAnswers,
    pub(crate) groups: Crews,
    pub(crate) errands: Errands,
    pub(crate) rounds: Arc<Rounds>,
    pub(crate) fetches: Fetches,
    pub(crate) outgoing: Outgoing,
    pub(crate) instances: Instances,
    pub(crate) surveys: Surveys,
    /// Tasks that tell or call members of large groups.
    pub(crate) telling: Arc<Semaphore>,
    pub(crate) pledges: Pledges,
    pub(crate) counters: Counters,
    /// What is counted by worker type, if it is.
    pub(crate) tallies: Option<Tallies>,
    pub(crate) complaints: Complaints,
    pub(crate) excesses: Complaints,
    pub(crate) unconfirmed: Complaints,
    pub(crate) subscribers: Subscribers,
    pub(crate) upstreams: Upstreams,
    numbers: AtomicU64,
    pub(crate) farewell: Farewell,
    pub(crate) story: Mutex<Story>,
    pub(crate) tenancy: Tenancy,
    /// How its calls are traced, if they are.
    pub(crate) tracing: Tracing,
    joined: watch::Sender<bool>,
    pub(crate) failed: OnceLock<NetError>,
    pub(crate) stopped: AtomicBool,
    pub(crate) gauges: Gauges,
    /// The runs that were told last.
    pub(crate) lately: Lately,
    /// Since when it is there.
    began: Instant,
    /// It is to own no part of the ring, though it does not leave.
    drained: AtomicBool,
    /// Where operators reach it, if they can.
    #[cfg(feature = "admin")]
    pub(crate) admin: OnceLock<crate::admin::Endpoints>,
    /// What has happened, if it is to be told later.
    #[cfg(feature = "admin")]
    pub(crate) diary: OnceLock<Arc<crate::admin::Diary>>,
    /// Where browsers are shown the cluster, if they are.
    #[cfg(feature = "dashboard")]
    pub(crate) dashboard: OnceLock<crate::rpc::Opened>,
    /// Where programs that are no members reach it, if they can.
    #[cfg(feature = "gateway")]
    pub(crate) gateway: OnceLock<std::net::SocketAddr>,
    /// Where programs reach it by HTTP, if they can.
    #[cfg(feature = "http")]
    pub(crate) http: OnceLock<crate::rpc::Opened>,
    /// Where its metrics are told, if they are.
    #[cfg(feature = "prometheus")]
    pub(crate) metrics: OnceLock<std::net::SocketAddr>,
}

/// What a node is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) keys: Option<Keyring>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Credentials>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) transport: Transport,
    pub(crate) tokio: tokio::runtime::Handle,
    pub(crate) timers: Timers,
    pub(crate) kinds: Kinds,
    pub(crate) profile: Profile,
    pub(crate) keeps: Keeps,
    pub(crate) tracing: Tracing,
}

impl Node {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            config,
            keys,
            #[cfg(feature = "tls")]
            tls,
            desk,
            transport,
            tokio,
            timers,
            kinds,
            profile,
            keeps,
            tracing,
        } = parts;
        let me = transport.node();
        let partitions = config.partitions();
        let tenancy = Tenancy::new(config.placement, kinds.paces(config.quick_max(), keeps));
        let tallies = (keeps == Keeps::Tallies).then(|| Tallies::of(kinds.iter().map(|entry| entry.kind)));
        let sooner = |desk: Arc<Desk>| move |_: Instant| desk.hand(Input::Look);
        Arc::new_cyclic(|this| Self {
            me,
            pending: Arc::new(Pending::new(config.calls_open_max(), sooner(desk.clone()))),
            lanes: Lanes::new(partitions, sooner(desk.clone())),
            config,
            keys,
            #[cfg(feature = "tls")]
            tls,
            desk,
            transport,
            tokio,
            timers,
            routing: Snapshot::new(Routing::alone(me, partitions)),
            partitions: u64::from(partitions),
            this: this.clone(),
            profile: Mutex::new(profile),
            guard: Mutex::default(),
            kinds,
            places: Places::new(),
            relays: Relays::default(),
            hints: Hints::default(),
            room: Arc::default(),
            waits: Waits::default(),
            departures: Departures::default(),
            early: EarlyAnswers::default(),
            groups: Crews::default(),
            errands: Errands::default(),
            rounds: Arc::default(),
            fetches: Fetches::default(),
            outgoing: Outgoing::default(),
            instances: Instances::default(),
            surveys: Surveys::default(),
            telling: Arc::new(Semaphore::new(telling::TASKS_MAX)),
            pledges: Pledges::default(),
            counters: Counters::default(),
            tallies,
            complaints: Complaints::default(),
            excesses: Complaints::default(),
            unconfirmed: Complaints::default(),
            subscribers: Subscribers::default(),
            upstreams: Upstreams::default(),
            numbers: AtomicU64::new(1),
            farewell: Farewell::default(),
            story: Mutex::default(),
            tenancy,
            tracing,
            joined: watch::Sender::new(false),
            failed: OnceLock::new(),
            stopped: AtomicBool::new(false),
            gauges: Gauges::default(),
            lately: Lately::default(),
            began: Clock::instant(),
            drained: AtomicBool::new(false),
            #[cfg(feature = "admin")]
            admin: OnceLock::new(),
            #[cfg(feature = "admin")]
            diary: OnceLock::new(),
            #[cfg(feature = "dashboard")]
            dashboard: OnceLock::new(),
            #[cfg(feature = "gateway")]
            gateway: OnceLock::new(),
            #[cfg(feature = "http")]
            http: OnceLock::new(),
            #[cfg(feature = "prometheus")]
            metrics: OnceLock::new(),
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

    #[inline]
    pub(crate) fn call_timeout(&self) -> Duration {
        self.config.call_timeout()
    }

    /// This node, for who has it only by reference.
    pub(crate) fn this(&self) -> Arc<Self> {
        self.this.upgrade().expect("somebody holds the node whose method runs")
    }

    /// Counts a call that is over of a worker of this type.
    #[inline]
    pub(crate) fn note_call<R>(&self, kind: KindId, result: Result<R, CallError>) -> Result<R, CallError> {
        if let Some(tally) = self.tally(kind) {
            tally.ended(result.as_ref().err());
            return result;
        }
        self.counters.calls.add(1);
        if result.is_err() {
            self.counters.calls_failed.add(1);
        }
        result
    }

    /// What is counted of a worker type, if anything is.
    #[inline]
    fn tally(&self, kind: KindId) -> Option<&Tally> {
        // Without the feature nobody can have asked for it.
        self.tallies.as_ref().filter(|_| cfg!(feature = "metrics")).map(|tallies| tallies.at(kind))
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
        self.desk.hand(input);
    }

    /// Reports what came of an order of the directory: from an errand, or in the middle of a turn.
    pub(crate) fn report(&self, input: Input) {
        // Whoever runs the errand takes the turn, on such a thread without delay.
        if soon::is_open() {
            self.desk.add(input);
        } else {
            self.desk.promise(input);
        }
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
    pub(crate) fn routing(&self) -> impl Deref<Target = Arc<Routing>> + use<> {
        self.routing.read()
    }

    pub(crate) fn set_routing(&self, routing: Routing) {
        self.routing.publish(routing);
    }

    /// The partition of a name, without a look at the routing snapshot.
    pub(crate) fn partition_of(&self, name: &Name) -> swarm_net::ring::PartitionId {
        self.partition_at(name.hash64())
    }

    /// The same for who has the name's hash at hand.
    #[inline]
    pub(crate) fn partition_at(&self, hash: NameHash) -> swarm_net::ring::PartitionId {
        let partition = hash.0 % self.partitions;
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

// --- taking part

impl Node {
    /// This node as a member.
    pub(crate) fn member(&self) -> Member {
        Member { id: self.me, profile: Arc::new(self.profile().clone()) }
    }

    /// Takes this node's share of the ring, unless it has it.
    pub(crate) fn take_share(&self) {
        self.weigh();
    }

    /// Gives this node's share of the ring away, so that its workers move to others, or takes it back. It is a member as
    /// before. A node that waits for its first lease takes its share with it.
    pub(crate) fn set_drained(&self, drained: bool) {
        self.drained.store(drained, Ordering::SeqCst);
        self.weigh();
        tracing::info!(node = %self.id(), drained, "an operator has changed whether this node takes workers");
    }

    /// Whether it owns no part of the ring, by an operator's wish.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained.load(Ordering::SeqCst)
    }

    /// For how long it has been there.
    pub(crate) fn up(&self) -> Duration {
        Clock::instant().since(self.began)
    }

    /// Tells everybody its share of the ring, if that has changed.
    fn weigh(&self) {
        let mut profile = self.profile();
        // Looked at with the lock held, so that who comes last tells what holds.
        let none = self.is_drained() || !self.tenancy.has_begun();
        let weight = if none { 0 } else { self.config.weight };
        if profile.weight != weight {
            profile.weight = weight;
            self.transport.set_profile(profile.clone(), || {});
        }
    }

    /// Tells everybody what has changed about this node.
    fn announce(&self, change: impl FnOnce(&mut Profile), done: impl FnOnce() + Send + 'static) {
        let mut profile = self.profile();
        change(&mut profile);
        // With the lock held, so that what is told last holds all changes.
        self.transport.set_profile(profile.clone(), done);
    }

    fn profile(&self) -> MutexGuard<'_, Profile> {
        self.profile.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has told everybody that it leaves, or nothing is begun here any more.
    #[cfg(feature = "gateway")]
    pub(crate) fn is_leaving(&self) -> bool {
        self.is_closed() || self.profile().leaving
    }

    /// Tells everybody that this node begins to leave. After it, all who may take its workers over are known.
    pub(crate) async fn announce_leaving(&self) {
        let (done, told) = oneshot::channel();
        let tell = move || {
            // It fails if nobody waits any more.
            let _ = done.send(());
        };
        self.announce(|profile| profile.leaving = true, tell);
        // It is dropped if the network has ended before.
        let _ = told.await;
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

    fn reply(&self, node: NodeId, request: u64, result: Result<Payload, CallError>) {
        self.send_reply(node, request, result);
    }

    fn switched(&self, switch: Switch) {
        match switch {
            Switch::ToSpot => self.counters.promotions.add(1),
            Switch::ToPool => self.counters.demotions.add(1),
        }
    }

    fn befell(&self, kind: KindId, incident: Incident) {
        match incident {
            Incident::Full => self.counters.mailboxes_full.add(1),
            Incident::Restarted => self.counters.restarts.add(1),
            Incident::GivenUp => self.counters.given_up.add(1),
        }
        if let Some(tally) = self.tally(kind) {
            tally.befell(incident);
        }
    }

    fn restarted(&self, name: &Name, why: &str) {
        self.tell(|| crate::event::Event::Restarted { name: name.clone(), why: why.to_owned() });
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
