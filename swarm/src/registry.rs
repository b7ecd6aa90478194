//! Owns the ways to registered names that need no client: by the process's node, or by a certain one. Never asks anybody
//! itself.

use std::time::Duration;

use crate::client::{Handle, Op};
use crate::error::{Location, RegistryError};
use crate::name::Name;
use crate::pages::Pages;
use crate::swarm::Swarm;
use crate::via::Reached;
use crate::whom::Whom;
use crate::worker::Worker;

/// Where `name` is, if it is registered. Asks the owner of the name, so the answer is not a guess.
pub fn whereis(name: impl Into<Name>) -> Op<Option<Location>, RegistryError> {
    Handle::new(name).whereis()
}

/// Stops the worker of `name` cleanly (its `die` runs), wherever it is, and frees the name. A name that is free already
/// stays so.
pub fn unregister(name: impl Into<Name>) -> Op<(), RegistryError> {
    Handle::new(name).unregister()
}

/// All registered names, in order, with where they are: Swarm's `registered/0`. Every node is asked for the workers it
/// hosts, so names that are between two nodes at this moment may be missing.
pub fn registered() -> Op<Vec<(Name, Location)>, RegistryError> {
    Op::new(None, RegistryError::NoSwarm, |reached: Reached, limit: Duration| reached.list(Whom::Everyone, limit))
}

/// All registered names page by page, in order, with where they are: for clusters whose list is too large for one
/// answer.
pub fn registered_pages() -> Pages {
    Pages::new(None, Whom::Everyone)
}

impl Swarm {
    /// The client of one name, bound to this node.
    pub fn at<W: Worker>(&self, name: impl Into<Name>) -> W::Client {
        Handle::new(name).on(self).into()
    }

    /// Where `name` is, if it is registered.
    pub fn whereis(&self, name: impl Into<Name>) -> Op<Option<Location>, RegistryError> {
        Handle::new(name).on(self).whereis()
    }

    /// Stops the worker of `name` cleanly, wherever it is, and frees the name.
    pub fn unregister(&self, name: impl Into<Name>) -> Op<(), RegistryError> {
        Handle::new(name).on(self).unregister()
    }

    /// All registered names, in order, with where they are. See [`registered`].
    pub fn registered(&self) -> Op<Vec<(Name, Location)>, RegistryError> {
        registered().on(self)
    }

    /// The same list page by page. See [`registered_pages`].
    pub fn registered_pages(&self) -> Pages {
        registered_pages().on(self)
    }
}

#[cfg(feature = "remote")]
impl crate::remote::Client {
    /// The client of one name, bound to this connection.
    pub fn at<W: Worker>(&self, name: impl Into<Name>) -> W::Client {
        Handle::new(name).on(self).into()
    }

    /// Where `name` is, if it is registered and its worker is public.
    pub fn whereis(&self, name: impl Into<Name>) -> Op<Option<Location>, RegistryError> {
        Handle::new(name).on(self).whereis()
    }

    /// Stops the worker of `name` cleanly, wherever it is, and frees the name, if the worker is public.
    pub fn unregister(&self, name: impl Into<Name>) -> Op<(), RegistryError> {
        Handle::new(name).on(self).unregister()
    }

    /// All names of public workers, in order, with where they are. See [`registered`].
    pub fn registered(&self) -> Op<Vec<(Name, Location)>, RegistryError> {
        registered().on(self)
    }

    /// The same list page by page. See [`registered_pages`].
    pub fn registered_pages(&self) -> Pages {
        registered_pages().on(self)
    }
}
