//! Calls whose message does not go straight to its worker.

use tracing::Instrument as _;

use crate::fixture::{PATIENCE, Probe, ProbeClient, hold, hosted_by, meet, pair, start, traced, untraced};
use crate::recorder::{calls_of, root};

/// The owner of the name passes the call on to the node that the worker was pinned to, though it does not trace itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_passed_on_keeps_its_trace() {
    let here = start(traced("trace-on", &[])).await;
    let between = start(untraced("trace-on", &[&here])).await;
    let there = start(traced("trace-on", &[&here])).await;
    let nodes = [here, between, there];
    meet(&nodes.each_ref()).await;
    let [here, between, there] = &nodes;
    // Who has the name by the ring is its owner also when the worker is elsewhere.
    let name = hosted_by(between, "on").await;
    swarm::unregister(&*name).on(between).await.expect("it is there");
    ProbeClient::register_local(&*name, Probe).on(there).await.expect("the name is free");
    let forwarded = between.stats().forwarded;
    let (span, trace) = root(true);
    let inside = here.at::<Probe>(&name).here().instrument(span).await.expect("it answers");
    let [call] = calls_of(&trace).await;
    assert_eq!((call.parent, inside), (trace.parent_id(), call.context.to_string()));
    assert_eq!(call.fields["node"], there.node().to_string());
    assert!(between.stats().forwarded > forwarded, "it has been there");
}

/// What waits in a worker's queue goes with it when it moves, and keeps its trace.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_moves_with_its_worker_keeps_its_trace() {
    let [here, there] = pair("trace-move").await;
    let (name, probe_of) = (hosted_by(&there, "move").await, |name: &str| here.at::<Probe>(name));
    let holding = tokio::spawn(probe_of(&name).hold(name.clone()).timeout(PATIENCE));
    hold(&name).begun(1).await;
    let mut traces = Vec::new();
    for by in [&here, &there] {
        // Both are in the queue of the worker that is busy: one came by a frame, the other from its own node.
        let (span, trace) = root(true);
        let call = by.at::<Probe>(&name).here().timeout(PATIENCE).instrument(span);
        traces.push((trace, tokio::spawn(call)));
    }
    let mut events = here.events();
    let leaving = tokio::spawn(async move { there.leave().await });
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("it leaves in time");
        if matches!(event, Some(swarm::Event::NodeLeaving(_))) {
            break;
        }
    }
    hold(&name).let_go();
    leaving.await.expect("no panic").expect("everything is handed over");
    for (trace, asked) in traces {
        let inside = asked.await.expect("no panic").expect("it answers");
        let [call] = calls_of(&trace).await;
        assert_eq!((call.parent, inside), (trace.parent_id(), call.context.to_string()));
        assert_eq!(call.fields["node"], here.node().to_string(), "it has moved");
    }
    holding.await.expect("no panic").expect("it answers");
}
