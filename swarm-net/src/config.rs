//! Owns the intervals and limits of the network layer, each with its reason. Never reads the environment or a clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::NetError;
use crate::membership::MembershipConfig;
use crate::ring::Ring;
use crate::settings;

/// Every interval and limit of the network layer. Each field has a default, so a file names only what it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetConfig {
    /// P, the number of partitions. A constant of the cluster: nodes that differ refuse each other at the handshake.
    /// [`Ring::PARTITIONS_LARGE`] suits clusters of many more than 30 nodes.
    pub partitions: u32,
    /// The failure detector.
    pub membership: MembershipConfig,

    /// A connection that has not completed its handshake in this time is closed, so that silent strangers hold nothing.
    pub handshake_ms: u64,
    /// A frame that has begun must be complete in this time; a peer that trickles bytes would hold memory for ever.
    pub partial_frame_ms: u64,
    /// After so much silence on a connection a ping is sent, so that a half-open one is noticed.
    pub ping_after_ms: u64,
    /// A ping not answered in this time ends the connection. Far above any pause of a healthy process.
    pub ping_answer_ms: u64,
    /// A connection that is silent for so long while its suspected peer answers by UDP is replaced: after an outage TCP waits up
    /// to as long again before it tries. Some round trips, as long as a lost packet takes to be repeated.
    pub stuck_after_ms: u64,
    /// The first repetition of a failed dial. Short: most failures are nodes that are just starting, or just dying.
    pub redial_min_ms: u64,
    /// The longest pause between two dials of one address. Bounds the time to reconnect after an outage.
    pub redial_max_ms: u64,
    /// Pause before an address is dialled again whose node refused us for good: another cluster, another version.
    pub refused_redial_ms: u64,
    /// Traffic on a connection is reported to the failure detector at most this often for each peer: it is a veto, not a count.
    pub heard_every_ms: u64,
    /// When the node leaves, what is queued for its peers may still be written for so long.
    pub goodbye_ms: u64,

    /// Longest body of one frame. A frame is read into memory whole, so this bounds what one peer can make us hold.
    pub frame_bytes_max: u32,
    /// Longest body of a part of a member list. Membership sends at most 60 KiB in one.
    pub sync_bytes_max: u32,
    /// Frames that may wait for one peer on the calls lane. Above it, senders wait for room or are refused.
    pub calls_queue_frames_max: u32,
    /// Bytes that may wait for one peer on the calls lane. One frame may exceed it.
    pub calls_queue_bytes_max: u64,
    /// Frames that may wait for one peer on the bulk lane. Few: bulk frames are large.
    pub bulk_queue_frames_max: u32,
    /// Bytes that may wait for one peer on the bulk lane. One frame may exceed it.
    pub bulk_queue_bytes_max: u64,

    /// Bytes that came from one peer for the control of the cluster and are not worked off, beyond which nothing more is read from it. Half
    /// a second's work of a busy control, so that a peer in good faith meets it only when the control is behind by as much anyway.
    pub intake_bytes_max: u64,

    /// Packets read from the UDP socket in one turn of the loop, so that a flood starves neither timers nor connections.
    pub packets_per_turn: u32,
    /// Bytes read from one connection in one turn, so that a fast peer does not starve the others.
    pub read_bytes_per_turn: u32,
    /// Bytes written to one connection in one turn, for the same reason.
    pub write_bytes_per_turn: u32,
    /// Connections accepted in one turn, for the same reason.
    pub accepts_per_turn: u32,
    /// Accepted connections that have not proved to be members, in total.
    pub strangers_max: u32,
    /// Accepted connections that have not proved to be members, from one IP address.
    pub strangers_per_ip_max: u32,
    /// Addresses that are being dialled or remembered for it. Discovery can name any number of them.
    pub dials_max: u32,
}

