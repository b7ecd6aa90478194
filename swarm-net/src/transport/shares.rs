//! Owns how many frames one connection may bring in one turn, so that who asks without pause is not served at the others' expense.
//! Never limits anybody while there are no others.

use std::time::Duration;

use super::sockets::Token;
use crate::time::Instant;

/// Frames that anybody may bring in one turn: tens of microseconds of work, which others wait for.
const FRAMES_MIN: u32 = 64;
/// How much more one may bring than another one has brought lately: those who are about as busy do not limit each other.
const TIMES: u32 = 4;
/// What was brought is remembered for so long, and at most for twice as long.
const LATELY: Duration = Duration::from_millis(2);

/// What connections have brought in their turns lately.
#[derive(Debug)]
pub(crate) struct Shares {
    now: Most,
    before: Most,
    since: Instant,
}

/// The two connections that have brought the most in one turn.
#[derive(Clone, Copy, Debug, Default)]
struct Most([Option<(Token, u32)>; 2]);

impl Shares {
    pub(crate) fn new(now: Instant) -> Self {
        Self { now: Most::default(), before: Most::default(), since: now }
    }

    /// As many frames may come over this connection in this turn.
    pub(crate) fn of(&mut self, token: Token, now: Instant) -> u32 {
        let past = now.since(self.since);
        if past >= LATELY {
            self.before = if past < 2 * LATELY { self.now } else { Most::default() };
            (self.now, self.since) = (Most::default(), now);
        }
        let others = self.now.beside(token).max(self.before.beside(token));
        others.map_or(u32::MAX, |frames| frames.saturating_mul(TIMES).max(FRAMES_MIN))
    }

    /// So many have come.
    pub(crate) fn note(&mut self, token: Token, frames: u32) {
        self.now.note(token, frames);
    }
}

impl Most {
    /// What another connection than this has brought.
    fn beside(&self, token: Token) -> Option<u32> {
        self.0.iter().flatten().find(|(of, _)| *of != token).map(|(_, frames)| *frames)
    }

    fn note(&mut self, token: Token, frames: u32) {
        let [first, second] = &mut self.0;
        let fewer = |place: &Option<(Token, u32)>| place.is_none_or(|(_, most)| most < frames);
        let at = |place: &Option<(Token, u32)>| place.is_some_and(|(of, _)| of == token);
        if at(first) {
            if fewer(first) {
                *first = Some((token, frames));
            }
        } else if fewer(first) {
            *second = first.replace((token, frames));
        } else if fewer(second) {
            *second = Some((token, frames));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Token = Token(1);
    const OTHER: Token = Token(2);

    fn at(us: u64) -> Instant {
        Instant::START + Duration::from_micros(us)
    }

    /// The shares of the two after these turns, at such a time.
    fn shares(turns: &[(u64, Token, u32)], us: u64) -> [u32; 2] {
        let mut shares = Shares::new(at(0));
        for (us, token, frames) in turns {
            shares.of(*token, at(*us));
            shares.note(*token, *frames);
        }
        [ONE, OTHER].map(|token| shares.of(token, at(us)))
    }

    #[test]
    fn who_is_alone_brings_as_much_as_there_is() {
        assert_eq!(shares(&[(0, ONE, 2_000), (1, ONE, 2_000)], 2)[0], u32::MAX);
    }

    #[test]
    fn nobody_brings_many_times_what_another_does() {
        assert_eq!(shares(&[(0, OTHER, 1), (1, ONE, 2_000)], 2), [FRAMES_MIN, 8_000]);
        assert_eq!(shares(&[(0, OTHER, 500), (1, ONE, 400), (2, OTHER, 600)], 3), [2_400, 1_600]);
        assert_eq!(
            shares(&[(0, OTHER, 1), (1_999, ONE, 9), (2_001, ONE, 2_000)], 3_000)[0],
            FRAMES_MIN,
            "it is remembered"
        );
    }

    #[test]
    fn who_has_brought_nothing_lately_limits_nobody() {
        assert_eq!(shares(&[(0, OTHER, 1)], 4_001)[0], u32::MAX);
        let often: Vec<_> = (0..10).map(|i| (i * 500, ONE, 2_000)).collect();
        let turns = [&[(0, OTHER, 1)], &often[..]].concat();
        assert_eq!(shares(&turns, 5_000)[0], u32::MAX);
    }

    #[test]
    fn the_second_of_three_counts_beside_the_first() {
        let third = Token(3);
        assert_eq!(shares(&[(0, ONE, 900), (0, third, 40), (0, OTHER, 30), (0, third, 50)], 1), [200, 3_600]);
    }
}
