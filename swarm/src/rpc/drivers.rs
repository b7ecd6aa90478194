//! Owns what a runtime must have for a service or its clients. Never starts one.

use std::panic::catch_unwind;
use std::time::Duration;

/// Whether the runtime can wait for sockets, and for time to pass. It only says so by a panic.
pub(crate) fn has_drivers() -> bool {
    #[cfg(unix)]
    let probe = || tokio::net::UnixDatagram::unbound().map(drop);
    #[cfg(not(unix))]
    let probe =
        || std::net::UdpSocket::bind(("127.0.0.1", 0)).map(|socket| drop(tokio::net::UdpSocket::from_std(socket)));
    catch_unwind(probe).is_ok() && catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_ok()
}
