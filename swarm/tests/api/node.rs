//! A node: its builder, what it says of itself, and how it ends.

use futures_core::Stream;
use swarm::prelude::*;
use swarm::{Event, LeaveError, NetError, Node, NodeFilter, SecretError, Stats};

use crate::account::{Account, AccountClient};
use crate::{PATIENCE, join, run, start};

#[test]
fn the_builder_of_the_contract() {
    run(async {
        let swarm = Swarm::builder()
            .cluster("bank")
            .bind("127.0.0.1:0")
            .advertise("127.0.0.1:0")
            .discovery(Multicast::default())
            .discovery(Seeds::new(["127.0.0.1:9"]))
            .placement(Placement::Ring)
            .nodes(NodeFilter::any().allow_regex(r"^127\.0\.0\.1:").expect("a regular expression"))
            .config(Config { call_timeout_ms: 1_000, ..Config::local() })
            .start()
            .await
            .expect("a node starts on a free loopback port");
        let id: NodeId = swarm.node();
        assert_eq!(id.addr(), swarm.local_addr());
        let nodes: Vec<Node> = swarm.nodes();
        assert_eq!(nodes.iter().map(|node| node.id).collect::<Vec<_>>(), [id]);
        assert_eq!((nodes[0].weight, nodes[0].leaving), (100, false));
        let stats: Stats = swarm.stats();
        assert_eq!((stats.nodes, stats.workers), (1, 0));
        swarm.leave().await.expect("there is nobody to hand anything to");
    });
}

#[test]
fn nodes_find_each_other_by_multicast_on_the_loopback_interface() {
    run(async {
        // Without a word about discovery.
        let node = || Swarm::builder().cluster("multicast").bind("127.0.0.1:0").config(Config::local()).start();
        let (first, second) = tokio::join!(node(), node());
        let (first, second) = (first.expect("it starts"), second.expect("it starts"));
        let mut events = first.events();
        while first.nodes().len() < 2 {
            let event = tokio::time::timeout(PATIENCE, events.next()).await;
            event.expect("they meet in time").expect("the node runs");
        }
        assert!(first.nodes().iter().any(|node| node.id == second.node()));
    });
}

#[test]
fn a_link_local_group_is_that_of_an_interface() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6");
        return;
    }
    run(async {
        let group: std::net::Ipv6Addr = "ff12::5a".parse().expect("a literal address");
        let node = |bind: &str| Swarm::builder().cluster("link-local").bind(bind).insecure();
        let multicast = || Multicast::default().group(group);
        let here = node("[::1]:0").discovery(multicast()).start().await;
        here.expect("a node on the loopback address means the loopback interface");
        let anywhere =
            node("[::]:0").discovery(multicast()).start().await.expect_err("each interface has such a group");
        assert!(anywhere.to_string().contains("interface_index"), "{anywhere}");
    });
}

#[test]
fn events_tell_what_happens() {
    fn is_stream(_: &(impl Stream<Item = Event> + Send)) {}
    run(async {
        let first = start("events").await;
        let mut events = first.events();
        is_stream(&events);
        let second = join("events", &[&first]).await;
        let id = second.node();
        let mut next = async || tokio::time::timeout(PATIENCE, events.next()).await.expect("in time");
        while next().await != Some(Event::NodeUp(id)) {}
        AccountClient::register_local("acct", Account::new(1)).on(&first).await.expect("the name is free");
        while !matches!(next().await, Some(Event::Started(name, _)) if name == "acct") {}
        second.leave().await.expect("it has nothing");
        while !matches!(next().await, Some(Event::NodeDown(down, _)) if down == id) {}
        first.leave().await.expect("nobody is left to take anything, and nothing is lost that can be started again");
        while next().await.is_some() {}
    });
}

#[test]
fn the_default_node_can_be_changed() {
    run(async {
        // Nodes of other tests are in this process, too: the default is whatever they made it.
        let before = Swarm::current().expect("the tests' default node");
        let swarm = start("set-default").await;
        assert_ne!(Swarm::current().expect("a node").node(), swarm.node(), "the first one stays the default");
        before.set_default();
        assert_eq!(Swarm::current().expect("a node").node(), before.node());
    });
}

