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
        near.find_map(Stack::pop).or_else(|| refill(class, &mut own[class]))
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
            hand_on(class, own);
        }
    });
}

/// Takes a stack, and one from it.
#[cold]
fn refill(class: usize, own: &mut Stack) -> Option<AlignedVec> {
    let mut shared = SHARED[class].lock().unwrap_or_else(PoisonError::into_inner);
    let full = shared.full.pop()?;
    shared.empty.push(std::mem::replace(own, full));
    own.pop()
}

#[cold]
fn hand_on(class: usize, own: &mut Stack) {
    let mut shared = SHARED[class].lock().unwrap_or_else(PoisonError::into_inner);
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
    use std::thread;

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

    /// One thread takes, another gives up: the first gets its buffers back, and neither keeps more than two stacks.
    #[test]
    fn buffers_come_back_from_other_threads() {
        let taken: Vec<AlignedVec> = (0..10 * STACK).map(|_| buffer(500)).collect();
        let kept = thread::spawn(move || {
            taken.into_iter().for_each(give_up);
            OWN.with_borrow(|own| own[4].len())
        });
        assert!(kept.join().expect("it gives up buffers") < 2 * STACK);
        let waiting = || SHARED[4].lock().unwrap_or_else(PoisonError::into_inner).full.len();
        let before = waiting();
        assert!(before >= 8, "of ten stacks the other thread had at most two left");
        drop(Lent(buffer(500)));
        assert_eq!(waiting(), before - 1, "this one took a stack");
    }

    #[test]
    fn no_more_is_kept_than_a_few_stacks() {
        let many: Vec<AlignedVec> = (0..2 * STACKS_MAX * STACK).map(|_| AlignedVec::with_capacity(256)).collect();
        many.into_iter().for_each(give_up);
        let (shared, own) =
            (SHARED[3].lock().unwrap_or_else(PoisonError::into_inner), OWN.with_borrow(|own| own[3].len()));
        assert!(shared.full.len() <= STACKS_MAX && own < 2 * STACK);
    }
}
