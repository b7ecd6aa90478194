use std::collections::VecDeque;

use proptest::prelude::*;
use snow::TransportState;

use super::*;

/// Both ends of a direction, as snow has it and as we do.
fn ends() -> (Sealing, Opening) {
    (Sealing::new(&[7; 32]), Opening::new(&[7; 32]))
}

fn sealed(sealing: &mut Sealing, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    sealing.seal(&mut out, |out, room| out.extend_from_slice(&content[..content.len().min(room)]));
    out
}

/// Gives what it has in pieces of one size.
struct Pieces(VecDeque<u8>, usize);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let room = buffer.len().min(self.1);
        self.0.read(&mut buffer[..room])
    }
}

/// Everything that comes of these bytes, and how it ended.
fn read_all(opening: &mut Opening, bytes: &[u8], piece: usize) -> (Vec<u8>, io::Error) {
    let mut source = Pieces(bytes.iter().copied().collect(), piece);
    let (mut content, mut buffer) = (Vec::new(), vec![0; 2 * RECORD_BYTES_MAX]);
    loop {
        match (Opened { source: &mut source, opening }).read(&mut buffer) {
            Ok(read) => content.extend_from_slice(&buffer[..read]),
            Err(error) => return (content, error),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn content_comes_out_as_it_went_in_however_it_is_split(
        lengths in prop::collection::vec((prop_oneof![1usize..300, 1usize..CONTENT_BYTES_MAX + 1], any::<bool>()), 1..6),
        piece in prop_oneof![1usize..100, 1_000usize..200_000],
    ) {
        let (mut sealing, mut opening) = ends();
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for (i, (length, renew)) in lengths.into_iter().enumerate() {
            if renew {
                sealing.renew();
            }
            let content = vec![i as u8; length];
            bytes.extend(sealed(&mut sealing, &content));
            expected.extend(content);
        }
        let (content, error) = read_all(&mut opening, &bytes, piece);
        prop_assert!(content == expected && error.kind() == ErrorKind::WouldBlock && !opening.is_partial());
        prop_assert_eq!(opening.received(), bytes.len() as u64);
    }
}

#[test]
fn no_byte_of_a_record_that_was_altered_or_moved_comes_through() {
    let (mut sealing, _) = ends();
    let records: Vec<_> = [b"one".as_slice(), b"two", b"three"].map(|content| sealed(&mut sealing, content)).into();
    let whole = records.concat();
    let refused = |bytes: &[u8]| {
        let (content, error) = read_all(&mut ends().1, bytes, 1_000);
        assert!(b"onetwothree".starts_with(&content), "{content:?}");
        (content.len(), error.kind() == ErrorKind::InvalidData)
    };
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (content, noticed) = refused(&bytes);
        assert!(content < 11, "bit {bit}");
        // A length that has grown only shows when so much has come.
        assert!(noticed || matches!(bit / 8, 0 | 1 | 21 | 22 | 42 | 43), "bit {bit}");
    }
    assert_eq!(refused(&records[1]), (0, true), "the first is missing");
    assert_eq!(refused(&[&*records[0], &records[0]].concat()), (0, true), "the first comes twice");
    assert_eq!(refused(&[&*records[0], &records[2]].concat()), (0, true), "the second is missing");
    assert_eq!(refused(&[0, 15, 0, 0]), (0, true), "no record is shorter than its tag");
}

#[test]
fn the_key_changes_before_it_has_sealed_too_much_and_no_end_lets_the_other_forget_it() {
    let (mut sealing, mut opening) = ends();
    sealing.cipher.used = RECORDS_PER_KEY - 1;
    opening.cipher.used = RECORDS_PER_KEY - 1;
    let last = sealed(&mut sealing, b"last");
    let first = sealed(&mut sealing, b"first");
    assert_eq!(last.len() - 4, LENGTH_BYTES + TAG_BYTES);
    assert_eq!(first.len() - 5, 2 * (LENGTH_BYTES + TAG_BYTES), "an empty record says so");
    assert_eq!((sealing.cipher.used, sealing.cipher.next), (1, 3));
    let (content, _) = read_all(&mut opening, &[last, first].concat(), 1_000);
    assert_eq!((content, opening.cipher.used), (b"lastfirst".to_vec(), 1));

    let (mut sealing, mut opening) = ends();
    opening.cipher.used = RECORDS_PER_KEY + 1;
    let (content, error) = read_all(&mut opening, &sealed(&mut sealing, b"too many"), 1_000);
    assert_eq!((content.len(), error.kind()), (0, ErrorKind::InvalidData));
}

/// The two ends of a handshake of snow's, in its own transport mode.
fn snow_ends() -> ([Sealing; 2], [Opening; 2], [TransportState; 2]) {
    let params = || "Noise_NN_25519_AESGCM_SHA256".parse().expect("a pattern of snow's");
    let entropy = crate::secret::Entropy::seeded(1);
    let builder = || {
        let primitives = super::super::primitives::Primitives(entropy.clone());
        snow::Builder::with_resolver(params(), Box::new(primitives))
    };
    let mut dialled = builder().build_initiator().expect("all primitives are there");
    let mut accepted = builder().build_responder().expect("all primitives are there");
    let (mut message, mut room) = ([0; 256], [0; 256]);
    let length = dialled.write_message(&[], &mut message).expect("there is room");
    accepted.read_message(&message[..length], &mut room).expect("it is the first");
    let length = accepted.write_message(&[], &mut message).expect("there is room");
    dialled.read_message(&message[..length], &mut room).expect("it is the second");
    let (there, back) = dialled.dangerously_get_raw_split();
    let sealing = [&there, &back].map(Sealing::new);
    let opening = [&back, &there].map(Opening::new);
    let states = [dialled, accepted].map(|state| state.into_transport_mode().expect("it is complete"));
    (sealing, opening, states)
}

#[test]
fn records_are_transport_messages_of_the_noise_protocol() {
    let ([mut sealing, _], [mut opening, _], [_, mut other]) = snow_ends();
    let mut room = [0; 256];
    for (i, content) in [b"one".as_slice(), b"two", b"three"].into_iter().enumerate() {
        let bytes = sealed(&mut sealing, content);
        let message = match i {
            2 => {
                let end = bytes.len() - content.len() - LENGTH_BYTES - TAG_BYTES;
                assert_eq!(other.read_message(&bytes[LENGTH_BYTES..end], &mut room).expect("it is authentic"), 0);
                other.rekey_incoming();
                &bytes[end + LENGTH_BYTES..]
            }
            _ => &bytes[LENGTH_BYTES..],
        };
        let length = other.read_message(message, &mut room).expect("it is authentic");
        assert_eq!(&room[..length], content);
        if i == 1 {
            sealing.renew();
        }
    }
    let mut bytes = Vec::new();
    for content in [b"four".as_slice(), b"", b"five"] {
        let length = other.write_message(content, &mut room).expect("there is room");
        bytes.extend_from_slice(&(length as u16).to_be_bytes());
        bytes.extend_from_slice(&room[..length]);
        if content.is_empty() {
            other.rekey_outgoing();
        }
    }
    let (content, error) = read_all(&mut opening, &bytes, 7);
    assert_eq!((content, error.kind()), (b"fourfive".to_vec(), ErrorKind::WouldBlock));
}
