//! Owns the last events of a node, numbered, for operators who ask from where they stopped reading. Never grows: the oldest go.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use swarm_net::member::Gone;
use swarm_net::time::Clock;
use tokio::sync::Notify;

use crate::admin::answer::{EventPage, EventRow, Happened};
use crate::event::{Event, Events};
use crate::runtime::Node;
use crate::runtime::inquiry::Lookup;

/// How many events are kept: a node that takes over a few thousand workers is still told from its beginning, and less than 1 MB.
const KEPT_MAX: usize = 4096;

/// How much of them is told to another node at once: the text of each is as long as others have made it.
const TOLD_BYTES_MAX: usize = 256 << 10;

/// No event is shorter as JSON.
const ROW_BYTES_MIN: usize = 48;

/// How much of a reason is told to another node.
const WHY_BYTES_MAX: usize = 512;

/// The last events of one node.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    kept: Mutex<Kept>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    /// The number of the next.
    next: u64,
    rows: VecDeque<EventRow>,
}

impl Diary {
    /// That of a node, which is written from now on if it was not before, until the node stops.
    pub(crate) fn of(node: &Arc<Node>) -> Arc<Self> {
        let begin = || {
            let diary = Arc::<Self>::default();
            node.runtime().spawn(write(node.clone(), diary.clone(), node.subscribers.subscribe()));
            diary
        };
        node.diary.get_or_init(begin).clone()
    }

    /// Something happened.
    pub(super) fn note(&self, event: Event) {
        let mut kept = self.lock();
        if kept.rows.len() == KEPT_MAX {
            kept.rows.pop_front();
        }
        let number = kept.next;
        kept.rows.push_back(EventRow { number, at_unix_ms: Clock::now().unix_ms, happened: happened(event) });
        kept.next += 1;
        drop(kept);
        self.added.notify_waiters();
    }

    /// Waits until there is something from this number on.
    pub(super) async fn until(&self, cursor: u64) {
        loop {
            // Made before the look, so that nothing that comes in between is missed.
            let added = self.added.notified();
            if self.lock().next > cursor {
                return;
            }
            added.await;
        }
    }

    /// The number of the next event.
    pub(super) fn next(&self) -> u64 {
        self.lock().next
    }

    /// So many of what is kept, from this number on.
    pub(super) fn page(&self, cursor: Option<u64>, count: usize) -> EventPage {
        let kept = self.lock();
        let first = kept.next - kept.rows.len() as u64;
        let cursor = cursor.unwrap_or(first).min(kept.next);
        let missed = first.saturating_sub(cursor);
        let skip = usize::try_from(cursor.max(first) - first).unwrap_or(usize::MAX);
        let events: Vec<_> = kept.rows.iter().skip(skip).take(count).cloned().collect();
        let next = events.last().map_or(cursor.max(first), |row| row.number + 1);
        EventPage { events, next, missed, more: next < kept.next }
    }

    /// What is kept from this number on, as another node is told it: a page as JSON, of about so many bytes, and of one event at least if there is
    /// any.
    pub(crate) fn look_on(&self, from: Option<u64>, bytes: usize) -> Vec<u8> {
        let bytes = bytes.min(TOLD_BYTES_MAX);
        let mut page = self.page(from, bytes / ROW_BYTES_MIN + 1);
        let mut left = bytes;
        let mut told = 0;
        for row in &mut page.events {
            clip(row);
            let size = serde_json::to_vec(row).map_or(0, |json| json.len());
            if size > left && told > 0 {
                break;
            }
            left = left.saturating_sub(size);
            told += 1;
        }
        if told < page.events.len() {
            page.next = page.events[told].number;
            page.events.truncate(told);
            page.more = true;
        }
        serde_json::to_vec(&page).unwrap_or_default()
    }

    /// The last of what is kept and wanted, as JSON, within a limit.
    pub(crate) fn look_up(&self, lookup: &Lookup) -> Vec<u8> {
        let since = Clock::now().unix_ms.saturating_sub(lookup.within_ms);
        let about = lookup.about.as_ref().map(|name| name.to_string());
        let wanted = |row: &&EventRow| about.is_none() || row.happened.name() == about.as_deref();
        let kept = self.lock();
        let late = kept.rows.iter().rev().take_while(|row| row.at_unix_ms >= since);
        let rows: Vec<EventRow> = late.filter(wanted).take(usize::from(lookup.count)).cloned().collect();
        drop(kept);
        let mut left = TOLD_BYTES_MAX;
        let text = |mut row: EventRow| {
            clip(&mut row);
            serde_json::to_string(&row).unwrap_or_default()
        };
        let fits = |row: &String| {
            let fits = row.len() <= left;
            left = left.saturating_sub(row.len());
            fits
        };
        let mut told: Vec<String> = rows.into_iter().map(text).take_while(fits).collect();
        told.reverse();
        format!("[{}]", told.join(",")).into_bytes()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves no more of its reason than is told.
fn clip(row: &mut EventRow) {
    if let Happened::Restarted { why, .. } | Happened::Ended { why, .. } = &mut row.happened {
        why.truncate(why.floor_char_boundary(WHY_BYTES_MAX));
    }
}

/// Writes down what happens, until the node stops.
async fn write(node: Arc<Node>, diary: Arc<Diary>, mut events: Events) {
    // A node that has stopped before these events were asked for closes nothing any more.
    while !node.is_stopped() {
        match events.next().await {
            Some(event) => diary.note(event),
            None => return,
        }
    }
}

impl Happened {
    /// The name that it is about, if it is about one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Started { name, .. }
            | Self::Moved { name, .. }
            | Self::Restarted { name, .. }
            | Self::FailedOver { name }
            | Self::Conflict { name }
            | Self::Ended { name, .. } => Some(name),
            Self::NodeUp { .. }
            | Self::NodeLeaving { .. }
            | Self::NodeDown { .. }
            | Self::QuorumGained
            | Self::QuorumLost
            | Self::Missed { .. }
            | Self::Unknown => None,
        }
    }
}

