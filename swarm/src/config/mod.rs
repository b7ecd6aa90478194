//! Owns every interval and limit of a node that a user may set, each with its reason. Never takes one from anywhere
//! without being told to: from code, from a file, or from the environment.

mod source;

use std::time::Duration;

use serde::{Deserialize, Serialize};
pub use swarm_net::config::NetConfig;
pub use swarm_net::membership::MembershipConfig;
use swarm_net::settings;

pub use source::ConfigError;
#[cfg(feature = "gateway")]
pub(crate) use source::GATEWAY;
#[cfg(feature = "prometheus")]
pub(crate) use source::METRICS;
#[cfg(feature = "dashboard")]
pub(crate) use source::{DASHBOARD, DASHBOARD_CERT, DASHBOARD_KEY, DASHBOARD_TOKEN, DASHBOARD_TOKEN_FILE};
#[cfg(feature = "http")]
pub(crate) use source::{HTTP, HTTP_CERT, HTTP_KEY, HTTP_TOKEN, HTTP_TOKEN_FILE};
#[cfg(feature = "tls")]
pub(crate) use source::{TLS_CA, TLS_CERT, TLS_KEY, TLS_NAME};

use crate::placement::Placement;

/// The intervals and limits of a node. Every field has a default (for machines of one data centre), so code and files
/// name only what they change. The unit stands last in each name: `_ms` is milliseconds, `_bytes_max` bytes.
///
/// It comes from code, from the environment ([`Config::with_env`]), or from a file: it implements serde's traits, and
/// with the feature `toml` there is `Config::from_file`. Unknown names are errors everywhere.
///
/// ```
/// use swarm::Config;
/// let config = Config { call_timeout_ms: 1_000, ..Config::default() };
/// assert_eq!(config.replicas, 3);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Sockets, frames and the failure detector.
    pub net: NetConfig,
    /// On which side of a split workers run. The same on all nodes of a cluster: nodes that differ refuse each other. In text it
    /// is `ring` or `quorum:3`. [`Builder::placement`](crate::Builder::placement) goes before it.
    pub placement: Placement,
    /// With [`Placement::Quorum`]: how long a node may run workers after the others were last heard to agree. The same on
    /// all nodes of a cluster. About the time in which a lost node is noticed: a shorter one ends workers for a pause that
    /// nobody else would have minded, a longer one only delays the new start of what was lost.
    pub lease_ms: u64,
    /// This node's share of the ring, relative to the others: with 200 it owns twice as many names as with 100. With
    /// [`Placement::Quorum`] it has none before its first lease.
    pub weight: u16,
    /// How many nodes hold each name's record. An acknowledged registration survives one crash less than this.
    pub replicas: u8,
    /// The time limit of calls and registry requests that set none: OTP's.
    pub call_timeout_ms: u64,
    /// How long a cast may wait on its way for a connection or a new view before it is dropped.
    pub cast_wait_ms: u64,
    /// The longest message, reply, state piece or init argument in bytes. Longer states travel in pieces. A call that a worker's own
    /// node has queued for it goes along when the worker moves, however long it is: it was taken.
    pub message_bytes_max: u32,
    /// How much of what the directory has to say to one member may wait for it, in bytes. The connection of a member that reads so
    /// slowly that more waits is made anew, and what waited is told again from the beginning. So it must be more than all
    /// records that one node may have to be told at once: some 150 bytes a name.
    pub control_queue_bytes_max: u64,
    /// How many calls of this node may wait for an answer at once: some 200 bytes each.
    pub calls_open_max: u32,
    /// How long an ownership claim waits for members that live and do not answer, before it goes on without them and so
    /// without the names that only they know. The last resort: who is dead is known otherwise, and sooner; and a busy
    /// node may need seconds to answer for all its partitions. Until then unknown names wait, and known ones work.
    pub claim_wait_ms: u64,
    /// How often owners compare what should be with what is. It finds whatever was lost; nothing else waits for it.
    pub reconcile_every_ms: u64,
    /// How many workers of one owner move at a time: enough that a move does not wait for the round trips of others, few
    /// enough that calls go on beside them. Large states bound it: each that moves is held twice.
    pub moves_max: u32,
    /// How long the `init` and `end_handoff` of a worker may take together with the transfer of its state. A start that
    /// takes longer has failed: the worker goes on where it was, or is tried again.
    pub start_timeout_ms: u64,
    /// How long a moved worker waits for the rest of its old queue before it takes newer calls.
    pub gate_wait_ms: u64,
    /// How long a node passes on calls for a worker that has moved away: longer than any view takes to spread.
    pub redirect_ttl_ms: u64,
    /// How long [`Swarm::leave`](crate::Swarm::leave) takes at most. The last quarter of it, or four seconds, are kept for what
    /// comes after the hand-over; what is not handed over by then stays behind.
    pub leave_timeout_ms: u64,
    /// A process that stood still for so long asks the others what it still owns, and its workers run nothing before they have
    /// answered: half of what it takes the others to give it up.
    pub stall_limit_ms: u64,
    /// The longest run of a handler or `init` that counts as quick, in microseconds. What is quick 32 times in a row runs where its
    /// message arrives, on the thread that reads from the network, which saves two hops to other threads. With 0 all that comes from other
    /// nodes runs on tokio, as it does for workers with `dispatch = "pool"`.
    pub quick_run_us: u64,
}

