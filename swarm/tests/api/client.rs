//! The generated client: every form that the contract shows.

use swarm::prelude::*;

use crate::account::{Account, AccountClient, Deposit, Ingest, Overdrawn, account};
use crate::{PATIENCE, run, start};

#[test]
fn the_forms_of_the_contract() {
    run(async {
        let registered: Result<(), RegisterError> = AccountClient::register("acct/42", 1_000).await;
        assert_eq!(registered, Ok(()));
        let found: Location = AccountClient::whereis_or_register("acct/42", 1_000).await.expect("it is there");
        assert_eq!(found.worker, "Account");
        AccountClient::register_local("acct/me", Account::new(0)).await.expect("the name is free");

        let bal: u64 = AccountClient::call("acct/42", account::Balance {}).await.expect("it answers");
        assert_eq!(bal, 1_000);
        assert_eq!(AccountClient::call("acct/42", account::Balance).await, Ok(1_000));
        let new = AccountClient::call("acct/42", Deposit { cents: 5, memo: "x".into() })
            .timeout(Duration::from_secs(5))
            .await;
        assert_eq!(new, Ok(1_005));

        AccountClient::register("acct/43", 0).await.expect("the name is free");
        let acct = AccountClient::at("acct/42");
        let left: Result<Result<u64, Overdrawn>, CallError> = acct.transfer("acct/43", 500).await;
        assert_eq!(left, Ok(Ok(505)));
        assert_eq!(AccountClient::at("acct/43").balance().await, Ok(500));
        assert_eq!(acct.transfer("acct/43", 506).await, Ok(Err(Overdrawn::By { missing: 1 })));
        let text = acct.transfer(String::from("acct/43"), 507).await.expect("it answers").expect_err("too much");
        assert_eq!(text.to_string(), "2 cents are missing");

        let cast: Result<(), CastError> = AccountClient::cast("acct/42", account::Freeze { reason: "audit".into() });
        assert_eq!(cast, Ok(()));
        acct.freeze("audit").expect("there is room");
        acct.ingest(Ingest { figures: vec![1, 2, 3] }).expect("there is room");
        AccountClient::cast("acct/42", Ingest { figures: vec![4] }).expect("there is room");
        assert_eq!(acct.balance().await, Ok(515));
        let frozen = acct.transfer("acct/43", 1).await.expect("it answers");
        assert_eq!(frozen, Err(Overdrawn::Frozen("acct/42: audit".into())));

        let at: Option<Location> = AccountClient::whereis("acct/42").await.expect("the registry answers");
        assert!(at.is_some());
        AccountClient::unregister("acct/42").await.expect("the registry answers");
        assert_eq!(AccountClient::whereis("acct/42").await, Ok(None));
    });
}

#[test]
fn a_client_goes_through_the_node_that_it_is_given() {
    run(async {
        let other = start("client-other").await;
        AccountClient::register("only there", 7).on(&other).await.expect("the name is free");
        assert_eq!(AccountClient::call("only there", account::Balance).on(&other).await, Ok(7));
        assert_eq!(AccountClient::at("only there").on(&other).balance().await, Ok(7));
        assert_eq!(other.at::<Account>("only there").balance().await, Ok(7));
        AccountClient::at("only there").on(&other).freeze("x").expect("there is room");
        let here = AccountClient::at("only there").balance().await;
        assert!(matches!(here, Err(CallError::NotRegistered { .. })), "{here:?}");
        // A clone of the client goes to other tasks.
        let client = other.at::<Account>("only there");
        let balance = tokio::spawn(async move { client.clone().balance().timeout(PATIENCE).await });
        assert_eq!(balance.await.expect("it does not panic"), Ok(7));
    });
}

#[test]
fn casts_waits_and_drops_work_without_a_runtime() {
    let (runtime, swarm) = crate::default_node();
    let (swarm, handle) = (swarm.clone(), runtime.handle().clone());
    std::thread::spawn(move || {
        AccountClient::register("plain thread", 1).wait().expect("the name is free");
        AccountClient::cast("plain thread", Ingest { figures: vec![2] }).expect("there is room");
        assert_eq!(AccountClient::at("plain thread").balance().wait(), Ok(3));
        assert_eq!(AccountClient::call("plain thread", account::Balance).on(&swarm).wait(), Ok(3));
        assert_eq!(AccountClient::at("plain thread").transfer("nobody", 3).timeout(PATIENCE).wait(), Ok(Ok(3)));
        assert!(swarm::whereis("plain thread").wait().expect("the registry answers").is_some());
        drop(AccountClient::at("plain thread").balance());
        let other = handle.block_on(start("dropped"));
        drop(other);
    })
    .join()
    .expect("a thread of its own needs no runtime");
}
