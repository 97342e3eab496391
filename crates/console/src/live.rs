//! What keeps a page alive: a stream of the parts that read differently now.
//!
//! ```text
//!   event: part    data: {"name":"nodes","html":"…"}       replace what stands in this part
//!   event: tick    data: 1                                 nothing new; the node lives
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use kernel::Duration;
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::{
    ambient,
    console::Inside,
    pages::{Extra, Page, Place},
};

/// Between two looks at what is new.
const PACE: Duration = Duration::from_millis(250);
/// Between two questions for what a page shows beside the picture.
const EXTRA_EVERY: Duration = Duration::from_secs(3);
/// Events that wait for a slow reader.
const WAITING_MAX: usize = 8;

#[derive(Serialize)]
struct Part<'a> {
    name: &'a str,
    html: &'a str,
}

/// What a page showed last, part by part.
#[derive(Debug, Default)]
pub struct Shown(BTreeMap<&'static str, String>);

impl Shown {
    /// The parts that read differently now, as events; nothing if none does.
    pub fn news(&mut self, page: Page) -> Option<Bytes> {
        let mut text = String::new();
        for part in page.parts {
            if self.0.get(part.name) != Some(&part.html) {
                let data = Part { name: part.name, html: &part.html };
                // A pair of strings has no way to fail.
                let data = serde_json::to_string(&data).unwrap_or_default();
                text.push_str(&format!("event: part\ndata: {data}\n\n"));
                self.0.insert(part.name, part.html);
            }
        }
        (!text.is_empty()).then(|| text.into())
    }
}

/// Streams what is new on a page until the reader is gone.
pub fn stream(inside: &Inside, place: Place) -> mpsc::Receiver<Bytes> {
    let (send, pieces) = mpsc::channel(WAITING_MAX);
    let inside = inside.clone();
    ambient::spawn(async move {
        // How long a browser waits before it connects again.
        if send.send(Bytes::from_static(b"retry: 1000\n\n")).await.is_err() {
            return;
        }
        let mut shown = Shown::default();
        let mut extra = fetch_on(&inside, &place);
        let _ = ambient::within(EXTRA_EVERY, extra.changed()).await;
        // Everything once: the page may be older than it looks, kept by a browser that went back.
        loop {
            let found = extra.borrow().clone();
            let page = inside.render(&place, &found).await;
            let tick = Bytes::from_static(b"event: tick\ndata: 1\n\n");
            if send.send(shown.news(page).unwrap_or(tick)).await.is_err() {
                return;
            }
            ambient::sleep(PACE).await;
        }
    });
    pieces
}

/// Asks for what a page shows beside the picture, again and again, while somebody reads it: beside
/// the stream, which goes on however long that takes.
fn fetch_on(inside: &Inside, place: &Place) -> watch::Receiver<Extra> {
    let (found, extra) = watch::channel(Extra::default());
    let (inside, place) = (inside.clone(), place.clone());
    ambient::spawn(async move {
        while found.send(Extra::fetch(&place, &inside).await).is_ok() {
            ambient::sleep(EXTRA_EVERY).await;
        }
    });
    extra
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::{Part, Tab};

    #[test]
    fn only_what_changed_is_sent_again() {
        let page = |count: u32| {
            let part = |name, html: String| Part { name, html };
            let parts = vec![part("a", "<b>same</b>".into()), part("b", format!("{count}\n\"x\""))];
            Page { parts, ..Page::new(Tab::Overview, "t") }
        };
        let mut shown = Shown::default();
        let text = String::from_utf8(shown.news(page(1)).unwrap().to_vec()).unwrap();
        assert_eq!(text.matches("event: part").count(), 2);
        assert_eq!(shown.news(page(1)), None);
        let text = String::from_utf8(shown.news(page(2)).unwrap().to_vec()).unwrap();
        assert_eq!(text, "event: part\ndata: {\"name\":\"b\",\"html\":\"2\\n\\\"x\\\"\"}\n\n");
    }
}
