//! Owns the routes of the service, and what a visitor is told when a session cannot be reached. Never holds anything of a
//! session between two requests.

use std::io;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use swarm::prelude::*;
use tokio::net::TcpListener;

use super::cookie::{self, SessionId};
use super::session::{Full, Page, SessionClient};

/// A note is a line or two.
const NOTE_BYTES_MAX: usize = 4 << 10;
/// What is under way when the instance is asked to end is answered, but for no longer: load balancers wait for about as long.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// Serves until `leave` is ready, and then what is under way.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    swarm: &Swarm,
    leave: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/", get(show))
        .route("/notes", post(note).layer(DefaultBodyLimit::max(NOTE_BYTES_MAX)))
        .route("/session", axum::routing::delete(end))
        .with_state(swarm.clone());
    let (asked, mut ends) = tokio::sync::oneshot::channel::<()>();
    let leave = async move {
        leave.await;
        drop(asked);
    };
    let late = async move {
        let _ = (&mut ends).await;
        tokio::time::sleep(DRAIN_WITHIN).await;
    };
    tokio::select! {
        served = axum::serve(listener, routes).with_graceful_shutdown(leave).into_future() => served,
        () = late => Ok(()),
    }
}

/// What `GET /` answers.
#[derive(Serialize)]
struct Shown {
    served_by: String,
    #[serde(flatten)]
    page: Page,
}

/// Shows the visitor's session; a new one, if the cookie names none that there is. An unknown name is never taken over: its
/// session would be known to whoever made it up.
async fn show(State(swarm): State<Swarm>, headers: HeaderMap) -> Result<Response, Unreached> {
    let shown = |id: SessionId, page: Page| {
        let served_by = swarm.node().to_string();
        (AppendHeaders([(SET_COOKIE, id.cookie())]), Json(Shown { served_by, page })).into_response()
    };
    if let Some(id) = SessionId::of(&headers) {
        match SessionClient::at(id.worker()).on(&swarm).visit().await {
            Ok(page) => return Ok(shown(id, page)),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let id = SessionId::random().map_err(|error| Unreached::No(error.to_string()))?;
    SessionClient::register(id.worker(), ()).on(&swarm).await.map_err(|error| Unreached::No(error.to_string()))?;
    Ok(shown(id, SessionClient::at(id.worker()).on(&swarm).visit().await?))
}

async fn note(State(swarm): State<Swarm>, headers: HeaderMap, text: String) -> Result<Response, Unreached> {
    let Some(id) = SessionId::of(&headers) else { return Ok(no_session()) };
    match SessionClient::at(id.worker()).on(&swarm).note(text).await {
        Ok(Ok(())) => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(Err(Full)) => Ok((StatusCode::CONFLICT, "the session has no place for another note\n").into_response()),
        Err(error) if is_gone(&error) => Ok(no_session()),
        Err(error) => Err(error.into()),
    }
}

async fn end(State(swarm): State<Swarm>, headers: HeaderMap) -> Result<Response, Unreached> {
    let ended = (StatusCode::NO_CONTENT, AppendHeaders([(SET_COOKIE, cookie::none())])).into_response();
    let Some(id) = SessionId::of(&headers) else { return Ok(ended) };
    match SessionClient::at(id.worker()).on(&swarm).end().await {
        Ok(()) => Ok(ended),
        Err(error) if is_gone(&error) => Ok(ended),
        Err(error) => Err(error.into()),
    }
}

fn no_session() -> Response {
    (StatusCode::UNAUTHORIZED, "there is no such session: GET / begins one\n").into_response()
}

fn is_gone(error: &CallError) -> bool {
    matches!(error, CallError::NotRegistered { .. } | CallError::Ended { .. } | CallError::WrongWorker { .. })
}

/// Why a session was not reached. The visitor may try again at once if nothing was done, and has to look if it may have been.
enum Unreached {
    No(String),
    Maybe(String),
}

impl From<CallError> for Unreached {
    fn from(error: CallError) -> Self {
        match error.executed() {
            Executed::No => Self::No(error.to_string()),
            Executed::Maybe | Executed::Yes => Self::Maybe(error.to_string()),
        }
    }
}

impl IntoResponse for Unreached {
    fn into_response(self) -> Response {
        match self {
            Self::No(text) => {
                tracing::warn!(text, "a session was not reached");
                let words = "nothing was done: try again\n";
                (StatusCode::SERVICE_UNAVAILABLE, AppendHeaders([(RETRY_AFTER, "1")]), words).into_response()
            }
            Self::Maybe(text) => {
                tracing::warn!(text, "a session did not answer");
                (StatusCode::GATEWAY_TIMEOUT, "it may have been done: look before you try again\n").into_response()
            }
        }
    }
}
