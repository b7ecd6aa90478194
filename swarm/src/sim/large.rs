//! Owns a run of a large cluster: it forms through seeds, rests, loses a process and a machine, is left and joined, and each
//! time is measured by virtual time. Never judges what users see; [`run`](crate::sim::run) does that, with few nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Clock;

use crate::config::Config;
use crate::sim::client::Manner;
use crate::sim::finding::Finding;
use crate::sim::journal::{self, What};
use crate::sim::net::Traffic;
use crate::sim::time::{MS, S, Time};
use crate::sim::world::World;

/// How many nodes all others know beforehand.
const SEEDS: usize = 3;

/// The longest pause between the starts of two nodes, as when a cluster is rolled out.
const STAGGER: Time = 20 * MS;

/// How often it is looked who knows what: that fine are the figures.
const LOOK: Time = 10 * MS;

/// How often it is looked whether the directory is at rest, which takes longer.
const LOOK_DEEP: Time = 50 * MS;

/// How long the cluster is watched at rest.
const WATCH: Time = 10 * S;

/// How many names a client asks for at a time.
const BURST: usize = 100;

/// What a large cluster is like.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LargeOptions {
    /// How many nodes form it.
    pub nodes: usize,
    /// How many names are registered.
    pub names: usize,
    /// Where chance begins.
    pub seed: u64,
    /// Timings and the number of partitions: those that users have who set nothing.
    pub config: Config,
}

impl LargeOptions {
    /// So many nodes, five names for each, and everything else as it is by default.
    pub fn of(nodes: usize) -> Self {
        Self { nodes, names: 5 * nodes, seed: 1, config: Config::default() }
    }

    /// The longest that news may take to reach everybody's view: gossip reaches twice as many in a round, with so many rounds
    /// to spare; then views are held back for a while.
    fn spread(&self) -> Time {
        let membership = &self.config.net.membership;
        let rounds = 4 * u64::from(self.nodes.ilog2() + 1);
        (membership.gossip_period_ms * rounds + membership.settle_max_ms) * MS
    }

    /// The longest that a machine may be gone before it is held to be down: some probe meets it, and its suspicion runs out.
    fn detection(&self) -> Time {
        let membership = &self.config.net.membership;
        let decades = u64::from(self.nodes.ilog10() + 1);
        let suspicion = membership.suspicion_min_ms + membership.suspicion_per_decade_ms * decades;
        (8 * membership.probe_period_ms + suspicion) * MS
    }

    /// The longest that owners may take once views agree: a claim waits no longer for anybody, and what was lost is looked at again.
    fn rest(&self) -> Time {
        (self.config.claim_wait_ms + 2 * self.config.reconcile_every_ms) * MS
    }
}

/// How a large cluster fared.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Large {
    /// What happened to it, in order.
    pub phases: Vec<Phase>,
    /// What did not come about in its time, if anything. Nothing happened after it.
    pub problem: Option<String>,
}

/// Something that happened to a large cluster.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Phase {
    /// What, in a few words.
    pub what: &'static str,
    /// When half of the nodes knew, and when all did.
    pub known: Option<(Duration, Duration)>,
    /// When the directory was at rest as well: each partition has one complete owner, each name runs there.
    pub rested: Duration,
    /// How long that might have taken, by the configuration.
    pub limit: Duration,
    /// What a node sent meanwhile.
    pub rates: Rates,
}

/// What a node sends in a second, on average over all nodes.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Rates {
    /// UDP packets: gossip and probes.
    pub packets: f64,
    /// Bytes in them.
    pub packet_bytes: f64,
    /// Writes to TCP connections.
    pub writes: f64,
    /// Bytes in them.
    pub written_bytes: f64,
}

/// Runs a large cluster, and tells each phase when it is over.
///
/// ```
/// use swarm::sim::{LargeOptions, large};
/// let options = LargeOptions::of(4);
/// assert_eq!(large(&options, |phase| println!("{phase:?}")).problem, None);
/// ```
pub fn large(options: &LargeOptions, tell: impl FnMut(&Phase)) -> Large {
    journal::open(false);
    let config = options.config.clone();
    let world = World::new(options.seed, config, false, Finding::Seeds(SEEDS));
    let mut course = Course { world, options, tell, phases: Vec::new() };
    let problem = course.whole().err();
    let phases = course.phases;
    drop(course.world);
    Clock::set(None);
    journal::take();
    Large { phases, problem }
}

/// What has to be known by all before a phase is over.
#[derive(Clone, Copy)]
enum News {
    /// Everybody is there.
    All,
    Here(NodeId),
    Gone(NodeId),
}

struct Course<'a, T> {
    world: World,
    options: &'a LargeOptions,
    tell: T,
    phases: Vec<Phase>,
}

