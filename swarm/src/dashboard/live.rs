//! Owns what is shown as it happens: it looks at the cluster while somebody watches, and tells all who do. Never keeps more for who reads
//! slowly than for others: what is old is lost to him, and he is shown the whole.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use futures_core::Stream;
use swarm_net::member::View;
use swarm_net::node::NodeId;
use swarm_net::ring::{PartitionId, Ring};
use swarm_net::time::Clock;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, OwnedSemaphorePermit, broadcast};

use super::hall::Hall;
use super::scene::{Change, Scene, Seen};
use super::sessions::Pass;
use crate::admin::{EventRow, Sight};
use crate::rpc::first;
use crate::runtime::Node;
use crate::runtime::inquiry::{Facts, Inquiry, Lookup};
use crate::worker::Host as _;

/// How often the ring and the members are looked at, which costs two comparisons if nothing has changed.
const GLANCE: Duration = Duration::from_millis(200);

/// How often all nodes are asked how they are, and what has happened.
const ROUND: Duration = Duration::from_secs(1);

/// How long they have to say it. Who needs longer is shown as silent.
const ANSWER_MAX: Duration = Duration::from_millis(1500);

/// How far back a node's events are asked for: what happened while the last answer was on its way is not lost.
const BACK_MS: u64 = 5_000;

/// How many events all nodes together may tell in one round.
const EVENTS_MAX: usize = 1024;

/// How many changes wait for who reads slowly.
const BEHIND_MAX: usize = 16;

/// What is shown, and who is told.
pub(super) struct Live {
    node: Arc<Node>,
    scene: Mutex<Scene>,
    /// `None` is the end.
    told: broadcast::Sender<Option<Bytes>>,
    wanted: Notify,
}

type Look = (Arc<Ring>, Arc<View>);

impl Live {
    pub(super) fn new(node: &Arc<Node>, cluster: &str, changes: bool) -> Self {
        let scene = Scene::new(cluster.to_owned(), node.id().to_string(), changes);
        Self {
            node: node.clone(),
            scene: Mutex::new(scene),
            told: broadcast::Sender::new(BEHIND_MAX),
            wanted: Notify::new(),
        }
    }

    /// Looks at the cluster while somebody watches. Never ends.
    pub(super) async fn watch(&self) {
        first(pin!(self.glances()), pin!(self.rounds())).await;
    }

    async fn glances(&self) {
        let mut last: Option<Look> = None;
        loop {
            self.somebody().await;
            self.glance(&mut last);
            self.node.timers().delay(GLANCE).await;
        }
    }

    async fn rounds(&self) {
        // Nobody has watched the round before this one.
        let mut fresh = false;
        loop {
            fresh &= self.told.receiver_count() > 0;
            self.somebody().await;
            let began = self.node.now();
            self.round(fresh).await;
            fresh = true;
            self.node.timers().delay(ROUND.saturating_sub(self.node.now().since(began))).await;
        }
    }

    /// Waits until somebody watches.
    async fn somebody(&self) {
        loop {
            // Made before the look, so that nobody is missed who comes in between.
            let wanted = self.wanted.notified();
            if self.told.receiver_count() > 0 {
                return;
            }
            wanted.await;
        }
    }

    /// Tells what has changed of the members and the ring, if it is another than the last.
    fn glance(&self, last: &mut Option<Look>) {
        let routing = self.node.routing();
        let now = (routing.ring().clone(), routing.view().clone());
        let same = |last: &Look| Arc::ptr_eq(&last.0, &now.0) && Arc::ptr_eq(&last.1, &now.1);
        if !last.as_ref().is_some_and(same) {
            let mut scene = self.lock();
            let change = look(&mut scene, &now);
            self.tell(&scene, &change);
            *last = Some(now);
        }
    }

    /// Asks all nodes, and tells what is new.
    async fn round(&self, fresh: bool) {
        let sight = Sight::new(self.node.clone(), ANSWER_MAX);
        let all: BTreeSet<NodeId> = sight.view().keys().copied().collect();
        let count = u16::try_from((EVENTS_MAX / all.len().max(1)).max(8)).unwrap_or(u16::MAX);
        let lookup = Lookup { about: None, within_ms: if fresh { BACK_MS } else { u64::MAX }, count };
        let asked = sight.nodes();
        let written = sight.inquire(all, Inquiry::Diary(lookup));
        // Both on their way at once.
        let (nodes, told) = both(asked, written).await;
        let told = told.into_iter().flatten().map(|(node, facts)| (node.to_string(), events(facts)));
        let told = told.collect();
        let mut scene = self.lock();
        let mut change = Change::default();
        if let Ok(nodes) = nodes {
            scene.measure(&nodes.nodes, self.node.now(), Clock::now().unix_ms, &mut change);
        }
        scene.hear(told, fresh, &mut change);
        self.tell(&scene, &change);
    }

    /// Tells all who watch. With the scene locked, so that who comes is told no change that is in the whole already.
    fn tell(&self, scene: &Scene, change: &Change) {
        let frame = match change.anew {
            true => frame("whole", &scene.whole()),
            false => frame("change", &serde_json::to_string(change).unwrap_or_default()),
        };
        // Nobody may be there.
        let _ = self.told.send(Some(frame));
    }

