//! A client of the user's own: private CA, client certificate, proxy, time-outs; and that it brings no redirects and no
//! compressed bombs with it. Real servers on loopback.
#![cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, Request, Response, header};
use http_body_util::Full;
use hyper::{body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    io::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    time::Instant,
};
use tower_bearer::{
    Issuer, Verifier,
    keys::{Fetch, HttpFetch},
    testing::{AUDIENCE, TestIssuer},
    verify::KeyState,
};

const MAX_BYTES: usize = 256 * 1024;

/// What a server answers to a path.
type Answer = Arc<dyn Fn(&str) -> Response<Full<Bytes>> + Send + Sync>;

/// Every request that a server saw.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, HeaderMap)>>>);

impl Seen {
    fn paths(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    fn said(&self, name: header::HeaderName) -> bool {
        self.0.lock().unwrap().iter().any(|(_, headers)| headers.contains_key(&name))
    }
}

async fn answer_on(stream: impl AsyncRead + AsyncWrite + Unpin, answer: Answer, seen: Seen) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let path = request.uri().to_string();
        seen.0.lock().unwrap().push((path.clone(), request.headers().clone()));
        let response = answer(&path);
        async move { Ok::<_, Infallible>(response) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Plain HTTP on loopback, until the runtime ends.
async fn serve(answer: Answer) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
    let sees = seen.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer_on(stream, Arc::clone(&answer), sees.clone()));
        }
    });
    (address, seen)
}

fn ok(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::new(Full::new(body.into()))
}

fn redirect(to: &str) -> Response<Full<Bytes>> {
    Response::builder().status(302).header(header::LOCATION, to).body(Full::default()).unwrap()
}

/// The issuer's keys, whatever is asked.
fn keys_of(issuer: &TestIssuer) -> Answer {
    let keys = issuer.jwks().to_string();
    Arc::new(move |_| ok(keys.clone()))
}

/// How that transport fares: `Ok` where a token of the issuer verifies, or why the fetch failed.
async fn fare(issuer: &TestIssuer, jwks: &str, fetch: impl Fetch) -> Result<(), String> {
    let trusted = Issuer::jwks(issuer.identifier(), jwks).unwrap().danger_allow_http().fetch(fetch);
    let verifier =
        Verifier::builder().issuer(trusted).audience(AUDIENCE).clock(issuer.clock()).build().unwrap();
    let status = verifier.warm_up().await.issuers.remove(0);
    if let Some(error) = status.last_error {
        assert_eq!(status.state, KeyState::NeverLoaded);
        return Err(error);
    }
    verifier.verify(&issuer.token().sign()).await.map(|_| ()).map_err(|error| error.to_string())
}

fn client(of: reqwest::ClientBuilder) -> HttpFetch {
    HttpFetch::with_client(of.build().unwrap())
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

// Redirects.

#[tokio::test]
async fn a_client_that_follows_redirects_brings_no_keys_from_where_it_was_sent() {
    let issuer = TestIssuer::new();
    let keys = issuer.jwks().to_string();
    let (stranger, asked) = serve(keys_of(&issuer)).await;
    for to in ["/elsewhere".to_owned(), "/jwks?".to_owned(), format!("http://{stranger}/jwks")] {
        let (location, keys) = (to.clone(), keys.clone());
        let answer = move |path: &str| if path == "/jwks" { redirect(&location) } else { ok(keys.clone()) };
        let (address, _) = serve(Arc::new(answer)).await;
        let follows = client(builder().redirect(reqwest::redirect::Policy::limited(5)));
        let fared = fare(&issuer, &format!("http://{address}/jwks"), follows).await;
        assert_eq!(fared, Err("redirect refused".into()), "{to}");
    }
    assert_eq!(asked.paths(), ["/jwks"], "it went there; what it found is not used");
}

#[tokio::test]
async fn a_client_made_of_a_builder_is_sent_nowhere() {
    let issuer = TestIssuer::new();
    let keys = issuer.jwks().to_string();
    let answer = move |path: &str| if path == "/jwks" { redirect("/elsewhere") } else { ok(keys.clone()) };
    let (address, seen) = serve(Arc::new(answer)).await;
    let follows = builder().redirect(reqwest::redirect::Policy::limited(5));
    let fetch = HttpFetch::from_builder(follows).unwrap();
    let fared = fare(&issuer, &format!("http://{address}/jwks"), fetch).await;
    assert_eq!(fared, Err("redirect refused".into()));
    assert_eq!(seen.paths(), ["/jwks"]);
}

#[tokio::test]
async fn an_address_that_the_client_writes_otherwise_is_no_redirect() {
    let issuer = TestIssuer::new();
    let (address, seen) = serve(keys_of(&issuer)).await;
    let port = address.port();
    for url in [
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}/a/../jwks"),
        format!("HTTP://LOCALHOST:{port}/jwks"),
        format!("http://127.0.0.1:{port}/a%7eb/\u{e9}"),
        format!("http://127.0.0.1:{port}/jwks?a=b#part"),
    ] {
        assert_eq!(fare(&issuer, &url, client(builder())).await, Ok(()), "{url}");
    }
    assert_eq!(seen.paths().len(), 5);
}

