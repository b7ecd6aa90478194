//! Owns the load generator, the same for every system: callers in a closed loop, a warm-up, and a measured time. Never knows
//! what its callers do.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::figure::Seen;
use crate::order::Load;
use crate::row::Bench;

/// The longest that a call is taken to last; a longer one counts as so long.
const LONGEST: Duration = Duration::from_secs(60);

/// Significant digits of what is recorded.
const DIGITS: u8 = 3;

/// More than there are threads that record, so that each has a book of its own.
const BOOKS: usize = 4;

/// The part of the measured time that comes before it, and at least how long that is.
const WARM_PART: u32 = 4;
const WARM_LEAST: Duration = Duration::from_millis(250);

const WARM: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// What one caller does again and again.
pub(crate) trait Turn: Send + 'static {
    /// How many operations one turn is: the clock is read once a turn.
    const OPS: u64;

    /// Does them, and returns how many failed.
    fn turn(&mut self) -> impl Future<Output = u64> + Send;
}

/// A caller that sends a request and waits for its answer.
pub(crate) trait Caller: Send + 'static {
    /// One request; whether the right answer came.
    fn call(&mut self) -> impl Future<Output = bool> + Send;
}

/// A caller that also sends messages without an answer. A call that follows is answered after all of them.
pub(crate) trait Caster: Caller {
    /// One message; whether it was taken.
    fn cast(&mut self) -> impl Future<Output = bool> + Send;
}

/// Calls, `N` for each reading of the clock.
pub(crate) struct Calls<C, const N: u64>(pub(crate) C);

impl<C: Caller, const N: u64> Turn for Calls<C, N> {
    const OPS: u64 = N;

    async fn turn(&mut self) -> u64 {
        let mut failed = 0;
        for _ in 0..N {
            failed += u64::from(!self.0.call().await);
        }
        failed
    }
}

/// `N` casts and the call that tells that they were handled, which is not counted.
pub(crate) struct Casts<C, const N: u64>(pub(crate) C);

impl<C: Caster, const N: u64> Turn for Casts<C, N> {
    const OPS: u64 = N;

    async fn turn(&mut self) -> u64 {
        let mut failed = 0;
        for _ in 0..N {
            failed += u64::from(!self.0.cast().await);
        }
        failed + u64::from(!self.0.call().await)
    }
}

/// Has callers be under a load of requests.
pub(crate) async fn callers<C: Caller>(callers: Vec<C>, load: &Load) -> io::Result<Seen> {
    match load.bench {
        Bench::RemoteCall | Bench::Whereis => run(callers.into_iter().map(Calls::<C, 1>).collect(), load).await,
        // Within a process a reading of the clock would take as long as a call.
        Bench::LocalCall => run(callers.into_iter().map(Calls::<C, 64>).collect(), load).await,
        Bench::LocalCast | Bench::RemoteCast | Bench::Register | Bench::Spawn | Bench::Memory => {
            Err(load.not_offered())
        }
        Bench::JoinRebalance | Bench::KillFailover => Err(load.not_offered()),
        Bench::Publish | Bench::Multicall | Bench::HandoffBulk => Err(load.not_offered()),
    }
}

/// Has callers be under a load of requests, or of messages without answers.
pub(crate) async fn casters<C: Caster>(casters: Vec<C>, load: &Load) -> io::Result<Seen> {
    match load.bench {
        // Few at a time, since 512 callers may do so at once.
        Bench::RemoteCast => run(casters.into_iter().map(Casts::<C, 16>).collect(), load).await,
        Bench::LocalCast => run(casters.into_iter().map(Casts::<C, 64>).collect(), load).await,
        Bench::RemoteCall | Bench::LocalCall | Bench::Whereis => callers(casters, load).await,
        Bench::Register | Bench::Spawn | Bench::Memory => callers(casters, load).await,
        Bench::JoinRebalance | Bench::KillFailover => callers(casters, load).await,
        Bench::Publish | Bench::Multicall | Bench::HandoffBulk => callers(casters, load).await,
    }
}

