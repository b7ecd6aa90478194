//! Owns which path and method is answered by what. Never answers anything itself.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{extract::State, middleware};

use super::hall::Hall;
use super::problem::Problem;
use super::{gate, groups, sort, workers};

/// What is at which path.
pub(super) fn router(hall: Arc<Hall>) -> Router {
    let worker = put(workers::register).get(workers::locate).delete(workers::unregister);
    Router::new()
        .route("/v1/workers/{name}", worker)
        .route("/v1/workers/{name}/{message}", post(workers::send))
        .route("/v1/groups/{group}/{message}", post(groups::of_group))
        .route("/v1/kinds/{kind}/{message}", post(groups::of_kind))
        .route("/openapi.json", get(document))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(hall.clone(), gate::pass))
        .with_state(hall)
}

async fn document(State(hall): State<Arc<Hall>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], hall.document.text(&hall.node, hall.tokens.is_some()).to_owned())
        .into_response()
}

async fn nothing() -> Problem {
    Problem::new(sort::NO_PATH, "see /openapi.json for what there is; a slash within a name is written %2F")
}

/// The pieces of a path, decoded.
pub(super) fn pieces<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(pieces)| pieces).map_err(|error| {
        Problem::new(sort::BAD_REQUEST, format!("the path cannot be understood: {}", error.body_text()))
    })
}

/// What stands behind the question mark.
pub(super) fn options<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(options)| options).map_err(|error| {
        Problem::new(
            sort::BAD_REQUEST,
            format!("what follows the question mark cannot be understood: {}", error.body_text()),
        )
    })
}