// Size and time.

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Packed, whatever the client said it takes.
fn packed(text: &str) -> Answer {
    let body = gzip(text);
    Arc::new(move |_| {
        let mut response = ok(body.clone());
        response.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        response
    })
}

#[tokio::test]
async fn a_client_that_unpacks_is_held_to_the_size_of_what_comes_out() {
    let issuer = TestIssuer::new();
    let keys = issuer.jwks().to_string();
    let bomb = format!("{keys}{}", " ".repeat(4 * MAX_BYTES));
    assert!(gzip(&bomb).len() < MAX_BYTES / 8, "it looks small");
    let (address, _) = serve(packed(&bomb)).await;
    let fared = fare(&issuer, &format!("http://{address}/"), client(builder().gzip(true))).await;
    assert_eq!(fared, Err(format!("more than {MAX_BYTES} bytes")));

    let (address, _) = serve(packed(&keys)).await;
    let fared = fare(&issuer, &format!("http://{address}/"), client(builder().gzip(true))).await;
    assert_eq!(fared, Ok(()), "an honest set is unpacked");
}

#[tokio::test]
async fn a_client_made_of_a_builder_unpacks_nothing() {
    let issuer = TestIssuer::new();
    let (address, seen) = serve(packed(&issuer.jwks().to_string())).await;
    let fetch = HttpFetch::from_builder(builder().gzip(true)).unwrap();
    let error = fare(&issuer, &format!("http://{address}/"), fetch).await.unwrap_err();
    assert!(error.starts_with("unusable"), "{error}");
    assert!(!seen.said(header::ACCEPT_ENCODING));
}

