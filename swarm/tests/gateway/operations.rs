//! Everything that a program may do, through either of two nodes.

use std::task::Poll;

use swarm::prelude::*;

use super::fixture::{
    Account, AccountClient, Audited, Count, Everyone, Hear, PATIENCE, account, account_on, hold, other, pair, program,
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_casts_reach_workers_on_any_node_in_their_order() {
    let nodes = pair("gateway-calls").await;
    for through in &nodes {
        let remote = program(&[through]).await;
        assert_eq!(remote.node(), Some(through.node()));
        for at in &nodes {
            let name = account_on(at).await;
            let before = AccountClient::at(&name).on(&remote).balance().await.expect("it answers");
            for round in 1..=50 {
                let paid = AccountClient::call(&name, account::Deposit { cents: 3 }).on(&remote).await;
                assert_eq!(paid, Ok(before + 2 * (round - 1) + 3));
                remote.at::<Account>(&name).fee(1).expect("there is room");
            }
            assert_eq!(remote.at::<Account>(&name).balance().await, Ok(before + 100));
        }
    }
}

/// Awaited all at once, they run in the order in which they were polled first.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_under_way_together_keep_their_order() {
    let nodes = pair("gateway-order").await;
    let remote = program(&[&nodes[0]]).await;
    for at in &nodes {
        let account = remote.at::<Account>(account_on(at).await);
        let mut calls: Vec<_> = (0..100).map(|_| Box::pin(account.deposit(1))).collect();
        // All are sent by the first round, in which the first of them may be answered already.
        let first = std::future::poll_fn(|cx| {
            Poll::Ready(calls.iter_mut().map(|call| call.as_mut().poll(cx)).collect::<Vec<_>>())
        });
        for (i, (polled, call)) in first.await.into_iter().zip(calls).enumerate() {
            let answer = match polled {
                Poll::Ready(answer) => answer,
                Poll::Pending => call.await,
            };
            assert_eq!(answer, Ok(i as u64 + 1));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_registered_found_and_freed() {
    let nodes = pair("gateway-names").await;
    let remote = program(&[&nodes[0], &nodes[1]]).await;
    assert_eq!(remote.whereis("a").await, Ok(None));
    AccountClient::register("a", 5).on(&remote).await.expect("the name is free");
    let at = remote.whereis("a").await.expect("it is answered").expect("it is there");
    assert_eq!((Ok(Some(at.clone())), at.worker.as_str()), (nodes[1].whereis("a").await, "Account"));
    assert_eq!(AccountClient::whereis_or_register("a", 9).on(&remote).await, Ok(at.clone()));
    let taken = AccountClient::register("a", 5).on(&remote).await;
    assert_eq!(taken, Err(RegisterError::AlreadyRegistered { name: "a".into(), location: at }));
    let rich = AccountClient::register("b", 1_000_001).on(&remote).await;
    assert!(matches!(&rich, Err(RegisterError::Init { text, .. }) if text == "too rich"), "{rich:?}");
    let long = AccountClient::register("x".repeat(2000), 5).on(&remote).await;
    assert_eq!(long, Err(RegisterError::NameTooLong { bytes: 2000, limit: 1024 }));
    let nobody = AccountClient::at("x".repeat(2000)).on(&remote).balance().await.expect_err("nobody has such a name");
    assert!(matches!(nobody, CallError::NotRegistered { .. }), "{nobody:?}");

    let listed = remote.registered().await.expect("it is answered");
    assert_eq!(listed, nodes[1].registered().await.expect("it is answered"));
    AccountClient::register("b", 5).on(&remote).await.expect("the name is free");
    let mut pages = remote.registered_pages().size(1);
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(page.expect("it is answered").into_iter().map(|(name, _)| name));
    }
    assert_eq!(names, ["a", "b"]);

    assert_eq!(remote.unregister("a").await, Ok(()));
    assert_eq!(remote.unregister("a").await, Ok(()), "a free name stays so");
    let gone = AccountClient::at("a").on(&remote).balance().await.expect_err("nobody has it");
    assert!(matches!(gone, CallError::NotRegistered { .. }) && gone.executed() == Executed::No, "{gone:?}");
    let mine = AccountClient::register_local("mine", Account::detached()).on(&remote).await;
    assert_eq!(mine, Err(RegisterError::NoMember { name: "mine".into() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_joined_told_and_asked() {
    let nodes = pair("gateway-groups").await;
    let remote = program(&[&nodes[1]]).await;
    let names = [account_on(&nodes[0]).await, account_on(&nodes[1]).await];
    for name in &names {
        remote.group::<Audited>().join(name).await.expect("it is there");
        swarm::group::<Everyone>().key("eu").on(&remote).join(name).await.expect("it is there");
    }
    let members = remote.group::<Audited>().members().await.expect("it is answered");
    assert_eq!(members, nodes[0].group::<Audited>().members().await.expect("it is answered"));
    assert_eq!(members.len(), 2);
    assert_eq!(remote.group::<Audited>().publish(account::Fee { cents: 0 }).await, Ok(2));
    assert_eq!(remote.group::<Everyone>().key("eu").publish(Hear { cents: 4 }).await, Ok(2));
    assert_eq!(remote.group::<Everyone>().key("us").publish(Hear { cents: 4 }).await, Ok(0));
    let mut expected: Vec<_> = names.iter().map(|name| (Name::from(name), Ok(4))).collect();
    expected.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(remote.group::<Audited>().multicall(account::Balance).await, Ok(expected.clone()));
    assert_eq!(remote.group::<Everyone>().key("eu").multicall(Count).await, Ok(expected));
    let all = remote.group::<Account>().multicall(account::Balance).await.expect("it is answered");
    assert!(all.len() >= 2 && all.iter().all(|(_, reply)| reply.is_ok()), "{all:?}");

    remote.group::<Audited>().leave(&names[0]).await.expect("it is there");
    assert_eq!(remote.group::<Audited>().publish(account::Fee { cents: 0 }).await, Ok(1));
    let nobody = remote.group::<Audited>().join("nobody").await;
    assert!(matches!(&nobody, Err(RegistryError::NotRegistered { name, .. }) if name == "nobody"), "{nobody:?}");
}

/// One that is slow, and one that fails, hide nothing of what the others answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_asked_within_one_deadline() {
    let nodes = pair("gateway-slow").await;
    let remote = program(&[&nodes[0]]).await;
    let names = [account_on(&nodes[0]).await, account_on(&nodes[1]).await];
    for name in &names {
        remote.group::<Audited>().join(name).await.expect("it is there");
    }
    let account = remote.at::<Account>(&names[1]);
    let held = tokio::spawn(async move { account.hold("slow").await });
    hold("slow").begun(1).await;
    let answers = remote.group::<Audited>().multicall(account::Balance).timeout(Duration::from_secs(1)).await;
    let answers = answers.expect("it is answered");
    assert_eq!(answers.len(), 2);
    for (name, answer) in answers {
        if name == names[0].as_str() {
            assert_eq!(answer, Ok(0));
        } else {
            let late = answer.expect_err("it is held");
            assert!(matches!(late, CallError::Timeout { .. }) && late.executed() != Executed::Yes, "{late:?}");
        }
    }
    hold("slow").let_go();
    assert_eq!(held.await.expect("it does not panic"), Ok(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_told_as_it_is_to_members() {
    let nodes = pair("gateway-errors").await;
    let remote = program(&[&nodes[0]]).await;
    for at in &nodes {
        let name = account_on(at).await;
        let panic = remote.at::<Account>(&name).fail().await.expect_err("it panics");
        let expected =
            CallError::Panicked { name: name.as_str().into(), node: at.node(), text: "as it was told to".to_owned() };
        assert_eq!(panic, expected);
        // Another version of the message, and one that the worker does not have.
        let version = AccountClient::whereis(&name).on(&remote).await;
        assert!(version.is_ok_and(|at| at.is_some()));
        let mismatch =
            other::AccountClient::at(&name).on(&remote).deposit("5").await.expect_err("it is another version");
        assert!(matches!(mismatch, CallError::SchemaMismatch { .. }), "{mismatch:?}");
        assert_eq!(mismatch.executed(), Executed::No);
        let unhandled = other::AccountClient::at(&name).on(&remote).close().await.expect_err("there is no such method");
        assert!(matches!(&unhandled, CallError::Unhandled { worker, .. } if worker == "Account"), "{unhandled:?}");
    }
    let init = other::AccountClient::register("new", "much".to_owned()).on(&remote).await;
    assert!(matches!(init, Err(RegisterError::NoCapableNode { .. })), "{init:?}");
}

/// As on a thread that belongs to no runtime.
#[tokio::test(flavor = "multi_thread")]
async fn threads_without_a_runtime_may_wait() {
    let nodes = pair("gateway-threads").await;
    let (remote, name) = (program(&[&nodes[0]]).await, account_on(&nodes[1]).await);
    let thread = std::thread::spawn(move || {
        let account = remote.at::<Account>(&name);
        account.fee(0).expect("there is room");
        assert_eq!(account.deposit(7).wait(), Ok(7));
        drop(account);
        AccountClient::whereis(&name).on(&remote).wait()
    });
    let found = tokio::task::spawn_blocking(|| thread.join()).await.expect("it ends").expect("it does not panic");
    assert_eq!(found.expect("it is answered").expect("it is there").node, nodes[1].node());
}

/// Who drops a call gives up its answer, and nothing of it stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_dropped_waits_nowhere() {
    let nodes = pair("gateway-dropped").await;
    let (remote, name) = (program(&[&nodes[0]]).await, account_on(&nodes[1]).await);
    let call = tokio::spawn({
        let account = remote.at::<Account>(&name);
        async move { account.hold("dropped").timeout(PATIENCE * 100).await }
    });
    hold("dropped").begun(1).await;
    until("the call is under way", &nodes[0], async || nodes[0].stats().calls_open == 1).await;
    call.abort();
    until("nobody waits for it", &nodes[0], async || nodes[0].stats().calls_open == 0).await;
    // The handler goes on all the same.
    hold("dropped").let_go();
    assert_eq!(remote.at::<Account>(&name).deposit(1).await, Ok(1));
}
