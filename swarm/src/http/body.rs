//! Owns how the body of a request is read: whole, as JSON, and only as much as there may be of one, of all together, and in time. Never
//! looks at what it says.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use futures_core::Stream as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::hall::Hall;
use super::problem::Problem;
use super::sort;
use crate::message::JSON_BYTES_MAX;

/// How many bytes all bodies have that are held at once.
const BODIES_BYTES_MAX: usize = 64 << 20;

/// How much of a body that is too long is read, so that its sender gets the answer before the connection ends.
const READ_BYTES_MAX: usize = 4 * JSON_BYTES_MAX;

/// What is counted at once.
const GRAIN: usize = 1 << 10;

/// How long a body may take to come: what is read there is a megabyte at most.
const BODY_MAX: Duration = Duration::from_secs(10);

/// Room for the bodies of a node.
pub(super) fn room() -> Semaphore {
    Semaphore::new(BODIES_BYTES_MAX / GRAIN)
}

/// A body, and its part of the room.
pub(super) struct Text<'a> {
    pub(super) bytes: Vec<u8>,
    _room: SemaphorePermit<'a>,
}

/// Reads a body, within this time.
pub(super) async fn read<'a>(
    hall: &'a Hall,
    headers: &HeaderMap,
    body: Body,
    limit: Duration,
) -> Result<Text<'a>, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let bytes = announced.unwrap_or(if body.is_end_stream() { 0 } else { JSON_BYTES_MAX });
    // Who waits to be told whether to send it is told at once.
    if bytes > JSON_BYTES_MAX && (bytes > READ_BYTES_MAX || headers.contains_key(EXPECT)) {
        return Err(too_large());
    }
    if bytes > 0 {
        declared(headers)?;
    }
    let grains = u32::try_from(bytes.min(JSON_BYTES_MAX).div_ceil(GRAIN)).expect("a megabyte has few kilobytes");
    let room = hall.bodies.try_acquire_many(grains).map_err(|_| {
        let detail =
            format!("the bodies that this node reads now take all of {BODIES_BYTES_MAX} bytes: send it again later");
        Problem::new(sort::FULL, detail)
    })?;
    let within = limit.min(BODY_MAX);
    match hall.node.within(within, whole(body)).await {
        Some(bytes) => Ok(Text { bytes: bytes?, _room: room }),
        None => Err(Problem::new(sort::SLOW, format!("the body has not come within {within:?}"))),
    }
}

/// All of a body, if it is not too long. Of what is, more is read than is kept.
async fn whole(body: Body) -> Result<Vec<u8>, Problem> {
    let mut stream = pin!(body.into_data_stream());
    let (mut bytes, mut read) = (Vec::new(), 0);
    while let Some(part) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        let part =
            part.map_err(|error| Problem::new(sort::BAD_REQUEST, format!("the body ends too early: {error}")))?;
        read += part.len();
        if read > READ_BYTES_MAX {
            break;
        }
        if read <= JSON_BYTES_MAX {
            bytes.extend_from_slice(&part);
        }
    }
    if read > JSON_BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> Problem {
    Problem::new(sort::LARGE, format!("the body has more than the {JSON_BYTES_MAX} bytes that are read: send less"))
}

/// Whether the body is said to be JSON. A page of a browser cannot say so of what it sends to another host without being asked first
/// whether it may.
fn declared(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json") {
        return Ok(());
    }
    let detail = format!("the field content-type is {value:?}: send JSON, as `application/json`");
    Err(Problem::new(sort::MEDIA_TYPE, detail))
}
