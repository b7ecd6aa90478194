//! Owns lists of workers that are read page by page, for clusters whose list does not fit into memory or one answer.
//! Never holds more than one page.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::error::{Location, RegistryError};
use crate::name::Name;
use crate::via::{Reach, Reached, Via, reached};
use crate::whom::{PART_MAX, Whom};

/// One page, and the last name on it if there may be more.
type Page = (Vec<(Name, Location)>, Option<Name>);
type Turning = Pin<Box<dyn Future<Output = Result<Page, RegistryError>> + Send>>;

/// Registered names, page by page, in their order: what [`registered_pages`](crate::registered_pages) and
/// [`Crew::members_pages`](crate::Crew::members_pages) give. A `Stream`, and it can be read by [`Pages::next`].
///
/// Every page is asked of all nodes that may have some when it is wanted, so the whole is no snapshot: a name that is
/// registered meanwhile is on it if it comes later in the order; one that stays registered is there once. After an error
/// the same page can be asked for again.
///
/// ```no_run
/// # async fn example() -> Result<(), swarm::RegistryError> {
/// let mut pages = swarm::registered_pages().size(500);
/// while let Some(page) = pages.next().await {
///     for (name, location) in page? {
///         println!("{name}: {location}");
///     }
/// }
/// # Ok(()) }
/// ```
#[must_use = "pages are read by `.next().await`, or as a stream"]
pub struct Pages {
    on: Option<Via>,
    whom: Whom,
    size: usize,
    timeout: Option<Duration>,
    state: State,
}

enum State {
    /// The page after this name is next.
    After(Option<Name>),
    /// The page after this name is asked for.
    Turning(Option<Name>, Turning),
    /// That was the last.
    End,
}

impl Pages {
    pub(crate) fn new(on: Option<Via>, whom: Whom) -> Self {
        Self { on, whom, size: PART_MAX, timeout: None, state: State::After(None) }
    }

    /// How many names a page has, from 1 to 4,096 (the default). The last may have fewer, and any while workers move.
    pub fn size(mut self, names: usize) -> Self {
        self.size = names.clamp(1, PART_MAX);
        self
    }

    /// Each page must come within `limit` (default 5 s).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Asks through `swarm`, a node or a connection to a cluster, instead of [`Swarm::current`](crate::Swarm::current).
    pub fn on(mut self, swarm: &impl Reach) -> Self {
        self.on = Some(swarm.via());
        self
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// If a node did not answer in time, or there is none to ask.
    pub async fn next(&mut self) -> Option<<Self as Stream>::Item> {
        poll_fn(|cx| self.poll_page(cx)).await
    }

    fn poll_page(&mut self, cx: &mut Context<'_>) -> Poll<Option<<Self as Stream>::Item>> {
        loop {
            let (after, mut turning) = match std::mem::replace(&mut self.state, State::End) {
                State::End => return Poll::Ready(None),
                State::Turning(after, turning) => (after, turning),
                State::After(after) => {
                    let Some(reached) = reached(self.on.as_ref()) else {
                        self.state = State::After(after);
                        return Poll::Ready(Some(Err(RegistryError::NoSwarm)));
                    };
                    let turning = self.turn(reached, after.clone());
                    (after, turning)
                }
            };
            match turning.as_mut().poll(cx) {
                Poll::Pending => {
                    self.state = State::Turning(after, turning);
                    return Poll::Pending;
                }
                Poll::Ready(Err(error)) => {
                    self.state = State::After(after);
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Ok((page, more))) => {
                    self.state = more.map_or(State::End, |last| State::After(Some(last)));
                    if !page.is_empty() {
                        return Poll::Ready(Some(Ok(page)));
                    }
                }
            }
        }
    }

    fn turn(&self, reached: Reached, after: Option<Name>) -> Turning {
        let limit = self.timeout.unwrap_or_else(|| reached.call_timeout());
        Box::pin(reached.page(self.whom.clone(), after, self.size, limit))
    }
}

impl Stream for Pages {
    type Item = Result<Vec<(Name, Location)>, RegistryError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_page(cx)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("size", &self.size).finish_non_exhaustive()
    }
}
