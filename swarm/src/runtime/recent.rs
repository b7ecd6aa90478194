//! Owns which cells a thread has called last, so that it need not look them up again. Never keeps one alive, and never says
//! whether it still takes calls: the cell itself does.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use crate::name::{Name, NameHash};
use crate::runtime::Node;
use crate::worker::AnyCell;

/// How many a thread knows: 160 kB, and of those that are gone no more than so many empty shells. A thread that calls a thousand names
/// in turn finds nearly all of them.
const KNOWN: usize = 4096;

/// One of them.
struct Known {
    hash: NameHash,
    cell: Weak<dyn AnyCell>,
    /// Who was called last of those that have the same place. To put another cell there counts references, so it is done
    /// only for who comes again: a thread that calls very many names would do it at every call.
    rival: Option<NameHash>,
}

thread_local! {
    /// Each where the hash of its name says. It takes memory only on threads that call.
    static RECENT: RefCell<Option<Box<[Option<Known>]>>> = const { RefCell::new(None) };
}

fn place(hash: NameHash) -> usize {
    (hash.0 % KNOWN as u64) as usize
}

/// The cell of a name on this node that this thread has called lately, if it is still there. It was the name's place without a gate,
/// and what is not that any more is closed.
pub(super) fn get(node: &Node, hash: NameHash, name: &Name) -> Option<Arc<dyn AnyCell>> {
    let cell = RECENT.with_borrow(|recent| {
        let known = recent.as_ref()?[place(hash)].as_ref().filter(|known| known.hash == hash)?;
        known.cell.upgrade()
    })?;
    // Several nodes of one process may have workers of one name.
    let is_here = std::ptr::addr_eq(Arc::as_ptr(&cell.core().home.host), node);
    (is_here && cell.name() == name).then_some(cell)
}

/// This thread calls the name's cell now, and perhaps again.
pub(super) fn note(hash: NameHash, cell: &Arc<dyn AnyCell>) {
    let before = RECENT.with_borrow_mut(|recent| {
        let place = &mut recent.get_or_insert_with(|| (0..KNOWN).map(|_| None).collect())[place(hash)];
        if let Some(other) = place {
            let again = other.rival.replace(hash) == Some(hash);
            // The name itself may have another cell by now.
            if !again && other.hash != hash {
                return None;
            }
        }
        place.replace(Known { hash, cell: Arc::downgrade(cell), rival: None })
    });
    drop(before);
}
