//! Models of senders and the I/O thread, which sleeps and is to be woken: loom tries every order in which they may meet. Who is
//! not woken sleeps for ever, which loom reports.

use std::collections::VecDeque;

use loom::thread;

use super::*;
use crate::config::NetConfig;
use crate::node::NodeId;
use crate::time::Instant;
use crate::transport::peer::{Lane, Peer};
use crate::wire::Frame;

/// In all orders in which threads are interrupted so often: one more takes minutes, and each fault that was tried shows with fewer.
fn model(threads: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(threads);
}

fn node() -> NodeId {
    NodeId::new(([127, 0, 0, 1], 1).into(), 1)
}

/// What the I/O thread does with its queue, until `done` has been told enough.
fn turn_until(queue: &CommandQueue, mut done: impl FnMut(Option<Command>) -> bool) {
    loop {
        while let Some(command) = queue.next() {
            if done(Some(command)) {
                return;
            }
        }
        queue.sleep(false, |busy| {
            if !busy {
                queue.bell.waker.as_ref().expect("a model has one").wait();
            }
        });
        if done(None) {
            return;
        }
    }
}

#[test]
fn a_command_wakes_the_io_thread_or_is_seen_before_it_sleeps() {
    model(|| {
        let (commands, queue) = with_waker(Some(Waker::default()));
        let senders = [commands.clone(), commands]
            .map(|commands| thread::spawn(move || commands.send(Command::Found(node().addr()))));
        let mut seen = 0;
        turn_until(&queue, |command| {
            seen += usize::from(command.is_some());
            seen == 2
        });
        senders.into_iter().for_each(|sender| sender.join().expect("it ends"));
        assert!(queue.is_empty());
    });
}

/// Two threads send a frame each, and the I/O thread is to claim both.
fn both_are_claimed(send: impl Fn(&Arc<Peer>) + Copy + Send + Sync + 'static) {
    model(move || {
        let (commands, queue) = with_waker(Some(Waker::default()));
        let peer = Arc::new(Peer::new(node(), commands, &NetConfig::default()));
        let sender = thread::spawn({
            let peer = peer.clone();
            move || send(&peer)
        });
        send(&peer);
        let mut claimed = VecDeque::new();
        turn_until(&queue, |command| {
            if let Some(Command::Ready(peer, lane)) = command {
                peer.take_announcement(lane);
                while peer.queue(lane).claim_at(1, &mut claimed, || Instant::START) {}
            }
            claimed.len() == 2
        });
        sender.join().expect("it ends");
    });
}

/// Who promises to write what waits writes also what others have queued and rely on that for.
#[test]
fn a_frame_whose_sender_relies_on_a_promise_is_claimed_with_the_others() {
    both_are_claimed(|peer| {
        peer.enqueue(Lane::Calls, Frame::new(16, [0; 24], &[])).expect("there is room");
        if peer.promise(Lane::Calls) {
            // Without a connection here, the I/O thread is told.
            peer.keep_promise(Lane::Calls);
        }
    });
}

/// Announcements are coalesced: whoever finds one made relies on the I/O thread to see its frame as well.
#[test]
fn a_frame_that_was_not_announced_is_claimed_with_one_that_was() {
    both_are_claimed(|peer| {
        peer.send(Lane::Calls, Frame::new(16, [0; 24], &[])).expect("there is room");
    });
}
