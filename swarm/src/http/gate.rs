//! Owns who is let in: who shows a token, or, where none is asked for, who is no page of a browser that was led here by somebody else. Never
//! lets anybody take a place, or a body be read, before that.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use swarm_net::secret::{Keyring, Secret};
use tokio::sync::OwnedSemaphorePermit;

use super::hall::Hall;
use super::problem::{PROBLEM_JSON, Problem};
use super::sort;
use crate::rpc::{Guest, is_address};

/// A request that is under way: as long as this is held, it counts.
#[derive(Clone)]
pub(super) struct UnderWay(#[expect(dead_code, reason = "it is held")] Arc<OwnedSemaphorePermit>);

/// Lets a request in, or answers why not. What it is answered in words of axum's own becomes a problem.
pub(super) async fn pass(State(hall): State<Arc<Hall>>, mut request: Request, next: Next) -> Response {
    let guest = request.extensions().get::<Arc<Guest>>().cloned();
    let response = match enter(&hall, guest.as_deref(), request.headers()) {
        Ok(under_way) => {
            request.extensions_mut().insert(under_way.clone());
            told(next.run(request).await)
        }
        Err(problem) => problem.into_response(),
    };
    leaving(&hall, response)
}

fn enter(hall: &Hall, guest: Option<&Guest>, headers: &HeaderMap) -> Result<UnderWay, Problem> {
    match &hall.tokens {
        Some(tokens) => shows(tokens, headers)?,
        None => comes_from_here(headers)?,
    }
    if guest.is_some_and(|guest| !guest.admit(&hall.guests)) {
        return Err(Problem::new(sort::TOO_MANY, "as many are connected to this node as it takes: try again later"));
    }
    let place = hall.requests.clone().try_acquire_owned().map_err(|_| {
        Problem::new(sort::TOO_MANY, "as many requests are under way at this node as it takes: try again later")
    })?;
    Ok(UnderWay(Arc::new(place)))
}

/// Whether the head holds one of the tokens.
fn shows(tokens: &Keyring, headers: &HeaderMap) -> Result<(), Problem> {
    let unauthorized = |detail: &str| Problem::new(sort::UNAUTHORIZED, detail);
    let Some(field) = headers.get(AUTHORIZATION) else {
        return Err(unauthorized("show a token of this node: `Authorization: Bearer TOKEN`"));
    };
    // The scheme's name has no case (RFC 9110).
    let shown = field.as_bytes().split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
    let token = shown.map(|(_, token)| Secret::from(token.trim_ascii()));
    match token.filter(|token| tokens.knows(token)) {
        Some(_) => Ok(()),
        None => Err(unauthorized("this is no token of this node, or no bearer token at all")),
    }
}

/// Where no token is asked for, any program of this machine is let in, but not what a browser sends for a page from elsewhere. Such a request
/// says where the page is from; and a page whose host has been turned into this machine's names that host (DNS rebinding).
fn comes_from_here(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(ORIGIN) {
        return Err(Problem::new(
            sort::FORBIDDEN,
            "pages in browsers may ask nothing here: the node asks for no token",
        ));
    }
    let Some(host) = headers.get(HOST) else { return Ok(()) };
    if host.to_str().is_ok_and(is_address) {
        return Ok(());
    }
    let detail = format!(
        "the field host is {host:?}: where no token is asked for, name the node by its address, or as localhost"
    );
    Err(Problem::new(sort::MISDIRECTED, detail))
}

/// An error in axum's words as a problem.
fn told(response: Response) -> Response {
    let status = response.status();
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|value| value == PROBLEM_JSON);
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let allowed = response.headers().get(ALLOW).cloned();
    Problem::new(sort::of_status(status), "see /openapi.json for what there is").allow(allowed).into_response()
}

/// A node that goes asks its guests to go on at another.
fn leaving(hall: &Hall, mut response: Response) -> Response {
    if hall.node.is_leaving() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