settings!(Config { placement, lease_ms, weight, replicas, call_timeout_ms, cast_wait_ms, message_bytes_max, control_queue_bytes_max, calls_open_max, claim_wait_ms, reconcile_every_ms, moves_max, start_timeout_ms, gate_wait_ms, redirect_ttl_ms, leave_timeout_ms, stall_limit_ms, quick_run_us } groups { net });

impl Default for Config {
    fn default() -> Self {
        Self {
            net: NetConfig::default(),
            placement: Placement::Ring,
            lease_ms: 3_000,
            weight: 100,
            replicas: 3,
            call_timeout_ms: 5_000,
            cast_wait_ms: 5_000,
            message_bytes_max: (4 << 20) - (4 << 10),
            control_queue_bytes_max: 256 << 20,
            calls_open_max: 1 << 20,
            claim_wait_ms: 10_000,
            reconcile_every_ms: 1_000,
            moves_max: 256,
            start_timeout_ms: 30_000,
            gate_wait_ms: 1_000,
            redirect_ttl_ms: 30_000,
            leave_timeout_ms: 30_000,
            stall_limit_ms: 750,
            quick_run_us: 50,
        }
    }
}

impl Config {
    /// The default with the timings of processes on one machine: for tests, demos and development.
    pub fn local() -> Self {
        Self { net: NetConfig::local(), lease_ms: 1_500, stall_limit_ms: 500, ..Self::default() }
    }

    /// The default with the timings of several data centres.
    pub fn wan() -> Self {
        Self {
            net: NetConfig::wan(),
            lease_ms: 12_000,
            claim_wait_ms: 30_000,
            stall_limit_ms: 3_000,
            ..Self::default()
        }
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let positive = [
            ("weight", u64::from(self.weight)),
            ("replicas", u64::from(self.replicas)),
            ("call_timeout_ms", self.call_timeout_ms),
            ("message_bytes_max", u64::from(self.message_bytes_max)),
            ("control_queue_bytes_max", self.control_queue_bytes_max),
            ("calls_open_max", u64::from(self.calls_open_max)),
            ("reconcile_every_ms", self.reconcile_every_ms),
            ("lease_ms", self.lease_ms),
            ("moves_max", u64::from(self.moves_max)),
            ("start_timeout_ms", self.start_timeout_ms),
            ("stall_limit_ms", self.stall_limit_ms),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((setting, _)) => {
                Err(ConfigError::Range { setting: (*setting).to_owned(), problem: "must be at least 1".to_owned() })
            }
            None if self.placement == (Placement::Quorum { size: 0 }) => Err(ConfigError::Range {
                setting: "placement".to_owned(),
                problem:
                    "is a quorum of 0 members, which everybody has: set the size to more than half of the nodes, as in \
                          Placement::Quorum { size: 2 } for three, or use Placement::Ring"
                        .to_owned(),
            }),
            None if self.message_bytes_max >= self.net.frame_bytes_max => Err(ConfigError::Range {
                setting: "message_bytes_max".to_owned(),
                problem: format!(
                    "is {}, and must be below `net.frame_bytes_max` ({}), which holds the name, too",
                    self.message_bytes_max, self.net.frame_bytes_max
                ),
            }),
            None => Ok(()),
        }
    }

    /// What all nodes of a cluster must have alike, in words.
    pub(crate) fn rules(&self) -> String {
        match self.placement {
            Placement::Ring => "Placement::Ring".to_owned(),
            Placement::Quorum { size } => {
                format!("Placement::Quorum {{ size: {size} }} with lease_ms = {}", self.lease_ms)
            }
        }
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.net.partitions
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }

    pub(crate) fn cast_wait(&self) -> Duration {
        Duration::from_millis(self.cast_wait_ms)
    }

    pub(crate) fn message_bytes_max(&self) -> u64 {
        u64::from(self.message_bytes_max)
    }

    pub(crate) fn control_queue_bytes_max(&self) -> usize {
        usize::try_from(self.control_queue_bytes_max).unwrap_or(usize::MAX)
    }

    pub(crate) fn calls_open_max(&self) -> usize {
        self.calls_open_max as usize
    }

    pub(crate) fn start_timeout(&self) -> Duration {
        Duration::from_millis(self.start_timeout_ms)
    }

    pub(crate) fn gate_wait(&self) -> Duration {
        Duration::from_millis(self.gate_wait_ms)
    }

    pub(crate) fn redirect_ttl(&self) -> Duration {
        Duration::from_millis(self.redirect_ttl_ms)
    }

    pub(crate) fn leave_timeout(&self) -> Duration {
        Duration::from_millis(self.leave_timeout_ms)
    }

    pub(crate) fn quick_max(&self) -> Duration {
        Duration::from_micros(self.quick_run_us)
    }

    pub(crate) fn stall_limit(&self) -> Duration {
        Duration::from_millis(self.stall_limit_ms)
    }
}
