//! Owns the events of all nodes as one list, in the order of their times: what each node has written down, as far as an operator has not read
//! it. Never keeps who has read how far: who asks says so.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use swarm_net::node::NodeId;
use tokio::task::JoinSet;

use super::answer::{EventPage, EventRow, Refusal};
use super::ask::{Cursor, SinceEach};
use super::cluster::{ANSWER_MAX, Sight};
use super::diary::Diary;
use crate::runtime::inquiry::{Facts, Inquiry};

/// How many bytes of events all nodes together are asked for at once, so that they fit a frame.
const BYTES_MAX: usize = 1 << 20;

/// How many of these one node is asked for at least: some events of the longest names.
const NODE_BYTES_MIN: usize = 16 << 10;

/// How much longer an answer may be than was asked for: its one event, and the page around it.
const NODE_BYTES_OVER: usize = 16 << 10;

/// How often all nodes are asked while somebody waits for events. What this node hears of is looked for at once.
const LOOK: Duration = Duration::from_secs(1);

/// The same while a node is leaving: what it has not told when it goes is lost.
const LOOK_LEAVING: Duration = Duration::from_millis(100);

/// How many nodes that are no members any more are remembered: after a split one may be back with what it has written.
const GONE_MAX: usize = 1024;

/// What has happened on the nodes of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ClusterEvents {
    /// Those of one node are in the order in which they happened, and all of them in the order of their times by the nodes' clocks. What a node
    /// tells later than others, since it has joined or was silent, comes later.
    pub events: Vec<NodeEvent>,
    /// What to ask with next.
    pub cursors: Vec<Cursor>,
    /// There are more already.
    pub more: bool,
    /// The nodes that have kept some of what was asked for no more.
    pub missed: Vec<Missed>,
    /// The nodes that did not answer. Their events follow when they do; what a node has not told when it goes is lost.
    pub silent: Vec<String>,
    /// The nodes that write no events down, since they serve no operators and no dashboard.
    pub unwritten: Vec<String>,
}

/// An event, and which node saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NodeEvent {
    /// Which. (`node` is the one that it is about.)
    pub by: String,
    /// What, and when.
    #[serde(flatten)]
    pub row: EventRow,
}

/// Events that a node has kept no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Missed {
    /// Which node.
    pub node: String,
    /// How many.
    pub count: u64,
}

impl Sight {
    /// What has happened since; if it is nothing, what happens next. `diary` is this node's own.
    pub(super) async fn events(&self, diary: &Diary, mut ask: SinceEach) -> Result<ClusterEvents, Refusal> {
        let only = ask.node.as_deref().map(|node| self.find(node)).transpose()?;
        let limit = self.limit.saturating_sub(ANSWER_MAX);
        let end = self.node.now() + limit.min(Duration::from_millis(ask.wait_ms));
        loop {
            let told = self.since(only, &ask).await?;
            let left = end.since(self.node.now());
            if !told.events.is_empty() || !told.missed.is_empty() || left.is_zero() {
                return Ok(told);
            }
            ask.cursors = told.cursors;
            let leaving = self.view().values().any(|member| member.profile.leaving);
            let pause = if leaving { LOOK_LEAVING } else { LOOK };
            let here = self.node.id().to_string();
            let next = ask.cursors.iter().find(|cursor| cursor.node == here).map_or(u64::MAX, |cursor| cursor.next);
            // Whether it is time, or something has happened here, which may have elsewhere as well: all are asked again.
            let _ = self.node.within(pause.min(left), diary.until(next)).await;
        }
    }

    /// What all nodes, or the one that is wanted, have written down since.
    async fn since(&self, only: Option<NodeId>, ask: &SinceEach) -> Result<ClusterEvents, Refusal> {
        let all: Vec<NodeId> =
            self.view().keys().copied().filter(|node| only.is_none_or(|only| only == *node)).collect();
        let mut cursors: BTreeMap<&str, u64> =
            ask.cursors.iter().map(|cursor| (cursor.node.as_str(), cursor.next)).collect();
        let bytes = (BYTES_MAX / all.len().max(1)).max(NODE_BYTES_MIN);
        let mut asked = JoinSet::new();
        for node in &all {
            let from = cursors.get(node.to_string().as_str()).copied().or(ask.from);
            asked.spawn(self.clone().page(*node, from, bytes));
        }
        let mut events = ClusterEvents::default();
        let mut pages = Vec::new();
        for (node, told) in asked.join_all().await {
            let node = node.to_string();
            match told? {
                Some(Some(page)) => {
                    if page.missed > 0 {
                        events.missed.push(Missed { node: node.clone(), count: page.missed });
                    }
                    pages.push(Source { node, rows: page.events.into(), next: page.next, more: page.more });
                }
                Some(None) => events.unwritten.push(node),
                None => events.silent.push(node),
            }
        }
        pages.sort_by(|a, b| a.node.cmp(&b.node));
        let count = usize::try_from(ask.count).ok().filter(|count| *count > 0).unwrap_or(usize::MAX);
        (events.events, events.more) = merge(&mut pages, count);
        for page in &pages {
            cursors.remove(page.node.as_str());
        }
        // Those of the silent are kept, and of others as many as there may be.
        let members: Vec<String> = all.iter().map(NodeId::to_string).collect();
        let (kept, gone): (Vec<_>, Vec<_>) =
            cursors.into_iter().partition(|(node, _)| members.iter().any(|id| id == node));
        let kept = kept.into_iter().chain(gone.into_iter().take(GONE_MAX));
        let kept = kept.map(|(node, next)| Cursor { node: node.to_owned(), next });
        events.cursors = pages.iter().map(Source::cursor).chain(kept).collect();
        Ok(events)
    }

