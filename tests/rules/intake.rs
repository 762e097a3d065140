//! Where a token may stand in a request, and what it may look like there.

use super::{Answer, app, bearer, refusal, request, send};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request},
    routing::get,
};
use std::borrow::Cow;
use tower_bearer::{
    AuthenticateLayer,
    error::Reason,
    testing::TestIssuer,
    token::{MAX_TOKEN_BYTES, TokenSource},
};

fn layer(issuer: &TestIssuer) -> AuthenticateLayer {
    AuthenticateLayer::new(issuer.verifier().build().unwrap())
}

#[track_caller]
fn assert_malformed(answer: &Answer, reason: Reason, name: &str) {
    assert_eq!((answer.status, answer.reason), (400, Some(reason)), "{name}");
    let challenge = answer.challenge.as_deref().unwrap();
    assert!(challenge.starts_with("Bearer error=\"invalid_request\""), "{name}: {challenge}");
}

#[tokio::test]
async fn missing_token_is_401_with_a_bare_challenge_and_another_scheme_is_no_token() {
    let issuer = TestIssuer::new();
    let app = app(layer(&issuer));
    let good = issuer.token().sign();
    let table: [(&str, &[(&str, String)]); 8] = [
        ("no header", &[]),
        ("an empty header", &[("authorization", String::new())]),
        ("Basic", &[("authorization", "Basic YTpi".into())]),
        ("DPoP", &[("authorization", format!("DPoP {good}"))]),
        ("a bare token", &[("authorization", good.clone())]),
        ("a scheme that begins alike", &[("authorization", format!("Bearers {good}"))]),
        ("a cookie that nobody asked for", &[("cookie", format!("token={good}"))]),
        ("another header", &[("x-authorization", format!("Bearer {good}"))]),
    ];
    for (name, headers) in table {
        let answer = send(&app, request(headers)).await;
        assert_eq!((answer.status, answer.reason), (401, Some(Reason::MissingToken)), "{name}");
        assert_eq!(answer.challenge.as_deref(), Some("Bearer"), "{name}");
    }
    assert_eq!(issuer.fetches(), 0, "nobody's keys were needed");
    assert_eq!(send(&app, bearer(&good)).await.status, 200);
}

#[tokio::test]
async fn missing_token_it_is_with_a_token_in_the_query() {
    let issuer = TestIssuer::new();
    let app = app(layer(&issuer));
    let good = issuer.token().sign();
    for query in [format!("access_token={good}"), format!("token={good}"), "token=%FF".into()] {
        let request = Request::get(format!("/?{query}")).body(Body::empty()).unwrap();
        assert_eq!(send(&app, request).await.reason, Some(Reason::MissingToken), "{query}");
    }
}

#[tokio::test]
async fn the_scheme_is_bearer_in_any_case() {
    let issuer = TestIssuer::new();
    let app = app(layer(&issuer));
    let good = issuer.token().sign();
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer "] {
        let answer = send(&app, request(&[("authorization", format!("{scheme} {good}"))])).await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn several_authorization_headers_are_refused_whatever_they_say() {
    let issuer = TestIssuer::new();
    let (app, optional) = (app(layer(&issuer)), app(layer(&issuer).optional()));
    let good = format!("Bearer {}", issuer.token().sign());
    let bad = "Bearer a.b.c".to_owned();
    let basic = "Basic YTpi".to_owned();
    for (name, first, second) in [
        ("the same twice", &good, &good),
        ("good and bad", &good, &bad),
        ("bad and good", &bad, &good),
        ("Basic and good", &basic, &good),
        ("good and Basic", &good, &basic),
        ("Basic twice", &basic, &basic),
        ("good and an empty one", &good, &String::new()),
    ] {
        for app in [&app, &optional] {
            let twice = request(&[("authorization", first), ("authorization", second)]);
            assert_malformed(&send(app, twice).await, Reason::SeveralAuthorizationHeaders, name);
        }
    }
    assert_eq!(send(&app, request(&[("authorization", &good)])).await.status, 200);
}

/// A place of the application's own.
struct Forwarded;

impl TokenSource for Forwarded {
    fn find<'a>(&self, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
        headers.get("x-forwarded-token")?.to_str().ok().map(Cow::Borrowed)
    }

    fn strip(&self, headers: &mut HeaderMap) {
        headers.remove("x-forwarded-token");
    }
}

