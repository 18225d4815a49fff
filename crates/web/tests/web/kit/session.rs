//! Somebody who has signed in with a form, as a browser does, and goes on with the cookie.

use reqwest::{Method, StatusCode};

use super::{Answer, Node};

pub(crate) struct Session<'a> {
    node: &'a Node,
    /// The cookie with all that the node says of it.
    pub(crate) set_cookie: String,
}

impl Node {
    pub(crate) async fn sign_in(&self, login: &str, password: &str) -> Session<'_> {
        let form = self.anonymous(Method::POST, "/sign-in").form(&[("login", login), ("password", password)]);
        let answer = Answer::of(form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let set_cookie = answer.headers["set-cookie"].to_str().expect("text").to_owned();
        Session { node: self, set_cookie }
    }
}

impl Session<'_> {
    fn cookie(&self) -> &str {
        self.set_cookie.split(';').next().expect("a value")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.node.anonymous(Method::GET, path).header("Cookie", self.cookie())).await
    }

    /// A request with the cookie, and without anything else that a page of ours would send.
    pub(crate) fn bare(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.node.anonymous(method, path).header("Cookie", self.cookie())
    }

    /// The secret that forms of this session carry.
    pub(crate) async fn secret(&self) -> String {
        let page = self.get("/account").await;
        let secret =
            page.text.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next());
        secret.expect("a form carries it").to_owned()
    }

    /// Sends a form of ours.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let secret = self.secret().await;
        let fields = [&[("csrf", secret.as_str())], fields].concat();
        Answer::of(self.bare(Method::POST, path).form(&fields)).await
    }
}
