//! Nothing that the macros generate is magic: a message, a worker and a group by hand run like any other.

use swarm::message::{Fingerprint, decode, encode};
use swarm::prelude::*;
use swarm::worker::{Active, Boot, Input, Method, Options, Payload, Step};
use swarm::{Call, Cast, Group, Handle, Init, Message, Schema, Worker};

use crate::run;

#[derive(swarm::rkyv::Archive, swarm::rkyv::Serialize, swarm::rkyv::Deserialize)]
#[rkyv(crate = swarm::rkyv)]
struct Add(u64);

impl Schema for Add {
    const FINGERPRINT: Fingerprint = Fingerprint::of("Add").field("0", u64::FINGERPRINT);
}

impl Message for Add {
    const NAME: &'static str = "by-hand/add";
    const ID: u64 = Fingerprint::of("by-hand/add").0;
}

struct Counter(u64);

impl Worker for Counter {
    const NAME: &'static str = "by-hand";
    const OPTIONS: Options = Options { mailbox: 8, ..Options::DEFAULT };
    const ARGS: Fingerprint = u64::FINGERPRINT;
    const METHODS: &'static [Method<Self>] = &[Method::<Self>::call::<Add>()];
    type Client = Handle;

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
    const NAME: &'static str = "by-hand.counters";
    type Members = swarm::group::Of<Counter>;
}

fn takes_casts<W: Cast<M>, M>() {}

#[test]
fn a_worker_by_hand_runs_like_any_other() {
    let _ = takes_casts::<crate::account::Account, crate::account::Ingest>;
    run(async {
        let swarm = Swarm::builder()
            .cluster("by-hand")
            .discovery(Seeds::new(Vec::<String>::new()))
            .config(Config::local())
            .worker::<Counter>()
            .start()
            .await
            .expect("a node starts on a free loopback port");
        let counter: Handle = swarm.at::<Counter>("counter");
        counter.register::<Counter>(Init::<Counter>::encode(5_u64)).await.expect("the name is free");
        assert_eq!(counter.call::<Counter, Add>(Add(2)).await, Ok(7));
        swarm.group::<Counters>().join("counter").await.expect("it is registered");
        assert_eq!(swarm.group::<Counters>().multicall(Add(1)).await, Ok(vec![("counter".into(), Ok(8))]));
    });
}
