//! Owns the attributes of Swarm: each is parsed into a model, which is expanded. Never fails with less than what is
//! right: mistakes are collected, and everything else is still generated, so that one mistake gives one error.
//!
//! | attribute | from | to |
//! |---|---|---|
//! | `worker` | [`worker::parse`] | [`worker::model`] → [`worker::expand`], [`worker::client`] |
//! | `message` | [`message::parse`] | [`message::expand`] |
//! | `Group` | [`group`] | |
//!
//! Generated code names only `::swarm::__private`.

mod group;
mod message;
mod mistakes;
mod misplaced;
mod options;
mod paths;
mod travel;
mod worker;

use proc_macro::TokenStream;

/// Makes an impl block a worker: `#[swarm::worker(name = "..", state = Self, mailbox = 256, restart = permanent,
/// register = manual, module = ident, crate = path, dispatch = "pool")]`.
#[proc_macro_attribute]
pub fn worker(options: TokenStream, block: TokenStream) -> TokenStream {
    worker::worker(options.into(), block.into()).into()
}

/// Makes a struct or an enum a message: `#[swarm::message(name = "..", reply = Type, cycle(Type, ..), crate = path)]`.
#[proc_macro_attribute]
pub fn message(options: TokenStream, item: TokenStream) -> TokenStream {
    message::message(options.into(), item.into()).into()
}

/// Makes a tag a group: `#[derive(swarm::Group)] #[group(worker = Account, name = "..", crate = path)]`.
#[proc_macro_derive(Group, attributes(group))]
pub fn group(item: TokenStream) -> TokenStream {
    group::group(item.into()).into()
}

/// Marks the function that makes a worker, in an impl block marked `#[swarm::worker]`.
#[proc_macro_attribute]
pub fn init(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::misplaced("init", item.into()).into()
}

/// Marks a method that answers a message: `#[call]`, `#[call(Message)]`, `#[call(name = "..", timeout = "200ms")]`.
#[proc_macro_attribute]
pub fn call(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::misplaced("call", item.into()).into()
}

/// Marks a method that takes a message without an answer: `#[cast]`, `#[cast(Message)]`, `#[cast(name = "..")]`.
#[proc_macro_attribute]
pub fn cast(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::misplaced("cast", item.into()).into()
}

/// Marks the method that decides about a move, and gives the state that moves.
#[proc_macro_attribute]
pub fn begin_handoff(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::misplaced("begin_handoff", item.into()).into()
}

/// Marks the method that takes the state of its predecessor.
#[proc_macro_attribute]
pub fn end_handoff(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::misplaced("end_handoff", item.into()).into()
}

/// Marks the method that takes the state of another instance of its name, after a healed split.
#[proc_macro_attribute]
pub fn resolve_conflict(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::misplaced("resolve_conflict", item.into()).into()
}

/// Marks the method with the last words before a clean stop.
#[proc_macro_attribute]
pub fn die(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::misplaced("die", item.into()).into()
}
