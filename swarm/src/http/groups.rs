//! Owns what can be said to a group, or to all workers of a type: what has no reply is published, what has one is asked of each member.
//! Never reaches a member that is not public.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::ask::Meant;
use super::body;
use super::gate::UnderWay;
use super::hall::{End, Hall};
use super::lines::{self, NDJSON};
use super::problem::Problem;
use super::router::{options, pieces};
use super::wish::Wish;
use super::workers::{Nothing, PREFERENCE_APPLIED};
use crate::error::{Executed, RegistryError};
use crate::message::{Fingerprint, Payload};
use crate::name::Name;
use crate::whom::{GroupKey, Whom};

/// Which of the groups of this name, and whose message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfGroup {
    /// The key of a dynamic group.
    #[serde(default)]
    key: String,
    /// The worker type whose message is meant.
    kind: Option<String>,
}

/// What came of a publish.
#[derive(Serialize)]
struct Delivered {
    delivered: u64,
}

pub(super) async fn of_group(
    State(hall): State<Arc<Hall>>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<OfGroup>, QueryRejection>,
    headers: HeaderMap,
    Extension(under_way): Extension<UnderWay>,
    body: Body,
) -> Result<Response, Problem> {
    let ((group, message), OfGroup { key, kind }, wish) = (pieces(path)?, options(query)?, Wish::of(&headers)?);
    let meant = match kind {
        Some(kind) => hall.meant(&kind, &message)?,
        None => hall.meant_by_all(&message)?,
    };
    let whom = Whom::Public(GroupKey { tag: Fingerprint::of(&group).0, key: Name::from(key) });
    Saying { hall, whom, meant, wish, under_way }.say(&headers, body).await
}

pub(super) async fn of_kind(
    State(hall): State<Arc<Hall>>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<Nothing>, QueryRejection>,
    headers: HeaderMap,
    Extension(under_way): Extension<UnderWay>,
    body: Body,
) -> Result<Response, Problem> {
    let ((kind, message), Nothing {}, wish) = (pieces(path)?, options(query)?, Wish::of(&headers)?);
    let meant = hall.meant(&kind, &message)?;
    Saying { hall, whom: Whom::Kind(meant.entry.kind.0), meant, wish, under_way }.say(&headers, body).await
}

/// Something that is said to many.
struct Saying {
    hall: Arc<Hall>,
    whom: Whom,
    meant: Meant,
    wish: Wish,
    under_way: UnderWay,
}

impl Saying {
    async fn say(self, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
        let end = self.hall.end(self.wish);
        let text = body::read(&self.hall, headers, body, self.hall.left(end)).await?;
        let payload = self.hall.node.for_a_group(self.meant.read(&text.bytes)?);
        let payload = payload.map_err(|error| self.failed(error))?;
        drop(text);
        if self.meant.message.cast || self.wish.respond_async {
            self.publish(&payload, end).await
        } else {
            self.ask(&payload, end)
        }
    }

    async fn publish(self, payload: &Payload, end: End) -> Result<Response, Problem> {
        let (node, limit) = (self.hall.node.clone(), self.hall.left(end));
        let (message, fingerprint) = (self.meant.message.id, self.meant.fingerprint_of_cast());
        let told = node.publish(self.whom.clone(), message, fingerprint, payload, limit).await;
        let delivered = told.map_err(|error| self.failed(error))? as u64;
        let json = serde_json::to_string(&Delivered { delivered }).expect("a number can be told as JSON");
        let mut response = ([(CONTENT_TYPE, "application/json")], json).into_response();
        if !self.meant.message.cast {
            response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static("respond-async"));
        }
        Ok(response)
    }

    fn ask(self, payload: &Payload, end: End) -> Result<Response, Problem> {
        let (message, limit) = (self.meant.message, self.hall.left(end));
        let answers = self.hall.node.call_all(self.whom.clone(), message.id, message.fingerprint, payload, limit);
        let answers = answers.map_err(|error| self.failed(error))?;
        let lines = lines::of(&self.hall, answers, message.write, end, self.under_way);
        Ok(([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response())
    }

    fn failed(&self, error: RegistryError) -> Problem {
        Problem::registry(error, self.hall.node.id(), Executed::Maybe).kind(self.meant.entry.name)
    }
}
