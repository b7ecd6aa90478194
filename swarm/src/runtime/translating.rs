//! Owns how a node reads and writes JSON for another that has been asked to send it: the one that hosts a worker has its type, and the
//! version of it that the worker has. Never sends a message itself, so that to be asked twice does no harm.

use rkyv::{Archive, Deserialize, Serialize};

use crate::message::Payload;
use crate::name::Name;
use crate::registration::Entry;
use crate::runtime::Node;
use crate::worker::{KindId, MessageShape};

/// A text that is to become a message.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Text {
    /// The worker that it is for.
    pub(crate) name: Name,
    /// The wire name of its type, by which it is found where it has just gone.
    pub(crate) worker: String,
    /// The message's wire name, or the name of the method that handles it.
    pub(crate) message: String,
    /// It is to be cast, not called.
    pub(crate) cast: bool,
    pub(crate) json: Vec<u8>,
}

/// A message, or a reply to it, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Encoded {
    pub(crate) kind: KindId,
    /// The message's id.
    pub(crate) message: u64,
    /// What stands in the head of its frame.
    pub(crate) fingerprint: u32,
    pub(crate) payload: Vec<u8>,
}

/// Why it became none.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Untranslated {
    pub(crate) why: Why,
    /// What is wrong, and what to do.
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) enum Why {
    /// The worker is here no more, and its type was never.
    Gone,
    /// Its type is not marked `json`.
    NoJson,
    /// It has no such message, to be sent in this way.
    NoMessage,
    /// The text does not tell one.
    Malformed,
}

impl Node {
    pub(super) fn read_json(&self, text: &Text) -> Result<Encoded, Untranslated> {
        let no = |why, text: String| Err(Untranslated { why, text });
        let Some(entry) = self.kind_of(&text.name, &text.worker) else {
            return no(Why::Gone, format!("`{}` has just left {}, which does not know its type", text.name, self.id()));
        };
        let worker = entry.name;
        let Some(shape) = entry.shape else {
            return no(
                Why::NoJson,
                format!("workers of the type `{worker}` take no JSON: mark it `#[swarm::worker(json)]`"),
            );
        };
        let Some(message) = shape.message(&text.message) else {
            let known: Vec<_> = shape.messages.iter().map(|shape| shape.method).collect();
            let text = format!(
                "the worker type `{worker}` has no message `{}`: it has {}",
                text.message,
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            );
            return no(Why::NoMessage, text);
        };
        if message.cast != text.cast {
            let (is, not) = if message.cast { ("cast", "called") } else { ("called", "cast") };
            return no(Why::NoMessage, format!("`{}` of `{worker}` is {is}, and cannot be {not}", message.method));
        }
        match (message.read)(&text.json) {
            Ok(payload) => Ok(Encoded {
                kind: entry.kind,
                message: message.id,
                fingerprint: message.fingerprint,
                payload: payload.to_vec(),
            }),
            Err(error) => no(Why::Malformed, format!("this is no `{}`: {error}", message.message)),
        }
    }

    /// The text of a reply, if its type is known here in that version.
    pub(crate) fn write_json(&self, reply: &Encoded) -> Option<Result<String, String>> {
        let shape = self.kinds.get(reply.kind)?.shape?;
        let same = |known: &&MessageShape| known.id == reply.message && known.fingerprint == reply.fingerprint;
        let message = shape.messages.iter().find(same)?;
        Some((message.write)(&Payload::copy_of(&reply.payload)).map_err(|error| error.to_string()))
    }

    /// The type of a worker that is here, or the only one of this wire name: instantiations of a generic one share theirs.
    fn kind_of(&self, name: &Name, worker: &str) -> Option<&Entry> {
        if let Some(cell) = self.places.any_cell(name) {
            return self.kinds.get(cell.kind());
        }
        let mut named = self.kinds.iter().filter(|entry| entry.name == worker);
        named.next().filter(|_| named.next().is_none())
    }
}
