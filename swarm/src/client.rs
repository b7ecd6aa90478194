//! Owns the typed ways into the cluster: handles by name, and the futures that they return. Nothing here happens
//! before the first poll.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::call::wait;
use crate::error::{CallError, CastError, Location, RegisterError, RegistryError};
use crate::message::Message;
use crate::name::{Hashed, Name, NameHash};
#[cfg(feature = "node")]
use crate::runtime::{Begun, First, Node};
use crate::via::{Met, Reach, Reached, Via, met, reached};
use crate::worker::{Call, Cast, Payload, Worker};

/// A name, and the node through which it is reached. Generated clients are wrappers of it.
#[derive(Clone)]
pub struct Handle {
    name: Name,
    /// Its name's, which every call needs.
    hash: NameHash,
    /// Counted by itself, and by its calls: all users of a node would meet at the node's own count.
    on: Option<Arc<Via>>,
}

impl Handle {
    /// Reaches `name` through [`Swarm::current`](crate::Swarm::current).
    pub fn new(name: impl Into<Name>) -> Self {
        let name = name.into();
        Self { hash: name.hash64(), name, on: None }
    }

    /// Reaches it through `swarm`: a node, or a connection to a cluster.
    #[must_use]
    pub fn on(mut self, swarm: &impl Reach) -> Self {
        self.on = Some(Arc::new(swarm.via()));
        self
    }

    /// Whom it reaches.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// A call; nothing happens before it is awaited.
    pub fn call<W, M>(&self, message: M) -> Calling<<W as Call<M>>::Reply, W, M>
    where
        W: Call<M>,
        M: Message,
    {
        Calling {
            name: self.name.clone(),
            hash: self.hash,
            on: self.on.clone().map_or(On::Current, On::AsItsHandle),
            timeout: <W as Call<M>>::TIMEOUT,
            state: State::<<W as Call<M>>::Reply, M>::New(message),
            worker: PhantomData,
        }
    }

    /// A cast: queued, or refused. Never waits.
    ///
    /// # Errors
    /// When the worker's queue or the way to it is full, or there is no node to send it by.
    pub fn cast<W, M>(&self, message: M) -> Result<(), CastError>
    where
        W: Cast<M>,
        M: Message,
    {
        match met(self.on.as_deref()).ok_or(CastError::NoSwarm)? {
            #[cfg(feature = "node")]
            Met::Node(node) => node.cast::<W, M>(Hashed { name: &self.name, hash: self.hash }, message),
            #[cfg(feature = "remote")]
            Met::Remote(client) => client.cast::<W, M>(&self.name, &message),
            #[cfg(not(any(feature = "node", feature = "remote")))]
            Met::Nobody(swarm) => swarm.never(),
        }
    }

    /// Registers the name with a worker of type `W`, started from `init`.
    pub fn register<W: Worker>(&self, init: Payload) -> Op<(), RegisterError> {
        let name = self.name.clone();
        self.op(RegisterError::NoSwarm, move |reached, limit| async move {
            reached.register::<W>(name, init, limit).await.map(drop)
        })
    }

    /// Where the name's worker is; registers it if there is none.
    pub fn whereis_or_register<W: Worker>(&self, init: Payload) -> Op<Location, RegisterError> {
        let name = self.name.clone();
        self.op(RegisterError::NoSwarm, move |reached, limit| reached.whereis_or_register::<W>(name, init, limit))
    }

    /// Registers this very instance on this node.
    pub fn register_local<W: Worker>(&self, worker: W) -> Op<(), RegisterError> {
        let name = self.name.clone();
        self.op(RegisterError::NoSwarm, move |reached, limit| async move {
            reached.register_local::<W>(name, worker, limit).await.map(drop)
        })
    }

    /// Where the name's worker is.
    pub fn whereis(&self) -> Op<Option<Location>, RegistryError> {
        let name = self.name.clone();
        self.op(RegistryError::NoSwarm, move |reached, limit| reached.whereis(name, limit))
    }

    /// Stops the name's worker cleanly, wherever it is, and frees the name.
    pub fn unregister(&self) -> Op<(), RegistryError> {
        let name = self.name.clone();
        self.op(RegistryError::NoSwarm, move |reached, limit| reached.unregister(name, limit))
    }

    fn op<T, E, F>(&self, no_swarm: E, begin: impl FnOnce(Reached, Duration) -> F + Send + 'static) -> Op<T, E>
    where
        E: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        Op::new(self.on.as_deref().cloned(), no_swarm, begin)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.name).finish()
    }
}

/// A call that has not been answered.
///
/// It is a future: await it, or give it to `join!`, `select!`, `spawn`. Dropping it after its first poll does not
/// stop the handler.
#[must_use = "a call does nothing until it is awaited (or `.wait()`ed for, outside async code)"]
pub struct Calling<R, W, M> {
    name: Name,
    hash: NameHash,
    on: On,
    timeout: Option<Duration>,
    state: State<R, M>,
    worker: PhantomData<fn() -> W>,
}

/// By what a call reaches its worker.
enum On {
    Current,
    AsItsHandle(Arc<Via>),
    Named(Via),
}

impl On {
    #[inline]
    fn via(&self) -> Option<&Via> {
        match self {
            Self::Current => None,
            Self::AsItsHandle(via) => Some(via),
            Self::Named(via) => Some(via),
        }
    }
}

enum State<R, M> {
    New(M),
    #[cfg(feature = "node")]
    Begun(Begun<R>, Arc<Node>),
    #[cfg(feature = "remote")]
    Remote(crate::remote::Answering),
    Done(PhantomData<fn() -> R>),
}

