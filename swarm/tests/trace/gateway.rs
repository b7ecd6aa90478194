//! Requests of programs that are no members.

use std::net::SocketAddr;

use swarm::remote::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tracing::Instrument as _;

use crate::fixture::{PATIENCE, ProbeClient, hosted_by, pair, start, untraced};
use crate::recorder::{Recorder, calls, calls_of, root};

/// What an answer to a request with these fields has behind its head.
async fn post(at: SocketAddr, path: &str, fields: &str) -> String {
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is open");
    let mut answer = String::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("it answers in time").expect("it is open until then");
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    answer.split_once("\r\n\r\n").expect("a head has an end").1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_by_http_goes_on_in_its_trace() {
    let [here, there] = pair("trace-http").await;
    let (name, at) = (hosted_by(&there, "http").await, here.http().expect("it was asked for"));
    for message in ["here", "touch"] {
        let (_span, trace) = root(true);
        let fields = format!("traceparent: {trace}\r\ntracestate: {}\r\n", trace.state());
        let inside = post(at, &format!("/v1/workers/{name}/{message}"), &fields).await;
        let [call] = calls_of(&trace).await;
        assert_eq!((call.parent, call.context.state()), (trace.parent_id(), "test=1"));
        assert!(message == "touch" || inside == format!("\"{}\"", call.context));
    }
    for field in ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "00-0-0-01", ""] {
        let inside = post(at, &format!("/v1/workers/{name}/here"), &format!("traceparent: {field}\r\n")).await;
        assert_eq!(inside, "\"\"", "{field:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_no_member_goes_on_in_its_trace() {
    let [here, there] = pair("trace-gateway").await;
    let (name, at) = (hosted_by(&there, "gateway").await, here.gateway().expect("it was asked for").to_string());
    let remote = Client::builder().propagator(Recorder).connect([&at]).await.expect("it lets us in");
    let probe = ProbeClient::at(&*name).on(&remote);
    let (span, trace) = root(true);
    let inside = probe.here().instrument(span).await.expect("it answers");
    let [call] = calls_of(&trace).await;
    assert_eq!((call.parent, inside), (trace.parent_id(), call.context.to_string()));
    assert_eq!((call.context.state(), &call.fields["node"]), ("test=1", &there.node().to_string()));

    let (span, trace) = root(true);
    span.in_scope(|| probe.touch()).expect("it is taken");
    let [call] = calls_of(&trace).await;
    assert_eq!(call.parent, trace.parent_id());

    let (span, trace) = root(false);
    assert_eq!(probe.here().instrument(span).await, Ok(String::new()));
    assert!(calls(&trace).is_empty());
}

/// A node that does not trace does not take up traces from outside either.
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_traces_requests_have_no_trace() {
    let node = start(untraced("trace-none", &[]).gateway("127.0.0.1:0").http(swarm::Http::at("127.0.0.1:0"))).await;
    let name = hosted_by(&node, "none").await;
    let (span, trace) = root(true);
    let at = node.http().expect("it was asked for");
    let inside = post(at, &format!("/v1/workers/{name}/here"), &format!("traceparent: {trace}\r\n")).await;
    assert_eq!(inside, "\"\"");
    let at = node.gateway().expect("it was asked for").to_string();
    let remote = Client::builder().propagator(Recorder).connect([&at]).await.expect("it lets us in");
    assert_eq!(ProbeClient::at(&*name).on(&remote).here().instrument(span).await, Ok(String::new()));
    assert!(calls(&trace).is_empty());
}
