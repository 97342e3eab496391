//! The browser: what WebDriver offers, and what only DevTools do.

use std::time::Duration;

use fantoccini::{
    Client, ClientBuilder,
    actions::{InputSource, KeyAction, KeyActions},
    wd::WebDriverCompatibleCommand,
};
use serde_json::{Value, json};

/// What went wrong, for people.
pub type Failure = String;

/// A browser with one tab.
pub struct Browser {
    client: Client,
}

impl Browser {
    /// Starts a browser without a window.
    pub async fn start(webdriver: &str, chromium: &str) -> Result<Browser, Failure> {
        let capabilities = json!({
            "goog:chromeOptions": {
                "binary": chromium,
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--window-size=1280,900", "--force-color-profile=srgb"],
            },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let capabilities = capabilities.as_object().cloned().unwrap_or_default();
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let client = ClientBuilder::new(connector)
            .capabilities(capabilities)
            .connect(webdriver)
            .await
            .map_err(text)?;
        Ok(Browser { client })
    }

    /// Closes the browser.
    pub async fn stop(self) {
        let _ = self.client.close().await;
    }

    /// Opens an address and waits until it has loaded.
    pub async fn open(&self, url: &str) -> Result<(), Failure> {
        self.client.goto(url).await.map_err(|error| format!("{url}: {error}"))
    }

    /// Runs a script in the page; gives what it returns.
    pub async fn run(&self, script: &str) -> Result<Value, Failure> {
        self.client.execute(script, vec![]).await.map_err(text)
    }

    /// Runs a script that calls its last argument when it is done.
    pub async fn run_until_done(
        &self,
        script: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, Failure> {
        self.client.execute_async(script, arguments).await.map_err(text)
    }

    /// Runs a script again and again until it returns something that is true.
    pub async fn until(&self, what: &str, script: &str, seconds: u64) -> Result<Value, Failure> {
        for _ in 0..seconds * 10 {
            // While a page is being left there is none to run a script in.
            if let Ok(value) = self.run(script).await
                && value != Value::Bool(false)
                && !value.is_null()
            {
                return Ok(value);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let shown = self.run("return document.body.innerText.slice(0, 1500)").await;
        Err(format!("not within {seconds} s: {what}; the page shows: {shown:?}"))
    }

    /// Presses a key.
    pub async fn press(&self, key: char) -> Result<(), Failure> {
        let keys = KeyActions::new("keys".to_owned());
        let keys = keys.then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key });
        self.client.perform_actions(keys).await.map_err(text)
    }

    /// Goes into the first frame of the page, or out of it again.
    pub async fn inside_frame(&self, inside: bool) -> Result<(), Failure> {
        let moved = if inside {
            self.client.enter_frame(0).await
        } else {
            self.client.enter_parent_frame().await
        };
        moved.map_err(text)
    }

    /// The page as a PNG.
    pub async fn screenshot(&self) -> Result<Vec<u8>, Failure> {
        self.client.screenshot().await.map_err(text)
    }

    /// Errors that the console of the browser shows since it was asked last.
    pub async fn errors(&self) -> Result<Vec<String>, Failure> {
        let command = Command { path: "se/log", body: json!({ "type": "browser" }) };
        let lines = self.client.issue_cmd(command).await.map_err(text)?;
        let severe = |line: &&Value| line["level"] == "SEVERE";
        let lines = lines.as_array().cloned().unwrap_or_default();
        Ok(lines.iter().filter(severe).map(|line| line["message"].to_string()).collect())
    }

    /// Has pages drawn for light or dark.
    pub async fn scheme(&self, scheme: &str) -> Result<(), Failure> {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await
    }

    /// Makes the window as large as this; a phone has a touch screen.
    pub async fn size(&self, width: u32, height: u32, phone: bool) -> Result<(), Failure> {
        let size = json!({
            "width": width, "height": height, "mobile": phone,
            "deviceScaleFactor": if phone { 2 } else { 1 },
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await
    }

    async fn devtools(&self, method: &str, parameters: Value) -> Result<(), Failure> {
        let body = json!({ "cmd": method, "params": parameters });
        let command = Command { path: "goog/cdp/execute", body };
        self.client.issue_cmd(command).await.map(drop).map_err(text)
    }
}

fn text(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

/// A command that chromedriver knows beside those of WebDriver.
#[derive(Debug)]
struct Command {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
