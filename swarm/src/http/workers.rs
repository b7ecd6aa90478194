//! Owns what can be asked about one worker, and of it. Never lets anything reach one that is not public.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ask::{Meant, misfit};
use super::hall::{End, Hall};
use super::problem::{Problem, path_of};
use super::router::{options, pieces};
use super::wish::Wish;
use super::{body, sort, trace};
use crate::directory::{Ask, Class, Spec};
use crate::error::{CallError, Executed, Location};
use crate::message::json;
use crate::name::Name;
use crate::runtime::outside::Outside;
use crate::runtime::translating::Encoded;
use crate::trace::TraceContext;
use crate::worker::{Deadline, KindId, Payload};

/// What was done of what was preferred (RFC 7240).
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

type PathOf<T> = Result<Path<T>, PathRejection>;
type OptionsOf<T> = Result<Query<T>, QueryRejection>;

/// Where a worker is.
#[derive(Serialize)]
struct Place<'a> {
    name: &'a str,
    kind: &'a str,
    node: String,
    epoch: String,
}

impl<'a> Place<'a> {
    fn of(name: &'a Name, location: &'a Location) -> String {
        let (node, epoch) = (location.node.to_string(), location.epoch.to_string());
        let place = Place { name: name.as_str(), kind: &location.worker, node, epoch };
        serde_json::to_string(&place).expect("strings can be told as JSON")
    }
}

/// What is to be registered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration<'a> {
    kind: String,
    #[serde(borrow, default)]
    init: Option<&'a RawValue>,
}

/// How.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    /// What becomes of it if the name is taken.
    #[serde(default)]
    existing: Existing,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Existing {
    /// That is a problem.
    #[default]
    Refuse,
    /// Then that is what was wanted.
    Take,
}

/// Which worker type is meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfKind {
    kind: Option<String>,
}

/// Nothing is to be said there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

pub(super) async fn register(
    State(hall): State<Arc<Hall>>,
    path: PathOf<String>,
    query: OptionsOf<How>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (name, how, wish) = (Name::from(pieces(path)?), options(query)?, Wish::of(&headers)?);
    let (end, me) = (hall.end(wish), hall.node.id());
    let text = body::read(&hall, &headers, body, hall.left(end)).await?;
    let Registration { kind, init } = registration(&text.bytes)?;
    let (entry, args) = hall.start_of(&kind, init.map(RawValue::get).unwrap_or_default().as_bytes())?;
    let class = Class { kind: entry.kind, worker: entry.name.into(), schema: entry.args.low(), local: false };
    let spec = Spec { class: Arc::new(class), args: (&*args).into() };
    let ask = if how.existing == Existing::Take { Ask::WhereisOrRegister } else { Ask::Register };
    let started = hall.node.clone().register(name.clone(), spec, ask, hall.left(end)).await;
    let location = started.map_err(|error| Problem::register(error, me))?;
    // What was there already may be something else.
    if location.worker != entry.name {
        let (node, expected, found) = (location.node, entry.name.to_owned(), location.worker);
        return Err(Problem::call(CallError::WrongWorker { name, node, expected, found }, me));
    }
    let status = if how.existing == Existing::Take { StatusCode::OK } else { StatusCode::CREATED };
    let place = Place::of(&name, &location);
    Ok((status, [(CONTENT_TYPE, "application/json"), (LOCATION, &path_of(name.as_str()))], place).into_response())
}

fn registration(text: &[u8]) -> Result<Registration<'_>, Problem> {
    json::parse(text).map_err(|error| misfit(text, "", error))
}

pub(super) async fn locate(
    State(hall): State<Arc<Hall>>,
    path: PathOf<String>,
    query: OptionsOf<Nothing>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (name, Nothing {}, wish) = (Name::from(pieces(path)?), options(query)?, Wish::of(&headers)?);
    let location = hall.find_public(&name, hall.end(wish)).await?;
    Ok(([(CONTENT_TYPE, "application/json")], Place::of(&name, &location)).into_response())
}

pub(super) async fn unregister(
    State(hall): State<Arc<Hall>>,
    path: PathOf<String>,
    query: OptionsOf<Nothing>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let (name, Nothing {}, wish) = (Name::from(pieces(path)?), options(query)?, Wish::of(&headers)?);
    let end = hall.end(wish);
    // Should the name pass to another worker between the two, that one is ended: a name is not to change its type.
    hall.find_public(&name, end).await?;
    let gone = hall.node.clone().unregister(name, hall.left(end)).await;
    gone.map_err(|error| Problem::registry(error, hall.node.id(), Executed::Maybe))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn send(
    State(hall): State<Arc<Hall>>,
    path: PathOf<(String, String)>,
    query: OptionsOf<OfKind>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let ((name, message), OfKind { kind }, wish) = (pieces(path)?, options(query)?, Wish::of(&headers)?);
    let (name, end) = (Name::from(name), hall.end(wish));
    if name.as_str().len() > Name::BYTES_MAX {
        return Err(Problem::call(CallError::NotRegistered { name, node: hall.node.id() }, hall.node.id()));
    }
    let text = body::read(&hall, &headers, body, hall.left(end)).await?;
    let trace = trace::of(&hall.node.tracing, &headers);
    let sending = Sending { hall: &hall, name: &name, message: &message, text: &text.bytes, end, trace };
    // Who says which type it is spares the question where the worker is.
    let (kind, location) = match kind {
        Some(kind) => (kind, None),
        None => {
            let location = hall.find(&name, end).await?;
            (location.worker.clone(), Some(location))
        }
    };
    match hall.meant_if_clear(&kind, &message)? {
        Some(meant) => sending.here(meant, wish.respond_async, location).await,
        None => sending.there(location).await,
    }
}

/// A message on its way.
struct Sending<'a> {
    hall: &'a Hall,
    name: &'a Name,
    message: &'a str,
    text: &'a [u8],
    end: End,
    trace: Option<Box<TraceContext>>,
}

