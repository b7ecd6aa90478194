//! Models of threads that meet at one slot: loom tries every order in which they may do so. The slots are those of
//! production, though fewer.

use std::sync::atomic::{AtomicUsize as Count, Ordering as Order};
use std::task::Wake;
use std::time::Duration;

use loom::thread;

use super::*;

const DUE: Instant = Instant::from_nanos(1_000);

fn me() -> NodeId {
    NodeId::new(([127, 0, 0, 1], 1).into(), 1)
}

fn waiting(place: Place) -> Waiting {
    Waiting { name: "x".into(), deadline: Deadline::new(DUE, Duration::from_secs(1)), place }
}

/// The table, and a call that was sent to another node.
fn sent() -> (Arc<Pending>, Ticket) {
    let pending = Arc::new(Pending::new(2, |_| {}));
    let ticket = pending.take(waiting(Place::Sent { peer: me(), frame: 1 })).expect("there is room");
    (pending, ticket)
}

fn reply() -> Result<Answer, CallError> {
    Ok(Answer::Payload(Payload::copy_of(&[1])))
}

/// A thread that answers a call, and says whether that was waited for.
fn answer(pending: &Arc<Pending>, request: RequestId) -> thread::JoinHandle<bool> {
    let pending = pending.clone();
    thread::spawn(move || pending.complete_away(request, reply()))
}

/// Ends the calls that were sent to a node, as its loss does.
fn lose(pending: &Pending) -> bool {
    pending.fail_where(|waiting| {
        Some(CallError::NodeDown { name: waiting.name.clone(), node: me(), executed: Executed::Maybe })
    }) > 0
}

fn expire(pending: &Pending) -> bool {
    pending.expire(DUE, me(), |_| Executed::Maybe) > 0
}

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(Count);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Order::Relaxed);
    }
}

fn poll(ticket: &mut Ticket, bell: &Arc<Bell>) -> Poll<Result<Answer, CallError>> {
    Pin::new(ticket).poll(&mut Context::from_waker(&Waker::from(bell.clone())))
}

#[test]
fn an_answer_the_deadline_and_a_loss_end_a_call_once() {
    loom::model(|| {
        let (pending, mut ticket) = sent();
        let request = ticket.request();
        let answering = answer(&pending, request);
        let losing = thread::spawn({
            let pending = pending.clone();
            move || lose(&pending)
        });
        let expired = expire(&pending);
        let (answered, lost) = (answering.join().expect("it ends"), losing.join().expect("it ends"));
        let told = match poll(&mut ticket, &Arc::default()) {
            Poll::Ready(Ok(_)) => (true, false, false),
            Poll::Ready(Err(CallError::NodeDown { .. })) => (false, true, false),
            Poll::Ready(Err(CallError::Timeout { .. })) => (false, false, true),
            other => panic!("{:?}", other.is_pending()),
        };
        assert_eq!(told, (answered, lost, expired));
        assert!(!pending.is_waited_on());
    });
}

#[test]
fn who_waits_is_woken_or_finds_the_answer() {
    loom::model(|| {
        let (pending, mut ticket) = sent();
        let request = ticket.request();
        let answering = answer(&pending, request);
        let bell = Arc::new(Bell::default());
        let pending_still = poll(&mut ticket, &bell).is_pending();
        assert!(answering.join().expect("it ends"));
        assert_eq!(bell.0.load(Order::Relaxed), usize::from(pending_still));
        assert!(!pending_still || poll(&mut ticket, &bell).is_ready());
    });
}

/// A slot passes on to the next call while the answer to the last one comes twice, and late.
#[test]
fn who_has_a_slot_next_is_neither_answered_nor_forgotten() {
    loom::model(|| {
        let (pending, mut ticket) = sent();
        let request = ticket.request();
        let answering = answer(&pending, request);
        let again = thread::spawn({
            let pending = pending.clone();
            move || {
                let _ready = poll(&mut ticket, &Arc::default());
                drop(ticket);
                pending.take(waiting(Place::Sent { peer: me(), frame: 2 })).expect("there is room")
            }
        });
        answering.join().expect("it ends");
        let mut next = again.join().expect("it ends");
        assert!(poll(&mut next, &Arc::default()).is_pending(), "the answer was not for it");
        assert!(pending.is_waited_on());
        assert_eq!(pending.next_due(), Some(DUE));
        assert!(expire(&pending), "its deadline is known");
    });
}

/// A call is taken while the table is looked through for what is due.
#[test]
fn no_deadline_is_forgotten() {
    loom::model(|| {
        let pending = Arc::new(Pending::new(2, |_| {}));
        let taking = thread::spawn({
            let pending = pending.clone();
            move || pending.take(waiting(Place::Here)).expect("there is room")
        });
        pending.expire(Instant::START, me(), |_| Executed::No);
        let ticket = taking.join().expect("it ends");
        assert_eq!(pending.next_due(), Some(DUE));
        drop(ticket);
    });
}

/// A call is given to a connection, which is lost before the call's place tells its number.
#[test]
fn what_is_being_sent_while_its_connection_is_lost_fails_if_it_had_gone() {
    loom::model(|| {
        let pending = Arc::new(Pending::new(2, |_| {}));
        let mut ticket = pending.take(waiting(Place::Sending { peer: me() })).expect("there is room");
        let lost = Arc::new(AtomicU64::new(0));
        let losing = thread::spawn({
            let (pending, lost) = (pending.clone(), lost.clone());
            move || {
                lost.store(1, Ordering::SeqCst);
                pending.fail_where(|waiting| matches!(waiting.place, Place::Sent { .. }).then_some(CallError::NoSwarm));
            }
        });
        pending.sent(ticket.request(), (me(), 1), || lost.load(Ordering::SeqCst) >= 1, |_| CallError::NoSwarm);
        losing.join().expect("it ends");
        assert!(poll(&mut ticket, &Arc::default()).is_ready(), "nobody else would end it");
    });
}

/// The same, and it comes back.
#[test]
fn what_is_being_sent_while_it_comes_back_is_here() {
    loom::model(|| {
        let pending = Arc::new(Pending::new(2, |_| {}));
        let mut ticket = pending.take(waiting(Place::Sending { peer: me() })).expect("there is room");
        let request = ticket.request();
        let losing = thread::spawn({
            let pending = pending.clone();
            move || {
                let on_it = |waiting: &Waiting| matches!(waiting.place, Place::Sent { frame: 0, .. });
                pending.fail_where(|waiting| on_it(waiting).then_some(CallError::NoSwarm));
                pending.retarget(request, Place::Here);
            }
        });
        pending.sent(request, (me(), 1), || false, |_| CallError::NoSwarm);
        losing.join().expect("it ends");
        assert!(poll(&mut ticket, &Arc::default()).is_pending());
        assert!(!pending.complete_away(request, reply()), "it is here");
    });
}

/// Its node stops while a worker takes the message from its queue.
#[test]
fn who_is_told_that_its_node_stops_has_not_begun() {
    loom::model(|| {
        let pending = Arc::new(Pending::new(2, |_| {}));
        let ticket = pending.take(waiting(Place::Here)).expect("there is room");
        let stopping = thread::spawn({
            let pending = pending.clone();
            move || {
                pending.close();
                pending.fail_where(|waiting| (waiting.place == Place::Here).then_some(CallError::NoSwarm)) > 0
            }
        });
        let begins = pending.begin(ticket.request()) || !pending.is_closed();
        let told = stopping.join().expect("it ends");
        assert_ne!(told, begins);
    });
}
