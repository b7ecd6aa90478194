//! Owns a node's driver for who turns it by hand: all that the I/O thread does, over sockets of the caller's and on the
//! caller's thread and clock. Never sleeps.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::driver::{Driver, Flow};
use super::sockets::Sockets;
use super::thread::{assemble, check};
use super::wake::commands_by_hand;
use super::{Inbox, Setup, Transport};
use crate::error::NetError;
use crate::membership::Membership;
use crate::node::NodeId;
use crate::secret::Entropy;
use crate::time::Instant;
use crate::wire::Scratch;

pub use super::thread::Place;

/// What the I/O thread of a node would do, left to the caller. It goes by [`Clock`](crate::time::Clock), which
/// [`Clock::set`](crate::time::Clock::set) can stop.
pub struct Driven {
    driver: Driver,
    scratch: Scratch,
    over: bool,
}

impl Transport {
    /// A node over these sockets that does nothing until it is turned. The discoveries of the setup are ignored:
    /// [`Driven::heard`] takes what they would find. Also the keys of its connections follow from the seed of its place, so a secret
    /// protects it from nobody who knows that.
    ///
    /// # Errors
    ///
    /// [`NetError`] if the setup is unusable.
    pub fn driven(
        setup: Setup,
        inbox: Arc<dyn Inbox>,
        place: Place,
        sockets: Box<dyn Sockets>,
    ) -> Result<(Self, Driven), NetError> {
        check(&setup)?;
        let entropy = Entropy::seeded(place.seed);
        let (handle, driver) = assemble(setup, inbox, place, entropy, sockets, commands_by_hand())?;
        let driven = Driven { driver, scratch: Scratch::default(), over: false };
        Ok((Self { handle: Arc::new(handle) }, driven))
    }
}

impl Driven {
    /// One turn of the driver's loop. False at the end of the node, when all is closed.
    pub fn turn(&mut self) -> bool {
        if self.over {
            return false;
        }
        match self.driver.turn(&mut self.scratch) {
            Ok(Flow::Go) => return true,
            Ok(Flow::End) => self.close(),
            Err(error) => {
                self.close();
                self.driver.inbox.fatal(error);
            }
        }
        false
    }

    /// Closes everything, as the end of the process would.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.driver.close();
        }
    }

    /// When to turn it next, though nothing happens to its sockets: at once if something waits, never if it is over.
    pub fn next_due(&self) -> Option<Instant> {
        let waits = self.driver.is_busy() || !self.driver.queue.is_empty();
        let due = if waits { Instant::START } else { self.driver.next_due() };
        (!self.over).then_some(due)
    }

    /// A node of the cluster was found, as by a beacon of it.
    pub fn heard(&self, node: NodeId, joined: bool) {
        self.driver.search.heard(node, joined);
    }

    /// A node may be reached at this address, as a seed.
    pub fn found(&self, addr: SocketAddr) {
        self.driver.search.found(addr);
    }

    /// Whether the node is connected to nobody.
    pub fn is_alone(&self) -> bool {
        self.driver.search.alone()
    }

    /// Who the node takes for members.
    pub fn membership(&self) -> &Membership {
        &self.driver.membership
    }
}

impl fmt::Debug for Driven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Driven({})", self.driver.me)
    }
}
