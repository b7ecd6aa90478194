//! Owns how far a run of a handler got, as the cell sees it: with the worker alone. Never holds a handle.

use crate::message::Malformed;
use crate::worker::{Later, Step};

/// A [`Step`] whose worker has given back the handle that it ran with.
///
/// It is made where the handler returns, so that on the way from there to the cell's slot a call moves one word.
pub(super) enum Ran<W, R> {
    Done(Box<W>, R),
    Refused(Box<W>, Malformed),
    Later(Later<W, R>),
}

impl<W, R> From<Step<W, R>> for Ran<W, R> {
    fn from(step: Step<W, R>) -> Self {
        match step {
            Step::Done(at, reply) => Self::Done(at.worker, reply),
            Step::Refused(at, malformed) => Self::Refused(at.worker, malformed),
            Step::Later(later) => Self::Later(later),
        }
    }
}
