//! Owns a world of a few nodes, their links, and a directory that says at any time what a real one might say. Whoever
//! drives it decides what happens next; it never does anything by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crossbeam_channel::Receiver;
use swarm_net::member::{Member, Profile, View};
use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use swarm_net::transport::{Inbox, Lane, Manual, Peer, Transport};
use swarm_net::wire::Frame;

use super::links::{End, Link};
use super::notebook::{Ask, Note, Notebook, Ran, read, take_ran};
use crate::call::frame::{Envelope, kind, payload};
use crate::config::Config;
use crate::directory::{Happened, Order, RequestId, Route};
use crate::epoch::{Epoch, Term};
use crate::error::{CallError, Executed};
use crate::message::encode;
use crate::name::Name;
use crate::registration::Entry;
use crate::runtime::control::{Input, SLEEP_MAX};
use crate::runtime::inbox::Ear;
use crate::runtime::node::Parts;
use crate::runtime::routing::Routing;
use crate::runtime::{Begun, First, Kinds, Node};
use crate::timer::Timers;
use crate::worker::{Die, Worker};

/// One message: name, caller, number.
pub(super) type Sent = (Name, u64, u64);

/// What became of a message, as far as its caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was a cast, and taken.
    Cast,
    Answered,
    Failed(CallError),
}

/// One node.
struct Site {
    node: Arc<Node>,
    ear: Arc<Ear>,
    manual: Manual,
    inputs: Receiver<Input>,
    peers: BTreeMap<usize, Arc<Peer>>,
    /// Whom it takes for the owner of all partitions.
    owner: usize,
    /// When its control thread looks at what is due, unless it is told something before.
    looks: Instant,
    /// The names that it has asked its directory for.
    wanted: BTreeSet<Name>,
}

/// How far the move of a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Rest,
    Sealing { to: usize },
    Sealed { to: usize },
    Starting { to: usize, epoch: Epoch },
    StartFailed,
    Started { to: usize, epoch: Epoch },
}

/// What the directory knows of a worker.
#[derive(Clone, Copy, Debug)]
struct Record {
    host: usize,
    epoch: Epoch,
    stage: Stage,
}

type Waiting = (Sent, Begun<<Notebook as crate::worker::Call<Ask>>::Reply>);

pub(super) struct World {
    sites: Vec<Site>,
    links: BTreeMap<(usize, usize), Link>,
    timers: Timers,
    tokio: tokio::runtime::Runtime,
    records: BTreeMap<Name, Record>,
    /// The node whose directory decides.
    decides: usize,
    epochs: u32,
    calls: Vec<Waiting>,
    numbers: BTreeMap<(Name, u64), u64>,
    pub(super) fates: BTreeMap<Sent, Fate>,
    /// Casts that may be dropped from then on, wherever they are.
    dues: BTreeMap<Sent, Instant>,
    pub(super) ran: Vec<Ran>,
    /// Letters that a connection took with it.
    pub(super) lost: BTreeSet<Sent>,
    pub(super) traced: bool,
}

fn id(node: usize) -> NodeId {
    // Tags are never zero.
    NodeId::new(([127, 0, 0, 1], 1).into(), node as u64 + 1)
}

