//! Where in a request the token stands, and requests that have none.

use super::{
    attack::{Answer, Attack, Category::Http},
    forge::Forge,
    paths::spell,
    stage::bear,
};
use crate::testing::caller;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderName, HeaderValue, Request,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL},
    request::Parts,
};

fn add(parts: &mut Parts, name: HeaderName, value: impl AsRef<[u8]>) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
        parts.headers.append(name, value);
    }
}

/// The whole value of `Authorization`.
fn say(parts: &mut Parts, value: impl AsRef<[u8]>) {
    add(parts, AUTHORIZATION, value);
}

fn good(forge: &Forge) -> String {
    forge.good().sign()
}

use Answer::{InvalidRequest, NoCredentials};

pub(super) const ATTACKS: &[Attack] = &[
    Http.request("no_token", "RFC 6750 3", "Brings nothing.", NoCredentials, |_, _| {}),
    Http.request(
        "empty_authorization",
        "RFC 6750 3; field",
        "Has an empty `Authorization`.",
        NoCredentials,
        |_, p| say(p, ""),
    ),
    Http.request(
        "bearer_alone",
        "RFC 6750 2.1",
        "Has a scheme, and no token behind it.",
        InvalidRequest,
        |_, p| say(p, "Bearer"),
    ),
    Http.request(
        "bearer_and_a_space",
        "RFC 6750 2.1; field",
        "Has a scheme and spaces, and no token behind them.",
        InvalidRequest,
        |_, p| say(p, "Bearer   "),
    ),
    Http.request(
        "token_without_a_scheme",
        "RFC 6750 2.1",
        "Has a good token, and no scheme before it.",
        NoCredentials,
        |f, p| say(p, good(f)),
    ),
    Http.request(
        "scheme_basic",
        "RFC 7617 2; field",
        "Has a good token for a password.",
        NoCredentials,
        |f, p| say(p, format!("Basic {}", STANDARD.encode(format!("alice:{}", good(f))))),
    ),
    Http.request(
        "scheme_dpop",
        "RFC 9449 7.1",
        "Has a good token under the scheme of proofs, and no proof.",
        NoCredentials,
        |f, p| say(p, format!("DPoP {}", good(f))),
    ),
    Http.request(
        "scheme_longer",
        "RFC 6750 2.1; field",
        "Has a good token under a scheme that begins with `Bearer`.",
        NoCredentials,
        |f, p| say(p, format!("Bearers {}", good(f))),
    ),
    Http.request(
        "scheme_before_the_scheme",
        "RFC 9110 11.4; field",
        "Has another scheme before `Bearer`, for a reader that looks for it anywhere.",
        NoCredentials,
        |f, p| say(p, format!("Negotiate Bearer {}", good(f))),
    ),
    Http.request(
        "bearer_twice",
        "RFC 6750 2.1; field",
        "Has the scheme twice before a good token.",
        InvalidRequest,
        |f, p| say(p, format!("Bearer Bearer {}", good(f))),
    ),
    Http.request(
        "tab_for_the_space",
        "RFC 9110 11.4",
        "Has a tab behind its scheme.",
        InvalidRequest,
        |f, p| say(p, format!("Bearer\t{}", good(f))),
    ),
    Http.request(
        "tab_behind_the_space",
        "RFC 9110 11.4",
        "Has a space and a tab behind its scheme.",
        InvalidRequest,
        |f, p| say(p, format!("Bearer \t{}", good(f))),
    ),
    Http.request(
        "no_break_space",
        "RFC 9110 11.4; field",
        "Has a no-break space before its token.",
        InvalidRequest,
        |f, p| say(p, [b"Bearer \xA0", good(f).as_bytes()].concat()),
    ),
    Http.request(
        "colon_for_the_space",
        "RFC 6750 2.1; field",
        "Has a colon behind its scheme.",
        InvalidRequest,
        |f, p| say(p, format!("Bearer:{}", good(f))),
    ),
    Http.request("token_in_quotes", "RFC 6750 2.1", "Has its token in quotes.", InvalidRequest, |f, p| {
        say(p, format!("Bearer \"{}\"", good(f)))
    }),
    Http.request(
        "token_as_a_parameter",
        "RFC 9110 11.4",
        "Has its token as a parameter of the scheme.",
        InvalidRequest,
        |f, p| say(p, format!("Bearer token={}", good(f))),
    ),
    Http.request(
        "words_behind_the_token",
        "RFC 6750 2.1",
        "Has a word behind its token.",
        InvalidRequest,
        |f, p| say(p, format!("Bearer {} admin", good(f))),
    ),
    Http.request(
        "two_tokens_in_one_header",
        "RFC 9110 5.3; field",
        "Has two tokens with a comma between, as a proxy joins headers.",
        InvalidRequest,
        |f, p| say(p, format!("Bearer {}, Bearer {}", f.good().expired().sign(), good(f))),
    ),
    Http.request(
        "token_behind_another_scheme",
        "RFC 9110 11.4; field",
        "Has a good token behind the credentials of another scheme, with a comma between.",
        NoCredentials,
        |f, p| say(p, format!("Basic YTpi, Bearer {}", good(f))),
    ),
    Http.request(
        "bytes_beyond_ascii",
        "RFC 6750 2.1; field",
        "Has a byte in its token that is no character.",
        InvalidRequest,
        |f, p| say(p, [b"Bearer ", good(f).as_bytes(), b"\xFF"].concat()),
    ),
    Http.request(
        "two_headers_good_first",
        "RFC 6750 2; field",
        "Has two `Authorization` headers, the first of which is good.",
        InvalidRequest,
        |f, p| {
            say(p, format!("Bearer {}", good(f)));
            say(p, format!("Bearer {}", f.good().expired().sign()));
        },
    ),
    Http.request(
        "two_headers_good_last",
        "RFC 6750 2; field",
        "Has two `Authorization` headers, the last of which is good.",
        InvalidRequest,
        |f, p| {
            say(p, format!("Bearer {}", f.good().expired().sign()));
            say(p, format!("Bearer {}", good(f)));
        },
    ),
    Http.request(
        "two_schemes",
        "RFC 6750 2; field",
        "Has two `Authorization` headers, of two schemes.",
        InvalidRequest,
        |f, p| {
            say(p, "Basic YTpi");
            say(p, format!("Bearer {}", good(f)));
        },
    ),
    Http.request(
        "token_in_the_query",
        "RFC 6750 2.3; RFC 9700 4.3.2",
        "Has a good token in the query, where logs and referrers keep it.",
        NoCredentials,
        |f, p| {
            let token = good(f);
            spell(p, |path| format!("{path}?access_token={token}"));
        },
    ),
    Http.request(
        "broken_query",
        "field",
        "Has a token in the query that is no UTF-8: a reader panicked here.",
        NoCredentials,
        |_, p| {
            spell(p, |path| format!("{path}?token=%FF&access_token=%"));
        },
    ),
    Http.request(
        "token_in_a_cookie",
        "RFC 6750 2; field",
        "Has a good token in a cookie, which a browser sends from any page.",
        NoCredentials,
        |f, p| {
            let token = good(f);
            add(
                p,
                COOKIE,
                format!("access_token={token}; token={token}; jwt={token}; Authorization=Bearer {token}"),
            );
        },
    ),
    Http.request(
        "token_for_the_proxy",
        "RFC 9110 11.7.2; field",
        "Has a good token in `Proxy-Authorization`.",
        NoCredentials,
        |f, p| {
            add(p, PROXY_AUTHORIZATION, format!("Bearer {}", good(f)));
        },
    ),
    Http.request(
        "token_in_a_forwarded_header",
        "RFC 6750 2; field",
        "Has a good token in the headers in which proxies hand it on.",
        NoCredentials,
        |f, p| {
            let token = good(f);
            for name in [
                "x-forwarded-access-token",
                "x-auth-request-access-token",
                "x-access-token",
                "x-authorization",
            ] {
                add(p, HeaderName::from_static(name), format!("Bearer {token}"));
            }
        },
    ),
    Http.request(
        "token_in_a_subprotocol",
        "RFC 6455 4.1; field",
        "Has a good token among the WebSocket's subprotocols.",
        NoCredentials,
        |f, p| {
            add(p, SEC_WEBSOCKET_PROTOCOL, format!("bearer, {}", good(f)));
        },
    ),
    Http.request(
        "user_in_a_header",
        "field",
        "Says who it is in the headers in which proxies say that.",
        NoCredentials,
        |_, p| {
            for name in
                ["x-user", "x-forwarded-user", "x-remote-user", "x-auth-request-user", "x-consumer-username"]
            {
                add(p, HeaderName::from_static(name), "root");
            }
        },
    ),
    Http.request(
        "original_path_in_a_header",
        "field",
        "Says that it asked for another path.",
        NoCredentials,
        |_, p| {
            for name in ["x-original-url", "x-rewrite-url", "x-forwarded-uri"] {
                add(p, HeaderName::from_static(name), "/health");
            }
        },
    ),
    Http.request(
        "method_in_a_header",
        "field",
        "Says that it asked with another method.",
        NoCredentials,
        |_, p| {
            for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
                add(p, HeaderName::from_static(name), "OPTIONS");
            }
        },
    ),
    Http.request(
        "from_this_machine",
        "field",
        "Says that it comes from this machine.",
        NoCredentials,
        |_, p| {
            add(p, HeaderName::from_static("x-forwarded-for"), "127.0.0.1");
            add(p, HeaderName::from_static("forwarded"), "for=127.0.0.1;host=localhost");
            add(p, HeaderName::from_static("x-real-ip"), "127.0.0.1");
        },
    ),
    Http.request(
        "looks_like_preflight",
        "field",
        "Has the headers of a preflight, which needs no token, with another method.",
        NoCredentials,
        |_, p| {
            add(p, HeaderName::from_static("origin"), "https://stranger.test");
            add(p, HeaderName::from_static("access-control-request-method"), "GET");
        },
    ),
    Http.request(
        "caller_in_the_extensions",
        "field",
        "Has a verified caller in its extensions, whom nobody verified.",
        NoCredentials,
        |_, p| {
            let mut request = Request::new(());
            *request.extensions_mut() = p.extensions.clone();
            let attached = caller("root").scope("admin").role("admin").attach(request);
            p.extensions.clone_from(attached.extensions());
        },
    ),
    Http.request(
        "good_token_of_another_path",
        "RFC 8725 3.9",
        "Brings a token whose audience is this path and not this API.",
        Answer::InvalidToken,
        |f, p| {
            let token = f.good().audience(p.uri.path()).sign();
            bear(p, &token);
        },
    ),
];
