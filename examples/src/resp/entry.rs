//! Owns what a key holds, and what each command does to it, as Redis documents them. Knows no cluster and reads no clock: a
//! moment is the time since any fixed one.

use std::time::Duration;

/// What is done to one key.
#[swarm::message]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Its value.
    Get,
    /// Gives it a value.
    Set {
        /// The value.
        value: Vec<u8>,
        /// How long it lives.
        life: Life,
        /// Whether it is given at all.
        when: When,
        /// The answer is the value before.
        previous: bool,
    },
    /// Adds to the number that it holds; without a value it holds 0.
    Add(i64),
    /// Takes its value away.
    Delete,
    /// Whether it has a value.
    Exists,
    /// Its value goes after so many milliseconds; at once, if they are not positive.
    Expire(i64),
    /// How long its value still has.
    TimeLeft(Unit),
}

/// How long a value lives.
#[swarm::message]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Until it is taken away.
    Unlimited,
    /// As long as the value before it would have.
    Kept,
    /// So many milliseconds.
    Millis(i64),
}

/// When a value is given.
#[swarm::message]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In any case.
    Always,
    /// If there is none (`NX`).
    Absent,
    /// If there is one (`XX`).
    Present,
}

/// In what a time is told.
#[swarm::message]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds, rounded.
    Seconds,
    /// Milliseconds.
    Millis,
}

/// What a command on one key comes to.
#[swarm::message]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// There is no value, or the condition did not hold.
    Nil,
    /// A value.
    Value(Vec<u8>),
    /// A number.
    Number(i64),
    /// The value is no number of 64 bits. Nothing was changed.
    NoNumber,
    /// The sum is no number of 64 bits. Nothing was changed.
    Overflow,
}

/// What a key holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The value.
    pub value: Option<Vec<u8>>,
    /// When it goes, if it has a limit.
    pub ends: Option<Duration>,
    /// When it was last changed.
    pub changed: Duration,
}

impl Op {
    /// Whether it may give a value to a key that has none.
    pub(super) fn creates(&self) -> bool {
        match self {
            Self::Set { when, .. } => *when != When::Present,
            Self::Add(_) => true,
            Self::Get | Self::Delete | Self::Exists | Self::Expire(_) | Self::TimeLeft(_) => false,
        }
    }

    /// How much of it is of any size.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Set { value, .. } => value.len(),
            Self::Get | Self::Add(_) | Self::Delete | Self::Exists | Self::Expire(_) | Self::TimeLeft(_) => 0,
        }
    }
}

impl Answer {
    /// How much of it is of any size.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Value(value) => value.len(),
            Self::Done | Self::Nil | Self::Number(_) | Self::NoNumber | Self::Overflow => 0,
        }
    }

    fn of(value: Option<Vec<u8>>) -> Self {
        value.map_or(Self::Nil, Self::Value)
    }
}

impl Entry {
    /// Does it. What is over by `now` is not there any more, whether or not anybody has noticed.
    pub(super) fn apply(&mut self, op: Op, now: Duration) -> Answer {
        self.expire(now);
        match op {
            Op::Get => Answer::of(self.value.clone()),
            Op::Set { value, life, when, previous } => self.set(value, life, when, previous, now),
            Op::Add(by) => self.add(by, now),
            Op::Delete => self.delete(now),
            Op::Exists => Answer::Number(self.value.is_some().into()),
            Op::Expire(..=0) => self.delete(now),
            Op::Expire(millis) if self.value.is_some() => {
                (self.ends, self.changed) = (Some(after(now, millis)), now);
                Answer::Number(1)
            }
            Op::Expire(_) => Answer::Number(0),
            Op::TimeLeft(unit) => Answer::Number(self.time_left(unit, now)),
        }
    }

    /// Takes away what is over.
    pub(super) fn expire(&mut self, now: Duration) {
        if self.ends.is_some_and(|ends| ends <= now) {
            self.delete(now);
        }
    }

    fn set(&mut self, value: Vec<u8>, life: Life, when: When, previous: bool, now: Duration) -> Answer {
        let given = match when {
            When::Always => true,
            When::Absent => self.value.is_none(),
            When::Present => self.value.is_some(),
        };
        if !given {
            return if previous { Answer::of(self.value.clone()) } else { Answer::Nil };
        }
        let before = self.value.replace(value);
        self.changed = now;
        self.ends = match life {
            Life::Unlimited => None,
            Life::Kept => self.ends,
            Life::Millis(millis) => Some(after(now, millis)),
        };
        if previous { Answer::of(before) } else { Answer::Done }
    }

    fn add(&mut self, by: i64, now: Duration) -> Answer {
        let Some(held) = self.value.as_deref().map_or(Some(0), integer) else { return Answer::NoNumber };
        let Some(sum) = held.checked_add(by) else { return Answer::Overflow };
        (self.value, self.changed) = (Some(sum.to_string().into_bytes()), now);
        Answer::Number(sum)
    }

    fn delete(&mut self, now: Duration) -> Answer {
        let was_there = self.value.is_some();
        if was_there {
            *self = Self { value: None, ends: None, changed: now };
        }
        Answer::Number(was_there.into())
    }

