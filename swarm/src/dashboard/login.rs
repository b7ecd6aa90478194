//! Owns how somebody logs in, and out. Never says more of a token than that it is none.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, Query, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, SET_COOKIE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use swarm_net::secret::Secret;

use super::gate::{Visitor, refused};
use super::hall::Hall;
use super::sessions::SESSION;
use crate::rpc::Guest;

const FORM: &str = include_str!("page/login.html");

/// Where a word stands in the form that says what became of the last one.
const SLOT: &str = "<!-- what was wrong -->";

/// What is filled in.
#[derive(Deserialize)]
struct Filled {
    token: String,
}

/// The form; who is let in without it goes on.
pub(super) async fn form(State(hall): State<Arc<Hall>>, Extension(visitor): Extension<Visitor>) -> Response {
    match hall.admits(visitor.0) {
        true => Redirect::to("/").into_response(),
        false => page(StatusCode::OK, ""),
    }
}

/// What was filled in.
pub(super) async fn enter(
    State(hall): State<Arc<Hall>>,
    Extension(guest): Extension<Arc<Guest>>,
    body: Bytes,
) -> Response {
    let Some(tokens) = &hall.tokens else { return Redirect::to("/").into_response() };
    let (now, from) = (hall.node.now(), guest.from);
    if !hall.attempts.begin(from.ip(), now) {
        let text = "Too many logins from your address have failed just now. Try again in a second.";
        let page = page(StatusCode::TOO_MANY_REQUESTS, text);
        return ([(RETRY_AFTER, "1")], page).into_response();
    }
    let Some(token) = filled(&body).and_then(|token| tokens.find(&Secret::from(token))) else {
        hall.complain(Some(from), "a login has failed");
        return page(StatusCode::FORBIDDEN, "That is no token of this node.");
    };
    hall.attempts.succeeded(from.ip());
    let Some(pass) = hall.sessions.open(token, now) else {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "this system gives no random numbers");
    };
    tracing::info!(node = %hall.node.id(), "somebody has logged in to the dashboard");
    let cookie = cookie(&hall, &pass.text(), SESSION.as_secs());
    ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// The token of a form, as browsers write it.
fn filled(body: &[u8]) -> Option<String> {
    let uri = Uri::builder().path_and_query(format!("/?{}", std::str::from_utf8(body).ok()?)).build().ok()?;
    let Query(Filled { token }) = Query::try_from_uri(&uri).ok()?;
    Some(token.trim().to_owned())
}

/// Logs out.
pub(super) async fn leave(State(hall): State<Arc<Hall>>, Extension(visitor): Extension<Visitor>) -> Response {
    if let Some(pass) = visitor.0 {
        hall.sessions.close(pass);
    }
    ([(SET_COOKIE, cookie(&hall, "", 0))], StatusCode::NO_CONTENT).into_response()
}

fn cookie(hall: &Hall, value: &str, seconds: u64) -> String {
    let secure = if hall.tls { "; Secure" } else { "" };
    format!("{}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}", hall.cookie)
}

fn page(status: StatusCode, wrong: &str) -> Response {
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], FORM.replace(SLOT, wrong)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_browsers_write_it() {
        let token = |body: &str| filled(body.as_bytes());
        assert!(token("token=a+b%2Bc%3D").is_some_and(|token| token == "a b+c="));
        for body in ["", "tokens=1", "token", "\u{fc}=1", "token=a b"] {
            assert!(token(body).is_none_or(|token| token.is_empty()), "{body}");
        }
    }
}
