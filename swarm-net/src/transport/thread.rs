//! Owns the birth and the end of the I/O thread. Whatever ends it, nobody is left waiting.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use rand::rngs::{StdRng, SysRng};
use rand::{RngExt, SeedableRng, TryRng};

use super::command::Command;
use super::dials::Dials;
use super::driver::Driver;
use super::links::Links;
use super::pairs::Pairs;
use super::published::Published;
use super::shares::Shares;
use super::sockets::system::{System, advertised};
use super::sockets::{Sockets, Token, Tokens};
use super::traffic::{Meter, Traffic};
use super::wake::{CommandQueue, Commands, commands};
use super::{Handle, Inbox, Setup};
use crate::config::{NetConfig, ms};
use crate::connection::{ConnectionLimits, Lock};
use crate::discovery::{Discovery, Search, Sighting};
use crate::error::NetError;
use crate::membership::{Membership, MembershipConfig};
use crate::node::NodeId;
use crate::secret::{Entropy, Post, Refusals};
use crate::time::Clock;
use crate::wire::GREETING_BYTES_MAX;

/// What distinguishes a node from one with the same setup.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Where its sockets are bound.
    pub local_addr: SocketAddr,
    /// Decides everything that is random: its boot number, whom it gossips with, how it backs off.
    pub seed: u64,
}

/// Binds, opens the discoveries, and starts all threads.
pub(super) fn start(mut setup: Setup, inbox: Arc<dyn Inbox>) -> Result<Handle, NetError> {
    check(&setup)?;
    let sockets = System::bind(setup.bind)?;
    let local_addr = sockets.local_addr();
    let commands = commands(sockets.registry()).map_err(system("waker"))?;
    let discovery = std::mem::take(&mut setup.discovery);
    let place = Place { local_addr, seed: SysRng.try_next_u64().map_err(system("random numbers"))? };
    let entropy = Entropy::system();
    let (handle, driver) = assemble(setup, Arc::clone(&inbox), place, entropy, Box::new(sockets), commands)?;
    let search = driver.search.clone();
    let mut opened = Vec::new();
    for mut way in discovery {
        way.open(&search)?;
        opened.push(way);
    }
    spawn("swarm-io".into(), move || run(driver, &inbox))?;
    for way in opened {
        search_on_thread(way, search.clone())?;
    }
    Ok(handle)
}

/// A driver that nobody turns yet, and the senders' handle on it. Everything random follows from the seed, but for the keys of
/// connections, which are drawn from `entropy`.
pub(super) fn assemble(
    setup: Setup,
    inbox: Arc<dyn Inbox>,
    place: Place,
    entropy: Entropy,
    sockets: Box<dyn Sockets>,
    (commands, queue): (Commands, CommandQueue),
) -> Result<(Handle, Driver), NetError> {
    let Place { local_addr, seed } = place;
    let Setup { bind: _, advertise, cluster, rules, profile, discovery: _, nodes, keys, tls, config } = setup;
    let mut rng = StdRng::seed_from_u64(seed);
    let me = NodeId::new(advertised(local_addr, advertise)?, rng.random());
    let refusals = Refusals::default();
    let post = Post::new(me, &cluster, keys.clone(), refusals.clone());
    let reports = commands.clone();
    let search = Search::new(&cluster, local_addr, post.clone(), move |sighting| match sighting {
        Sighting::Addr(addr) => reports.offer(Command::Found(addr)),
        Sighting::Node { node, joined } => reports.offer(Command::Heard { node, joined }),
    });
    let (published, meter) = (Arc::new(Published::default()), Meter::default());
    let gossip = gossip(&config.membership, &post);
    let membership = Membership::new(me, profile, &cluster, gossip, rng.random(), Clock::now());
    let driver = Driver {
        me,
        lock: tls.map(Lock::Certificate).or_else(|| keys.map(|keys| Lock::new(keys, &cluster, entropy))),
        ears: post.ears(Clock::now().unix_ms),
        post,
        refusals: refusals.clone(),
        meter: meter.clone(),
        past: Traffic::default(),
        cluster,
        rules,
        limits: limits(&config),
        filter: nodes,
        inbox,
        sockets,
        ready: Vec::new(),
        commands: commands.clone(),
        queue,
        search,
        membership,
        outputs: Vec::new(),
        links: Links::new(Token::FIRST_STREAM),
        pairs: Pairs::new(Arc::clone(&published)),
        doubts: [].into(),
        checkup: None,
        dials: Dials::new(&config, rng),
        // The poll tells of what happens after the registration; this is for what happened before.
        unfinished: [Token::DATAGRAMS, Token::LISTENER].into(),
        held: Tokens::default(),
        shares: Shares::new(Clock::instant()),
        dirty: Tokens::default(),
        reads: Tokens::default(),
        writes: Tokens::default(),
        costly: 0,
        delivered: false,
        packet: Vec::new(),
        datagram: Vec::new(),
        next_sweep: Clock::instant(),
        began: Clock::instant(),
        leaving: None,
        fatal: None,
        config,
    };
    Ok((Handle { node: me, local_addr, commands, peers: published, refusals, meter }, driver))
}

