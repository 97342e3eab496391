//! Visits to a console whose node does not answer: what is served all the same, and who may order.
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use console::{Console, Order, Scene, Setting, Stage};
use gateways::{Content, Pages, Shown, Visit};

/// Remembers its orders; refuses to kill n9.
#[derive(Default)]
struct Book(Mutex<Vec<Order>>);

impl Stage for Book {
    fn order(&self, order: Order) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async move {
            if order == (Order::Kill { node: "n9".into() }) {
                return Err("there is no node n9".into());
            }
            self.0.lock().unwrap().push(order);
            Ok(())
        })
    }

    fn scene(&self) -> Pin<Box<dyn Future<Output = Result<Scene, String>> + Send + '_>> {
        Box::pin(async { Ok(Scene::default()) })
    }
}

fn console(chaos: bool) -> (Console, Arc<Book>) {
    let book = Arc::new(Book::default());
    let stage = Some(Arc::clone(&book) as Arc<dyn Stage>);
    // The port of discard: nobody answers.
    let (here, address) = ("n1".into(), "127.0.0.1:9".into());
    (Console::new(Setting { here, address, chaos, stage, runs: None }), book)
}

fn text(shown: Shown) -> String {
    match shown.content {
        Content::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Content::Stream(_) => panic!("a stream"),
    }
}

fn header<'a>(shown: &'a Shown, name: &str) -> &'a str {
    shown.headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

fn order(body: &str, headers: &[(&str, &str)]) -> Visit {
    let mut visit = Visit::made_up("POST", "/chaos", headers);
    visit.body = body.to_owned().into();
    visit
}

const OWN: [(&str, &str); 2] = [("host", "127.0.0.1:7070"), ("origin", "http://127.0.0.1:7070")];

#[tokio::test]
async fn pages_are_there_although_no_node_answers() {
    let (console, _) = console(true);
    for path in ["/", "/keyspaces", "/requests", "/events", "/chaos", "/runs"] {
        let shown = console.visit(Visit::made_up("GET", path, &[])).await;
        assert_eq!(shown.status, 200, "{path}");
        assert!(header(&shown, "content-security-policy").starts_with("default-src 'none'"));
        assert!(text(shown).contains("<h1>"), "{path}");
    }
    let shown = console.visit(Visit::made_up("GET", "/none<script>", &[])).await;
    assert_eq!(shown.status, 404);
    assert!(text(shown).contains("/none&#60;script"), "what was asked for is escaped");
    assert_eq!(console.visit(Visit::made_up("PUT", "/", &[])).await.status, 405);
}

#[tokio::test]
async fn files_are_kept_by_browsers_and_streams_are_not() {
    let (console, _) = console(false);
    let page = text(console.visit(Visit::made_up("GET", "/", &[])).await);
    let at = page.find("/assets/").unwrap();
    let path = page[at..].split('"').next().unwrap();
    let shown = console.visit(Visit::made_up("GET", path, &[])).await;
    assert_eq!((shown.status, header(&shown, "content-type")), (200, "image/svg+xml"));
    assert!(header(&shown, "cache-control").contains("immutable"));
    let mut visit = Visit::made_up("GET", "/live", &[]);
    visit.query = "page=%2Fevents".into();
    let shown = console.visit(visit).await;
    assert_eq!(header(&shown, "content-type"), "text/event-stream");
    let Content::Stream(mut pieces) = shown.content else { panic!("no stream") };
    assert_eq!(pieces.recv().await.unwrap(), "retry: 1000\n\n");
    let first = pieces.recv().await.unwrap();
    assert!(first.starts_with(b"event: part\ndata: {\"name\":\"filter\""), "{first:?}");
}

#[tokio::test]
async fn orders_are_carried_out_for_our_own_pages_where_chaos_is_on() {
    let (console, book) = console(true);
    let done = console.visit(order("do=kill&node=n2", &OWN)).await;
    assert_eq!((done.status, text(done).as_str()), (200, "n2 is killed."));
    let [host, origin] = OWN;
    let by_form = console.visit(order("do=begin", &[host, origin, ("accept", "text/html")])).await;
    assert_eq!((by_form.status, header(&by_form, "location")), (303, "/chaos"));
    let refused = console.visit(order("do=kill&node=n9", &OWN)).await;
    assert_eq!((refused.status, text(refused).as_str()), (409, "Not done: there is no node n9"));
    assert_eq!(console.visit(order("do=dance", &OWN)).await.status, 409);
    let orders = book.0.lock().unwrap();
    assert_eq!(*orders, [Order::Kill { node: "n2".into() }, Order::Begin]);
}

#[tokio::test]
async fn nobody_else_gives_orders() {
    for (chaos, headers) in [
        (true, vec![]),
        (true, vec![("host", "127.0.0.1:7070")]),
        (true, vec![("host", "127.0.0.1:7070"), ("origin", "http://evil.example")]),
        (true, vec![("host", "evil.example"), ("origin", "http://evil.example")]),
        (false, OWN.to_vec()),
    ] {
        let (console, book) = console(chaos);
        let shown = console.visit(order("do=kill&node=n1", &headers)).await;
        assert_eq!(shown.status, 403, "{headers:?}");
        assert!(book.0.lock().unwrap().is_empty());
    }
}
