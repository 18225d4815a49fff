//! TLS, against a server whose certificate was made a moment ago.

use engine_postgres::{OpenError, PostgresOptions, PostgresStore};
use engine_postgres_server::{Server, Settings};
use engine_store::EventStore;
use engine_types::ExpectedRevision::NoStream;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};

use crate::kit::*;

/// An authority that vouches for servers and clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a host or a user, and its key.
    fn vouch_for(&self, name: &str, hosts: &[&str]) -> (String, String) {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = named(name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// A server that speaks TLS as `localhost`.
struct Secured {
    server: Server,
    authority: Authority,
}

impl Secured {
    fn start() -> Self {
        let (server, authority) = (Server::start(&Settings::default()), Authority::new("ours"));
        let (certificate, key) = authority.vouch_for("server", &["localhost"]);
        let [certificate, key, root] =
            [("server.crt", certificate), ("server.key", key), ("root.crt", authority.pem())]
                .map(|(name, content)| server.keep(name, &content).display().to_string());
        server.reconfigure(&[
            "ssl = on",
            &format!("ssl_cert_file = '{certificate}'"),
            &format!("ssl_key_file = '{key}'"),
            &format!("ssl_ca_file = '{root}'"),
        ]);
        Secured { server, authority }
    }

    /// A URL that reaches it by this name, with more parameters.
    fn url(&self, host: &str, more: &str) -> String {
        let port = self.server.port();
        format!("postgres://engine@{host}:{port}/engine?hostaddr=127.0.0.1&schema=shop&{more}")
    }

    /// The file of its authority.
    fn root(&self) -> String {
        self.server.folder().join("root.crt").display().to_string()
    }
}

/// What is said of a server that is not trusted, or does not trust.
async fn refused(url: &str) -> String {
    let refused = PostgresStore::open(url, PostgresOptions::default()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{refused:?}");
    refused.to_string()
}

/// Writes an event; says whether the connections over which that went are encrypted, as the server sees it.
async fn is_encrypted(secured: &Secured, url: &str) -> bool {
    let name = format!("e{}", uuid::Uuid::now_v7().simple());
    let store = open(&format!("{url}&application_name={name}")).await;
    append(&store, &format!("a-{name}"), NoStream, vec![event()]).await.unwrap();
    let operator = session(&secured.server.url()).await;
    let own = "SELECT bool_and(ssl), bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
               WHERE application_name = $1";
    let row = operator.query_one(own, &[&name]).await.unwrap();
    let (all, some): (bool, bool) = (row.get(0), row.get(1));
    assert_eq!(all, some, "all are, or none");
    store.close().await.unwrap();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_trusted_for_whom_the_named_authority_vouches_and_only_by_its_name() {
    let secured = Secured::start();
    let root = secured.root();
    let other = secured.server.keep("other.crt", &Authority::new("another").pem()).display().to_string();
    for (mode, encrypted) in [
        ("sslmode=disable".to_owned(), false),
        ("sslmode=prefer".to_owned(), true),
        ("sslmode=require".to_owned(), true),
        (format!("sslmode=require&sslrootcert={root}"), true),
        (format!("sslmode=verify-ca&sslrootcert={root}"), true),
        (format!("sslmode=verify-full&sslrootcert={root}"), true),
    ] {
        assert_eq!(is_encrypted(&secured, &secured.url("localhost", &mode)).await, encrypted, "{mode}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let text = refused(&secured.url("localhost", &format!("sslmode={mode}&sslrootcert={other}"))).await;
        assert!(text.contains("other.crt vouches for its certificate"), "{mode}: {text}");
        assert!(text.contains("sslrootcert=FILE"), "{mode}: {text}");
    }
    let by_number = |mode: &str| secured.url("127.0.0.1", &format!("sslmode={mode}&sslrootcert={root}"));
    assert!(is_encrypted(&secured, &by_number("verify-ca")).await);
    let text = refused(&by_number("verify-full")).await;
    assert!(text.contains("its certificate is for localhost"), "{text}");
    assert!(text.contains("not for 127.0.0.1") && text.contains("sslmode=verify-ca"), "{text}");
    let text = refused(&secured.url("localhost", "sslmode=verify-full&sslrootcert=/no/such.crt")).await;
    assert!(text.contains("/no/such.crt"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_shows_its_certificate_where_the_server_asks_for_one() {
    let secured = Secured::start();
    let (root, kept) =
        (secured.root(), |name: &str, text: &str| secured.server.keep(name, text).display().to_string());
    let (certificate, key) = secured.authority.vouch_for("engine", &[]);
    let own = format!(
        "sslmode=verify-full&sslrootcert={root}&sslcert={}&sslkey={}",
        kept("client.crt", &certificate),
        kept("client.key", &key)
    );
    secured.server.let_in(&["hostssl all all 127.0.0.1/32 cert"]);
    let store = open(&secured.url("localhost", &own)).await;
    append(&store, "a-1", NoStream, vec![event()]).await.unwrap();
    store.close().await.unwrap();

    let text = refused(&secured.url("localhost", &format!("sslmode=verify-full&sslrootcert={root}"))).await;
    assert!(text.contains("certificate"), "{text}");
    let text = refused(&secured.url("localhost", "sslmode=disable")).await;
    assert!(text.contains("no encryption"), "{text}");
    let file = secured.server.folder().join("client.key");
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&file, readable).unwrap();
    let text = refused(&secured.url("localhost", &own)).await;
    assert!(text.contains("client.key") && text.contains("chmod 600"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_bound_to_the_connection_that_it_was_given_on() {
    let secured = Secured::start();
    let operator = session(&secured.server.url()).await;
    let password = "SET password_encryption = 'scram-sha-256'; ALTER USER engine PASSWORD 's3cret'";
    operator.batch_execute(password).await.unwrap();
    secured.server.let_in(&["hostssl all all 127.0.0.1/32 scram-sha-256"]);
    let binding = "sslmode=require&password=s3cret&channel_binding=require";
    let store = open(&secured.url("localhost", binding)).await;
    append(&store, "a-1", NoStream, vec![event()]).await.unwrap();
    store.close().await.unwrap();
    let text = refused(&secured.url("localhost", "sslmode=require&password=wr0ng")).await;
    assert!(text.contains("password authentication failed") && !text.contains("wr0ng"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_but_itself_vouches_for_is_trusted_where_it_is_the_one_that_was_named() {
    let secured = Secured::start();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    // As `openssl req -x509` makes it.
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let itself = params.self_signed(&key).unwrap().pem();
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    let expired = params.self_signed(&key).unwrap().pem();
    secured.server.keep("server.key", &key.serialize_pem());
    let full =
        format!("sslmode=verify-full&sslrootcert={}", secured.server.folder().join("itself.crt").display());
    for (certificate, is_good) in [(itself, true), (expired, false)] {
        secured.server.keep("server.crt", &certificate);
        secured.server.keep("itself.crt", &certificate);
        secured.server.reconfigure(&[]);
        if is_good {
            assert!(is_encrypted(&secured, &secured.url("localhost", &full)).await);
        } else {
            let text = refused(&secured.url("localhost", &full)).await;
            assert!(text.contains("cannot be trusted") && text.contains("expired"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_with_what_to_do() {
    let url = engine_postgres_server::fresh_schema();
    let text = refused(&format!("{url}&sslmode=require")).await;
    assert!(text.contains("speaks no TLS") && text.contains("sslmode=disable"), "{text}");
    open(&format!("{url}&sslmode=prefer")).await.close().await.unwrap();
}
