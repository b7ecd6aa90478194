//! Owns discovery by one host name that leads to all nodes. Never blocks but on its own thread, where it resolves the
//! name.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use super::{Discovery, Search};

/// While nobody is connected, the name is resolved so often: a resolver's negative answers are kept for a moment anyway.
const EAGER: Duration = Duration::from_secs(1);
/// Else so often, to meet nodes that were added and to heal a split. Below the usual time to live of such records.
const STEADY: Duration = Duration::from_secs(5);

/// Finds others by a host name with one address for each node, as a headless service of Kubernetes has: the name is
/// resolved again every few seconds, and all its addresses are tried with one port.
///
/// ```
/// use swarm_net::discovery::Dns;
/// let dns = Dns::new("swarm.bank.svc.cluster.local", 45892);
/// ```
#[derive(Clone, Debug)]
pub struct Dns {
    host: String,
    port: u16,
    every: Duration,
}

impl Dns {
    /// Nodes may be found at the addresses of `host`, each on this port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, every: STEADY }
    }

    /// How often the name is resolved (default 5 s). While nobody is connected it is every second at least.
    #[must_use]
    pub fn every(mut self, pause: Duration) -> Self {
        self.every = pause.max(Duration::from_millis(1));
        self
    }
}

impl Discovery for Dns {
    fn name(&self) -> &str {
        "dns"
    }

    fn run(self: Box<Self>, search: Search) {
        let mut known: Option<Vec<SocketAddr>> = None;
        loop {
            match (self.host.as_str(), self.port).to_socket_addrs() {
                Ok(found) => {
                    let mut found: Vec<_> = found.collect();
                    found.sort_unstable();
                    found.iter().for_each(|addr| search.found(*addr));
                    if known.as_ref() != Some(&found) {
                        tracing::debug!(host = self.host, ?found, "the name leads elsewhere now");
                        known = Some(found);
                    }
                }
                Err(error) => {
                    // Said once for each time that it begins to fail.
                    if known.take().is_some_and(|known| !known.is_empty()) {
                        tracing::warn!(host = self.host, %error, "the name cannot be resolved, it is tried again");
                    } else {
                        tracing::debug!(host = self.host, %error, "the name cannot be resolved, it is tried again");
                    }
                }
            }
            let pause = if search.alone() { self.every.min(EAGER) } else { self.every };
            if !search.wait(pause) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::discovery::Sighting;
    use crate::node::NodeId;
    use crate::secret::{Post, Refusals};

    #[test]
    fn the_addresses_of_a_name_are_reported_until_the_node_stops() {
        let (sender, receiver) = unbounded();
        let addr = ([127, 0, 0, 1], 7).into();
        let post = Post::new(NodeId::new(addr, 1), "test", None, Refusals::default());
        let search = Search::new("test", addr, post, move |sighting| {
            let _ = sender.send(sighting);
        });
        let dns = Box::new(Dns::new("127.0.0.1", 8).every(Duration::from_millis(1)));
        let running = std::thread::spawn({
            let search = search.clone();
            move || dns.run(search)
        });
        for _ in 0..3 {
            let seen = receiver.recv_timeout(Duration::from_secs(10)).expect("it is repeated");
            assert_eq!(seen, Sighting::Addr(([127, 0, 0, 1], 8).into()));
        }
        search.stop();
        running.join().expect("it returns");
    }
}
