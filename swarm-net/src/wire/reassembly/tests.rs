use proptest::prelude::*;

use super::*;
use crate::wire::Frame;

const LIMIT: u32 = 300_000;

/// Gives the bytes in pieces of the given sizes, over and over, then says that there is nothing more.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: Vec<usize>,
    turn: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let size = self.sizes[self.turn % self.sizes.len()].min(buffer.len()).min(self.bytes.len());
        self.turn += 1;
        let (piece, rest) = self.bytes.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.bytes = rest;
        Ok(size)
    }
}

#[derive(Default)]
struct Seen(Vec<(u8, Vec<u8>)>);

impl Sink for Seen {
    fn body_bytes_max(&self, kind: u8) -> Option<u32> {
        (kind != 99).then_some(LIMIT)
    }

    fn frame(&mut self, frame: FrameRef<'_>) -> Result<(), WireError> {
        assert_eq!(frame.body.as_ptr() as usize % 16, 0, "bodies are aligned");
        assert_eq!(frame.head[0], frame.kind);
        self.0.push((frame.kind, frame.body.to_vec()));
        Ok(())
    }
}

/// Takes so many frames in one turn.
struct Sparing {
    seen: Seen,
    room: usize,
}

impl Sink for Sparing {
    fn body_bytes_max(&self, kind: u8) -> Option<u32> {
        self.seen.body_bytes_max(kind)
    }

    fn frame(&mut self, frame: FrameRef<'_>) -> Result<(), WireError> {
        self.room -= 1;
        self.seen.frame(frame)
    }

    fn has_room(&self) -> bool {
        self.room > 0
    }
}

fn frame(kind: u8, body: &[u8]) -> Frame {
    Frame::new(kind, [kind; 24], &[body])
}

/// Reads everything in pieces; returns the frames and the longest partial frame that was held.
fn read_all(bytes: &[u8], sizes: &[usize]) -> Result<(Seen, usize), ReadError> {
    let mut source = Pieces { bytes, sizes: sizes.to_vec(), turn: 0 };
    let (mut reassembly, mut scratch) = (Reassembly::default(), Scratch::default());
    let (mut seen, mut longest) = (Seen::default(), 0);
    while let Progress::Bytes(_) = reassembly.read(&mut source, &mut scratch, &mut seen)? {
        longest = longest.max(reassembly.partial.capacity());
    }
    assert!(!reassembly.is_partial());
    Ok((seen, longest))
}

