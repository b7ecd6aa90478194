//! Everything that is awaited is a future, is `Send`, waits for its first poll, and has `.timeout`, `.on` and `.wait`.

use std::fmt::Debug;
use std::pin::pin;
use std::task::{Context as Task, Waker};

use swarm::prelude::*;

use crate::account::{Account, AccountClient, Deposit, account};
use crate::{PATIENCE, default_node, run};

fn is_future<T>(future: impl Future<Output = T> + Send + 'static) -> impl Future<Output = T> {
    future
}

/// The three methods exist, and give the same builder back.
macro_rules! builder {
    ($builder:expr) => {{
        let (_, swarm) = default_node();
        // Never polled, so nothing happens.
        drop(is_future($builder.timeout(PATIENCE).on(swarm).timeout(PATIENCE)));
        let wait: Box<dyn FnOnce() -> _ + Send> = Box::new(|| $builder.wait());
        drop(wait);
    }};
}

#[test]
fn every_awaited_thing_is_a_builder() {
    let (_, swarm) = default_node();
    builder!(AccountClient::register("awaited", 1));
    builder!(AccountClient::whereis_or_register("awaited", 1));
    builder!(AccountClient::register_local("awaited", Account::new(1)));
    builder!(AccountClient::call("awaited", account::Balance {}));
    builder!(AccountClient::call("awaited", Deposit { cents: 1, memo: String::new() }));
    builder!(AccountClient::at("awaited").transfer("b", 2));
    builder!(AccountClient::whereis("awaited"));
    builder!(AccountClient::unregister("awaited"));
    builder!(swarm::whereis("awaited"));
    builder!(swarm::unregister("awaited"));
    builder!(swarm::registered());
    builder!(swarm.whereis("awaited"));
    builder!(swarm.unregister("awaited"));
    builder!(swarm.registered());
    builder!(swarm::group::<Account>().join("awaited"));
    builder!(swarm::group::<Account>().leave("awaited"));
    builder!(swarm::group::<Account>().members());
    builder!(swarm::group::<Account>().publish(account::Freeze { reason: "x".into() }));
    builder!(swarm::group::<Account>().multicall(account::Balance {}));
    run(async {
        assert_eq!(swarm::whereis("awaited").await, Ok(None), "nothing was polled, so nothing happened");
    });
}

#[test]
fn futures_go_into_tasks_and_selects() {
    run(async {
        AccountClient::register("select", 1).await.expect("the name is free");
        let (a, b) = tokio::join!(AccountClient::at("select").balance(), swarm::whereis("select"));
        assert_eq!(a, Ok(1));
        assert!(b.expect("the registry answers").is_some());
        let task = tokio::spawn(AccountClient::at("select").balance());
        assert_eq!(task.await.expect("it does not panic"), Ok(1));
        tokio::select! {
            balance = AccountClient::call("select", account::Balance) => assert_eq!(balance, Ok(1)),
            () = tokio::time::sleep(PATIENCE) => panic!("a call is faster"),
        }
        // A builder that was polled and dropped does no harm.
        let mut call = pin!(AccountClient::at("select").balance());
        let first = call.as_mut().poll(&mut Task::from_waker(Waker::noop()));
        drop(first);
    });
}

#[test]
fn leaving_and_starting_are_futures_that_can_be_sent() {
    fn is_send<T: Send + Sync + Clone + Debug + 'static>() {}
    is_send::<Swarm>();
    is_send::<AccountClient>();
    let (_, swarm) = default_node();
    drop(is_future(Swarm::builder().start()));
    let swarm = swarm.clone();
    drop(is_future(swarm.leave().timeout(PATIENCE)));
}
