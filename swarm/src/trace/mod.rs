//! Traces that go on across calls: the handler's `tracing` span is a child of its caller's, on whichever node it runs.
//!
//! Swarm itself knows no tracing system. Who wants traces gives each node a [`Propagator`], which says what the context of the current
//! span is, as the [W3C Trace Context] recommendation has it, and makes a span go on from one.
//!
//! | is traced | by |
//! |---|---|
//! | a call or cast to a worker of this node | a span that is a child of the current one |
//! | one to a worker of another node | a span there, whose parent is the caller's context; it travels with the message, wherever that goes |
//! | a request by HTTP | its `traceparent` and `tracestate` |
//! | a call or cast of a program that is no member | the context that its own propagator says, at the gateway |
//! | a publish or multicall to a group | a span for each member's handler, whose parent is the asker's context |
//! | timers, hooks, the registry; publishes and multicalls by HTTP and the gateway | nothing |
//!
//! The span is called `swarm.call`, at the level `INFO` and with the target `swarm::trace`, and has the fields `worker` (its type), `name`,
//! `message` (its name on the wire) and `node`. It begins when the handler does and ends with it: what a message has waited in queues lies
//! between the begin of its parent and its own.
//!
//! Only what is [sampled](TraceContext::is_sampled) travels. Without a propagator no call or cast is a byte longer, and with one none is that is not
//! sampled. All nodes have to know of trace contexts, but need no propagator: one without passes them on.
//!
//! `examples/src/bin/traced.rs` has a propagator for OpenTelemetry.
//!
//! A timer's message is no part of the trace in which the timer was set: one that comes again and again would make it a trace without end.
//!
//! [W3C Trace Context]: https://www.w3.org/TR/trace-context/

mod context;

use std::fmt;
use std::sync::Arc;

use tracing::Span;

pub(crate) use context::is_state;
pub use context::{BadTraceContext, TRACE_STATE_BYTES_MAX, TraceContext};

/// What connects the spans of this program to those of others. Given to [`Builder::propagator`](crate::Builder::propagator).
///
/// ```
/// use std::cell::RefCell;
/// use swarm::trace::{Propagator, TraceContext};
/// use tracing::Span;
///
/// thread_local!(static CURRENT: RefCell<Option<TraceContext>> = const { RefCell::new(None) });
///
/// /// Passes on what this thread was told, and tells of what comes.
/// struct Told;
///
/// impl Propagator for Told {
///     fn current(&self) -> Option<TraceContext> {
///         CURRENT.with_borrow(Clone::clone)
///     }
///
///     fn continue_from(&self, span: &Span, parent: &TraceContext) {
///         println!("{span:?} goes on from {parent}");
///     }
/// }
///
/// let builder = swarm::Swarm::builder().propagator(Told);
/// # drop(builder);
/// ```
///
/// Handlers run where they are quickest, so nothing of it may block.
pub trait Propagator: Send + Sync + 'static {
    /// The context of the current span, if there is one.
    fn current(&self) -> Option<TraceContext>;

    /// Whether it is [sampled](TraceContext::is_sampled). This is asked first, for each call and cast, on the thread of its first poll, and
    /// is all that costs anything where nothing is sampled. By itself it looks at [`current`](Self::current); whoever knows a quicker way
    /// says so.
    fn is_sampled(&self) -> bool {
        self.current().is_some_and(|context| context.is_sampled())
    }

    /// Makes `span` a child of `parent`, which is a span of another program, or of another task of this one. It has not been entered, and
    /// is disabled if no subscriber wants it.
    fn continue_from(&self, span: &Span, parent: &TraceContext);
}

/// How the calls of a node are traced, if they are.
#[derive(Clone, Default)]
pub(crate) struct Tracing(Option<Arc<dyn Propagator>>);

impl Tracing {
    /// By this.
    pub(crate) fn by(propagator: impl Propagator) -> Self {
        Self(Some(Arc::new(propagator)))
    }

    /// What does it.
    #[inline]
    pub(crate) fn propagator(&self) -> Option<&dyn Propagator> {
        self.0.as_deref()
    }

    /// Whether what is called now is recorded.
    #[inline]
    pub(crate) fn is_sampled(&self) -> bool {
        self.propagator().is_some_and(Propagator::is_sampled)
    }

    /// What is to travel with a message that is sent now, if it is sampled.
    #[inline]
    pub(crate) fn current(&self) -> Option<Box<TraceContext>> {
        self.propagator().filter(|propagator| propagator.is_sampled()).and_then(sampled)
    }
}

/// Apart from where it is asked for, which is where nothing may take time while nothing is sampled.
#[cold]
#[inline(never)]
fn sampled(propagator: &dyn Propagator) -> Option<Box<TraceContext>> {
    propagator.current().filter(TraceContext::is_sampled).map(Box::new)
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracing").field(&self.0.is_some()).finish()
    }
}