impl<T: FnMut(&Phase)> Course<'_, T> {
    fn whole(&mut self) -> Result<(), String> {
        let options = self.options;
        let (spread, rest, nodes) = (options.spread(), options.rest(), options.nodes);
        let begun = self.begin();
        for _ in 0..nodes {
            let slot = self.world.add_slot();
            self.world.start(slot, true, 0);
            let pause = self.world.dice.roll(usize::try_from(STAGGER / MS).unwrap_or(0)) as Time * MS;
            self.world.pass(pause);
        }
        let membership = &options.config.net.membership;
        let first = (membership.form_wait_ms + membership.sync_again_after_ms) * MS;
        self.follow("form", begun, News::All, nodes as Time * STAGGER + first + spread, rest)?;
        self.register(rest)?;
        let begun = self.begin();
        self.world.pass(WATCH);
        self.end("rest", begun, None, WATCH);

        let [crashed, lost, leaver] = [nodes / 2, nodes / 3, nodes / 4 * 3];
        let (begun, id) = (self.begin(), self.id(crashed)?);
        self.world.crash(crashed, false);
        self.follow("a process crashes", begun, News::Gone(id), options.detection() + spread, rest)?;
        let (begun, id) = (self.begin(), self.id(lost)?);
        self.world.crash(lost, true);
        self.follow("a machine loses power", begun, News::Gone(id), options.detection() + spread, rest)?;
        let (begun, id) = (self.begin(), self.id(leaver)?);
        self.world.leave(leaver);
        let leaving = options.config.leave_timeout_ms * MS;
        self.follow("a node leaves", begun, News::Gone(id), leaving + spread, rest)?;
        let begun = self.begin();
        let slot = self.world.add_slot();
        self.world.start(slot, true, 0);
        let id = self.id(slot)?;
        self.follow("a node joins", begun, News::Here(id), first + spread, rest)
    }

    fn id(&self, slot: usize) -> Result<NodeId, String> {
        self.world.site(slot).map(|site| site.id()).ok_or_else(|| format!("slot {slot} has ended by itself"))
    }

    fn begin(&self) -> (Time, Traffic) {
        (self.world.now(), self.world.net.traffic())
    }

    /// Clients register the names, each at some node, a burst at a time.
    fn register(&mut self, limit: Time) -> Result<(), String> {
        let begun = self.begin();
        for n in 0..self.options.names {
            let slot = self.world.dice.roll(self.options.nodes);
            self.world.ask(slot, What::Register, &format!("name{n}"), Manner::Plain);
            if n % BURST == BURST - 1 {
                self.world.pass(LOOK);
            }
        }
        self.settle(begun.0 + limit)?;
        self.end("names are registered", begun, None, limit);
        Ok(())
    }

    /// Waits until all know, and until all is done that follows from it.
    fn follow(
        &mut self,
        what: &'static str,
        begun: (Time, Traffic),
        news: News,
        known_limit: Time,
        rest: Time,
    ) -> Result<(), String> {
        let (mut half, end) = (None, begun.0 + known_limit);
        loop {
            let (known, all) = self.known(news);
            if 2 * known >= all {
                half.get_or_insert(self.world.now());
            }
            if known == all {
                break;
            }
            if self.world.now() >= end {
                return Err(format!("{what}: {known} of {all} nodes know it after {:?}", span(known_limit)));
            }
            self.pass(LOOK)?;
        }
        let now = self.world.now();
        let known = Some((span(half.unwrap_or(now) - begun.0), span(now - begun.0)));
        self.settle(now + rest).map_err(|found| format!("{what}: {found}"))?;
        self.end(what, begun, known, known_limit + rest);
        Ok(())
    }

    /// How many of how many nodes know.
    fn known(&self, news: News) -> (usize, usize) {
        let live: BTreeSet<NodeId> = self.world.sites().map(|(_, site)| site.id()).collect();
        let nobody_else = |id: &&NodeId| !matches!(news, News::Gone(gone) if gone == **id);
        let knows = |view: &swarm_net::member::View| match news {
            News::All => view.keys().eq(&live),
            News::Here(id) => view.contains_key(&id),
            News::Gone(id) => !view.contains_key(&id),
        };
        let others = live.iter().filter(nobody_else).count();
        let known = self.world.sites().filter(|(_, site)| knows(site.node().routing().view())).count();
        (known.min(others), others)
    }

    /// Waits until nothing is left to be done, and every name that was asked for runs.
    fn settle(&mut self, end: Time) -> Result<(), String> {
        loop {
            let left = self.world.unsettled().map(|violation| violation.to_string()).or_else(|| self.unanswered());
            match left {
                None => return Ok(()),
                Some(found) if self.world.now() >= end => return Err(found),
                Some(_) => self.pass(LOOK_DEEP)?,
            }
        }
    }

    /// Names of which a client has not heard yet that they run, or that run nowhere.
    fn unanswered(&self) -> Option<String> {
        let asked = journal::with(|journal| journal.ops.len());
        let runs = self.world.sites().map(|(_, site)| site.node().places.cells().count()).sum::<usize>();
        (runs < asked).then(|| format!("{runs} of {asked} names run"))
    }

    fn pass(&mut self, time: Time) -> Result<(), String> {
        self.world.pass(time);
        self.world.spun().map_or(Ok(()), |found| Err(found.to_owned()))
    }

    fn end(&mut self, what: &'static str, begun: (Time, Traffic), known: Option<(Duration, Duration)>, limit: Time) {
        let took = self.world.now() - begun.0;
        let rates = Rates::between(begun.1, self.world.net.traffic(), took, self.world.sites().count());
        let phase = Phase { what, known, rested: span(took), limit: span(limit), rates };
        (self.tell)(&phase);
        self.phases.push(phase);
    }
}

impl Rates {
    fn between(before: Traffic, after: Traffic, took: Time, nodes: usize) -> Self {
        let share = nodes.max(1) as f64 * (took.max(1) as f64 / S as f64);
        let rate = |of: fn(&Traffic) -> u64| (of(&after) - of(&before)) as f64 / share;
        Self {
            packets: rate(|traffic| traffic.packets),
            packet_bytes: rate(|traffic| traffic.packet_bytes),
            writes: rate(|traffic| traffic.writes),
            written_bytes: rate(|traffic| traffic.written_bytes),
        }
    }
}

fn span(time: Time) -> Duration {
    Duration::from_nanos(time)
}
