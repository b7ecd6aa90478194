#![allow(
    missing_docs,
    reason = "the resolvers that rkyv derives have no place for docs; everything else here has them"
)]
//! Owns what a worker takes along when it moves, and its encoding. Never changes after the worker is sealed.

use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};

use crate::message::{Fingerprint, Malformed, Schema, decode, encode};
use crate::worker::{Args, Payload, TimerId};

/// What a sealed cell gives to its successor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// What `begin_handoff` gave; `None` for a restart.
    pub state: Option<Payload>,
    /// The low bits of the fingerprint of the state's type; 0 if the worker type has none.
    pub schema: u32,
    /// The timers that were armed.
    pub timers: Vec<SavedTimer>,
    /// The ids of the last publishes it got, oldest first.
    pub publishes: Vec<u64>,
}

/// A timer of a worker while it moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedTimer {
    /// Its id, which it keeps.
    pub id: TimerId,
    /// How long it still had to run.
    pub remaining: Duration,
    /// Its period, if it repeats.
    pub every: Option<Duration>,
    /// The id of the message that it sends.
    pub method: u64,
    /// The low bits of the message's fingerprint.
    pub fingerprint: u32,
    /// The message.
    pub payload: Payload,
}

/// What starts a worker in a cell.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The encoded init arguments, shared with whoever keeps them.
    pub args: Args,
    /// What its predecessor left.
    pub bundle: Option<Bundle>,
}

/// How a bundle travels. Payloads go as plain bytes, since they are aligned again where they arrive.
#[derive(Archive, Serialize, Deserialize)]
struct Packed {
    state: Option<Vec<u8>>,
    schema: u32,
    timers: Vec<PackedTimer>,
    publishes: Vec<u64>,
}

#[derive(Archive, Serialize, Deserialize)]
struct PackedTimer {
    id: u64,
    remaining_ns: u64,
    every_ns: Option<u64>,
    method: u64,
    fingerprint: u32,
    payload: Vec<u8>,
}

impl Schema for Packed {
    const FINGERPRINT: Fingerprint = Fingerprint::of("swarm.Bundle@1");
}

impl Bundle {
    /// The bundle as bytes.
    pub fn encode(&self) -> Payload {
        let timers = self.timers.iter().map(SavedTimer::packed).collect();
        let state = self.state.as_ref().map(|state| state.to_vec());
        encode(&Packed { state, schema: self.schema, timers, publishes: self.publishes.clone() })
    }

    /// The bundle that these bytes encode.
    ///
    /// # Errors
    /// If they do not.
    pub fn decode(payload: &Payload) -> Result<Self, Malformed> {
        let packed: Packed = decode(payload)?;
        Ok(Self {
            state: packed.state.map(|state| Payload::copy_of(&state)),
            schema: packed.schema,
            timers: packed.timers.into_iter().map(PackedTimer::unpacked).collect(),
            publishes: packed.publishes,
        })
    }
}

impl SavedTimer {
    fn packed(&self) -> PackedTimer {
        PackedTimer {
            id: self.id.0,
            remaining_ns: nanos(self.remaining),
            every_ns: self.every.map(nanos),
            method: self.method,
            fingerprint: self.fingerprint,
            payload: self.payload.to_vec(),
        }
    }
}

impl PackedTimer {
    fn unpacked(self) -> SavedTimer {
        SavedTimer {
            id: TimerId(self.id),
            remaining: Duration::from_nanos(self.remaining_ns),
            every: self.every_ns.map(Duration::from_nanos),
            method: self.method,
            fingerprint: self.fingerprint,
            payload: Payload::copy_of(&self.payload),
        }
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
