//! Models of callers and a control thread that meet at one name: loom tries every order in which they may do so. The
//! snapshot, the places and what lets held letters go are those of production. Lanes, hints and gates are not in here, nor
//! is what becomes of a letter on its way.

use std::collections::VecDeque;

use loom::thread;
use swarm_net::member::View;
use swarm_net::node::NodeId;

use super::*;
use crate::call::deadline::Deadline;
use crate::directory::Route;
use crate::message::Payload;
use crate::runtime::routing::{Hop, Routing};
use crate::runtime::snapshot::Snapshot;
use crate::sync::{AtomicBool, Mutex, Ordering};
use crate::worker::Parcel;

fn node(n: u16) -> NodeId {
    NodeId::new(([127, 0, 0, 1], n).into(), u64::from(n))
}

/// What node 1 knows if this one owns all names, and whether it decides about them itself.
fn owned_by(owner: u16, decides: bool) -> Routing {
    Routing::seen(node(1), node(owner), Arc::new(View::new()), decides)
}

struct Bench {
    name: Name,
    routing: Snapshot<Routing>,
    places: Places,
    /// By which hop each letter went.
    gone: Mutex<Vec<NodeId>>,
    /// The control thread is asked where the name is.
    wanted: AtomicBool,
    /// Others were told that nothing more comes by node 2.
    told: AtomicBool,
}

impl Bench {
    fn new(routing: Routing) -> Arc<Self> {
        Arc::new(Self {
            name: Name::from("x"),
            routing: Snapshot::new(routing),
            places: Places::new(),
            gone: Mutex::new(Vec::new()),
            wanted: AtomicBool::new(false),
            told: AtomicBool::new(false),
        })
    }

    fn hop(&self) -> Hop {
        let routing = self.routing.read();
        routing.hop(routing.partition_of(&self.name))
    }

    /// A caller sends a letter: it looks at the snapshot with the name locked.
    fn send(&self) {
        let mut shard = self.places.write(&self.name);
        if let Some(waiting) = shard.held_mut(&self.name) {
            return waiting.push_back(self.letter());
        }
        match self.hop() {
            Hop::Owner(owner) => self.go(owner),
            Hop::Ask => {
                shard.insert(&self.name, Place::Held(VecDeque::from([self.letter()])));
                // Loom takes a store for released only: a swap is as good as the queue that stands here in a node.
                self.wanted.swap(true, Ordering::SeqCst);
            }
        }
    }

    fn letter(&self) -> Letter {
        let parcel = Parcel {
            method: 0,
            fingerprint: 0,
            payload: Payload::empty(),
            deadline: Deadline::NEVER,
            reply: None,
            publish: 0,
            trace: None,
            unconfirmed: None,
        };
        Letter::new(self.name.clone(), 0, parcel)
    }

    fn go(&self, owner: NodeId) {
        let late = owner == node(2) && self.told.load(Ordering::SeqCst);
        assert!(!late, "it goes by the old way after others were told that nothing does");
        self.gone.lock().expect("nobody panics with it").push(owner);
    }

    /// The control thread answers who asked: another node decides.
    fn answer(&self) {
        if !self.wanted.swap(false, Ordering::SeqCst) {
            return;
        }
        let mut shard = self.places.write(&self.name);
        let waiting = shard.let_go(&self.name, &Route::Ring, || self.hop());
        for _ in waiting.into_iter().flatten() {
            match self.hop() {
                Hop::Owner(owner) => self.go(owner),
                Hop::Ask => unreachable!("held letters go when it is known whereto"),
            }
        }
    }
}

/// Two threads that each send a letter.
fn callers(bench: &Arc<Bench>) -> [thread::JoinHandle<()>; 2] {
    [(); 2].map(|()| {
        let bench = bench.clone();
        thread::spawn(move || bench.send())
    })
}

/// A node that decided about a name decides no longer, while others call it.
#[test]
fn what_is_held_goes_when_another_decides_and_goes_there() {
    loom::model(|| {
        let bench = Bench::new(owned_by(1, true));
        let callers = callers(&bench);
        bench.routing.publish(owned_by(3, false));
        bench.answer();
        callers.into_iter().for_each(|caller| caller.join().expect("it ends"));
        bench.answer();
        assert!(bench.places.read(&bench.name).get(&bench.name).is_none(), "nothing is held for ever");
        assert_eq!(*bench.gone.lock().expect("nobody panics with it"), [node(3), node(3)]);
    });
}

/// A node leaves, and is told that nothing more comes by it: nothing does.
#[test]
fn nothing_goes_by_an_older_snapshot_than_others_were_told_of() {
    loom::model(|| {
        let bench = Bench::new(owned_by(2, false));
        let callers = callers(&bench);
        bench.routing.publish(owned_by(3, false));
        bench.places.await_changes();
        bench.told.store(true, Ordering::SeqCst);
        callers.into_iter().for_each(|caller| caller.join().expect("it ends"));
        assert_eq!(bench.gone.lock().expect("nobody panics with it").len(), 2);
    });
}
