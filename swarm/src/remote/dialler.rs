//! Owns the addresses of a cluster's gateways, and how one is connected to. Never keeps a connection.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use swarm_net::connection::Gate;
use tarpc::client::{Config, NewClient};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::link::Link;
use crate::gateway::{ANSWER_BYTES_MAX, GatewayClient, Hello, OLDEST, VERSION};
use crate::rpc::{Packed, Stream, until, wire, within};

/// How long it may take until a gateway at an address has answered.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many calls, casts and other requests of a program may be under way; others wait for their turn, and casts are refused. Half of what
/// a gateway takes, so that it has forgotten those that were given up before it has to refuse one.
const REQUESTS_MAX: usize = 256;

/// How many tarpc takes: those, what it has not been told yet is given up, and the question whether the node is still there, which must
/// not wait for its turn.
const SENT_MAX: usize = REQUESTS_MAX + REQUESTS_MAX / 2;

/// The gateways of a cluster.
pub(super) struct Dialler {
    addrs: Vec<String>,
    gate: Option<Gate>,
}

/// A connection that has just been made.
pub(super) struct Connected {
    pub(super) link: Arc<Link>,
    /// Ends with the connection, and says why.
    pub(super) life: JoinHandle<String>,
}

impl Dialler {
    pub(super) fn new(addrs: Vec<String>, gate: Option<Gate>) -> Self {
        Self { addrs, gate }
    }

    /// Connects to the first that answers, beginning with the one at this place of the list. Gives its own place, too.
    ///
    /// # Errors
    /// What came of each, for people.
    pub(super) async fn next(&self, from: usize) -> Result<(usize, Connected), String> {
        let mut problems = Vec::new();
        for step in 0..self.addrs.len() {
            let at = (from + step) % self.addrs.len();
            let addr = &self.addrs[at];
            match within(PATIENCE, self.dial(addr)).await {
                Some(Ok(connected)) => return Ok((at, connected)),
                Some(Err(problem)) => problems.push(format!("{addr}: {problem}")),
                None => problems.push(format!("{addr}: it does not answer within {PATIENCE:?}")),
            }
        }
        if problems.is_empty() {
            return Err("no gateway was named: give the host:port of at least one".to_owned());
        }
        Err(format!("no gateway of the cluster lets this program in ({})", problems.join("; ")))
    }

    async fn dial(&self, addr: &str) -> Result<Connected, String> {
        let stream = TcpStream::connect(addr).await.map_err(|error| unreachable(&error))?;
        let stream = Stream::dial(stream, self.gate.as_ref()).await.map_err(|error| self.denied(&error))?;
        let wire = wire::<Packed, _, _, _>(stream, ANSWER_BYTES_MAX);
        let mut config = Config::default();
        (config.max_in_flight_requests, config.pending_request_buffer) = (SENT_MAX, SENT_MAX);
        let NewClient { client, dispatch } = GatewayClient::new(config, wire);
        let life = tokio::spawn(async move {
            match dispatch.await {
                Ok(()) => "it hung up".to_owned(),
                Err(error) => error.to_string(),
            }
        });
        match self.greet(client).await {
            Ok(link) => Ok(Connected { link: Arc::new(link), life }),
            Err(problem) => {
                life.abort();
                Err(problem)
            }
        }
    }

    async fn greet(&self, service: GatewayClient) -> Result<Link, String> {
        let hello = Hello { version: VERSION, swarm: env!("CARGO_PKG_VERSION").to_owned() };
        let welcome = service.hello(until(PATIENCE), hello).await.map_err(|_| self.silent())?;
        if welcome.version < OLDEST || welcome.oldest > VERSION {
            return Err(format!(
                "its node (swarm {}) speaks versions {} to {} of the service, and this program {OLDEST} to {VERSION}: use versions of swarm that \
                 are closer to each other",
                welcome.swarm, welcome.oldest, welcome.version
            ));
        }
        if welcome.leaving {
            return Err("its node is leaving".to_owned());
        }
        let node = welcome.node.id().ok_or("it does not say which node it is")?;
        let places = Arc::new(Semaphore::new(REQUESTS_MAX));
        Ok(Link { service, node, message_bytes_max: welcome.message_bytes_max, places })
    }

    /// What it may mean that who answers hangs up at the first words.
    fn silent(&self) -> String {
        let text = match self.gate {
            Some(_) => "it cannot be understood: is it the address of a gateway?",
            None => {
                "it cannot be understood: is it the address of a gateway, and does its cluster have a secret, which this program must then \
                 be given by .secret(..) or SWARM_SECRET?"
            }
        };
        text.to_owned()
    }

    fn denied(&self, error: &io::Error) -> String {
        if error.kind() == ErrorKind::PermissionDenied {
            return format!("{error}: give this program the secret of the cluster");
        }
        // Who has no secret takes a handshake for a frame that is far too long.
        format!("{error}: is it the address of a gateway, and does its cluster have a secret as this program has?")
    }
}

/// What keeps a connection from being made, and what to do.
fn unreachable(error: &io::Error) -> String {
    if error.kind() == ErrorKind::ConnectionRefused {
        return "nobody listens there: does a node run, and with `Builder::gateway` or SWARM_GATEWAY?".to_owned();
    }
    error.to_string()
}
