//! Owns what a group is to the type checker: which workers may be in it, and so which messages it takes and what it
//! answers. Never knows who is in it.

use std::marker::PhantomData;

use crate::message::{Answered, Message, Payload, Wire};
use crate::worker::{Call, Cast, KindId, Worker};

/// A group of workers. `#[derive(swarm::Group)]` implements it for a tag; every worker type is the group of all its
/// workers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group",
    label = "this is not a group",
    note = "write `#[derive(swarm::Group)] #[group(worker = ..)]` above it; every worker type is a group, too"
)]
pub trait Group: 'static {
    /// Its name on the wire.
    const NAME: &'static str;
    /// The kind whose workers are all members, without joining.
    const ALL: Option<KindId> = None;
    /// [`Of<W>`](Of), or [`Anyone`].
    type Members: Members;
}

impl<W: Worker> Group for W {
    const NAME: &'static str = W::NAME;
    const ALL: Option<KindId> = Some(W::KIND);
    type Members = Of<W>;
}

/// What is to become of a membership.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Join,
    Leave,
}

/// What a group is told or asked: the message's id, its fingerprint, and its bytes.
pub(crate) type Told = (u64, u32, Payload);

/// Who may be in a group: [`Of<W>`](Of), or [`Anyone`].
pub trait Members: 'static {
    /// The kind of worker that the group takes, and its name; `None` if it takes all.
    const WORKER: Option<(KindId, &'static str)>;
}

/// Only workers of the type `W` are members.
pub struct Of<W>(PhantomData<fn() -> W>);

impl<W: Worker> Members for Of<W> {
    const WORKER: Option<(KindId, &'static str)> = Some((W::KIND, W::NAME));
}

/// Workers of all types may be members.
pub struct Anyone(());

impl Members for Anyone {
    const WORKER: Option<(KindId, &'static str)> = None;
}

/// These members can be sent `M` without an answer.
pub trait Hears<M> {}

impl<W: Cast<M>, M> Hears<M> for Of<W> {}
impl<M: Message> Hears<M> for Anyone {}

/// These members answer `M` with `R`.
pub trait Answers<M, R> {}

impl<W: Call<M>, M> Answers<M, W::Reply> for Of<W> {}
impl<M: Answered<R>, R: Wire> Answers<M, R> for Anyone {}
