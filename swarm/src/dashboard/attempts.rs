//! Owns how many logins may fail of those that come from one address, so that nobody is kept out by the failures of others. Never keeps more
//! addresses than it has room for, nor one for longer than a second.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use swarm_net::time::Instant;

use crate::rpc::Source;

/// How many may fail in a second from one source. With what a token has of chance in it, it is not guessed by so many a second.
const FAILURES_MAX: u32 = 5;

/// A second.
const WINDOW: Duration = Duration::from_secs(1);

/// How many sources are remembered. With one more the one that has been for longest is forgotten before its second is over. So who has more than
/// these guesses faster, which does not help against a good token, and nobody else is kept out; to compare a token takes some microseconds.
const SOURCES_MAX: usize = 1024;

/// What has failed from one source.
#[derive(Debug)]
struct Failures {
    source: Source,
    since: Instant,
    count: u32,
}

/// What has failed just now.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<VecDeque<Failures>>);

impl Attempts {
    /// Whether a login may be tried from there, or too many have failed. It counts as failed until it [succeeds](Self::succeeded), so that those
    /// under way at once are no more than those one after the other.
    pub(super) fn begin(&self, from: IpAddr, now: Instant) -> bool {
        let source = Source::of(from);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|failures| now.since(failures.since) < WINDOW);
        if let Some(failures) = all.iter_mut().find(|failures| failures.source == source) {
            let may = failures.count < FAILURES_MAX;
            failures.count += u32::from(may);
            return may;
        }
        if all.len() == SOURCES_MAX {
            all.pop_front();
        }
        all.push_back(Failures { source, since: now, count: 1 });
        true
    }

    /// One that was begun from there was none that fails.
    pub(super) fn succeeded(&self, from: IpAddr) {
        let source = Source::of(from);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failures) = all.iter_mut().find(|failures| failures.source == source) {
            failures.count = failures.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::START + Duration::from_millis(ms)
    }

    fn addr(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Fails as often as it may, and says how often that is.
    fn exhaust(attempts: &Attempts, from: IpAddr, now: Instant) -> u32 {
        (0..).take_while(|_| attempts.begin(from, now)).count() as u32
    }

    #[test]
    fn only_so_many_fail_in_a_second() {
        let (attempts, from) = (Attempts::default(), addr("192.0.2.1"));
        assert_eq!(exhaust(&attempts, from, at(10)), FAILURES_MAX);
        assert!(!attempts.begin(from, at(1009)));
        assert_eq!(exhaust(&attempts, from, at(1010)), FAILURES_MAX);
    }

    #[test]
    fn what_succeeds_does_not_count() {
        let (attempts, from) = (Attempts::default(), addr("192.0.2.1"));
        for _ in 0..3 * FAILURES_MAX {
            assert!(attempts.begin(from, at(10)));
            attempts.succeeded(from);
        }
        assert_eq!(exhaust(&attempts, from, at(10)), FAILURES_MAX);
    }

    #[test]
    fn nobody_is_kept_out_by_the_failures_of_others() {
        let attempts = Attempts::default();
        for (stranger, operator) in [
            ("192.0.2.1", "192.0.2.2"),
            ("2001:db8:0:1::1", "2001:db8:0:2::1"),
            ("192.0.2.3", "2001:db8:0:3::1"),
            ("::ffff:192.0.2.4", "::ffff:192.0.2.5"),
        ] {
            exhaust(&attempts, addr(stranger), at(10));
            assert!(attempts.begin(addr(operator), at(10)), "{operator}");
        }
    }

    #[test]
    fn however_many_fail_there_is_room_for_who_comes_and_no_more_is_kept() {
        let attempts = Attempts::default();
        let stranger = |n: usize| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) + ((n as u128) << 64)));
        for n in 0..3 * SOURCES_MAX {
            assert_eq!(exhaust(&attempts, stranger(n), at(10)), FAILURES_MAX);
        }
        let kept = || attempts.0.lock().expect("nobody has panicked").len();
        assert_eq!(kept(), SOURCES_MAX);
        assert!(!attempts.begin(stranger(3 * SOURCES_MAX - 1), at(10)), "who came last is remembered");
        assert!(!attempts.begin(stranger(2 * SOURCES_MAX), at(10)), "as is who came first of those there is room for");
        assert!(attempts.begin(addr("192.0.2.1"), at(10)), "who has not failed is let try");
        assert!(attempts.begin(stranger(0), at(1010)));
        assert_eq!(kept(), 1, "what is over is forgotten");
    }
}
