//! The statuses that the program ends with, and what it says then.

use std::os::unix::net::UnixListener;

use swarm::Admin;

use super::fixture::{Dir, TallyClient, builder, pair};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_done_is_one() {
    let dir = Dir::new();
    let nodes = pair("statuses", &dir).await;
    for words in [["whereis", "nobody"], ["describe", "nobody"], ["unregister", "nobody"]] {
        assert_eq!(dir.run(&words).await.failed(1), "swarmctl: no worker is registered as `nobody`\n");
    }
    let ran = dir.run(&["whereis", "nobody", "--json"]).await.failed(1);
    let error: serde_json::Value = serde_json::from_str(&ran).expect("a JSON document");
    assert_eq!(error["error"]["code"], "not_found");
    assert_eq!(error["error"]["text"], "no worker is registered as `nobody`");
    let ran = dir.run(&["drain", "10.1.2.3:4"]).await.failed(1);
    assert!(ran.starts_with("swarmctl: `10.1.2.3:4` is no node of this cluster: write one of 127.0.0.1:"), "{ran}");
    nodes[1].leave().await.expect("it leaves in good order");
    let ran = dir.run(&["drain", &nodes[0].node().to_string()]).await.failed(1);
    assert!(ran.contains("is the only node that takes workers"), "{ran}");
    let ran = dir.run(&["log", "debug"]).await.failed(1);
    assert!(ran.contains("give `Admin::logging` something that can"), "{ran}");
    let ran = dir.run(&["ls", "--kind", "Taly"]).await.failed(1);
    assert!(ran.contains("no node knows a worker type `Taly`"), "{ran}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_two_and_so_is_a_choice_that_was_not_made() {
    let dir = Dir::new();
    for words in [&["whereis"][..], &["fly"], &["nodes", "--timeout", "0"], &["drain", "x", "--within", "3"], &[]] {
        let ran = dir.run(words).await;
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{ran:?}");
        assert!(ran.err.contains("Usage:") || ran.err.contains("try '--help'"), "{ran:?}");
    }
    let _one = builder("choice", &[]).admin(Admin::unix(dir.socket("a.sock"))).start().await.expect("a node starts");
    let _two = builder("other", &[]).admin(Admin::unix(dir.socket("b.sock"))).start().await.expect("a node starts");
    let ran = dir.run(&["nodes"]).await.failed(2);
    assert!(ran.starts_with("swarmctl: several nodes run here; say which one is to answer:\n"), "{ran}");
    for (socket, cluster) in [("a.sock", "choice"), ("b.sock", "other")] {
        assert!(ran.contains(&format!("--socket {} ", dir.socket(socket).display())), "{ran}");
        assert!(ran.contains(&format!("of cluster {cluster})")), "{ran}");
    }
    let socket = dir.socket("b.sock");
    let status = dir.run(&["status", "--socket", socket.to_str().expect("it is text")]).await.done();
    assert!(status.contains("cluster          other\n"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_three() {
    let dir = Dir::new();
    let ran = dir.run(&["nodes"]).await.failed(3);
    assert!(ran.contains(&format!("there is no socket in {}", dir.path().join("swarm").display())), "{ran}");
    assert!(ran.contains("`Builder::admin(Admin::default())`") && ran.contains("--socket PATH"), "{ran}");
    // One that a dead node has left behind is no node.
    drop(UnixListener::bind(dir.socket("dead.sock")).expect("a new socket"));
    let ran = dir.run(&["nodes"]).await.failed(3);
    assert!(ran.contains("there is no socket at which a node answers in "), "{ran}");
    let dead = dir.socket("dead.sock");
    let ran = dir.run(&["nodes", "--socket", dead.to_str().expect("it is text")]).await.failed(3);
    assert!(ran.contains("nobody listens there any more: its node has ended"), "{ran}");
    let ran = dir.run(&["nodes", "--tcp", "127.0.0.1:1", "--json"]).await.failed(3);
    let error: serde_json::Value = serde_json::from_str(&ran).expect("a JSON document");
    assert_eq!(error["error"]["code"], "unreachable");
}

/// The dead are passed over: a node that was started again is found beside what its predecessor has left.
#[tokio::test(flavor = "multi_thread")]
async fn the_only_node_that_lives_is_found_beside_dead_ones() {
    let dir = Dir::new();
    drop(UnixListener::bind(dir.socket("dead.sock")).expect("a new socket"));
    let one = builder("alive", &[]).admin(Admin::unix(dir.socket("one.sock"))).start().await.expect("a node starts");
    TallyClient::register("tally", ()).on(&one).await.expect("the name is free");
    assert_eq!(dir.run(&["ls", "--json"]).await.json().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_a_node_answers_as_well() {
    let dir = Dir::new();
    let local = Admin::tcp("127.0.0.1:0".parse().expect("an address"));
    let one = builder("tcp", &[]).admin(local).start().await.expect("a node starts");
    let at = one.admin().expect("it serves operators").to_string();
    assert!(dir.run(&["status", "--tcp", &at]).await.done().contains("cluster          tcp\n"));
}

/// A node that takes connections and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_four_if_he_was_named() {
    let dir = Dir::new();
    let path = dir.socket("mute.sock");
    let _mute = UnixListener::bind(&path).expect("a new socket");
    let ran = dir.run(&["nodes", "--socket", path.to_str().expect("it is text"), "--timeout", "0.2"]).await.failed(4);
    assert!(ran.contains("did not answer within 200ms"), "{ran}");
    let ran = dir.run(&["nodes"]).await.failed(3);
    assert!(ran.contains("no socket at which a node answers"), "{ran}");
}
