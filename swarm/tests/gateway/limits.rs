//! What is too long, too late or too much.

use swarm::prelude::*;
use swarm::remote::Client;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::fixture::{
    Account, AccountClient, Audited, PATIENCE, account, account_on, builder, gateway, hold, pair, program, until,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_refused_on_either_way() {
    let nodes = pair("gateway-long").await;
    let remote = program(&[&nodes[0]]).await;
    for at in &nodes {
        let name = account_on(at).await;
        let account = remote.at::<Account>(&name);
        let long = account.take(vec![0; 8 << 20]).await.expect_err("it is longer than members may send");
        assert!(matches!(long, CallError::TooLarge { limit: 4_190_208, executed: Executed::No, .. }), "{long:?}");
        let long = account.give(8 << 20).await.expect_err("it is longer than members may answer");
        assert!(matches!(long, CallError::TooLarge { limit: 4_190_208, executed: Executed::Yes, .. }), "{long:?}");
        assert_eq!(account.take(vec![0; 4_000_000]).await, Ok(4_000_000), "the connection goes on");
    }
    let group = remote.group::<Audited>().multicall(account::Take { bytes: vec![0; 8 << 20] }).await;
    assert!(matches!(group, Err(RegistryError::TooLarge { limit: 4_190_208, .. })), "{group:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_is_told_whether_it_ran() {
    let nodes = pair("gateway-late").await;
    let remote = program(&[&nodes[0]]).await;
    let account = remote.at::<Account>(account_on(&nodes[0]).await);
    let limit = Duration::from_secs(3);
    let held = tokio::spawn({
        let account = account.clone();
        async move { account.hold("late").timeout(limit).await }
    });
    hold("late").begun(1).await;
    // It stands behind the one that holds the worker.
    let late = account.balance().timeout(Duration::from_millis(50)).await.expect_err("it cannot run");
    assert!(matches!(late, CallError::Timeout { after, .. } if after <= Duration::from_millis(50)), "{late:?}");
    assert_eq!(late.executed(), Executed::No);
    let held = held.await.expect("it does not panic").expect_err("it takes longer");
    assert!(matches!(held, CallError::Timeout { after, .. } if after <= limit), "{held:?}");
    assert_ne!(held.executed(), Executed::No, "it has begun");
    hold("late").let_go();
    assert_eq!(account.balance().timeout(Duration::MAX).await, Ok(0), "there is no limit beyond all clocks");
    let at_once = account.balance().timeout(Duration::ZERO).await.expect_err("there is no time");
    assert_eq!((matches!(at_once, CallError::Timeout { .. }), at_once.executed()), (true, Executed::No));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_program_has_so_many_requests_under_way_and_others_wait_for_their_turn() {
    let node = builder("gateway-many", &[]).start().await.expect("a node starts");
    let (remote, other) = (program(&[&node]).await, program(&[&node]).await);
    let mut calls = Vec::new();
    for i in 0..300 {
        let name = format!("many/{i}");
        AccountClient::register(&name, i).on(&node).await.expect("the name is free");
        let account = remote.at::<Account>(name);
        calls.push(tokio::spawn(async move { account.hold("many").await }));
    }
    // Half of what the gateway takes, so that it refuses none.
    hold("many").begun(256).await;
    assert_eq!(node.stats().calls_open, 256);
    assert_eq!(other.at::<Account>("many/299").balance().timeout(PATIENCE).await, Ok(299), "others are not held up");
    hold("many").let_go();
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.expect("it does not panic"), Ok(i as u64));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_programs_are_connected_and_one_more_is_turned_away() {
    let node = builder("gateway-crowd", &[]).start().await.expect("a node starts");
    let addr = gateway(&node);
    let remote = program(&[&node]).await;
    let mut crowd = Vec::new();
    for _ in 0..255 {
        crowd.push(Client::connect([&addr]).await.expect("there is a place"));
    }
    let away = Client::connect([&addr]).await.expect_err("there is no place");
    assert!(away.to_string().contains("it cannot be understood"), "{away}");
    assert_eq!(remote.whereis("a").await, Ok(None), "who has a place keeps it");
    drop(crowd);
    until("there is a place again", &node, async || Client::connect([&addr]).await.is_ok()).await;
}

/// Who does not get through its handshake takes no place of those who have.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_keep_nobody_out_who_knows_the_secret() {
    const SECRET: &str = "q1Zr5WcVx0bJtD8eYkN2uA==";
    let node = builder("gateway-strangers", &[]).secret(SECRET).start().await.expect("a node starts");
    let addr = gateway(&node);
    let connect = async || Client::builder().secret(SECRET).connect([&addr]).await;
    let mut known = Vec::new();
    for _ in 0..8 {
        known.push(connect().await.expect("it is let in"));
    }
    let mut strangers = Vec::new();
    for _ in 0..64 {
        strangers.push(TcpStream::connect(&addr).await.expect("it is taken"));
    }
    for remote in &known {
        assert_eq!(remote.whereis("a").await, Ok(None));
    }
    connect().await.expect("one of them is hung up on instead");
    // All of them are after some seconds, without a word from them.
    for mut stranger in strangers {
        let said = tokio::time::timeout(PATIENCE, stranger.read_to_end(&mut Vec::new())).await;
        said.expect("it is not kept for ever").expect("it is closed");
    }
}

/// The queue of casts is bounded, and says so.
#[tokio::test]
async fn casts_beyond_the_queue_are_refused() {
    let node = builder("gateway-casts", &[]).start().await.expect("a node starts");
    let account = program(&[&node]).await.at::<Account>(account_on(&node).await);
    // On this one thread no receipt is looked at meanwhile.
    for _ in 0..256 {
        account.fee(0).expect("there is room");
    }
    let refused = account.fee(0).expect_err("there is none");
    assert!(
        matches!(&refused, CastError::Overloaded { what, .. } if what == "the connection to the gateway"),
        "{refused:?}"
    );
    until("all that were taken are counted", &node, async || node.stats().casts == 256).await;
    until("their receipts have come", &node, async || account.fee(0).is_ok()).await;
}
