//! The console of one node: from a visit to a page, a file, a stream or an order.

use std::{path::PathBuf, pin::Pin, sync::Arc};

use bytes::Bytes;
use gateways::{Content, Pages, Shown, Visit};
use kernel::Duration;

use crate::{
    act, ambient, assets,
    form::Form,
    guard, live,
    pages::{self, Extra, Page, Place},
    picture::Picture,
    stage::Stage,
    watch::Watch,
};

/// How long the first page waits for nodes that have not answered yet: they follow on the stream.
const SETTLE: Duration = Duration::from_millis(120);

/// How long it waits for what it shows beside the picture.
const EXTRA: Duration = Duration::from_millis(250);

/// What a console is given.
#[derive(Clone, Default)]
pub struct Setting {
    /// The name of its node: `n1`.
    pub here: String,
    /// Where its node answers HTTP: `host:port`.
    pub address: String,
    /// Whether faults may be injected.
    pub chaos: bool,
    /// Who holds the processes, if anybody.
    pub stage: Option<Arc<dyn Stage>>,
    /// Where recorded runs are looked for.
    pub runs: Option<PathBuf>,
}

/// The console of one node.
pub struct Console {
    inside: Inside,
}

/// What pages, streams and orders share.
#[derive(Clone)]
pub struct Inside {
    setting: Arc<Setting>,
    watch: Watch,
}

impl Console {
    /// A console; asks nobody anything before somebody looks.
    #[must_use]
    pub fn new(setting: Setting) -> Console {
        let watch = Watch::new(&setting.here, &setting.address);
        Console { inside: Inside { setting: Arc::new(setting), watch } }
    }

    async fn answer(&self, visit: Visit) -> Shown {
        let inside = &self.inside;
        match (visit.method(), visit.path.as_str()) {
            ("POST", "/chaos") => inside.order(&visit).await,
            ("GET" | "HEAD", "/live") => inside.stream(&Form::read(&visit.query)),
            ("GET" | "HEAD", "/live/here") => text(204, String::new()),
            ("GET" | "HEAD", "/events.json") => inside.export(&Form::read(&visit.query)).await,
            ("GET" | "HEAD", "/favicon.ico") => file(&assets::assets().icon),
            ("GET" | "HEAD", path) => match assets::find(path) {
                Some(asset) => file(asset),
                None => inside.page(path, &visit.query).await,
            },
            _ => text(405, "pages are read with GET\n".into()),
        }
    }
}

impl Pages for Console {
    fn visit(&self, visit: Visit) -> Pin<Box<dyn Future<Output = Shown> + Send + '_>> {
        Box::pin(self.answer(visit))
    }
}

impl Inside {
    /// Who holds the processes, if anybody.
    pub fn stage(&self) -> Option<&dyn Stage> {
        self.setting.stage.as_deref()
    }

    /// What is known of the nodes.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Renders a place as it is now.
    pub async fn render(&self, place: &Place, extra: &Extra) -> Page {
        self.watch.want();
        place.render(&self.picture(place).await, extra)
    }

    /// Where recorded runs are looked for.
    pub fn runs(&self) -> Option<&PathBuf> {
        self.setting.runs.as_ref()
    }

    async fn picture(&self, place: &Place) -> Picture {
        let scene = match self.stage() {
            Some(stage) if place.shows_scene() => Some(stage.scene().await),
            _ => None,
        };
        Picture { chaos: self.setting.chaos, scene, ..self.watch.picture() }
    }

    async fn page(&self, path: &str, query: &str) -> Shown {
        let others = |picture: &Picture| picture.others().map(|node| node.http.clone()).collect();
        if let Some(run) = pages::run_file(path, self.runs()) {
            return html(200, guard::sandboxed(), run);
        }
        let place = Place::parse(path, &Form::read(query));
        self.watch.want();
        self.watch.settle(SETTLE).await;
        let extra = ambient::within(EXTRA, Extra::fetch(&place, self)).await.unwrap_or_default();
        let page = self.render(&place, &extra).await;
        let picture = self.picture(&Place::Overview).await;
        let others: Vec<String> = others(&picture);
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let status = page.status;
        html(status, guard::headers(&others), pages::whole(page, &picture, &others, &target))
    }

    fn stream(&self, form: &Form) -> Shown {
        let page = form.get("page");
        let (path, query) = page.split_once('?').unwrap_or((page, ""));
        let place = Place::parse(path, &Form::read(query));
        let mut headers = guard::plain();
        headers.push(("content-type", "text/event-stream".into()));
        headers.push(("cache-control", "no-store".into()));
        Shown { status: 200, headers, content: Content::Stream(live::stream(self, place)) }
    }

    async fn export(&self, form: &Form) -> Shown {
        self.watch.want();
        self.watch.settle(SETTLE).await;
        let picture = self.picture(&Place::Chaos).await;
        let json = pages::export(&picture, form);
        let mut shown = text(200, json);
        set(&mut shown, "content-type", "application/json");
        set(&mut shown, "content-disposition", "attachment; filename=\"events.json\"");
        shown
    }

    async fn order(&self, visit: &Visit) -> Shown {
        if !self.setting.chaos {
            return text(403, "Chaos is off: start the server with chaos on.\n".into());
        }
        if let Err(reason) = guard::check(visit, &self.setting.address) {
            return text(403, format!("Refused: {reason}.\n"));
        }
        // The first visit may be an order: it has to find the node that it names.
        self.watch.want();
        self.watch.settle(SETTLE).await;
        let form = Form::read(&String::from_utf8_lossy(&visit.body));
        let done = match act::read(&form) {
            Ok(deed) => act::carry_out(self, deed).await,
            Err(reason) => Err(reason),
        };
        let asks_for_page = visit.header("accept").is_some_and(|types| types.contains("text/html"));
        match done {
            Ok(_) if asks_for_page => {
                let mut shown = text(303, String::new());
                set(&mut shown, "location", "/chaos");
                shown
            }
            Ok(done) => text(200, done),
            Err(reason) => text(409, format!("Not done: {reason}")),
        }
    }
}

fn set(shown: &mut Shown, name: &'static str, value: &str) {
    shown.headers.retain(|(known, _)| *known != name);
    shown.headers.push((name, value.to_owned()));
}

fn html(status: u16, mut headers: Vec<(&'static str, String)>, body: String) -> Shown {
    headers.push(("content-type", "text/html; charset=utf-8".into()));
    headers.push(("cache-control", "no-store".into()));
    Shown { status, headers, content: Content::Whole(body.into()) }
}

fn text(status: u16, body: String) -> Shown {
    let mut headers = guard::plain();
    headers.push(("content-type", "text/plain; charset=utf-8".into()));
    headers.push(("cache-control", "no-store".into()));
    Shown { status, headers, content: Content::Whole(body.into()) }
}

fn file(asset: &'static assets::Asset) -> Shown {
    let mut headers = guard::plain();
    headers.push(("content-type", asset.media.into()));
    headers.push(("cache-control", "public, max-age=31536000, immutable".into()));
    let content = Content::Whole(Bytes::from_static(asset.content.as_bytes()));
    Shown { status: 200, headers, content }
}
