//! The five short values of a refused token that an operator may see at DEBUG; read leniently, and only then.

use crate::{json, observe::Looks, token::BearerToken};
use serde_json::{Map, Value};

pub(crate) fn of(token: &BearerToken) -> Looks {
    let Ok(compact) = token.compact() else { return Looks::default() };
    let object = |part: &str| {
        json::decode_base64url(part).and_then(|bytes| json::read_object(&bytes).ok()).unwrap_or_default()
    };
    let (header, claims) = (object(compact.header), object(compact.payload));
    Looks {
        iss: shown(&claims, "iss"),
        aud: shown(&claims, "aud"),
        typ: shown(&header, "typ"),
        alg: shown(&header, "alg"),
        kid: shown(&header, "kid"),
    }
}

/// A text as it is, anything else as JSON.
fn shown(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