#[test]
fn a_node_that_is_dropped_is_gone_at_once() {
    run(async {
        let first = start("dropped-node").await;
        let second = join("dropped-node", &[&first]).await;
        let id = second.node();
        let mut events = first.events();
        while first.nodes().len() < 2 {
            tokio::time::timeout(PATIENCE, events.next()).await.expect("in time").expect("the node runs");
        }
        let clone = second.clone();
        drop(second);
        assert_eq!(clone.node(), id, "a clone keeps it running");
        drop(clone);
        let gone = async { while !matches!(events.next().await, Some(Event::NodeDown(down, _)) if down == id) {} };
        tokio::time::timeout(PATIENCE, gone).await.expect("the other notices");
    });
}

#[test]
fn what_cannot_start_says_what_to_do() {
    run(async {
        let builder = || Swarm::builder().cluster("start-errors").discovery(Seeds::new(Vec::<String>::new()));
        let address = builder().bind("nonsense").start().await.expect_err("no address");
        assert!(matches!(address, StartError::Address { .. }), "{address:?}");
        assert!(address.to_string().contains("host:port"), "{address}");

        // A node that would listen to other machines is refused before it opens anything.
        let open = builder().bind("192.0.2.1:0").start().await.expect_err("not without .insecure()");
        assert!(matches!(open, StartError::NoSecret { .. }), "{open:?}");
        assert!(open.to_string().contains(".insecure()"), "{open}");
        // With it, it is the system that says that this machine has no such address.
        let bind = builder().bind("192.0.2.1:0").insecure().start().await.expect_err("no such address here");
        assert!(matches!(bind, StartError::Net(NetError::Bind { .. })), "{bind:?}");

        // A secret does as well, if it is one.
        let closed = || builder().bind("192.0.2.1:0").secret("q1Zr5WcVx0bJtD8eYkN2uA==");
        let bind = closed().start().await.expect_err("no such address here");
        assert!(matches!(bind, StartError::Net(NetError::Bind { .. })), "{bind:?}");
        assert!(!format!("{:?}", closed()).contains("q1Zr"), "nothing that is printed shows it");
        let short = builder().secret("hunter2").start().await.expect_err("it can be guessed");
        assert!(matches!(short, StartError::Secret(SecretError::TooShort { bytes: 7 })), "{short:?}");
        assert!(short.to_string().contains("openssl rand -base64 32") && !short.to_string().contains("hunter"));
        let absent = builder().secret_file("/nonexistent/key").start().await.expect_err("no such file");
        assert!(matches!(absent, StartError::Secret(SecretError::File { .. })), "{absent:?}");

        let first = start("start-errors").await;
        let taken = builder().bind(first.local_addr().to_string()).start().await.expect_err("it is taken");
        assert!(matches!(taken, StartError::Net(NetError::Bind { .. })), "{taken:?}");
        assert!(taken.to_string().contains(&first.local_addr().to_string()), "{taken}");

        let zero = builder().config(Config { replicas: 0, ..Config::default() }).start().await.expect_err("zero");
        assert!(matches!(zero, StartError::Config(_)) && zero.to_string().contains("replicas"), "{zero:?}");
    });
}

