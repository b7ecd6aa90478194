//! The options of a worker and of its methods.
use swarm::message::Schema;
use swarm::prelude::*;
use swarm::worker::{Options, Restart};
use swarm::{Call, Message, Worker};

mod sorter {}

/// The whole struct moves.
#[swarm::message]
pub struct Sorter {
    items: Vec<u64>,
}

#[swarm::worker(
    name = "tools.sorter",
    state = Self,
    mailbox = 7,
    restart = transient,
    register = manual,
    module = sorting,
    dispatch = "pool",
    public,
    crate = ::swarm,
)]
impl Sorter {
    /// Lives on in the impl.
    const LIMIT: usize = { 8 };

    #[init]
    fn init(_: &Context<Self>, first: u64, second: String, third: Vec<u8>) -> Result<Self, String> {
        if third.len() > Self::LIMIT { Err(second) } else { Ok(Self { items: vec![first] }) }
    }

    #[swarm::prelude::call(name = "put", timeout = "1min")]
    fn insert(&mut self, item: u64) {
        self.items.push(item);
    }

    #[call(Tick, timeout = "5s")]
    fn tick(&mut self, _: Tick) {}

    /// Helps another state in, after a split.
    #[resolve_conflict]
    fn merge(&mut self, other: Sorter) {
        self.items.extend(other.items);
    }

    #[die]
    fn last_words(&mut self) {}
}

#[swarm::message(name = "clock.tick")]
pub struct Tick;

#[test]
fn it_is_as_it_says() {
    assert_eq!(<Sorter as Worker>::NAME, "tools.sorter");
    assert_eq!(Sorter::OPTIONS, Options { mailbox: 7, restart: Restart::Transient, pool: true });
    const { assert!(Sorter::PUBLIC) };
    assert_eq!(Sorter::STATE, Some(Sorter::FINGERPRINT));
    assert_eq!(Sorter::ARGS, <(u64, String, Vec<u8>)>::FINGERPRINT);
    assert_eq!(sorting::Insert::NAME, "tools.sorter/put");
    assert_eq!(Tick::NAME, "clock.tick");
    assert_eq!(<Sorter as Call<sorting::Insert>>::TIMEOUT, Some(Duration::from_secs(60)));
    assert_eq!(<Sorter as Call<Tick>>::TIMEOUT, Some(Duration::from_secs(5)));
    assert!(swarm::registration::WORKERS.is_empty());
    drop(SorterClient::register("s", (1, String::from("two"), vec![3])));
}
