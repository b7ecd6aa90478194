//! Nothing that the macros generate is magic: a message, a worker and a group written by hand.
use swarm::message::{Fingerprint, Schema, decode, encode};
use swarm::prelude::*;
use swarm::registration::Entry;
use swarm::worker::{Active, Boot, Init, Input, Method, Payload, Step};
use swarm::{Call, Group, Message, Worker};

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

impl Worker for Counter {
    const NAME: &'static str = "Counter";
    const ARGS: Fingerprint = u64::FINGERPRINT;
    const METHODS: &'static [Method<Self>] = &[Method::<Self>::call::<Add>()];
    type Client = swarm::client::Handle;

    fn boot(_: Context<Self>, arguments: Payload) -> Boot<Self> {
        match decode(&arguments) {
            Ok(start) => Boot::Done(Ok(Self(start))),
            Err(malformed) => Boot::Refused(malformed),
        }
    }
}

impl Init<Counter> for u64 {
    fn encode(self) -> Payload {
        encode(&self)
    }
}

impl Call<Add> for Counter {
    type Reply = u64;

    fn run(mut at: Active<Self>, input: Input<Add>) -> Step<Self, u64> {
        match input.owned() {
            Ok(Add(more)) => {
                at.worker.0 += more;
                let sum = at.worker.0;
                Step::Done(at, sum)
            }
            Err(malformed) => Step::Refused(at, malformed),
        }
    }
}

struct Counters;

impl Group for Counters {
    const NAME: &'static str = "Counters";
    type Members = swarm::group::Of<Counter>;
}

fn main() {
    let entry = Entry::of::<Counter>();
    assert_eq!((entry.methods)().len(), 1);
    let call = swarm::client::Handle::new("c").call::<Counter, Add>(Add(1));
    drop(call);
}