#[tokio::test]
async fn several_token_sources_are_refused_and_each_alone_is_not() {
    let issuer = TestIssuer::new();
    let app = app(layer(&issuer).danger_cookie("session").token_source(Forwarded));
    let good = issuer.token().sign();
    let header = ("authorization", format!("Bearer {good}"));
    let cookie = ("cookie", format!("lang=en; session={good}"));
    let forwarded = ("x-forwarded-token", good.clone());
    let bad = ("cookie", "session=a.b.c".to_owned());
    for (name, headers) in [
        ("header and cookie", vec![header.clone(), cookie.clone()]),
        ("header and a source of one's own", vec![header.clone(), forwarded.clone()]),
        ("cookie and a source of one's own", vec![cookie.clone(), forwarded.clone()]),
        ("a bad one beside a good one", vec![header.clone(), bad]),
        ("all three", vec![header.clone(), cookie.clone(), forwarded.clone()]),
    ] {
        assert_malformed(&send(&app, request(&headers)).await, Reason::SeveralTokenSources, name);
    }
    for alone in [header, cookie, forwarded] {
        assert_eq!(send(&app, request(std::slice::from_ref(&alone))).await.status, 200, "{}", alone.0);
    }
    let twice = request(&[("cookie", format!("session={good}; session={good}"))]);
    assert_eq!(send(&app, twice).await.status, 400, "the same cookie twice");
}

#[tokio::test]
async fn a_source_of_ones_own_is_held_to_the_same_grammar() {
    let issuer = TestIssuer::new();
    let app = app(layer(&issuer).token_source(Forwarded));
    let long = "a".repeat(MAX_TOKEN_BYTES + 1);
    for (name, value, reason) in [
        ("empty", "", Reason::EmptyToken),
        ("with a space", "a b", Reason::IllegalCharacters),
        ("with a scheme", "Bearer a.b.c", Reason::IllegalCharacters),
        ("too long", &long, Reason::TokenTooLong),
        ("no JWS", "a.b", Reason::NotAJws),
    ] {
        let answer = send(&app, request(&[("x-forwarded-token", value)])).await;
        assert_eq!(answer.reason, Some(reason), "{name}");
    }
}

#[tokio::test]
async fn empty_token_is_refused_also_where_a_token_is_optional() {
    let issuer = TestIssuer::new();
    for app in [app(layer(&issuer)), app(layer(&issuer).optional())] {
        for value in ["Bearer", "bearer", "Bearer ", "Bearer    "] {
            let answer = send(&app, request(&[("authorization", value)])).await;
            assert_malformed(&answer, Reason::EmptyToken, value);
        }
        assert_eq!(send(&app, bearer(&issuer.token().sign())).await.status, 200);
    }
    let verifier = issuer.verifier().build().unwrap();
    assert_eq!(refusal(&verifier, "").await, Some(Reason::EmptyToken));
}

