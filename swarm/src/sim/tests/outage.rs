//! Owns the scripts of nodes that are suspected and live: which of their connections are replaced, and which are not.

use swarm_net::time::Clock;

use crate::config::Config;
use crate::sim::client::Manner;
use crate::sim::finding::Finding;
use crate::sim::journal::{self, Told, What};
use crate::sim::net::Weather;
use crate::sim::time::{MS, S, Time};
use crate::sim::world::World;

const NODES: usize = 3;
const NAMES: usize = 12;

/// A cluster that suspects as soon as any, and gives nobody up in the time of a script.
struct Cluster(World);

impl Cluster {
    fn form() -> Self {
        journal::open(false);
        let mut config = Config::default();
        config.net.partitions = 8;
        config.net.membership.suspicion_min_ms = 30_000;
        let mut cluster = Self(World::new(1, config, false, Finding::Beacons));
        let world = &mut cluster.0;
        for _ in 0..NODES {
            let slot = world.add_slot();
            world.start(slot, true, 0);
        }
        world.pass(5 * S);
        cluster.ask(What::Register);
        cluster.0.pass(2 * S);
        let unsettled = cluster.0.unsettled();
        assert!(unsettled.is_none(), "{unsettled:?}");
        assert_eq!(cluster.answered_since(0), NAMES * (NODES - 1));
        cluster
    }

    /// Clients of all nodes but the first ask something of every name.
    fn ask(&mut self, what: What) {
        for (slot, n) in (1..NODES).flat_map(|slot| (0..NAMES).map(move |n| (slot, n))) {
            self.0.ask(slot, what, &format!("name{n}"), Manner::Plain);
        }
    }

    /// How much of what was asked since then was answered.
    fn answered_since(&self, begun: Time) -> usize {
        let answered = |op: &&journal::Op| op.begun >= begun && matches!(op.ended, Some((_, Told::Done)));
        journal::with(|journal| journal.ops.values().filter(answered).count())
    }

    /// How many connections were dialled since the beginning.
    fn dialled(&self) -> u64 {
        self.0.net.lock().opened
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.0.slots.clear();
        Clock::set(None);
        journal::take();
    }
}

/// The link of the first node is down for three seconds and a half. TCP would try again 6.3 s after the first loss.
#[test]
fn who_is_cut_off_and_heard_again_answers_though_tcp_still_waits() {
    let mut cluster = Cluster::form();
    let [first, second, third] = [0, 1, 2].map(|slot| cluster.0.addr(slot));
    for other in [second, third] {
        cluster.0.net.cut(first, other);
        cluster.0.net.cut(other, first);
    }
    cluster.0.pass(100 * MS);
    cluster.ask(What::Call);
    cluster.0.pass(3_400 * MS);
    cluster.0.net.heal();
    cluster.0.pass(1_200 * MS);
    let workers = cluster.0.site(0).map(|site| site.node().places.cells().count());
    assert!(workers > Some(0), "nothing would be shown");
    let healed = cluster.0.now();
    cluster.ask(What::Call);
    cluster.0.pass(100 * MS);
    assert_eq!(cluster.answered_since(healed), NAMES * (NODES - 1));
    assert_eq!(journal::with(|journal| journal.anew().count()), NAMES, "nobody was given up");
}

/// Who stands still answers nothing for a while, and then everything.
#[test]
fn who_stood_still_keeps_its_connections() {
    let mut cluster = Cluster::form();
    let dialled = cluster.dialled();
    cluster.0.pause(0, 5 * S);
    cluster.ask(What::Call);
    cluster.0.pass(10 * S);
    assert_eq!(cluster.dialled(), dialled);
}

/// Of the packets 40 % are lost, so that somebody is suspected all the time; connections carry what they are given.
#[test]
fn who_is_suspected_for_lost_packets_keeps_its_connections() {
    let mut cluster = Cluster::form();
    let dialled = cluster.dialled();
    let mut writes_of_a_minute = || {
        let writes = cluster.0.net.traffic().writes;
        cluster.0.pass(60 * S);
        cluster.0.net.set_weather(Weather { lost: 4_000, ..Weather::default() });
        cluster.0.net.traffic().writes - writes
    };
    let (calm, lossy) = (writes_of_a_minute(), writes_of_a_minute());
    assert!(lossy > calm + 20, "they are pinged: {calm} and {lossy} writes");
    assert_eq!(cluster.dialled(), dialled);
}
