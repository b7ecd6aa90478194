//! What is written by hand and what the macros generate can be mixed: a message and a group by hand around a generated
//! worker. A worker by hand that runs is in swarm's own tests.
use swarm::message::{Fingerprint, Schema};
use swarm::registration::Entry;
use swarm::worker::Init;
use swarm::{Call, Group, Message};

#[derive(swarm::rkyv::Archive, swarm::rkyv::Serialize, swarm::rkyv::Deserialize)]
#[rkyv(crate = swarm::rkyv)]
struct Add(u64);

impl Schema for Add {
    const FINGERPRINT: Fingerprint = Fingerprint::of("Add").field("0", u64::FINGERPRINT);
}

impl Message for Add {
    const NAME: &'static str = "Add";
    const ID: u64 = Fingerprint::of("Add").0;
}

struct Counter(u64);

#[swarm::worker]
impl Counter {
    #[init]
    fn init(start: u64) -> Self {
        Self(start)
    }

    #[call(Add)]
    fn add(&mut self, Add(more): Add) -> u64 {
        self.0 += more;
        self.0
    }

    #[call]
    fn sum(&self) -> u64 {
        self.0
    }
}

struct Counters;

impl Group for Counters {
    const NAME: &'static str = "Counters";
    type Members = swarm::group::Of<Counter>;
}

fn answers<W: Call<M, Reply = u64>, M: Message>() {}

fn takes<W, I: Init<W>>(_: I) {}

#[test]
fn it_is_as_it_says() {
    answers::<Counter, Add>();
    answers::<Counter, counter::Sum>();
    takes::<Counter, _>(5_u64);
    assert_eq!((Entry::of::<Counter>().methods)().len(), 2);
    drop(swarm::client::Handle::new("c").call::<Counter, Add>(Add(1)));
    drop(swarm::group::<Counters>().multicall(Add(1)));
    drop(swarm::group::<Counters>().multicall(counter::Sum {}));
}
