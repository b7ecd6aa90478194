#![allow(
    missing_docs,
    reason = "the resolvers that rkyv derives have no place for docs; everything else here has them"
)]
//! Owns what a worker takes along when it moves, and its encoding. Never changes after the worker is sealed.

use std::ops::Deref;
use std::sync::OnceLock;
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

/// What follows a state as it travels. Payloads go as plain bytes, since they are aligned again where they arrive.
#[derive(Archive, Serialize, Deserialize)]
struct Packed {
    has_state: bool,
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
    const FINGERPRINT: Fingerprint = Fingerprint::of("swarm.Bundle@2");
}

impl Bundle {
    /// The bundle as bytes, of which the state stands as it is at the beginning, since it may be large:
    ///
    /// | bytes | |
    /// |---|---|
    /// | any number | the state |
    /// | n | [`Packed`] |
    /// | 8 | n |
    #[cfg(any(test, feature = "fuzz"))]
    pub fn encode(&self) -> Payload {
        let tail = self.tail();
        Payload::copy_of(&[self.state.as_deref().unwrap_or_default(), &tail].concat())
    }

    /// What follows the state.
    fn tail(&self) -> Vec<u8> {
        let packed = encode(&Packed {
            has_state: self.state.is_some(),
            schema: self.schema,
            timers: self.timers.iter().map(SavedTimer::packed).collect(),
            publishes: self.publishes.clone(),
        });
        [&*packed, &(packed.len() as u64).to_le_bytes()].concat()
    }

    /// The bundle that these bytes encode.
    ///
    /// # Errors
    /// If they do not.
    pub fn decode(mut bytes: Payload) -> Result<Self, Malformed> {
        let (state, packed) = split(&bytes).ok_or_else(|| Malformed::new::<Packed>(&bytes, "it is cut off"))?;
        let state_bytes = state.len();
        let packed: Packed = decode(&Payload::copy_of(packed))?;
        if !packed.has_state && state_bytes > 0 {
            return Err(Malformed::new::<Packed>(&bytes, "it has a state and says that it has none"));
        }
        bytes.truncate(state_bytes);
        Ok(Self {
            state: packed.has_state.then_some(bytes),
            schema: packed.schema,
            timers: packed.timers.into_iter().map(PackedTimer::unpacked).collect(),
            publishes: packed.publishes,
        })
    }
}

/// The state, and what is packed behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, length) = bytes.split_last_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    rest.split_at_checked(rest.len().checked_sub(length)?)
}

/// The bundle of a sealed cell, which is read piece by piece while it stands there.
#[derive(Debug)]
pub struct Sealed {
    bundle: Bundle,
    /// What follows the state, if somebody has asked.
    tail: OnceLock<Vec<u8>>,
}

impl Sealed {
    /// What a cell gives.
    pub fn new(bundle: Bundle) -> Self {
        Self { bundle, tail: OnceLock::new() }
    }

    /// How many bytes travel.
    pub fn len(&self) -> u64 {
        (self.state().len() + self.tail().len()) as u64
    }

    /// At most `bytes_max` of them from `at` on, in two parts.
    pub fn piece(&self, at: u64, bytes_max: usize) -> [&[u8]; 2] {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let state = self.state().get(at..).unwrap_or_default();
        let state = &state[..state.len().min(bytes_max)];
        let tail = self.tail().get(at.saturating_sub(self.state().len())..).unwrap_or_default();
        // Behind a state that is not at its end nothing follows.
        let ends = at.saturating_add(state.len()) >= self.state().len();
        let room = if ends { bytes_max - state.len() } else { 0 };
        [state, &tail[..tail.len().min(room)]]
    }

    fn state(&self) -> &[u8] {
        self.bundle.state.as_deref().unwrap_or_default()
    }

    fn tail(&self) -> &[u8] {
        self.tail.get_or_init(|| self.bundle.tail())
    }
}

impl Deref for Sealed {
    type Target = Bundle;

    fn deref(&self) -> &Bundle {
        &self.bundle
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn bundle(state: Option<&[u8]>) -> Bundle {
        let timer = SavedTimer {
            id: TimerId(1),
            remaining: Duration::from_millis(5),
            every: None,
            method: 3,
            fingerprint: 4,
            payload: Payload::copy_of(b"tick"),
        };
        Bundle { state: state.map(Payload::copy_of), schema: 5, timers: vec![timer], publishes: vec![1, 2, 3] }
    }

    #[test]
    fn pieces_of_any_size_make_the_whole() {
        for state in [None, Some(&b""[..]), Some(b"the state of a worker")] {
            let bundle = bundle(state);
            let (sealed, bytes) = (Sealed::new(bundle.clone()), bundle.encode());
            assert_eq!(sealed.len(), bytes.len() as u64);
            for bytes_max in 1..=bytes.len() + 1 {
                let mut whole: Vec<u8> = Vec::new();
                while whole.len() < bytes.len() {
                    let piece = sealed.piece(whole.len() as u64, bytes_max).concat();
                    assert_eq!(piece.len(), bytes_max.min(bytes.len() - whole.len()));
                    whole.extend(piece);
                }
                assert_eq!(Bundle::decode(Payload::copy_of(&whole)).as_ref(), Ok(&bundle));
            }
            assert_eq!(sealed.piece(u64::MAX, 9).concat(), b"");
        }
    }

    #[test]
    fn what_is_cut_off_is_no_bundle() {
        let bytes = bundle(Some(b"state")).encode();
        for end in 0..bytes.len() {
            assert!(Bundle::decode(Payload::copy_of(&bytes[..end])).is_err(), "{end} bytes of it");
        }
        let mut far = bytes.to_vec();
        far.splice(bytes.len() - 8.., u64::MAX.to_le_bytes());
        assert!(Bundle::decode(Payload::copy_of(&far)).is_err(), "what is packed begins before the beginning");
        let without = [b"state", &*bundle(None).encode()].concat();
        assert!(Bundle::decode(Payload::copy_of(&without)).is_err(), "a state that is none");
    }
}
