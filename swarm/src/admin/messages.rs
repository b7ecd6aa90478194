//! Owns the messages that an operator sends to workers as JSON, and what is told of worker types. Never leaves out whether a handler ran.

use std::collections::BTreeSet;

use swarm_net::node::NodeId;

use super::answer::{Code, Ran, Refusal, Replied, Taken};
use super::ask::Sent;
use super::cluster::Sight;
use super::operator::refusal;
use crate::error::{CallError, Executed};
use crate::message::JSON_BYTES_MAX;
use crate::name::Name;
use crate::registration::KindInfo;
use crate::runtime::inquiry::{Facts, Inquiry};
use crate::runtime::translating::{Encoded, Text, Untranslated, Why};
use crate::worker::{Deadline, Payload};

impl Sight {
    pub(super) async fn call(&self, ask: Sent) -> Result<Replied, Refusal> {
        // All of it within the time that there is.
        let end = self.node.now() + self.limit;
        let name = Name::from(ask.name.as_str());
        let (host, message) = self.read(ask, false).await.map_err(|refusal| refusal.with(Executed::No))?;
        let deadline = Deadline::after(self.node.now(), self.until(end).limit);
        let answered = match self.sendable(&name, &message) {
            Ok(payload) => {
                self.node.call_bytes(name, outside(&message, payload), deadline, self.node.tracing.current()).await
            }
            Err(error) => Err(error),
        };
        let payload = self.node.note_call(message.kind, answered)?;
        let written = self.until(end).write(host, Encoded { payload, ..message }).await;
        Ok(Replied { json: written.map_err(|refusal| refusal.with(Executed::Yes))? })
    }

    pub(super) async fn cast(&self, ask: Sent) -> Result<Taken, Refusal> {
        let name = Name::from(ask.name.as_str());
        let (_, message) = self.read(ask, true).await.map_err(|refusal| refusal.with(Executed::No))?;
        let payload = self.sendable(&name, &message)?;
        self.node.cast_bytes(name, outside(&message, payload), self.node.tracing.current())?;
        Ok(Taken {})
    }

    /// What is told of a worker type, by this node or another.
    pub(super) async fn kind_info(&self, kind: &str) -> Result<KindInfo, Refusal> {
        if let Some(entry) = self.node.kinds.iter().find(|entry| entry.name == kind) {
            return Ok(entry.info());
        }
        let all = self.view().keys().copied().collect();
        let told = self.inquire(all, Inquiry::Kind(kind.to_owned())).await?;
        let told = told.into_values().find_map(Facts::kind);
        match told {
            Some(info) => Ok(info),
            None => {
                self.check_kind(kind).await?;
                Err(refusal(Code::Timeout, format!("no node that knows `{kind}` has answered in time: ask again")))
            }
        }
    }

    /// The message that a text tells, as the worker's node reads it.
    async fn read(&self, ask: Sent, cast: bool) -> Result<(NodeId, Encoded), Refusal> {
        let (bytes, limit) = (ask.json.len() as u64, self.node.config().message_bytes_max().min(JSON_BYTES_MAX as u64));
        if bytes > limit {
            let text = format!("the JSON has {bytes} bytes, more than the {limit} that are read: send less");
            return Err(refusal(Code::Malformed, text));
        }
        let end = self.node.now() + self.limit;
        let found = self.find_name(&ask.name).await?;
        let (host, name) = (found.location.node, Name::from(ask.name));
        let json = ask.json.into_bytes();
        let text = Text { name, worker: found.location.worker, message: ask.message, cast, json };
        match self.until(end).ask_one(host, Inquiry::Read(text)).await?.and_then(Facts::read) {
            Some(read) => Ok((host, read?)),
            None => Err(self.silent(host)),
        }
    }

    /// What a node says for whose word there is no other: all the time that there is may be waited for it.
    pub(super) async fn ask_one(&self, node: NodeId, inquiry: Inquiry) -> Result<Option<Facts>, Refusal> {
        let due = self.node.now() + self.limit;
        Ok(self.node.inquire(BTreeSet::from([node]), inquiry, due).await?.remove(&node))
    }

    /// The reply's text, as this node writes it, or the one that has read the message.
    async fn write(&self, host: NodeId, reply: Encoded) -> Result<String, Refusal> {
        let written = match self.node.write_json(&reply) {
            Some(written) => Some(written),
            None => self.ask_one(host, Inquiry::Write(reply)).await?.and_then(Facts::written),
        };
        let text = |problem: &str| format!("the handler ran, and its reply cannot be told as JSON: {problem}");
        match written {
            Some(Ok(json)) => Ok(json),
            Some(Err(problem)) => Err(refusal(Code::Failed, text(&problem))),
            None => Err(refusal(Code::Timeout, text(&format!("{host}, which knows its type, has not answered")))),
        }
    }

    /// The message, if it is not too long.
    fn sendable(&self, name: &Name, message: &Encoded) -> Result<Payload, CallError> {
        let (bytes, limit) = (message.payload.len() as u64, self.node.config().message_bytes_max());
        if bytes > limit {
            return Err(CallError::TooLarge { name: name.clone(), bytes, limit, executed: Executed::No });
        }
        Ok(Payload::copy_of(&message.payload))
    }
}

fn outside(message: &Encoded, payload: Payload) -> (u64, u64, u32, Payload) {
    (message.kind.0, message.message, message.fingerprint, payload)
}

impl Refusal {
    fn with(self, executed: Executed) -> Self {
        Self { executed: Some(Ran::from(executed)), ..self }
    }
}

impl From<Untranslated> for Refusal {
    fn from(Untranslated { why, text }: Untranslated) -> Self {
        let code = match why {
            Why::Gone => Code::Timeout,
            Why::NoJson => Code::Unsupported,
            Why::NoMessage => Code::NotFound,
            Why::Malformed => Code::Malformed,
        };
        refusal(code, text)
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::NotRegistered { .. } | CallError::Unhandled { .. } => Code::NotFound,
            CallError::Timeout { .. } => Code::Timeout,
            CallError::Stopping { .. } | CallError::NoSwarm => Code::Stopping,
            CallError::NodeDown { .. } | CallError::Panicked { .. } | CallError::Ended { .. } => Code::Failed,
            CallError::WrongWorker { .. }
            | CallError::Overloaded { .. }
            | CallError::SchemaMismatch { .. }
            | CallError::NoQuorum { .. }
            | CallError::TooLarge { .. }
            | CallError::SelfCall { .. }
            | CallError::NotOwner { .. }
            | CallError::NoCapableNode { .. }
            | CallError::NotPublic { .. }
            | CallError::Unreachable { .. } => Code::Refused,
        };
        refusal(code, error.to_string()).with(error.executed())
    }
}

impl From<Executed> for Ran {
    fn from(executed: Executed) -> Self {
        match executed {
            Executed::No => Self::No,
            Executed::Maybe => Self::Maybe,
            Executed::Yes => Self::Yes,
        }
    }
}
