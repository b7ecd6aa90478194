//! Owns which path is answered by what, and the files of which the page is made. Never answers what is asked of the cluster; `answers` does.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, extract, middleware};

use super::hall::Hall;
use super::{answers, gate, login};

/// The longest body of a request: a name, a node, or a token.
const BODY_BYTES_MAX: usize = 16 << 10;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The page.
const PAGE: &str = include_str!("page/index.html");

/// What it is made of. Nothing in it is secret, and who logs in needs some of it.
const ASSETS: [(&str, &str, &str); 12] = [
    ("style.css", CSS, include_str!("page/style.css")),
    ("parts.css", CSS, include_str!("page/parts.css")),
    ("icon.svg", SVG, include_str!("page/icon.svg")),
    ("app.js", SCRIPT, include_str!("page/app.js")),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("live.js", SCRIPT, include_str!("page/live.js")),
    ("ring.js", SCRIPT, include_str!("page/ring.js")),
    ("paint.js", SCRIPT, include_str!("page/paint.js")),
    ("nodes.js", SCRIPT, include_str!("page/nodes.js")),
    ("workers.js", SCRIPT, include_str!("page/workers.js")),
    ("worker.js", SCRIPT, include_str!("page/worker.js")),
    ("events.js", SCRIPT, include_str!("page/events.js")),
];

/// What is at which path.
pub(super) fn router(hall: Arc<Hall>) -> Router {
    Router::new()
        .route("/", get(async || ([(CONTENT_TYPE, HTML)], PAGE)))
        .route("/assets/{file}", get(asset))
        .route("/login", get(login::form).post(login::enter))
        .route("/api/logout", post(login::leave))
        .route("/api/live", get(answers::live))
        .route("/api/workers", get(answers::workers))
        .route("/api/worker", get(answers::worker))
        .route("/api/groups", get(answers::groups))
        .route("/api/drain", post(answers::drain))
        .route("/api/move", post(answers::post))
        .fallback(async || gate::refused(StatusCode::NOT_FOUND, "there is nothing here"))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(hall.clone(), gate::pass))
        .with_state(hall)
}

async fn asset(extract::Path(file): extract::Path<String>) -> Response {
    match ASSETS.iter().find(|(name, ..)| *name == file) {
        Some((_, kind, text)) => ([(CONTENT_TYPE, *kind)], *text).into_response(),
        None => gate::refused(StatusCode::NOT_FOUND, "there is no such file"),
    }
}