async fn run<T: Turn>(turns: Vec<T>, load: &Load) -> io::Result<Seen> {
    let measured = load.measured;
    let ledger = Arc::new(Ledger::new()?);
    let mut callers = JoinSet::new();
    for mut turn in turns {
        let ledger = ledger.clone();
        callers.spawn(async move {
            let mut begun = Instant::now();
            loop {
                let failed = turn.turn().await;
                let now = Instant::now();
                if !ledger.note(now - begun, T::OPS, 1, failed) {
                    break;
                }
                begun = now;
            }
        });
    }
    // A thread of its own keeps the time: tasks that never wait for anything would keep a task from it.
    let keeper = ledger.clone();
    let took = tokio::task::spawn_blocking(move || keeper.keep(measured)).await.map_err(io::Error::other)?;
    while let Some(ended) = callers.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    Ok(ledger.seen(took))
}

/// Where all callers of one measurement note what they did.
pub(crate) struct Ledger {
    phase: AtomicU8,
    books: [Mutex<Book>; BOOKS],
}

struct Book {
    took: Histogram<u64>,
    ops: u64,
    failed: u64,
}

impl Ledger {
    pub(crate) fn new() -> io::Result<Self> {
        let book = || -> io::Result<Mutex<Book>> {
            let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
            let took = Histogram::new_with_bounds(1, longest, DIGITS).map_err(io::Error::other)?;
            Ok(Mutex::new(Book { took, ops: 0, failed: 0 }))
        };
        let books = [book()?, book()?, book()?, book()?];
        Ok(Self { phase: AtomicU8::new(WARM), books })
    }

    /// Notes `times` turns of so many operations each, and says whether to go on.
    pub(crate) fn note(&self, turn: Duration, ops: u64, times: u64, failed: u64) -> bool {
        match self.phase.load(Ordering::Relaxed) {
            WARM => true,
            MEASURED => {
                let mut book = lock(&self.books[own_book()]);
                let each = u64::try_from(turn.as_nanos()).unwrap_or(u64::MAX) / ops;
                book.took.saturating_record_n(each.max(1), times);
                book.ops += ops * times;
                book.failed += failed;
                true
            }
            _ => false,
        }
    }

    /// Keeps the time, and says when it begins to count. Returns how long it has counted.
    pub(crate) fn keep(&self, measured: Duration) -> Duration {
        thread::sleep((measured / WARM_PART).max(WARM_LEAST));
        println!("begin");
        let begun = Instant::now();
        self.phase.store(MEASURED, Ordering::Relaxed);
        thread::sleep(measured);
        self.phase.store(OVER, Ordering::Relaxed);
        begun.elapsed()
    }

    pub(crate) fn seen(&self, took: Duration) -> Seen {
        let mut books = self.books.iter();
        let mut all = books.next().map(|book| lock(book).took.clone());
        for book in books {
            if let Some(all) = &mut all {
                // All have the same bounds.
                let _ = all.add(&lock(book).took);
            }
        }
        let at = |part| all.as_ref().map_or(0, |all| all.value_at_quantile(part));
        let sum = |of: fn(&Book) -> u64| self.books.iter().map(|book| of(&lock(book))).sum();
        Seen { ops: sum(|book| book.ops), failed: sum(|book| book.failed), took, p50_ns: at(0.5), p99_ns: at(0.99) }
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

fn own_book() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.with(|own| {
        own.get().unwrap_or_else(|| {
            let book = NEXT.fetch_add(1, Ordering::Relaxed) % BOOKS;
            own.set(Some(book));
            book
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Case;

    struct Slow(u64);

    impl Caller for Slow {
        async fn call(&mut self) -> bool {
            self.0 += 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
            !self.0.is_multiple_of(2)
        }
    }

    #[tokio::test]
    async fn only_the_measured_time_counts_and_failures_are_seen() {
        let measured = Duration::from_millis(300);
        let load = Load { bench: Bench::RemoteCall, case: Case::Handle, callers: 2, payload: 0, measured };
        let seen = callers(vec![Slow(0), Slow(0)], &load).await.expect("nothing in it can fail");
        assert!(seen.took >= Duration::from_millis(300), "{seen:?}");
        // Two callers, at most one call in 2 ms each, and what was under way at the beginning.
        assert!(seen.ops > 2 && u128::from(seen.ops) <= seen.took.as_millis() + 4, "{seen:?}");
        assert!(seen.failed.abs_diff(seen.ops / 2) <= 2, "{seen:?}");
        assert!(seen.p50_ns >= 2_000_000 && seen.p99_ns >= seen.p50_ns, "{seen:?}");
    }
}
