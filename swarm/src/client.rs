//! Owns the typed ways into the cluster: handles by name and the futures that they return.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::Poll;

use crate::error::{CallError, CastError, Location, RegisterError, RegistryError};
use crate::message::Message;
use crate::name::Name;
use crate::swarm::Swarm;
use crate::worker::{Call, Cast, Payload, Worker};

/// A name, and the node through which it is reached. Generated clients are wrappers of it.
#[derive(Clone, Debug)]
pub struct Handle {
    /// Whom it reaches.
    pub name: Name,
}

impl Handle {
    /// A handle on `name`.
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into() }
    }

    /// The same through `swarm`.
    pub fn on(self, _swarm: &Swarm) -> Self {
        self
    }

    /// Calls it.
    pub fn call<W: Call<M>, M: Message>(&self, _message: M) -> Calling<W::Reply, W, M> {
        Calling(PhantomData)
    }

    /// Sends it a message.
    pub fn cast<W: Cast<M>, M: Message>(&self, _message: M) -> Result<(), CastError> {
        Err(CastError::NoSwarm)
    }

    /// Registers it.
    pub fn register<W: Worker>(&self, _init: Payload) -> Op<(), RegisterError> {
        Op(Some(RegisterError::NoSwarm), PhantomData)
    }

    /// Finds or registers it.
    pub fn whereis_or_register<W: Worker>(&self, _init: Payload) -> Op<Location, RegisterError> {
        Op(Some(RegisterError::NoSwarm), PhantomData)
    }

    /// Registers this instance here.
    pub fn register_local<W: Worker>(&self, _worker: W) -> Op<(), RegisterError> {
        Op(Some(RegisterError::NoSwarm), PhantomData)
    }

    /// Where it is.
    pub fn whereis(&self) -> Op<Option<Location>, RegistryError> {
        Op(Some(RegistryError::NoSwarm), PhantomData)
    }

    /// Stops it.
    pub fn unregister(&self) -> Op<(), RegistryError> {
        Op(Some(RegistryError::NoSwarm), PhantomData)
    }
}

/// A call under way.
#[must_use = "a call does nothing until it is awaited (or `.wait()`ed for)"]
pub struct Calling<R, W, M>(PhantomData<fn() -> (R, W, M)>);

impl<R, W: Call<M, Reply = R>, M: Message> Future for Calling<R, W, M> {
    type Output = Result<R, CallError>;

    fn poll(self: Pin<&mut Self>, _cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(CallError::NoSwarm))
    }
}

/// An operation under way.
#[must_use = "an operation does nothing until it is awaited (or `.wait()`ed for)"]
pub struct Op<T, E>(Option<E>, PhantomData<fn() -> T>);

impl<T, E: Unpin> Future for Op<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        match self.0.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    }
}
