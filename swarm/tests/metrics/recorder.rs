//! What a recorder of the crate `metrics` gets: here one that renders what it has for Prometheus.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use swarm::prelude::*;

use super::fixture::{PATIENCE, TillClient, scrape, silent};
use super::page::Page;

/// There is one recorder a process, whatever tests run in it.
fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let buckets = [0.000_1, 0.01, 100.0];
        let recorder = PrometheusBuilder::new().set_buckets(&buckets).expect("there are some").build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).expect("there is no other");
        handle
    })
}

/// How often a node records in these tests.
const EVERY: Duration = Duration::from_millis(100);

/// What the recorder has of a node.
fn recorded(node: &str) -> Page {
    let text = recorder().render();
    let of_it = format!("node=\"{node}\"");
    let lines = text.lines().filter(|line| !line.is_empty() && (line.starts_with('#') || line.contains(&of_it)));
    Page::read(&lines.collect::<Vec<_>>().join("\n"))
}

/// The same, as soon as it is as it should be.
async fn recorded_when(what: &str, node: &str, done: impl Fn(&Page) -> bool) -> Page {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let page = recorded(node);
        if done(&page) {
            return page;
        }
        assert!(tokio::time::Instant::now() < end, "not in time: {what}\n{}", page.text());
        tokio::time::sleep(EVERY).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_gets_what_the_page_says() {
    recorder();
    let builder = silent("recorder-same", &[]).metrics("127.0.0.1:0").record_metrics(EVERY);
    let node = builder.start().await.expect("a node starts");
    TillClient::register("till/1", ()).on(&node).await.expect("the name is free");
    for _ in 0..3 {
        TillClient::at("till/1").on(&node).busy(20).await.expect("it runs");
    }
    let me = node.local_addr().to_string();
    let busy = [("worker", "Till"), ("method", "Till/busy")];
    let page = recorded_when("all is told", &me, |page| {
        page.sum("swarm_calls_total", &[("worker", "Till"), ("outcome", "ok")]) == 3.0
            && page.sum("swarm_handler_seconds_count", &busy) == 3.0
    })
    .await;
    assert_eq!(page.sum("swarm_workers", &[("worker", "Till")]), 1.0);
    let bucket = |bound| page.sum("swarm_handler_seconds_bucket", &[&busy[..], &[("le", bound)]].concat());
    assert_eq!(["0.01", "100"].map(bucket), [0.0, 3.0], "{}", page.text());
    // Of each run the middle of its bucket is told, which is off by a sixteenth at most.
    let [recorded, counted] = [&page, &scrape(&node).await].map(|page| page.sum("swarm_handler_seconds_sum", &busy));
    assert!((recorded / counted - 1.0).abs() <= 1.0 / 16.0, "{recorded} {counted}");
    let named = |page: &Page| -> BTreeSet<String> {
        let names = page.series().keys().filter_map(|(name, _)| page.metric_of(name));
        names.map(str::to_owned).collect()
    };
    assert_eq!(named(&page), named(&scrape(&node).await));
    node.leave().await.expect("it leaves");
    recorded_when("its gauges fall", &me, |page| {
        page.sum("swarm_members", &[]) == 0.0 && page.sum("swarm_workers", &[]) == 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_one_process_are_told_apart() {
    recorder();
    let one = silent("recorder-two", &[]).record_metrics(EVERY).start().await.expect("a node starts");
    let other = silent("recorder-two", &[&one]).record_metrics(EVERY).start().await.expect("a node starts");
    TillClient::register("till/2", ()).on(&one).await.expect("the name is free");
    for (node, calls) in [(&one, 2_u32), (&other, 5)] {
        for _ in 0..calls {
            TillClient::at("till/2").on(node).pay(1).await.expect("it pays");
        }
    }
    for (node, calls) in [(&one, 2.0), (&other, 5.0)] {
        let me = node.local_addr().to_string();
        recorded_when("its calls are told", &me, |page| page.sum("swarm_calls_total", &[("outcome", "ok")]) == calls)
            .await;
        recorded_when("both are told", &me, |page| page.sum("swarm_members", &[]) == 2.0).await;
    }
}
