#![forbid(unsafe_code)]
//! The attributes of Swarm. A program does not name this crate: it uses them as `#[swarm::worker]`, `#[swarm::message]`
//! and `#[derive(swarm::Group)]`, where they are documented with examples.
//!
//! Each attribute is parsed into a model, which is expanded. It never fails with less than what is right: mistakes are
//! collected, each with its place and with what to write instead, and everything else is still generated, so that one
//! mistake gives one error. Generated code names only `::swarm::__private`, and imports nothing.
//!
//! | attribute | parsed by | expanded by |
//! |---|---|---|
//! | `worker` | `worker/parse.rs`, `shape.rs`, `handler.rs`, `hook.rs`, `options.rs` into `worker/model.rs` | `worker/expand.rs`, `messages.rs`, `client.rs`, `described.rs` |
//! | `message` | `message/parse.rs` | `message/expand.rs` |
//! | `Group` | `group.rs` | `group.rs` |
//! | `init`, `call`, .. | `misplaced.rs`: they mean something only inside a worker | |

#![expect(clippy::wildcard_enum_match_arm, reason = "syn's enums are open; our own are matched in full")]
#![expect(clippy::large_enum_variant, reason = "a model lives for one expansion and is never in bulk")]

mod group;
mod json;
mod message;
mod misplaced;
mod mistakes;
mod options;
mod paths;
mod travel;
mod worker;

use proc_macro::TokenStream;

/// Makes an impl block a worker, and generates its client (`AccountClient`) and its messages (`account::Transfer`).
///
/// | option | meaning |
/// |---|---|
/// | `name = "bank.account"` | its name on the wire; the type's own otherwise |
/// | `state = Self` | the whole struct, a `#[swarm::message]`, is the state that moves; the hooks are generated |
/// | `mailbox = 256` | how many messages may wait for it |
/// | `restart = permanent` | or `transient`, `temporary`: what a panic or a failing start does |
/// | `register = manual` | no link-time entry: name it to `Swarm::builder().worker::<W>()` |
/// | `module = ident` | the module of its messages; the type's name in snake case otherwise |
/// | `dispatch = "pool"` | its handlers always run on tokio |
/// | `public` | programs that are no members reach it through a gateway (feature `gateway`); without it, only members do |
/// | `json` | its messages, replies and init arguments can be JSON as well (feature `json`): for tools, and for other languages |
/// | `crate = path` | where `swarm` is, when it is renamed |
///
/// Inside, `#[init]` marks the function that makes it, `#[call]` and `#[cast]` its methods, and `#[begin_handoff]`,
/// `#[end_handoff]`, `#[resolve_conflict]` and `#[die]` its hooks.
#[proc_macro_attribute]
pub fn worker(options: TokenStream, block: TokenStream) -> TokenStream {
    worker::worker(options.into(), block.into()).into()
}

/// Makes a struct or an enum a message: everything that travels is marked so, what stands inside messages included.
///
/// | option | meaning |
/// |---|---|
/// | `name = "bank.deposit"` | its name on the wire; the type's own otherwise |
/// | `reply = Type` | what it is answered with, whoever answers: for groups that any worker may join |
/// | `cycle(Type, ..)` | the types that contain this one and are contained in it |
/// | `json` | it is derived serde's `Serialize` and `Deserialize`, so that it can stand in the JSON of workers that are marked so |
/// | `crate = path` | where `swarm` is, when it is renamed |
///
/// With `json` what is not a field is an error, and one whose type is an `Option` may be left out. A `#[derive(serde::Serialize)]` or
/// `Deserialize` below it is left to do its own, and `#[serde(..)]` attributes have their effect.
///
/// A field of a foreign type is marked `#[rkyv(with = ..)] #[swarm(schema = "name@1")]`.
///
/// What rkyv derives for an enum with named fields has public fields without documentation. A crate that denies
/// `missing_docs` puts such an enum into a private module and exports it from there (`pub use orders::Order;`).
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

/// Marks the method that decides about a move, and gives the state that moves. If it takes more than 5 s the move is put off;
/// one that takes more than 30 s will not end any more, and its worker fails as by a panic.
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
