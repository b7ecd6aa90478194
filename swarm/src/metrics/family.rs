//! Owns a metric with all its series, as data. Never knows what it measures, nor who is told of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::worker::times::Spread;

/// The labels of a series, but for its node's: each name with its value.
pub(super) type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// One metric.
#[derive(Debug)]
pub(super) struct Family {
    /// Its name, with the unit and the suffix of Prometheus' conventions.
    pub(super) name: &'static str,
    /// What it says, in a sentence.
    pub(super) help: &'static str,
    pub(super) shape: Shape,
    /// Its series by their labels, of which no two have the same.
    pub(super) series: BTreeMap<Labels, Value>,
}

/// What can be done with the values of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// They only grow.
    Counter,
    /// They go up and down.
    Gauge,
    /// They are spans of time.
    Histogram,
}

/// The value of one series.
#[derive(Debug)]
pub(super) enum Value {
    Number(u64),
    Times(Spread),
}

impl Family {
    /// What is counted from the node's start on.
    pub(super) fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Shape::Counter)
    }

    /// What is so at this moment.
    pub(super) fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Shape::Gauge)
    }

    /// How long things took from the node's start on.
    pub(super) fn histogram(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Shape::Histogram)
    }

    fn new(name: &'static str, help: &'static str, shape: Shape) -> Self {
        Self { name, help, shape, series: BTreeMap::new() }
    }

    /// With its only series.
    pub(super) fn of(mut self, number: u64) -> Self {
        self.add(Labels::new(), number);
        self
    }

    /// With a series for each value of one label.
    pub(super) fn by<L>(mut self, label: &'static str, series: impl IntoIterator<Item = (L, u64)>) -> Self
    where
        L: Into<Cow<'static, str>>,
    {
        for (value, number) in series {
            self.add(vec![(label, value.into())], number);
        }
        self
    }

    /// Adds a number to a series. Worker types that share a name (those of one generic type) are one.
    pub(super) fn add(&mut self, labels: Labels, number: u64) {
        match self.series.entry(labels).or_insert(Value::Number(0)) {
            Value::Number(sum) => *sum += number,
            Value::Times(_) => debug_assert!(false, "{} is a histogram", self.name),
        }
    }

    /// The same with spans of time.
    pub(super) fn add_times(&mut self, labels: Labels, spread: Spread) {
        match self.series.get_mut(&labels) {
            Some(Value::Times(sum)) => sum.add(&spread),
            Some(Value::Number(_)) => debug_assert!(false, "{} is no histogram", self.name),
            None => drop(self.series.insert(labels, Value::Times(spread))),
        }
    }
}
