//! Owns one simulated process: a whole node, with what its threads would run, its runtime and its clock.
//! Never decides when something happens.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use swarm_net::filter::NodeFilter;
use swarm_net::node::NodeId;
use swarm_net::time::{Clock, Instant};
use swarm_net::transport::{Driven, Place, Transport};

use crate::config::Config;
use crate::runtime::{Control, Kinds, Node, Plan, assemble};
use crate::sim::net::Net;
use crate::sim::sockets::NodeSockets;
use crate::sim::time::{LocalClock, Time};
use crate::swarm::Swarm;
use crate::timer::Timers;
use crate::trace::Tracing;
use crate::worker::pace::Keeps;

/// The name of every simulated cluster.
const CLUSTER: &str = "sim";

/// What of a node can have something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The I/O thread.
    Io,
    /// The control thread.
    Control,
    /// Tasks of tokio.
    Tasks,
    /// The timer thread.
    Timers,
}

/// When a part has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// As soon as it is its turn.
    Now,
    At(Time),
    /// Only if something happens.
    Idle,
}

/// A process.
pub(super) struct Site {
    pub(super) addr: SocketAddr,
    pub(super) clock: LocalClock,
    node: Arc<Node>,
    swarm: Swarm,
    driven: Driven,
    timers: Timers,
    tokio: Option<tokio::runtime::Runtime>,
    rest: Rest,
    /// It takes part: before that nobody has a handle on it.
    joined: Arc<AtomicBool>,
}

impl Site {
    /// A process that starts now.
    pub(super) fn start(
        addr: SocketAddr,
        clock: LocalClock,
        now: Time,
        seed: u64,
        net: &Net,
        config: Config,
        kinds: Kinds,
    ) -> Self {
        let local = clock.now(now);
        Clock::set(Some(local));
        let rest = Rest::default();
        let parked = rest.clone();
        let tokio = tokio::runtime::Builder::new_current_thread()
            .on_thread_park(move || parked.parks())
            .build()
            .expect("a runtime without drivers");
        let timers = Timers::manual();
        timers.advance(local.instant.since(Instant::START));
        // On some nodes all handlers run on tokio, on some the control thread takes all turns: queues are longer there.
        let quick_run_us = if seed & 2 == 0 { 0 } else { config.quick_run_us };
        let config = Config { quick_run_us, ..config };
        let plan = Plan {
            cluster: CLUSTER.to_owned(),
            bind: addr,
            advertise: None,
            discovery: Vec::new(),
            nodes: NodeFilter::default(),
            // Nothing of it decides who lives and who decides; its own tests stand in swarm-net.
            keys: None,
            tls: None,
            config,
            kinds,
            keeps: Keeps::Nothing,
            tracing: Tracing::default(),
        };
        let sockets = Box::new(NodeSockets::open(net, addr));
        let place = Place { local_addr: addr, seed };
        let open = |setup, inbox| Transport::driven(setup, inbox, place, sockets);
        let (node, mut control, driven) =
            assemble(plan, tokio.handle().clone(), timers.clone(), open).expect("the setup of a simulation is sound");
        control.begin(local);
        node.desk.seat(control);
        node.desk.alone.store(seed & 1 == 0, Ordering::SeqCst);
        let joined = Arc::new(AtomicBool::new(false));
        let (starting, takes_part) = (node.clone(), joined.clone());
        tokio.spawn(async move {
            if starting.until_joined().await.is_ok() {
                takes_part.store(true, Ordering::SeqCst);
            }
        });
        Self {
            addr,
            clock,
            joined,
            swarm: Swarm::unnamed(node.clone()),
            node,
            driven,
            timers,
            tokio: Some(tokio),
            rest,
        }
    }

    pub(super) fn id(&self) -> NodeId {
        self.node.id()
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    pub(super) fn swarm(&self) -> &Swarm {
        &self.swarm
    }

    /// Whether it takes part, and so has clients.
    pub(super) fn has_joined(&self) -> bool {
        self.joined.load(Ordering::SeqCst)
    }

    pub(super) fn driven(&self) -> &Driven {
        &self.driven
    }

    /// Looks at its control, unless it has ended.
    pub(super) fn control<T: Default>(&self, look: impl FnOnce(&Control) -> T) -> T {
        self.node.desk.look(look).unwrap_or_default()
    }

    /// How many timers are armed.
    pub(super) fn timers(&self) -> usize {
        self.timers.armed()
    }

    /// Runs a client's future among the node's tasks.
    pub(super) fn spawn(&self, client: impl Future<Output = ()> + Send + 'static) {
        if let Some(tokio) = &self.tokio {
            tokio.spawn(client);
        }
    }

    /// When a part has something to do.
    pub(super) fn wants(&self, part: Part, net: &Net) -> When {
        match part {
            Part::Io if net.has_work(self.addr) => When::Now,
            Part::Io => match self.driven.next_due() {
                None => When::Idle,
                Some(Instant::START) => When::Now,
                Some(due) => When::At(self.clock.when(due)),
            },
            Part::Control => self.node.desk.due().map_or(When::Now, |due| When::At(self.clock.when(due))),
            Part::Tasks if self.tokio.as_ref().is_some_and(|tokio| tokio.metrics().global_queue_depth() > 0) => {
                When::Now
            }
            Part::Tasks => When::Idle,
            Part::Timers => self.timers.next_due().map_or(When::Idle, |due| When::At(self.clock.when(due))),
        }
    }

    /// A part does what it has to do. False if the node has ended.
    pub(super) fn run(&mut self, part: Part, at: Time) -> bool {
        let now = self.clock.now(at);
        Clock::set(Some(now));
        // Waiting for the next ring would be of no use: who asks the timers for the time must be told this one.
        self.timers.advance(now.instant.since(self.timers.now()));
        match part {
            Part::Io => return self.driven.turn(),
            Part::Control => return self.node.desk.shift().is_some(),
            Part::Tasks => {
                if let Some(tokio) = &self.tokio {
                    tokio.block_on(self.rest.clone());
                }
            }
            Part::Timers => {}
        }
        true
    }
}

impl Drop for Site {
    /// The process is gone. Nothing of it remains, or the simulator would run out of memory.
    fn drop(&mut self) {
        self.node.stop();
        self.node.desk.clear();
        self.driven.close();
        if let Some(tokio) = self.tokio.take() {
            tokio.shutdown_background();
        }
    }
}

/// Ready when every task of a runtime waits for something.
#[derive(Clone, Default)]
struct Rest(Arc<Parking>);

#[derive(Default)]
struct Parking {
    parked: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Rest {
    /// The runtime's thread has nothing to do.
    fn parks(&self) {
        self.0.parked.store(true, Ordering::SeqCst);
        if let Some(waker) = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }
}

impl Future for Rest {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.parked.swap(false, Ordering::SeqCst) {
            return Poll::Ready(());
        }
        *self.0.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        Poll::Pending
    }
}