    /// There is no more to tell.
    pub(super) fn end(&self) {
        let _ = self.told.send(None);
    }

    /// The whole, and what changes from then on.
    fn join(&self) -> (Bytes, Told) {
        let mut scene = self.lock();
        let told = self.told.subscribe();
        let routing = self.node.routing();
        let change = look(&mut scene, &(routing.ring().clone(), routing.view().clone()));
        if !change.nodes.is_empty() || !change.gone.is_empty() || !change.owners.is_empty() || change.anew {
            self.tell(&scene, &change);
        }
        // What was told to the others is in the whole as well.
        let told = if told.is_empty() { told } else { self.told.subscribe() };
        let whole = frame("whole", &scene.whole());
        drop(scene);
        self.wanted.notify_waiters();
        (whole, told)
    }

    fn lock(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has changed of the members and the ring.
fn look(scene: &mut Scene, (ring, view): &Look) -> Change {
    let member = |(id, member): (&NodeId, &swarm_net::member::Member)| Seen {
        node: id.to_string(),
        leaving: member.profile.leaving,
        weight: member.profile.weight,
    };
    let members: Vec<Seen> = view.iter().map(member).collect();
    let partitions = (0..ring.partitions()).map_while(|partition| u16::try_from(partition).ok());
    let owners = partitions.map(|partition| ring.owner(PartitionId(partition)).map(|owner| owner.to_string()));
    let owners: Vec<_> = owners.collect();
    scene.see(&members, &owners)
}

/// Both, at once.
async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(cx)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(cx)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

/// The events that a node has told.
pub(super) fn events(facts: Facts) -> Vec<EventRow> {
    facts.diary().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

/// An event of a stream of events. JSON has no line breaks in it.
fn frame(event: &str, json: &str) -> Bytes {
    format!("event: {event}\ndata: {json}\n\n").into()
}

type Told = broadcast::Receiver<Option<Bytes>>;
type Next = Pin<Box<dyn Future<Output = (Told, Result<Option<Bytes>, RecvError>)> + Send>>;

/// Where somebody is in what is told.
struct Reader {
    /// What comes before all else.
    whole: Option<Bytes>,
    next: Next,
}

impl Reader {
    fn new((whole, told): (Bytes, Told)) -> Self {
        Self { whole: Some(whole), next: next(told) }
    }

    /// What is next. Who is too far behind is shown the whole, and what changes from then on.
    fn poll(&mut self, join: impl FnOnce() -> (Bytes, Told), cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(whole) = self.whole.take() {
            return Poll::Ready(Some(whole));
        }
        let (told, frame) = ready!(self.next.as_mut().poll(cx));
        let frame = match frame {
            Ok(frame) => {
                self.next = next(told);
                frame
            }
            Err(RecvError::Lagged(_)) => {
                let (whole, told) = join();
                self.next = next(told);
                Some(whole)
            }
            Err(RecvError::Closed) => None,
        };
        Poll::Ready(frame)
    }
}

fn next(mut told: Told) -> Next {
    Box::pin(async move {
        let frame = told.recv().await;
        (told, frame)
    })
}

/// What one browser is told, until it goes, is logged out, or the node stops.
pub(super) struct Feed {
    hall: Arc<Hall>,
    pass: Option<Pass>,
    reader: Reader,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    pub(super) fn new(hall: Arc<Hall>, pass: Option<Pass>, place: OwnedSemaphorePermit) -> Self {
        let reader = Reader::new(hall.live.join());
        Self { hall, pass, reader, _place: place }
    }
}

impl Stream for Feed {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let frame = ready!(this.reader.poll(|| this.hall.live.join(), cx));
        Poll::Ready(frame.filter(|_| this.hall.admits(this.pass)).map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(reader: &mut Reader, told: &broadcast::Sender<Option<Bytes>>) -> Option<Bytes> {
        std::future::poll_fn(|cx| reader.poll(|| ("whole".into(), told.subscribe()), cx)).await
    }

    #[tokio::test]
    async fn who_is_behind_is_shown_the_whole_and_what_comes_then() {
        let told = broadcast::Sender::<Option<Bytes>>::new(BEHIND_MAX);
        let mut reader = Reader::new(("first".into(), told.subscribe()));
        let tell = |text: &'static str| drop(told.send(Some(text.into())));
        assert_eq!(read(&mut reader, &told).await, Some("first".into()));
        (0..BEHIND_MAX).for_each(|_| tell("change"));
        for _ in 0..BEHIND_MAX {
            assert_eq!(read(&mut reader, &told).await, Some("change".into()));
        }
        (0..100 * BEHIND_MAX).for_each(|_| tell("lost"));
        assert_eq!(read(&mut reader, &told).await, Some("whole".into()));
        tell("new");
        assert_eq!(read(&mut reader, &told).await, Some("new".into()));
        drop(told.send(None));
        assert_eq!(read(&mut reader, &told).await, None);
    }
}
