//! Owns how many small control messages travel in one frame. Never looks into them.

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use swarm_net::node::NodeId;

use crate::runtime::Node;
use crate::worker::Payload;

/// How many messages a control frame carries at most: some 64 KiB of usual ones, so that none delays calls for long.
const FRAME_MESSAGES_MAX: usize = 256;

/// Sends a batch to one peer, in order, in as few frames as their limit allows.
pub(crate) fn send<T>(node: &Node, to: NodeId, kind: u8, mut batch: Vec<T>)
where
    Vec<T>: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
{
    while !batch.is_empty() {
        let rest = batch.split_off(batch.len().min(FRAME_MESSAGES_MAX));
        match rkyv::to_bytes::<Error>(&batch) {
            Ok(bytes) => node.send_control(to, kind, [0; 24], &bytes),
            Err(error) => tracing::error!(peer = %to, %error, "control messages could not be encoded"),
        }
        batch = rest;
    }
}

/// Reads a batch; `None` if it is malformed.
pub(crate) fn read<T>(payload: &Payload) -> Option<T>
where
    T: Archive,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, Error>> + Deserialize<T, HighDeserializer<Error>>,
{
    rkyv::from_bytes::<T, Error>(payload).ok()
}
