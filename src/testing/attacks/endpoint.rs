//! What the issuer's key set and metadata say. Each scene puts something there, lets the keys grow old, and looks who gets
//! in, or who is locked out.

use super::{
    attack::{Answer, Attack, Category::Endpoint, Needs},
    forge::{Forge, STRANGERS_KEYS, encode, signed},
    report::Outcome,
    stage::{Act, Scene, Stage},
};
use crate::{
    keys::Algorithm,
    testing::{
        server::{JWKS_PATH, METADATA_PATH},
        signing::{SigningKey, sha256},
    },
};
use serde_json::{Map, Value, json};

const fn scene(name: &'static str, source: &'static str, what: &'static str, scene: Scene) -> Attack {
    Endpoint.scene(name, source, what, scene).needs_a(Needs::ClockAndFetch)
}

const fn disturbance(name: &'static str, source: &'static str, what: &'static str, run: Scene) -> Attack {
    scene(name, source, what, run).is_answered(Answer::Undisturbed)
}

/// The set says this from now on, and everybody has to look.
fn publish(stage: &Stage<'_>, set: impl Into<String>) {
    stage.forge.issuer.answer_with(JWKS_PATH, set);
    stage.outlive_the_keys();
}

/// The stranger's key stands in the set in a way that must keep it from being used.
async fn falls_beside_ours(
    stage: &Stage<'_>,
    change: impl Fn(&mut Map<String, Value>),
) -> Result<(), Outcome> {
    let mut key = stage.forge.strangers_jwk();
    change(&mut key);
    publish(stage, stage.forge.set_with([key.into()]));
    stage.falls(&stage.forge.strangers_with([])).await?;
    stage.passes(&stage.forge.good().sign()).await
}

fn set(key: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    key.insert(name.to_owned(), value.into());
}

/// A key that anybody can sign for stands in the set beside ours; the token has that signature. It is made last, or it would
/// have expired when it is looked at.
pub(super) async fn weak(
    stage: &Stage<'_>,
    key: Value,
    token: impl Fn(&Forge) -> String,
) -> Result<(), Outcome> {
    publish(stage, stage.forge.set_with([key]));
    stage.falls(&token(stage.forge)).await?;
    stage.passes(&stage.forge.good().sign()).await
}

/// A good token passes although the key set says this.
async fn undisturbed(stage: &Stage<'_>, body: impl Into<String>) -> Result<(), Outcome> {
    publish(stage, body);
    // Keys that have outlived their time are no use; those of some minutes are.
    stage.passes(&stage.forge.good().sign()).await
}

/// The same, and the set is so bad that only the old one can serve.
async fn old_keys_serve(stage: &Stage<'_>, body: impl Into<String>) -> Result<(), Outcome> {
    stage.forge.issuer.answer_with(JWKS_PATH, body);
    stage.wait(660);
    stage.passes(&stage.forge.good().sign()).await
}

/// RSA's padding of a SHA-256 hash (RFC 8017 section 9.2): its own signature where the exponent is one.
pub(super) fn padded(message: &[u8], length: usize) -> Vec<u8> {
    let prefix = super::forge::unhex("3031300d060960864801650304020105000420");
    let hash = sha256(message);
    let filler = length.saturating_sub(prefix.len() + hash.len() + 3);
    [vec![0, 1], vec![0xFF; filler], vec![0], prefix, hash].concat()
}

/// Signed by nobody: for a key that takes this for a signature of everything.
fn unsigned(forge: &Forge, alg: &str, signature: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let header = json!({"alg": alg, "kid": "weak"}).to_string();
    let signed = format!("{}.{}", encode(header), encode(forge.payload()));
    format!("{signed}.{}", encode(signature(signed.as_bytes())))
}

fn ed25519(point: &[u8]) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "weak", "alg": "EdDSA", "use": "sig", "x": encode(point)})
}

/// The neutral point and zero.
fn nothing(_: &[u8]) -> Vec<u8> {
    (0..64).map(|at| u8::from(at == 0)).collect()
}

fn with_set(stage: &Stage<'_>, more: Value) -> String {
    stage.forge.set_with([more])
}

