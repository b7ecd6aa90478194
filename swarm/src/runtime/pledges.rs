//! Owns the pledges that this node has given: "nobody of this group is here, and you will be told before somebody is". Who
//! holds one does not ask this node what it asks that group. Never lets a worker count as come while somebody holds one that
//! the worker makes untrue.
//!
//! ```text
//! asker                                   this node
//!   SURVEY group ───────────────────────▶ nobody of it here: notes the asker, looks once more
//!   leaves it out from now on ◀────────── FINDINGS nobody
//!                                         a worker of the group comes: it is where surveys look,
//!                                         but is not yet reported as running, or as a member
//!   asks it again; also what it ◀──────── RECALL group, number
//!   asks the others at this moment
//!   RECALLED group, number ─────────────▶ now it is reported; so joins and registers are acknowledged
//! ```
//!
//! Hence whoever asks after a join was acknowledged asks the member's node, wherever he heard of it. There is no summary to
//! wait for, no clock to trust and nothing sent for groups that nobody asks: a pledge travels with an answer that was due
//! anyway, and costs one small frame each way when it ends.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rkyv::rancor::Error;
use swarm_net::node::NodeId;
use swarm_net::time::{Clock, Instant};
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::call::frame::{answer_head, kind, word};
use crate::hash::HashMap;
use crate::name::Name;
use crate::runtime::survey::Findings;
use crate::runtime::{Node, batch};
use crate::whom::Whom;
use crate::worker::Payload;

/// How many pledges one node may hold of this one: more groups than a program publishes to all the time, and less than 1 MB at
/// either end. For one more all of them are recalled by a single frame, so keys that nobody uses any more take no place.
pub(crate) const PLEDGES_MAX: usize = 1024;

/// How soon a holder is told again that has not answered. Frames are lost only with their connection, or where a queue was full.
const REMIND_EVERY: Duration = Duration::from_secs(1);

/// The pledges of one node.
#[derive(Default)]
pub(crate) struct Pledges(Mutex<Given>);

#[derive(Default)]
struct Given {
    /// Numbers the recalls.
    recalls: u64,
    groups: HashMap<Whom, Holders>,
    counts: BTreeMap<NodeId, usize>,
    /// When all were told once more that have not answered.
    reminded: Option<Instant>,
}

#[derive(Default)]
struct Holders {
    nodes: BTreeMap<NodeId, Pledge>,
    /// Who waits, while a recall is open. Dropped at its end, in order, which is what waiting ends by. (Those who wait for a watch
    /// are woken in no order, and a simulation has to repeat itself.)
    recall: Option<Vec<oneshot::Sender<()>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pledge {
    /// Not given yet: it is being looked whether anybody is here.
    Noted,
    /// Given.
    Given,
    /// No longer true. The holder has not said that it knows.
    Recalled(u64),
}

/// The wait until all who held a pledge know that it is over.
pub(crate) struct Recall(Vec<oneshot::Receiver<()>>);

impl Recall {
    /// There is nobody to wait for.
    pub(crate) fn is_over(&mut self) -> bool {
        self.0.retain_mut(|open| open.try_recv() == Err(TryRecvError::Empty));
        self.0.is_empty()
    }

    async fn over(&mut self) {
        while let Some(open) = self.0.last_mut() {
            // Nothing is ever sent: it ends when its sender is dropped.
            let _ = open.await;
            self.0.pop();
        }
    }
}

impl Pledges {
    /// Before it is looked whether anybody of a group is here: whoever comes from now on finds the note. Says whether there
    /// may be a pledge at all. `send` takes what has to be told to `holder`.
    pub(crate) fn note(&self, whom: &Whom, holder: NodeId, send: impl FnOnce(u64, &Whom)) -> bool {
        // Somebody is always there; and for the sake of programs that are no members nobody waits for a recall.
        if matches!(whom, Whom::Everyone | Whom::Public(_)) {
            return false;
        }
        let mut given = self.lock();
        match given.groups.get(whom).and_then(|holders| holders.nodes.get(&holder)) {
            Some(Pledge::Noted | Pledge::Given) => return true,
            Some(Pledge::Recalled(_)) => return false,
            None => {}
        }
        if given.counts.get(&holder).is_some_and(|count| *count >= PLEDGES_MAX) {
            given.recall_all(holder, send);
            return false;
        }
        *given.counts.entry(holder).or_default() += 1;
        given.groups.entry(whom.clone()).or_default().nodes.insert(holder, Pledge::Noted);
        true
    }

