//! Owns the words in which a gateway says why something was not done. Never loses one of them or changes what it means: later versions
//! add words, which earlier ones read as `Unknown`.

use serde::{Deserialize, Serialize};

use super::answer::{Node, Place};

/// Why something was not done. Which of the fields mean something depends on the code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    /// Whether the handler ran.
    pub(crate) ran: Ran,
    pub(crate) name: Option<String>,
    pub(crate) node: Node,
    /// What the worker is, and what it should have been.
    pub(crate) found: String,
    pub(crate) expected: String,
    /// In words, for people.
    pub(crate) text: String,
    pub(crate) message: u64,
    pub(crate) bytes: u64,
    pub(crate) limit: u64,
    pub(crate) after_ms: u64,
    /// Where the name is that was to be free.
    pub(crate) place: Option<Place>,
}

/// What has happened. Later versions have further words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    NotRegistered,
    WrongWorker,
    Unhandled,
    Timeout,
    NodeDown,
    Overloaded,
    Panicked,
    SchemaMismatch,
    NoQuorum,
    TooLarge,
    Stopping,
    Ended,
    SelfCall,
    NotOwner,
    NoCapableNode,
    NotPublic,
    AlreadyRegistered,
    Init,
    NameTooLong,
    NoRoom,
    /// A word of a later version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether the handler ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ran {
    No,
    Yes,
    /// It may have, or this is a word of a later version.
    #[default]
    #[serde(other)]
    Maybe,
}
