//! Owns the tests of who takes the turns at a desk.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use super::*;

/// Adds up what it is given. Zero is large, and what is above a hundred is the end.
struct Sum {
    inputs: crossbeam_channel::Receiver<u64>,
    left: Option<u64>,
    /// On which thread each was taken.
    taken: mpsc::Sender<(u64, thread::ThreadId)>,
}

impl Sum {
    fn take(&self, input: u64) {
        self.taken.send((input, thread::current().id())).expect("the test looks at it");
    }
}

impl Shift for Sum {
    fn full_turn(&mut self) -> Option<Instant> {
        let mut goes_on = true;
        for input in self.left.take().into_iter().chain(self.inputs.try_iter()) {
            self.take(input);
            goes_on &= input <= 100;
        }
        goes_on.then(|| Clock::instant() + Duration::from_secs(3_600))
    }

    fn brief_turn(&mut self) -> Option<Instant> {
        while self.left.is_none()
            && let Ok(input) = self.inputs.try_recv()
        {
            match input {
                0 | 101.. => self.left = Some(input),
                small => self.take(small),
            }
        }
        self.left.is_none().then(|| Clock::instant() + Duration::from_secs(3_600))
    }
}

type Taken = mpsc::Receiver<(u64, thread::ThreadId)>;

/// A desk, its control thread, and what was taken there.
fn desk() -> (Arc<Desk<Sum, u64>>, thread::JoinHandle<()>, Taken) {
    let (sender, inputs) = crossbeam_channel::unbounded();
    let (taken, told) = mpsc::channel();
    let desk = Arc::new(Desk::new(sender));
    desk.seat(Sum { inputs, left: None, taken });
    let runs = desk.clone();
    let control = thread::spawn(move || runs.run());
    (desk, control, told)
}

#[test]
fn what_is_small_is_done_by_whoever_has_it_and_what_is_large_by_the_control_thread() {
    let (desk, control, told) = desk();
    let (me, other) = (thread::current().id(), control.thread().id());
    // Until the control thread has taken its first turn, it may take anything.
    desk.hand(1);
    assert_eq!(told.recv(), Ok((1, other)));
    desk.do_now(2);
    assert!(told.recv().is_ok_and(|(input, _)| input == 2));
    loop {
        desk.add(3);
        desk.turn();
        // The control thread may still be at its desk.
        if told.recv() == Ok((3, me)) {
            break;
        }
    }
    desk.add(0);
    desk.turn();
    assert_eq!(told.recv(), Ok((0, other)));
    desk.hand(101);
    control.join().expect("it ends");
}

#[test]
fn a_promise_that_is_kept_late_is_kept_by_the_control_thread() {
    let (desk, control, told) = desk();
    desk.hand(1);
    assert_eq!(told.recv(), Ok((1, control.thread().id())));
    assert!(desk.promise(2), "nobody else has promised");
    assert_eq!(told.recv(), Ok((2, control.thread().id())), "though this thread never takes the turn");
    drop(desk.keep_promise());
    desk.hand(101);
    control.join().expect("it ends");
    desk.promise(3);
    desk.turn();
    drop(desk);
    assert!(told.try_iter().all(|(input, _)| input != 3), "after the end nothing is taken");
}

#[test]
fn a_control_that_panics_is_gone_and_nobody_waits_for_it() {
    struct Panics;
    impl Shift for Panics {
        fn full_turn(&mut self) -> Option<Instant> {
            panic!("at its desk")
        }
        fn brief_turn(&mut self) -> Option<Instant> {
            panic!("at its desk")
        }
    }
    let (sender, inputs) = crossbeam_channel::unbounded();
    let desk = Arc::new(Desk::new(sender));
    desk.seat(Panics);
    desk.add(1);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| desk.turn()));
    assert!(caught.is_err());
    desk.turn();
    desk.run();
    assert_eq!(inputs.len(), 1);
}
