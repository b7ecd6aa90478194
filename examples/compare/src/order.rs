//! Owns what a process under measurement is told to do, one line at a time. Never does it.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use crate::row::{Bench, Case};

/// What a process is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Be under load.
    Load(Load),
    /// Start so many idle workers, and keep them.
    Spawn(u64),
}

/// What kind of load, and how long it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) bench: Bench,
    pub(crate) case: Case,
    pub(crate) callers: usize,
    pub(crate) payload: usize,
    pub(crate) measured: Duration,
}

impl Load {
    /// What a system says that is told to do what it does not offer: a mistake of `plan`.
    pub(crate) fn not_offered(&self) -> io::Error {
        io::Error::other(format!("{} by {} is not offered here", self.bench, self.case))
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(Load { bench, case, callers, payload, measured }) => {
                write!(f, "load {bench} {case} {callers} {payload} {}", measured.as_millis())
            }
            Self::Spawn(count) => write!(f, "spawn {count}"),
        }
    }
}

impl FromStr for Order {
    type Err = io::Error;

    fn from_str(line: &str) -> io::Result<Self> {
        let strange = || io::Error::other(format!("`{line}` is no order"));
        match *line.split_whitespace().collect::<Vec<_>>() {
            ["load", bench, case, callers, payload, millis] => Ok(Self::Load(Load {
                bench: bench.parse()?,
                case: case.parse()?,
                callers: callers.parse().map_err(|_| strange())?,
                payload: payload.parse().map_err(|_| strange())?,
                measured: Duration::from_millis(millis.parse().map_err(|_| strange())?),
            })),
            ["spawn", count] => Ok(Self::Spawn(count.parse().map_err(|_| strange())?)),
            _ => Err(strange()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let measured = Duration::from_millis(500);
        let load = Load { bench: Bench::RemoteCast, case: Case::One, callers: 64, payload: 32, measured };
        for order in [Order::Load(load), Order::Spawn(9)] {
            assert_eq!(order.to_string().parse::<Order>().expect("it was written by Display"), order);
        }
        assert!("load remote_call handle 1 2".parse::<Order>().is_err());
        assert!("load remote_walk handle 1 2 3".parse::<Order>().is_err());
    }
}
