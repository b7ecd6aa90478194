//! Owns who is at the other end of a connection by HTTP: a stranger, until it has shown that it may be here. Never decides whether it may.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Who is at the other end of a connection.
pub(crate) struct Guest {
    pub(crate) from: SocketAddr,
    /// The place of a stranger, then that of a guest.
    place: Mutex<Place>,
    /// It is a stranger no more.
    pub(crate) known: Notify,
}

enum Place {
    Stranger(#[expect(dead_code, reason = "it is held")] super::Place),
    Guest(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit),
}

impl Guest {
    pub(crate) fn new(from: SocketAddr, place: super::Place) -> Self {
        Self { from, place: Mutex::new(Place::Stranger(place)), known: Notify::new() }
    }

    /// It has shown that it may be here. False if there is no room for it.
    pub(crate) fn admit(&self, guests: &Arc<Semaphore>) -> bool {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*place, Place::Guest(_)) {
            return true;
        }
        let Ok(seat) = guests.clone().try_acquire_owned() else { return false };
        *place = Place::Guest(seat);
        self.known.notify_one();
        true
    }
}

/// Whether this names a machine by its address, or this one. A page whose host has been turned into this machine's names that host (DNS
/// rebinding).
pub(crate) fn is_address(host: &str) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        Some(_) | None => host,
    };
    let bare = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(bare);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_this_machine_are_told_from_other_hosts() {
        for host in ["127.0.0.1", "127.0.0.1:80", "[::1]:8080", "[::1]", "localhost", "LocalHost:1", "10.0.0.7:1"] {
            assert!(is_address(host), "{host}");
        }
        for host in
            ["", "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example:1", "[evil]:1"]
        {
            assert!(!is_address(host), "{host}");
        }
    }
}
