//! Owns the description of a worker type: the trait that `#[swarm::worker]` implements, its options, its methods.
//! Never knows of a cluster.

use std::time::Duration;

use crate::client::Handle;
use crate::message::{Fingerprint, Malformed, Message, Wire};
use crate::worker::{Active, Boot, Context, Die, Handoff, Input, KindShape, Payload, Step, soon};

/// The wire identity of a worker type: the hash of its name, mixed with the fingerprints of its type arguments.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct KindId(pub u64);

impl KindId {
    /// The id of the worker type `name` with these type arguments.
    pub const fn of(name: &str, arguments: &[Fingerprint]) -> Self {
        let mut id = Fingerprint::of(name);
        let mut i = 0;
        while i < arguments.len() {
            id = id.with(arguments[i]);
            i += 1;
        }
        Self(id.0)
    }
}

/// What a panic or a failing restart does to a worker, in the words of OTP. A worker that fails too often in a row ends all
/// the same: its name is free again, and [`Event::Ended`](crate::Event::Ended) tells why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Restart {
    /// It starts again from its init arguments.
    #[default]
    Permanent,
    /// The same: a panic is no normal end, and a worker that ends itself with `ctx.stop()` stays ended under every rule.
    Transient,
    /// It ends and its name is free.
    Temporary,
}

/// The options of `#[swarm::worker(..)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many messages may wait in the worker's queue.
    pub mailbox: usize,
    /// What a panic does.
    pub restart: Restart,
    /// Handlers always run on tokio, never on the caller's task.
    pub pool: bool,
}

impl Options {
    /// What holds where nothing is said.
    pub const DEFAULT: Self = Self { mailbox: 256, restart: Restart::Permanent, pool: false };
}

/// A worker type. `#[swarm::worker]` implements it; it can be implemented by hand.
pub trait Worker: Sized + Send + 'static {
    /// Its name on the wire.
    const NAME: &'static str;
    /// Its identity on the wire: `KindId::of(Self::NAME, &[fingerprints of type arguments])`.
    const KIND: KindId = KindId::of(Self::NAME, &[]);
    /// Its options.
    const OPTIONS: Options = Options::DEFAULT;
    /// Programs that are no members may reach it, through a node's gateway (feature `gateway`).
    const PUBLIC: bool = false;
    /// The schema of its init arguments.
    const ARGS: Fingerprint;
    /// The schema of its handoff state, if it has one.
    const STATE: Option<Fingerprint> = None;
    /// Its messages as JSON, if it is marked `#[swarm::worker(json)]` (feature `json`).
    const SHAPE: Option<&'static KindShape> = None;
    /// Its methods, one a message.
    const METHODS: &'static [Method<Self>];
    /// Its generated client.
    type Client: From<Handle>;

    /// Starts one from its encoded init arguments.
    fn boot(context: Context<Self>, args: Payload) -> Boot<Self>;

    /// Asks it what to do about a move. Without the hook it restarts. After 5 s the move is put off, after 30 s the worker
    /// fails.
    fn begin_handoff(at: Active<Self>) -> Step<Self, Handoff<Payload>> {
        Step::Done(at, Handoff::Restart)
    }

    /// Gives it the state of its predecessor.
    fn end_handoff(at: Active<Self>, _state: Payload) -> Step<Self, ()> {
        Step::Done(at, ())
    }

    /// Gives it the state of another instance of its name, after a healed split.
    fn resolve_conflict(at: Active<Self>, _other: Payload) -> Step<Self, ()> {
        Step::Done(at, ())
    }

    /// Its last words before a clean stop.
    fn die(at: Active<Self>, _reason: Die) -> Step<Self, ()> {
        Step::Done(at, ())
    }
}

/// A handler that is a function of the worker and its message alone.
pub type Plain<W, M, R> = fn(&mut W, M) -> R;

/// `W` answers the message `M` with `Reply`.
#[diagnostic::on_unimplemented(
    message = "worker `{Self}` has no #[call] method for the message `{M}`",
    label = "`{Self}` does not answer `{M}`",
    note = "mark a method of `{Self}` with `#[call({M})]`; if it is a `#[cast]`, use `cast` instead of `call`"
)]
pub trait Call<M>: Worker {
    /// What the caller gets.
    type Reply: Wire;
    /// The timeout of calls that set none; `None` means the node's default (5 s).
    const TIMEOUT: Option<Duration> = None;
    /// The handler itself, if it is no more than a function of the worker and its message: it does not wait, and asks nothing of its
    /// [`Context`]. A caller who has both at hand then runs it without a handle on the worker, which would be counted.
    const PLAIN: Option<Plain<Self, M, Self::Reply>> = None;
    /// Runs the handler.
    fn run(at: Active<Self>, input: Input<M>) -> Step<Self, Self::Reply>;
}

/// `W` takes the message `M` without an answer.
#[diagnostic::on_unimplemented(
    message = "worker `{Self}` has no #[cast] method for the message `{M}`",
    label = "`{Self}` does not take `{M}`",
    note = "mark a method of `{Self}` with `#[cast({M})]`; if it is a `#[call]`, use `call` instead of `cast`"
)]
pub trait Cast<M>: Worker {
    /// As for [`Call`].
    const PLAIN: Option<Plain<Self, M, ()>> = None;
    /// Runs the handler.
    fn run(at: Active<Self>, input: Input<M>) -> Step<Self, ()>;
}

