//! The same wire between ends with certificates.

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use super::*;
use crate::tls::mint::Mint;

const NAME: &str = "bank.swarm";

fn certified(mint: &Mint, change: impl FnOnce(&mut CertificateParams)) -> Lock {
    Lock::Certificate(mint.credentials(NAME, change))
}

/// The same, as an end that is otherwise.
fn otherwise(mint: &Mint, change: impl FnOnce(&mut ClientConfig, &mut rustls::ServerConfig)) -> Lock {
    let credentials = mint.credentials(NAME, |_| {});
    credentials.otherwise(change);
    Lock::Certificate(credentials)
}

/// What becomes of a connection whose ends do not accept each other.
fn denied(dialler: &Lock, acceptor: &Lock) -> (Denial, Denial) {
    let mut pair = Pair::new(Some(dialler), Some(acceptor), &[], &[]);
    pair.run();
    // What was sent without waiting may stand behind what is refused.
    pair.turn();
    assert!(pair.dialler.seen.is_empty() && pair.acceptor.seen.is_empty());
    match (pair.dialler.ended, pair.acceptor.ended) {
        (Some(Ended::Denied(dialler)), Some(Ended::Denied(acceptor))) => (dialler, acceptor),
        other => panic!("not denied: {other:?}"),
    }
}

#[test]
fn with_certificates_the_same_goes_over_the_wire_as_without_and_none_of_it_can_be_read_there() {
    let mint = Mint::new("ca");
    let (one, other) = (certified(&mint, |_| {}), certified(&mint, |_| {}));
    let mut pair = Pair::new(Some(&one), Some(&other), &bodies(&["to the acceptor"]), &bodies(&["to the dialler"]));
    pair.run();
    assert_eq!((pair.dialler.connection.phase(), pair.acceptor.connection.phase()), (Phase::Open, Phase::Open));
    assert_eq!(pair.acceptor.seen, bodies(&["hello 1", "confirmed", "to the acceptor"]));
    assert_eq!(pair.dialler.seen, bodies(&["welcome 2", "to the dialler"]));
    let said = [&pair.there.log[..], &pair.back.log].concat();
    // Not even of which cluster it is.
    for word in [b"bank".as_slice(), b"acceptor", b"swarmnet"] {
        assert!(!said.windows(word.len()).any(|part| part == word));
    }
    let moved = (pair.dialler.connection.moved(), pair.acceptor.connection.moved());
    assert!(moved.0.bytes_received > 0 && moved.1.bytes_received > 0);
    assert_eq!(pair.acceptor.connection.moved().bytes_sent, pair.back.gone as u64);
}

#[test]
fn who_has_no_certificate_of_the_cluster_is_refused_whoever_dialled_and_both_know_why() {
    let (mint, other) = (Mint::new("ca"), Mint::new("another"));
    let good = certified(&mint, |_| {});
    // What the one who refuses says, and what the one who is refused hears of it.
    let mut flawed = vec![
        (certified(&mint, |params| params.not_after = date_time_ymd(2020, 1, 1)), Flaw::Expired, Flaw::Untimely),
        (certified(&mint, |params| params.not_before = date_time_ymd(4000, 1, 1)), Flaw::Early, Flaw::Untimely),
        (certified(&mint, |params| params.subject_alt_names.clear()), Flaw::Name, Flaw::Unfit),
    ];
    let named = |params: &mut CertificateParams| {
        params.subject_alt_names =
            CertificateParams::new(vec!["post.swarm".to_owned()]).expect("a name").subject_alt_names;
    };
    flawed.push((certified(&mint, named), Flaw::Name, Flaw::Unfit));
    for (lock, theirs, ours) in &flawed {
        assert_eq!(denied(lock, &good), (Denial::OurCertificate(*ours), Denial::Certificate(*theirs)));
        assert_eq!(denied(&good, lock), (Denial::Certificate(*theirs), Denial::OurCertificate(*ours)));
    }
    let foreign = certified(&other, |_| {});
    let issuer = (Denial::Certificate(Flaw::Issuer), Denial::OurCertificate(Flaw::Issuer));
    // Who was dialled shows its certificate first.
    assert_eq!(denied(&foreign, &good), issuer);
    assert_eq!(denied(&good, &foreign), issuer);
    for (purpose, dialled) in
        [(ExtendedKeyUsagePurpose::ClientAuth, true), (ExtendedKeyUsagePurpose::ServerAuth, false)]
    {
        let lock = certified(&mint, |params| params.extended_key_usages = vec![purpose]);
        let (theirs, ours) = (Denial::Certificate(Flaw::Purpose), Denial::OurCertificate(Flaw::Purpose));
        let (ends, expected) =
            if dialled { ((&good, &lock), (theirs, ours)) } else { ((&lock, &good), (ours, theirs)) };
        assert_eq!(denied(ends.0, ends.1), expected);
    }
}

