//! Owns the control of a node: it feeds the directory and the open requests, one event at a time, and does what
//! they want done. Never runs user code and never waits for anything but its own queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use swarm_net::member::{Gone, MemberEvent, Profile, View};
use swarm_net::node::NodeId;
use swarm_net::ring::PartitionId;
use swarm_net::time::{Clock, Instant, Now};
use tokio::sync::oneshot;

use crate::call::frame::kind;
use crate::directory::{Action, Answer, Ask, Class, Directory, Event, Message, Notice, RequestId, Role};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::batch::{self, Outbox};
use crate::runtime::desk::Shift;
use crate::runtime::input::{BRIEF_WEIGHT_MAX, Input, Left, TURN_WEIGHT_MAX};
use crate::runtime::requests::Requests;
use crate::runtime::routing::Routing;

/// The longest sleep of the control thread; it then only looks at its clocks.
pub(crate) const SLEEP_MAX: Duration = Duration::from_secs(1);

/// How soon to look again whether a peer's queue has room for control messages.
const ROOM_WAIT: Duration = Duration::from_millis(1);

/// How many actions are kept room for between events: a change of the members causes thousands.
const ACTIONS_ROOM_KEPT: usize = 256;

/// How old the figures of the directory may be.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// Everything that only the control thread touches.
pub(crate) struct Control {
    node: Arc<Node>,
    inputs: Receiver<Input>,
    /// Comes before all of them: a brief turn has left it.
    next: Option<Input>,
    directory: Directory,
    requests: Requests,
    view: View,
    /// Who came or changed, or who went, since the view was last made known, in order. Empty between turns.
    met: Vec<MemberEvent>,
    routing: Routing,
    routing_changed: bool,
    actions: Vec<Action>,
    messages: BTreeMap<NodeId, Vec<(u16, Message)>>,
    asks: BTreeMap<NodeId, Vec<(u64, Name, Ask)>>,
    answers: BTreeMap<NodeId, Vec<(u64, Answer)>>,
    outbox: Outbox,
    leaving: Vec<oneshot::Sender<Left>>,
    /// Members that leave, and are to be told when this node sends no more calls by them.
    let_go: BTreeSet<NodeId>,
    left: Left,
    count_at: Instant,
    /// How many turns it has taken.
    turns: u64,
    /// The lease was over when it was to be extended.
    lapsed: bool,
}

impl Control {
    pub(crate) fn new(node: Arc<Node>, inputs: Receiver<Input>, directory: Directory, routing: Routing) -> Self {
        let first_request = node.id().boot() << 20;
        let view = View::from([(node.id(), node.member())]);
        Self {
            node,
            inputs,
            next: None,
            directory,
            requests: Requests::starting_at(first_request),
            view,
            met: Vec::new(),
            routing,
            routing_changed: false,
            actions: Vec::new(),
            messages: BTreeMap::new(),
            asks: BTreeMap::new(),
            answers: BTreeMap::new(),
            outbox: Outbox::default(),
            leaving: Vec::new(),
            let_go: BTreeSet::new(),
            left: Left::default(),
            count_at: Instant::START,
            turns: 0,
            lapsed: false,
        }
    }

