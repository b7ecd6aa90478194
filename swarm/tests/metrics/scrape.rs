//! What stands on a node's page.

use std::collections::BTreeSet;

use swarm::error::StartError;
use swarm::prelude::*;

use super::fixture::{LET_GO, PATIENCE, Shelf, ShelfClient, TillClient, node, page_when, scrape, silent, till};
use super::page::Page;

/// The bucket of a histogram that has all runs.
const ALL: (&str, &str) = ("le", "+Inf");

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_what_the_node_has_counted() {
    let node = node("metrics-counted", &[]).await;
    for i in 0..3 {
        TillClient::register(format!("till/{i}"), ()).on(&node).await.expect("the name is free");
    }
    let till = node.at::<super::fixture::Till>("till/0");
    for _ in 0..5 {
        till.pay(7).await.expect("it pays");
    }
    till.note(7).expect("it is taken");
    till.busy(20).await.expect("it runs");
    till.jam().await.expect_err("it panics");
    TillClient::call("till/none", till::Pay { cents: 1 }).on(&node).await.expect_err("nobody is called so");
    assert_eq!(till.pay(1).await, Ok(1), "it has started again");
    let page = page_when("what was done is told", &node, |page| {
        page.sum("swarm_names", &[]) == 3.0 && page.sum("swarm_partitions", &[]) > 0.0
    })
    .await;
    let tills = [("worker", "Till")];
    let calls = |outcome| page.sum("swarm_calls_total", &[tills[0], ("outcome", outcome)]);
    assert_eq!(["ok", "panicked", "not_registered"].map(calls), [7.0, 1.0, 1.0], "{}", page.text());
    for (name, labels, expected) in [
        ("swarm_members", &[][..], 1.0),
        ("swarm_quorum", &[], 1.0),
        ("swarm_workers", &tills, 3.0),
        ("swarm_workers_started_total", &[], 3.0),
        ("swarm_worker_restarts_total", &tills, 1.0),
        ("swarm_casts_total", &[], 1.0),
        ("swarm_calls_open", &[], 0.0),
        ("swarm_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0),
        // One panicked, and the node alone times all runs until they are quick.
        ("swarm_handler_seconds_count", &[tills[0], ("method", "Till/pay")], 6.0),
        ("swarm_handler_seconds_count", &[tills[0], ("method", "Till/note")], 1.0),
        ("swarm_handler_seconds_count", &[tills[0], ("method", "Till/busy")], 1.0),
        ("swarm_handler_seconds_bucket", &[tills[0], ("method", "Till/busy"), ("le", "0.016777216")], 0.0),
        ("swarm_init_seconds_count", &tills, 4.0),
    ] {
        assert_eq!(page.sum(name, labels), expected, "{name} {labels:?}\n{}", page.text());
    }
    assert!(page.sum("swarm_handler_seconds_sum", &[("method", "Till/busy")]) >= 0.02);
    assert_eq!(node.stats().calls, 9, "whoever counts them");
    assert_eq!(node.stats().calls_failed, 2);
    assert!(!page.text().contains("till/"), "no worker's name is ever told");
    well_formed(&page, &node);
}

/// Every series says whose it is, and histograms are what they have to be.
fn well_formed(page: &Page, node: &Swarm) {
    let me = node.local_addr().to_string();
    for ((name, labels), value) in page.series() {
        assert_eq!(labels.get("node"), Some(&me), "{name}");
        assert!(*value >= 0.0, "{name}");
        let Some(base) = name.strip_suffix("_count") else { continue };
        let their: Vec<(&str, &str)> = labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
        let all = page.sum(&format!("{base}_bucket"), &[&their[..], &[ALL]].concat());
        assert_eq!(all, *value, "{name} {labels:?}");
    }
    let mut last = None;
    let buckets = page.series().iter().filter(|((name, _), _)| name.ends_with("_bucket"));
    let mut buckets: Vec<_> = buckets
        .map(|((name, labels), value)| {
            let mut labels = labels.clone();
            let bound: f64 = labels.remove("le").expect("a bucket has a bound").parse().expect("a bound is a number");
            ((name, labels), bound, *value)
        })
        .collect();
    buckets.sort_by(|a, b| a.partial_cmp(b).expect("there is no NaN"));
    for (series, bound, value) in buckets {
        let before = last.replace((series.clone(), value)).filter(|(before, _)| *before == series);
        assert!(before.is_none_or(|(_, before)| before <= value), "{series:?} below {bound}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_is_told_by_both_nodes() {
    const WORKERS: usize = 60;
    let one = node("metrics-moves", &[]).await;
    for i in 0..WORKERS {
        TillClient::register(format!("till/{i}"), ()).on(&one).await.expect("the name is free");
    }
    let other = node("metrics-moves", &[&one]).await;
    let workers = |page: &Page| page.sum("swarm_workers", &[("worker", "Till")]);
    let (out, into) = ([("direction", "out")], [("direction", "in")]);
    let settled = |page: &Page| {
        page.sum("swarm_handoffs_open", &[]) == 0.0
            && page.sum("swarm_connections", &[("lane", "calls")]) == 1.0
            && workers(page) > 0.0
            && workers(page) < WORKERS as f64
    };
    page_when("workers have come", &other, |page| {
        settled(page) && page.sum("swarm_handoffs_total", &into) == workers(page)
    })
    .await;
    let (mut ours, mut theirs) = (scrape(&one).await, scrape(&other).await);
    let end = tokio::time::Instant::now() + PATIENCE;
    while workers(&ours) + workers(&theirs) != WORKERS as f64
        || ours.sum("swarm_handoffs_total", &out) != workers(&theirs)
        || theirs.sum("swarm_handoffs_total", &into) != workers(&theirs)
    {
        assert!(tokio::time::Instant::now() < end, "{}\n{}", ours.text(), theirs.text());
        ours = page_when("moves are over", &one, settled).await;
        theirs = page_when("moves are over", &other, settled).await;
    }
    let received = page_when("messages are told", &other, |page| page.sum("swarm_members", &[]) == 2.0).await;
    for (protocol, direction) in [("tcp", "sent"), ("tcp", "received"), ("udp", "sent"), ("udp", "received")] {
        let labels = [("protocol", protocol), ("direction", direction)];
        assert!(received.sum("swarm_network_bytes_total", &labels) > 0.0, "{labels:?}");
    }
    for direction in ["sent", "received"] {
        assert!(received.sum("swarm_frames_total", &[("direction", direction)]) > 0.0);
    }
    for i in 0..WORKERS {
        TillClient::at(format!("till/{i}")).on(&one).pay(1).await.expect("it is somewhere");
    }
    let there = workers(&theirs);
    let page =
        page_when("calls are told", &other, |page| page.sum("swarm_messages_received_total", &[]) >= there).await;
    assert_eq!(page.sum("swarm_calls_total", &[]), 0.0, "it made none itself");
    assert_eq!(scrape(&one).await.sum("swarm_calls_total", &[("worker", "Till"), ("outcome", "ok")]), WORKERS as f64);
    well_formed(&page, &other);
    other.leave().await.expect("it leaves in good order");
    page_when("all is back", &one, |page| {
        workers(page) == WORKERS as f64
            && page.sum("swarm_members", &[]) == 1.0
            && page.sum("swarm_connections", &[]) == 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_is_told_by_type() {
    let node = node("metrics-full", &[]).await;
    TillClient::register("till/full", ()).on(&node).await.expect("the name is free");
    let held = tokio::spawn(TillClient::call("till/full", till::Hold {}).on(&node));
    let till = node.at::<super::fixture::Till>("till/full");
    // One is in hand, two fit into the queue.
    let mut refused = 0;
    let end = tokio::time::Instant::now() + PATIENCE;
    while refused == 0 {
        assert!(tokio::time::Instant::now() < end, "it is never full");
        refused += u32::from(till.note(1).is_err());
        tokio::task::yield_now().await;
    }
    let page = scrape(&node).await;
    assert!(page.sum("swarm_mailboxes_full_total", &[("worker", "Till")]) >= 1.0, "{}", page.text());
    assert_eq!(page.sum("swarm_mailboxes_full_total", &[("worker", "Till")]), node.stats().mailboxes_full as f64);
    LET_GO.add_permits(1);
    held.await.expect("it does not panic").expect("it is let go");
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_one_name_are_told_as_one() {
    let builder = silent("metrics-generic", &[]).metrics("127.0.0.1:0");
    let node = builder.worker::<Shelf<u64>>().worker::<Shelf<String>>().start().await.expect("a node starts");
    ShelfClient::<u64>::register("shelf/1", ()).on(&node).await.expect("the name is free");
    ShelfClient::<String>::register("shelf/2", ()).on(&node).await.expect("the name is free");
    node.at::<Shelf<u64>>("shelf/1").look().await.expect("it looks");
    node.at::<Shelf<String>>("shelf/2").look().await.expect("it looks");
    let page = scrape(&node).await;
    let shelves = page.series().iter().filter(|((name, labels), _)| {
        name == "swarm_workers" && labels.get("worker").is_some_and(|worker| worker == "Shelf")
    });
    assert_eq!(shelves.map(|(_, value)| *value).collect::<Vec<_>>(), [2.0]);
    assert_eq!(page.sum("swarm_calls_total", &[("worker", "Shelf"), ("outcome", "ok")]), 2.0);
    assert_eq!(page.sum("swarm_handler_seconds_count", &[("worker", "Shelf")]), 2.0);
}

/// What names there are is part of the crate's word: dashboards and alerts are written for them.
#[tokio::test]
async fn names_follow_the_conventions() {
    let node = node("metrics-names", &[]).await;
    let page = scrape(&node).await;
    for (name, told) in page.types() {
        assert!(name.starts_with("swarm_"), "{name}");
        assert_eq!(name.ends_with("_total"), told == "counter", "{name}");
        assert_eq!(name.ends_with("_seconds") && name != "swarm_uptime_seconds", told == "histogram", "{name}");
    }
    let documented = include_str!("../../src/metrics/mod.rs").split('`').filter(|word| word.starts_with("swarm_"));
    assert_eq!(documented.collect::<BTreeSet<_>>(), page.types().keys().map(String::as_str).collect());
    let labels: BTreeSet<&str> =
        page.series().iter().flat_map(|((_, labels), _)| labels.keys().map(String::as_str)).collect();
    let known =
        ["direction", "lane", "le", "method", "node", "outcome", "protocol", "reason", "to", "version", "worker"];
    assert_eq!(labels, BTreeSet::from(known), "each is bounded by the program's text");
}

#[tokio::test]
async fn who_is_not_asked_counts_nothing_by_type_and_listens_nowhere() {
    let node = silent("metrics-none", &[]).start().await.expect("a node starts");
    assert_eq!(node.metrics(), None);
    TillClient::register("till/1", ()).on(&node).await.expect("the name is free");
    TillClient::at("till/1").on(&node).pay(1).await.expect("it pays");
    TillClient::at("till/1").on(&node).jam().await.expect_err("it panics");
    let stats = node.stats();
    assert_eq!((stats.calls, stats.calls_failed, stats.restarts), (2, 1, 1));
}

#[tokio::test]
async fn an_address_that_others_reach_is_refused_unless_that_is_accepted() {
    let refused = silent("metrics-exposed", &[]).metrics("0.0.0.0:0").insecure().start().await;
    let error = refused.expect_err("anybody could read it");
    assert!(matches!(&error, StartError::Metrics { .. }) && error.to_string().contains(".expose_metrics()"), "{error}");
    let accepted = silent("metrics-exposed", &[]).metrics("0.0.0.0:0").expose_metrics().start().await;
    assert!(accepted.expect("it was accepted").metrics().expect("it has a page").ip().is_unspecified());
    let wrong = silent("metrics-exposed", &[]).metrics("localhost").start().await;
    assert!(matches!(wrong, Err(StartError::Address { what: "metrics", .. })), "{wrong:?}");
}

/// Run as a test it runs itself once more, in a process with another environment.
#[tokio::test]
async fn the_environment_names_the_address_where_the_code_says_nothing() {
    const VARIABLE: &str = "SWARM_METRICS";
    if std::env::var_os(VARIABLE).is_some() {
        let node = silent("metrics-environment", &[]).start().await.expect("a node starts");
        assert_eq!(scrape(&node).await.sum("swarm_members", &[]), 1.0, "it has a page");
        return;
    }
    let name = "scrape::the_environment_names_the_address_where_the_code_says_nothing";
    let run = async |value: &str| {
        let mut again = tokio::process::Command::new(std::env::current_exe().expect("it runs"));
        again.args(["--exact", name]).env(VARIABLE, value).output().await.expect("it can be run again")
    };
    let told = run("127.0.0.1:0").await;
    assert!(told.status.success() && String::from_utf8_lossy(&told.stdout).contains("1 passed"), "{told:?}");
    let exposed = run("0.0.0.0:0").await;
    assert!(
        !exposed.status.success() && String::from_utf8_lossy(&exposed.stdout).contains("expose_metrics"),
        "{exposed:?}"
    );
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_of_the_start() {
    let first = node("metrics-taken", &[]).await;
    let addr = first.metrics().expect("it has a page").to_string();
    let second = silent("metrics-taken", &[]).metrics(&addr).start().await;
    let error = second.expect_err("two cannot have it");
    assert!(matches!(&error, StartError::Metrics { problem } if problem.contains(&addr)), "{error}");
    assert_eq!(scrape(&first).await.sum("swarm_members", &[]), 1.0, "the first has kept it");
}
