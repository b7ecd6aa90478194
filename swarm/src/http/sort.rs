//! Owns the sorts of problems: their word, their status and their title. Never knows what has happened in one case.

use axum::http::StatusCode;

use crate::error::Executed;
use crate::gateway::Code;

/// A sort of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) word: &'static str,
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    /// The same may be asked again soon, and go well.
    pub(super) again: bool,
}

const fn sort(word: &'static str, status: StatusCode, title: &'static str) -> Sort {
    Sort { word, status, title, again: false }
}

const fn again(word: &'static str, status: StatusCode, title: &'static str) -> Sort {
    Sort { word, status, title, again: true }
}

pub(super) const BAD_REQUEST: Sort = sort("bad_request", StatusCode::BAD_REQUEST, "The request cannot be understood");
pub(super) const NO_JSON: Sort = sort("no_json", StatusCode::BAD_REQUEST, "The body is no JSON");
pub(super) const DOES_NOT_FIT: Sort =
    sort("does_not_fit", StatusCode::UNPROCESSABLE_ENTITY, "The JSON does not tell what was wanted");
pub(super) const UNAUTHORIZED: Sort = sort("unauthorized", StatusCode::UNAUTHORIZED, "A bearer token is needed");
pub(super) const FORBIDDEN: Sort = sort("forbidden", StatusCode::FORBIDDEN, "This may not be asked from there");
pub(super) const NO_PATH: Sort = sort("no_path", StatusCode::NOT_FOUND, "There is nothing at this path");
pub(super) const NO_MESSAGE: Sort = sort("no_message", StatusCode::NOT_FOUND, "The worker type has no such message");
pub(super) const AMBIGUOUS: Sort = sort("ambiguous", StatusCode::CONFLICT, "Several worker types can be meant");
pub(super) const METHOD: Sort =
    sort("method", StatusCode::METHOD_NOT_ALLOWED, "This cannot be done to what is at this path");
pub(super) const SLOW: Sort = sort("slow", StatusCode::REQUEST_TIMEOUT, "The request came too slowly");
pub(super) const LARGE: Sort = sort("too_large", StatusCode::PAYLOAD_TOO_LARGE, "The message is too large");
pub(super) const MEDIA_TYPE: Sort =
    sort("media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not declared to be JSON");
pub(super) const MISDIRECTED: Sort =
    sort("misdirected", StatusCode::MISDIRECTED_REQUEST, "The request names another host");
pub(super) const TOO_MANY: Sort =
    again("too_many", StatusCode::TOO_MANY_REQUESTS, "Too many requests are under way at this node");
pub(super) const NOT_PUBLIC: Sort =
    sort("not_public", StatusCode::FORBIDDEN, "Only members of the cluster reach workers of this type");
pub(super) const NOT_JSON: Sort = sort("not_json", StatusCode::FORBIDDEN, "Workers of this type take no JSON");
pub(super) const TIMEOUT: Sort = sort("timeout", StatusCode::GATEWAY_TIMEOUT, "There was no answer in time");
pub(super) const UNWRITTEN: Sort =
    sort("unwritten", StatusCode::INTERNAL_SERVER_ERROR, "The reply cannot be told as JSON");
const NOT_REGISTERED: Sort = sort("not_registered", StatusCode::NOT_FOUND, "No worker has this name");
const WRONG_WORKER: Sort = sort("wrong_worker", StatusCode::CONFLICT, "The worker is of another type");
const NODE_DOWN: Sort = sort("node_down", StatusCode::BAD_GATEWAY, "A node was lost");
const OVERLOADED: Sort = again("overloaded", StatusCode::SERVICE_UNAVAILABLE, "A queue is full");
const PANICKED: Sort = sort("panicked", StatusCode::INTERNAL_SERVER_ERROR, "The handler panicked");
const SCHEMA_MISMATCH: Sort =
    sort("schema_mismatch", StatusCode::BAD_GATEWAY, "Two nodes have different versions of the message");
