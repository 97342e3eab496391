//! The events of a node as they come: server-sent events, as the HTML standard has them.
//!
//! ```text
//!   id: 12
//!   event: election-won
//!   data: {"id":12, …}
//! ```
//!
//! A browser that was cut off asks again with `Last-Event-ID` and misses nothing that is still
//! remembered.

use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use kernel::Duration;
use tokio::sync::mpsc;
use vigil::{Events, Question, event::Filter};

use super::{Flow, Shared};
use crate::{Backend, ambient};

const MEDIA: &str = "text/event-stream";
/// Pieces that may wait for a slow reader.
const PIECES: usize = 16;
/// With nothing to tell for so long a comment is sent, so that both ends know of a dead connection.
const SILENCE: Duration = Duration::from_secs(15);

/// Whether a stream is asked for in place of a document.
pub fn asked(headers: &HeaderMap) -> bool {
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accepts.is_some_and(|types| types.contains(MEDIA))
}

/// Starts to tell what is wanted.
pub fn events<B: Backend>(
    shared: &Shared<B>,
    mut filter: Filter,
    headers: &HeaderMap,
) -> hyper::Response<Flow> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    filter.after = last.unwrap_or(filter.after);
    let (send, pieces) = mpsc::channel(PIECES);
    ambient::spawn(tell(shared.backend.clone(), filter, send));
    let mut response = hyper::Response::new(Flow::stream(pieces, shared.stopped.clone()));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Tells until nobody listens.
async fn tell<B: Backend>(backend: B, mut filter: Filter, send: mpsc::Sender<Bytes>) {
    let mut newest = backend.events();
    loop {
        newest.borrow_and_update();
        let document = backend.observe(Question::Events(filter.clone())).await;
        let read = document.and_then(|document| serde_json::from_slice::<Events>(&document).ok());
        let Some(events) = read else { return };
        let more = events.next > filter.after && events.events.len() == filter.limit;
        filter.after = events.next;
        if !events.events.is_empty() && send.send(write(&events)).await.is_err() {
            return;
        }
        if more {
            continue;
        }
        let waited = tokio::select! {
            () = send.closed() => return,
            waited = ambient::within(SILENCE, newest.changed()) => waited,
        };
        match waited {
            Some(Ok(())) => {}
            Some(Err(_)) => return,
            None if send.send(Bytes::from_static(b":\n\n")).await.is_err() => return,
            None => {}
        }
    }
}

fn write(events: &Events) -> Bytes {
    let mut text = String::new();
    for event in &events.events {
        if let Ok(json) = serde_json::to_string(event) {
            text.push_str(&format!("id: {}\nevent: {}\ndata: {json}\n\n", event.id, event.kind));
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigil::{Event, Severity};

    #[test]
    fn an_event_is_three_lines_and_a_blank_one() {
        let event = Event { id: 12, ..Event::new("chaos", Severity::Info, "a\nb") };
        let events = Events { node: "n1".into(), start: 1, events: vec![event], next: 12 };
        let text = String::from_utf8(write(&events).to_vec()).unwrap();
        assert!(text.starts_with("id: 12\nevent: chaos\ndata: {\"id\":12,"), "{text}");
        assert_eq!(text.lines().count(), 4, "a line break in a text is escaped");
        let mut headers = HeaderMap::new();
        assert!(!asked(&headers));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        assert!(asked(&headers));
    }
}