/// Shows none.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[test]
fn who_shows_no_certificate_and_who_speaks_another_version_is_refused() {
    let mint = Mint::new("ca");
    let good = certified(&mint, |_| {});
    let nobody = otherwise(&mint, |client, _| client.client_auth_cert_resolver = Arc::new(Nobody));
    assert_eq!(denied(&nobody, &good), (Denial::OurCertificate(Flaw::Absent), Denial::Certificate(Flaw::Absent)));
    for protocols in [vec![b"swarm/0".to_vec()], vec![b"h2".to_vec()], vec![]] {
        let other = otherwise(&mint, |client, server| {
            (client.alpn_protocols, server.alpn_protocols) = (protocols.clone(), protocols.clone());
        });
        for (dialler, acceptor) in [(&other, &good), (&good, &other)] {
            let mut pair = Pair::new(Some(dialler), Some(acceptor), &[], &[]);
            pair.run();
            // Both or one of them: who says nothing of the version takes what it gets.
            let ended = [pair.dialler.ended, pair.acceptor.ended];
            assert!(ended.iter().any(|ended| matches!(ended, Some(Ended::Denied(Denial::Garbage)))), "{ended:?}");
            assert!(!pair.acceptor.seen.contains(&b"confirmed".to_vec()), "{protocols:?}");
        }
    }
}

#[test]
fn nodes_with_a_secret_with_certificates_and_with_neither_refuse_each_other_and_know_why() {
    let (certified, secret) = (certified(&Mint::new("ca"), |_| {}), lock(&[ONE], "bank"));
    let check = |dialler: Option<&Lock>, acceptor: Option<&Lock>, expected| {
        assert_eq!(Pair::new(dialler, acceptor, &[], &[]).denied(), expected);
    };
    check(Some(&certified), Some(&secret), (Denial::Otherwise, Denial::Otherwise));
    check(Some(&secret), Some(&certified), (Denial::Otherwise, Denial::Otherwise));
    check(Some(&certified), None, (Denial::TheyHaveNone, Denial::WeHaveNone));
    check(None, Some(&certified), (Denial::WeHaveNone, Denial::TheyHaveNone));
}

#[test]
fn a_bit_that_flips_anywhere_in_a_session_alters_no_frame() {
    let mint = Mint::new("ca");
    let lock = certified(&mint, |_| {});
    let (there, back) = (bodies(&["to the acceptor", "more of it"]), bodies(&["to the dialler"]));
    let mut good = Pair::new(Some(&lock), Some(&lock), &there, &back);
    good.run();
    let mut unnoticed = 0;
    let mut session = |flip: usize, is_back: bool| {
        let mut pair = Pair::new(Some(&lock), Some(&lock), &there, &back);
        if is_back {
            pair.back.flipped = Some(flip)
        } else {
            pair.there.flipped = Some(flip)
        };
        pair.run();
        assert!(good.acceptor.seen.starts_with(&pair.acceptor.seen), "bit {flip}: {:?}", pair.acceptor.seen);
        assert!(good.dialler.seen.starts_with(&pair.dialler.seen), "bit {flip}: {:?}", pair.dialler.seen);
        unnoticed += usize::from(pair.acceptor.seen.len() == good.acceptor.seen.len());
    };
    // Some bytes of each record in this test, other bits of each in turn.
    for byte in (0..good.there.gone).step_by(3) {
        session(byte * 8 + byte % 8, false);
    }
    for byte in (0..good.back.gone).step_by(3) {
        session(byte * 8 + byte % 8, true);
    }
    // The version in the head of a record means nothing, and neither does what is there for the sake of older devices on the way.
    assert!(unnoticed < 40, "{unnoticed} of {} were not noticed", (good.there.gone + good.back.gone) / 3);
}

#[test]
fn a_key_is_renewed_with_time_and_nothing_is_lost() {
    let lock = certified(&Mint::new("ca"), |_| {});
    let mut pair = Pair::new(Some(&lock), Some(&lock), &[], &[]);
    pair.run();
    for hour in 1..4 {
        let before = pair.there.gone;
        pair.dialler.connection.tick(at(3_600 * hour + 2)).expect("it is open");
        pair.dialler.connection.sync(format!("hour {hour}").as_bytes());
        pair.acceptor.connection.sync(b"and back");
        pair.run();
        assert_eq!(pair.acceptor.seen.last(), Some(&format!("hour {hour}").into_bytes()));
        assert_eq!(pair.dialler.seen.last(), Some(&b"and back".to_vec()));
        assert!(
            pair.there.gone - before > 22 + 32 + 16,
            "a record with the new key's beginning, and one with the frame"
        );
    }
}

#[test]
fn whoever_trickles_a_record_or_a_handshake_is_ended_by_the_deadline() {
    let lock = certified(&Mint::new("ca"), |_| {});
    let mut pair = Pair::new(Some(&lock), Some(&lock), &[], &[]);
    pair.run();
    pair.there.write_all(&[23, 3, 3, 0, 100, 7]).expect("it takes all");
    pair.turn();
    pair.acceptor.connection.tick(at(10)).expect("not yet");
    assert!(matches!(pair.acceptor.connection.tick(at(11)), Err(Ended::Trickle)));

    let hello = Tunnel::behind(Some(&lock)).begin().expect("there is randomness").expect("it is closed");
    for half in [&hello[..1], &hello[..100], &hello] {
        let mut acceptor = End::new(Connection::accepted(LIMITS, Some(&lock), at(0)), &[]);
        let (mut there, mut back, mut scratch) = (Wire::default(), Wire::default(), Scratch::default());
        there.write_all(half).expect("it takes all");
        acceptor.turn(&mut there, &mut back, &mut scratch);
        acceptor.connection.tick(at(4)).expect("not yet");
        assert!(matches!(acceptor.connection.tick(at(5)), Err(Ended::Slow)));
    }
}