#[tokio::test]
async fn illegal_characters_are_refused_before_anything_is_decoded() {
    let issuer = TestIssuer::new();
    let app = app(layer(&issuer));
    let good = issuer.token().sign();
    let byte = |at: usize, byte: u8| {
        let mut value = format!("Bearer {good}").into_bytes();
        value.insert(at, byte);
        value
    };
    let end = "Bearer ".len() + good.len();
    for (name, value) in [
        ("a space within", byte(20, b' ')),
        ("a space behind", byte(end, b' ')),
        ("a tab within", byte(20, b'\t')),
        ("a tab for the space", format!("Bearer\t{good}").into_bytes()),
        ("a comma within", byte(20, b',')),
        ("a quote", byte(7, b'"')),
        ("a byte beyond ASCII", byte(20, 0xFF)),
        ("a no-break space", byte(20, 0xA0)),
        ("padding within", byte(20, b'=')),
        ("padding alone", b"Bearer ===".to_vec()),
        ("a percent sign", byte(20, b'%')),
        ("two tokens in one header", format!("Bearer {good}, Bearer {good}").into_bytes()),
        ("an auth-param", format!("Bearer token={good}").into_bytes()),
        ("a colon for the space", format!("Bearer:{good}").into_bytes()),
        ("a JWS in JSON", br#"Bearer {"payload":"e30","signatures":[]}"#.to_vec()),
    ] {
        let answer = send(&app, request(&[("authorization", value)])).await;
        assert_malformed(&answer, Reason::IllegalCharacters, name);
    }
    assert_eq!(send(&app, bearer(&good)).await.status, 200);
    let verifier = issuer.verifier().build().unwrap();
    for bad in ["a b.c.d", "a.b.c\n", "é.b.c", " a.b.c", "\u{feff}a.b.c"] {
        assert_eq!(refusal(&verifier, bad).await, Some(Reason::IllegalCharacters), "{bad:?}");
    }
}

/// RFC 9110 section 11.4: only spaces stand between scheme and token.
#[tokio::test]
async fn illegal_characters_are_a_tab_behind_the_space_too() {
    let issuer = TestIssuer::new();
    let app = app(layer(&issuer));
    let value = format!("Bearer \t{}", issuer.token().sign());
    let answer = send(&app, request(&[("authorization", value)])).await;
    assert_malformed(&answer, Reason::IllegalCharacters, "a tab behind the space");
}

#[tokio::test]
async fn token_too_long_is_one_byte_above_16_kib_and_16_kib_is_read() {
    let issuer = TestIssuer::new();
    let app = app(layer(&issuer));
    let longest = (0..4).flat_map(|head| (11_000..12_400).map(move |pad| (head, pad)));
    let padded = |(head, pad): (usize, usize)| {
        issuer.token().header("pad", "x".repeat(head)).claim("pad", "x".repeat(pad)).sign()
    };
    // Lengths go up with the padding; a search by halves would be quicker and no clearer.
    let base = padded((0, 0)).len();
    let token = longest
        .filter(|(head, pad)| (base + (head + pad) * 4 / 3).abs_diff(MAX_TOKEN_BYTES) < 8)
        .map(padded)
        .find(|token| token.len() == MAX_TOKEN_BYTES)
        .unwrap();
    assert_eq!(send(&app, bearer(&token)).await.status, 200);
    for above in [1, 2, 1000] {
        let answer = send(&app, bearer(&(token.clone() + &"A".repeat(above)))).await;
        assert_malformed(&answer, Reason::TokenTooLong, "above");
    }
    let verifier = issuer.verifier().build().unwrap();
    assert_eq!(refusal(&verifier, &(token.clone() + "A")).await, Some(Reason::TokenTooLong));
    assert_eq!(refusal(&verifier, &token).await, None);
}

#[tokio::test]
async fn the_header_is_marked_sensitive_and_can_be_taken_out() {
    let issuer = TestIssuer::new();
    let seen = |layer: AuthenticateLayer| {
        let look = |headers: HeaderMap| async move {
            let sensitive = |name: &str| headers.get(name).map(|value| value.is_sensitive());
            format!("{:?} {:?}", sensitive("authorization"), headers.get("cookie"))
        };
        Router::new().route("/", get(look)).layer(layer)
    };
    let token = issuer.token().sign();
    let header = [("authorization", format!("Bearer {token}"))];
    let cookie = [("cookie", format!("lang=en; session={token}"))];
    let basic = [("authorization", "Basic YTpi".to_owned())];
    let layer = || layer(&issuer).danger_cookie("session");
    for (name, layer, headers, expected) in [
        ("kept", layer(), &header, "Some(true) None"),
        ("the cookie kept", layer(), &cookie, "None Some(Sensitive)"),
        ("stripped", layer().strip_token(), &header, "None None"),
        ("the cookie stripped", layer().strip_token(), &cookie, "None Some(Sensitive)"),
        ("another scheme is not ours to strip", layer().optional().strip_token(), &basic, "Some(true) None"),
    ] {
        let answer = send(&seen(layer), request(headers)).await;
        assert_eq!((answer.status, name), (200, name));
        let body = axum::body::to_bytes(answer.response.into_body(), 1024).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&body), expected, "{name}");
    }
}

#[tokio::test]
async fn the_stripped_cookie_leaves_the_others() {
    let issuer = TestIssuer::new();
    let look = |headers: HeaderMap| async move {
        headers.get("cookie").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let layer = layer(&issuer).danger_cookie("session").strip_token();
    let app = Router::new().route("/", get(look)).layer(layer);
    let cookie = format!("lang=en; session={}; theme=dark", issuer.token().sign());
    let answer = send(&app, request(&[("cookie", cookie)])).await;
    let body = axum::body::to_bytes(answer.response.into_body(), 1024).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&body), "lang=en; theme=dark");
}

#[tokio::test]
async fn the_stripped_cookie_leaves_also_those_that_are_no_ascii_pairs() {
    let issuer = TestIssuer::new();
    let look = |headers: HeaderMap| async move {
        let lines = headers.get_all("cookie").iter().map(|value| value.as_bytes());
        lines.collect::<Vec<_>>().join(&b"; "[..])
    };
    let layer = layer(&issuer).danger_cookie("session").strip_token();
    let app = Router::new().route("/", get(look)).layer(layer);
    let session = format!("session={}; flag", issuer.token().sign());
    let answer = send(&app, request(&[("cookie", session.as_str()), ("cookie", "name=José")])).await;
    assert_eq!(answer.status, 200);
    let body = axum::body::to_bytes(answer.response.into_body(), 1024).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&body), "flag; name=José");
}
