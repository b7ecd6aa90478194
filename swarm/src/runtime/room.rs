//! Owns how much may wait on one node for its worker to be found, started or moved. Never holds any of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many letters may wait so: some seconds of a busy node's.
const LETTERS_MAX: usize = 65_536;

/// How many bytes they may have together. What waits is lost time; much of it is lost memory, too.
const BYTES_MAX: usize = 256 << 20;

/// What waits on one node, counted.
#[derive(Debug, Default)]
pub(crate) struct Room {
    letters: AtomicUsize,
    bytes: AtomicUsize,
}

/// The place of one letter that waits, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Stay {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    /// Takes a place for a letter of so many bytes; `None` if there is no room.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Option<Stay> {
        let letters = self.letters.fetch_add(1, Ordering::Relaxed);
        let all = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        // If it was one too many, dropping it gives it back.
        let stay = Stay { room: self.clone(), bytes };
        (letters < LETTERS_MAX && all < BYTES_MAX).then_some(stay)
    }

    /// How many letters wait.
    pub(crate) fn letters(&self) -> usize {
        self.letters.load(Ordering::Relaxed)
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.room.letters.fetch_sub(1, Ordering::Relaxed);
        self.room.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_by_letters_and_by_bytes() {
        let room = Arc::new(Room::default());
        let mut stays: Vec<_> = (0..LETTERS_MAX).map(|_| room.take(1).expect("there is room")).collect();
        assert!(room.take(1).is_none());
        assert_eq!(room.letters(), LETTERS_MAX, "what was refused is not counted");
        stays.clear();
        let large = room.take(BYTES_MAX).expect("one may exceed it");
        assert!(room.take(1).is_none());
        drop(large);
        assert!(room.take(1).is_some());
    }
}
