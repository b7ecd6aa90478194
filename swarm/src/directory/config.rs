//! Owns the limits and waits of the directory, each with its reason.
//! Never read by anything but the directory's machine.

use std::time::Duration;

use crate::config::Config;
use crate::placement::Placement;

/// The limits and waits of a [`Directory`](crate::directory::Directory). All nodes of a cluster have the same
/// `partitions`; the others may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryConfig {
    /// P, the number of slices of the name space. Fixed for the life of a cluster: it says where a name belongs.
    pub partitions: u32,
    /// Whether every side of a split decides, or only one with enough members.
    pub placement: Placement,
    /// How long a node may run workers after a quorum has agreed to it. The same on all nodes.
    pub lease: Duration,
    /// R, how many nodes hold each record. Registrations survive R − 1 crashes.
    pub replicas: usize,
    /// How long a claim waits for members that are silent or see another owner before it goes on without them.
    /// Longer than a view takes to spread, shorter than people wait.
    pub claim_wait: Duration,
    /// After which time members that saw another owner are asked again, should their nudge be late.
    pub claim_retry: Duration,
    /// How often owned partitions are compared with what hosts and replicas have, a sixteenth of them each time. It
    /// finds what a bug or a lost frame left behind; nothing else waits for it.
    pub reconcile_every: Duration,
    /// How many workers an owner moves at a time, so that moves never starve calls.
    pub move_rate: usize,
    /// The wait after a first failed start or move; doubles with each further failure.
    pub backoff_min: Duration,
    /// The longest wait between attempts.
    pub backoff_max: Duration,
    /// How many asks a partition holds while its owner is not complete.
    pub asks_held_max: usize,
    /// How much the records of a partition may take on the wire; nothing more is registered then. A whole copy travels as one message, of
    /// [`Message::BYTES_MAX`](crate::directory::Message::BYTES_MAX) at most, and a promise has all of it twice if its sender runs all
    /// the workers; and where a split heals, two copies become one. So this is a fifth of that.
    pub records_bytes_max: usize,
}

impl DirectoryConfig {
    /// For a local network.
    pub const LAN: Self = Self {
        partitions: 4096,
        placement: Placement::Ring,
        lease: Duration::from_secs(3),
        replicas: 3,
        claim_wait: Duration::from_secs(2),
        claim_retry: Duration::from_millis(200),
        reconcile_every: Duration::from_secs(1),
        move_rate: 256,
        backoff_min: Duration::from_millis(100),
        backoff_max: Duration::from_secs(10),
        asks_held_max: 1024,
        records_bytes_max: 12 << 20,
    };
}

impl From<&Config> for DirectoryConfig {
    fn from(config: &Config) -> Self {
        Self {
            partitions: config.partitions(),
            placement: config.placement,
            lease: Duration::from_millis(config.lease_ms),
            replicas: usize::from(config.replicas),
            claim_wait: Duration::from_millis(config.claim_wait_ms),
            reconcile_every: Duration::from_millis(config.reconcile_every_ms),
            move_rate: config.moves_max as usize,
            ..Self::default()
        }
    }
}

impl Default for DirectoryConfig {
    fn default() -> Self {
        Self::LAN
    }
}
