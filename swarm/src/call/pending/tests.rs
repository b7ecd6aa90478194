//! Tests of the calls that wait.

use std::time::Duration;

use super::*;
use crate::call::wait::wait;

fn waiting(due_ms: u64) -> Waiting {
    let limit = Duration::from_millis(due_ms);
    Waiting { name: "acct/1".into(), deadline: Deadline::after(Instant::START, limit), place: Place::Here }
}

fn at(ms: u64) -> Instant {
    Instant::START + Duration::from_millis(ms)
}

fn table(limit: usize) -> Arc<Pending> {
    Arc::new(Pending::new(limit, |_| {}))
}

#[test]
fn a_call_is_answered_once_and_a_late_answer_finds_nobody() {
    let pending = table(10);
    let ticket = pending.take(waiting(10)).expect("there is room");
    let request = ticket.request();
    assert!(pending.complete(request, Ok(Answer::Payload(Payload::copy_of(&[1])))));
    assert!(!pending.complete(request, Err(CallError::NoSwarm)));
    assert!(matches!(wait(ticket), Ok(Answer::Payload(payload)) if payload[..] == [1]));
    let next = pending.take(waiting(10)).expect("there is room");
    assert_ne!(next.request(), request, "the same slot in another generation");
    assert!(!pending.complete(request, Err(CallError::NoSwarm)));
    assert!(!pending.complete(RequestId(u64::MAX), Err(CallError::NoSwarm)));
    drop(next);
    assert!(pending.is_empty());
}

#[test]
fn what_is_due_ends_and_says_what_is_known_of_it() {
    let pending = table(10);
    let [me, peer] = [1, 2].map(|port| NodeId::new(([127, 0, 0, 1], port).into(), 1));
    let places = [
        (Place::Here, me, Executed::No),
        (Place::Begun, me, Executed::Yes),
        (Place::Away, me, Executed::Maybe),
        (Place::Sending { peer }, peer, Executed::Maybe),
        (Place::Sent { peer, frame: 3 }, peer, Executed::No),
    ];
    let late = pending.take(waiting(50)).expect("there is room");
    let tickets: Vec<_> = places
        .into_iter()
        .map(|(place, node, executed)| {
            let ticket = pending.take(waiting(10)).expect("there is room");
            assert!(pending.retarget(ticket.request(), place));
            (ticket, (node, executed))
        })
        .collect();
    assert_eq!(pending.next_due(), Some(at(10)));
    assert_eq!(pending.expire(at(9), me, |_| Executed::No), 0);
    assert_eq!(pending.expire(at(10), me, |_| Executed::No), 5);
    assert_eq!(pending.next_due(), Some(at(50)));
    for (ticket, expected) in tickets {
        assert!(!pending.begin(ticket.request()), "it has ended");
        match wait(ticket) {
            Err(CallError::Timeout { node, executed, .. }) => assert_eq!((node, executed), expected),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("nobody answered"),
        }
    }
    drop(late);
    assert_eq!(pending.expire(at(60), me, |_| Executed::No), 0);
    assert_eq!(pending.next_due(), None);
}

#[test]
fn the_table_is_bounded_and_gives_slots_back() {
    let pending = table(2);
    let first = pending.take(waiting(1)).expect("there is room");
    let _second = pending.take(waiting(1)).expect("there is room");
    assert_eq!(pending.take(waiting(1)).err(), Some(Exhausted { limit: 2 }));
    drop(first);
    let _third = pending.take(waiting(1)).expect("there is room again");
    let _begun = pending.take_begun(waiting(1)).expect("one that has begun goes beyond the limit");
}

#[test]
fn those_sent_to_a_lost_node_fail() {
    let pending = table(10);
    let peer = NodeId::new(([127, 0, 0, 1], 1).into(), 1);
    let sent = pending.take(waiting(10)).expect("there is room");
    pending.retarget(sent.request(), Place::Sent { peer, frame: 1 });
    let here = pending.take(waiting(10)).expect("there is room");
    let failed = pending.fail_where(|waiting| match waiting.place {
        Place::Sent { peer: to, .. } if to == peer => Some(CallError::NoSwarm),
        Place::Sending { .. } | Place::Sent { .. } | Place::Here | Place::Begun | Place::Away => None,
    });
    assert_eq!(failed, 1);
    assert!(matches!(wait(sent), Err(CallError::NoSwarm)));
    assert!(pending.begin(here.request()));
}