/// Signals need the I/O part of a runtime; a node does not, and is told so and goes on.
#[test]
fn without_io_in_the_runtime_there_are_no_signals_to_leave_on() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().expect("tokio starts");
    let swarm = runtime.block_on(start("no-signals"));
    match runtime.block_on(async { tokio::time::timeout(PATIENCE, swarm.leave_on_signal()).await }) {
        Ok(Err(LeaveError::NoSignals { why })) => assert!(why.contains("enable_io"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(runtime.block_on(swarm.leave()), Ok(()), "it goes on until it is told to leave");
}

#[test]
fn a_node_starts_inside_a_runtime_only() {
    let mut start = std::pin::pin!(Swarm::builder().start());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let outside = start.as_mut().poll(&mut cx);
    assert!(matches!(outside, std::task::Poll::Ready(Err(StartError::NoRuntime))));
}

/// Two worker types of one name in one program.
mod one_name {
    pub(super) struct One;

    #[swarm::worker(name = "start.same", register = manual)]
    impl One {
        #[init]
        fn init() -> Self {
            Self
        }
    }

    pub(super) struct Other;

    #[swarm::worker(name = "start.same", register = manual)]
    impl Other {
        #[init]
        fn init() -> Self {
            Self
        }
    }
}

/// Two message types of one name, of two worker types.
mod one_message {
    #[swarm::message(name = "start.ping")]
    pub(super) struct Ping(u64);

    #[swarm::message(name = "start.ping")]
    pub(super) struct Pong(String);

    pub(super) struct One;

    #[swarm::worker(register = manual, module = one_messages)]
    impl One {
        #[init]
        fn init() -> Self {
            Self
        }

        #[cast(Ping)]
        fn ping(&mut self, ping: Ping) {
            drop(ping.0.to_string());
        }
    }

    pub(super) struct Other;

    #[swarm::worker(register = manual, module = other_messages)]
    impl Other {
        #[init]
        fn init() -> Self {
            Self
        }

        #[cast(Pong)]
        fn pong(&mut self, pong: Pong) {
            drop(pong.0);
        }
    }
}

#[test]
fn names_that_two_types_have_are_refused_at_the_start() {
    run(async {
        let kinds = Swarm::builder().worker::<one_name::One>().worker::<one_name::Other>().start().await;
        let kinds = kinds.expect_err("two kinds of one name");
        let text = kinds.to_string();
        assert!(matches!(kinds, StartError::SameWorkerName { .. }), "{kinds:?}");
        assert!(
            text.contains("start.same") && text.contains("one_name::One") && text.contains("one_name::Other"),
            "{text}"
        );

        let messages = Swarm::builder().worker::<one_message::One>().worker::<one_message::Other>().start().await;
        let messages = messages.expect_err("two messages of one name");
        let text = messages.to_string();
        assert!(matches!(messages, StartError::SameMessageName { .. }), "{messages:?}");
        assert!(text.contains("start.ping") && text.contains("one_message::One") && text.contains("Other"), "{text}");
    });
}

/// A discovery of the user's own.
struct Told(std::net::SocketAddr);

impl swarm::Discovery for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn run(self: Box<Self>, search: swarm::Search) {
        while search.wait(Duration::from_millis(10)) {
            search.found(self.0);
        }
    }
}

#[test]
fn discovery_can_be_ones_own() {
    run(async {
        let first = start("own-discovery").await;
        let second = Swarm::builder()
            .cluster("own-discovery")
            .discovery(Told(first.local_addr()))
            .config(Config::local())
            .start()
            .await
            .expect("a node starts on a free loopback port");
        assert_eq!(second.nodes().len(), 2, "a node that joins knows whom it joined");
    });
}

#[cfg(feature = "dns")]
#[test]
fn discovery_by_a_host_name() {
    run(async {
        let first = start("dns").await;
        let second = Swarm::builder()
            .cluster("dns")
            .discovery(swarm::Dns::new("localhost", first.local_addr().port()))
            .config(Config::local())
            .start()
            .await
            .expect("a node starts on a free loopback port");
        let mut events = first.events();
        while first.nodes().len() < 2 {
            tokio::time::timeout(PATIENCE, events.next()).await.expect("in time").expect("the node runs");
        }
        drop(second);
    });
}

/// The contract's own example: all interfaces, and the port of the multicast group. In a network namespace of its own,
/// so that nobody else hears of it.
#[cfg(target_os = "linux")]
#[test]
fn a_node_may_listen_everywhere_on_the_port_of_the_group() {
    use std::process::Command;

    const INSIDE: &str = "INSIDE_A_NAMESPACE";
    if std::env::var_os(INSIDE).is_none() {
        let me = std::env::current_exe().expect("a test has a file");
        let script = "ip link set lo up && ip route add 224.0.0.0/4 dev lo && exec \"$0\" --exact --nocapture \"$1\"";
        let test = "node::a_node_may_listen_everywhere_on_the_port_of_the_group";
        let probe = Command::new("unshare").args(["-n", "ip", "link", "set", "lo", "up"]).status();
        if !probe.is_ok_and(|status| status.success()) {
            println!("skipped: this machine allows no network namespaces");
            return;
        }
        let status =
            Command::new("unshare").args(["-n", "sh", "-c", script]).arg(me).arg(test).env(INSIDE, "1").status();
        assert!(status.expect("unshare runs").success());
        return;
    }
    run(async {
        let first = Swarm::builder()
            .cluster("bank")
            .bind("0.0.0.0:45892")
            .advertise("127.0.0.1:45892")
            .discovery(Multicast::default())
            .insecure()
            .config(Config::local())
            .start()
            .await
            .expect("the group's socket shares the port");
        let second = Swarm::builder().cluster("bank").bind("127.0.0.1:0").config(Config::local()).start().await;
        let second = second.expect("it starts");
        let mut events = first.events();
        while first.nodes().len() < 2 {
            tokio::time::timeout(PATIENCE, events.next()).await.expect("in time").expect("the node runs");
        }
        let twice = Swarm::builder().cluster("bank").bind("0.0.0.0:45892").insecure().start().await;
        assert!(matches!(twice, Err(StartError::Net(NetError::Bind { .. }))), "{twice:?}");
        drop(second);
    });
}
