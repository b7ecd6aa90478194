use std::convert::Infallible;

use super::*;

fn envelope(name: &str, origin: Option<NodeId>) -> Envelope {
    Envelope {
        name: Name::from(name),
        request: 7,
        message: 9,
        remaining: Duration::from_millis(250),
        fingerprint: 11,
        kind: 13,
        hops: 2,
        origin,
        path: origin.map_or(Path::default(), |node| Path::default().with(node)),
        multicall: origin.map_or(0, |node| node.boot()),
        from_queue: origin.is_some(),
        trace: None,
    }
}

fn framed(envelope: &Envelope) -> Frame {
    let abc = |mut bytes: AlignedVec| {
        bytes.extend_from_slice(b"abc");
        Ok::<_, Infallible>(bytes)
    };
    envelope.frame(kind::CALL, 0, abc).unwrap_or_else(|never| match never {})
}

#[test]
fn an_envelope_survives_the_wire() {
    let v4 = NodeId::new("127.0.0.1:45892".parse().expect("an address"), 3);
    let v6 = NodeId::new("[fe80::1%4]:9".parse().expect("an address"), 5);
    for (name, origin) in [("", None), ("acct/42", Some(v4)), ("a name of more than eight bytes", Some(v6))] {
        let sent = envelope(name, origin);
        let frame = framed(&sent);
        let (read, range) = Envelope::read(frame.head(), frame.body()).expect("a good frame");
        assert_eq!(read, sent);
        assert_eq!(range.start % 16, 0);
        assert_eq!(&frame.body()[range], b"abc");
    }
}

#[test]
fn a_frame_whose_lengths_do_not_add_up_is_refused() {
    let sent = envelope("acct/42", None);
    let mut body = framed(&sent).body().to_vec();
    for cut in 0..body.len() {
        assert_eq!(Envelope::read(&sent.head(), &body[..cut]), None, "cut at {cut}");
    }
    body.push(0);
    assert_eq!(Envelope::read(&sent.head(), &body), None, "one byte too many");
}

#[test]
fn what_fills_up_is_zero() {
    let node = NodeId::new("127.0.0.1:45892".parse().expect("an address"), 3);
    let sent = envelope("acct/42", Some(node));
    let frame = framed(&sent);
    let (_, payload) = Envelope::read(frame.head(), frame.body()).expect("a good frame");
    let name = PRELUDE + ORIGIN + PATH + MULTICALL;
    let origin = [PRELUDE + 27, PRELUDE + 28, PRELUDE + 31];
    let path = PRELUDE + ORIGIN + PATH_NODES * 5..PRELUDE + ORIGIN + PATH;
    for at in origin.into_iter().chain(path).chain(name + 7..payload.start) {
        let mut body = frame.body().to_vec();
        body[at] = 1;
        assert_eq!(Envelope::read(frame.head(), &body), None, "byte {at}");
    }
}

fn traced(state: &str) -> Envelope {
    let trace = TraceContext::new([0x0a; 16], [0xb7; 8], 3).expect("its ids are not zero").with_state(state);
    Envelope { trace: Some(Box::new(trace)), ..envelope("acct/42", None) }
}

#[test]
fn a_trace_survives_the_wire_and_without_one_nothing_is_longer() {
    let node = NodeId::new("127.0.0.1:45892".parse().expect("an address"), 3);
    for state in ["", "congo=t61rcWkgMzE", &"x".repeat(512)] {
        for origin in [None, Some(node)] {
            let sent = Envelope { trace: traced(state).trace, ..envelope("acct/42", origin) };
            let frame = framed(&sent);
            let (read, range) = Envelope::read(frame.head(), frame.body()).expect("a good frame");
            assert_eq!(read, sent);
            assert_eq!((range.start % 16, &frame.body()[range]), (0, &b"abc"[..]));
        }
    }
    // As it was before there were traces: prelude, name, zeros, payload.
    let body = framed(&envelope("acct/42", None)).body().to_vec();
    assert_eq!(body.len(), PRELUDE + 16 + 3);
    assert_eq!((body[3], &body[PRELUDE..][..7]), (0, &b"acct/42"[..]));
}

#[test]
fn a_trace_that_no_node_would_send_is_refused() {
    let sent = traced("congo=t61rcWkgMzE");
    let good = framed(&sent).body().to_vec();
    assert!(Envelope::read(&sent.head(), &good).is_some());
    let state = PRELUDE + 28;
    let changed = |at: usize, bytes: &[u8]| {
        let mut body = good.clone();
        body[at..at + bytes.len()].copy_from_slice(bytes);
        Envelope::read(&sent.head(), &body)
    };
    let bad: [(&str, usize, &[u8]); 11] = [
        ("no trace", PRELUDE, &[0; 16]),
        ("no span", PRELUDE + 16, &[0; 8]),
        ("not sampled", PRELUDE + 24, &[2]),
        ("an unknown flag", PRELUDE + 24, &[5]),
        ("what fills up", PRELUDE + 25, &[1]),
        ("a shorter state", PRELUDE + 26, &16_u16.to_le_bytes()),
        ("a longer state", PRELUDE + 26, &513_u16.to_le_bytes()),
        ("a state beyond the end", PRELUDE + 26, &u16::MAX.to_le_bytes()),
        ("a state with an end", state, b"\0"),
        ("a state with a line", state, b"\n"),
        ("a state beyond ASCII", state, "é".as_bytes()),
    ];
    for (what, at, bytes) in bad {
        assert_eq!(changed(at, bytes), None, "{what}");
    }
    for cut in 0..good.len() {
        assert_eq!(Envelope::read(&sent.head(), &good[..cut]), None, "cut at {cut}");
    }
    // The flag alone: what stands there is the name.
    let mut flagged = framed(&envelope("acct/42", None)).body().to_vec();
    flagged[3] |= FLAG_TRACE;
    assert_eq!(Envelope::read(&sent.head(), &flagged), None);
}
