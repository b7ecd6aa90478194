//! Owns how a node's metrics get to the recorder of the crate `metrics`, whichever that is. Never installs one.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit, with_recorder};

use super::family::{Family, Labels, Shape, Value};
use super::reading::read;
use crate::event::Events;
use crate::rpc::first;
use crate::runtime::Node;
use crate::worker::Host as _;

/// Nobody looks more often, and reading takes as long as there are many workers.
pub(crate) const EVERY_MIN: Duration = Duration::from_millis(100);

/// Who writes them, for recorders that tell apart by that.
const METADATA: Metadata<'static> = Metadata::new("swarm", Level::INFO, Some("swarm"));

/// Has a node's metrics recorded from now on, until it stops.
pub(crate) fn record(node: &Arc<Node>, every: Duration) {
    let events = node.subscribers.subscribe();
    node.runtime().spawn(keep_recording(node.clone(), every.max(EVERY_MIN), events));
}

async fn keep_recording(node: Arc<Node>, every: Duration, mut events: Events) {
    let mut recording = Recording::of(&node);
    let repeating = async {
        loop {
            with_recorder(|recorder| recording.tell(recorder, &read(&node)));
            node.timers().delay(every).await;
        }
    };
    let running = async {
        // A node that has stopped before these events were asked for closes nothing any more.
        while !node.is_stopped() && events.next().await.is_some() {}
    };
    first(pin!(repeating), pin!(running)).await;
    with_recorder(|recorder| recording.end(recorder, &read(&node)));
}

/// What one node has told its recorder.
struct Recording {
    /// The label of all its series.
    node: Label,
    /// How many runs of each bucket it has told, by histogram and labels.
    told: HashMap<(&'static str, Labels), Vec<u64>>,
}

impl Recording {
    fn of(node: &Node) -> Self {
        Self { node: Label::new(super::NODE, node.id().addr().to_string()), told: HashMap::new() }
    }

    fn tell(&mut self, recorder: &dyn Recorder, families: &[Family]) {
        for family in families {
            describe(recorder, family);
            for (labels, value) in &family.series {
                let key = self.key(family.name, labels);
                match (value, family.shape) {
                    (Value::Number(count), Shape::Counter) => {
                        recorder.register_counter(&key, &METADATA).absolute(*count);
                    }
                    (Value::Number(level), Shape::Gauge | Shape::Histogram) => set(recorder, &key, *level),
                    (Value::Times(spread), _) => {
                        let histogram = recorder.register_histogram(&key, &METADATA);
                        let told = self.told.entry((family.name, labels.clone())).or_default();
                        told.resize(spread.each().count(), 0);
                        for ((ns, count), told) in spread.each().zip(told) {
                            let new = usize::try_from(count - *told).unwrap_or(usize::MAX);
                            if new > 0 {
                                histogram.record_many(Duration::from_nanos(ns), new);
                            }
                            *told = count;
                        }
                    }
                }
            }
        }
    }

    /// The node has stopped: what it had is no more.
    fn end(&mut self, recorder: &dyn Recorder, families: &[Family]) {
        self.tell(recorder, families);
        for family in families.iter().filter(|family| family.shape == Shape::Gauge) {
            for labels in family.series.keys() {
                set(recorder, &self.key(family.name, labels), 0);
            }
        }
    }

    fn key(&self, name: &'static str, labels: &Labels) -> Key {
        let labels = labels.iter().map(|(name, value)| Label::new(*name, SharedString::from(value.clone())));
        Key::from_parts(name, labels.chain([self.node.clone()]).collect::<Vec<_>>())
    }
}

fn set(recorder: &dyn Recorder, key: &Key, level: u64) {
    recorder.register_gauge(key, &METADATA).set(level as f64);
}

fn describe(recorder: &dyn Recorder, family: &Family) {
    let (name, help) = (KeyName::from(family.name), SharedString::from(family.help));
    let unit = match family.name {
        name if name.ends_with("_seconds") => Some(Unit::Seconds),
        name if name.ends_with("_bytes_total") => Some(Unit::Bytes),
        _ => None,
    };
    match family.shape {
        Shape::Counter => recorder.describe_counter(name, unit, help),
        Shape::Gauge => recorder.describe_gauge(name, unit, help),
        Shape::Histogram => recorder.describe_histogram(name, unit, help),
    }
}