settings!(NetConfig { partitions, handshake_ms, partial_frame_ms, ping_after_ms, ping_answer_ms, stuck_after_ms, redial_min_ms, redial_max_ms, refused_redial_ms, heard_every_ms, goodbye_ms, frame_bytes_max, sync_bytes_max, calls_queue_frames_max, calls_queue_bytes_max, bulk_queue_frames_max, bulk_queue_bytes_max, intake_bytes_max, packets_per_turn, read_bytes_per_turn, write_bytes_per_turn, accepts_per_turn, strangers_max, strangers_per_ip_max, dials_max } groups { membership });

impl NetConfig {
    /// The default with the timings of processes on one machine, for tests.
    pub fn local() -> Self {
        Self { membership: MembershipConfig::local(), ..Self::default() }
    }

    /// The default with the timings of several data centres.
    pub fn wan() -> Self {
        Self { membership: MembershipConfig::wan(), ping_answer_ms: 30_000, stuck_after_ms: 3_000, ..Self::default() }
    }

    /// Refuses values with which nothing could work.
    pub(crate) fn check(&self) -> Result<(), NetError> {
        let positive = [
            ("handshake_ms", self.handshake_ms),
            ("partial_frame_ms", self.partial_frame_ms),
            ("ping_after_ms", self.ping_after_ms),
            ("ping_answer_ms", self.ping_answer_ms),
            ("stuck_after_ms", self.stuck_after_ms),
            ("redial_min_ms", self.redial_min_ms),
            ("frame_bytes_max", self.frame_bytes_max.into()),
            ("sync_bytes_max", self.sync_bytes_max.into()),
            ("calls_queue_frames_max", self.calls_queue_frames_max.into()),
            ("calls_queue_bytes_max", self.calls_queue_bytes_max),
            ("bulk_queue_frames_max", self.bulk_queue_frames_max.into()),
            ("bulk_queue_bytes_max", self.bulk_queue_bytes_max),
            ("intake_bytes_max", self.intake_bytes_max),
            ("packets_per_turn", self.packets_per_turn.into()),
            ("read_bytes_per_turn", self.read_bytes_per_turn.into()),
            ("write_bytes_per_turn", self.write_bytes_per_turn.into()),
            ("accepts_per_turn", self.accepts_per_turn.into()),
            ("strangers_max", self.strangers_max.into()),
            ("strangers_per_ip_max", self.strangers_per_ip_max.into()),
            ("dials_max", self.dials_max.into()),
        ];
        if let Some((field, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(NetError::Config { field, problem: "must not be 0".into() });
        }
        if self.partitions == 0 || self.partitions > 1 << 16 {
            return Err(NetError::Config { field: "partitions", problem: "must be 1 to 65,536".into() });
        }
        if self.redial_max_ms < self.redial_min_ms {
            return Err(NetError::Config { field: "redial_max_ms", problem: "must not be below redial_min_ms".into() });
        }
        Ok(())
    }
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            partitions: Ring::PARTITIONS,
            membership: MembershipConfig::lan(),
            handshake_ms: 5_000,
            partial_frame_ms: 10_000,
            ping_after_ms: 10_000,
            ping_answer_ms: 10_000,
            stuck_after_ms: 500,
            redial_min_ms: 10,
            redial_max_ms: 2_000,
            refused_redial_ms: 30_000,
            heard_every_ms: 100,
            goodbye_ms: 500,
            frame_bytes_max: 4 << 20,
            sync_bytes_max: 256 << 10,
            calls_queue_frames_max: 16_384,
            calls_queue_bytes_max: 16 << 20,
            bulk_queue_frames_max: 256,
            bulk_queue_bytes_max: 16 << 20,
            intake_bytes_max: 32 << 20,
            packets_per_turn: 64,
            read_bytes_per_turn: 256 << 10,
            write_bytes_per_turn: 1 << 20,
            accepts_per_turn: 32,
            strangers_max: 1_024,
            strangers_per_ip_max: 64,
            dials_max: 16_384,
        }
    }
}

/// A field in milliseconds as a span.
pub(crate) const fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}
