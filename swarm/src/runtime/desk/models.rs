//! Models of threads that meet at a desk: loom tries every order in which they may do so. The queue itself is trusted.

use std::sync::Arc;

use loom::thread;

use super::*;

/// Counts what it takes, until it has so many.
struct Count {
    inputs: crossbeam_channel::Receiver<u64>,
    taken: u64,
    enough: u64,
}

impl Shift for Count {
    fn full_turn(&mut self) -> Option<Instant> {
        self.taken += self.inputs.try_iter().sum::<u64>();
        (self.taken < self.enough).then_some(Instant::from_nanos(u64::MAX))
    }

    fn brief_turn(&mut self) -> Option<Instant> {
        self.taken += self.inputs.try_iter().sum::<u64>();
        (self.taken < self.enough).then_some(Instant::from_nanos(u64::MAX))
    }
}

fn desk(enough: u64) -> (Arc<Desk<Count, u64>>, crossbeam_channel::Receiver<u64>) {
    let (sender, inputs) = crossbeam_channel::unbounded();
    let desk = Arc::new(Desk::new(sender));
    desk.seat(Count { inputs: inputs.clone(), taken: 0, enough });
    (desk, inputs)
}

/// Who finds another at the desk leaves it to that one, which looks again.
#[test]
fn what_is_added_while_another_has_the_desk_is_not_left() {
    loom::model(|| {
        let (desk, inputs) = desk(u64::MAX);
        let other = thread::spawn({
            let desk = desk.clone();
            move || {
                desk.add(1);
                desk.turn();
            }
        });
        desk.add(1);
        desk.turn();
        other.join().expect("it ends");
        assert!(inputs.is_empty(), "nobody comes back for it");
    });
}

/// The control thread sleeps only while nothing is left to it; a sleep that nobody ends would never end here.
#[test]
fn what_is_handed_over_and_what_is_added_wake_the_control_thread_if_it_is_to_do_it() {
    loom::model(|| {
        let (desk, _) = desk(2);
        let control = thread::spawn({
            let desk = desk.clone();
            move || desk.run()
        });
        let other = thread::spawn({
            let desk = desk.clone();
            move || {
                desk.add(1);
                desk.turn();
            }
        });
        desk.hand(1);
        other.join().expect("it ends");
        control.join().expect("it ends");
    });
}
