//! Owns the numbers of the failure detector, each with its reason. Never reads a clock or the environment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::settings;

/// How fast the members find each other and notice that one is gone.
///
/// Every field has a default (that of [`MembershipConfig::lan`]), so a configuration file names only what it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MembershipConfig {
    /// One member is probed in each period. Its length is the first half of the time to notice a silent crash.
    pub probe_period_ms: u64,
    /// A direct probe not answered in this time is repeated through others: above the usual round trip under load.
    pub probe_rtt_ms: u64,
    /// Members asked to probe in our stead. Three keep false suspicion below 0.1 % at 5 % loss.
    pub indirect_probes: u8,
    /// Shortest time in which a suspect may refute. The second half of the time to notice a silent crash.
    pub suspicion_min_ms: u64,
    /// Suspicion grows by this times log10 of the members, since a refutation needs as many more rounds to spread.
    pub suspicion_per_decade_ms: u64,
    /// Time between two rounds of gossip: sets how fast news spread.
    pub gossip_period_ms: u64,
    /// Members told in each round of gossip.
    pub gossip_fanout: u8,
    /// News are told at least so often. Below 8, in clusters of a few nodes some news reach not everyone.
    pub transmissions_min: u8,
    /// Time between two announcements to one living member, to pick up a few that the gossip has missed.
    pub announce_period_ms: u64,
    /// Time between two announcements to members held to be down. Bounds the time to heal a partition.
    pub announce_to_down_period_ms: u64,
    /// Members held to be down that are announced to each time.
    pub announce_to_down_fanout: u8,
    /// After this time a member that is down is forgotten. Long, or late news would bring it back.
    pub forget_down_after_ms: u64,
    /// Longest gossip packet in bytes: with the envelope below 1,280, the smallest datagram that IPv6 always carries. With a secret the
    /// whole datagram, seal and envelope included.
    pub packet_bytes_max: u16,
    /// Time between two exchanges of the whole member list with one random member: repairs what the gossip has lost.
    pub sync_period_ms: u64,
    /// The exchange at the join is repeated after this time, when those who joined along with us are known too.
    pub sync_again_after_ms: u64,
    /// Nobody found for this time: we form a cluster alone. Above the time that discovery takes.
    pub form_wait_ms: u64,
    /// Joins and suspected deaths are reported after so much quiet, so that a mass change moves names once.
    pub settle_quiet_ms: u64,
    /// Nothing is held back longer than this, however much goes on.
    pub settle_max_ms: u64,
    /// An announcement or sync request that was not answered is repeated after this time.
    pub retry_period_ms: u64,
    /// Traffic heard from a member so recently vetoes its suspicion: about as long as a probe with its repetition takes.
    pub heard_veto_ms: u64,
}

settings!(MembershipConfig {
    probe_period_ms,
    probe_rtt_ms,
    indirect_probes,
    suspicion_min_ms,
    suspicion_per_decade_ms,
    gossip_period_ms,
    gossip_fanout,
    transmissions_min,
    announce_period_ms,
    announce_to_down_period_ms,
    announce_to_down_fanout,
    forget_down_after_ms,
    packet_bytes_max,
    sync_period_ms,
    sync_again_after_ms,
    form_wait_ms,
    settle_quiet_ms,
    settle_max_ms,
    retry_period_ms,
    heard_veto_ms
});

impl MembershipConfig {
    /// Machines of one data centre.
    pub const fn lan() -> Self {
        Self {
            probe_period_ms: 500,
            probe_rtt_ms: 150,
            indirect_probes: 3,
            suspicion_min_ms: 1_500,
            suspicion_per_decade_ms: 1_500,
            gossip_period_ms: 100,
            gossip_fanout: 3,
            transmissions_min: 8,
            announce_period_ms: 10_000,
            announce_to_down_period_ms: 5_000,
            announce_to_down_fanout: 3,
            forget_down_after_ms: 86_400_000,
            packet_bytes_max: 1200,
            sync_period_ms: 30_000,
            sync_again_after_ms: 3_000,
            form_wait_ms: 1_000,
            settle_quiet_ms: 100,
            settle_max_ms: 2_000,
            retry_period_ms: 200,
            heard_veto_ms: 500,
        }
    }

    /// Processes of one machine, as in tests: every wait as short as a loaded machine allows.
    pub const fn local() -> Self {
        Self {
            probe_period_ms: 100,
            probe_rtt_ms: 30,
            suspicion_min_ms: 300,
            suspicion_per_decade_ms: 300,
            gossip_period_ms: 50,
            announce_to_down_period_ms: 1_000,
            sync_again_after_ms: 500,
            form_wait_ms: 300,
            settle_quiet_ms: 100,
            settle_max_ms: 500,
            retry_period_ms: 50,
            heard_veto_ms: 100,
            ..Self::lan()
        }
    }

    /// Machines of several data centres: long round trips and more loss.
    pub const fn wan() -> Self {
        Self {
            probe_period_ms: 2_000,
            probe_rtt_ms: 1_000,
            suspicion_min_ms: 6_000,
            suspicion_per_decade_ms: 6_000,
            gossip_period_ms: 250,
            gossip_fanout: 4,
            sync_again_after_ms: 5_000,
            form_wait_ms: 3_000,
            settle_quiet_ms: 300,
            retry_period_ms: 1_000,
            heard_veto_ms: 2_000,
            ..Self::lan()
        }
    }
}

impl Default for MembershipConfig {
    fn default() -> Self {
        Self::lan()
    }
}

/// The fields in milliseconds, as the machines take them.
macro_rules! spans {
    ($($span:ident = $field:ident),* $(,)?) => {
        impl MembershipConfig {
            $(pub(super) const fn $span(&self) -> Duration {
                Duration::from_millis(self.$field)
            })*
        }
    };
}

spans! {
    probe_period = probe_period_ms,
    probe_rtt = probe_rtt_ms,
    suspicion_min = suspicion_min_ms,
    suspicion_per_decade = suspicion_per_decade_ms,
    gossip_period = gossip_period_ms,
    announce_period = announce_period_ms,
    announce_to_down_period = announce_to_down_period_ms,
    forget_down_after = forget_down_after_ms,
    sync_period = sync_period_ms,
    sync_again_after = sync_again_after_ms,
    form_wait = form_wait_ms,
    settle_quiet = settle_quiet_ms,
    settle_max = settle_max_ms,
    retry_period = retry_period_ms,
    heard_veto = heard_veto_ms,
}
