//! Which node is meant where none is named. One test, since the default belongs to the process.

use swarm::prelude::*;
use swarm::{Config, Swarm};

struct Echo;

#[swarm::worker]
impl Echo {
    #[init]
    fn init() -> Self {
        Self
    }

    /// The node that a call without a node's name would use here.
    #[call]
    fn current(&self) -> Option<String> {
        Swarm::current().map(|swarm| swarm.node().to_string())
    }

    #[cast]
    fn nothing(&self) {}
}

async fn node(cluster: &str) -> Swarm {
    let builder = Swarm::builder().cluster(cluster).bind("127.0.0.1:0").config(Config::local());
    builder.discovery(Seeds::new(Vec::<String>::new())).start().await.expect("a node starts on a free port")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_node_is_meant_until_another_is_chosen() {
    assert!(Swarm::current().is_none());
    let call = EchoClient::at("echo").current().await;
    assert!(matches!(call, Err(CallError::NoSwarm)), "{call:?}");
    assert!(matches!(EchoClient::at("echo").nothing(), Err(CastError::NoSwarm)));
    assert!(matches!(EchoClient::register("echo", ()).await, Err(RegisterError::NoSwarm)));
    assert!(matches!(swarm::whereis("echo").await, Err(RegistryError::NoSwarm)));
    assert!(matches!(swarm::group::<Echo>().members().await, Err(RegistryError::NoSwarm)));

    let (one, two) = (node("one").await, node("two").await);
    let current = || Swarm::current().map(|swarm| swarm.node());
    assert_eq!(current(), Some(one.node()), "the first that was started");
    EchoClient::register("echo", ()).await.expect("the name is free");
    EchoClient::register("echo", ()).on(&two).await.expect("the name is free in the other cluster");
    assert_eq!(EchoClient::at("echo").current().await, Ok(Some(one.node().to_string())));
    assert_eq!(EchoClient::at("echo").on(&two).current().await, Ok(Some(two.node().to_string())));
    assert_eq!(swarm::whereis("echo").await.expect("an answer").map(|at| at.node), Some(one.node()));

    two.set_default();
    assert_eq!(current(), Some(two.node()));
    assert_eq!(swarm::whereis("echo").await.expect("an answer").map(|at| at.node), Some(two.node()));
    let thread = std::thread::spawn(|| EchoClient::at("echo").current().wait());
    let heard = tokio::task::spawn_blocking(move || thread.join()).await.expect("it is joined");
    assert_eq!(heard.expect("it does not panic"), Ok(Some(two.node().to_string())));

    // Its last handle goes, and with it the node.
    drop(two);
    assert_eq!(current(), None, "a default that has stopped is none");
    let three = node("three").await;
    assert_eq!(current(), Some(three.node()), "the next that starts takes its place");
    assert_eq!(EchoClient::at("echo").on(&one).current().await, Ok(Some(one.node().to_string())));
}
