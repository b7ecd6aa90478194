//! The cell, tried from outside: a node that records, and a worker whose handlers do what a test asks for.

mod context;
mod lease;
mod life;
#[cfg(loom)]
mod models;
mod order;
mod panics;
#[cfg(not(loom))]
mod soon;

use std::any::Any;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;
use tokio::sync::{Semaphore, mpsc};

use crate::call::pending::{Answer, Pending, RequestId};
use crate::client::Handle;
use crate::epoch::Epoch;
use crate::error::CallError;
use crate::message::{Fingerprint, Message, Schema, decode, encode};
use crate::name::Name;
use crate::timer::Timers;
use crate::trace::Tracing;
use crate::worker::pace::{Paces, Switch};
use crate::worker::{
    Active, AnyCell, Boot, Call, Called, Cast, Cell, Context, Deadline, Die, End, Handoff, Home, Host, Incident, Input,
    KindId, Lease, Method, Options, Parcel, Payload, ReplyTo, Step, Worker,
};

/// A node that notes what its cells tell it.
struct Node {
    runtime: tokio::runtime::Handle,
    timers: Timers,
    pending: Arc<Pending>,
    replies: Arc<Replies>,
    ended: mpsc::UnboundedSender<(Name, End)>,
}

/// Replies to this node complete its slots; the others are kept for the test.
struct Replies {
    node: NodeId,
    pending: Arc<Pending>,
    sent: mpsc::UnboundedSender<(u64, Result<Payload, CallError>)>,
}

impl Replies {
    fn reply(&self, node: NodeId, request: u64, result: Result<Payload, CallError>) {
        if node == self.node {
            self.pending.complete(RequestId(request), result.map(Answer::Payload));
        } else {
            self.sent.send((request, result)).ok();
        }
    }
}

impl Host for Node {
    fn node(&self) -> NodeId {
        self.replies.node
    }
    fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }
    fn timers(&self) -> &Timers {
        &self.timers
    }
    fn pending(&self) -> &Arc<Pending> {
        &self.pending
    }
    fn reply(&self, node: NodeId, request: u64, result: Result<Payload, CallError>) {
        self.replies.reply(node, request, result);
    }
    fn switched(&self, _: Switch) {}
    fn befell(&self, _: KindId, _: Incident) {}
    fn restarted(&self, _: &Name, _: &str) {}
    fn ended(&self, name: &Name, _: KindId, _: Epoch, end: End) {
        self.ended.send((name.clone(), end)).ok();
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A node with what it tells.
struct Bench {
    node: Arc<Node>,
    lease: Lease,
    paces: Arc<Paces>,
    replies: mpsc::UnboundedReceiver<(u64, Result<Payload, CallError>)>,
    ended: mpsc::UnboundedReceiver<(Name, End)>,
}

impl Bench {
    /// On a clock that the test moves.
    fn new() -> Self {
        Self::under(Lease::FOREVER)
    }

    /// What starts there runs under this lease.
    fn under(lease: Lease) -> Self {
        let (sent, replies) = mpsc::unbounded_channel();
        let (ends, ended) = mpsc::unbounded_channel();
        let pending = Arc::new(Pending::new(10_000, |_| {}));
        let address = "127.0.0.1:1".parse().expect("an address");
        let replier = Arc::new(Replies { node: NodeId::new(address, 7), pending: pending.clone(), sent });
        let runtime = tokio::runtime::Handle::current();
        let node = Node { runtime, timers: Timers::manual(), pending, replies: replier, ended: ends };
        Self { node: Arc::new(node), lease, paces: Arc::default(), replies, ended }
    }

    fn home(&self) -> Arc<Home> {
        Home::new(self.node.clone(), self.lease.clone(), self.paces.clone(), Tracing::default())
    }

    /// A running cell that nothing can start again.
    fn cell(&self, shared: &Arc<Shared>) -> Arc<Cell<Probe>> {
        Cell::with_worker("probe".into(), epoch(1), self.home(), Probe { shared: shared.clone(), total: 0 })
    }

    /// A cell that was started from init arguments.
    async fn booted(&self, shared: &Arc<Shared>) -> Arc<Cell<Probe>> {
        let cell = Cell::starting("probe".into(), epoch(1), self.home());
        let start = crate::worker::Start { args: shared.args()[..].into(), bundle: None };
        AnyCell::boot(cell.clone(), start).await.expect("it starts");
        cell
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.node.timers.now(), Duration::from_secs(3600))
    }

    /// Lets time pass, and ends what is due.
    fn advance(&self, span: Duration) {
        self.node.timers.advance(span);
        self.node.pending.expire(self.node.timers.now(), self.node.replies.node, |_| crate::Executed::Maybe);
    }

    /// A parcel from another node.
    fn parcel<M: Message>(&self, message: &M, request: Option<u64>) -> Parcel {
        let elsewhere = NodeId::new("127.0.0.1:2".parse().expect("an address"), 8);
        Parcel {
            method: M::ID,
            fingerprint: match Probe::METHODS.iter().find(|method| method.id == M::ID) {
                Some(method) if request.is_some() => M::FINGERPRINT.call(method.reply),
                Some(_) | None => M::FINGERPRINT.cast(),
            },
            payload: encode(message),
            deadline: self.deadline(),
            reply: request.map(|request| ReplyTo { node: elsewhere, request }),
            publish: 0,
            trace: None,
            unconfirmed: None,
        }
    }
}

