//! Owns how long an answer is waited for. Never asks anything.

use std::future::Future;
use std::time::{Duration, Instant};

use tarpc::context::{self, Context};

use super::DEADLINE_MAX_S;

/// A request that is worth nothing any more after this time.
pub(crate) fn until(limit: Duration) -> Context {
    let mut context = context::current();
    context.deadline = Instant::now() + limit.min(Duration::from_secs(DEADLINE_MAX_S));
    context
}

/// What comes of it within this time.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(limit, future).await.ok()
}
