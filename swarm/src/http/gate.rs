//! Owns who is let in: who shows a token, or, where none is asked for, who is no page of a browser that was led here by somebody else. Never
//! lets anybody take a place, or a body be read, before that.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use swarm_net::secret::{Keyring, Secret};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::hall::Hall;
use super::problem::{PROBLEM_JSON, Problem};
use super::sort;

/// Who is at the other end of a connection.
pub(super) struct Guest {
    pub(super) from: SocketAddr,
    /// The place of a stranger, then that of a guest.
    place: Mutex<Place>,
    /// It is a stranger no more.
    pub(super) known: Notify,
}

enum Place {
    Stranger(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit),
    Guest(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit),
}

impl Guest {
    pub(super) fn new(from: SocketAddr, place: OwnedSemaphorePermit) -> Self {
        Self { from, place: Mutex::new(Place::Stranger(place)), known: Notify::new() }
    }

    /// It has shown that it may be here. False if there is no room for it.
    fn admit(&self, hall: &Hall) -> bool {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*place, Place::Guest(_)) {
            return true;
        }
        let Ok(seat) = hall.guests.clone().try_acquire_owned() else { return false };
        *place = Place::Guest(seat);
        self.known.notify_one();
        true
    }
}

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
    if guest.is_some_and(|guest| !guest.admit(hall)) {
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

/// Whether this names a machine by its address, or this one.
fn is_address(host: &str) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        Some(_) | None => host,
    };
    let bare = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(bare);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_this_machine_are_told_from_other_hosts() {
        for host in ["127.0.0.1", "127.0.0.1:80", "[::1]:8080", "[::1]", "localhost", "LocalHost:1", "10.0.0.7:1"] {
            assert!(is_address(host), "{host}");
        }
        for host in
            ["", "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example:1", "[evil]:1"]
        {
            assert!(!is_address(host), "{host}");
        }
    }
}