fn refusal(bytes: &[u8]) -> WireError {
    let mut source = Pieces { bytes, sizes: vec![7], turn: 0 };
    let (mut reassembly, mut scratch, mut seen) = (Reassembly::default(), Scratch::default(), Seen::default());
    loop {
        match reassembly.read(&mut source, &mut scratch, &mut seen) {
            Ok(Progress::Bytes(_)) => {}
            Ok(other) => panic!("it was accepted: {other:?}"),
            Err(ReadError::Wire(error)) => return error,
            Err(ReadError::Io(error)) => panic!("the source failed: {error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn frames_come_out_as_they_went_in_however_the_bytes_are_split(
        lengths in prop::collection::vec(prop_oneof![0usize..200, 0usize..200, 60_000usize..LIMIT as usize], 1..12),
        sizes in prop::collection::vec(prop_oneof![1usize..64, 1usize..2000, 100_000usize..400_000], 1..6),
    ) {
        let frames: Vec<_> = (0u8..).zip(lengths).map(|(i, length)| (16 + i, vec![i; length])).collect();
        let bytes: Vec<u8> = frames.iter().flat_map(|(kind, body)| frame(*kind, body).bytes().to_vec()).collect();
        let (seen, _) = read_all(&bytes, &sizes).expect("good frames");
        prop_assert_eq!(seen.0, frames);
    }

    #[test]
    fn frames_that_are_too_many_for_a_turn_come_in_later_ones(
        lengths in prop::collection::vec(prop_oneof![0usize..200, 0usize..200, 60_000usize..LIMIT as usize], 1..12),
        sizes in prop::collection::vec(prop_oneof![1usize..2000, 100_000usize..400_000], 1..6),
        room in 1usize..5,
    ) {
        let frames: Vec<_> = (0u8..).zip(lengths).map(|(i, length)| (16 + i, vec![i; length])).collect();
        let bytes: Vec<u8> = frames.iter().flat_map(|(kind, body)| frame(*kind, body).bytes().to_vec()).collect();
        let mut source = Pieces { bytes: &bytes, sizes, turn: 0 };
        let (mut reassembly, mut scratch) = (Reassembly::default(), Scratch::default());
        let mut sink = Sparing { seen: Seen::default(), room };
        while let Progress::Bytes(_) = reassembly.read(&mut source, &mut scratch, &mut sink).expect("good frames") {
            prop_assert!(reassembly.late.len() <= SCRATCH_BYTES, "no more than one read brings");
            sink.room = room;
        }
        prop_assert!(!reassembly.is_partial() && reassembly.late.is_empty());
        prop_assert_eq!(sink.seen.0, frames);
    }

    #[test]
    fn garbage_is_refused_or_waited_for_but_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut source = Pieces { bytes: &bytes, sizes: vec![13], turn: 0 };
        let (mut reassembly, mut scratch, mut seen) = (Reassembly::default(), Scratch::default(), Seen::default());
        while let Ok(Progress::Bytes(_)) = reassembly.read(&mut source, &mut scratch, &mut seen) {}
        prop_assert!(reassembly.partial.len() <= bytes.len());
    }
}

#[test]
fn an_announced_length_reserves_nothing() {
    let whole = frame(20, &[1; LIMIT as usize]);
    let (mut reassembly, mut scratch, mut seen) = (Reassembly::default(), Scratch::default(), Seen::default());
    let mut source = Pieces { bytes: &whole.bytes()[..64], sizes: vec![64], turn: 0 };
    reassembly.read(&mut source, &mut scratch, &mut seen).expect("a good beginning");
    assert!(reassembly.is_partial() && reassembly.partial.capacity() < 1024);
    let (_, longest) = read_all(whole.bytes(), &[1000]).expect("a good frame");
    assert!(longest <= 2 * (LIMIT as usize + 64), "{longest} held");
}

#[test]
fn hostile_headers_are_refused_before_their_bodies_come() {
    let mut wrong = frame(20, b"x").bytes().to_vec();
    wrong[6] ^= 1;
    assert_eq!(refusal(&wrong), WireError::Check);
    assert_eq!(refusal(&frame(99, b"").bytes()[..32]), WireError::OutOfTurn { kind: 99 });
    let long = Header { body_bytes: LIMIT + 1, kind: 20, head: [0; 24] }.encode();
    assert_eq!(refusal(&long), WireError::TooLong { kind: 20, bytes: LIMIT + 1, limit: LIMIT });
    let huge = Header { body_bytes: u32::MAX, kind: 20, head: [0; 24] }.encode();
    assert_eq!(refusal(&huge), WireError::TooLong { kind: 20, bytes: u32::MAX, limit: LIMIT });
}

#[test]
fn the_end_of_the_stream_is_told_from_silence() {
    let (mut reassembly, mut scratch, mut seen) = (Reassembly::default(), Scratch::default(), Seen::default());
    let end = reassembly.read(&mut io::empty(), &mut scratch, &mut seen).expect("no error");
    assert_eq!(end, Progress::End);
}

#[test]
fn what_fills_a_frame_up_is_zero() {
    let good = frame(20, b"x").bytes().to_vec();
    for at in good.len() - 15..good.len() {
        let mut wrong = good.clone();
        wrong[at] = 1;
        assert_eq!(refusal(&wrong), WireError::Padding { kind: 20 }, "byte {at}");
    }
    let mut long = frame(20, &[7; 100_001]).bytes().to_vec();
    *long.last_mut().expect("it is long") = 1;
    let mut source = Pieces { bytes: &long, sizes: vec![90_000], turn: 0 };
    let (mut reassembly, mut scratch, mut seen) = (Reassembly::default(), Scratch::default(), Seen::default());
    let first = reassembly.read(&mut source, &mut scratch, &mut seen);
    assert!(matches!(first, Ok(Progress::Bytes(90_000))), "the rest of it is collected aside");
    let second = reassembly.read(&mut source, &mut scratch, &mut seen);
    assert!(matches!(second, Err(ReadError::Wire(WireError::Padding { kind: 20 }))));
}
