//! Bytes that no client would send: they end their own connection, and nothing else.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use swarm::Admin;

use super::fixture::{Dir, PATIENCE, TallyClient, builder, client, socket_of};

/// Sends this, and gives what comes back until the other side ends.
fn talk(path: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).expect("it can be reached");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit can be set");
    // The other side may have ended before all of it is written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => answer,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => answer,
        Err(error) => panic!("the connection does not end: {error}"),
    }
}

fn frame(json: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(json.len()).expect("a short text").to_be_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_ends_its_own_connection() {
    let dir = Dir::new();
    let one = builder("frames", &[]).admin(Admin::unix(dir.join("one"))).start().await.expect("a node starts");
    TallyClient::register("tally", ()).on(&one).await.expect("the name is free");
    let (path, operator) = (socket_of(&one), client(&one).await);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut noise = vec![0_u8; 4096];
    let mut state = 0x9e37_79b9_u32;
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_le_bytes()[3];
    }
    // A length of four gigabytes, and one that is just too much.
    let mut cases = vec![vec![0xff; 64], (4_u32 << 20).wrapping_add(1).to_be_bytes().to_vec()];
    cases.extend([
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        noise,
        frame(""),
        frame("null"),
        frame("{"),
        frame(&deep),
    ]);
    cases.push(frame(r#"{"Request":{}}"#));
    cases.push(frame(r#"{"Request":{"context":{},"id":1,"message":{"NoSuchMethod":{}}}}"#));
    let mut bad_text = frame("\"...\"");
    bad_text[5] = 0xff;
    cases.push(bad_text);
    for case in cases {
        let path = path.clone();
        let shown = String::from_utf8_lossy(&case[..case.len().min(40)]).into_owned();
        let answer = tokio::task::spawn_blocking(move || talk(&path, &case)).await.expect("the connection ends");
        assert_eq!(answer, b"", "{shown:?}");
        assert_eq!(operator.status().await.expect("others go on").workers, 1, "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_half_and_goes_or_stays_holds_nobody_up() {
    let dir = Dir::new();
    let one = builder("frames-half", &[]).admin(Admin::unix(dir.join("one"))).start().await.expect("a node starts");
    let path = socket_of(&one);
    let half = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(&path).expect("it can be reached");
        stream.write_all(bytes).expect("there is room for it");
        stream
    };
    let stays = [half(&[0]), half(&[0, 0, 16, 0]), half(&frame("{\"Request\":")[..8])];
    drop([half(&[0, 0]), half(&frame("{}")[..5])]);
    assert_eq!(client(&one).await.status().await.expect("it answers").nodes, 1);
    drop(stays);
}

/// A deadline that no clock can count to must not end anything, and gets its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_beyond_all_times_is_one_as_any_other() {
    let dir = Dir::new();
    let one = builder("frames-deadline", &[]).admin(Admin::unix(dir.join("one"))).start().await.expect("a node starts");
    let path = socket_of(&one);
    for seconds in ["18446744073709551615", "9223372036854775807", "1e300", "100000000000"] {
        let trace = r#"{"trace_id":[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"span_id":1,"sampling_decision":"Unsampled"}"#;
        let request = format!(
            r#"{{"Request":{{"context":{{"deadline":{{"secs":{seconds},"nanos":0}},"trace_context":{trace}}},"id":7,"message":{{"Hello":{{"ask":{{}}}}}}}}}}"#
        );
        let path = path.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = UnixStream::connect(&path).expect("it can be reached");
            stream.set_read_timeout(Some(PATIENCE)).expect("a limit can be set");
            stream.write_all(&frame(&request)).expect("there is room for it");
            let mut length = [0; 4];
            stream.read_exact(&mut length).expect("there is an answer");
            let mut answer = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut answer).expect("all of it comes");
            String::from_utf8(answer).expect("it is text")
        });
        let answer = answer.await.expect("the connection goes on");
        assert!(answer.starts_with(r#"{"request_id":7,"message":{"Ok":{"Hello":{"version":"#), "{answer}");
    }
}