#[test]
fn a_handshake_that_is_announced_longer_than_any_is_refused_before_it_is_kept() {
    let lock = certified(&Mint::new("ca"), |_| {});
    let mut acceptor = End::new(Connection::accepted(LIMITS, Some(&lock), at(0)), &[]);
    let (mut there, mut back, mut scratch) = (Wire::default(), Wire::default(), Scratch::default());
    // The first record of a client's hello of nearly 16 MiB, then more of them.
    let first = [&[22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff][..], &[7; (16 << 10) - 4]].concat();
    there.write_all(&first).expect("it takes all");
    for _ in 0..8 {
        there.write_all(&[&[22, 3, 1, 0x40, 0][..], &[7; 16 << 10]].concat()).expect("it takes all");
    }
    acceptor.turn(&mut there, &mut back, &mut scratch);
    acceptor.turn(&mut there, &mut back, &mut scratch);
    assert!(matches!(acceptor.ended, Some(Ended::Denied(Denial::Garbage))), "{:?}", acceptor.ended);
    assert!(back.gone < 16, "an alert at most: {}", back.gone);
}

/// What stands behind the handshake in one read is opened with it, and what stands behind it in many pieces too.
#[test]
fn what_comes_with_the_end_of_the_handshake_is_not_lost() {
    let lock = certified(&Mint::new("ca"), |_| {});
    for piece in [None, Some(1), Some(7), Some(1_000)] {
        let mut pair = Pair::new(Some(&lock), Some(&lock), &bodies(&["word"]), &[]);
        (pair.there.piece, pair.back.piece) = (piece, piece);
        pair.run();
        assert_eq!(pair.acceptor.seen, bodies(&["hello 1", "confirmed", "word"]), "{piece:?}");
    }
}

#[test]
fn a_recorded_session_is_worth_nothing() {
    let lock = certified(&Mint::new("ca"), |_| {});
    let mut pair = Pair::new(Some(&lock), Some(&lock), &bodies(&["word"]), &[]);
    pair.run();
    let mut acceptor = End::new(Connection::accepted(LIMITS, Some(&lock), at(0)), &[]);
    let (mut there, mut back, mut scratch) = (Wire::default(), Wire::default(), Scratch::default());
    there.write_all(&pair.there.log).expect("it takes all");
    acceptor.turn(&mut there, &mut back, &mut scratch);
    acceptor.turn(&mut there, &mut back, &mut scratch);
    assert!(matches!(acceptor.ended, Some(Ended::Denied(_))), "{:?}", acceptor.ended);
    assert!(acceptor.seen.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn frames_come_whole_and_in_order_through_sockets_that_take_a_little_at_a_time(
        lengths in prop::collection::vec(prop_oneof![3 => 0usize..300, 1 => 60_000usize..300_000], 1..20),
        pieces in (prop_oneof![50usize..3_000, 50_000usize..200_000], prop_oneof![50usize..3_000, 50_000usize..200_000]),
    ) {
        let lock = certified(&Mint::new("ca"), |_| {});
        let frames: Vec<_> = lengths.iter().zip(0u8..).map(|(length, i)| vec![i; *length]).collect();
        let mut pair = Pair::new(Some(&lock), Some(&lock), &frames, &frames);
        (pair.there.piece, pair.back.piece) = (Some(pieces.0), Some(pieces.1));
        pair.run();
        prop_assert!(pair.dialler.ended.is_none() && pair.acceptor.ended.is_none());
        prop_assert!(pair.acceptor.seen[2..] == frames && pair.dialler.seen[1..] == frames);
    }

    #[test]
    fn garbage_is_refused_or_waited_for_but_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), begins_well: bool) {
        let lock = certified(&Mint::new("ca"), |_| {});
        let bytes = if begins_well { [&[22, 3, 1, 0, 100, 1, 0, 0, 96, 3, 3], &*bytes].concat() } else { bytes };
        let mut acceptor = End::new(Connection::accepted(LIMITS, Some(&lock), at(0)), &[]);
        let mut dialled = Connection::dialling(LIMITS, Some(&lock), at(0));
        dialled.dialled(&greeting(1)).expect("there is randomness");
        let mut dialler = End::new(dialled, &[]);
        for end in [&mut acceptor, &mut dialler] {
            let (mut there, mut back, mut scratch) = (Wire::default(), Wire::default(), Scratch::default());
            there.write_all(&bytes).expect("it takes all");
            end.turn(&mut there, &mut back, &mut scratch);
            end.turn(&mut there, &mut back, &mut scratch);
            prop_assert!(end.seen.is_empty());
        }
    }
}
