//! What is done to workers and keys from the command line.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;
use swarm::Admin;
use tokio::io::AsyncWriteExt;

use super::fixture::{Dir, PATIENCE, RockClient, TallyClient, builder, pair};

const SECRET: &str = "the secret of a command line";

/// A file that only its owner can read.
fn key_file(dir: &Dir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).expect("a new file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("it is ours");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_moved_and_called_home() {
    let dir = Dir::new();
    let nodes = pair("ctl-move", &dir).await;
    let at = TallyClient::whereis_or_register("tally", ()).on(&nodes[0]).await.expect("the name is free");
    assert_eq!(TallyClient::at("tally").on(&nodes[0]).hit().await, Ok(1));
    let away = nodes.iter().find(|node| node.node() != at.node).expect("there are two").node().to_string();
    let moved = &dir.run(&["move", "tally", &away, "--wait", "--json"]).await.json()[0];
    assert_eq!((&moved["node"], &moved["reason"]["is"]), (&json!(away), &json!("posted")));
    assert_eq!(TallyClient::at("tally").on(&nodes[0]).hit().await, Ok(2));
    let text = dir.run(&["whereis", "tally"]).await.done();
    assert!(text.contains(&format!("an operator has moved it there: the ring would have it on {}", at.node)), "{text}");
    let text = dir.run(&["move", "tally", "--home", "--wait"]).await.done();
    assert!(text.contains(&format!("node           {}\n", at.node)), "{text}");

    dir.run(&["move", "tally", &away, "--wait"]).await.done();
    assert_eq!(dir.run(&["rebalance"]).await.done(), "2 nodes have every worker go where the ring wants it\n");
    dir.run(&["move", "tally", "--home", "--wait"]).await.done();

    let rock = RockClient::whereis_or_register("rock", ()).on(&nodes[0]).await.expect("the name is free");
    let away = nodes.iter().find(|node| node.node() != rock.node).expect("there are two").node().to_string();
    let text = dir.run(&["move", "rock", &away, "--wait"]).await.failed(1);
    assert!(text.contains("has said that it stays"), "{text}");
    assert!(dir.run(&["move", "nobody", &away]).await.failed(1).contains("no worker is registered as `nobody`"));
    for wrong in
        [&["move", "tally"][..], &["move", "tally", &away, "--home"], &["move", "tally", &away, "--within", "3"]]
    {
        assert_eq!(dir.run(wrong).await.status, 2, "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_started_again() {
    let dir = Dir::new();
    let nodes = pair("ctl-restart", &dir).await;
    TallyClient::register("tally", ()).on(&nodes[0]).await.expect("the name is free");
    assert_eq!(TallyClient::at("tally").on(&nodes[0]).hit().await, Ok(1));
    let text = dir.run(&["restart", "tally", "--why", "it is\u{1b}[2J stuck"]).await.done();
    assert!(text.starts_with("tally is started again on 127.0.0.1:"), "{text}");
    assert_eq!(TallyClient::at("tally").on(&nodes[0]).hit().await, Ok(1));
    let answer = &dir.run(&["restart", "tally", "--json"]).await.json()[0];
    assert_eq!(answer["name"], "tally");
    assert_eq!(dir.run(&["restart", "nobody"]).await.failed(1), "swarmctl: no worker is registered as `nobody`\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_changed_by_the_socket_and_by_tcp() {
    let dir = Dir::new();
    let admin = Admin::unix(dir.socket("one.sock")).and_tcp("127.0.0.1:0".parse().expect("an address"));
    let one = builder("ctl-keys", &[]).secret(SECRET).admin(admin).start().await.expect("a node starts");
    let old = one.keys().ids()[0].to_string();
    let text = dir.run(&["keys", "list"]).await.done();
    assert!(text.contains(&format!("{} *  {old}", one.node())), "{text}");

    let mut child = dir.program(&["keys", "add", "-", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().expect("it can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"another secret of a command line\n").await.expect("it reads");
    drop(stdin);
    assert!(tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends").expect("it ran").success());
    let new = one.keys().ids()[1].to_string();

    // From here on by TCP, with the secret in a file.
    let addr = one.admin_tcp().expect("it serves operators by TCP").to_string();
    let file = key_file(&dir, "key", &format!("{SECRET}\n"));
    let file = file.to_str().expect("it is text");
    let by_tcp = ["--connect", &addr, "--secret-file", file];
    let used = &dir.run(&[&["keys", "use", &new, "--json"], &by_tcp[..]].concat()).await.json()[0];
    assert_eq!(used["now"]["keys"], json!([new, old]));
    let text = dir.run(&[&["keys", "remove", &old], &by_tcp[..]].concat()).await.done();
    assert_eq!(text, format!("key {old}: {} has {new} now; the first encrypts\n", one.node()));
    let text = dir.run(&[&["status"], &by_tcp[..]].concat()).await.failed(3);
    assert!(text.contains("give this program the secret of the cluster"), "the old one is gone: {text}");

    let text = dir.run(&["keys", "remove", &new]).await.failed(1);
    assert!(text.contains(&format!("may still encrypt with key {new}")), "{text}");
    let text = dir.run(&["keys", "use", "zz"]).await.failed(1);
    assert!(text.contains("`zz` is no key of"), "{text}");
    let open = key_file(&dir, "open", SECRET);
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).expect("it is ours");
    let open = open.to_str().expect("it is text");
    assert!(dir.run(&["keys", "add", open]).await.failed(2).contains("chmod 600"));
    let text = dir.run(&["status", "--connect", &addr, "--secret-file", open]).await.failed(2);
    assert!(text.contains("chmod 600"), "{text}");
    assert_eq!(dir.run(&["status", "--secret-file", file]).await.status, 2, "a secret without an address");
}
