//! The figures of `/metrics` as OTLP metrics.
//!
//! There is one registry, and the OpenMetrics text that it writes is its interface: what a
//! collector is sent is what `/metrics` shows, by construction.
//!
//! ```text
//!   # TYPE name kind           ─▶ Metric { name, data: Gauge | Sum | Histogram }
//!   name{label="value"} 7      ─▶   a point per set of labels
//!   name_bucket{le="0.1"} 3    ─▶   bucket counts, made absolute again
//! ```

use super::proto::{Data, Gauge, Histogram, HistogramPoint, KeyValue, Metric, NumberPoint, Sum};

/// All counts are since the start.
const CUMULATIVE: i32 = 2;

/// When a process started and when it was measured, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The start.
    pub start: u64,
    /// The measurement.
    pub now: u64,
}

/// Reads OpenMetrics text; lines that are none are skipped.
#[must_use]
pub fn read(text: &str, span: Span) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(about) => describe(&mut metrics, about),
            None => {
                if let (Some(metric), Some(sample)) = (metrics.last_mut(), Sample::read(line)) {
                    sample.put(metric, span);
                }
            }
        }
    }
    metrics.retain(|metric| points(metric) > 0);
    metrics
}

/// How many points a metric has.
#[must_use]
pub fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        None => 0,
    }
}

/// `HELP name text`, `TYPE name kind`, `UNIT name unit`.
fn describe(metrics: &mut Vec<Metric>, about: &str) {
    let mut words = about.splitn(3, ' ');
    let (Some(word), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else {
        return;
    };
    if metrics.last().is_none_or(|metric| metric.name != name) {
        metrics.push(Metric { name: name.to_owned(), ..Metric::default() });
    }
    let Some(metric) = metrics.last_mut() else { return };
    match word {
        "HELP" => rest.clone_into(&mut metric.description),
        "UNIT" => {
            metric.unit = match rest {
                "seconds" => "s".to_owned(),
                "bytes" => "By".to_owned(),
                other => other.to_owned(),
            }
        }
        "TYPE" => {
            let aggregation_temporality = CUMULATIVE;
            let data_points = Vec::new();
            metric.data = match rest {
                "counter" => Some(Data::Sum(Sum {
                    data_points,
                    aggregation_temporality,
                    is_monotonic: true,
                })),
                "gauge" => Some(Data::Gauge(Gauge { data_points })),
                "histogram" => {
                    let data_points = Vec::new();
                    Some(Data::Histogram(Histogram { data_points, aggregation_temporality }))
                }
                _ => None,
            };
        }
        _ => {}
    }
}

/// `name{label="value",…} number`.
#[derive(Debug, PartialEq)]
struct Sample<'a> {
    name: &'a str,
    labels: Vec<KeyValue>,
    value: f64,
}