impl<R, W, M> Calling<R, W, M> {
    /// The answer must come within `limit` (default: the method's own, else 5 s).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Calls through `swarm`, a node or a connection to a cluster, instead of [`Swarm::current`](crate::Swarm::current).
    pub fn on(mut self, swarm: &impl Reach) -> Self {
        self.on = On::Named(swarm.via());
        self
    }

    /// Blocks this thread until the answer is there. Not for async code: it would block the runtime.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn wait(self) -> Result<R, CallError>
    where
        Self: Future<Output = Result<R, CallError>>,
    {
        wait::wait(self)
    }
}

// The message is only ever taken out whole, and what runs is boxed.
impl<R, W, M> Unpin for Calling<R, W, M> {}

impl<R, W, M> Future for Calling<R, W, M>
where
    W: Call<M, Reply = R>,
    M: Message,
    R: crate::message::Wire,
{
    type Output = Result<R, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match std::mem::replace(&mut this.state, State::<R, M>::Done(PhantomData)) {
            State::New(message) => match met(this.on.via()) {
                #[cfg(feature = "node")]
                Some(Met::Node(node)) => {
                    let name = Hashed { name: &this.name, hash: this.hash };
                    match node.call::<W, M>(name, message, this.timeout, cx) {
                        First::Begun(begun) => Self::poll_begun(&mut this.state, begun, node.clone(), cx),
                        First::Done(done) => Poll::Ready(node.note_call(W::KIND, done)),
                        First::Yield(message) => {
                            this.state = State::New(message);
                            Poll::Pending
                        }
                    }
                }
                #[cfg(feature = "remote")]
                Some(Met::Remote(client)) => {
                    let asked = client.clone().call::<W, M>(&this.name, &message, this.timeout);
                    this.poll_remote(asked, cx)
                }
                #[cfg(not(any(feature = "node", feature = "remote")))]
                Some(Met::Nobody(swarm)) => swarm.never(),
                None => Poll::Ready(Err(CallError::NoSwarm)),
            },
            #[cfg(feature = "node")]
            State::Begun(begun, node) => Self::poll_begun(&mut this.state, begun, node, cx),
            #[cfg(feature = "remote")]
            State::Remote(asked) => this.poll_remote(asked, cx),
            State::Done(_) => panic!("a call was polled after its answer"),
        }
    }
}

#[cfg(feature = "node")]
impl<R: crate::message::Wire, W: Worker, M> Calling<R, W, M> {
    fn poll_begun(
        state: &mut State<R, M>,
        mut begun: Begun<R>,
        node: Arc<Node>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<R, CallError>> {
        match begun.poll(node.id(), cx) {
            Poll::Ready(result) => Poll::Ready(node.note_call(W::KIND, result)),
            Poll::Pending => {
                *state = State::Begun(begun, node);
                Poll::Pending
            }
        }
    }
}

#[cfg(feature = "remote")]
impl<R: crate::message::Wire, W, M> Calling<R, W, M> {
    fn poll_remote(&mut self, mut asked: crate::remote::Answering, cx: &mut Context<'_>) -> Poll<Result<R, CallError>> {
        match asked.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(answer.and_then(|reply| reply.read(&self.name))),
            Poll::Pending => {
                self.state = State::Remote(asked);
                Poll::Pending
            }
        }
    }
}

impl<R, W, M> fmt::Debug for Calling<R, W, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calling").field(&self.name).finish()
    }
}

type Running<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;
type Begin<T, E> = Box<dyn FnOnce(Reached, Duration) -> Running<T, E> + Send>;

/// A request to the registry or a group. It is a future and does nothing until it is polled.
#[must_use = "a request does nothing until it is awaited (or `.wait()`ed for, outside async code)"]
pub struct Op<T, E> {
    on: Option<Via>,
    timeout: Option<Duration>,
    begin: Option<(Begin<T, E>, E)>,
    running: Option<Running<T, E>>,
}

impl<T, E> Op<T, E> {
    pub(crate) fn new<F>(
        on: Option<Via>,
        no_swarm: E,
        begin: impl FnOnce(Reached, Duration) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let begin: Begin<T, E> = Box::new(move |reached, limit| Box::pin(begin(reached, limit)));
        Self { on, timeout: None, begin: Some((begin, no_swarm)), running: None }
    }

    /// The answer must come within `limit` (default 5 s).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Asks through `swarm`, a node or a connection to a cluster, instead of [`Swarm::current`](crate::Swarm::current).
    pub fn on(mut self, swarm: &impl Reach) -> Self {
        self.on = Some(swarm.via());
        self
    }

    /// Blocks this thread until the answer is there. Not for async code: it would block the runtime.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn wait(self) -> Result<T, E> {
        wait::wait(self)
    }
}

impl<T, E> Unpin for Op<T, E> {}

impl<T, E> Future for Op<T, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some((begin, no_swarm)) = this.begin.take() {
            let Some(reached) = reached(this.on.as_ref()) else { return Poll::Ready(Err(no_swarm)) };
            let limit = this.timeout.unwrap_or_else(|| reached.call_timeout());
            this.running = Some(begin(reached, limit));
        }
        let Some(running) = &mut this.running else { panic!("a request was polled after its answer") };
        let polled = running.as_mut().poll(cx);
        if polled.is_ready() {
            this.running = None;
        }
        polled
    }
}

impl<T, E> fmt::Debug for Op<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Op")
    }
}