const NO_QUORUM: Sort = again("no_quorum", StatusCode::SERVICE_UNAVAILABLE, "The node does not see enough members");
const LARGE_REPLY: Sort = sort("large_reply", StatusCode::INTERNAL_SERVER_ERROR, "The reply is too large");
const STOPPING: Sort = again("stopping", StatusCode::SERVICE_UNAVAILABLE, "The node is stopping");
const ENDED: Sort = again("ended", StatusCode::SERVICE_UNAVAILABLE, "The worker ended before it came to this");
const SELF_CALL: Sort = sort("self_call", StatusCode::LOOP_DETECTED, "Workers wait for each other in a circle");
const NOT_OWNER: Sort = again("not_owner", StatusCode::SERVICE_UNAVAILABLE, "The cluster is changing");
const NO_CAPABLE_NODE: Sort = again("no_capable_node", StatusCode::SERVICE_UNAVAILABLE, "No node can host this worker");
const ALREADY_REGISTERED: Sort = sort("already_registered", StatusCode::CONFLICT, "The name is taken");
const INIT: Sort = sort("init", StatusCode::UNPROCESSABLE_ENTITY, "The worker did not start");
const NAME_TOO_LONG: Sort = sort("name_too_long", StatusCode::URI_TOO_LONG, "The name is too long");
const NO_ROOM: Sort = sort("no_room", StatusCode::INSUFFICIENT_STORAGE, "There is no room for one more record");
const UNKNOWN: Sort = sort("unknown", StatusCode::INTERNAL_SERVER_ERROR, "It could not be done");

const UNHANDLED: Sort = sort("unhandled", StatusCode::NOT_FOUND, "The worker has no method for the message");
pub(super) const FULL: Sort = again("full", StatusCode::SERVICE_UNAVAILABLE, "The node has no room for the body now");

/// All of them.
pub(super) const ALL: [Sort; 38] = [
    BAD_REQUEST,
    NO_JSON,
    DOES_NOT_FIT,
    UNAUTHORIZED,
    FORBIDDEN,
    NO_PATH,
    NO_MESSAGE,
    AMBIGUOUS,
    METHOD,
    SLOW,
    LARGE,
    MEDIA_TYPE,
    MISDIRECTED,
    TOO_MANY,
    NOT_PUBLIC,
    NOT_JSON,
    TIMEOUT,
    UNWRITTEN,
    NOT_REGISTERED,
    WRONG_WORKER,
    NODE_DOWN,
    OVERLOADED,
    PANICKED,
    SCHEMA_MISMATCH,
    NO_QUORUM,
    LARGE_REPLY,
    STOPPING,
    ENDED,
    SELF_CALL,
    NOT_OWNER,
    NO_CAPABLE_NODE,
    ALREADY_REGISTERED,
    INIT,
    NAME_TOO_LONG,
    NO_ROOM,
    UNKNOWN,
    UNHANDLED,
    FULL,
];

/// The sort of what a gateway calls so.
pub(super) fn of(code: Code, executed: Executed) -> Sort {
    match code {
        Code::NotRegistered => NOT_REGISTERED,
        Code::WrongWorker => WRONG_WORKER,
        Code::Unhandled => UNHANDLED,
        Code::Timeout => TIMEOUT,
        Code::NodeDown => NODE_DOWN,
        Code::Overloaded => OVERLOADED,
        Code::Panicked => PANICKED,
        Code::SchemaMismatch => SCHEMA_MISMATCH,
        Code::NoQuorum => NO_QUORUM,
        Code::TooLarge if executed == Executed::No => LARGE,
        Code::TooLarge => LARGE_REPLY,
        Code::Stopping => STOPPING,
        Code::Ended => ENDED,
        Code::SelfCall => SELF_CALL,
        Code::NotOwner => NOT_OWNER,
        Code::NoCapableNode => NO_CAPABLE_NODE,
        Code::NotPublic => NOT_PUBLIC,
        Code::AlreadyRegistered => ALREADY_REGISTERED,
        Code::Init => INIT,
        Code::NameTooLong => NAME_TOO_LONG,
        Code::NoRoom => NO_ROOM,
        Code::Unknown => UNKNOWN,
    }
}

/// The sort of what was answered so by what knows nothing of problems.
pub(super) fn of_status(status: StatusCode) -> Sort {
    match status {
        StatusCode::NOT_FOUND => NO_PATH,
        StatusCode::METHOD_NOT_ALLOWED => METHOD,
        StatusCode::INTERNAL_SERVER_ERROR => UNKNOWN,
        _ => BAD_REQUEST,
    }
}
