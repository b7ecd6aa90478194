//! Owns the places of those who have not shown yet who they are. There is always one for who comes: whoever holds the most gives one up,
//! and chance says which, as in OpenSSH's `MaxStartups`. So who holds places with nothing to say holds them for a moment, and of a crowd that
//! comes faster than it can be served some are served. Never touches those who have shown it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use rand::seq::IndexedRandom as _;
use tokio::task::AbortHandle;

use super::source::Source;

/// Places, of which there are so many.
pub(crate) struct Places {
    taken: Arc<Mutex<Taken>>,
    most: usize,
}

struct Taken {
    next: u64,
    seats: Vec<Seat>,
    chance: StdRng,
}

struct Seat {
    number: u64,
    from: SocketAddr,
    /// What serves it, once that is begun.
    task: Option<AbortHandle>,
}

/// One of them, until it is dropped.
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    number: u64,
}

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        // No secret hangs on it: without the system's chance it is another.
        let chance = StdRng::try_from_rng(&mut SysRng).unwrap_or_else(|_| StdRng::seed_from_u64(most as u64));
        Self { taken: Arc::new(Mutex::new(Taken { next: 0, seats: Vec::new(), chance })), most }
    }

    /// Serves who comes from there by the task that `begin` begins with a place. If there was none left, one of those from where the most
    /// are is served no more: says who that was.
    pub(crate) fn serve(&self, from: SocketAddr, begin: impl FnOnce(Place) -> AbortHandle) -> Option<SocketAddr> {
        let (place, displaced) = {
            let mut taken = lock(&self.taken);
            let displaced = if taken.seats.len() == self.most { taken.free() } else { None };
            let number = taken.next;
            taken.next += 1;
            taken.seats.push(Seat { number, from, task: None });
            (Place { taken: self.taken.clone(), number }, displaced)
        };
        let number = place.number;
        let task = begin(place);
        // If it has no place any more by now, nobody may end it.
        if let Some(seat) = lock(&self.taken).seats.iter_mut().find(|seat| seat.number == number) {
            seat.task = Some(task);
        }
        let displaced = displaced?;
        if let Some(task) = displaced.task {
            task.abort();
        }
        Some(displaced.from)
    }
}

impl Taken {
    /// Takes out one of those from where the most are.
    fn free(&mut self) -> Option<Seat> {
        let sources: Vec<Source> = self.seats.iter().map(|seat| Source::of(seat.from.ip())).collect();
        let as_many = |at: &usize| sources.iter().filter(|source| **source == sources[*at]).count();
        let most = (0..sources.len()).map(|at| as_many(&at)).max()?;
        let crowd: Vec<usize> = (0..sources.len()).filter(|at| as_many(at) == most).collect();
        crowd.choose(&mut self.chance).map(|at| self.seats.swap_remove(*at))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.taken).seats.retain(|seat| seat.number != self.number);
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::future::pending;

    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;

    const MOST: usize = 4;

    /// Some who come, each with a number of its own as its port.
    struct Crowd {
        places: Places,
        ended: UnboundedReceiver<u16>,
        end: UnboundedSender<u16>,
    }

    /// Tells its end.
    struct Told(u16, UnboundedSender<u16>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.1.send(self.0).expect("the test listens");
        }
    }

    impl Crowd {
        fn new() -> Self {
            let (end, ended) = unbounded_channel();
            Self { places: Places::new(MOST), ended, end }
        }

        /// One comes from there and stays. Whom that has displaced.
        async fn come(&mut self, ip: &str, port: u16) -> Option<u16> {
            let told = Told(port, self.end.clone());
            let from = SocketAddr::new(ip.parse().expect("an address"), port);
            let displaced = self.places.serve(from, |place| {
                let stay = async move {
                    let _held = (place, told);
                    pending::<()>().await;
                };
                tokio::spawn(stay).abort_handle()
            });
            let displaced = displaced?.port();
            assert_eq!(self.ended.recv().await, Some(displaced));
            Some(displaced)
        }
    }

    #[tokio::test]
    async fn whoever_holds_the_most_gives_one_up() {
        let mut seen = BTreeSet::new();
        // By chance: of so many times it is each of the two once, but once in a billion.
        for _ in 0..31 {
            let mut crowd = Crowd::new();
            for (ip, port) in [("192.0.2.1", 1), ("192.0.2.2", 2), ("192.0.2.2", 3), ("2001:db8::1", 4)] {
                assert_eq!(crowd.come(ip, port).await, None, "there is room for {port}");
            }
            let displaced = crowd.come("192.0.2.3", 5).await.expect("there was no room");
            assert!([2, 3].contains(&displaced), "two were from there, and not {displaced}");
            seen.insert(displaced);
            let other = 5 - displaced;
            let displaced = crowd.come("2001:db8::2", 6).await.expect("there was no room");
            assert!([1, other, 4, 5].contains(&displaced), "each was alone, also {displaced}");
        }
        assert_eq!(seen.len(), 2, "it is not always the same");
    }

    #[tokio::test]
    async fn who_is_a_crowd_gives_up_its_own() {
        let mut crowd = Crowd::new();
        for port in 1..=MOST as u16 {
            assert_eq!(crowd.come("2001:db8::1", port).await, None);
        }
        for port in 5..50 {
            let displaced = crowd.come(&format!("2001:db8::{port}"), port).await;
            assert!(displaced.is_some_and(|displaced| displaced < port), "{displaced:?} before {port}");
        }
        assert_eq!(crowd.places.taken.lock().expect("nobody has panicked").seats.len(), MOST);
    }

    #[tokio::test]
    async fn who_has_given_up_its_place_is_not_ended() {
        let places = Places::new(1);
        for port in 0..3 {
            let from = SocketAddr::new([192, 0, 2, 1].into(), port);
            let guest = |place| {
                drop(place);
                tokio::spawn(pending::<()>()).abort_handle()
            };
            assert_eq!(places.serve(from, guest), None);
        }
    }
}
