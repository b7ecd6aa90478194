//! Owns how a node's metrics look in Prometheus' text format. Never serves them.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder as _, TextEncoder};

use super::family::{Family, Labels, Shape, Value};
use super::reading::read;
use crate::runtime::Node;
use crate::worker::times::Spread;

/// What the format is called in HTTP.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Histograms have a bucket below each of these powers of two, in nanoseconds: from 4 us to 17 s. What is exactly as long as a bound counts
/// for the next bucket, by a nanosecond.
const POWERS: std::ops::RangeInclusive<u32> = 12..=34;

/// The metrics of a node.
///
/// # Errors
/// If the encoder finds something wrong with them.
pub(super) fn render(node: &Node) -> Result<Vec<u8>, prometheus::Error> {
    let me = node.id().addr().to_string();
    // There is nothing to say of what has no series.
    let told = read(node).into_iter().filter(|family| !family.series.is_empty());
    let mut page = Vec::new();
    TextEncoder::new().encode(&told.map(|family| family_of(&me, family)).collect::<Vec<_>>(), &mut page)?;
    Ok(page)
}

fn family_of(node: &str, family: Family) -> MetricFamily {
    let mut told = MetricFamily::default();
    told.set_name(family.name.to_owned());
    told.set_help(family.help.to_owned());
    told.set_field_type(match family.shape {
        Shape::Counter => MetricType::COUNTER,
        Shape::Gauge => MetricType::GAUGE,
        Shape::Histogram => MetricType::HISTOGRAM,
    });
    let series = family.series.into_iter();
    told.set_metric(series.map(|(labels, value)| metric(node, labels, value, family.shape)).collect());
    told
}

fn metric(node: &str, labels: Labels, value: Value, shape: Shape) -> Metric {
    let pair = |name: &str, value: &str| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    let labels = labels.iter().map(|(name, value)| pair(name, value));
    let mut metric = Metric::from_label([pair(super::NODE, node)].into_iter().chain(labels).collect());
    match (value, shape) {
        (Value::Number(count), Shape::Counter) => {
            let mut counter = Counter::default();
            counter.set_value(count as f64);
            metric.set_counter(counter);
        }
        (Value::Number(level), Shape::Gauge | Shape::Histogram) => {
            let mut gauge = Gauge::default();
            gauge.set_value(level as f64);
            metric.set_gauge(gauge);
        }
        (Value::Times(spread), _) => metric.set_histogram(histogram(&spread)),
    }
    metric
}

fn histogram(spread: &Spread) -> Histogram {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let bucket = |power: u32| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(seconds(1 << power));
        bucket.set_cumulative_count(spread.below(power));
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(POWERS.map(bucket).collect());
    histogram.set_sample_count(spread.count());
    histogram.set_sample_sum(seconds(spread.sum_ns));
    histogram
}