#[test]
fn a_number_counts_only_for_the_last_frame_of_a_call() {
    let pending = table(10);
    let [peer, other] = [1, 2].map(|port| NodeId::new(([127, 0, 0, 1], port).into(), 1));
    let place = |from, frame| {
        let call = pending.take(waiting(10)).expect("there is room");
        pending.retarget(call.request(), from);
        pending.sent(call.request(), (peer, frame), || false, |_| unreachable!("nothing is lost"));
        let mut place = None;
        pending.fail_where(|waiting| {
            place = Some(waiting.place);
            None
        });
        place.expect("it waits")
    };
    let sent = |peer, frame| Place::Sent { peer, frame };
    assert_eq!(place(Place::Sending { peer }, 3), sent(peer, 3));
    assert_eq!(place(sent(peer, 2), 3), sent(peer, 3), "it came back and was sent anew");
    let gone_on =
        [Place::Sending { peer: other }, sent(other, 0), sent(peer, 4), Place::Here, Place::Begun, Place::Away];
    for gone_on in gone_on {
        assert_eq!(place(gone_on, 3), gone_on);
    }
}

#[test]
fn who_gets_to_know_its_number_too_late_fails() {
    let pending = table(10);
    let peer = NodeId::new(([127, 0, 0, 1], 1).into(), 1);
    let call = pending.take(waiting(10)).expect("there is room");
    pending.retarget(call.request(), Place::Sending { peer });
    pending.sent(call.request(), (peer, 1), || true, |_| CallError::NoSwarm);
    assert!(matches!(wait(call), Err(CallError::NoSwarm)));
}

#[test]
fn threads_that_answer_and_wait_meet_exactly_once() {
    let pending = table(10_000);
    let (send, receive) = std::sync::mpsc::channel::<RequestId>();
    let answering = pending.clone();
    let answerer = std::thread::spawn(move || {
        for request in receive {
            let payload = Payload::copy_of(&request.0.to_le_bytes());
            assert!(answering.complete(request, Ok(Answer::Payload(payload))));
        }
    });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (pending, send) = (&pending, send.clone());
            scope.spawn(move || {
                for _ in 0..5_000 {
                    let ticket = pending.take(waiting(10)).expect("there is room");
                    let request = ticket.request();
                    send.send(request).expect("the answerer lives");
                    match wait(ticket) {
                        Ok(Answer::Payload(payload)) => assert_eq!(payload[..], request.0.to_le_bytes()),
                        Ok(Answer::Value(_)) | Err(_) => panic!("not what was sent"),
                    }
                }
            });
        }
    });
    drop(send);
    answerer.join().expect("each was answered once");
    assert!(pending.is_empty());
}

/// A call goes to 6, which passes it on to 2, which passes it on to 6: whatever is heard first, it ends at 6.
#[test]
fn words_of_several_nodes_may_cross() {
    let node = |port| NodeId::new(([127, 0, 0, 1], port).into(), 1);
    let ways = [[(6, 2), (2, 6), (6, 5)], [(2, 6), (6, 2), (6, 5)], [(6, 2), (6, 5), (2, 6)]];
    for way in ways {
        let pending = table(1);
        let ticket = pending.take(waiting(10)).expect("there is room");
        let request = ticket.request();
        assert!(pending.retarget(request, Place::Sent { peer: node(6), frame: 1 }));
        for (by, to) in way {
            pending.handed_on(request, node(by), node(to));
        }
        let lost = |port| {
            let is_there = |waiting: &Waiting| matches!(waiting.place, Place::Sent { peer, .. } if peer == node(port));
            pending.fail_where(|waiting| is_there(waiting).then_some(CallError::NoSwarm))
        };
        assert_eq!([2, 6, 5].map(lost), [0, 0, 1], "{way:?}");
        assert!(wait(ticket).is_err());
    }
}

/// A word of a way that a call has come back from is not taken for one of its next way.
#[test]
fn what_was_heard_of_an_earlier_way_is_forgotten() {
    let node = |port| NodeId::new(([127, 0, 0, 1], port).into(), 1);
    let pending = table(1);
    let ticket = pending.take(waiting(10)).expect("there is room");
    let (request, sent) = (ticket.request(), |port| Place::Sent { peer: node(port), frame: 1 });
    assert!(pending.retarget(request, sent(6)));
    pending.handed_on(request, node(2), node(5));
    assert!(pending.come_home(request).is_some());
    assert!(pending.retarget(request, sent(6)));
    pending.handed_on(request, node(6), node(2));
    let at_two = |waiting: &Waiting| matches!(waiting.place, Place::Sent { peer, .. } if peer == node(2));
    assert_eq!(pending.fail_where(|waiting| at_two(waiting).then_some(CallError::NoSwarm)), 1);
    drop(ticket);
}