impl Sending<'_> {
    /// As this node reads it; or else as the worker's node does, if that has another version.
    async fn here(&self, meant: Meant, no_reply: bool, location: Option<Location>) -> Result<Response, Problem> {
        let Meant { entry, message } = meant;
        let payload = self.sendable(meant.read(self.text)?)?;
        if message.cast || no_reply {
            return self.cast((entry.kind.0, message.id, meant.fingerprint_of_cast(), payload), message.cast);
        }
        match self.call((entry.kind.0, message.id, message.fingerprint, payload)).await {
            Ok(payload) => {
                let reply =
                    Encoded { kind: entry.kind, message: message.id, fingerprint: message.fingerprint, payload };
                answered(self.hall.write(None, reply, self.end).await?)
            }
            Err(CallError::SchemaMismatch { executed: Executed::No, .. }) => self.there(location).await,
            Err(error) => Err(Problem::call(error, self.hall.node.id())),
        }
    }

    /// As the worker's node reads it. That nobody waits for a reply is no more than preferred, and not done here.
    async fn there(&self, location: Option<Location>) -> Result<Response, Problem> {
        let location = match location {
            Some(location) => location,
            None => self.hall.find_public(self.name, self.end).await?,
        };
        let read = |cast| self.hall.read_there((self.name, &location), (self.message, cast), self.text, self.end);
        let encoded = match read(false).await {
            Ok(encoded) => encoded,
            // It may be one that is cast.
            Err(problem) if problem.is(sort::NO_MESSAGE) => {
                let Encoded { kind, message, fingerprint, payload } = read(true).await?;
                let payload = self.sendable(Payload::copy_of(&payload))?;
                return self.cast((kind.0, message, fingerprint, payload), true);
            }
            Err(problem) => return Err(problem),
        };
        let payload = self.sendable(Payload::copy_of(&encoded.payload))?;
        let called = self.call((encoded.kind.0, encoded.message, encoded.fingerprint, payload)).await;
        let payload = called.map_err(|error| Problem::call(error, self.hall.node.id()))?;
        answered(self.hall.write(Some(location.node), Encoded { payload, ..encoded }, self.end).await?)
    }

    async fn call(&self, outside: Outside) -> Result<Vec<u8>, CallError> {
        let (node, kind) = (&self.hall.node, KindId(outside.0));
        let deadline = Deadline::after(node.now(), self.hall.left(self.end));
        let called = node.call_bytes(self.name.clone(), outside, deadline, self.trace.clone()).await;
        node.note_call(kind, called.and_then(|reply| self.within_limits(reply)))
    }

    /// What has no reply is `own`ly cast; else it was preferred.
    fn cast(&self, outside: Outside, own: bool) -> Result<Response, Problem> {
        let node = &self.hall.node;
        node.cast_bytes(self.name.clone(), outside, self.trace.clone())
            .map_err(|error| Problem::call(error, node.id()))?;
        let mut response = StatusCode::ACCEPTED.into_response();
        if !own {
            response.headers_mut().insert(PREFERENCE_APPLIED, axum::http::HeaderValue::from_static("respond-async"));
        }
        Ok(response)
    }

    /// The reply, if it is not too long: one of this node's own workers is not to be longer than that of another's.
    fn within_limits(&self, reply: Vec<u8>) -> Result<Vec<u8>, CallError> {
        let (bytes, limit) = (reply.len() as u64, self.hall.node.config().message_bytes_max());
        if bytes > limit {
            return Err(CallError::TooLarge { name: self.name.clone(), bytes, limit, executed: Executed::Yes });
        }
        Ok(reply)
    }

    /// The message, if it is not too long.
    fn sendable(&self, payload: Payload) -> Result<Payload, Problem> {
        let (bytes, limit) = (payload.len() as u64, self.hall.node.config().message_bytes_max());
        if bytes > limit {
            let (name, executed) = (self.name.clone(), Executed::No);
            return Err(Problem::call(CallError::TooLarge { name, bytes, limit, executed }, self.hall.node.id()));
        }
        Ok(payload)
    }
}

fn answered(json: String) -> Result<Response, Problem> {
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}
