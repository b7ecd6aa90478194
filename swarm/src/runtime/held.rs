//! Owns the letters of names whose place is not known here: they are held until the directory says where they go, or their
//! deadlines pass. Never decides where a name is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::time::Instant;

use crate::directory::Route;
use crate::error::{CallError, Executed};
use crate::name::Name;
use crate::runtime::Node;
use crate::runtime::input::Input;
use crate::runtime::letter::Letter;
use crate::runtime::places::{HELD_MAX, Place, Shard};
use crate::runtime::refusal::Refusal;
use crate::runtime::routing::Hop;

/// How often letters that wait for the directory's word are looked through for those that are overdue, and the directory
/// is asked again, should its word have been lost to a change of the view.
const HELD_LOOK: Duration = Duration::from_millis(250);

impl Node {
    /// Holds a letter until the directory says where it goes.
    pub(crate) fn hold(self: &Arc<Self>, shard: &mut Shard, name: Name, letter: Letter) -> Result<(), Refusal> {
        if let Some((_, gate)) = shard.gate_mut(&name) {
            // The worker behind it has ended. Until that is told, the gate keeps what comes, ahead of all that is younger.
            let older = gate.waiting.iter().take_while(|letter| letter.from_queue).count();
            self.wait_in(&mut gate.waiting, letter)?;
            if let Some(letter) = gate.waiting.pop_back() {
                gate.waiting.insert(older, letter);
            }
            return Ok(());
        }
        if let Some(waiting) = shard.held_mut(&name) {
            return self.wait_in(waiting, letter);
        }
        let mut waiting = VecDeque::new();
        self.wait_in(&mut waiting, letter)?;
        if let Some(Place::Redirect(..)) = shard.insert(&name, Place::Held(waiting)) {
            self.groups.forget(&name);
        }
        self.waits.soon(self.now() + HELD_LOOK, name.clone());
        self.control(Input::Wanted(name));
        Ok(())
    }

    /// Ends what is overdue among the letters that are held for a name, and asks for it again.
    pub(crate) fn look_at_held(self: &Arc<Self>, name: &Name) {
        let now = self.now();
        let mut overdue = Vec::new();
        {
            let mut shard = self.places.write(name);
            let Some(waiting) = shard.held_mut(name) else { return };
            overdue.extend(take_overdue(waiting, now));
            if waiting.is_empty() {
                shard.remove(name);
            } else {
                self.waits.soon(now + HELD_LOOK, name.clone());
                self.control(Input::Wanted(name.clone()));
            }
        }
        for letter in overdue {
            let (letter, error) = self.timed_out(letter);
            self.refuse(letter, error);
        }
    }

    /// Has a letter wait with others, if there is room.
    pub(crate) fn wait_in(self: &Arc<Self>, waiting: &mut VecDeque<Letter>, mut letter: Letter) -> Result<(), Refusal> {
        let full = "the queue of calls whose worker is being found";
        if waiting.len() >= HELD_MAX {
            return Err(self.overloaded(letter, full));
        }
        if letter.stay.is_none() {
            letter.stay = self.room.take(letter.parcel.payload.len());
            if letter.stay.is_none() {
                return Err(self.overloaded(letter, full));
            }
        }
        waiting.push_back(self.keep_if(letter, true));
        Ok(())
    }

    /// The directory has said where the calls for a name go.
    pub(crate) fn settle(self: &Arc<Self>, name: &Name, to: Route) {
        let mut shard = self.places.write(name);
        let Some(waiting) = shard.let_go(name, &to, || self.routing().hop(self.partition_of(name))) else { return };
        let refused = match to {
            Route::Host(host) => {
                self.hints.learn(self.now(), name.clone(), host);
                self.overtake(&mut shard, Some(host), waiting)
            }
            Route::Here | Route::Ring => self.overtake(&mut shard, None, waiting),
            Route::Unknown => {
                let unknown = || CallError::NotRegistered { name: name.clone(), node: self.id() };
                waiting.into_iter().map(|letter| (letter, unknown())).collect()
            }
            Route::NoQuorum => {
                let (node, executed) = (self.id(), Executed::No);
                let below = || CallError::NoQuorum { name: name.clone(), node, executed };
                waiting.into_iter().map(|letter| (letter, below())).collect()
            }
            Route::Stranded(why) => {
                let (node, text) = (self.id(), why.to_string());
                let stranded = || CallError::NoCapableNode { name: name.clone(), node, text: text.clone() };
                waiting.into_iter().map(|letter| (letter, stranded())).collect()
            }
        };
        drop(shard);
        self.refuse_all(refused);
    }
}

impl Shard {
    /// Takes out what is held for a name, if by the directory's word it may go.
    pub(crate) fn let_go(&mut self, name: &Name, to: &Route, hop: impl FnOnce() -> Hop) -> Option<VecDeque<Letter>> {
        let waiting = self.held_mut(name)?;
        let waiting = match to {
            // The cell is being made, and its order follows; or it has just ended, and the directory will say more.
            Route::Here => return None,
            // The snapshot is older than the directory's word: it will be asked again.
            Route::Ring if hop() == Hop::Ask => return None,
            Route::Host(_) | Route::Unknown | Route::Ring | Route::NoQuorum | Route::Stranded(_) => {
                std::mem::take(waiting)
            }
        };
        self.remove(name);
        Some(waiting)
    }
}

fn take_overdue(waiting: &mut VecDeque<Letter>, now: Instant) -> Vec<Letter> {
    // Thousands may wait, and hardly ever is one of them overdue.
    if !waiting.iter().any(|letter| letter.overdue(now)) {
        return Vec::new();
    }
    let (overdue, rest) = std::mem::take(waiting).into_iter().partition::<Vec<_>, _>(|letter| letter.overdue(now));
    waiting.extend(rest);
    overdue
}
