//! Owns the requests of this node to directory owners until they are answered. Sans-IO. A request is out at one node at most: what
//! was done twice, and undone between, would be done. Never decides anything about a name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use swarm_net::node::NodeId;
use swarm_net::time::Instant;
use tokio::sync::oneshot;

use crate::directory::{Answer, Ask, Class, Refusal};
use crate::name::Name;
use crate::runtime::InHand;

/// How long a request that nobody could decide waits before it is sent again; a new view sends it at once.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// How a request ended, for the task that waits for it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The directory has answered.
    Answered(Answer),
    /// The deadline passed.
    TimedOut,
    /// The node stops.
    Stopping,
}

/// A request on its way.
pub(crate) struct Request {
    pub(crate) name: Name,
    pub(crate) ask: Ask,
    pub(crate) due: Instant,
    pub(crate) done: oneshot::Sender<Outcome>,
    #[expect(dead_code, reason = "it is there until the request is answered")]
    pub(crate) in_hand: InHand,
}

struct Open {
    request: Request,
    sent_to: Option<NodeId>,
    retry_at: Option<Instant>,
}

/// What is to be sent: request number, name, question.
pub(crate) type Outgoing = (u64, Name, Ask);

/// The open requests of one node.
#[derive(Default)]
pub(crate) struct Requests {
    next: u64,
    /// Boxed, since what stands beside it in a leaf is moved whenever one comes or goes.
    open: BTreeMap<u64, Box<Open>>,
    /// When to look at a request again: its deadline or its next attempt.
    clock: BTreeSet<(Instant, u64)>,
}

impl Requests {
    /// Numbers start at a random place, so that a restarted node does not repeat those of its predecessor.
    pub(crate) fn starting_at(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Takes a request; `None` if its deadline has passed already.
    pub(crate) fn take(&mut self, now: Instant, request: Request) -> Option<u64> {
        if request.due <= now {
            let _ = request.done.send(Outcome::TimedOut);
            return None;
        }
        self.next += 1;
        self.clock.insert((request.due, self.next));
        self.open.insert(self.next, Box::new(Open { request, sent_to: None, retry_at: None }));
        Some(self.next)
    }

    /// The name of an open request.
    pub(crate) fn name(&self, number: u64) -> Option<&Name> {
        self.open.get(&number).map(|open| &open.request.name)
    }

    /// Gives out a request for sending to `owner`, or notes that nobody is known to send it to.
    pub(crate) fn send(&mut self, now: Instant, number: u64, owner: Option<NodeId>) -> Option<Outgoing> {
        let open = self.open.get_mut(&number)?;
        open.sent_to = owner;
        if let Some(retry) = open.retry_at.take() {
            self.clock.remove(&(retry, number));
        }
        if owner.is_none() {
            Self::retry_later(&mut self.clock, open, number, now);
            return None;
        }
        Some((number, open.request.name.clone(), open.request.ask.clone()))
    }

    /// Takes an answer of whom it was sent to last. A request that nobody has decided stays open, and so does one that was refused
    /// only because its owner has not heard of this node yet: one that says that nobody can host a kind, when this node is `able` to.
    /// Says whether it wants sending at once, which it does if the `owner` is another by now.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        number: u64,
        (from, answer): (NodeId, Answer),
        owner: impl Fn(&Name) -> Option<NodeId>,
        able: impl Fn(&Class) -> bool,
    ) -> bool {
        let Some(open) = self.open.get_mut(&number).filter(|open| open.sent_to == Some(from)) else { return false };
        let nobody = matches!(answer, Answer::NoCapableNode | Answer::Refused(Refusal::NotAMember));
        let unheard_of = nobody && open.request.ask.class().is_some_and(able);
        if !unheard_of && !matches!(answer, Answer::NotOwner(_)) {
            self.close(number, Outcome::Answered(answer));
            return false;
        }
        open.sent_to = None;
        Self::retry_later(&mut self.clock, open, number, now);
        owner(&open.request.name).is_some_and(|owner| owner != from)
    }

    /// What was out at `node` may have been lost: it is nowhere now.
    pub(crate) fn lost(&mut self, node: NodeId) {
        self.only_at(|at| at != node);
    }

    /// What was out at others than these is nowhere now, also if it was sent after they were lost and before that was known.
    pub(crate) fn only_at(&mut self, there: impl Fn(NodeId) -> bool) {
        for open in self.open.values_mut() {
            open.sent_to = open.sent_to.filter(|at| there(*at));
        }
    }

    /// Those that are nowhere: they want sending. A new view sends only these, for who was the owner and is it no more says so, or is lost.
    pub(crate) fn unsent(&self) -> Vec<u64> {
        self.open.iter().filter(|(_, open)| open.sent_to.is_none()).map(|(number, _)| *number).collect()
    }