    /// Somebody is here after all.
    pub(crate) fn withdraw(&self, whom: &Whom, holder: NodeId) {
        let mut given = self.lock();
        if given.pledge(whom, holder) == Some(Pledge::Noted) {
            given.end(whom, holder);
        }
    }

    /// Nobody is here: `send` sends the pledge, unless somebody has come since the note. Its recall never overtakes it, for
    /// both are sent under the lock.
    pub(crate) fn give(&self, whom: &Whom, holder: NodeId, send: impl FnOnce()) -> bool {
        let mut given = self.lock();
        let pledge = given.groups.get_mut(whom).and_then(|holders| holders.nodes.get_mut(&holder));
        match pledge {
            Some(pledge @ (Pledge::Noted | Pledge::Given)) => {
                *pledge = Pledge::Given;
                send();
                true
            }
            Some(Pledge::Recalled(_)) | None => false,
        }
    }

    /// Somebody of these groups is here now, where every look finds it. `send` takes what has to be told to whom.
    pub(crate) fn recall<'a>(
        &self,
        groups: impl IntoIterator<Item = &'a Whom>,
        mut send: impl FnMut(NodeId, u64, &Whom),
    ) -> Recall {
        let mut given = self.lock();
        Recall(groups.into_iter().filter_map(|whom| given.recall(whom, &mut send)).collect())
    }

    /// A holder knows that a pledge is over, or with `Everyone` all that were recalled under this number.
    pub(crate) fn known(&self, holder: NodeId, number: u64, whom: &Whom) {
        let mut given = self.lock();
        if *whom == Whom::Everyone {
            given.end_where(|node, pledge| node == holder && pledge == Pledge::Recalled(number));
        } else if given.pledge(whom, holder) == Some(Pledge::Recalled(number)) {
            given.end(whom, holder);
        }
    }

    /// Tells those that have not answered once more.
    pub(crate) fn remind(&self, whom: impl Fn(NodeId) -> bool, mut send: impl FnMut(NodeId, u64, &Whom)) {
        for (group, holders) in &self.lock().groups {
            for (node, pledge) in &holders.nodes {
                match pledge {
                    Pledge::Recalled(number) if whom(*node) => send(*node, *number, group),
                    Pledge::Recalled(_) | Pledge::Noted | Pledge::Given => {}
                }
            }
        }
    }

    /// The same for all who hold one, on behalf of all who wait, however many these are: not more often than it helps.
    pub(crate) fn remind_all(&self, now: Instant, send: impl FnMut(NodeId, u64, &Whom)) {
        {
            let mut given = self.lock();
            if given.reminded.is_some_and(|at| now.since(at) < REMIND_EVERY) {
                return;
            }
            given.reminded = Some(now);
        }
        self.remind(|_| true, send);
    }

    /// A node is no member any more: its connection is cut, and it begins anew with the next.
    pub(crate) fn gone(&self, holder: NodeId) {
        self.lock().end_where(|node, _| node == holder);
    }

    /// Ends all of them.
    pub(crate) fn clear(&self) {
        *self.lock() = Given::default();
    }

    fn lock(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Given {
    fn pledge(&self, whom: &Whom, holder: NodeId) -> Option<Pledge> {
        self.groups.get(whom)?.nodes.get(&holder).copied()
    }

    fn recall(&mut self, whom: &Whom, send: &mut impl FnMut(NodeId, u64, &Whom)) -> Option<oneshot::Receiver<()>> {
        let Self { recalls, groups, counts, reminded: _ } = self;
        let Entry::Occupied(mut entry) = groups.entry(whom.clone()) else { return None };
        let Holders { nodes, recall } = entry.get_mut();
        nodes.retain(|node, pledge| match pledge {
            Pledge::Noted => {
                let_go(counts, *node);
                false
            }
            Pledge::Given => {
                *recalls += 1;
                *pledge = Pledge::Recalled(*recalls);
                send(*node, *recalls, whom);
                true
            }
            Pledge::Recalled(_) => true,
        });
        if nodes.is_empty() {
            entry.remove();
            return None;
        }
        let (ends, over) = oneshot::channel();
        let waiting = recall.get_or_insert_default();
        waiting.retain(|gone| !gone.is_closed());
        waiting.push(ends);
        Some(over)
    }

    fn recall_all(&mut self, holder: NodeId, send: impl FnOnce(u64, &Whom)) {
        let mut any = false;
        for holders in self.groups.values_mut() {
            if let Some(pledge @ Pledge::Given) = holders.nodes.get_mut(&holder) {
                *pledge = Pledge::Recalled(self.recalls + 1);
                holders.recall.get_or_insert_default();
                any = true;
            }
        }
        if any {
            self.recalls += 1;
            send(self.recalls, &Whom::Everyone);
        }
    }

    fn end(&mut self, whom: &Whom, holder: NodeId) {
        if let Entry::Occupied(mut entry) = self.groups.entry(whom.clone())
            && entry.get_mut().nodes.remove(&holder).is_some()
        {
            let_go(&mut self.counts, holder);
            if !entry.get_mut().waits() {
                entry.remove();
            }
        }
    }

    fn end_where(&mut self, over: impl Fn(NodeId, Pledge) -> bool) {
        let Self { groups, counts, .. } = self;
        groups.retain(|_, holders| {
            let ended = holders.nodes.extract_if(.., |node, pledge| over(*node, *pledge));
            ended.for_each(|(node, _)| let_go(counts, node));
            holders.waits()
        });
    }
}

impl Holders {
    /// Ends the wait for a recall that everybody knows of. Says whether there are any pledges left.
    fn waits(&mut self) -> bool {
        if !self.nodes.values().any(|pledge| matches!(pledge, Pledge::Recalled(_))) {
            self.recall = None;
        }
        !self.nodes.is_empty()
    }
}

fn let_go(counts: &mut BTreeMap<NodeId, usize>, holder: NodeId) {
    if let Some(count) = counts.get_mut(&holder) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&holder);
        }
    }
}