impl World {
    /// So many nodes that agree, and these workers on the first.
    pub(super) fn new(nodes: usize, names: &[&str], queue_frames: u32) -> Self {
        let tokio = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
        let timers = Timers::manual();
        let mut config = Config::local();
        config.net.partitions = 2;
        config.net.calls_queue_frames_max = queue_frames;
        let sites = (0..nodes).map(|me| Site::new(me, nodes, &config, &timers, tokio.handle().clone())).collect();
        let pairs = (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b)));
        let links = pairs.map(|pair| (pair, Link::default())).collect();
        take_ran();
        let mut world = Self {
            sites,
            links,
            timers,
            tokio,
            records: BTreeMap::new(),
            decides: 0,
            epochs: 0,
            calls: Vec::new(),
            numbers: BTreeMap::new(),
            fates: BTreeMap::new(),
            dues: BTreeMap::new(),
            ran: Vec::new(),
            lost: BTreeSet::new(),
            traced: false,
        };
        for me in 0..nodes {
            world.see(me, 0);
        }
        for name in names {
            let epoch = world.epoch();
            world.start(&Name::from(*name), 0, epoch, None);
            world.records.insert((*name).into(), Record { host: 0, epoch, stage: Stage::Rest });
        }
        world.work();
        world
    }

    pub(super) fn nodes(&self) -> usize {
        self.sites.len()
    }

    pub(super) fn names(&self) -> Vec<Name> {
        self.records.keys().cloned().collect()
    }

    pub(super) fn now(&self) -> Instant {
        self.timers.now()
    }

    fn note(&self, line: impl FnOnce() -> String) {
        if self.traced {
            println!("{}", line());
        }
    }

    // --- what callers do

    pub(super) fn cast(&mut self, caller: usize, name: &Name) {
        let number = self.number(caller, name);
        self.note(|| format!("{caller} casts {number} to {name}"));
        let message = Note(caller as u64, number);
        if self.sites[caller].node.cast::<Notebook, Note>(name, message).is_ok() {
            self.sent(caller, name, number);
            let due = self.now() + self.sites[caller].node.config().cast_wait();
            self.dues.insert((name.clone(), caller as u64, number), due);
            self.fates.insert((name.clone(), caller as u64, number), Fate::Cast);
        }
        self.look();
    }

    pub(super) fn call(&mut self, caller: usize, name: &Name, within: Duration) {
        let number = self.number(caller, name);
        self.note(|| format!("{caller} calls {number} of {name}"));
        let mut cx = Context::from_waker(Waker::noop());
        let message = Ask(caller as u64, number);
        let first = self.sites[caller].node.call::<Notebook, Ask>(name, message, Some(within), &mut cx);
        let sent = (name.clone(), caller as u64, number);
        self.sent(caller, name, number);
        match first {
            First::Done(result) => self.end(sent, result.map(drop)),
            First::Begun(begun) => self.calls.push((sent, begun)),
            First::Yield(_) => panic!("nobody counts the budget of this thread"),
        }
        self.look();
    }

    fn number(&self, caller: usize, name: &Name) -> u64 {
        self.numbers.get(&(name.clone(), caller as u64)).copied().unwrap_or(0) + 1
    }

    fn sent(&mut self, caller: usize, name: &Name, number: u64) {
        self.numbers.insert((name.clone(), caller as u64), number);
    }

    fn end(&mut self, sent: Sent, result: Result<(), CallError>) {
        let fate = result.map_or_else(Fate::Failed, |()| Fate::Answered);
        let twice = self.fates.insert(sent.clone(), fate);
        assert_eq!(twice, None, "{sent:?} ends once");
    }

    /// How many calls have no answer yet.
    pub(super) fn open_calls(&mut self) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        for (sent, mut begun) in std::mem::take(&mut self.calls) {
            match begun.poll(&mut cx) {
                Poll::Ready(result) => self.end(sent, result.map(drop)),
                Poll::Pending => self.calls.push((sent, begun)),
            }
        }
        self.calls.len()
    }

    // --- what the network does

    /// Takes about one frame from a node's queue and gives it to the connection. Says whether there was one.
    pub(super) fn claim(&mut self, from: usize, to: usize, lane: Lane) -> bool {
        let Some((end, _)) = self.link(from, to).map(|(link, end)| (link.ends[end], end)) else { return false };
        if end == End::Down {
            return false;
        }
        let now = self.now();
        let site = &self.sites[from];
        let Some(frames) = site.manual.claim(&site.peers[&to], lane, 1, now) else { return false };
        frames.iter().for_each(|frame| self.note(|| format!("{from} ⇢ {to}: {}", describe(frame))));
        if end == End::Broken {
            self.lose(from, frames);
        } else if let Some((link, end)) = self.link(from, to) {
            link.wire(end, lane).extend(frames);
        }
        true
    }

    /// The next frame arrives. Says whether there was one.
    pub(super) fn deliver(&mut self, from: usize, to: usize, lane: Lane) -> bool {
        let Some((link, end)) = self.link(from, to) else { return false };
        if link.ends[1 - end] != End::Up {
            return false;
        }
        let Some(frame) = link.wire(end, lane).pop_front() else { return false };
        self.note(|| format!("{from} → {to}: {}", describe(&frame)));
        let site = &self.sites[to];
        site.ear.frame(&site.peers[&from], lane, frame.as_ref());
        self.look();
        true
    }

    /// All that waits for the way from one node to another arrives.
    pub(super) fn carry(&mut self, from: usize, to: usize) {
        while self.claim(from, to, Lane::Calls) || self.deliver(from, to, Lane::Calls) {}
    }

    /// The connection breaks; nobody knows yet.
    pub(super) fn cut(&mut self, a: usize, b: usize) {
        let Some((link, end)) = self.link(a, b) else { return };
        let frames = link.cut();
        self.note(|| format!("{a} ╳ {b}, {} frames lost", frames.len()));
        self.lose(if end == 0 { a } else { b }, frames);
    }

    /// A node notices that its connection is lost, or gets a new one. Says whether there was anything of that kind.
    pub(super) fn mend(&mut self, me: usize, other: usize) -> bool {
        let Some((link, end)) = self.link(me, other) else { return false };
        let broken = link.ends[end] == End::Broken;
        if !broken && !link.may_connect(end) {
            return false;
        }
        link.ends[end] = if broken { End::Down } else { End::Up };
        self.note(|| format!("{me} {} {other}", if broken { "has lost" } else { "is connected with" }));
        let site = &self.sites[me];
        let peer = &site.peers[&other];
        if broken {
            for lane in [Lane::Calls, Lane::Bulk] {
                let (claimed, unsent) = site.manual.reset(peer, lane);
                site.ear.reset(peer, lane, claimed, unsent);
            }
        } else {
            site.ear.connected(peer);
        }
        self.look();
        true
    }

    fn lose(&mut self, _from: usize, frames: impl IntoIterator<Item = Frame>) {
        self.lost.extend(frames.into_iter().filter_map(|frame| letter(&frame)));
    }

    /// The link of two nodes, and the end of the first of them.
    fn link(&mut self, a: usize, b: usize) -> Option<(&mut Link, usize)> {
        self.links.get_mut(&(a.min(b), a.max(b))).map(|link| (link, usize::from(a > b)))
    }

    // --- what the cluster does

    /// A node takes another for the owner.
    pub(super) fn see(&mut self, me: usize, owner: usize) {
        self.note(|| format!("{me} sees owner {owner}"));
        self.sites[me].owner = owner;
        self.publish(me);
    }

    /// Another node's directory decides.
    pub(super) fn decide(&mut self, by: usize) {
        self.note(|| format!("{by} decides"));
        let before = std::mem::replace(&mut self.decides, by);
        self.publish(before);
        self.publish(by);
    }

    fn publish(&self, me: usize) {
        let site = &self.sites[me];
        let member = |n| (id(n), Member { id: id(n), profile: site.node.member().profile });
        let view: View = (0..self.sites.len()).map(member).collect();
        site.node.set_routing(Routing::seen(id(me), id(site.owner), Arc::new(view), me == self.decides));
    }

    /// A node's directory says where calls go that are held there, if it can. Says whether it could.
    pub(super) fn answer(&mut self, me: usize, name: &Name) -> bool {
        if !self.sites[me].wanted.contains(name) {
            return false;
        }
        let record = self.records[name];
        let host = match record.stage {
            Stage::Rest | Stage::Sealing { .. } | Stage::Sealed { .. } | Stage::StartFailed => record.host,
            Stage::Starting { to, .. } | Stage::Started { to, .. } => to,
        };
        let here = host == me || record.host == me;
        let to = match (here, me == self.decides) {
            (true, _) => Route::Here,
            (false, true) => Route::Host(id(host)),
            (false, false) if self.sites[me].owner != me => Route::Ring,
            (false, false) => return false,
        };
        self.note(|| format!("{me} is told of {name}: {to:?}"));
        self.sites[me].wanted.remove(name);
        self.sites[me].node.settle(name, to);
        self.look();
        true
    }

    /// The next step of a worker's move, to `target` if it is the first. Says whether there was one.
    pub(super) fn advance(&mut self, name: &Name, target: Option<usize>) -> bool {
        let record = self.records[name];
        let Record { host, epoch, stage } = record;
        match stage {
            Stage::Rest => {
                let Some(to) = target.filter(|to| *to != host) else { return false };
                self.set(name, Record { stage: Stage::Sealing { to }, ..record });
                self.order(host, name, Order::Seal { epoch, forced: false });
            }
            Stage::Sealing { .. } | Stage::Starting { .. } => return false,
            Stage::Sealed { to } => {
                let new = self.epoch();
                self.set(name, Record { stage: Stage::Starting { to, epoch: new }, ..record });
                self.start(name, to, new, Some((id(host), epoch)));
            }
            Stage::StartFailed => {
                let new = self.epoch();
                self.set(name, Record { host, epoch: new, stage: Stage::Rest });
                self.order(host, name, Order::Unseal { epoch, new });
            }
            Stage::Started { to, epoch: new } => {
                self.set(name, Record { host: to, epoch: new, stage: Stage::Rest });
                self.order(host, name, Order::Drop { epoch, why: Die::Moved, successor: Some(id(to)) });
            }
        }
        true
    }

    fn set(&mut self, name: &Name, record: Record) {
        self.records.insert(name.clone(), record);
    }

    fn start(&mut self, name: &Name, on: usize, epoch: Epoch, source: Option<(NodeId, Epoch)>) {
        let spec = crate::runtime::registry::spec::<Notebook>(&encode(&super::notebook::Total(0)));
        let registrar = RequestId { node: id(on), seq: 1 };
        self.order(on, name, Order::Start { spec, epoch, groups: Vec::new(), source, registrar });
    }

    fn order(&mut self, on: usize, name: &Name, order: Order) {
        self.note(|| format!("{on} is to {}: {name}", order_word(&order)));
        self.sites[on].node.order(name.clone(), order);
        self.look();
    }

    fn epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch::new(Term::default(), self.epochs)
    }

    /// Looks at what the nodes have told their control threads.
    fn look(&mut self) {
        for me in 0..self.sites.len() {
            let mut told = false;
            while let Ok(input) = self.sites[me].inputs.try_recv() {
                told = true;
                match input {
                    Input::Wanted(name) => drop(self.sites[me].wanted.insert(name)),
                    Input::Cell(name, epoch, happened) => self.happened(&name, epoch, &happened),
                    Input::Reset(_) | Input::Look | Input::LetGo(_) | Input::Stop => {}
                    Input::Member(_)
                    | Input::Directory(..)
                    | Input::Asks(..)
                    | Input::Answers(..)
                    | Input::Ask(_)
                    | Input::Leave(..) => panic!("no test of this world sends such"),
                }
            }
            if told {
                self.fall_asleep(me);
            }
        }
    }

    /// A control thread sleeps until something is due, as far as it knows.
    fn fall_asleep(&mut self, me: usize) {
        let longest = self.now() + SLEEP_MAX;
        let site = &mut self.sites[me];
        site.looks = site.node.next_due().map_or(longest, |due| due.min(longest));
    }

    fn happened(&mut self, name: &Name, epoch: Epoch, happened: &Happened) {
        self.note(|| format!("{name} {epoch}: {happened:?}"));
        let Some(record) = self.records.get_mut(name) else { return };
        record.stage = match (record.stage, happened) {
            (Stage::Sealing { to }, Happened::Sealed) => Stage::Sealed { to },
            (Stage::Sealing { .. }, Happened::SealTimedOut) => Stage::Rest,
            (Stage::Starting { to, epoch: new }, Happened::Started) if new == epoch => Stage::Started { to, epoch },
            (Stage::Starting { epoch: new, .. }, Happened::StartFailed(_)) if new == epoch => Stage::StartFailed,
            (stage, Happened::Dropped | Happened::Started) => stage,
            (stage, happened) => panic!("{name} {epoch} {happened:?} in {stage:?}"),
        };
    }

    // --- what goes on inside of nodes

    /// Everything that runs on tokio runs as far as it can.
    pub(super) fn work(&mut self) {
        for site in &self.sites {
            site.node.errands.launch(self.tokio.handle());
        }
        self.tokio.block_on(async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        });
        self.ran.extend(take_ran());
        self.look();
    }

    /// Time passes.
    pub(super) fn pass(&mut self, span: Duration) {
        self.note(|| format!("{span:?} pass"));
        self.timers.advance(span);
        let now = self.now();
        for me in 0..self.sites.len() {
            if self.sites[me].looks <= now {
                self.sites[me].node.expire(now);
                self.fall_asleep(me);
            }
        }
        self.look();
    }

    /// When something ends by time.
    fn next_due(&self) -> Option<Instant> {
        self.sites.iter().map(|site| site.looks).min()
    }

    // --- the end

    /// Nothing changes any more: everything is to find its way within this time.
    pub(super) fn calm(&mut self, within: Duration) -> Result<(), String> {
        self.note(|| "---- calm".to_owned());
        for me in 0..self.nodes() {
            self.see(me, self.decides);
        }
        let limit = self.now() + within;
        loop {
            while self.turn() {}
            let Some(what) = self.unsettled() else { return Ok(()) };
            let now = self.now();
            let due = self.next_due().ok_or_else(|| format!("stuck for ever: {what}"))?;
            if due > limit {
                return Err(format!("stuck until {:?} from now: {what}", due.since(now)));
            }
            self.pass(due.since(now).max(Duration::from_micros(1)));
        }
    }

    /// Whatever can go on goes on. Says whether anything could.
    fn turn(&mut self) -> bool {
        let mut moved = false;
        for a in 0..self.nodes() {
            for b in 0..self.nodes() {
                moved |= self.mend(a, b);
                for lane in [Lane::Calls, Lane::Bulk] {
                    while self.claim(a, b, lane) || self.deliver(a, b, lane) {
                        moved = true;
                    }
                }
            }
        }
        let ran = self.ran.len();
        self.work();
        for name in self.names() {
            moved |= self.advance(&name, None);
            for me in 0..self.nodes() {
                moved |= self.answer(me, &name);
            }
        }
        moved | (self.ran.len() > ran)
    }

    /// What has not found its place, or has not been told.
    fn unsettled(&mut self) -> Option<String> {
        if let Some((name, record)) = self.records.iter().find(|(_, record)| record.stage != Stage::Rest) {
            return Some(format!("{name} is still on its way: {record:?}"));
        }
        for (me, site) in self.sites.iter().enumerate() {
            let node = &site.node;
            if !node.departures.are_over() {
                return Some(format!("{me}: a worker's queue has not followed it"));
            }
            if node.lanes.waiting() + node.room.letters() > 0 {
                let (lanes, held) = (node.lanes.waiting(), node.room.letters());
                let now = self.now();
                let tracks = node.lanes.describe();
                return Some(format!("{now:?}: {me}: {lanes} in lanes, {held} held or at gates: {tracks}"));
            }
            if !node.relays.are_confirmed() {
                return Some(format!("{me}: what it has passed on is not confirmed"));
            }
        }
        match self.open_calls() {
            0 => None,
            _ => Some(format!("a call has no answer: {:?}", self.calls[0].0)),
        }
    }

    /// Nothing is left of what has happened, once all that ends by time has ended.
    pub(super) fn rest(&mut self) -> Result<(), String> {
        // The longest wait, and whatever its end has set off.
        for span in [self.sites[0].node.config().redirect_ttl(), SLEEP_MAX] {
            self.pass(span);
            while self.turn() {}
        }
        for (me, site) in self.sites.iter().enumerate() {
            let node = &site.node;
            let rests = [
                ("lanes", node.lanes.is_at_rest()),
                ("relays", node.relays.is_idle()),
                ("upstreams", node.has_confirmed_all()),
                ("waits", node.waits.is_idle()),
                ("departures", node.departures.are_over()),
                ("room", node.room.letters() == 0),
                ("pending calls", node.pending.is_empty()),
                ("places", node.places.are_at_rest()),
            ];
            if let Some((what, _)) = rests.iter().find(|(_, rests)| !rests) {
                return Err(format!("{me}: something is left in its {what}: {}", node.lanes.describe()));
            }
        }
        Ok(())
    }

    /// What every world must have kept: each message at most once, each that its caller was told of truly, and whoever
    /// moved has taken its state along. `Err` says what was broken.
    pub(super) fn audit(&mut self) -> Result<(), String> {
        self.ran.extend(take_ran());
        let mut ran = BTreeSet::new();
        let mut totals = BTreeMap::<&str, u64>::new();
        for note in &self.ran {
            if !ran.insert((Name::from(note.name.as_str()), note.caller, note.number)) {
                return Err(format!("{note:?} ran twice"));
            }
            let total = totals.entry(&note.name).or_default();
            *total += 1;
            if note.total != *total {
                return Err(format!("{note:?}, but {total} have run: the state was lost"));
            }
        }
        for (sent, fate) in &self.fates {
            let may = match fate {
                Fate::Cast => ran.contains(sent) || self.lost.contains(sent) || self.dues[sent] <= self.now(),
                Fate::Answered => ran.contains(sent),
                Fate::Failed(error) => match error.executed() {
                    Executed::No => !ran.contains(sent),
                    Executed::Yes => ran.contains(sent),
                    Executed::Maybe => true,
                },
            };
            if !may {
                let did = if ran.contains(sent) { "ran" } else { "did not run" };
                return Err(format!("{sent:?} {did}, and its caller was told {fate:?}"));
            }
        }
        Ok(())
    }
}

