//! Owns the numbers of the failure detector, each with its reason. Never reads a clock or the environment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How fast the members find each other and notice that one is gone.
///
/// Every field has a default (that of [`MembershipConfig::lan`]), so a configuration file names only what it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MembershipConfig {
    /// One member is probed in each period. Its length is the first half of the time to notice a silent crash.
    pub probe_period: Duration,
    /// A direct probe not answered in this time is repeated through others: above the usual round trip under load.
    pub probe_rtt: Duration,
    /// Members asked to probe in our stead. Three keep false suspicion below 0.1 % at 5 % loss.
    pub indirect_probes: u8,
    /// Shortest time in which a suspect may refute. The second half of the time to notice a silent crash.
    pub suspicion_min: Duration,
    /// Suspicion grows by this times log10 of the members, since a refutation needs as many more rounds to spread.
    pub suspicion_per_decade: Duration,
    /// Time between two rounds of gossip: sets how fast news spread.
    pub gossip_period: Duration,
    /// Members told in each round of gossip.
    pub gossip_fanout: u8,
    /// News are told at least so often. Below 8, in clusters of a few nodes some news reach not everyone.
    pub transmissions_min: u8,
    /// Time between two announcements to one living member, to pick up a few that the gossip has missed.
    pub announce_period: Duration,
    /// Time between two announcements to members held to be down. Bounds the time to heal a partition.
    pub announce_to_down_period: Duration,
    /// Members held to be down that are announced to each time.
    pub announce_to_down_fanout: u8,
    /// After this time a member that is down is forgotten. Long, or late news would bring it back.
    pub forget_down_after: Duration,
    /// Longest gossip packet in bytes: with the envelope below 1,280, the smallest datagram that IPv6 always carries.
    pub packet_bytes_max: u16,
    /// Time between two exchanges of the whole member list with one random member: repairs what the gossip has lost.
    pub sync_period: Duration,
    /// The exchange at the join is repeated after this time, when those who joined along with us are known too.
    pub sync_again_after: Duration,
    /// Nobody found for this time: we form a cluster alone. Above the time that discovery takes.
    pub form_wait: Duration,
    /// Joins and suspected deaths are reported after so much quiet, so that a mass change moves names once.
    pub settle_quiet: Duration,
    /// Nothing is held back longer than this, however much goes on.
    pub settle_max: Duration,
    /// An announcement or sync request that was not answered is repeated after this time.
    pub retry_period: Duration,
    /// Traffic heard from a member so recently vetoes its suspicion: about as long as a probe with its repetition takes.
    pub heard_veto: Duration,
}

impl MembershipConfig {
    /// Machines of one data centre.
    pub const fn lan() -> Self {
        Self {
            probe_period: Duration::from_millis(500),
            probe_rtt: Duration::from_millis(150),
            indirect_probes: 3,
            suspicion_min: Duration::from_millis(1500),
            suspicion_per_decade: Duration::from_millis(1500),
            gossip_period: Duration::from_millis(100),
            gossip_fanout: 3,
            transmissions_min: 8,
            announce_period: Duration::from_secs(10),
            announce_to_down_period: Duration::from_secs(5),
            announce_to_down_fanout: 3,
            forget_down_after: Duration::from_secs(24 * 3600),
            packet_bytes_max: 1200,
            sync_period: Duration::from_secs(30),
            sync_again_after: Duration::from_secs(3),
            form_wait: Duration::from_secs(1),
            settle_quiet: Duration::from_millis(150),
            settle_max: Duration::from_secs(2),
            retry_period: Duration::from_millis(200),
            heard_veto: Duration::from_millis(500),
        }
    }

    /// Processes of one machine, as in tests: every wait as short as a loaded machine allows.
    pub const fn local() -> Self {
        Self {
            probe_period: Duration::from_millis(100),
            probe_rtt: Duration::from_millis(30),
            suspicion_min: Duration::from_millis(300),
            suspicion_per_decade: Duration::from_millis(300),
            gossip_period: Duration::from_millis(50),
            announce_to_down_period: Duration::from_secs(1),
            sync_again_after: Duration::from_millis(500),
            form_wait: Duration::from_millis(300),
            settle_quiet: Duration::from_millis(100),
            settle_max: Duration::from_millis(500),
            retry_period: Duration::from_millis(50),
            heard_veto: Duration::from_millis(100),
            ..Self::lan()
        }
    }

    /// Machines of several data centres: long round trips and more loss.
    pub const fn wan() -> Self {
        Self {
            probe_period: Duration::from_secs(2),
            probe_rtt: Duration::from_secs(1),
            suspicion_min: Duration::from_secs(6),
            suspicion_per_decade: Duration::from_secs(6),
            gossip_period: Duration::from_millis(250),
            gossip_fanout: 4,
            sync_again_after: Duration::from_secs(5),
            form_wait: Duration::from_secs(3),
            settle_quiet: Duration::from_millis(300),
            retry_period: Duration::from_secs(1),
            heard_veto: Duration::from_secs(2),
            ..Self::lan()
        }
    }
}

impl Default for MembershipConfig {
    fn default() -> Self {
        Self::lan()
    }
}
