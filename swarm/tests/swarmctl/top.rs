//! The screen that one leaves open, on a terminal of 80 columns and 24 lines.

use std::process::Command;

use swarm::prelude::*;

use super::fixture::{Dir, LET_GO, SlothClient, TallyClient, builder, pair};
use super::tty::Tty;

/// Three nodes that know each other.
async fn three(cluster: &str, dir: &Dir) -> [Swarm; 3] {
    let [one, two] = pair(cluster, dir).await;
    let mut events = one.events();
    let three = builder(cluster, &[&one]).start().await.expect("a node starts");
    while one.nodes().len() < 3 {
        events.next().await.expect("the node runs");
    }
    [one, two, three]
}

/// Runs what waits for the terminal where that holds nobody up.
async fn on_terminal<T: Send + 'static>(tty: Tty, act: impl FnOnce(Tty) -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(move || act(tty)).await.expect("it does not panic")
}

/// The lines of nodes, in order.
fn nodes_of(screen: &str) -> Vec<&str> {
    screen.lines().filter(|line| line.starts_with("127.0.0.1:")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_seen_sorted_filtered_and_looked_into_and_one_goes() {
    let dir = Dir::new();
    let nodes = three("top", &dir).await;
    for i in 0..40 {
        TallyClient::register(format!("tally/{i:02}"), ()).on(&nodes[0]).await.expect("the name is free");
    }
    let addrs = nodes.each_ref().map(|node| node.local_addr().to_string());
    let third = nodes[2].node().to_string();
    let tty = Tty::start(&dir, &["top", "--every", "0.2"]);
    let tty = on_terminal(tty, move |mut tty| {
        tty.until("all nodes, with a mark at the one that is asked", |screen| {
            screen.starts_with("top  3 nodes  40 workers  ")
                && addrs.iter().all(|addr| screen.contains(addr.as_str()))
                && screen.contains(&format!("{} *", addrs[0]))
        });
        let word = |row: &str, at: usize| row.split_whitespace().filter(|word| *word != "*").nth(at).map(str::to_owned);
        let rated = |row: &str| word(row, 2).is_some_and(|load| load != "-");
        tty.until("loads, which need two looks", |screen| {
            let rows = nodes_of(screen);
            rows.len() == 3 && rows.iter().all(|row| rated(row) && row.contains(" up ") && row.contains('M'))
        });

        tty.type_in("sss");
        let workers = |row: &&str| word(row, 4)?.parse::<u64>().ok();
        let counts = |screen: &str| -> Vec<u64> { nodes_of(screen).iter().filter_map(workers).collect() };
        let all = |screen: &str| counts(screen).len() == 3 && counts(screen).iter().sum::<u64>() == 40;
        tty.until("who has the most workers first", |screen| {
            screen.contains("nodes by WORKERS") && all(screen) && counts(screen).is_sorted_by(|a, b| a >= b)
        });
        tty.type_in("r");
        tty.until("the other way round", |screen| {
            screen.contains("WORKERS^") && all(screen) && counts(screen).is_sorted()
        });

        tty.type_in(&format!("/{}", addrs[1]));
        tty.until("what is typed", |screen| screen.contains(&format!("/{}_", addrs[1])));
        tty.type_in("\r");
        tty.until("one node alone", |screen| {
            matches!(nodes_of(screen)[..], [row] if row.starts_with(&addrs[1]))
                && screen.contains(&format!("only /{}", addrs[1]))
        });
        tty.type_in("\r");
        tty.until("the node", |screen| {
            ["owns", "calls/s,", "Tally", "moves      0 in flight"].iter().all(|text| screen.contains(text))
        });
        tty.type_in("\x1b");
        tty.until("the tables", |screen| screen.contains("nodes by WORKERS"));
        tty.type_in("\x1b");
        tty.until("no filter", |screen| nodes_of(screen).len() == 3);
        tty.resize(12, 70);
        tty.until("a smaller screen", |screen| {
            let lines: Vec<&str> = screen.lines().collect();
            lines.len() <= 12 && screen.starts_with("top  3 nodes") && nodes_of(screen).len() == 3
        });
        tty.resize(24, 80);
        tty.until("the screen as it was", |screen| screen.starts_with("top  3 nodes  40 workers  "));
        tty.type_in("?");
        tty.until("help", |screen| screen.contains("the other way round"));
        tty.type_in("x");
        tty.until("the tables", |screen| nodes_of(screen).len() == 3);
        tty
    })
    .await;
    nodes[2].leave().await.expect("it leaves in good order");
    on_terminal(tty, move |mut tty| {
        tty.until("the node is gone", |screen| {
            screen.contains(&format!("{third} is gone"))
                && screen.starts_with("top  2 nodes  40 workers  ")
                && nodes_of(screen).iter().any(|row| row.contains(" gone "))
        });
        tty.type_in("q");
        tty.ends();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_much_to_do_is_looked_into() {
    let dir = Dir::new();
    let nodes = pair("top-worker", &dir).await;
    SlothClient::register("sloth", ()).on(&nodes[0]).await.expect("the name is free");
    for _ in 0..8 {
        SlothClient::at("sloth").on(&nodes[0]).hang().expect("it is sent");
    }
    let tty = Tty::start(&dir, &["top", "--every", "0.2", "--sort", "calls"]);
    on_terminal(tty, |mut tty| {
        let row = |screen: &str| screen.lines().find(|line| line.starts_with("sloth ")).map(str::to_owned);
        tty.until("the worker, and seven that wait for it", |screen| {
            let waits = |row: &str| row.split_whitespace().nth(3) == Some("7");
            screen.contains("nodes by CALLS/S")
                && row(screen).is_some_and(|row| waits(&row) && row.contains("Sloth") && row.contains("100%"))
        });
        tty.type_in("\t\r");
        tty.until("what is known of it", |screen| {
            let texts = ["a message in hand", "queue   7", "the ring gives its partition"];
            texts.iter().all(|text| screen.contains(text))
        });
        LET_GO.add_permits(8);
        tty.until("it has done all", |screen| screen.contains("queue   0"));
        tty.type_in("\x1b\x03");
        tty.ends();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_is_given_back_on_a_signal() {
    let dir = Dir::new();
    let _nodes = pair("top-signal", &dir).await;
    for signal in ["TERM", "HUP", "INT"] {
        let tty = Tty::start(&dir, &["top"]);
        on_terminal(tty, move |tty| {
            tty.until("the screen", |screen| screen.contains("nodes by NODE"));
            let sent = Command::new("kill").args([&format!("-{signal}"), &tty.pid().to_string()]).status();
            assert!(sent.expect("there is `kill`").success());
            tty.ends();
        })
        .await;
    }
}

/// The node that is asked goes: what was seen stays on the screen, which says so, and another that comes is found.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_may_go_and_come_back() {
    let dir = Dir::new();
    let [one, other] = pair("top-blind", &dir).await;
    let tty = Tty::start(&dir, &["top", "--every", "0.2"]);
    let tty = on_terminal(tty, |tty| {
        tty.until("the screen", |screen| nodes_of(screen).len() == 2);
        tty
    })
    .await;
    one.leave().await.expect("it leaves in good order");
    let tty = on_terminal(tty, |tty| {
        tty.until("that nobody answers", |screen| screen.contains("nothing is seen: swarmctl: "));
        tty
    })
    .await;
    let admin = swarm::Admin::unix(dir.socket("two.sock"));
    let _two = builder("top-blind", &[&other]).admin(admin).start().await.expect("a node starts");
    on_terminal(tty, |mut tty| {
        tty.until("what the new one sees", |screen| !screen.contains("nothing is seen") && screen.contains("has come"));
        tty.type_in("q");
        tty.ends();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_read_it_line_by_line() {
    let dir = Dir::new();
    let nodes = pair("top-json", &dir).await;
    let ran = dir.run(&["top"]).await.failed(2);
    assert!(ran.contains("`top` needs a terminal: `swarmctl top --json` writes what it shows"), "{ran}");
    let mut running = super::fixture::Running::start(&dir, &["top", "--json", "--every", "0.2"]);
    for _ in 0..2 {
        let look: serde_json::Value = serde_json::from_str(&running.line().await).expect("a JSON document");
        let rows = look["nodes"].as_array().expect("a list");
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20)), "{look}");
        assert!(rows.iter().any(|row| row["node"] == nodes[1].node().to_string()));
        assert!(look["busiest"].is_array());
    }
    running.end().await;
    assert_eq!(dir.run(&["top", "--every", "0.1"]).await.status, 2, "not too often");
}
