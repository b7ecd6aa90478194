//! Owns the birth and the end of the I/O thread. Whatever ends it, nobody is left waiting.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use mio::{Interest, Poll};
use rand::rngs::{StdRng, SysRng};
use rand::{SeedableRng, TryRng};

use super::command::Command;
use super::dials::Dials;
use super::driver::{Driver, FIRST_LINK, LISTENER, UDP, WAKER};
use super::links::Links;
use super::pairs::{Pairs, Published};
use super::wake::commands;
use super::{Handle, Inbox, Setup, sockets};
use crate::config::{NetConfig, ms};
use crate::connection::ConnectionLimits;
use crate::discovery::{Discovery, Search, Sighting};
use crate::error::NetError;
use crate::member::Profile;
use crate::membership::Membership;
use crate::node::NodeId;
use crate::time::Clock;
use crate::wire::{ClusterHash, GREETING_BYTES_MAX};

/// Binds, opens the discoveries, and starts all threads.
pub(super) fn start(setup: Setup, inbox: Arc<dyn Inbox>) -> Result<Handle, NetError> {
    let Setup { bind, advertise, cluster, rules, profile, mut discovery, nodes, config } = setup;
    check(&cluster, &rules, &profile, &config)?;
    let (mut listener, mut udp) = sockets::bind(bind)?;
    let local_addr = listener.local_addr().map_err(system("local address"))?;
    let me = NodeId::new(sockets::advertised(local_addr, advertise)?, random()?);

    let poll = Poll::new().map_err(system("poll"))?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE).map_err(system("register"))?;
    registry.register(&mut udp, UDP, Interest::READABLE).map_err(system("register"))?;
    let (commands, queue) = commands(registry, WAKER).map_err(system("waker"))?;

    let reports = commands.clone();
    let search = Search::new(me, &cluster, local_addr, move |sighting| match sighting {
        Sighting::Addr(addr) => reports.offer(Command::Found(addr)),
        Sighting::Node { node, joined } => reports.offer(Command::Heard { node, joined }),
    });
    for way in &mut discovery {
        way.open(&search)?;
    }

    let published = Arc::new(Published::default());
    let membership = Membership::new(me, profile, &cluster, config.membership.clone(), random()?, Clock::now());
    let driver = Driver {
        me,
        cluster_hash: ClusterHash::new(&cluster),
        cluster,
        rules,
        limits: limits(&config),
        filter: nodes,
        inbox: Arc::clone(&inbox),
        poll,
        listener: Some(listener),
        udp: Some(udp),
        commands: commands.clone(),
        queue,
        search: search.clone(),
        membership,
        outputs: Vec::new(),
        links: Links::new(FIRST_LINK),
        pairs: Pairs::new(Arc::clone(&published)),
        dials: Dials::new(&config, StdRng::seed_from_u64(random()?)),
        // The poll tells of what happens after the registration; this is for what happened before.
        unfinished: [UDP, LISTENER].into(),
        dirty: [].into(),
        delivered: false,
        packet: Vec::new(),
        datagram: Vec::new(),
        next_sweep: Clock::instant(),
        leaving: None,
        fatal: None,
        config,
    };
    spawn("swarm-io".into(), move || run(driver, &inbox))?;
    for way in discovery {
        search_on_thread(way, search.clone())?;
    }
    Ok(Handle { node: me, local_addr, commands, peers: published })
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

fn check(cluster: &str, rules: &str, profile: &Profile, config: &NetConfig) -> Result<(), NetError> {
    // Names, lists and lengths of a greeting around these; far more than they need.
    const MARGIN: usize = 1 << 10;
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
        frame_bytes_max: config.frame_bytes_max,
        sync_bytes_max: config.sync_bytes_max,
        read_bytes_per_turn: config.read_bytes_per_turn as usize,
        write_bytes_per_turn: config.write_bytes_per_turn as usize,
    }
}

fn random() -> Result<u64, NetError> {
    SysRng.try_next_u64().map_err(|error| NetError::System { problem: format!("no random numbers: {error}") })
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<(), NetError> {
    thread::Builder::new().name(name).spawn(body).map(drop).map_err(system("a thread cannot start"))
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> NetError {
    move |error| NetError::System { problem: format!("{what}: {error}") }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".into())
}
