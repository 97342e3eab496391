//! A small OTLP collector: takes exports, decodes and keeps them.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use node::otlp::proto::{
    ExportResponse, KeyValue, Metric, MetricsRequest, PartialSuccess, Resource, Span, TraceRequest,
};
use prost::Message;
use tokio::net::TcpListener;

#[derive(Clone)]
pub struct Collector {
    pub address: SocketAddr,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Exports to refuse, and the status to refuse them with.
    refuse: AtomicU64,
    status: AtomicU64,
    spans: Mutex<Vec<(String, Span)>>,
    metrics: Mutex<Vec<(String, Metric)>>,
}

impl Collector {
    /// A collector that refuses the first exports.
    pub async fn start(refuse: u64, status: u64) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Kept { refuse: refuse.into(), status: status.into(), ..Kept::default() };
        let collector = Collector { address, kept: Arc::new(kept) };
        let kept = Arc::clone(&collector.kept);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                let service = service_fn(move |request| take(Arc::clone(&kept), request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        collector
    }

    /// The table that makes a node export here.
    pub fn table(&self) -> String {
        format!(
            "[otlp]\nendpoint = \"http://{}/prefix\"\nperiod = \"100ms\"\nsample = 0\n",
            self.address
        )
    }

    /// Spans with the node that made them.
    pub fn spans(&self) -> Vec<(String, Span)> {
        self.kept.spans.lock().unwrap().clone()
    }

    /// Metrics with the node that measured them.
    pub fn metrics(&self) -> Vec<(String, Metric)> {
        self.kept.metrics.lock().unwrap().clone()
    }
}

async fn take(
    kept: Arc<Kept>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let protobuf = request.headers()["content-type"] == "application/x-protobuf";
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let refuse = kept.refuse.load(Ordering::SeqCst);
    let status = match path.as_str() {
        _ if refuse > 0 => {
            kept.refuse.store(refuse - 1, Ordering::SeqCst);
            kept.status.load(Ordering::SeqCst) as u16
        }
        "/prefix/v1/traces" if protobuf => {
            let request = TraceRequest::decode(body).unwrap();
            for ResourceParts { node, items } in request.resource_spans.into_iter().map(spans) {
                kept.spans.lock().unwrap().extend(items.into_iter().map(|i| (node.clone(), i)));
            }
            200
        }
        "/prefix/v1/metrics" if protobuf => {
            let request = MetricsRequest::decode(body).unwrap();
            for ResourceParts { node, items } in request.resource_metrics.into_iter().map(metrics) {
                kept.metrics.lock().unwrap().extend(items.into_iter().map(|i| (node.clone(), i)));
            }
            200
        }
        _ => 404,
    };
    // One item of every export is refused, as a collector may.
    let partial = PartialSuccess { rejected: 1, error_message: "one too many".into() };
    let answer = ExportResponse { partial_success: Some(partial) };
    let mut response = Response::new(Full::new(Bytes::from(answer.encode_to_vec())));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    Ok(response)
}

struct ResourceParts<T> {
    node: String,
    items: Vec<T>,
}

fn spans(spans: node::otlp::proto::ResourceSpans) -> ResourceParts<Span> {
    let items = spans.scope_spans.into_iter().flat_map(|scope| scope.spans).collect();
    ResourceParts { node: node_of(spans.resource), items }
}

fn metrics(metrics: node::otlp::proto::ResourceMetrics) -> ResourceParts<Metric> {
    let items = metrics.scope_metrics.into_iter().flat_map(|scope| scope.metrics).collect();
    ResourceParts { node: node_of(metrics.resource), items }
}

fn node_of(resource: Option<Resource>) -> String {
    let attributes = resource.unwrap().attributes;
    assert!(attributes.contains(&KeyValue::new("service.name", "quorate")), "{attributes:?}");
    let id = attributes.into_iter().find(|a| a.key == "service.instance.id").unwrap();
    id.value.unwrap().string_value.unwrap()
}