    /// Ends what is overdue and returns what wants sending again.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<u64> {
        let mut again = Vec::new();
        while let Some(&(at, number)) = self.clock.first() {
            if at > now {
                break;
            }
            self.clock.pop_first();
            let Some(open) = self.open.get_mut(&number) else { continue };
            if open.request.due <= now {
                self.close(number, Outcome::TimedOut);
            } else if open.retry_at.is_some_and(|retry| retry <= now) {
                open.retry_at = None;
                again.push(number);
            }
        }
        again
    }

    /// When [`Self::expire`] has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.clock.first().map(|(at, _)| *at)
    }

    /// Ends all of them.
    pub(crate) fn stop(&mut self) {
        self.clock.clear();
        for (_, open) in std::mem::take(&mut self.open) {
            let _ = open.request.done.send(Outcome::Stopping);
        }
    }

    fn retry_later(clock: &mut BTreeSet<(Instant, u64)>, open: &mut Open, number: u64, now: Instant) {
        let at = now + RETRY_AFTER;
        open.retry_at = Some(at);
        clock.insert((at, number));
    }

    fn close(&mut self, number: u64, outcome: Outcome) {
        if let Some(open) = self.open.remove(&number) {
            self.clock.remove(&(open.request.due, number));
            if let Some(retry) = open.retry_at {
                self.clock.remove(&(retry, number));
            }
            // A caller that has gone away does not mind.
            let _ = open.request.done.send(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use swarm_net::node::NodeId;

    use super::*;
    use crate::directory::Spec;
    use crate::worker::{Args, KindId};

    fn node(port: u16) -> NodeId {
        NodeId::new(([127, 0, 0, 1], port).into(), 7)
    }

    /// A registration that was sent to node 1, and how it ended.
    fn sent(now: Instant) -> (Requests, u64, oneshot::Receiver<Outcome>) {
        let (done, outcome) = oneshot::channel();
        let class = Class { kind: KindId(1), worker: "w".into(), schema: 0, local: true };
        let spec = Spec { class: Arc::new(class), args: Args::default() };
        let ask = Ask::Register(spec);
        let mut requests = Requests::default();
        let request =
            Request { name: "n".into(), ask, due: now + RETRY_AFTER * 10, done, in_hand: InHand::new(&Arc::default()) };
        let number = requests.take(now, request).expect("its deadline is ahead");
        assert!(requests.send(now, number, Some(node(1))).is_some());
        (requests, number, outcome)
    }

    #[test]
    fn an_owner_that_has_not_heard_of_this_node_is_asked_again() {
        for answer in [Answer::Refused(Refusal::NotAMember), Answer::NoCapableNode] {
            let now = Instant::START;
            let (mut requests, number, mut outcome) = sent(now);
            assert!(!requests.answered(
                now,
                number,
                (node(1), answer),
                |_| Some(node(1)),
                |class| class.kind == KindId(1)
            ));
            assert!(requests.expire(now).is_empty());
            assert_eq!(requests.expire(now + RETRY_AFTER), [number]);
            assert!(outcome.try_recv().is_err(), "nothing is decided yet");
        }
    }

    #[test]
    fn a_node_that_could_not_host_it_is_told_so_at_once() {
        let now = Instant::START;
        let (mut requests, number, mut outcome) = sent(now);
        requests.answered(now, number, (node(1), Answer::NoCapableNode), |_| Some(node(1)), |_| false);
        assert!(matches!(outcome.try_recv(), Ok(Outcome::Answered(Answer::NoCapableNode))));
    }

    /// Both could do it, the one long after the other, when it has been undone.
    #[test]
    fn nobody_else_is_asked_before_the_first_has_answered_or_is_lost() {
        let now = Instant::START;
        let (mut requests, number, mut outcome) = sent(now);
        assert_eq!(requests.unsent(), [0; 0], "whatever the view says");
        let not_mine = || Answer::NotOwner(Some(node(2)));
        assert!(requests.answered(now, number, (node(1), not_mine()), |_| Some(node(2)), |_| false), "at once");
        assert!(requests.send(now, number, Some(node(2))).is_some());
        assert_eq!(requests.expire(now + RETRY_AFTER), [0; 0], "it is out");
        requests.lost(node(1));
        assert_eq!(requests.unsent(), [0; 0]);
        requests.only_at(|at| at == node(2));
        assert_eq!(requests.unsent(), [0; 0]);
        requests.only_at(|at| at == node(3));
        assert_eq!(requests.unsent(), [number], "it is no member any more");
        assert!(requests.send(now, number, Some(node(3))).is_some());
        assert!(!requests.answered(now, number, (node(2), not_mine()), |_| Some(node(1)), |_| false), "too late");
        assert!(!requests.answered(now, number, (node(2), Answer::NoCapableNode), |_| Some(node(1)), |_| false));
        assert!(outcome.try_recv().is_err());
        requests.answered(now, number, (node(3), Answer::NoCapableNode), |_| Some(node(3)), |_| false);
        assert!(matches!(outcome.try_recv(), Ok(Outcome::Answered(Answer::NoCapableNode))));
    }
}
