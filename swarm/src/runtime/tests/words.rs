//! Owns what frames and orders are called in a trace, and which letter a frame carries. Never changes one.

use swarm_net::wire::Frame;

use super::notebook::read;
use super::world::Sent;
use crate::call::frame::{Envelope, kind, payload, word};
use crate::directory::Order;

/// The letter that is in a frame.
pub(super) fn letter(frame: &Frame) -> Option<Sent> {
    if !matches!(frame.kind(), kind::CALL | kind::CAST) {
        return None;
    }
    let (envelope, range) = Envelope::read(frame.head(), frame.body())?;
    let (caller, number) = read(envelope.message, &payload(frame.body(), range))?;
    Some((envelope.name, caller, number))
}

pub(super) fn describe(frame: &Frame) -> String {
    let words = |i| word(frame.head(), i);
    match (frame.kind(), letter(frame)) {
        (_, Some((name, caller, number))) => {
            let queue = Envelope::read(frame.head(), frame.body()).is_some_and(|(envelope, _)| envelope.from_queue);
            format!("{number} of {caller} to {name}{}", if queue { ", from the queue" } else { "" })
        }
        (kind::FLUSH, _) => format!("flush {:x} of {:x}", words(0), words(1)),
        (kind::FLUSHED, _) => format!("flushed {:x} of {:x}", words(0), words(1)),
        (kind::QUEUE_END, _) => "queue end".to_owned(),
        (kind::REPLY, _) => format!("reply {:x}", words(0)),
        (kind::PASSED, _) => "passed".to_owned(),
        (kind::NOT_HERE, _) => "not here".to_owned(),
        (kind, _) => format!("kind {kind}"),
    }
}

pub(super) fn order_word(order: &Order) -> &'static str {
    match order {
        Order::Start { .. } => "start",
        Order::Seal { .. } => "seal",
        Order::Unseal { .. } => "unseal",
        Order::Absorb { .. } => "absorb",
        Order::Drop { .. } => "drop",
        Order::Halt { .. } => "halt",
        Order::Groups { .. } => "group",
    }
}
