//! Owns what the words of a gateway mean in the errors of users. Never says that a handler did not run unless the gateway did.

use std::time::Duration;

use swarm_net::node::NodeId;

use super::answer::Place;
use super::failure::{Code, Failure, Ran};
use crate::error::{CallError, Executed, RegisterError, RegistryError};
use crate::name::Name;

impl From<Ran> for Executed {
    fn from(ran: Ran) -> Self {
        match ran {
            Ran::No => Self::No,
            Ran::Maybe => Self::Maybe,
            Ran::Yes => Self::Yes,
        }
    }
}

impl Failure {
    fn node(&self, asked: NodeId) -> NodeId {
        self.node.id().unwrap_or(asked)
    }

    fn after(&self) -> Duration {
        Duration::from_millis(self.after_ms)
    }

    /// What is said of a word that this version does not know.
    fn beyond(&self) -> String {
        format!("it is of a later version, and says what this program does not know: {:?}", self.text)
    }

    /// Why a call has failed that `asked` was asked for.
    pub(crate) fn of_call(self, name: Name, asked: NodeId) -> CallError {
        let (node, executed, after) = (self.node(asked), self.ran.into(), self.after());
        let beyond = |failure: &Self| CallError::SchemaMismatch {
            name: name.clone(),
            node,
            what: failure.beyond(),
            executed: failure.ran.into(),
        };
        // What never runs must not be said of a call that may have.
        let certain = |error: CallError| if executed == Executed::No { error } else { beyond(&self) };
        let Self { code, found, expected, text, message, bytes, limit, .. } = self.clone();
        let name = name.clone();
        match code {
            Code::Timeout => CallError::Timeout { name, node, after, executed },
            Code::NodeDown => CallError::NodeDown { name, node, executed },
            Code::SchemaMismatch => CallError::SchemaMismatch { name, node, what: text, executed },
            Code::NoQuorum => CallError::NoQuorum { name, node, executed },
            Code::TooLarge => CallError::TooLarge { name, bytes, limit, executed },
            Code::Panicked => CallError::Panicked { name, node, text },
            Code::NotRegistered => certain(CallError::NotRegistered { name, node }),
            Code::WrongWorker => certain(CallError::WrongWorker { name, node, expected, found }),
            Code::Unhandled => certain(CallError::Unhandled { name, node, worker: found, message }),
            Code::Overloaded => certain(CallError::Overloaded { name, node, what: text }),
            Code::Stopping => certain(CallError::Stopping { name, node }),
            Code::Ended => certain(CallError::Ended { name, node, text }),
            Code::SelfCall => certain(CallError::SelfCall { name, node }),
            Code::NotOwner => certain(CallError::NotOwner { name, node }),
            Code::NoCapableNode => certain(CallError::NoCapableNode { name, node, text }),
            Code::NotPublic => certain(CallError::NotPublic { name, node, worker: found }),
            Code::AlreadyRegistered | Code::Init | Code::NameTooLong | Code::NoRoom | Code::Unknown => beyond(&self),
        }
    }

    /// Why a worker was not registered.
    pub(crate) fn of_register(self, name: Name, asked: NodeId) -> RegisterError {
        let (node, after, text) = (self.node(asked), self.after(), self.beyond());
        let lost = RegisterError::Lost { name: name.clone(), node, text };
        let limit = self.limit;
        match self.code {
            Code::AlreadyRegistered => match self.place.and_then(Place::location) {
                Some(location) => RegisterError::AlreadyRegistered { name, location },
                None => lost,
            },
            Code::Init => RegisterError::Init { name, node, text: self.text },
            Code::NoCapableNode => RegisterError::NoCapableNode { name, node, worker: self.found },
            Code::NoQuorum => RegisterError::NoQuorum { name, node },
            Code::Timeout => RegisterError::Timeout { name, node, after },
            Code::Overloaded => RegisterError::Overloaded { name, node },
            Code::NoRoom => RegisterError::NoRoom { name, node },
            Code::NameTooLong => RegisterError::NameTooLong { bytes: small(self.bytes), limit: small(limit) },
            Code::TooLarge => RegisterError::TooLarge { name, bytes: self.bytes, limit },
            Code::Stopping => RegisterError::Stopping { node },
            Code::NotPublic => RegisterError::NotPublic { name, node, worker: self.found },
            Code::NotRegistered
            | Code::WrongWorker
            | Code::Unhandled
            | Code::NodeDown
            | Code::Panicked
            | Code::SchemaMismatch
            | Code::Ended
            | Code::SelfCall
            | Code::NotOwner
            | Code::Unknown => lost,
        }
    }

    /// Why the registry or a group has not answered. `group` is the group's name and that of the worker type that it takes.
    pub(crate) fn of_registry(self, (group, expected): (&'static str, &'static str), asked: NodeId) -> RegistryError {
        let (node, after, text) = (self.node(asked), self.after(), self.beyond());
        let lost = RegistryError::Lost { node, text };
        let name = self.name.as_deref().map(Name::from);
        match (self.code, name) {
            (Code::NotRegistered, Some(name)) => RegistryError::NotRegistered { name, node },
            (Code::WrongWorker, Some(name)) => {
                RegistryError::WrongWorker { name, node, group, expected, found: self.found }
            }
            (Code::NoQuorum, _) => RegistryError::NoQuorum { node },
            (Code::Timeout, name) => RegistryError::Timeout { name, node, after },
            (Code::TooLarge, _) => RegistryError::TooLarge { node, bytes: self.bytes, limit: self.limit },
            (Code::Overloaded, Some(name)) => RegistryError::Overloaded { name, node },
            (Code::NoRoom, Some(name)) => RegistryError::NoRoom { name, node },
            (Code::Stopping, _) => RegistryError::Stopping { node },
            (Code::NotPublic, _) => RegistryError::NotPublic { node, worker: self.found },
            (
                Code::NotRegistered
                | Code::WrongWorker
                | Code::Overloaded
                | Code::NoRoom
                | Code::Unhandled
                | Code::NodeDown
                | Code::Panicked
                | Code::SchemaMismatch
                | Code::Ended
                | Code::SelfCall
                | Code::NotOwner
                | Code::NoCapableNode
                | Code::AlreadyRegistered
                | Code::Init
                | Code::NameTooLong
                | Code::Unknown,
                _,
            ) => lost,
        }
    }
}

fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