/// The clock runs to the next timer as soon as nobody has anything to do.
#[tokio::test(start_paused = true)]
async fn a_time_out_of_the_client_that_is_shorter_than_ours_holds() {
    let issuer = TestIssuer::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for fetch in [
        client(builder().timeout(Duration::from_millis(300))),
        HttpFetch::from_builder(builder().timeout(Duration::from_millis(300))).unwrap(),
    ] {
        let begun = Instant::now();
        assert_eq!(fare(&issuer, &url, fetch).await, Err("timed out".into()));
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_builder_that_makes_no_client_is_a_fault_of_the_set_up() {
    let error = HttpFetch::from_builder(builder().user_agent("a\nb")).unwrap_err();
    assert_eq!(error.faults()[0].setting(), "fetch");
}

// TLS.

#[cfg(feature = "aws-lc-rs")]
mod tls {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
    use tokio::net::TcpStream;
    use tokio_rustls::{
        TlsAcceptor,
        rustls::{
            RootCertStore, ServerConfig,
            crypto::aws_lc_rs::default_provider,
            pki_types::{CertificateDer, PrivateKeyDer},
            server::WebPkiClientVerifier,
        },
    };

    /// A certification authority that nobody knows.
    struct Authority {
        issuer: rcgen::Issuer<'static, KeyPair>,
        certificate: CertificateDer<'static>,
    }

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name = named("a private authority");
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap().der().clone();
            Self { issuer: rcgen::Issuer::new(params, key), certificate }
        }

        fn certify(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
            let mut params = CertificateParams::new([name.to_owned()]).unwrap();
            params.distinguished_name = named(name);
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &self.issuer).unwrap(), key)
        }

        fn roots(&self) -> Arc<RootCertStore> {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone()).unwrap();
            Arc::new(roots)
        }

        /// A client that trusts this authority, and no other.
        fn trusted(&self) -> reqwest::ClientBuilder {
            builder()
                .tls_backend_rustls()
                .tls_certs_only([reqwest::Certificate::from_der(&self.certificate).unwrap()])
        }

        fn identity(&self) -> reqwest::Identity {
            let (certificate, key) = self.certify("a service");
            let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
            reqwest::Identity::from_pem(pem.as_bytes()).unwrap()
        }
    }

    fn named(name: &str) -> DistinguishedName {
        let mut distinguished = DistinguishedName::new();
        distinguished.push(DnType::CommonName, name);
        distinguished
    }

    /// Serves the issuer's keys over TLS under that name; `demands` asks every client for a certificate of that
    /// authority.
    async fn serve_tls(
        authority: &Authority,
        name: &str,
        issuer: &TestIssuer,
        demands: Option<&Authority>,
    ) -> (SocketAddr, Seen) {
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = match demands {
            None => config.with_no_client_auth(),
            Some(authority) => config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(authority.roots(), provider).build().unwrap(),
            ),
        };
        let (certificate, key) = authority.certify(name);
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
        let (sees, answer) = (seen.clone(), keys_of(issuer));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, answer, sees) = (acceptor.clone(), Arc::clone(&answer), sees.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        answer_on(stream, answer, sees).await;
                    }
                });
            }
        });
        (address, seen)
    }

    #[tokio::test]
    async fn an_issuer_behind_a_private_authority_is_refused_until_a_client_trusts_that_one() {
        let (authority, issuer) = (Authority::new(), TestIssuer::new());
        let (address, seen) = serve_tls(&authority, "localhost", &issuer, None).await;
        let url = format!("https://localhost:{}/jwks", address.port());

        let error = fare(&issuer, &url, HttpFetch::default()).await.unwrap_err();
        assert!(error.starts_with("transport"), "{error}");
        let another = HttpFetch::from_builder(Authority::new().trusted()).unwrap();
        assert!(fare(&issuer, &url, another).await.is_err(), "another private one is as good as none");
        assert!(seen.paths().is_empty());

        assert_eq!(fare(&issuer, &url, client(authority.trusted())).await, Ok(()));
        assert_eq!(fare(&issuer, &url, HttpFetch::from_builder(authority.trusted()).unwrap()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_certificate_for_another_name_is_refused() {
        let (authority, issuer) = (Authority::new(), TestIssuer::new());
        let (address, _) = serve_tls(&authority, "somebody.example", &issuer, None).await;
        let url = format!("https://localhost:{}/jwks", address.port());
        let error = fare(&issuer, &url, HttpFetch::from_builder(authority.trusted()).unwrap()).await;
        assert!(error.unwrap_err().starts_with("transport"));
    }

    #[tokio::test]
    async fn an_issuer_that_wants_a_client_certificate_gets_the_clients_own() {
        let (authority, clients, issuer) = (Authority::new(), Authority::new(), TestIssuer::new());
        let (address, seen) = serve_tls(&authority, "localhost", &issuer, Some(&clients)).await;
        let url = format!("https://localhost:{}/jwks", address.port());

        for (name, builder) in [
            ("none", authority.trusted()),
            ("one of another authority", authority.trusted().identity(Authority::new().identity())),
        ] {
            let fetch = HttpFetch::from_builder(builder).unwrap();
            let error = fare(&issuer, &url, fetch).await.unwrap_err();
            assert!(error.starts_with("transport"), "{name}: {error}");
        }
        assert!(seen.paths().is_empty());

        let identity = clients.identity();
        let known = HttpFetch::from_builder(authority.trusted().identity(identity.clone())).unwrap();
        assert_eq!(fare(&issuer, &url, known).await, Ok(()));
        assert_eq!(fare(&issuer, &url, client(authority.trusted().identity(identity))).await, Ok(()));
    }

    /// A proxy that knows one way, whatever host it is asked for; and what it was asked.
    async fn proxy_to(target: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                log.lock().unwrap().push(head.lines().next().unwrap().to_owned());
                tokio::spawn(async move {
                    let mut there = TcpStream::connect(target).await.unwrap();
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut there).await;
                });
            }
        });
        (address, asked)
    }

    #[tokio::test]
    async fn a_proxy_that_the_client_names_is_used_and_sees_no_more_than_the_host() {
        let (authority, issuer) = (Authority::new(), TestIssuer::new());
        let (target, seen) = serve_tls(&authority, "keys.example.test", &issuer, None).await;
        let (proxy, asked) = proxy_to(target).await;
        let through = || {
            let proxy = reqwest::Proxy::all(format!("http://{proxy}")).unwrap();
            authority.trusted().proxy(proxy)
        };
        let url = "https://keys.example.test/jwks";
        assert_eq!(fare(&issuer, url, HttpFetch::from_builder(through()).unwrap()).await, Ok(()));
        assert_eq!(fare(&issuer, url, client(through())).await, Ok(()));
        assert_eq!(*asked.lock().unwrap(), ["CONNECT keys.example.test:443 HTTP/1.1"; 2]);
        assert_eq!(seen.paths(), ["/jwks"; 2]);
    }
}
