//! Owns how requests and answers of operators are written: as JSON, which names every field, so that both sides may know others than
//! they are sent. Never lets a deadline through that no clock can count to.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::rpc::{DEADLINE_MAX_S, Format};

/// The longest frame: a page of the longest names, each letter of which needs an escape.
pub(super) const FRAME_BYTES_MAX: usize = 4 << 20;

/// JSON.
pub(super) struct Json;

impl Format for Json {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
        let mut value: Value = serde_json::from_slice(frame)?;
        if let Some(seconds) = value.pointer_mut("/Request/context/deadline/secs")
            && seconds.as_u64().is_none_or(|seconds| seconds > DEADLINE_MAX_S)
        {
            *seconds = DEADLINE_MAX_S.into();
        }
        Ok(serde_json::from_value(value)?)
    }

    fn write<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(message)?)
    }
}
