//! Owns the fuzzing of reassembly: frames come out as they went in, wherever the reads end. Never cuts a frame itself.

use std::cell::RefCell;
use std::io::{self, Read};

use super::{put_step, steps};
use crate::wire::{Frame, FrameRef, HEAD_BYTES, Progress, Reassembly, Scratch, Sink, WireError};

/// Where reads end: each byte says how long one of them is, over and over.
pub(super) type Cuts = [u8; 8];

/// The longest body that a frame may have here; longer than what is collected aside.
const BODY_BYTES_MAX: u32 = 256 << 10;

/// A kind that must not come.
const BARRED: u8 = 255;

/// Bytes that are read in pieces.
pub(super) struct Pieces<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) cuts: &'a Cuts,
    pub(super) turn: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let cut = usize::from(self.cuts[self.turn % self.cuts.len()]);
        self.turn += 1;
        // Short reads end in the middle of headers, long ones behind several frames.
        let most = if cut < 128 { cut + 1 } else { (cut - 127) << 10 };
        let (piece, rest) = self.bytes.split_at(self.bytes.len().min(most).min(buffer.len()));
        buffer[..piece.len()].copy_from_slice(piece);
        self.bytes = rest;
        Ok(piece.len())
    }
}

#[derive(Default)]
struct Collected(Vec<(u8, Vec<u8>)>);

impl Sink for Collected {
    fn body_bytes_max(&self, kind: u8) -> Option<u32> {
        (kind != BARRED).then_some(BODY_BYTES_MAX)
    }

    fn frame(&mut self, frame: FrameRef<'_>) -> Result<(), WireError> {
        self.0.push((frame.kind, frame.body.to_vec()));
        Ok(())
    }
}

/// Frames in arbitrary pieces: as the bytes are, as whole frames, and as whole frames of which one byte is another.
pub fn frames(bytes: &[u8]) {
    let Some((cuts, rest)) = bytes.split_first_chunk::<8>() else { return };
    same_in_pieces(cuts, rest);
    let Some(([at0, at1, flip], rest)) = rest.split_first_chunk() else { return };
    let mut sent = Vec::new();
    let mut wire = Vec::new();
    for (kind, step) in steps(rest) {
        let repeated = if kind & 1 == 0 { 1 } else { 64 };
        let mut body = step.repeat(repeated);
        body.truncate(BODY_BYTES_MAX as usize);
        let kind = kind.min(BARRED - 1);
        wire.extend_from_slice(Frame::new(kind, [kind; HEAD_BYTES], &[&body]).bytes());
        sent.push((kind, body));
    }
    let (came, error) = read(cuts, &wire);
    assert_eq!(error, None);
    assert!(came == sent, "{} frames went in, {} came out", sent.len(), came.len());
    let at = usize::from(u16::from_le_bytes([*at0, *at1]));
    if let Some(byte) = wire.get_mut(at) {
        *byte ^= flip;
        same_in_pieces(cuts, &wire);
    }
}

/// Inputs of [`frames`].
pub fn frames_seeds() -> Vec<Vec<u8>> {
    let mut small = [31, 0, 3, 200, 7, 1, 60, 99, 4, 0, 1].to_vec();
    put_step(&mut small, 20, b"hello");
    put_step(&mut small, 22, b"");
    put_step(&mut small, 30, &[7; 100]);
    let mut large = [255, 255, 200, 128, 127, 140, 255, 255, 0, 0, 0].to_vec();
    put_step(&mut large, 21, &[1; 1200]);
    put_step(&mut large, 20, b"after");
    put_step(&mut large, 23, &[2; 2000]);
    vec![small, large]
}

fn same_in_pieces(cuts: &Cuts, wire: &[u8]) {
    let (whole, pieces) = (read(&[255; 8], wire), read(cuts, wire));
    assert!(whole == pieces, "{:?} in long reads, {:?} in pieces", whole.1, pieces.1);
}

/// What comes out, and what is wrong with the rest.
fn read(cuts: &Cuts, wire: &[u8]) -> (Vec<(u8, Vec<u8>)>, Option<String>) {
    // To make it anew would take longer than all else, and what stood in it before must be nothing to the next.
    thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());
    let mut source = Pieces { bytes: wire, cuts, turn: 0 };
    let (mut reassembly, mut sink) = (Reassembly::default(), Collected::default());
    SCRATCH.with_borrow_mut(|scratch| {
        loop {
            match reassembly.read(&mut source, scratch, &mut sink) {
                Ok(Progress::Bytes(_)) => {}
                Ok(Progress::End | Progress::WouldBlock) => return (sink.0, None),
                Err(error) => return (sink.0, Some(error.to_string())),
            }
        }
    })
}
