//! What a call that is traced takes on the wire, and one that is not.

use std::time::Duration;

use swarm_net::transport::Lane;
use tracing::Span;

use super::world::World;
use crate::call::frame::Envelope;
use crate::name::Name;
use crate::trace::{Propagator, TraceContext, Tracing};

/// Says that everything has this context.
struct Always(TraceContext);

impl Propagator for Always {
    fn current(&self) -> Option<TraceContext> {
        Some(self.0.clone())
    }

    fn continue_from(&self, _: &Span, _: &TraceContext) {}
}

fn context(flags: u8) -> TraceContext {
    TraceContext::new([1; 16], [2; 8], flags).expect("neither is zero")
}

/// The frames of a call and a cast from one node to another: heads and bodies.
fn frames(tracing: Tracing) -> Vec<([u8; 24], Vec<u8>)> {
    let mut world = World::traced(2, &["x"], 16, &tracing);
    let x = Name::from("x");
    world.cast(1, &x);
    world.call(1, &x, Duration::from_secs(1));
    let site = &world.sites[1];
    let mut frames = Vec::new();
    while let Some(claimed) = site.manual.claim(&site.peers[&0], Lane::Calls, 1, world.now()) {
        frames.extend(claimed.iter().map(|frame| (*frame.head(), frame.body().to_vec())));
    }
    frames
}

#[test]
fn what_is_not_sampled_is_not_a_byte_longer() {
    let plain = frames(Tracing::default());
    assert_eq!(plain.len(), 2);
    assert_eq!(frames(Tracing::by(Always(context(0)))), plain);
    assert_eq!(frames(Tracing::by(Always(context(2)))), plain);
}

#[test]
fn what_is_sampled_is_longer_by_its_trace_and_else_the_same() {
    let of = |frames: Vec<([u8; 24], Vec<u8>)>| {
        let read = |(head, body): ([u8; 24], Vec<u8>)| {
            let (envelope, payload) = Envelope::read(&head, &body).expect("a good frame");
            (envelope, body[payload].to_vec())
        };
        frames.into_iter().map(read).collect::<Vec<_>>()
    };
    let (plain, traced) = (of(frames(Tracing::default())), of(frames(Tracing::by(Always(context(1))))));
    for ((before, payload), (after, same)) in plain.into_iter().zip(traced) {
        assert_eq!((after.trace.as_deref(), same), (Some(&context(1)), payload));
        assert_eq!(Envelope { trace: None, ..after }, before);
    }
}
