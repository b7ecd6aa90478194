//! Nodes that go, and clients that go on.

use std::net::TcpListener;

use swarm::prelude::*;
use swarm::remote::{Client, ConnectError};

use super::fixture::{
    Account, AccountClient, PATIENCE, account_on, builder, gateway, hold, pair, patient, program, until,
};

#[tokio::test(flavor = "multi_thread")]
async fn when_a_node_is_lost_the_client_goes_on_with_another() {
    let [one, other] = pair("gateway-lost").await;
    let remote = program(&[&one, &other]).await;
    assert_eq!(remote.node(), Some(one.node()));
    let name = account_on(&other).await;
    let account = remote.at::<Account>(&name);
    assert_eq!(account.deposit(5).await, Ok(5));
    let held = tokio::spawn({
        let account = account.clone();
        async move { account.hold("lost").await }
    });
    hold("lost").begun(1).await;
    drop(one);
    // It did begin, and what is known here is that it may have.
    let error = held.await.expect("it does not panic").expect_err("its connection is lost");
    assert!(matches!(&error, CallError::NodeDown { .. }) && error.executed() == Executed::Maybe, "{error:?}");
    hold("lost").let_go();
    until("the client is connected to the other", &other, async || remote.node() == Some(other.node())).await;
    assert_eq!(account.deposit(5).await, Ok(10));
    assert_eq!(remote.whereis(&name).await.expect("it is answered").expect("it is there").node, other.node());
}

/// While a node leaves, nothing fails that is asked through it.
#[tokio::test(flavor = "multi_thread")]
async fn when_a_node_leaves_nobody_notices() {
    let [one, other] = pair("gateway-leaves").await;
    let remote = program(&[&one, &other]).await;
    let account = remote.at::<Account>(account_on(&one).await);
    let leaving = tokio::spawn(async move { one.leave().await });
    let mut sum = 0;
    let calling = async {
        while remote.node() != Some(other.node()) || sum < 100 {
            sum += 1;
            assert_eq!(account.deposit(1).await, Ok(sum));
        }
    };
    tokio::time::timeout(PATIENCE * 3, calling).await.expect("the client goes over to the other");
    leaving.await.expect("it does not panic").expect("all is handed over");
    assert_eq!(account.balance().await, Ok(sum));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_node_nothing_is_asked_and_with_one_again_it_is() {
    let one = builder("gateway-none", &[]).start().await.expect("a node starts");
    let remote = program(&[&one]).await;
    let addr = gateway(&one);
    drop(one);
    let account = remote.at::<Account>("a");
    until_down(&remote).await;
    let call = account.balance().timeout(Duration::from_millis(100)).await.expect_err("there is nobody to ask");
    assert!(matches!(&call, CallError::Unreachable { text, .. } if text.contains(&addr)), "{call:?}");
    assert_eq!(call.executed(), Executed::No);
    let cast = account.fee(1).expect_err("there is nobody to tell");
    assert!(matches!(cast, CastError::Unreachable { .. }), "{cast:?}");
    let find = remote.whereis("a").timeout(Duration::from_millis(100)).await;
    assert!(matches!(find, Err(RegistryError::Unreachable { .. })), "{find:?}");
    let register = AccountClient::register("a", 1).on(&remote).timeout(Duration::from_millis(100)).await;
    assert!(matches!(register, Err(RegisterError::Unreachable { .. })), "{register:?}");

    // Nobody else may take the port meanwhile that the next node is to have, so it is tried until it can be had.
    let again = loop {
        let again = Swarm::builder().cluster("gateway-none").discovery(Seeds::new([] as [&str; 0]));
        match again.config(patient()).gateway(&addr).start().await {
            Ok(node) => break node,
            Err(swarm::StartError::Gateway { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    AccountClient::register("a", 1).on(&remote).await.expect("it waits for the connection");
    assert_eq!((account.balance().await, remote.node()), (Ok(1), Some(again.node())));
}

async fn until_down(remote: &Client) {
    let down = async {
        while remote.node().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, down).await.expect("it is noticed");
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_connect_is_told_why() {
    let addr = nobody();
    let nobody = Client::connect([addr.as_str(), "nonsense"]).await.expect_err("nobody is there");
    let ConnectError::Unreachable(text) = &nobody else { panic!("{nobody:?}") };
    assert!(text.contains(&format!("{addr}: nobody listens there")) && text.contains("nonsense: "), "{text}");
    let none = Client::connect([] as [&str; 0]).await.expect_err("none was named");
    assert!(none.to_string().contains("no gateway was named"), "{none}");
    let elsewhere = std::thread::spawn(|| {
        let mut connecting = Box::pin(Client::connect(["127.0.0.1:1"]));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        matches!(connecting.as_mut().poll(&mut cx), std::task::Poll::Ready(Err(ConnectError::NoRuntime)))
    });
    assert!(elsewhere.join().expect("it does not panic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_tried_in_turn() {
    let one = builder("gateway-turn", &[]).start().await.expect("a node starts");
    let remote = Client::builder().connect([nobody(), gateway(&one)]).await.expect("one of them is there");
    assert_eq!((remote.node(), remote.whereis("a").await), (Some(one.node()), Ok(None)));
}
