//! Requests without a token, and with something that some guards take in its place.

use super::{
    attack::{Answer, Attack, Category::Http},
    forge::Forge,
};
use http::{
    HeaderName, HeaderValue,
    header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT},
    request::Parts,
};

const fn excuse(
    name: &'static str,
    source: &'static str,
    what: &'static str,
    run: fn(&Forge, &mut Parts),
) -> Attack {
    Http.request(name, source, what, Answer::NoCredentials, run)
}

fn says(parts: &mut Parts, name: HeaderName, value: &'static str) {
    parts.headers.insert(name, HeaderValue::from_static(value));
}

pub(super) const ATTACKS: &[Attack] = &[
    excuse(
        "host_is_this_machine",
        "RFC 9110 7.2; field",
        "Names this machine for its host, for a guard that is off where one develops.",
        |_, p| {
            says(p, HOST, "localhost:3000");
            says(p, HeaderName::from_static("x-forwarded-host"), "localhost:3000");
        },
    ),
    excuse(
        "agent_is_a_probe",
        "RFC 9110 10.1.5; field",
        "Calls itself a probe, which looks after a machine and has no token.",
        |_, p| says(p, USER_AGENT, "kube-probe/1.33"),
    ),
    excuse(
        "internal_by_its_header",
        "CVE-2025-29927; field",
        "Has the headers by which a service knows that it asks itself.",
        |_, p| {
            for name in ["x-internal", "x-internal-request", "x-middleware-subrequest", "x-service-name"] {
                says(p, HeaderName::from_static(name), "true");
            }
        },
    ),
    excuse(
        "looks_like_a_websocket",
        "RFC 6455 4.1; field",
        "Asks for a WebSocket, for which no page can set `Authorization`.",
        |_, p| {
            says(p, CONNECTION, "Upgrade");
            says(p, UPGRADE, "websocket");
            says(p, SEC_WEBSOCKET_VERSION, "13");
            says(p, SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
        },
    ),
];
