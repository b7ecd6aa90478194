//! Bytes that no program of ours would send: they end their own connection, and nothing else.

use std::io::{Read, Write};
use std::net::TcpStream;

use swarm::remote::Client;

use super::fixture::{PATIENCE, builder, gateway, program};

const SECRET: &str = "q1Zr5WcVx0bJtD8eYkN2uA==";

/// Sends this, and gives what comes back until the other side ends.
fn talk(addr: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).expect("it can be reached");
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

fn frame(content: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(content.len()).expect("a short text").to_be_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes
}

fn cases() -> Vec<Vec<u8>> {
    let mut noise = vec![0_u8; 4096];
    let mut state = 0x9e37_79b9_u32;
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_le_bytes()[3];
    }
    vec![
        // A length of four gigabytes, and one that is just too much.
        vec![0xff; 64],
        (5_u32 << 20).to_be_bytes().to_vec(),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        noise,
        frame(b""),
        frame(b"\xc0"),
        // A map that announces four billion entries, an array in an array without end, a request without anything, one of no method.
        frame(b"\xdf\xff\xff\xff\xff"),
        frame(&[0x91; 100_000]),
        frame(b"\x81\xa7Request\x80"),
        frame(b"\x81\xa7Request\x83\xa7context\x82\xa8deadline\x82\xa4secs\x01\xa5nanos\x00\xadtrace_context\x80\xa2id\x01\xa7message\x80"),
        // A hail of a node, and one of another version, which only a gateway with a secret answers.
        [b"locked\xa7\x01\x63\x00\x30\x00".as_slice(), &[7; 48]].concat(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_ends_its_own_connection() {
    let node = builder("gateway-frames", &[]).start().await.expect("a node starts");
    let (addr, remote) = (gateway(&node), program(&[&node]).await);
    for case in cases() {
        let (addr, shown) = (addr.clone(), String::from_utf8_lossy(&case[..case.len().min(40)]).into_owned());
        let answer = tokio::task::spawn_blocking(move || talk(&addr, &case)).await.expect("the connection ends");
        assert_eq!(answer, b"", "{shown:?}");
        assert_eq!(remote.whereis("a").await, Ok(None), "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_secret_nothing_is_even_read_of_it() {
    let node = builder("gateway-hails", &[]).secret(SECRET).start().await.expect("a node starts");
    let addr = gateway(&node);
    let remote = Client::builder().secret(SECRET).connect([&addr]).await.expect("it is let in");
    // A refusal tells who speaks another version of the handshake, or has another secret.
    let refusal = b"locked\xa7\x01\x01\x00\x00\x00";
    let mut good = [b"locked\xa7\x01\x01\x00\x30\x00".as_slice(), &[7; 48]].concat();
    good.truncate(60);
    for (case, answer) in cases().into_iter().map(|case| (case, None)).chain([(good, Some(refusal))]) {
        let (addr, shown) = (addr.clone(), String::from_utf8_lossy(&case[..case.len().min(40)]).into_owned());
        let said = tokio::task::spawn_blocking(move || talk(&addr, &case)).await.expect("the connection ends");
        let hail = shown.starts_with("locked");
        assert!(said.is_empty() || hail && said == refusal, "{shown:?}: {said:?}");
        assert!(answer.is_none() || said == refusal, "{shown:?}: {said:?}");
        assert_eq!(remote.whereis("a").await, Ok(None), "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_half_and_goes_or_stays_holds_nobody_up() {
    for secret in [None, Some(SECRET)] {
        let node = match secret {
            None => builder("gateway-half", &[]),
            Some(secret) => builder("gateway-half-hail", &[]).secret(secret),
        };
        let node = node.start().await.expect("a node starts");
        let addr = gateway(&node);
        let half = |bytes: &[u8]| {
            let mut stream = TcpStream::connect(&addr).expect("it can be reached");
            stream.write_all(bytes).expect("there is room for it");
            stream
        };
        let stays = [half(&[0]), half(&[0, 0, 16, 0]), half(b"locked\xa7"), half(&frame(b"\x81\xa7Request")[..8])];
        drop([half(&[0, 0]), half(b"locked")]);
        let program = secret.map_or_else(Client::builder, |secret| Client::builder().secret(secret));
        let remote = program.connect([&addr]).await.expect("it is let in");
        assert_eq!(remote.whereis("a").await, Ok(None));
        drop(stays);
    }
}
