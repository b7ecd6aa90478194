//! Owns how the errors of a node become the words of its gateway. Never leaves out whether a handler ran.

use std::time::Duration;

use swarm_net::node::NodeId;

use super::failure::{Code, Failure, Ran};
use crate::error::{CallError, Executed, RegisterError, RegistryError};
use crate::name::Name;

impl From<Executed> for Ran {
    fn from(executed: Executed) -> Self {
        match executed {
            Executed::No => Self::No,
            Executed::Maybe => Self::Maybe,
            Executed::Yes => Self::Yes,
        }
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Failure {
    pub(super) fn at(code: Code, node: NodeId) -> Self {
        Self { code, node: node.into(), ..Self::default() }
    }

    pub(super) fn about(code: Code, node: NodeId, name: &Name) -> Self {
        Self { name: Some(name.as_str().to_owned()), ..Self::at(code, node) }
    }

    /// What a call came to nothing by, as `me` says it.
    pub(crate) fn call(error: CallError, me: NodeId) -> Self {
        let (ran, said) = (Ran::from(error.executed()), error.to_string());
        let failure = match error {
            CallError::NotRegistered { name, node } => Self::about(Code::NotRegistered, node, &name),
            CallError::WrongWorker { name, node, expected, found } => {
                Self { found, expected, ..Self::about(Code::WrongWorker, node, &name) }
            }
            CallError::Unhandled { name, node, worker, message } => {
                Self { found: worker, message, ..Self::about(Code::Unhandled, node, &name) }
            }
            CallError::Timeout { name, node, after, .. } => {
                Self { after_ms: ms(after), ..Self::about(Code::Timeout, node, &name) }
            }
            CallError::NodeDown { name, node, .. } => Self::about(Code::NodeDown, node, &name),
            CallError::Overloaded { name, node, what } => {
                Self { text: what, ..Self::about(Code::Overloaded, node, &name) }
            }
            CallError::Panicked { name, node, text } => Self { text, ..Self::about(Code::Panicked, node, &name) },
            CallError::SchemaMismatch { name, node, what, .. } => {
                Self { text: what, ..Self::about(Code::SchemaMismatch, node, &name) }
            }
            CallError::NoQuorum { name, node, .. } => Self::about(Code::NoQuorum, node, &name),
            CallError::TooLarge { name, bytes, limit, .. } => {
                Self { bytes, limit, ..Self::about(Code::TooLarge, me, &name) }
            }
            CallError::NoSwarm => Self::at(Code::Stopping, me),
            CallError::Stopping { name, node } => Self::about(Code::Stopping, node, &name),
            CallError::Ended { name, node, text } => Self { text, ..Self::about(Code::Ended, node, &name) },
            CallError::SelfCall { name, node } => Self::about(Code::SelfCall, node, &name),
            CallError::NotOwner { name, node } => Self::about(Code::NotOwner, node, &name),
            CallError::NoCapableNode { name, node, text } => {
                Self { text, ..Self::about(Code::NoCapableNode, node, &name) }
            }
            CallError::NotPublic { name, node, worker } => {
                Self { found: worker, ..Self::about(Code::NotPublic, node, &name) }
            }
            // No node says this: it is what programs that are no members say to themselves.
            CallError::Unreachable { name, text } => Self { text, ..Self::about(Code::Unknown, me, &name) },
        };
        let text = if failure.text.is_empty() { said } else { failure.text.clone() };
        Self { ran, text, ..failure }
    }

    /// What a registration came to nothing by.
    pub(crate) fn register(error: RegisterError, me: NodeId) -> Self {
        let said = error.to_string();
        let failure = match error {
            RegisterError::AlreadyRegistered { name, location } => {
                Self { place: Some(location.into()), ..Self::about(Code::AlreadyRegistered, me, &name) }
            }
            RegisterError::Init { name, node, text } => Self { text, ..Self::about(Code::Init, node, &name) },
            RegisterError::NoCapableNode { name, node, worker } => {
                Self { found: worker, ..Self::about(Code::NoCapableNode, node, &name) }
            }
            RegisterError::NoQuorum { name, node } => Self::about(Code::NoQuorum, node, &name),
            RegisterError::Timeout { name, node, after } => {
                Self { after_ms: ms(after), ..Self::about(Code::Timeout, node, &name) }
            }
            RegisterError::Overloaded { name, node } => Self::about(Code::Overloaded, node, &name),
            RegisterError::NoRoom { name, node } => Self::about(Code::NoRoom, node, &name),
            RegisterError::NameTooLong { bytes, limit } => {
                Self { bytes: bytes as u64, limit: limit as u64, ..Self::at(Code::NameTooLong, me) }
            }
            RegisterError::TooLarge { name, bytes, limit } => {
                Self { bytes, limit, ..Self::about(Code::TooLarge, me, &name) }
            }
            RegisterError::NoSwarm => Self::at(Code::Stopping, me),
            RegisterError::Stopping { node } => Self::at(Code::Stopping, node),
            RegisterError::NotPublic { name, node, worker } => {
                Self { found: worker, ..Self::about(Code::NotPublic, node, &name) }
            }
            // As above.
            RegisterError::NoMember { name }
            | RegisterError::Unreachable { name, .. }
            | RegisterError::Lost { name, .. } => Self::about(Code::Unknown, me, &name),
        };
        let text = if failure.text.is_empty() { said } else { failure.text.clone() };
        Self { text, ..failure }
    }

    /// What keeps the registry or a group from an answer.
    pub(crate) fn registry(error: RegistryError, me: NodeId) -> Self {
        let said = error.to_string();
        let failure = match error {
            RegistryError::NotRegistered { name, node } => Self::about(Code::NotRegistered, node, &name),
            RegistryError::WrongWorker { name, node, found, .. } => {
                Self { found, ..Self::about(Code::WrongWorker, node, &name) }
            }
            RegistryError::NoQuorum { node } => Self::at(Code::NoQuorum, node),
            RegistryError::Timeout { name, node, after } => {
                let name = name.map(|name| name.as_str().to_owned());
                Self { after_ms: ms(after), name, ..Self::at(Code::Timeout, node) }
            }
            RegistryError::TooLarge { node, bytes, limit } => Self { bytes, limit, ..Self::at(Code::TooLarge, node) },
            RegistryError::Overloaded { name, node } => Self::about(Code::Overloaded, node, &name),
            RegistryError::NoRoom { name, node } => Self::about(Code::NoRoom, node, &name),
            RegistryError::NoSwarm => Self::at(Code::Stopping, me),
            RegistryError::Stopping { node } => Self::at(Code::Stopping, node),
            RegistryError::NotPublic { node, worker } => Self { found: worker, ..Self::at(Code::NotPublic, node) },
            // As above.
            RegistryError::Unreachable { .. } | RegistryError::Lost { .. } => Self::at(Code::Unknown, me),
        };
        Self { text: said, ..failure }
    }
}