impl Drop for World {
    /// As a crash of all nodes would. Nothing keeps them.
    fn drop(&mut self) {
        self.calls.clear();
        let sites = std::mem::take(&mut self.sites);
        let nodes: Vec<_> = sites.iter().map(|site| Arc::downgrade(&site.node)).collect();
        sites.iter().for_each(|site| site.node.stop());
        drop(sites);
        self.tokio.block_on(tokio::task::yield_now());
        let kept = nodes.iter().filter(|node| node.strong_count() > 0).count();
        if !std::thread::panicking() {
            assert_eq!(kept, 0, "a stopped node is gone");
        }
    }
}

impl Site {
    fn new(me: usize, nodes: usize, config: &Config, timers: &Timers, tokio: tokio::runtime::Handle) -> Self {
        let (control, inputs) = crossbeam_channel::unbounded();
        let ear = Arc::new(Ear::new(control.clone()));
        let (transport, manual) = Transport::manual(id(me), config.net.clone()).expect("the system has a waker");
        let mut kinds = Kinds::default();
        kinds.add(Entry::of::<Notebook>()).expect("it is the only one");
        let profile =
            Profile { version: 1, weight: 100, leaving: false, abilities: vec![Notebook::KIND.0], extra: Vec::new() };
        let parts = Parts { config: config.clone(), control, transport, tokio, timers: timers.clone(), kinds, profile };
        let node = Node::new(parts);
        ear.listen(node.clone());
        let peers: BTreeMap<_, _> =
            (0..nodes).filter(|other| *other != me).map(|other| (other, manual.open(id(other)))).collect();
        peers.values().for_each(|peer| ear.connected(peer));
        Self { node, ear, manual, inputs, peers, owner: 0, looks: Instant::START, wanted: BTreeSet::new() }
    }
}

