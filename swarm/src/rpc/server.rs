//! Owns how one connection is served: what is asked is begun in the order in which it came. Never answers anything itself.

use std::future::{Future, poll_fn};
use std::pin::Pin;
#[cfg(any(feature = "admin", feature = "gateway"))]
use std::pin::pin;
use std::task::Poll;

#[cfg(any(feature = "admin", feature = "gateway"))]
use futures_core::Stream;
#[cfg(any(feature = "admin", feature = "gateway"))]
use tokio::task::JoinSet;

/// Answers one client until it goes, or says something that cannot be understood: its requests are what tarpc makes of its channel.
/// `heard` is called for each that comes.
#[cfg(any(feature = "admin", feature = "gateway"))]
pub(crate) async fn converse<A>(requests: impl Stream<Item = A>, heard: impl Fn())
where
    A: Future<Output = ()> + Send + 'static,
{
    let mut requests = pin!(requests);
    let mut answers = JoinSet::new();
    while let Some(answer) = poll_fn(|cx| requests.as_mut().poll_next(cx)).await {
        heard();
        while answers.try_join_next().is_some() {}
        // Begun here, one after the other, and not by tasks that run in any order: so what comes first is sent on first.
        let mut answer = Box::pin(answer);
        if poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await.is_pending() {
            answers.spawn(answer);
        }
    }
}

/// Ends with the first of the two.
pub(crate) async fn first(mut one: Pin<&mut impl Future<Output = ()>>, mut other: Pin<&mut impl Future<Output = ()>>) {
    poll_fn(|cx| match (one.as_mut().poll(cx), other.as_mut().poll(cx)) {
        (Poll::Pending, Poll::Pending) => Poll::Pending,
        (Poll::Ready(()), _) | (_, Poll::Ready(())) => Poll::Ready(()),
    })
    .await;
}
