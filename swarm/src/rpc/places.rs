//! Owns the places of those who have not shown yet who they are. There is always one for who comes: whoever holds the most gives one up.
//! Never touches those who have shown it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

use super::source::Source;

/// Places, of which there are so many.
pub(crate) struct Places {
    taken: Arc<Mutex<Taken>>,
    most: usize,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// In the order in which they came.
    seats: Vec<Seat>,
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
        Self { taken: Arc::default(), most }
    }

    /// Serves who comes from there by the task that `begin` begins with a place. If there was none left, of those from where the most
    /// are the first is served no more: says whose that was.
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
    /// Takes out the first of those from where the most are.
    fn free(&mut self) -> Option<Seat> {
        let as_many = |seat: &Seat| {
            let source = Source::of(seat.from.ip());
            self.seats.iter().filter(|other| Source::of(other.from.ip()) == source).count()
        };
        // The last of the largest, so the first if they are looked at from their end.
        let (at, _) = self.seats.iter().enumerate().rev().max_by_key(|(_, seat)| as_many(seat))?;
        Some(self.seats.remove(at))
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
    async fn whoever_holds_the_most_gives_up_the_first_of_his() {
        let mut crowd = Crowd::new();
        for (ip, port) in [("192.0.2.1", 1), ("192.0.2.2", 2), ("192.0.2.2", 3), ("2001:db8::1", 4)] {
            assert_eq!(crowd.come(ip, port).await, None, "there is room for {port}");
        }
        assert_eq!(crowd.come("192.0.2.3", 5).await, Some(2), "two are from there");
        assert_eq!(crowd.come("2001:db8::2", 6).await, Some(1), "each is alone, and it was the first");
        assert_eq!(crowd.come("192.0.2.4", 7).await, Some(4), "two are from its network");
        assert_eq!(crowd.come("192.0.2.4", 8).await, Some(3), "each is alone");
        assert_eq!(crowd.come("192.0.2.4", 9).await, Some(7), "even of its own");
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