    fn time_left(&self, unit: Unit, now: Duration) -> i64 {
        let Some(ends) = self.ends else { return if self.value.is_some() { -1 } else { -2 } };
        let millis = i64::try_from(ends.saturating_sub(now).as_millis()).unwrap_or(i64::MAX);
        match unit {
            Unit::Seconds => millis.saturating_add(500) / 1000,
            Unit::Millis => millis,
        }
    }
}

fn after(now: Duration, millis: i64) -> Duration {
    now + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A number as Redis reads it: decimal, of 64 bits, with no other spelling than its own.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let own = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    std::str::from_utf8(text).ok().filter(|_| own)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    /// Applies what is written, each at so many milliseconds after the start.
    #[track_caller]
    fn check(script: &[(u64, Op, Answer)]) {
        let mut entry = Entry::default();
        for (at, op, expected) in script {
            let answer = entry.apply(op.clone(), START + Duration::from_millis(*at));
            assert_eq!(answer, *expected, "{op:?} at {at} ms");
        }
    }

    fn set(value: &str) -> Op {
        set_so(value, Life::Unlimited, When::Always)
    }

    fn set_so(value: &str, life: Life, when: When) -> Op {
        Op::Set { value: value.into(), life, when, previous: false }
    }

    fn exchange(value: &str, when: When) -> Op {
        Op::Set { value: value.into(), life: Life::Unlimited, when, previous: true }
    }

    fn value(text: &str) -> Answer {
        Answer::Value(text.into())
    }

    use Answer::{Done, Nil, NoNumber, Number, Overflow};

    #[test]
    fn a_value_is_given_read_and_taken_away() {
        check(&[
            (0, Op::Get, Nil),
            (0, Op::Exists, Number(0)),
            (0, Op::Delete, Number(0)),
            (0, set("a"), Done),
            (0, Op::Get, value("a")),
            (0, Op::Exists, Number(1)),
            (0, Op::Delete, Number(1)),
            (0, Op::Get, Nil),
        ]);
    }

    #[test]
    fn conditions_and_the_value_before() {
        check(&[
            (0, set_so("a", Life::Unlimited, When::Present), Nil),
            (0, exchange("a", When::Present), Nil),
            (0, Op::Exists, Number(0)),
            (0, exchange("a", When::Absent), Nil),
            (0, exchange("b", When::Absent), value("a")),
            (0, set_so("b", Life::Unlimited, When::Absent), Nil),
            (0, Op::Get, value("a")),
            (0, exchange("b", When::Always), value("a")),
            (0, set_so("c", Life::Unlimited, When::Present), Done),
            (0, Op::Get, value("c")),
        ]);
    }

    #[test]
    fn counters_begin_at_zero_and_do_not_wrap() {
        check(&[
            (0, Op::Add(5), Number(5)),
            (0, Op::Add(-7), Number(-2)),
            (0, Op::Get, value("-2")),
            (0, Op::Add(i64::MIN), Overflow),
            (0, Op::Get, value("-2")),
            (0, set("9223372036854775807"), Done),
            (0, Op::Add(1), Overflow),
            (0, Op::Add(-1), Number(i64::MAX - 1)),
            (0, set("ten"), Done),
            (0, Op::Add(1), NoNumber),
            (0, Op::Get, value("ten")),
        ]);
    }

    #[test]
    fn a_value_goes_in_time() {
        let two_seconds = set_so("a", Life::Millis(2_000), When::Always);
        check(&[
            (0, Op::TimeLeft(Unit::Millis), Number(-2)),
            (0, Op::Expire(10), Number(0)),
            (0, two_seconds.clone(), Done),
            (400, Op::TimeLeft(Unit::Millis), Number(1_600)),
            (400, Op::TimeLeft(Unit::Seconds), Number(2)),
            (600, Op::TimeLeft(Unit::Seconds), Number(1)),
            (1_999, Op::Get, value("a")),
            (2_000, Op::Get, Nil),
            (2_000, Op::TimeLeft(Unit::Seconds), Number(-2)),
            // What comes after it has no limit.
            (2_000, Op::Add(1), Number(1)),
            (2_000, Op::TimeLeft(Unit::Seconds), Number(-1)),
            (2_000, Op::Expire(100), Number(1)),
            (2_050, Op::Add(1), Number(2)),
            (2_050, Op::TimeLeft(Unit::Millis), Number(50)),
            (2_050, set_so("b", Life::Kept, When::Always), Done),
            (2_050, Op::TimeLeft(Unit::Millis), Number(50)),
            (2_050, set("c"), Done),
            (2_050, Op::TimeLeft(Unit::Millis), Number(-1)),
            (9_000, Op::Expire(0), Number(1)),
            (9_000, Op::Exists, Number(0)),
            (9_000, Op::Expire(-1), Number(0)),
            (9_000, two_seconds, Done),
            // A condition does not see what is over.
            (12_000, set_so("d", Life::Kept, When::Absent), Done),
            (12_000, Op::TimeLeft(Unit::Millis), Number(-1)),
        ]);
    }

    #[test]
    fn numbers_have_one_spelling() {
        for number in ["0", "7", "-1", "10", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(integer(number.as_bytes()), Some(number.parse().expect("it is one")), "{number}");
        }
        for text in ["", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "0x1", "9223372036854775808", "١"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }
}
