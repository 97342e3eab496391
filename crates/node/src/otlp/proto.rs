//! The messages of OTLP 1.x that are sent here, field numbers as in `opentelemetry-proto`.
//!
//! A subset: what is left out is optional for receivers, and unknown fields are skipped.

use prost::{Message, Oneof};

/// `collector.trace.v1.ExportTraceServiceRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct TraceRequest {
    /// Spans by who made them.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// `trace.v1.ResourceSpans`.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceSpans {
    /// Who.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// What.
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
}

/// `trace.v1.ScopeSpans`.
#[derive(Clone, PartialEq, Message)]
pub struct ScopeSpans {
    /// Which library.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<Scope>,
    /// Its spans.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
}

/// `trace.v1.Span`.
#[derive(Clone, PartialEq, Message)]
pub struct Span {
    /// 16 bytes, big-endian.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes, big-endian.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// 8 bytes, or none of a root.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    /// What happened.
    #[prost(string, tag = "5")]
    pub name: String,
    /// 1 internal, 2 server.
    #[prost(int32, tag = "6")]
    pub kind: i32,
    /// In nanoseconds since 1970.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// In nanoseconds since 1970.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// More about it.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// How it ended; absent if well.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
}

/// `trace.v1.Status`.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// For people.
    #[prost(string, tag = "2")]
    pub message: String,
    /// 2 is an error.
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// `collector.metrics.v1.ExportMetricsServiceRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct MetricsRequest {
    /// Metrics by who measured them.
    #[prost(message, repeated, tag = "1")]
    pub resource_metrics: Vec<ResourceMetrics>,
}

/// `metrics.v1.ResourceMetrics`.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceMetrics {
    /// Who.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// What.
    #[prost(message, repeated, tag = "2")]
    pub scope_metrics: Vec<ScopeMetrics>,
}

/// `metrics.v1.ScopeMetrics`.
#[derive(Clone, PartialEq, Message)]
pub struct ScopeMetrics {
    /// Which library.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<Scope>,
    /// Its metrics.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
}

/// `metrics.v1.Metric`.
#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// As under `/metrics`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// For people.
    #[prost(string, tag = "2")]
    pub description: String,
    /// By UCUM: `s`, `By`.
    #[prost(string, tag = "3")]
    pub unit: String,
    /// The figures.
    #[prost(oneof = "Data", tags = "5, 7, 9")]
    pub data: Option<Data>,
}

/// The kinds of metrics.
#[derive(Clone, PartialEq, Oneof)]
pub enum Data {
    /// Goes up and down.
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    /// Only grows.
    #[prost(message, tag = "7")]
    Sum(Sum),
    /// Observations by size.
    #[prost(message, tag = "9")]
    Histogram(Histogram),
}

/// `metrics.v1.Gauge`.
#[derive(Clone, PartialEq, Message)]
pub struct Gauge {
    /// One per set of labels.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberPoint>,
}

/// `metrics.v1.Sum`.
#[derive(Clone, PartialEq, Message)]
pub struct Sum {
    /// One per set of labels.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberPoint>,
    /// 2: since the start.
    #[prost(int32, tag = "2")]
    pub aggregation_temporality: i32,
    /// It never falls.
    #[prost(bool, tag = "3")]
    pub is_monotonic: bool,
}

/// `metrics.v1.Histogram`.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    /// One per set of labels.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<HistogramPoint>,
    /// 2: since the start.
    #[prost(int32, tag = "2")]
    pub aggregation_temporality: i32,
}

/// `metrics.v1.NumberDataPoint`.
#[derive(Clone, PartialEq, Message)]
pub struct NumberPoint {
    /// Since when, in nanoseconds since 1970.
    #[prost(fixed64, tag = "2")]
    pub start_time_unix_nano: u64,
    /// When, in nanoseconds since 1970.
    #[prost(fixed64, tag = "3")]
    pub time_unix_nano: u64,
    /// How much. (Field 4 of a oneof whose other member is never sent.)
    #[prost(double, optional, tag = "4")]
    pub as_double: Option<f64>,
    /// Labels.
    #[prost(message, repeated, tag = "7")]
    pub attributes: Vec<KeyValue>,
}

/// `metrics.v1.HistogramDataPoint`.
#[derive(Clone, PartialEq, Message)]
pub struct HistogramPoint {
    /// Since when, in nanoseconds since 1970.
    #[prost(fixed64, tag = "2")]
    pub start_time_unix_nano: u64,
    /// When, in nanoseconds since 1970.
    #[prost(fixed64, tag = "3")]
    pub time_unix_nano: u64,
    /// How many observations.
    #[prost(fixed64, tag = "4")]
    pub count: u64,
    /// Their sum.
    #[prost(double, optional, tag = "5")]
    pub sum: Option<f64>,
    /// How many per bucket, one more than there are bounds.
    #[prost(fixed64, repeated, tag = "6")]
    pub bucket_counts: Vec<u64>,
    /// Upper bounds of the buckets.
    #[prost(double, repeated, tag = "7")]
    pub explicit_bounds: Vec<f64>,
    /// Labels.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
}

/// `resource.v1.Resource`.
#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// What names it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// `common.v1.InstrumentationScope`.
#[derive(Clone, PartialEq, Message)]
pub struct Scope {
    /// The library.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// `common.v1.KeyValue`.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// The name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// `common.v1.AnyValue`, as text: all that is needed here.
#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    /// The text. (Field 1 of a oneof whose other members are never sent.)
    #[prost(string, optional, tag = "1")]
    pub string_value: Option<String>,
}

/// Both answers of a collector, `Export…ServiceResponse`: what it refused is told alike.
#[derive(Clone, PartialEq, Message)]
pub struct ExportResponse {
    /// What it refused; absent if nothing.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<PartialSuccess>,
}

/// `Export…PartialSuccess`.
#[derive(Clone, PartialEq, Message)]
pub struct PartialSuccess {
    /// Spans or points that were refused.
    #[prost(int64, tag = "1")]
    pub rejected: i64,
    /// Why.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

impl KeyValue {
    /// A name and a text.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> KeyValue {
        let value = AnyValue { string_value: Some(value.into()) };
        KeyValue { key: key.into(), value: Some(value) }
    }
}