/// Gossip for which a packet has room: sealed, none is longer than the limit says that its contents may be.
fn gossip(config: &MembershipConfig, post: &Post) -> MembershipConfig {
    let packet_bytes_max = config.packet_bytes_max.saturating_sub(post.seal_bytes());
    MembershipConfig { packet_bytes_max, ..config.clone() }
}

/// The whole life of the I/O thread.
fn run(mut driver: Driver, inbox: &Arc<dyn Inbox>) {
    let end = catch_unwind(AssertUnwindSafe(|| driver.run()));
    // Closing gives everything back, so that no sender hangs. It must be tried even after a panic.
    let closed = catch_unwind(AssertUnwindSafe(|| driver.close()));
    drop(driver);
    let error = match end.and_then(|end| closed.map(|()| end)) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(panic) => NetError::Panicked { text: text(&*panic) },
    };
    tracing::error!(%error, "the node cannot go on");
    inbox.fatal(error);
}

/// A discovery that panics is one way less to find others, and no reason to stop.
fn search_on_thread(way: Box<dyn Discovery>, search: Search) -> Result<(), NetError> {
    let name = way.name().to_owned();
    spawn(format!("swarm-{name}"), move || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| way.run(search))) {
            tracing::error!(discovery = name, text = text(&*panic), "a discovery panicked and has ended");
        }
    })
}

pub(super) fn check(setup: &Setup) -> Result<(), NetError> {
    // Names, lists and lengths of a greeting around these; far more than they need.
    const MARGIN: usize = 1 << 10;
    let Setup { cluster, rules, profile, config, .. } = setup;
    config.check()?;
    let bytes = cluster.len() + rules.len() + profile.extra.len() + profile.abilities.len() * size_of::<u64>() + MARGIN;
    if bytes > GREETING_BYTES_MAX as usize {
        let problem =
            format!("and the cluster's name take {bytes} bytes in a greeting, more than {GREETING_BYTES_MAX}");
        return Err(NetError::Config { field: "profile", problem });
    }
    Ok(())
}

fn limits(config: &NetConfig) -> ConnectionLimits {
    ConnectionLimits {
        handshake: ms(config.handshake_ms),
        partial_frame: ms(config.partial_frame_ms),
        ping_after: ms(config.ping_after_ms),
        ping_answer: ms(config.ping_answer_ms),
        stuck_after: ms(config.stuck_after_ms),
        frame_bytes_max: config.frame_bytes_max,
        sync_bytes_max: config.sync_bytes_max,
        read_bytes_per_turn: config.read_bytes_per_turn as usize,
        write_bytes_per_turn: config.write_bytes_per_turn as usize,
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<(), NetError> {
    thread::Builder::new().name(name).spawn(body).map(drop).map_err(system("a thread cannot start"))
}

fn system<E: fmt::Display>(what: &'static str) -> impl FnOnce(E) -> NetError {
    move |error| NetError::System { problem: format!("{what}: {error}") }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Keyring;
    use crate::wire::PacketKind;

    #[test]
    fn a_sealed_packet_with_the_longest_gossip_is_as_long_as_the_setting_says() {
        let me = NodeId::new(([10, 0, 0, 1], 1).into(), 1);
        let keys = Keyring::new(["q1Zr5WcVx0bJtD8eYkN2uA==".into()]).expect("a good secret");
        let post = Post::new(me, "test", Some(keys), Refusals::default());
        let config = MembershipConfig::lan();
        let gossip = gossip(&config, &post);
        let mut packet = Vec::new();
        post.seal(PacketKind::Gossip, &vec![7; gossip.packet_bytes_max.into()], 1, &mut packet);
        assert_eq!(packet.len(), usize::from(config.packet_bytes_max));
        assert_eq!(MembershipConfig { packet_bytes_max: config.packet_bytes_max, ..gossip }, config);
    }
}
