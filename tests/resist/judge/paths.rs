//! What reaches the handler past a guard that compares paths and methods as they were sent.

use super::{Defect, Judge};
use axum::{
    body::Body,
    http::{Method, Request, Uri},
};
use std::net::IpAddr;

const PATH: &str = "/orders";

/// Where a request goes.
pub(super) enum Course {
    Guarded,
    /// To the handler, unguarded.
    Open,
    /// To nobody.
    Refused(u16),
}

impl Judge {
    pub(super) fn course(&self, request: &Request<Body>) -> Course {
        if !self.is_ours(request.uri().path()) {
            return if self.is_open(request.uri().path()) { Course::Open } else { Course::Refused(404) };
        }
        if self.is_waved_through(request) {
            return Course::Open;
        }
        match *request.method() {
            Method::GET => Course::Guarded,
            Method::HEAD if self.has(Defect::OnlyGetIsGuarded) => Course::Open,
            Method::HEAD => Course::Guarded,
            ref other if other.as_str().eq_ignore_ascii_case("GET") && self.has(Defect::MethodInAnyCase) => {
                Course::Open
            }
            _ if self.has(Defect::UnknownMethodsPass) => Course::Open,
            _ => Course::Refused(405),
        }
    }

    fn is_ours(&self, path: &str) -> bool {
        path == PATH
    }

    /// Whether a router that is less exact than the guard serves it.
    fn is_open(&self, path: &str) -> bool {
        let spellings: [(Defect, String); 8] = [
            (Defect::SlashesAreMerged, path.replace("%2F", "/").replace("//", "/")),
            (Defect::DotsAreResolved, resolved(&decoded(path))),
            (Defect::PathsAreDecoded, decoded(path)),
            (Defect::ExtensionIsCut, path.trim_end_matches(".css").to_owned()),
            (Defect::ParametersAreCut, path.split(';').next().unwrap().to_owned()),
            (Defect::PathsInAnyCase, path.to_ascii_lowercase()),
            (Defect::SlashBehindIsCut, path.trim_end_matches('/').to_owned()),
            (Defect::PathsEndAtAZero, path.split("%00").next().unwrap().to_owned()),
        ];
        spellings.into_iter().any(|(defect, spelling)| spelling == PATH && self.has(defect))
    }

    /// For what it says of itself.
    fn is_waved_through(&self, request: &Request<Body>) -> bool {
        let is_whole = |uri: &Uri| !uri.to_string().starts_with('/');
        let says = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let is_here = |text: &str| text.parse::<IpAddr>().is_ok_and(|from| from.is_loopback());
        (is_whole(request.uri()) && self.has(Defect::AddressesAreNoPaths))
            || (says("x-original-url").is_some_and(|path| path != PATH) && self.has(Defect::PathFromAHeader))
            || (says("x-http-method-override") == Some("OPTIONS") && self.has(Defect::MethodFromAHeader))
            || (says("x-forwarded-for").is_some_and(is_here) && self.has(Defect::ThisMachineIsTrusted))
            || (says("access-control-request-method").is_some() && self.has(Defect::PreflightByItsHeaders))
            || (says("host").is_some_and(|host| host.starts_with("localhost"))
                && self.has(Defect::LocalhostIsTrusted))
            || (says("user-agent").is_some_and(|name| name.starts_with("kube-probe"))
                && self.has(Defect::ProbesAreTrusted))
            || (says("x-internal").is_some() && self.has(Defect::InternalByAHeader))
            || (says("upgrade") == Some("websocket") && self.has(Defect::WebSocketsPass))
            || (request.uri().to_string().contains("/health") && self.has(Defect::PublicPathAnywhere))
            || (says("x-forwarded-user").is_some() && self.has(Defect::UserFromAHeader))
    }
}

/// Without percent signs.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = || u8::from_str_radix(std::str::from_utf8(behind.get(..2)?).ok()?, 16).ok();
        match escaped().filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn resolved(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}
