//! Calls and casts between two nodes, and on one.

use tracing::Instrument as _;

use crate::fixture::{PATIENCE, Probe, hold, hosted_by, pair, probe};
use crate::recorder::{calls, calls_of, root};

#[tokio::test(flavor = "multi_thread")]
async fn the_handlers_span_on_another_node_is_a_child_of_its_callers() {
    let [here, there] = pair("trace-two").await;
    let name = hosted_by(&there, "two").await;
    let probe = here.at::<Probe>(&name);
    let (span, trace) = root(true);
    let inside = probe.here().instrument(span).await.expect("it answers");
    let [call] = calls_of(&trace).await;
    assert_eq!((call.parent, call.context.state()), (trace.parent_id(), "test=1"));
    assert_eq!(inside, call.context.to_string(), "the handler has run in that span");
    let fields = [
        ("worker", "Probe".to_owned()),
        ("name", name),
        ("message", "Probe/here".to_owned()),
        ("node", there.node().to_string()),
    ];
    assert_eq!(call.fields, fields.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_waits_goes_on_in_its_span_and_so_do_its_own_calls() {
    let [here, there] = pair("trace-chain").await;
    let (name, other) = (hosted_by(&there, "chain").await, hosted_by(&here, "chain-other").await);
    let probe = here.at::<Probe>(&name);
    let (span, trace) = root(true);
    let inside = probe.later().instrument(span).await.expect("it answers");
    let [call] = calls_of(&trace).await;
    assert_eq!((call.parent, inside), (trace.parent_id(), call.context.to_string()));

    let (span, trace) = root(true);
    let inside = probe.of(other).instrument(span).await.expect("it answers");
    let [inner, outer] = calls_of(&trace).await;
    assert_eq!((outer.parent, inner.parent), (trace.parent_id(), outer.context.parent_id()));
    assert_eq!(inside, inner.context.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn casts_are_traced_as_well() {
    let [here, there] = pair("trace-cast").await;
    for host in [&here, &there] {
        let name = hosted_by(host, &format!("cast-by-{}", host.node())).await;
        let (span, trace) = root(true);
        span.in_scope(|| here.at::<Probe>(&name).touch()).expect("it is taken");
        drop(span);
        let [call] = calls_of(&trace).await;
        assert_eq!((call.parent, &*call.fields["message"]), (trace.parent_id(), "Probe/touch"));
    }
}

#[derive(swarm::Group)]
#[group(worker = Probe)]
struct Both;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_group_is_told_is_traced_at_each_of_its_members() {
    let [here, there] = pair("trace-group").await;
    let names = [hosted_by(&here, "group-here").await, hosted_by(&there, "group-there").await];
    let group = here.group::<Both>();
    for name in &names {
        group.join(name).await.expect("it is registered");
    }
    for cast in [false, true] {
        let (span, trace) = root(true);
        let told = async {
            match cast {
                false => group.multicall(probe::Here).await.expect("it answers").len(),
                true => group.publish(probe::Touch).await.expect("it answers"),
            }
        };
        assert_eq!(told.instrument(span).await, 2);
        let calls: [_; 2] = calls_of(&trace).await;
        assert!(calls.iter().all(|call| call.parent == trace.parent_id()), "{calls:?}");
        let mut told = calls.map(|call| call.fields["name"].clone());
        told.sort();
        assert_eq!(told, names);
    }
    let (span, trace) = root(false);
    assert_eq!(group.publish(probe::Touch).instrument(span).await, Ok(2));
    for name in &names {
        // It comes behind what was published.
        here.at::<Probe>(name).here().await.expect("it answers");
    }
    assert!(calls(&trace).is_empty(), "what is not sampled is not recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_one_node_the_callers_span_is_the_parent_also_of_what_has_waited() {
    let [here, _there] = pair("trace-one").await;
    let name = hosted_by(&here, "one").await;
    let probe = here.at::<Probe>(&name);
    for later in [false, true] {
        let (span, trace) = root(true);
        let asked = if later { probe.later().instrument(span).await } else { probe.here().instrument(span).await };
        let [call] = calls_of(&trace).await;
        assert_eq!((call.parent, asked), (trace.parent_id(), Ok(call.context.to_string())));
    }

    let holding = tokio::spawn(probe.hold("one".to_owned()).timeout(PATIENCE));
    hold("one").begun(1).await;
    let (span, trace) = root(true);
    let waiting = probe.here().instrument(span);
    let let_go = async { hold("one").let_go() };
    let (inside, ()) = tokio::join!(waiting, let_go);
    let [call] = calls_of(&trace).await;
    assert_eq!((call.parent, inside), (trace.parent_id(), Ok(call.context.to_string())));
    holding.await.expect("no panic").expect("it answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_has_no_span() {
    let [here, there] = pair("trace-not").await;
    let (far, near) = (hosted_by(&there, "not-far").await, hosted_by(&here, "not-near").await);
    let (span, trace) = root(false);
    assert_eq!(here.at::<Probe>(&far).here().instrument(span.clone()).await, Ok(String::new()));
    let inside = here.at::<Probe>(&near).here().instrument(span).await;
    assert_eq!(inside, Ok(trace.to_string()), "it has run on its caller's stack");
    assert_eq!(here.at::<Probe>(&far).here().await, Ok(String::new()));
    assert!(calls(&trace).is_empty());
}
