//! Owns how connections are made anew that began with other certificates than those of now. Never ends one that began with these.

use super::Driver;
use crate::connection::{Ended, Lock};

impl Driver {
    /// Ends the connections that began before the certificates were read last, open or at their handshake, and dials anew. With that both ends
    /// show and check certificates again.
    pub(super) fn renew(&mut self) {
        let Some(now) = self.lock.as_ref().and_then(Lock::generation) else { return };
        let mut old = Vec::new();
        for (token, link) in self.links.iter_mut() {
            if link.connection.generation().is_some_and(|began| began < now) {
                old.push(token);
            }
        }
        for token in old {
            self.end(token, Ended::Renewed);
        }
    }
}
