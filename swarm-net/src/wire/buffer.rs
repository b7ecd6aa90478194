//! Owns short buffers that were used and will be used again. A message's bytes are written on one thread and given up on another,
//! for which allocators have a long way. Never knows what stood in a buffer, and never gives one out that is not empty.

use std::cell::RefCell;
use std::mem::take;
use std::sync::{Mutex, PoisonError};

use rkyv::util::AlignedVec;

/// The room of kept buffers is a power of two, from this many bytes on.
const ROOM_MIN: usize = 32;
/// What is longer than the longest of them is not kept: to copy it costs more than to allocate it.
const CLASSES: usize = 6;
/// So many classes larger than needed a buffer may be.
const LARGER: usize = 1;
/// Threads hand on so many at a time, so that they seldom meet.
const STACK: usize = 32;
/// So many stacks of a class wait for a thread that needs them: four megabytes in all.
const STACKS_MAX: usize = 64;

/// Buffers of one class.
type Stack = Vec<AlignedVec>;

/// Stacks that no thread has.
#[derive(Default)]
struct Shared {
    full: Vec<Stack>,
    /// Memory for stacks.
    empty: Vec<Stack>,
}

thread_local! {
    /// This thread's own.
    static OWN: RefCell<[Stack; CLASSES]> = const { RefCell::new([const { Vec::new() }; CLASSES]) };
}

static SHARED: [Mutex<Shared>; CLASSES] =
    [const { Mutex::new(Shared { full: Vec::new(), empty: Vec::new() }) }; CLASSES];

/// The class of buffers with this room.
#[inline]
fn class_of(room: usize) -> Option<usize> {
    let class = room.ilog2().checked_sub(ROOM_MIN.ilog2())? as usize;
    (class < CLASSES).then_some(class)
}

/// An empty buffer with room for at least so many bytes.
#[inline]
pub fn buffer(bytes: usize) -> AlignedVec {
    if bytes == 0 {
        return AlignedVec::new();
    }
    let room = bytes.next_power_of_two().max(ROOM_MIN);
    let Some(class) = class_of(room) else {
        return AlignedVec::with_capacity(bytes);
    };
    // A thread that ends has none of its own any more.
    let kept = OWN.try_with(|own| {
        let own = &mut *own.borrow_mut();
        // Who asks for too little gives up a larger one, and finds it here.
        let mut near = own[class..].iter_mut().take(LARGER + 1);
        near.find_map(Stack::pop).or_else(|| refill(&SHARED[class], &mut own[class]))
    });
    kept.ok().flatten().unwrap_or_else(|| AlignedVec::with_capacity(room))
}

/// Gives a buffer up, to be used again.
#[inline]
pub fn give_up(mut buffer: AlignedVec) {
    let room = buffer.capacity();
    if !room.is_power_of_two() {
        return;
    }
    let Some(class) = class_of(room) else { return };
    buffer.clear();
    let _ = OWN.try_with(|own| {
        let own = &mut own.borrow_mut()[class];
        own.push(buffer);
        if own.len() >= 2 * STACK {
            hand_on(&SHARED[class], own);
        }
    });
}

/// Takes a stack, and one from it.
#[cold]
fn refill(shared: &Mutex<Shared>, own: &mut Stack) -> Option<AlignedVec> {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let full = shared.full.pop()?;
    shared.empty.push(std::mem::replace(own, full));
    own.pop()
}

#[cold]
fn hand_on(shared: &Mutex<Shared>, own: &mut Stack) {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.full.len() < STACKS_MAX {
        let mut stack = shared.empty.pop().unwrap_or_default();
        stack.extend(own.drain(STACK..));
        shared.full.push(stack);
        return;
    }
    let surplus = own.split_off(STACK);
    // Memory goes back to the allocator when nobody waits for this.
    drop(shared);
    drop(surplus);
}

/// A buffer that is given up when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Lent(pub(super) AlignedVec);

impl Drop for Lent {
    fn drop(&mut self) {
        give_up(take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_is_given_out_again_and_empty() {
        let mut first = buffer(40);
        first.extend_from_slice(b"word");
        let place = first.as_ptr();
        give_up(first);
        let again = buffer(64);
        assert_eq!((again.as_ptr(), again.len(), again.capacity()), (place, 0, 64));
    }

    #[test]
    fn any_length_finds_room_and_what_is_long_is_not_kept() {
        let most = ROOM_MIN << (CLASSES - 1);
        for bytes in [0, 1, 32, 33, most, most + 1, 1 << 20] {
            let found = buffer(bytes);
            assert!(found.capacity() >= bytes && found.is_empty());
            give_up(found);
        }
        OWN.with_borrow(|own| {
            for (class, kept) in own.iter().enumerate() {
                assert!(kept.iter().all(|buffer| buffer.capacity() == ROOM_MIN << class));
            }
        });
    }

    /// One thread takes, another gives up: the first gets its buffers back, and of what nobody takes a few stacks are kept.
    #[test]
    fn threads_hand_on_stacks() {
        let (shared, mut taker, mut giver) = (Mutex::default(), Stack::new(), Stack::new());
        assert!(refill(&shared, &mut taker).is_none(), "there is nothing yet");
        for stacks in 1..=STACKS_MAX + 2 {
            giver.extend((0..STACK).map(|_| AlignedVec::with_capacity(64)));
            if giver.len() >= 2 * STACK {
                hand_on(&shared, &mut giver);
            }
            let waiting = shared.lock().unwrap_or_else(PoisonError::into_inner).full.len();
            assert_eq!((giver.len(), waiting), (STACK, (stacks - 1).min(STACKS_MAX)));
        }
        for left in (0..STACKS_MAX).rev() {
            assert!(refill(&shared, &mut taker).is_some_and(|buffer| buffer.capacity() == 64));
            let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            assert_eq!((taker.len(), shared.full.len()), (STACK - 1, left));
            taker.clear();
        }
    }
}
