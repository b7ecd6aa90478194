//! Owns where the records of a stream of TLS end. Never looks at more than their lengths.

/// Kind, version and length (RFC 8446, 5.1).
const HEAD_BYTES: usize = 5;

/// How far the record that is under way has come.
#[derive(Debug, Default)]
pub(super) struct Border {
    head: [u8; HEAD_BYTES],
    /// Bytes of the head that have come.
    begun: usize,
    /// Bytes that are missing behind a whole head.
    missing: usize,
}

impl Border {
    /// Whether a record has begun and is not complete.
    pub(super) fn is_within(&self) -> bool {
        self.begun > 0
    }

    /// These bytes have come.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.step(bytes)..];
        }
    }

    /// How many of these bytes belong to the record that is under way, or begins with them. They have come.
    pub(super) fn step(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        if self.begun < HEAD_BYTES {
            taken = bytes.len().min(HEAD_BYTES - self.begun);
            self.head[self.begun..][..taken].copy_from_slice(&bytes[..taken]);
            self.begun += taken;
            if self.begun < HEAD_BYTES {
                return taken;
            }
            self.missing = u16::from_be_bytes([self.head[3], self.head[4]]).into();
        }
        let more = self.missing.min(bytes.len() - taken);
        self.missing -= more;
        if self.missing == 0 {
            self.begun = 0;
        }
        taken + more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_within_a_record_until_its_last_byte_however_the_bytes_are_cut() {
        let stream = [&[22, 3, 3, 0, 2, 7, 7][..], &[23, 3, 3, 1, 0], &[9; 256], &[21, 3, 3, 0, 0]].concat();
        let ends = [7, 7 + 261, 7 + 261 + 5];
        for piece in [1, 2, 3, 5, 7, 100, stream.len()] {
            let (mut border, mut at) = (Border::default(), 0);
            for bytes in stream.chunks(piece) {
                border.pass(bytes);
                at += bytes.len();
                assert_eq!(border.is_within(), !ends.contains(&at), "{at} in pieces of {piece}");
            }
        }
        let (mut border, mut at, mut found) = (Border::default(), 0, Vec::new());
        while at < stream.len() {
            at += border.step(&stream[at..]);
            found.push(at);
        }
        assert_eq!(found, ends);
    }
}
