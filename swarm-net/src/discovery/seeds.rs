//! Owns discovery by a fixed list of addresses. Never blocks but on its own thread, where it resolves names.

use std::net::ToSocketAddrs;
use std::time::Duration;

use super::{Discovery, Search};

/// While nobody is connected, the seeds are tried so often. The dials behind it back off by themselves.
const EAGER: Duration = Duration::from_millis(500);
/// Else so often, to heal a cluster that was split, and to follow names that lead elsewhere now.
const STEADY: Duration = Duration::from_secs(15);

/// Finds others at known addresses. A seed need not be up, nor different from this node: all nodes may have the same list.
///
/// ```
/// use swarm_net::discovery::Seeds;
/// let seeds = Seeds::new(["10.0.0.1:45892", "bank-2.example:45892"]);
/// ```
#[derive(Clone, Debug)]
pub struct Seeds {
    hosts: Vec<String>,
}

impl Seeds {
    /// Nodes may be found at these addresses, each as `host:port`. Names are resolved again and again.
    pub fn new<S: Into<String>>(hosts: impl IntoIterator<Item = S>) -> Self {
        Self { hosts: hosts.into_iter().map(Into::into).collect() }
    }
}

impl Discovery for Seeds {
    fn name(&self) -> &str {
        "seeds"
    }

    fn run(self: Box<Self>, search: Search) {
        loop {
            for host in &self.hosts {
                match host.to_socket_addrs() {
                    Ok(addrs) => addrs.for_each(|addr| search.found(addr)),
                    Err(error) => tracing::warn!(%host, %error, "a seed cannot be resolved, it is tried again"),
                }
            }
            let pause = if search.alone() { EAGER } else { STEADY };
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
    fn seeds_are_resolved_and_reported_until_the_node_stops() {
        let (sender, receiver) = unbounded();
        let addr = ([127, 0, 0, 1], 7).into();
        let post = Post::new(NodeId::new(addr, 1), "test", None, Refusals::default());
        let search = Search::new("test", addr, post, move |sighting| {
            let _ = sender.send(sighting);
        });
        let seeds = Box::new(Seeds::new(["127.0.0.1:7", "[::1]:8", "no address"]));
        let running = std::thread::spawn({
            let search = search.clone();
            move || seeds.run(search)
        });
        let expected = ["127.0.0.1:7", "[::1]:8", "127.0.0.1:7"];
        for text in expected {
            let seen = receiver.recv_timeout(Duration::from_secs(10)).expect("they are repeated");
            assert_eq!(seen, Sighting::Addr(text.parse().expect("a literal address")));
        }
        search.stop();
        running.join().expect("it returns");
    }
}
