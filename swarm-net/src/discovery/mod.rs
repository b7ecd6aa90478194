//! How nodes find the first others. Never decides who is a member: an address found here is only dialled.

#[cfg(feature = "dns")]
mod dns;
mod multicast;
mod search;
mod seeds;

#[cfg(feature = "dns")]
pub use dns::Dns;
pub use multicast::Multicast;
pub use search::Search;
pub(crate) use search::Sighting;
pub use seeds::Seeds;

use crate::error::NetError;

/// A way to find other nodes. Implement it for your own: a cloud's interface, a file, a registry.
///
/// Each discovery runs on a thread of its own, so it may block, but not for ever: see [`Search::wait`].
pub trait Discovery: Send + 'static {
    /// A short name, for logs and for the thread.
    fn name(&self) -> &str;

    /// Opens what it needs. Called once, before the node starts; an error keeps the node from starting.
    ///
    /// # Errors
    ///
    /// Why it cannot work at all. Failures that may pass are no errors: try again in [`Discovery::run`].
    fn open(&mut self, search: &Search) -> Result<(), NetError> {
        let _ = search;
        Ok(())
    }

    /// Reports every address that it finds by [`Search::found`], again and again, since nodes come, go and are split, until
    /// [`Search::wait`] says that the node stops.
    fn run(self: Box<Self>, search: Search);
}