/// The letter that is in a frame.
fn letter(frame: &Frame) -> Option<Sent> {
    if !matches!(frame.kind(), kind::CALL | kind::CAST) {
        return None;
    }
    let (envelope, range) = Envelope::read(frame.head(), frame.body())?;
    let (caller, number) = read(envelope.message, &payload(frame.body(), range))?;
    Some((envelope.name, caller, number))
}

fn describe(frame: &Frame) -> String {
    let words = |i| crate::call::frame::word(frame.head(), i);
    match (frame.kind(), letter(frame)) {
        (_, Some((name, caller, number))) => {
            let queue = Envelope::read(frame.head(), frame.body()).is_some_and(|(envelope, _)| envelope.from_queue);
            format!("{number} of {caller} to {name}{}", if queue { ", from the queue" } else { "" })
        }
        (kind::FLUSH, _) => format!("flush {:x} of {:x}", words(0), words(1)),
        (kind::FLUSHED, _) => format!("flushed {:x} of {:x}", words(0), words(1)),
        (kind::QUEUE_END, _) => "queue end".to_owned(),
        (kind::REPLY, _) => format!("reply {:x}", words(0)),
        (kind::PASSED, _) => "passed".to_owned(),
        (kind::NOT_HERE, _) => "not here".to_owned(),
        (kind, _) => format!("kind {kind}"),
    }
}

fn order_word(order: &Order) -> &'static str {
    match order {
        Order::Start { .. } => "start",
        Order::Seal { .. } => "seal",
        Order::Unseal { .. } => "unseal",
        Order::Absorb { .. } => "absorb",
        Order::Drop { .. } => "drop",
        Order::Groups { .. } => "group",
    }
}