pub(super) const ATTACKS: &[Attack] = &[
    scene(
        "set_has_a_secret",
        "RFC 7517 9.2; RFC 8725 3.1",
        "The set has an HMAC secret, which all the world can read, and a token is signed with it.",
        |s| {
            Box::pin(async move {
                let secret = SigningKey::from_secret(Algorithm::HS256, &[7; 64]);
                let token =
                    |forge: &Forge| signed(&secret, r#"{"alg":"HS256","kid":"weak"}"#, &forge.payload());
                weak(s, secret.public_jwk("weak").into(), token).await
            })
        },
    ),
    scene(
        "set_has_a_private_key",
        "RFC 7517 9.2; field",
        "The set has a private key by mistake, and a token is signed with it.",
        |s| Box::pin(falls_beside_ours(s, |key| set(key, "d", encode([7; 32])))),
    ),
    scene(
        "set_has_a_key_for_encryption",
        "RFC 7517 4.2",
        "A token is signed with a key of the set that is for encryption.",
        |s| Box::pin(falls_beside_ours(s, |key| set(key, "use", "enc"))),
    ),
    scene(
        "set_has_a_key_for_other_operations",
        "RFC 7517 4.3",
        "A token is signed with a key of the set that is to derive keys.",
        |s| {
            Box::pin(falls_beside_ours(s, |key| {
                key.remove("use");
                set(key, "key_ops", json!(["deriveKey"]));
            }))
        },
    ),
    scene(
        "set_has_a_key_for_another_algorithm",
        "RFC 7517 4.4; RFC 8725 3.1",
        "A token is signed with a key of the set that is bound to an algorithm for encryption.",
        |s| Box::pin(falls_beside_ours(s, |key| set(key, "alg", "RSA-OAEP"))),
    ),
    scene(
        "set_has_one_kid_twice",
        "RFC 7517 4.5; field",
        "The set has two different keys under one `kid`, and the stranger holds one of them.",
        |s| {
            Box::pin(async move {
                let mut key = s.forge.strangers_jwk();
                set(&mut key, "kid", s.forge.kid());
                publish(s, with_set(s, key.into()));
                s.falls(&s.forge.strangers(&s.forge.header())).await
            })
        },
    ),
    scene(
        "set_names_a_member_twice",
        "RFC 7517 4",
        "A key of the set is for encryption and, in the same breath, for signatures.",
        |s| {
            Box::pin(async move {
                let key =
                    Value::Object(s.forge.strangers_jwk()).to_string().replacen('{', r#"{"use":"enc","#, 1);
                let body = s.forge.set_with([]).replacen('[', &format!("[{key},"), 1);
                publish(s, body);
                s.falls(&s.forge.strangers_with([])).await
            })
        },
    ),
    scene(
        "set_has_the_identity",
        "RFC 8032 5.1.7; field",
        "The set has the neutral point for an Ed25519 key, for which a signature of zeros is good.",
        |s| {
            Box::pin(async move {
                let point: Vec<u8> = (0..32).map(|at| u8::from(at == 0)).collect();
                weak(s, ed25519(&point), |forge| unsigned(forge, "EdDSA", nothing)).await
            })
        },
    ),
    scene(
        "set_has_the_identity_in_disguise",
        "RFC 8032 5.1.3; field",
        "The set has the neutral point for an Ed25519 key, written as no encoder writes it.",
        |s| {
            Box::pin(async move {
                let mut point = vec![0xFF; 32];
                point.first_mut().into_iter().for_each(|byte| *byte = 0xEE);
                point.last_mut().into_iter().for_each(|byte| *byte = 0x7F);
                weak(s, ed25519(&point), |forge| unsigned(forge, "EdDSA", nothing)).await
            })
        },
    ),
    scene(
        "set_has_exponent_one",
        "RFC 8017 3.1; field",
        "The set has an RSA key with exponent one, for which anybody can sign.",
        |s| {
            Box::pin(async move {
                let mut key = s.forge.jwk(Algorithm::RS256);
                set(&mut key, "kid", "weak");
                set(&mut key, "e", "AQ");
                weak(s, key.into(), |forge| unsigned(forge, "RS256", |message| padded(message, 256))).await
            })
        },
    ),
    scene(
        "metadata_of_another_issuer",
        "RFC 8414 3.3; field",
        "The metadata is another issuer's, and names the stranger's keys.",
        |s| Box::pin(misled(s, json!({"issuer": "https://stranger.test"}))),
    ),
    scene(
        "metadata_of_nobody",
        "RFC 8414 3.3; field",
        "The metadata names no issuer, and the stranger's keys.",
        |s| Box::pin(misled(s, json!({}))),
    ),
    disturbance(
        "set_is_empty",
        "RFC 7517 5.1; field",
        "The set is empty, so that the good one is forgotten.",
        |s| Box::pin(old_keys_serve(s, r#"{"keys":[]}"#)),
    ),
    disturbance("set_is_html", "field", "The set is a page that says sorry.", |s| {
        Box::pin(old_keys_serve(s, "<html>Sorry</html>"))
    }),
    disturbance("set_is_cut", "RFC 8259 4; field", "The set ends in the middle.", |s| {
        let body = s.forge.set_with([]);
        Box::pin(old_keys_serve(s, body.get(..body.len() / 2).unwrap_or_default().to_owned()))
    }),
    disturbance("set_is_a_list", "RFC 7517 5; field", "The set is an array of keys, and no object.", |s| {
        Box::pin(old_keys_serve(s, "[]"))
    }),
    disturbance(
        "set_is_deep",
        "RFC 8259 9; field",
        "The set has ten thousand arrays within each other.",
        |s| {
            Box::pin(old_keys_serve(s, format!(r#"{{"keys":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000))))
        },
    ),
    disturbance("set_is_huge", "field", "The set is a megabyte of spaces.", |s| {
        Box::pin(old_keys_serve(s, " ".repeat(1 << 20)))
    }),
    disturbance(
        "set_has_strange_keys",
        "RFC 7517 5; field",
        "The set has keys of kinds that nobody knows, beside the good one.",
        |s| Box::pin(undisturbed(s, with_set(s, json!({"kty": "LATTICE", "kid": "new", "seed": "AAAA"})))),
    ),
    disturbance(
        "set_has_broken_keys",
        "RFC 7517 5; field",
        "The set has a point that is on no curve, beside the good key.",
        |s| {
            let key = json!({"kty": "EC", "crv": "P-256", "kid": "off", "x": encode([1; 32]), "y": encode([1; 32])});
            Box::pin(undisturbed(s, with_set(s, key)))
        },
    ),
    disturbance(
        "set_has_what_is_no_key",
        "RFC 7517 5; field",
        "The set has `null` beside the good key.",
        |s| Box::pin(undisturbed(s, with_set(s, Value::Null))),
    ),
    disturbance("set_fails", "field", "The set cannot be had for some minutes.", |s| {
        Box::pin(async move {
            s.forge.issuer.fail();
            s.wait(660);
            s.passes(&s.forge.good().sign()).await
        })
    }),
    scene(
        "flood_of_unknown_kids",
        "RFC 8725 3.10; field",
        "A hundred tokens name keys that nobody has, so that the issuer is asked for each.",
        |s| {
            Box::pin(flood(s, |forge, number| {
                forge.sealed(forge.header_with("kid", format!("flood-{number}")), forge.payload())
            }))
        },
    ),
    scene(
        "flood_of_strangers",
        "RFC 8725 3.8; field",
        "A hundred tokens name issuers that nobody trusts, so that each is asked for its keys.",
        |s| {
            Box::pin(flood(s, |forge, number| {
                forge.good().claim("iss", forge.url(&format!("/{number}"))).kid("flood").sign()
            }))
        },
    ),
    scene(
        "flood_of_addresses",
        "RFC 8725 3.10; field",
        "A hundred tokens name addresses of keys, so that each is fetched.",
        |s| {
            Box::pin(flood(s, |forge, number| {
                forge.strangers_with([("jku", forge.url(&format!("{STRANGERS_KEYS}?{number}")).into())])
            }))
        },
    ),
];

/// Metadata with the stranger's keys, looked at when discovery is due again; the old set must do, or none.
fn misled<'a>(stage: &'a Stage<'a>, mut metadata: Value) -> Act<'a> {
    Box::pin(async move {
        if let Value::Object(members) = &mut metadata {
            set(members, "jwks_uri", stage.forge.url(STRANGERS_KEYS));
        }
        stage.forge.issuer.answer_with(METADATA_PATH, metadata.to_string());
        stage.outlive_the_keys();
        // 503 is as right: by then there may be no keys at all.
        stage.falls_with(&stage.forge.strangers_with([]), Answer::Unavailable).await
    })
}

/// The issuer is asked a few times at most, whoever pays for it.
async fn flood(stage: &Stage<'_>, token: impl Fn(&Forge, usize) -> String) -> Result<(), Outcome> {
    stage.passes(&stage.forge.good().sign()).await?;
    stage.wait(60);
    let before = stage.forge.issuer.asked();
    for number in 0..100 {
        stage.falls(&token(stage.forge, number)).await?;
    }
    let fetches = stage.forge.issuer.asked().saturating_sub(before);
    if fetches > 5 {
        return Err(Outcome::Flooded { fetches });
    }
    stage.passes(&stage.forge.good().sign()).await
}