/// An event as it is told.
fn happened(event: Event) -> Happened {
    match event {
        Event::NodeUp(node) => Happened::NodeUp { node: node.to_string() },
        Event::NodeLeaving(node) => Happened::NodeLeaving { node: node.to_string() },
        Event::NodeDown(node, why) => Happened::NodeDown { node: node.to_string(), why: gone(why).to_owned() },
        Event::QuorumGained => Happened::QuorumGained,
        Event::QuorumLost => Happened::QuorumLost,
        Event::Started(name, at) => {
            Happened::Started { name: name.to_string(), kind: at.worker, epoch: at.epoch.to_string() }
        }
        Event::Moved { name, to } => Happened::Moved { name: name.to_string(), to: to.to_string() },
        Event::Restarted { name, why } => Happened::Restarted { name: name.to_string(), why },
        Event::FailedOver(name) => Happened::FailedOver { name: name.to_string() },
        Event::Conflict(name) => Happened::Conflict { name: name.to_string() },
        Event::Ended { name, why } => Happened::Ended { name: name.to_string(), why },
        Event::Missed(count) => Happened::Missed { count },
    }
}

fn gone(why: Gone) -> &'static str {
    match why {
        Gone::Left => "left",
        Gone::Silent => "silent",
        Gone::Refused => "refused",
        Gone::Replaced => "replaced",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diary(count: u64) -> Diary {
        let diary = Diary::default();
        (0..count).for_each(|n| diary.note(Event::Missed(n)));
        diary
    }

    fn numbers(page: &EventPage) -> Vec<u64> {
        page.events.iter().map(|row| row.number).collect()
    }

    #[test]
    fn each_page_goes_on_where_the_one_before_has_ended() {
        let diary = diary(5);
        let first = diary.page(None, 2);
        assert_eq!((numbers(&first), first.next, first.missed), (vec![0, 1], 2, 0));
        let rest = diary.page(Some(first.next), 100);
        assert_eq!((numbers(&rest), rest.next, rest.missed), (vec![2, 3, 4], 5, 0));
        let none = diary.page(Some(rest.next), 100);
        assert_eq!((numbers(&none), none.next, none.missed), (vec![], 5, 0));
    }

    #[test]
    fn what_is_kept_no_more_is_counted_as_missed() {
        let diary = diary(KEPT_MAX as u64 + 10);
        let page = diary.page(Some(3), 1);
        assert_eq!((numbers(&page), page.next, page.missed), (vec![10], 11, 7));
        assert_eq!(diary.page(None, 1).missed, 0, "nobody has asked for what is gone");
    }

    #[test]
    fn who_asks_for_what_is_not_yet_is_told_where_the_next_will_be() {
        let page = diary(3).page(Some(u64::MAX), 10);
        assert_eq!((numbers(&page), page.next), (vec![], 3));
    }

    #[test]
    fn another_node_is_told_the_last_and_no_more_than_fits() {
        let look_up = |diary: &Diary, about: Option<&str>, count| {
            let lookup = Lookup { about: about.map(crate::name::Name::from), within_ms: u64::MAX, count };
            serde_json::from_slice::<Vec<EventRow>>(&diary.look_up(&lookup)).expect("it is JSON")
        };
        let diary = diary(5);
        diary.note(Event::FailedOver("acct/1".into()));
        let told = |about, count| look_up(&diary, about, count).iter().map(|row| row.number).collect::<Vec<_>>();
        assert_eq!(told(None, 3), [3, 4, 5]);
        assert_eq!(told(Some("acct/1"), 3), [5]);
        assert!(told(Some("acct/2"), 3).is_empty());
        for _ in 0..1000 {
            diary.note(Event::Restarted { name: "\u{1}".repeat(1000).as_str().into(), why: "ü".repeat(10_000) });
        }
        let rows = look_up(&diary, None, 1000);
        assert!((10..100).contains(&rows.len()) && rows.last().is_some_and(|row| row.number == 1005), "{}", rows.len());
    }

    #[test]
    fn another_node_reads_on_page_by_page() {
        let look_on = |diary: &Diary, from, bytes| {
            serde_json::from_slice::<EventPage>(&diary.look_on(from, bytes)).expect("it is JSON")
        };
        let diary = diary(5);
        let one = look_on(&diary, None, 0);
        assert_eq!((numbers(&one), one.next, one.more), (vec![0], 1, true), "one at least");
        let rest = look_on(&diary, Some(one.next), 10_000);
        assert_eq!((numbers(&rest), rest.next, rest.more), (vec![1, 2, 3, 4], 5, false));
        let none = look_on(&diary, Some(u64::MAX), 10_000);
        assert_eq!((numbers(&none), none.next, none.more), (vec![], 5, false));
        for _ in 0..KEPT_MAX {
            diary.note(Event::Restarted { name: "\u{1}".repeat(1000).as_str().into(), why: "ü".repeat(10_000) });
        }
        let page = diary.look_on(Some(2), usize::MAX);
        assert!((TOLD_BYTES_MAX / 2..TOLD_BYTES_MAX + 1000).contains(&page.len()), "{}", page.len());
        let page: EventPage = serde_json::from_slice(&page).expect("it is JSON");
        assert_eq!((page.missed, page.events[0].number, page.more), (3, 5, true));
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_next() {
        let diary = std::sync::Arc::new(diary(3));
        let waiting = tokio::spawn({
            let diary = diary.clone();
            async move { diary.until(3).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        diary.note(Event::QuorumGained);
        waiting.await.expect("it does not panic");
    }
}