    /// The partitions of which this node is the owner, and knows all.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn owned(&self) -> impl Iterator<Item = PartitionId> {
        self.directory.decided()
    }

    /// How many registrations of the past it remembers one by one.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn tombstones(&self) -> usize {
        self.directory.tombstones()
    }

    /// The most terms that it remembers for one partition.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn context_terms(&self) -> usize {
        self.directory.context_terms()
    }

    /// What comes before the first turn.
    pub(crate) fn begin(&mut self, now: Now) {
        self.view_changed(now);
        self.publish();
    }

    /// How long nothing is to be done unless an input comes.
    pub(crate) fn sleep(&self, now: Instant) -> Duration {
        let longest = if self.outbox.waits() { ROOM_WAIT } else { SLEEP_MAX };
        self.next_timeout().map_or(longest, |at| at.since(now)).min(longest)
    }

    /// Works off what waits, also what comes meanwhile, and does what is due. False at the end of the node.
    pub(crate) fn turn(&mut self, now: Now) -> bool {
        let (mut goes_on, mut weight) = (true, 0);
        while weight < TURN_WEIGHT_MAX
            && let Some(input) = self.next.take().or_else(|| self.inputs.try_recv().ok())
        {
            goes_on &= !matches!(input, Input::Stop);
            weight += input.weight();
            if !self.is_met_with_others(&input) {
                weight += self.meet(now);
            }
            self.take(now, input);
        }
        self.meet(now);
        self.timeouts(now);
        self.count(now.instant);
        self.send();
        goes_on
    }

    /// Works off what waits as far as it is small, and leaves what is due. False if something waits that must not.
    fn small_turn(&mut self, now: Now) -> bool {
        let mut weight = 0;
        while self.next.is_none()
            && weight < BRIEF_WEIGHT_MAX
            && let Ok(input) = self.inputs.try_recv()
        {
            weight += input.weight();
            if input.is_brief() {
                self.take(now, input);
            } else {
                self.next = Some(input);
            }
        }
        self.send();
        self.next.is_none() && weight < BRIEF_WEIGHT_MAX
    }

    fn next_timeout(&self) -> Option<Instant> {
        let next = [self.directory.next_timeout(), self.requests.next_timeout(), self.node.next_due()];
        next.into_iter().flatten().min()
    }

    fn take(&mut self, now: Now, input: Input) {
        match input {
            Input::Member(event) => self.member(now, event),
            Input::Stalled(late) => {
                tracing::warn!(node = %self.node.id(), ?late, "this process stood still: asking the others what goes on here");
                self.feed(now, Event::Stalled);
            }
            Input::Stranded(node, loss) => self.node.stranded(node, loss),
            Input::Reset(node) => {
                self.outbox.lost(node);
                self.feed(now, Event::Reset(node));
                self.requests.lost(node);
                for number in self.requests.unsent() {
                    self.ask(now, number);
                }
            }
            Input::Directory(from, arrived) => match batch::read::<Vec<(u16, Message)>>(&arrived.payload) {
                Some(batch) => {
                    let batch = batch.into_iter().map(|(p, message)| (PartitionId(p), message)).collect();
                    // Votes count from when they are read, which is after they were sent.
                    self.feed(Clock::now(), Event::Messages { from, batch });
                }
                None => self.node.could_not_read(from, "directory messages"),
            },
            Input::Asks(from, arrived) => match batch::read::<Vec<(u64, Name, Ask)>>(&arrived.payload) {
                Some(asks) => {
                    for (seq, name, ask) in asks {
                        self.feed(now, Event::Ask { from: RequestId { node: from, seq }, name, ask });
                    }
                }
                None => self.node.could_not_read(from, "requests"),
            },
            Input::Answers(from, arrived) => match batch::read::<Vec<(u64, Answer)>>(&arrived.payload) {
                Some(answers) => {
                    for (number, answer) in answers {
                        self.answered(now, number, (from, answer));
                    }
                }
                None => self.node.could_not_read(from, "answers"),
            },
            Input::Ask(request) => {
                // It may have been made after the turn has begun.
                let now = Clock::now();
                if let Some(number) = self.requests.take(now.instant, request) {
                    self.ask(now, number);
                }
            }
            Input::Wanted(name) => self.feed(now, Event::Wanted(name)),
            Input::Cell(name, epoch, happened) => self.feed(now, Event::Cell { name, epoch, happened }),
            Input::Leave(within, done) => {
                if self.leaving.is_empty() {
                    self.left.after = within;
                }
                self.leaving.push(done);
                // This node's own calls go elsewhere from now on, as its directory's do.
                if let Some(me) = self.view.get_mut(&self.node.id()) {
                    me.profile = Arc::new(Profile { leaving: true, ..Profile::clone(&me.profile) });
                }
                self.feed(now, Event::Leave { within });
                self.view_changed(now);
            }
            Input::LetGo(node, arrived) => {
                self.let_go.insert(node);
                drop(arrived);
                self.answer_leavers();
            }
            Input::Strained(tell) => {
                // Who has asked may have given up.
                let _ = tell.send(self.directory.strained(now));
            }
            Input::Rebalance => self.feed(now, Event::Rebalance),
            Input::Look | Input::Stop => {}
        }
    }

    /// Whether the view need not be made known before this.
    fn is_met_with_others(&self, input: &Input) -> bool {
        match (input, self.met.last()) {
            (Input::Member(MemberEvent::Up(_) | MemberEvent::Changed(_)), last) => !is_down(last),
            (Input::Member(MemberEvent::Down(..)), last) => last.is_none() || is_down(last),
            (_, last) => last.is_none(),
        }
    }

    /// Those who came or changed one right after the other are met at once, and so are those who went: membership reports
    /// many together, so that the ring turns once for all of them. Says what that weighs.
    fn meet(&mut self, now: Now) -> usize {
        if self.met.is_empty() {
            return 0;
        }
        self.view_changed(now);
        // Who hears of it finds the new view in place.
        self.publish();
        let met = std::mem::take(&mut self.met);
        for event in &met {
            if let MemberEvent::Down(node, _) = event {
                // Only now: who asks meanwhile is still in the view, and gets a pledge that ends here.
                self.node.pledges.gone(*node);
            }
        }
        self.answer_leavers();
        for event in &met {
            self.node.tell_member(event);
        }
        TURN_WEIGHT_MAX
    }

    fn member(&mut self, now: Now, event: MemberEvent) {
        match &event {
            MemberEvent::Up(member) | MemberEvent::Changed(member) => {
                self.view.insert(member.id, member.clone());
                self.met.push(event);
            }
            MemberEvent::Down(node, why) => {
                let (node, left) = (*node, *why == Gone::Left);
                let was_member = self.view.remove(&node).is_some();
                self.outbox.lost(node);
                self.node.gone(node);
                self.feed(now, if left { Event::Left(node) } else { Event::Down(node) });
                if was_member {
                    self.met.push(event);
                } else {
                    // Only the directory may have heard of it, from others.
                    self.node.pledges.gone(node);
                }
            }
            MemberEvent::Joined => {
                self.feed(now, Event::Joined);
                self.view_changed(now);
                self.publish();
                self.answer_leavers();
                self.node.tell_member(&event);
                self.node.joined();
            }
        }
    }

    /// Tells members that leave that nothing more comes, as soon as their leaving is known here.
    fn answer_leavers(&mut self) {
        self.publish();
        let node = &self.node;
        let leavers: Vec<NodeId> = self.let_go.extract_if(.., |leaver| !node.is_way(*leaver)).collect();
        if !leavers.is_empty() {
            // Who read the snapshot before it was published may still be sending by it.
            node.places.await_changes();
        }
        for leaver in leavers {
            node.hints.lost(leaver);
            node.send_control(leaver, kind::LET_GONE, [0; 24], &[]);
        }
    }

    fn view_changed(&mut self, now: Now) {
        let view = Arc::new(self.view.clone());
        let mut actions = std::mem::take(&mut self.actions);
        self.directory.handle(now, Event::View(view.clone()), &mut actions);
        // Calls go by the ring that the directory goes by, from before it has anything done.
        self.routing.set_view(view, self.directory.ring());
        self.routing_changed = true;
        self.perform_all(now, actions);
        let (me, view) = (self.node.id(), &self.view);
        self.requests.only_at(|at| at == me || view.contains_key(&at));
        for number in self.requests.unsent() {
            self.ask(now, number);
        }
    }

    /// Sends a request to the owner of its name, as this node sees it.
    fn ask(&mut self, now: Now, number: u64) {
        let owner = self
            .requests
            .name(number)
            .map(|name| self.routing.partition_of(name))
            .and_then(|partition| self.routing.owner(partition));
        let Some((seq, name, ask)) = self.requests.send(now.instant, number, owner) else { return };
        match owner {
            Some(owner) if owner != self.node.id() => self.asks.entry(owner).or_default().push((seq, name, ask)),
            Some(_) | None => {
                let from = RequestId { node: self.node.id(), seq };
                self.feed(now, Event::Ask { from, name, ask });
            }
        }
    }

    fn timeouts(&mut self, now: Now) {
        if self.directory.next_timeout().is_some_and(|at| at <= now.instant) {
            self.feed(now, Event::Timeout);
        }
        for number in self.requests.expire(now.instant) {
            self.ask(now, number);
        }
        self.node.expire(now.instant);
    }

    /// One mutation of the directory, then all that it wants done.
    fn feed(&mut self, now: Now, event: Event) {
        let mut actions = std::mem::take(&mut self.actions);
        self.directory.handle(now, event, &mut actions);
        self.perform_all(now, actions);
    }

    fn perform_all(&mut self, now: Now, mut actions: Vec<Action>) {
        for action in actions.drain(..) {
            self.perform(now, action);
        }
        actions.shrink_to(ACTIONS_ROOM_KEPT);
        self.actions = actions;
        if std::mem::take(&mut self.lapsed) {
            self.feed(now, Event::Lapsed);
        }
    }

    fn answered(&mut self, now: Now, number: u64, answer: (NodeId, Answer)) {
        let stays = self.leaving.is_empty() && self.node.config().weight > 0;
        let able = |class: &Class| {
            let known = self.node.kinds.get(class.kind);
            stays && known.is_some_and(|entry| entry.args.low() == class.schema)
        };
        let owner = |name: &Name| self.routing.owner(self.routing.partition_of(name));
        if self.requests.answered(now.instant, number, answer, owner, able) {
            self.ask(now, number);
        }
    }

    fn perform(&mut self, now: Now, action: Action) {
        match action {
            Action::Send { to, partition, message } => {
                self.messages.entry(to).or_default().push((partition.0, message));
            }
            Action::Answer { to, answer } if to.node == self.node.id() => self.answered(now, to.seq, (to.node, answer)),
            Action::Answer { to, answer } => self.answers.entry(to.node).or_default().push((to.seq, answer)),
            Action::Order { name, order } => self.node.order(name, order),
            Action::Route { name, to } => {
                // The snapshot must say who decides before calls are let go by it.
                self.publish();
                self.node.settle(&name, to);
            }
            Action::Role { partition, role } => {
                self.routing.set_mine(partition, role != Role::Idle);
                self.routing_changed = true;
            }
            Action::Lease(change) => self.lapsed |= !self.node.tenure(change),
            Action::Notice(notice) => {
                if let Notice::LeaveTimedOut { cells, .. } = notice {
                    self.left.workers = cells;
                }
                self.node.tell_notice(now.instant, notice);
            }
            Action::Drained => {
                for done in self.leaving.drain(..) {
                    // Whoever asked to leave may have given up waiting.
                    let _ = done.send(self.left);
                }
            }
        }
    }

    fn publish(&mut self) {
        if std::mem::take(&mut self.routing_changed) {
            self.node.set_routing(self.routing.clone());
        }
    }

    /// Sends what one turn has caused: a frame a peer and kind.
    fn send(&mut self) {
        self.publish();
        self.node.errands.launch(self.node.runtime(), &self.node.desk);
        self.outbox.add_all(kind::DIRECTORY, &mut self.messages, &self.view);
        self.outbox.add_all(kind::ASK, &mut self.asks, &self.view);
        self.outbox.add_all(kind::ANSWER, &mut self.answers, &self.view);
        for clogged in self.outbox.flush_all(&self.node) {
            // What waited for it is lost, as with a connection; that one is ended, if it is there.
            self.node.control(Input::Reset(clogged));
        }
    }

    /// Counting looks at every partition, so it is done only now and then.
    fn count(&mut self, now: Instant) {
        if now >= self.count_at {
            self.count_at = now + COUNT_EVERY;
            self.node.note_directory(&self.directory, self.requests.len(), self.turns);
        }
    }
}

impl Shift for Control {
    fn full_turn(&mut self) -> Option<Instant> {
        self.turns += 1;
        if !self.turn(Clock::now()) {
            self.requests.stop();
            return None;
        }
        let now = Clock::instant();
        Some(now + self.sleep(now))
    }

    fn brief_turn(&mut self) -> Option<Instant> {
        self.turns += 1;
        let now = Clock::now();
        self.small_turn(now).then(|| now.instant + self.sleep(now.instant))
    }
}

fn is_down(event: Option<&MemberEvent>) -> bool {
    matches!(event, Some(MemberEvent::Down(..)))
}