/// Calls as a client would.
async fn call<M: Message>(
    bench: &Bench,
    cell: &Arc<Cell<Probe>>,
    message: M,
) -> Result<<Probe as Call<M>>::Reply, CallError>
where
    Probe: Call<M>,
{
    call_within(cell, message, bench.deadline().limit()).await
}

async fn call_within<M: Message>(
    cell: &Arc<Cell<Probe>>,
    message: M,
    limit: Duration,
) -> Result<<Probe as Call<M>>::Reply, CallError>
where
    Probe: Call<M>,
{
    let mut message = Some(message);
    let called = poll_fn(|cx| match cell.call(message.take().expect("it came back"), limit, cx) {
        Called::Yield(back) => {
            message = Some(back);
            Poll::Pending
        }
        called @ (Called::Done(_) | Called::Waiting(_) | Called::Refused(..)) => Poll::Ready(called),
    })
    .await;
    match called {
        Called::Done(result) => result,
        Called::Waiting(answer) => answer.await,
        Called::Refused(_, why) => Err(CallError::Overloaded {
            name: cell.name().clone(),
            node: NodeId::new("127.0.0.1:1".parse().expect("an address"), 7),
            what: format!("{why:?}"),
        }),
        Called::Yield(_) => unreachable!("a call that yields is repeated"),
    }
}

/// Polls `future` once: it must not be ready.
async fn waits(future: &mut (impl Future + Unpin)) {
    let pending = poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await;
    assert!(pending, "it was to wait");
}

fn epoch(n: u32) -> Epoch {
    Epoch::new(crate::epoch::Term::default(), n)
}

/// What a test and its workers share; found by its number, which is the worker's init argument.
struct Shared {
    number: u64,
    log: Mutex<Vec<(u64, u64)>>,
    /// A permit for each handler that has begun to wait.
    entered: Semaphore,
    /// A permit lets one handler go on.
    gate: Semaphore,
    boots: AtomicU64,
    /// So many starts fail.
    failures: AtomicU64,
    /// What `begin_handoff` does.
    handoff: Mutex<Moves>,
    peers: Mutex<Vec<Arc<Cell<Probe>>>>,
    died: Mutex<Vec<Die>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moves {
    Resume,
    Ignore,
    Wait,
    Panic,
}

static ALL: Mutex<BTreeMap<u64, Arc<Shared>>> = Mutex::new(BTreeMap::new());

impl Shared {
    fn new() -> Arc<Self> {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        let number = all.len() as u64;
        let shared = Arc::new(Self {
            number,
            log: Mutex::default(),
            entered: Semaphore::new(0),
            gate: Semaphore::new(0),
            boots: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            handoff: Mutex::new(Moves::Resume),
            peers: Mutex::default(),
            died: Mutex::default(),
        });
        all.insert(number, shared.clone());
        shared
    }

    fn args(&self) -> Payload {
        encode(&Key(self.number))
    }

