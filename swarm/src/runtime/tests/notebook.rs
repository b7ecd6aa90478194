//! Owns the worker of these tests: it writes down what it is told, and takes its notes along. Never judges them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rkyv::{Archive, Deserialize, Serialize};

use crate::client::Handle;
use crate::message::{Fingerprint, Message, Schema, decode, encode};
use crate::worker::{Active, Boot, Call, Cast, Context, Die, Handoff, Input, Method, Payload, Step, Worker};

/// A message ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) name: String,
    pub(super) caller: u64,
    pub(super) number: u64,
    /// How many the worker had written down with it, wherever it was.
    pub(super) total: u64,
}

thread_local! {
    /// What has run, in order. All of a test runs on its thread.
    static RAN: RefCell<Vec<Ran>> = const { RefCell::new(Vec::new()) };
    /// So many starts fail.
    static FAILURES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    /// A worker that has written down so many stops.
    static LAST: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
    /// Last words go on.
    static DYING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Everything that has run since the last time.
pub(super) fn take_ran() -> Vec<Ran> {
    RAN.take()
}

/// How many starts are to fail.
pub(super) fn fail_starts(count: usize) {
    FAILURES.set(count);
}

/// After how many messages a worker stops itself. Its last words take until [`fall_silent`].
pub(super) fn stop_after(total: u64) {
    LAST.set(Some(total));
    die_slowly();
}

/// From now on last words take until [`fall_silent`].
pub(super) fn die_slowly() {
    DYING.set(true);
}

/// Last words end, and no more workers stop.
pub(super) fn fall_silent() {
    LAST.set(None);
    DYING.set(false);
}

/// The worker.
pub(super) struct Notebook {
    total: u64,
}

macro_rules! messages {
    ($($name:ident($($field:ty),*);)*) => {$(
        #[derive(Archive, Serialize, Deserialize, Debug, Clone)]
        pub(super) struct $name($(pub(super) $field),*);
        impl Schema for $name { const FINGERPRINT: Fingerprint = Fingerprint::of(stringify!($name)); }
        impl Message for $name {
            const NAME: &'static str = stringify!($name);
            const ID: u64 = Fingerprint::of(stringify!($name)).0;
        }
    )*};
}

// Caller and number.
messages! {
    Note(u64, u64);
    Ask(u64, u64);
    Total(u64);
}

impl Worker for Notebook {
    const NAME: &'static str = "Notebook";
    const ARGS: Fingerprint = Total::FINGERPRINT;
    const STATE: Option<Fingerprint> = Some(Total::FINGERPRINT);
    const METHODS: &'static [Method<Self>] = &[Method::cast::<Note>(), Method::call::<Ask>()];
    type Client = Handle;

    fn boot(_: Context<Self>, _: Payload) -> Boot<Self> {
        let failures = FAILURES.get();
        FAILURES.set(failures.saturating_sub(1));
        Boot::Done(if failures > 0 { Err("not today".to_owned()) } else { Ok(Self { total: 0 }) })
    }

    fn begin_handoff(at: Active<Self>) -> Step<Self, Handoff<Payload>> {
        let state = encode(&Total(at.worker.total));
        Step::Done(at, Handoff::Resume(state))
    }

    fn end_handoff(mut at: Active<Self>, state: Payload) -> Step<Self, ()> {
        match decode::<Total>(&state) {
            Ok(Total(total)) => at.worker.total = total,
            Err(malformed) => return Step::Refused(at, malformed),
        }
        Step::Done(at, ())
    }

    fn die(at: Active<Self>, _: Die) -> Step<Self, ()> {
        if !DYING.get() {
            return Step::Done(at, ());
        }
        Step::Later(Box::pin(async move {
            while DYING.get() {
                tokio::task::yield_now().await;
            }
            (at, ())
        }))
    }
}

impl Notebook {
    fn write(at: &mut Active<Self>, caller: u64, number: u64) {
        at.worker.total += 1;
        let (name, total) = (at.context.name().as_str().to_owned(), at.worker.total);
        RAN.with_borrow_mut(|ran| ran.push(Ran { name, caller, number, total }));
        if LAST.get() == Some(total) {
            at.context.stop();
        }
    }
}

impl Cast<Note> for Notebook {
    fn run(mut at: Active<Self>, input: Input<Note>) -> Step<Self, ()> {
        match input.owned() {
            Ok(Note(caller, number)) => Self::write(&mut at, caller, number),
            Err(malformed) => return Step::Refused(at, malformed),
        }
        Step::Done(at, ())
    }
}

impl Call<Ask> for Notebook {
    type Reply = Total;

    /// Every other one waits a little in the middle.
    fn run(mut at: Active<Self>, input: Input<Ask>) -> Step<Self, Total> {
        let Ask(caller, number) = match input.owned() {
            Ok(ask) => ask,
            Err(malformed) => return Step::Refused(at, malformed),
        };
        Self::write(&mut at, caller, number);
        if number % 2 == 0 {
            return Step::Done(at, Total(number));
        }
        Step::Later(Box::pin(async move {
            tokio::task::yield_now().await;
            (at, Total(number))
        }))
    }
}

/// Whose message a payload is, and which.
pub(super) fn read(method: u64, payload: &Payload) -> Option<(u64, u64)> {
    match method {
        Note::ID => decode::<Note>(payload).ok().map(|Note(caller, number)| (caller, number)),
        Ask::ID => decode::<Ask>(payload).ok().map(|Ask(caller, number)| (caller, number)),
        _ => None,
    }
}

/// The last number of each caller to each name, for messages that ran in the order sent.
pub(super) fn disorder(ran: &[Ran]) -> Option<String> {
    let mut last = BTreeMap::new();
    for now in ran {
        let last = last.entry((&now.name, now.caller)).or_insert(0);
        if now.number <= *last {
            return Some(format!("{now:?} ran after {last}"));
        }
        *last = now.number;
    }
    None
}
