//! Owns a world of a few nodes, their callers, links and time. Whoever drives it decides what happens next; it never does
//! anything by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use swarm_net::time::Instant;
use swarm_net::transport::{Inbox, Lane};
use swarm_net::wire::Frame;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::directory::{Record, Stage};
use super::links::{End, Link};
use super::notebook::{Ask, Note, Notebook, Ran, fall_silent, take_ran};
use super::site::Site;
use super::words::{describe, letter};
use crate::config::Config;
use crate::error::CallError;
use crate::name::Name;
use crate::runtime::control::SLEEP_MAX;
use crate::runtime::input::{Input, Left};
use crate::runtime::requests::Request;
use crate::runtime::{Begun, First};
use crate::timer::Timers;
use crate::trace::Tracing;

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

pub(super) type Waiting = (Sent, Begun<<Notebook as crate::worker::Call<Ask>>::Reply>);

pub(super) struct World {
    pub(super) sites: Vec<Site>,
    links: BTreeMap<(usize, usize), Link>,
    timers: Timers,
    tokio: tokio::runtime::Runtime,
    pub(super) records: BTreeMap<Name, Record>,
    /// The node whose directory decides.
    pub(super) decides: usize,
    pub(super) epochs: u32,
    pub(super) calls: Vec<Waiting>,
    numbers: BTreeMap<(Name, u64), u64>,
    pub(super) fates: BTreeMap<Sent, Fate>,
    /// Casts that may be dropped from then on, wherever they are.
    pub(super) dues: BTreeMap<Sent, Instant>,
    pub(super) ran: Vec<Ran>,
    /// What users ask directories; a script may answer it.
    pub(super) asked: Vec<Request>,
    /// So many workers are not handed over by who leaves.
    pub(super) stay: usize,
    /// Who leaves, and by when it gives up handing over.
    leavers: Vec<(Instant, oneshot::Sender<Left>)>,
    /// Letters that a connection took with it.
    pub(super) lost: BTreeSet<Sent>,
    pub(super) traced: bool,
}

impl World {
    /// So many nodes that agree, and these workers on the first.
    pub(super) fn new(nodes: usize, names: &[&str], queue_frames: u32) -> Self {
        Self::traced(nodes, names, queue_frames, &Tracing::default())
    }

    /// The same, whose calls are traced so.
    pub(super) fn traced(nodes: usize, names: &[&str], queue_frames: u32, tracing: &Tracing) -> Self {
        let tokio = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
        let timers = Timers::manual();
        let mut config = Config::local();
        config.net.partitions = 2;
        config.net.calls_queue_frames_max = queue_frames;
        let site = |me| Site::traced((me, nodes), &config, &timers, tokio.handle().clone(), tracing.clone());
        let sites = (0..nodes).map(site).collect();
        let pairs = (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b)));
        let links = pairs.map(|pair| (pair, Link::default())).collect();
        take_ran();
        fall_silent();
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
            asked: Vec::new(),
            stay: 0,
            leavers: Vec::new(),
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

    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        if self.traced {
            println!("{}", line());
        }
    }

    // --- what callers do

    pub(super) fn cast(&mut self, caller: usize, name: &Name) {
        let number = self.number(caller, name);
        self.note(|| format!("{caller} casts {number} to {name}"));
        let message = Note(caller as u64, number);
        if self.sites[caller].node.cast::<Notebook, Note>(name.hashed(), message).is_ok() {
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
        let first = self.sites[caller].node.call::<Notebook, Ask>(name.hashed(), message, Some(within), &mut cx);
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
            let caller = self.sites[sent.1 as usize].node.id();
            match begun.poll(caller, &mut cx) {
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
        site.ear.batch();
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

    /// Looks at what the nodes have told their control threads.
    pub(super) fn look(&mut self) {
        for me in 0..self.sites.len() {
            let mut told = false;
            while let Ok(input) = self.sites[me].inputs.try_recv() {
                told = true;
                match input {
                    Input::Ask(request) => self.asked.push(request),
                    Input::Wanted(name) => drop(self.sites[me].wanted.insert(name)),
                    Input::Cell(name, epoch, happened) => self.happened(&name, epoch, &happened),
                    Input::Leave(within, done) => self.leavers.push((self.now() + within, done)),
                    Input::Reset(_) | Input::Look | Input::LetGo(..) | Input::Stop => {}
                    Input::Member(_)
                    | Input::Stalled(_)
                    | Input::Stranded(..)
                    | Input::Rebalance
                    | Input::Strained(_)
                    | Input::Directory(..)
                    | Input::Asks(..)
                    | Input::Answers(..) => {
                        panic!("no test of this world sends such")
                    }
                }
            }
            if told {
                self.fall_asleep(me);
            }
        }
        // The script has moved what is to be moved.
        let (now, stay) = (self.now(), self.stay);
        for (_, done) in self.leavers.extract_if(.., |(until, _)| stay == 0 || *until <= now) {
            // Who asked may have stopped.
            let _ = done.send(Left { workers: stay, after: Duration::ZERO });
        }
    }

    /// A control thread sleeps until something is due, as far as it knows.
    fn fall_asleep(&mut self, me: usize) {
        let longest = self.now() + SLEEP_MAX;
        let site = &mut self.sites[me];
        site.looks = site.node.next_due().map_or(longest, |due| due.min(longest));
    }

    // --- what goes on inside of nodes

    /// Everything that runs on tokio runs as far as it can.
    pub(super) fn work(&mut self) {
        for site in &self.sites {
            site.node.errands.launch(self.tokio.handle(), &site.node.desk);
        }
        self.tokio.block_on(async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        });
        self.ran.extend(take_ran());
        self.look();
    }

    /// Begins something that goes on at each [`Self::work`].
    pub(super) fn begin<T: Send + 'static>(&self, what: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tokio.spawn(what)
    }

    /// What came of it, if it has ended.
    pub(super) fn outcome<T>(&self, of: JoinHandle<T>) -> Option<T> {
        of.is_finished().then(|| self.tokio.block_on(of).expect("it did not panic"))
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
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.sites.iter().map(|site| site.looks).min()
    }
}

impl Drop for World {
    /// As a crash of all nodes would. Nothing keeps them.
    fn drop(&mut self) {
        self.calls.clear();
        self.asked.clear();
        let sites = std::mem::take(&mut self.sites);
        let nodes: Vec<_> = sites.iter().map(|site| Arc::downgrade(&site.node)).collect();
        for site in &sites {
            site.node.stop();
            // The I/O thread closes all connections at its end.
            for peer in site.peers.values() {
                let (claimed, unsent) = site.manual.reset(peer, Lane::Calls);
                site.ear.reset(peer, Lane::Calls, claimed, unsent);
            }
        }
        drop(sites);
        self.tokio.block_on(tokio::task::yield_now());
        let kept = nodes.iter().filter(|node| node.strong_count() > 0).count();
        if !std::thread::panicking() {
            assert_eq!(kept, 0, "a stopped node is gone");
        }
    }
}