impl<'a> Sample<'a> {
    fn read(line: &'a str) -> Option<Sample<'a>> {
        let end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Vec::new(), rest),
        };
        // An exemplar or a time may follow the number.
        let value = rest.split_whitespace().next()?.parse().ok()?;
        Some(Sample { name, labels, value })
    }

    fn put(mut self, metric: &mut Metric, Span { start, now }: Span) {
        let Some(kind) = self.name.strip_prefix(&metric.name) else { return };
        let point = |attributes| NumberPoint {
            start_time_unix_nano: start,
            time_unix_nano: now,
            as_double: Some(self.value),
            attributes,
        };
        match (&mut metric.data, kind) {
            (Some(Data::Gauge(gauge)), "") => gauge.data_points.push(point(self.labels)),
            (Some(Data::Sum(sum)), "_total") => sum.data_points.push(point(self.labels)),
            (Some(Data::Histogram(histogram)), kind) => {
                let le = self.labels.iter().position(|label| label.key == "le");
                let le = le.map(|at| self.labels.remove(at)).and_then(|label| label.value);
                let le = le.and_then(|value| value.string_value);
                let bucket = point_of(&mut histogram.data_points, self.labels, (start, now));
                match (kind, le.as_deref()) {
                    ("_sum", _) => bucket.sum = Some(self.value),
                    ("_count", _) => bucket.count = self.value as u64,
                    ("_bucket", Some(le)) => add_bucket(bucket, le, self.value as u64),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// The point with these labels: the last one, or a new one.
fn point_of(
    points: &mut Vec<HistogramPoint>,
    attributes: Vec<KeyValue>,
    (start, now): (u64, u64),
) -> &mut HistogramPoint {
    let at = match points.last() {
        Some(last) if last.attributes == attributes => points.len() - 1,
        _ => {
            points.push(HistogramPoint {
                start_time_unix_nano: start,
                time_unix_nano: now,
                attributes,
                ..HistogramPoint::default()
            });
            points.len() - 1
        }
    };
    &mut points[at]
}

/// The text counts everything up to a bound, OTLP what lies between two.
fn add_bucket(point: &mut HistogramPoint, bound: &str, upto: u64) {
    if let Some(bound) = bound.parse::<f64>().ok().filter(|bound| bound.is_finite()) {
        point.explicit_bounds.push(bound);
    }
    let below: u64 = point.bucket_counts.iter().sum();
    point.bucket_counts.push(upto.saturating_sub(below));
}

/// Labels behind their brace, and what follows the closing one.
fn labels(mut rest: &str) -> Option<(Vec<KeyValue>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        rest = rest.strip_prefix(',').unwrap_or(rest);
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut escaped = false;
        let end = quoted.char_indices().find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            match (escaped, *c) {
                (true, 'n') => value.push('\n'),
                (true, c) => value.push(c),
                (false, '\\' | '"') => {}
                (false, c) => value.push(c),
            }
            escaped = !escaped && *c == '\\';
            closes
        });
        labels.push(KeyValue::new(name, value));
        rest = &quoted[end?.0 + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, Sample as Now};

    const SPAN: Span = Span { start: 1, now: 9 };

    fn find<'a>(metrics: &'a [Metric], name: &str) -> &'a Metric {
        metrics.iter().find(|metric| metric.name == name).unwrap()
    }

    #[test]
    fn every_kind_of_figure_arrives() {
        let figures = Metrics::default();
        figures.elections.get_or_create(&[("reason", "timeout")]).inc_by(3);
        let requests = figures.requests.get_or_create(&[("op", "read"), ("outcome", "ok")]);
        [0.00004, 0.00006, 99.0]
            .into_iter()
            .for_each(|seconds| requests.observe(seconds, None, None));
        drop(requests);
        let metrics = read(&figures.text(Now { memory: 4096, ..Now::default() }), SPAN);

        let Some(Data::Sum(sum)) = &find(&metrics, "quorate_raft_elections").data else { panic!() };
        assert!(sum.is_monotonic && sum.aggregation_temporality == CUMULATIVE);
        assert_eq!(sum.data_points[0].as_double, Some(3.0));
        assert_eq!(sum.data_points[0].attributes, [KeyValue::new("reason", "timeout")]);

        let request = find(&metrics, "quorate_request_seconds");
        assert_eq!(request.unit, "s");
        let Some(Data::Histogram(histogram)) = &request.data else { panic!() };
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.bucket_counts.iter().sum()), (3, 3u64));
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        assert_eq!(point.bucket_counts[..3], [1, 1, 0]);
        assert_eq!(*point.bucket_counts.last().unwrap(), 1, "beyond the last bound");
        assert_eq!(point.attributes.len(), 2, "the bound is no label");

        let memory = find(&metrics, "quorate_resident_memory_bytes");
        assert_eq!(memory.unit, "By");
        let Some(Data::Gauge(gauge)) = &memory.data else { panic!() };
        assert_eq!(gauge.data_points[0].as_double, Some(4096.0));
    }

    #[test]
    fn labels_are_unescaped_and_damaged_lines_skipped() {
        let text = "# TYPE a gauge\na{x=\"1\\\"\\\\\\n,}\",y=\"\"} 7 123\na{x=\"1} 8\na{x} 9\na\n";
        let metrics = read(text, SPAN);
        let Some(Data::Gauge(gauge)) = &metrics[0].data else { panic!() };
        assert_eq!(gauge.data_points.len(), 1);
        let labels = [KeyValue::new("x", "1\"\\\n,}"), KeyValue::new("y", "")];
        assert_eq!(gauge.data_points[0].attributes, labels);
    }
}
