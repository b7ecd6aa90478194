//! Owns the span in which a handler runs, if its call is traced. Never runs the handler; what its spans are to tracing systems only the
//! node's propagator knows.

use tracing::span::EnteredSpan;
use tracing::{Instrument, Span};

use super::Cell;
use crate::trace::TraceContext;
use crate::worker::{Step, Worker};

/// As long as this is there, this thread is in the span. Of most calls there is none, so it takes no more than a word.
#[must_use = "the span is left when this is dropped"]
pub(super) struct Scope(Option<Box<EnteredSpan>>);

impl Scope {
    const NONE: Self = Self(None);

    fn of(span: Span) -> Self {
        Self(Some(Box::new(span.entered())))
    }

    /// What has run in it so far, and goes on in it if it waits.
    #[inline]
    pub(super) fn around<W: Worker, R: 'static>(self, step: Step<W, R>) -> Step<W, R> {
        match self.0 {
            None => step,
            Some(entered) => go_on(step, entered.exit()),
        }
    }
}

fn go_on<W: Worker, R: 'static>(step: Step<W, R>, span: Span) -> Step<W, R> {
    match step {
        Step::Later(later) => Step::Later(Box::pin(later.instrument(span))),
        over @ (Step::Done(..) | Step::Refused(..)) => over,
    }
}

/// All of this is asked for where a panic of a subscriber's counts as one of the handler's.
impl<W: Worker> Cell<W> {
    /// For a handler that its caller runs.
    #[inline]
    pub(super) fn scope_here(&self, method: u64) -> Scope {
        if self.core.home.tracing.is_sampled() { self.scope_within(method) } else { Scope::NONE }
    }

    #[cold]
    #[inline(never)]
    fn scope_within(&self, method: u64) -> Scope {
        let (worker, message, name, node) =
            (W::NAME, message_of::<W>(method), &self.core.name, self.core.host().node());
        Scope::of(tracing::info_span!(target: "swarm::trace", "swarm.call", worker, %name, message, %node))
    }

    /// For a handler whose message came with this.
    #[inline]
    pub(super) fn scope_after(&self, trace: Option<Box<TraceContext>>, method: u64) -> Scope {
        match trace {
            None => Scope::NONE,
            Some(trace) => self.scope_far(&trace, method),
        }
    }

    #[cold]
    #[inline(never)]
    fn scope_far(&self, parent: &TraceContext, method: u64) -> Scope {
        // Who does not trace passes it on, and no more.
        let Some(propagator) = self.core.home.tracing.propagator() else { return Scope::NONE };
        let (worker, message, name, node) =
            (W::NAME, message_of::<W>(method), &self.core.name, self.core.host().node());
        let span =
            tracing::info_span!(target: "swarm::trace", parent: None, "swarm.call", worker, %name, message, %node);
        propagator.continue_from(&span, parent);
        Scope::of(span)
    }
}

/// The name of a message on the wire.
fn message_of<W: Worker>(method: u64) -> &'static str {
    W::METHODS.iter().find(|known| known.id == method).map_or("?", |known| known.name)
}