    fn log(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moves(&self, how: Moves) {
        *self.handoff.lock().expect("unpoisoned") = how;
    }

    async fn entered(&self) {
        self.entered.acquire().await.expect("open").forget();
    }

    async fn pass_gate(&self) {
        self.entered.add_permits(1);
        self.gate.acquire().await.expect("open").forget();
    }
}

/// The worker.
struct Probe {
    shared: Arc<Shared>,
    total: u64,
}

macro_rules! messages {
    ($($name:ident($($field:ty),*);)*) => {$(
        #[derive(Archive, Serialize, Deserialize, Debug, Clone)]
        struct $name($($field),*);
        impl Schema for $name { const FINGERPRINT: Fingerprint = Fingerprint::of(stringify!($name)); }
        impl Message for $name {
            const NAME: &'static str = stringify!($name);
            const ID: u64 = Fingerprint::of(stringify!($name)).0;
        }
    )*};
}

messages! {
    Key(u64);
    Count(u64);
    Ask(u64, u64);
    Slow(u64, u64);
    Note(u64, u64);
    Hold(u64);
    Boom(u64);
    BoomLater(u64);
    Own(u64);
    Deep(u64);
    Stop(u64);
    Every(u64);
    Unknown(u64);
}

/// Moves the clock in steps until `future` is ready.
async fn settle<T>(bench: &Bench, future: &mut (impl Future<Output = T> + Unpin)) -> T {
    loop {
        tokio::select! {
            biased;
            output = &mut *future => return output,
            () = tokio::task::yield_now() => bench.advance(Duration::from_millis(10)),
        }
    }
}

impl Worker for Probe {
    const NAME: &'static str = "Probe";
    const OPTIONS: Options = Options { mailbox: 400_000, ..Options::DEFAULT };
    const ARGS: Fingerprint = Key::FINGERPRINT;
    const STATE: Option<Fingerprint> = Some(Count::FINGERPRINT);
    const METHODS: &'static [Method<Self>] = &[
        Method::call::<Count>(),
        Method::call::<Ask>(),
        Method::call::<Slow>(),
        Method::cast::<Note>(),
        Method::call::<Hold>(),
        Method::call::<Boom>(),
        Method::call::<BoomLater>(),
        Method::call::<Own>(),
        Method::call::<Deep>(),
        Method::cast::<Stop>(),
        Method::call::<Every>(),
    ];
    type Client = Handle;

    fn boot(_: Context<Self>, args: Payload) -> Boot<Self> {
        let key: Key = match decode(&args) {
            Ok(key) => key,
            Err(malformed) => return Boot::Refused(malformed),
        };
        let shared = ALL.lock().unwrap_or_else(PoisonError::into_inner)[&key.0].clone();
        shared.boots.fetch_add(1, Ordering::SeqCst);
        Boot::Later(Box::pin(async move {
            tokio::task::yield_now().await;
            let fails = shared.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
            if fails { Err("not today".into()) } else { Ok(Self { shared, total: 0 }) }
        }))
    }

    fn begin_handoff(at: Active<Self>) -> Step<Self, Handoff<Payload>> {
        let how = *at.worker.shared.handoff.lock().unwrap_or_else(PoisonError::into_inner);
        let state = encode(&Count(at.worker.total));
        match how {
            Moves::Resume => Step::Done(at, Handoff::Resume(state)),
            Moves::Ignore => Step::Done(at, Handoff::Ignore),
            Moves::Panic => panic!("no move"),
            Moves::Wait => Step::Later(Box::pin(async move {
                at.worker.shared.pass_gate().await;
                (at, Handoff::Resume(state))
            })),
        }
    }

    fn end_handoff(mut at: Active<Self>, state: Payload) -> Step<Self, ()> {
        match decode::<Count>(&state) {
            Ok(count) => at.worker.total = count.0,
            Err(malformed) => return Step::Refused(at, malformed),
        }
        Step::Done(at, ())
    }

    fn resolve_conflict(mut at: Active<Self>, other: Payload) -> Step<Self, ()> {
        match decode::<Count>(&other) {
            Ok(count) => at.worker.total += count.0,
            Err(malformed) => return Step::Refused(at, malformed),
        }
        Step::Done(at, ())
    }