// --- what a node does with them

impl Node {
    /// Who of this node is meant by a survey of `to`; or `None`, after answering that nobody is, and will not be without
    /// `to` being told.
    pub(crate) fn meant_or_pledge(self: &Arc<Self>, to: NodeId, number: u64, whom: &Whom) -> Option<Vec<Name>> {
        let noted = to != self.id() && self.pledges.note(whom, to, |recall, all| self.send_recall(to, recall, all));
        let names = self.meant(whom);
        if !noted {
            return Some(names);
        }
        // Of a member it will be told when it is none any more; the view is older than that word or newer than it.
        let member = self.routing().view().contains_key(&to);
        let nobody = || self.findings(to, number, Findings { nobody: true, last: true, ..Findings::default() });
        if names.is_empty() && member && self.pledges.give(whom, to, nobody) {
            return None;
        }
        self.pledges.withdraw(whom, to);
        Some(names)
    }

    /// A worker of these groups has come, and every look finds it.
    pub(crate) fn recall_pledges<'a>(&self, groups: impl IntoIterator<Item = &'a Whom>) -> Recall {
        self.pledges.recall(groups, |holder, number, whom| self.send_recall(holder, number, whom))
    }

    /// Waits until all who held a pledge know that it is over. A member that does not answer for as long as a start may take
    /// reads nothing of what it is sent: then the others go on without it.
    pub(crate) async fn recalled(self: &Arc<Self>, mut recall: Recall) {
        let end = Clock::instant() + self.config().start_timeout();
        while self.within(REMIND_EVERY, recall.over()).await.is_none() {
            if Clock::instant() >= end {
                tracing::warn!(node = %self.id(), "a member did not confirm that it knows of a group's first worker here");
                return;
            }
            self.pledges.remind_all(Clock::instant(), |holder, number, whom| self.send_recall(holder, number, whom));
        }
    }

    /// Over a new connection the holder is told again what it may not have heard on the old one.
    pub(crate) fn remind_of_recalls(&self, holder: NodeId) {
        self.pledges.remind(|node| node == holder, |holder, number, whom| self.send_recall(holder, number, whom));
    }

    /// `by` has taken a pledge back.
    pub(crate) fn pledge_recalled(self: &Arc<Self>, by: NodeId, head: &[u8; 24], body: &[u8]) -> Option<()> {
        let whom = batch::read::<Whom>(&Payload::copy_of(body))?;
        self.surveys.recalled(self, by, &whom);
        self.send_control(by, kind::RECALLED, answer_head(word(head, 0), 0), body);
        Some(())
    }

    /// `by` knows that a pledge of this node is over.
    pub(crate) fn recall_known(&self, by: NodeId, head: &[u8; 24], body: &[u8]) -> Option<()> {
        self.pledges.known(by, word(head, 0), &batch::read::<Whom>(&Payload::copy_of(body))?);
        Some(())
    }

    fn send_recall(&self, holder: NodeId, number: u64, whom: &Whom) {
        match rkyv::to_bytes::<Error>(whom) {
            Ok(bytes) => self.send_control(holder, kind::RECALL, answer_head(number, 0), &bytes),
            Err(error) => tracing::error!(%error, "a group's name could not be encoded"),
        }
    }
}

#[cfg(test)]
mod tests;
