//! Everything that a single node does: registration, calls, groups, errors.

use std::time::Duration;

use swarm::prelude::*;
use swarm::{Config, Swarm};

struct Counter {
    hits: u64,
}

#[swarm::worker]
impl Counter {
    #[init]
    fn init(start: u64) -> Result<Self, String> {
        if start == 13 { Err("13 brings bad luck".to_owned()) } else { Ok(Self { hits: start }) }
    }

    #[call]
    fn hit(&mut self, by: u64) -> u64 {
        self.hits += by;
        self.hits
    }

    #[call]
    async fn wait(&mut self, ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        self.hits
    }

    #[call]
    fn explode(&mut self) -> u64 {
        panic!("boom at {}", self.hits)
    }

    #[cast]
    fn add(&mut self, by: u64) {
        self.hits += by;
    }
}

async fn node(cluster: &str) -> Swarm {
    Swarm::builder()
        .cluster(cluster)
        .bind("127.0.0.1:0")
        .discovery(Seeds::new(Vec::<String>::new()))
        .config(Config::local())
        .start()
        .await
        .expect("a node starts on a free loopback port")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_registered_called_and_unregistered() {
    let swarm = node("one").await;
    let counter = swarm.at::<Counter>("page/42");
    CounterClient::register("page/42", 5).on(&swarm).await.expect("the name is free");
    assert_eq!(counter.hit(2).await, Ok(7));
    counter.add(3).expect("the mailbox is empty");
    assert_eq!(counter.hit(0).await, Ok(10));
    assert_eq!(counter.wait(1).await, Ok(10));

    let location = swarm.whereis("page/42").await.expect("an answer").expect("it is registered");
    assert_eq!(location.node, swarm.node());
    assert_eq!(location.worker, "Counter");
    let again = CounterClient::register("page/42", 1).on(&swarm).await;
    assert!(
        matches!(&again, Err(RegisterError::AlreadyRegistered { location: at, .. }) if *at == location),
        "{again:?}"
    );
    let names = swarm.registered().await.expect("an answer");
    assert_eq!(names, [(Name::from("page/42"), location)]);

    swarm.unregister("page/42").await.expect("an answer");
    assert_eq!(swarm.whereis("page/42").await, Ok(None));
    let gone = counter.hit(1).await;
    assert!(matches!(gone, Err(CallError::NotRegistered { .. })), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_init_is_told_and_leaves_no_trace() {
    let swarm = node("init").await;
    let failed = CounterClient::register("bad", 13).on(&swarm).await;
    assert!(matches!(&failed, Err(RegisterError::Init { text, .. }) if text.contains("bad luck")), "{failed:?}");
    assert_eq!(swarm.whereis("bad").await, Ok(None));
    assert_eq!(CounterClient::register("bad", 1).on(&swarm).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_and_the_worker_restarts() {
    let swarm = node("panic").await;
    CounterClient::register("c", 1).on(&swarm).await.expect("the name is free");
    let counter = swarm.at::<Counter>("c");
    assert_eq!(counter.hit(1).await, Ok(2));
    let exploded = counter.explode().await;
    assert!(matches!(&exploded, Err(CallError::Panicked { text, .. }) if text.contains("boom at 2")), "{exploded:?}");
    assert_eq!(counter.hit(1).await, Ok(2), "it began again from its init arguments");
}