    fn die(at: Active<Self>, reason: Die) -> Step<Self, ()> {
        at.worker.shared.died.lock().unwrap_or_else(PoisonError::into_inner).push(reason);
        Step::Done(at, ())
    }
}

type After<R> = Pin<Box<dyn Future<Output = (Active<Probe>, R)> + Send>>;

/// A handler that is run at once.
macro_rules! handler {
    ($trait:ident, $message:ident, $reply:ty, |$at:ident, $m:ident| $body:expr) => {
        handler!(@ $trait, $message, $reply, |mut $at, $m| {
            let reply = { let $at = &mut $at; $body };
            Step::Done($at, reply)
        });
    };
    ($trait:ident, $message:ident, $reply:ty, async |$at:ident, $m:ident| $body:expr) => {
        handler!(@ $trait, $message, $reply, |mut $at, $m| {
            let later: After<$reply> = Box::pin(async move {
                let reply = { let $at = &mut $at; $body };
                ($at, reply)
            });
            Step::Later(later)
        });
    };
    (@ Call, $message:ident, $reply:ty, |mut $at:ident, $m:ident| $body:block) => {
        impl Call<$message> for Probe {
            type Reply = $reply;
            fn run(#[allow(unused_mut)] mut $at: Active<Self>, input: Input<$message>) -> Step<Self, $reply> {
                let $m = match input.owned() { Ok(m) => m, Err(malformed) => return Step::Refused($at, malformed) };
                $body
            }
        }
    };
    (@ Cast, $message:ident, $reply:ty, |mut $at:ident, $m:ident| $body:block) => {
        impl Cast<$message> for Probe {
            fn run(#[allow(unused_mut)] mut $at: Active<Self>, input: Input<$message>) -> Step<Self, $reply> {
                let $m = match input.owned() { Ok(m) => m, Err(malformed) => return Step::Refused($at, malformed) };
                $body
            }
        }
    };
}

handler!(Call, Count, Count, |at, m| {
    at.worker.total += m.0;
    Count(at.worker.total)
});
handler!(Call, Ask, Count, |at, m| {
    at.worker.shared.log().push((m.0, m.1));
    Count(m.1)
});
handler!(Call, Slow, Count, async |at, m| {
    at.worker.shared.log().push((m.0, m.1));
    tokio::task::yield_now().await;
    Count(m.1)
});
handler!(Cast, Note, (), |at, m| at.worker.shared.log().push((m.0, m.1)));
handler!(Call, Hold, Count, async |at, m| {
    at.worker.shared.pass_gate().await;
    at.worker.shared.log().push((u64::MAX, m.0));
    Count(m.0)
});
handler!(Call, Boom, Count, |at, m| if m.0 < u64::MAX { panic!("boom {}", m.0) } else { Count(at.worker.total) });
handler!(Call, BoomLater, Count, async |at, m| {
    tokio::task::yield_now().await;
    if m.0 < u64::MAX { panic!("later {}", m.0) } else { Count(at.worker.total) }
});
handler!(Call, Own, Count, async |at, m| {
    let own = at.context.typed().expect("it lives");
    match call_within(&own, Count(m.0), Deadline::NEVER.limit()).await {
        Err(CallError::SelfCall { .. }) => Count(1),
        Ok(_) | Err(_) => Count(0),
    }
});
handler!(Call, Deep, Count, async |at, m| {
    let depth = crate::worker::running::depth() as u64;
    assert!(depth <= crate::worker::running::DEPTH_MAX as u64, "nested too deep");
    match m.0 {
        0 => Count(0),
        n => {
            let next = at.worker.shared.peers.lock().unwrap_or_else(PoisonError::into_inner)[n as usize - 1].clone();
            let below = call_within(&next, Deep(n - 1), Deadline::NEVER.limit()).await.expect("the next one answers");
            Count(below.0 + 1)
        }
    }
});
handler!(Cast, Stop, (), |at, m| {
    at.worker.total = m.0;
    at.context.stop();
});
handler!(Call, Every, Count, |at, m| {
    at.context.send_every(Duration::from_millis(m.0), Note(7, m.0));
    at.context.send_after(Duration::from_millis(10 * m.0), Note(8, m.0));
    Count(0)
});