    /// What one node tells: nothing if it is silent, and nothing in it if it writes nothing down.
    async fn page(
        self,
        node: NodeId,
        from: Option<u64>,
        bytes: usize,
    ) -> (NodeId, Result<Option<Option<EventPage>>, Refusal>) {
        let inquiry = Inquiry::Events(from, u32::try_from(bytes).unwrap_or(u32::MAX));
        let told = self.inquire([node].into(), inquiry).await;
        let read = |json: Vec<u8>| {
            // What is longer than was asked for, or no page at all, is no answer.
            let fits = json.len() <= bytes + NODE_BYTES_OVER;
            fits.then(|| serde_json::from_slice::<EventPage>(&json).ok()).flatten().map(Some)
        };
        let page = told.map(|mut told| match told.remove(&node).and_then(Facts::events)? {
            Some(json) => read(json),
            None => Some(None),
        });
        (node, page)
    }
}

/// What one node has told, as far as it has not been taken.
#[derive(Debug, Default)]
struct Source {
    node: String,
    rows: VecDeque<EventRow>,
    /// What to ask it for when all of them are taken.
    next: u64,
    /// It has more than these.
    more: bool,
}

impl Source {
    fn cursor(&self) -> Cursor {
        let next = self.rows.front().map_or(self.next, |row| row.number);
        Cursor { node: self.node.clone(), next }
    }
}

/// So many of what all have told, in the order of its times, and whether there is more. It ends where the next of a node is not known: that may be
/// older than what others have told.
fn merge(sources: &mut [Source], count: usize) -> (Vec<NodeEvent>, bool) {
    let first = |(at, source): (usize, &Source)| Some(Reverse((source.rows.front()?.at_unix_ms, at)));
    let mut heads: BinaryHeap<_> = sources.iter().enumerate().filter_map(first).collect();
    let mut merged = Vec::new();
    while merged.len() < count
        && let Some(Reverse((_, at))) = heads.pop()
    {
        let source = &mut sources[at];
        let Some(row) = source.rows.pop_front() else { continue };
        merged.push(NodeEvent { by: source.node.clone(), row });
        match source.rows.front() {
            Some(next) => heads.push(Reverse((next.at_unix_ms, at))),
            None if source.more => break,
            None => {}
        }
    }
    let more = sources.iter().any(|source| source.more || !source.rows.is_empty());
    (merged, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::answer::Happened;

    /// A node that has told of events at these times, numbered from 10 on.
    fn source(node: &str, times: &[u64], more: bool) -> Source {
        let row = |(number, at_unix_ms): (u64, &u64)| EventRow {
            number,
            at_unix_ms: *at_unix_ms,
            happened: Happened::QuorumLost,
        };
        let rows: VecDeque<_> = (10..).zip(times).map(row).collect();
        Source { node: node.to_owned(), next: 10 + rows.len() as u64, rows, more }
    }

    fn taken(sources: &mut [Source], count: usize) -> (String, bool, Vec<u64>) {
        let (events, more) = merge(sources, count);
        let text = events.iter().map(|event| format!("{}{}", event.by, event.row.at_unix_ms));
        (text.collect::<Vec<_>>().join(" "), more, sources.iter().map(|source| source.cursor().next).collect())
    }

    #[test]
    fn all_are_in_the_order_of_their_times_and_those_of_a_node_as_they_happened() {
        let mut sources = [source("a", &[1, 4, 9], false), source("b", &[2, 3], false), source("c", &[], false)];
        assert_eq!(taken(&mut sources, 99), ("a1 b2 b3 a4 a9".to_owned(), false, vec![13, 12, 10]));
        // A clock that was set back.
        let mut sources = [source("a", &[7, 1, 8], false), source("b", &[5, 7], false)];
        assert_eq!(taken(&mut sources, 99), ("b5 a7 a1 b7 a8".to_owned(), false, vec![13, 12]));
    }

    #[test]
    fn what_may_be_younger_than_what_is_not_told_yet_waits() {
        let mut sources = [source("a", &[1, 2], true), source("b", &[1, 5], false)];
        assert_eq!(taken(&mut sources, 99), ("a1 b1 a2".to_owned(), true, vec![12, 11]));
        let mut sources = [source("a", &[1, 2], false), source("b", &[3], false)];
        assert_eq!(taken(&mut sources, 2), ("a1 a2".to_owned(), true, vec![12, 10]));
    }

    #[test]
    fn an_event_says_who_saw_it_and_whom_it_is_about() {
        let happened = Happened::NodeUp { node: "b".to_owned() };
        let event = NodeEvent { by: "a".to_owned(), row: EventRow { number: 7, at_unix_ms: 1, happened } };
        let json = serde_json::json!({"by": "a", "number": 7, "at_unix_ms": 1, "event": "node_up", "node": "b"});
        assert_eq!(serde_json::to_value(&event).expect("it is data"), json);
        assert_eq!(serde_json::from_value::<NodeEvent>(json).expect("it is one"), event);
    }
}
