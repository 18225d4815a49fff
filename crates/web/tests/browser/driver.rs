//! A browser, and what a person does with it.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::kit::Node;

/// How long a person would wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser that shows pages of one node.
pub(crate) struct Browser {
    pub(crate) client: Client,
    base: String,
    driver: Child,
    size: (u32, u32),
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Installs the browser of the system where it is missing and this may be done; says how to do it otherwise.
fn ensure_installed() {
    let is_there = |program: &str| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    if is_there("chromedriver") && is_there("chromium") {
        return;
    }
    // Others may be installing something, and a mirror may be busy for a moment.
    let patient = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5"];
    let run = |arguments: &[&str]| {
        Command::new("apt-get").args(patient).args(arguments).stdout(Stdio::null()).status()
    };
    let _ = run(&["update", "-qq"]);
    let _ = run(&["install", "-y", "-qq", "chromium", "chromium-driver", "fonts-dejavu-core"]);
    assert!(
        is_there("chromedriver") && is_there("chromium"),
        "these tests need a browser: apt-get install chromium chromium-driver"
    );
}

/// Starts the driver on a port that it chooses, and reads which.
fn start_driver() -> (Child, u16) {
    use std::io::{BufRead, BufReader};
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the driver starts");
    let output = BufReader::new(driver.stdout.take().expect("it is piped"));
    let port = output.lines().map_while(Result::ok).find_map(|line| {
        let (_, rest) = line.split_once("on port ")?;
        rest.trim_end_matches('.').parse().ok().filter(|port| *port != 0)
    });
    (driver, port.expect("the driver says where it listens"))
}

impl Browser {
    /// Opens a browser of this size.
    pub(crate) async fn open(node: &Node, width: u32, height: u32, dark: bool) -> Self {
        ensure_installed();
        let (driver, port) = start_driver();
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--window-size={width},{height}"),
        ];
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
        capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("the browser starts");
        if width < 500 {
            // A window has a least width; a page need not.
            let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": true });
            cdp(&client, "Emulation.setDeviceMetricsOverride", metrics).await;
        }
        Browser { client, base: format!("http://{}", node.address), driver, size: (width, height) }
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        let _ = self.client.clone().close().await;
    }

    pub(crate) async fn goto(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.expect("the page is shown");
    }

    /// The path of the page that is shown.
    pub(crate) async fn path(&self) -> String {
        self.client.current_url().await.expect("there is a page").path().to_owned()
    }

    /// Waits for something.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE);
        wait.for_element(Locator::Css(css)).await.unwrap_or_else(|error| panic!("`{css}`: {error}"))
    }

    /// The text of something.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.expect("it has text")
    }

    /// Waits until something has a text that holds this one.
    pub(crate) async fn until(&self, css: &str, text: &str) {
        let begun = std::time::Instant::now();
        let mut last = String::new();
        while begun.elapsed() < PATIENCE {
            if let Ok(element) = self.client.find(Locator::Css(css)).await
                && let Ok(found) = element.text().await
            {
                if found.contains(text) {
                    return;
                }
                last = found;
            }
        }
        panic!("`{css}` never says `{text}`, but `{last}`");
    }

    /// Fills an input.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let input = self.find(css).await;
        input.clear().await.expect("it can be emptied");
        input.send_keys(text).await.expect("it takes text");
    }

    pub(crate) async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap_or_else(|error| panic!("`{css}`: {error}"));
    }

    /// Clicks what has this text.
    pub(crate) async fn click_text(&self, tag: &str, text: &str) {
        let path = format!("//{tag}[normalize-space()='{text}']");
        let wait = self.client.wait().at_most(PATIENCE);
        let found = wait.for_element(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("{tag} `{text}`: {error}")).click().await.expect("it is clicked");
    }

    pub(crate) async fn sign_in(&self, login: &str, password: &str) {
        self.goto("/sign-in").await;
        self.fill("#login", login).await;
        self.fill("#password", password).await;
        self.click("button.primary").await;
        self.find("main.page").await;
    }

    /// The answer of a script.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    /// Keeps a picture of the whole page.
    pub(crate) async fn picture(&self, name: &str) {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let whole = self
            .run("return [innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]")
            .await;
        let whole = json!({ "width": whole[0], "height": whole[1], "deviceScaleFactor": 1, "mobile": false });
        cdp(&self.client, "Emulation.setDeviceMetricsOverride", whole).await;
        let options = json!({ "captureBeyondViewport": true, "format": "png" });
        let answer = cdp(&self.client, "Page.captureScreenshot", options).await;
        let png = BASE64_STANDARD.decode(answer["data"].as_str().expect("a picture")).expect("base64");
        let folder = pictures();
        std::fs::create_dir_all(&folder).expect("the folder is made");
        std::fs::write(folder.join(format!("{name}.png")), png).expect("the picture is written");
        let size = json!({ "width": self.size.0, "height": self.size.1, "deviceScaleFactor": 1, "mobile": self.size.0 < 500 });
        cdp(&self.client, "Emulation.setDeviceMetricsOverride", size).await;
    }

    /// What the browser complained about, such as a script that its policy forbids.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self
            .client
            .issue_cmd(Raw("se/log", json!({ "type": "browser" })))
            .await
            .expect("the log is read");
        let entries = log.as_array().into_iter().flatten();
        let bad = entries.filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        let words = bad.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned());
        // A refused command is a page of its own, which this browser calls a failure.
        words.filter(|words| !words.contains("status of 422")).collect()
    }
}

/// Where the pictures are kept.
fn pictures() -> PathBuf {
    // The folder of this program is below that of all that is built.
    let program = std::env::current_exe().expect("it runs");
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.expect("it was built by cargo").join("console")
}

/// A command of the browser's own protocol.
async fn cdp(client: &Client, command: &str, parameters: Value) -> Value {
    let body = json!({ "cmd": command, "params": parameters });
    client.issue_cmd(Raw("goog/cdp/execute", body)).await.unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// A command that only this driver knows: below the session, with a body.
#[derive(Debug)]
struct Raw(&'static str, Value);

impl fantoccini::wd::WebDriverCompatibleCommand for Raw {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.1.to_string()))
    }
}
