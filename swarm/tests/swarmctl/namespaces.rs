//! What the doctor finds on real networks that are broken, made of network namespaces: each node is a process in one of its own.
//!
//! They need the right to make namespaces (root). Where the machine refuses, they say why and pass; with `TEST_NAMESPACES=required`, as in CI,
//! that is a failure.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use swarm::prelude::*;
use swarm::{Admin, Multicast};
use tokio::process::{Child, Command};

use super::doctor::until_found;
use super::fixture::{Dir, PATIENCE};
use super::network::Network;

/// Set where this test program runs as a node, to what it is to be: `BIND SOCKET [seed=ADDR] [advertise=ADDR] [multicast]`.
const NODE: &str = "SWARMCTL_TEST_NODE";

/// As long as it takes until beacons are missed.
const LONG: Duration = Duration::from_secs(90);

/// A node, as a process that this program is in a namespace. In a test run it does nothing.
#[test]
fn a_node_runs_where_it_is_told_to() {
    let Ok(words) = std::env::var(NODE) else { return };
    let mut words = words.split_whitespace();
    let (bind, socket) = (words.next().expect("where to listen"), words.next().expect("where operators come"));
    let mut builder = Swarm::builder().cluster("namespaces").bind(bind).insecure().admin(Admin::unix(socket));
    let mut config = Config::local();
    // Who is not heard is kept for as long as a test takes.
    config.net.membership.suspicion_min_ms = 60_000;
    builder = builder.config(config);
    for word in words {
        builder = match word.split_once('=') {
            Some(("seed", addr)) => builder.discovery(Seeds::new([addr.to_owned()])),
            Some(("advertise", addr)) => builder.advertise(addr),
            Some(_) => panic!("what is {word}?"),
            None => builder.discovery(Multicast::default()),
        };
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let _node = builder.start().await.expect("a node starts");
        std::future::pending::<()>().await
    });
}

/// A network of so many nodes; nothing, and a printed reason, where this machine allows none.
fn network(nodes: usize) -> Option<Network> {
    let network = Network::new(nodes);
    if let Err(reason) = &network {
        let required = std::env::var("TEST_NAMESPACES").is_ok_and(|word| word == "required");
        assert!(!required, "network namespaces are required here: {reason}");
        println!("skipped: this machine allows no network namespaces: {reason}");
    }
    network.ok()
}

fn addr(network: &Network, node: usize) -> String {
    format!("{}:45892", network.ipv4(node))
}

/// Starts a node there, which goes with what is returned.
fn start(network: &Network, dir: &Dir, node: usize, words: &str) -> Child {
    let socket = dir.path().join(format!("{node}.sock"));
    let told = format!("{} {} {words}", addr(network, node), socket.display());
    let program = std::env::current_exe().expect("it runs from a file");
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &network.namespace(node)]).arg(program);
    command.args(["--exact", "namespaces::a_node_runs_where_it_is_told_to", "--nocapture"]).env(NODE, told);
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    command.spawn().expect("there is `ip`")
}

fn socket(dir: &Dir, node: usize) -> String {
    dir.path().join(format!("{node}.sock")).to_str().expect("it is text").to_owned()
}

/// Waits until the first node answers and sees so many.
async fn until_members(dir: &Dir, count: usize) {
    let end = Instant::now() + PATIENCE;
    loop {
        let ran = dir.run(&["nodes", "--json", "--socket", &socket(dir, 1)]).await;
        let nodes: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        if nodes["nodes"].as_array().is_some_and(|nodes| nodes.len() == count) {
            return;
        }
        assert!(Instant::now() < end, "there are no {count} nodes in time: {ran:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn found(dir: &Dir, code: &str) -> Value {
    until_found(dir, &["--socket", &socket(dir, 1)], code, LONG).await
}

fn about_both(finding: &Value, network: &Network) -> bool {
    let subject = finding["subject"].as_str().expect("a text");
    [1, 2].iter().all(|node| subject.contains(&addr(network, *node)))
}

/// Two nodes, the second of which knows the first.
async fn two(network: &Network, dir: &Dir, words: &str) -> [Child; 2] {
    let one = start(network, dir, 1, words);
    let other = start(network, dir, 2, &format!("seed={} {words}", addr(network, 1)));
    until_members(dir, 2).await;
    [one, other]
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_that_is_blocked_while_tcp_works_is_found() {
    let Some(network) = network(2) else { return };
    let dir = Dir::new();
    let _nodes = two(&network, &dir, "").await;
    network.filter("meta l4proto udp drop").expect("there is nftables");
    let finding = found(&dir, "udp-blocked").await;
    assert!(about_both(&finding, &network), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_that_is_blocked_while_udp_works_is_found() {
    let Some(network) = network(2) else { return };
    let dir = Dir::new();
    network.filter("meta l4proto tcp drop").expect("there is nftables");
    let _one = start(&network, &dir, 1, &format!("seed={}", addr(&network, 2)));
    let _other = start(&network, &dir, 2, &format!("seed={}", addr(&network, 1)));
    until_members(&dir, 1).await;
    let finding = found(&dir, "tcp-blocked").await;
    assert!(about_both(&finding, &network), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_loses_large_packets_is_found() {
    let Some(network) = network(2) else { return };
    let dir = Dir::new();
    let _nodes = two(&network, &dir, "").await;
    network.filter("udp length > 1000 drop").expect("there is nftables");
    let finding = found(&dir, "mtu").await;
    assert!(about_both(&finding, &network), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn multicast_that_does_not_cross_is_found() {
    let Some(network) = network(2) else { return };
    let dir = Dir::new();
    network.filter("ip daddr 224.0.0.0/4 drop").expect("there is nftables");
    let _nodes = two(&network, &dir, "multicast").await;
    let finding = found(&dir, "multicast").await;
    assert!(about_both(&finding, &network), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_advertised_wrongly_is_found() {
    let Some(network) = network(2) else { return };
    let dir = Dir::new();
    let _one = start(&network, &dir, 1, "");
    until_members(&dir, 1).await;
    let words = format!("seed={} advertise=10.77.0.99:45892", addr(&network, 1));
    let _other = start(&network, &dir, 2, &words);
    let finding = found(&dir, "advertised-wrongly").await;
    assert!(finding["subject"].as_str().is_some_and(|node| node.starts_with("10.77.0.99:45892")), "{finding}");
    assert!(finding["seen"].as_str().is_some_and(|text| text.contains(&addr(&network, 2))), "{finding}");
}
