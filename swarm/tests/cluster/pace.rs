//! What is quick runs where its message arrives, and what is not leaves that thread alone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use swarm::Swarm;

use crate::fixture::{Tally, cluster, until};

/// How often a quick method is called at most until it is known to be quick: a machine in use interrupts some of them.
const CALLS_MAX: usize = 20_000;

/// Held up by the test.
static GATE: (Mutex<Gate>, Condvar) = (Mutex::new(Gate { waits: false, open: false }), Condvar::new());

struct Gate {
    waits: bool,
    open: bool,
}

fn gate() -> MutexGuard<'static, Gate> {
    GATE.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does as it is told, and blocks its thread while it does.
struct Napper;

#[swarm::message]
#[derive(Clone, Copy)]
enum Nap {
    None,
    /// Longer than any quick method may take.
    Long,
    /// Until the gate opens.
    Held,
}

#[swarm::worker]
impl Napper {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn nap(&self, nap: Nap) {
        match nap {
            Nap::None => {}
            Nap::Long => {
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(1) {
                    std::hint::spin_loop();
                }
            }
            Nap::Held => {
                gate().waits = true;
                let held = GATE.1.wait_while(gate(), |gate| !gate.open);
                drop(held.unwrap_or_else(PoisonError::into_inner));
            }
        }
    }
}

/// Calls until the other node has found `nap` to be quick.
async fn promote(here: &Swarm, there: &Swarm) {
    let before = there.stats().promotions;
    for _ in 0..CALLS_MAX {
        here.at::<Napper>("napper").nap(Nap::None).await.expect("it answers");
        if there.stats().promotions > before {
            return;
        }
    }
    panic!("{CALLS_MAX} calls did not make it quick");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_holds_up_nobody_else_once_it_has_shown_that_it_may() {
    let nodes = cluster("pace", 2).await;
    let (here, there) = (&nodes[0], &nodes[1]);
    NapperClient::register_local("napper", Napper).on(there).await.expect("the name is free");
    crate::fixture::TallyClient::register_local("tally", Tally::with(0)).on(there).await.expect("the name is free");

    promote(here, there).await;
    let before = there.stats().demotions;
    here.at::<Napper>("napper").nap(Nap::Long).await.expect("it answers");
    assert!(there.stats().demotions > before, "it was noticed by then");

    let napping = tokio::spawn(here.at::<Napper>("napper").nap(Nap::Held).into_future());
    until("it holds its thread", &nodes, async || gate().waits).await;
    for hits in 1..=100 {
        assert_eq!(here.at::<Tally>("tally").hit(1).await, Ok(hits));
    }
    assert!(!napping.is_finished(), "all that was done while it held its thread");
    gate().open = true;
    GATE.1.notify_all();
    napping.await.expect("it does not panic").expect("it answers");

    promote(here, there).await;
}