/// `Self` is what starts a `W`: its init arguments.
#[diagnostic::on_unimplemented(
    message = "worker `{W}` cannot be started with `{Self}`",
    label = "these are not the init arguments of `{W}`",
    note = "`register(name, init)` takes `()`, the one argument of `#[init]`, or a tuple of its arguments, in their exact types"
)]
pub trait Init<W> {
    /// The arguments as bytes.
    fn encode(self) -> Payload;
}

/// What `#[init]` may return: `Self`, or `Result<Self, E>` with `E: Display`.
#[diagnostic::on_unimplemented(
    message = "#[init] of `{W}` returns `{Self}`: it must be `Self` or `Result<Self, E>` with `E: Display`",
    label = "this does not start a `{W}`"
)]
pub trait IntoInit<W> {
    /// The worker, or the text of the error.
    fn into_init(self) -> Result<W, String>;
}

impl<W: Worker> IntoInit<W> for W {
    fn into_init(self) -> Result<W, String> {
        Ok(self)
    }
}

impl<W: Worker, E: std::fmt::Display> IntoInit<W> for Result<W, E> {
    fn into_init(self) -> Result<W, String> {
        self.map_err(|error| error.to_string())
    }
}

/// Messages that nobody can make. Every worker handles both, so that the compiler always has two candidates and
/// reports a missing method in our words instead of expecting the only message there is.
#[doc(hidden)]
pub enum Nothing<const N: usize> {}

macro_rules! handle_nothing {
    ($($n:literal),*) => {$(
        impl<W: Worker> Call<Nothing<$n>> for W {
            type Reply = ();

            fn run(_: Active<Self>, input: Input<Nothing<$n>>) -> Step<Self, ()> {
                match input {
                    Input::Value(nothing) => match nothing {},
                    Input::Bytes(_) => unreachable!("no method table has a row for a message that cannot be made"),
                }
            }
        }

        impl<W: Worker> Cast<Nothing<$n>> for W {
            fn run(_: Active<Self>, input: Input<Nothing<$n>>) -> Step<Self, ()> {
                match input {
                    Input::Value(nothing) => match nothing {},
                    Input::Bytes(_) => unreachable!("no method table has a row for a message that cannot be made"),
                }
            }
        }
    )*};
}
handle_nothing!(0, 1);

/// One row of a worker's method table: how a message that comes as bytes is run and its reply encoded.
pub struct Method<W> {
    /// The message's id on the wire.
    pub id: u64,
    /// The message's name on the wire.
    pub name: &'static str,
    /// It has no reply.
    pub cast: bool,
    /// The schema of the message.
    pub request: Fingerprint,
    /// The schema of the reply; that of `()` for a cast.
    pub reply: Fingerprint,
    /// Runs it.
    pub run: fn(Active<W>, Payload) -> Step<W, Payload>,
}

impl<W: Worker> Method<W> {
    /// The row of a `#[call]`.
    pub const fn call<M: Message>() -> Self
    where
        W: Call<M>,
    {
        if let Some(declared) = M::REPLY {
            assert!(
                declared.0 == <<W as Call<M>>::Reply as crate::message::Schema>::FINGERPRINT.0,
                "a method's reply is not the one that its message declares with `reply = ..`"
            );
        }
        Self {
            id: M::ID,
            name: M::NAME,
            cast: false,
            request: M::FINGERPRINT,
            reply: <<W as Call<M>>::Reply as crate::message::Schema>::FINGERPRINT,
            run: |at, payload| {
                map(<W as Call<M>>::run(at, Input::Bytes(payload)), |reply| crate::message::encode(&reply))
            },
        }
    }

    /// The row of a `#[cast]`.
    pub const fn cast<M: Message>() -> Self
    where
        W: Cast<M>,
    {
        Self {
            id: M::ID,
            name: M::NAME,
            cast: true,
            request: M::FINGERPRINT,
            reply: <() as crate::message::Schema>::FINGERPRINT,
            run: |at, payload| map(<W as Cast<M>>::run(at, Input::Bytes(payload)), |()| Payload::empty()),
        }
    }
}

fn map<W: Worker, R: Send + 'static, T: 'static>(step: Step<W, R>, encode: fn(R) -> T) -> Step<W, T> {
    match step {
        Step::Done(at, reply) => Step::Done(at, encode(reply)),
        Step::Refused(at, malformed) => Step::Refused(at, malformed),
        Step::Later(mut later) => {
            // What is ready where its message came in takes no more memory than its own future.
            match soon::poll_once(&mut later) {
                Some((at, reply)) => Step::Done(at, encode(reply)),
                None => Step::Later(Box::pin(async move {
                    let (at, reply) = later.await;
                    (at, encode(reply))
                })),
            }
        }
    }
}

/// A handler refuses what it cannot read before it starts.
impl From<Malformed> for String {
    fn from(malformed: Malformed) -> Self {
        malformed.to_string()
    }
}
