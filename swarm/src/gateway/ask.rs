//! Owns what programs that are no members ask, as data. Never loses a field or changes what one means: later versions add fields, each
//! with a default.

use serde::{Deserialize, Serialize};

use crate::rpc::Bytes;
use crate::trace::TraceContext;

/// The first words.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Hello {
    /// The version of the service that the program was built for.
    pub(crate) version: u32,
    /// The version of its crate, for people.
    pub(crate) swarm: String,
}

/// A worker to be started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Registration {
    pub(crate) name: String,
    /// The wire identity of its type.
    pub(crate) kind: u64,
    /// The wire name of its type.
    pub(crate) worker: String,
    /// The fingerprint of its init arguments.
    pub(crate) schema: u32,
    /// Its init arguments.
    pub(crate) args: Bytes,
}

/// A name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) name: String,
}

/// A message to a worker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sent {
    pub(crate) name: String,
    /// The kind that the worker must have.
    pub(crate) kind: u64,
    /// Its wire name.
    pub(crate) worker: String,
    /// The message's id.
    pub(crate) message: u64,
    /// The fingerprint of the program's version of it, and of the reply if one is waited for.
    pub(crate) fingerprint: u32,
    pub(crate) payload: Bytes,
    /// Where the program stands in a trace, if that is sampled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<Trace>,
}

/// A position in a trace, in the words of W3C Trace Context.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Trace {
    /// As `traceparent` has it.
    pub(crate) parent: String,
    /// As `tracestate` has it.
    pub(crate) state: String,
}

#[cfg(feature = "remote")]
impl From<&TraceContext> for Trace {
    fn from(context: &TraceContext) -> Self {
        Self { parent: context.to_string(), state: context.state().to_owned() }
    }
}

#[cfg(feature = "gateway")]
impl Trace {
    /// What it says, if it is sampled; what is not understood counts as not said.
    pub(crate) fn context(&self) -> Option<TraceContext> {
        let context: TraceContext = self.parent.parse().ok()?;
        Some(context.with_state(&self.state)).filter(TraceContext::is_sampled)
    }
}

/// Which workers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Whom {
    /// All of this kind; else
    pub(crate) kind: Option<u64>,
    /// the members of this group; else all.
    pub(crate) group: Option<Group>,
}

/// A group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Group {
    /// The hash of its name.
    pub(crate) tag: u64,
    pub(crate) key: String,
}

/// A message to a group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Survey {
    pub(crate) whom: Whom,
    pub(crate) message: u64,
    pub(crate) fingerprint: u32,
    pub(crate) payload: Bytes,
}

/// A part of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Page {
    pub(crate) whom: Whom,
    /// The last name that is known already.
    pub(crate) after: Option<String>,
    /// How many at most.
    pub(crate) count: u32,
}

/// A name and a group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Membership {
    pub(crate) name: String,
    pub(crate) group: Group,
    /// The kind of worker that the group takes, if not all.
    pub(crate) kind: Option<u64>,
}
