//! JSON that two parsers read differently, or one reads at great cost.

use super::{
    attack::{Attack, Category::Json},
    forge::Forge,
};
use serde_json::{Value, json};

/// More text before the last brace of the claims.
fn with(forge: &Forge, more: &str) -> String {
    forge.saying(forge.payload_with(more))
}

/// More text before the last brace of the header.
fn header_with(forge: &Forge, more: &str) -> String {
    let header = Value::Object(forge.header()).to_string();
    forge.sealed(format!("{}{more}}}", header.strip_suffix('}').unwrap_or_default()), forge.payload())
}

/// The claims with their names changed.
fn renamed(forge: &Forge, name: impl Fn(&str) -> String) -> String {
    let claims = forge.claims().into_iter().map(|(old, value)| (name(&old), value));
    Value::Object(claims.collect()).to_string()
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!(r#","x":{}1{}"#, open.repeat(depth), close.repeat(depth))
}

pub(super) const ATTACKS: &[Attack] = &[
    Json.token(
        "alg_twice",
        "RFC 7515 4; RFC 8725 3.1",
        "Names two algorithms, the second of which is `none`.",
        |f| header_with(f, r#","alg":"none""#),
    ),
    Json.token(
        "alg_twice_by_escape",
        "RFC 7515 4; RFC 8259 7",
        "Names two algorithms, the second by an escaped name.",
        |f| header_with(f, r#","\u0061lg":"none""#),
    ),
    Json.token("kid_twice", "RFC 7515 4", "Names two keys.", |f| header_with(f, r#","kid":"other""#)),
    Json.token(
        "unknown_header_member_twice",
        "RFC 7515 4",
        "Has a header with a member twice that nobody reads.",
        |f| header_with(f, r#","x":1,"x":2"#),
    ),
    Json.token("iss_twice", "RFC 7519 4; RFC 8725 3.8", "Names two issuers, a stranger last.", |f| {
        with(f, r#","iss":"https://stranger.test""#)
    }),
    Json.token(
        "iss_twice_by_escape",
        "RFC 7519 4; RFC 8259 7",
        "Names two issuers, one by an escaped name.",
        |f| with(f, r#","\u0069ss":"https://stranger.test""#),
    ),
    Json.token(
        "iss_twice_ours_last",
        "RFC 7519 4; field",
        "Names two issuers, ours last: who chooses keys by the first takes a stranger's.",
        |f| {
            let payload = f.payload();
            f.saying(format!(
                r#"{{"iss":"https://stranger.test",{}"#,
                payload.strip_prefix('{').unwrap_or_default()
            ))
        },
    ),
    Json.token("aud_twice", "RFC 7519 4", "Has two audiences, in two members.", |f| {
        with(f, r#","aud":"https://other-api.test""#)
    }),
    Json.token(
        "exp_twice",
        "RFC 7519 4",
        "Has two expiries: past for one reader, to come for the other.",
        |f| {
            let expired = format!(r#"{{"exp":{},"#, f.now().saturating_sub(3600));
            f.saying(f.payload().replacen('{', &expired, 1))
        },
    ),
    Json.token("sub_twice", "RFC 7519 4", "Has two subjects: one for the log, one for the handler.", |f| {
        with(f, r#","sub":"root""#)
    }),
    Json.token(
        "private_claim_twice",
        "RFC 7519 4",
        "Has a claim twice that only the application knows.",
        |f| with(f, r#","tenant":"one","tenant":"two""#),
    ),
    Json.token(
        "names_in_another_case",
        "RFC 7519 7.3; field",
        "Has its claims' names in capitals, for a reader that does not mind.",
        |f| f.saying(renamed(f, str::to_ascii_uppercase)),
    ),
    Json.token("names_with_spaces", "RFC 7519 7.3; field", "Has spaces around its claims' names.", |f| {
        f.saying(renamed(f, |name| format!(" {name} ")))
    }),
    Json.token(
        "header_names_in_another_case",
        "RFC 7515 5.3; field",
        "Has `ALG` in its header, and no `alg`.",
        |f| {
            let mut header = f.header();
            let alg = header.remove("alg").unwrap_or_default();
            header.insert("ALG".into(), alg);
            f.sealed(Value::Object(header).to_string(), f.payload())
        },
    ),
    Json.token(
        "prototype",
        "RFC 7519 7.2; field",
        "Has its expiry in `__proto__`, where JavaScript may find it.",
        |f| {
            let mut claims = f.claims();
            let exp = claims.remove("exp");
            claims.insert("__proto__".into(), json!({ "exp": exp }));
            f.saying(Value::Object(claims).to_string())
        },
    ),
    Json.token("claims_in_a_list", "RFC 7519 7.2", "Has its claims in an array.", |f| {
        f.saying(json!([f.claims()]).to_string())
    }),
    Json.token(
        "claims_in_a_text",
        "RFC 7519 7.2; field",
        "Has its claims as JSON within a JSON text.",
        |f| f.saying(Value::from(f.payload()).to_string()),
    ),
    Json.token("claims_null", "RFC 7519 7.2", "Says `null`.", |f| f.saying("null")),
    Json.token("claims_empty", "RFC 7519 7.2", "Says nothing at all.", |f| f.saying("")),
    Json.token("claims_an_empty_object", "RFC 9068 2.2", "Claims nothing.", |f| f.saying("{}")),
    Json.token("claims_cut", "RFC 8259 4", "Ends before its last brace.", |f| {
        let payload = f.payload();
        f.saying(payload.strip_suffix('}').unwrap_or_default())
    }),
    Json.token("two_objects", "RFC 8259 2", "Has a second object behind the first.", |f| {
        f.saying(format!("{}{{\"sub\":\"root\"}}", f.payload()))
    }),
    Json.token(
        "zero_byte_behind",
        "RFC 8259 2; field",
        "Has a zero byte behind its claims, where C stops reading.",
        |f| f.saying(format!("{}\0", f.payload())),
    ),
    Json.token("comma_too_many", "RFC 8259 4", "Has a comma before its last brace.", |f| with(f, ",")),
    Json.token(
        "comment",
        "RFC 8259 2; field",
        "Has a comment in it, in which another reader finds claims.",
        |f| with(f, r#"/*,"sub":"root"*/"#),
    ),
    Json.token("single_quotes", "RFC 8259 7", "Has a name in single quotes.", |f| with(f, ",'x':1")),
    Json.token("not_a_number", "RFC 8259 6", "Has `NaN` for a number, which no comparison refuses.", |f| {
        f.saying(f.payload_where("exp", "NaN"))
    }),
    Json.token("infinity", "RFC 8259 6", "Has `Infinity` for its expiry.", |f| {
        f.saying(f.payload_where("exp", "Infinity"))
    }),
    Json.token(
        "leading_zero",
        "RFC 8259 6",
        "Has an expiry with a zero before it, which is octal for some.",
        |f| f.saying(f.payload_where("exp", &format!("0{}", f.now() + 300))),
    ),
    Json.token("hexadecimal", "RFC 8259 6", "Has its expiry in hexadecimal.", |f| {
        f.saying(f.payload_where("exp", &format!("{:#x}", f.now() + 300)))
    }),
    Json.token("control_character", "RFC 8259 7", "Has a bare line end in a text, for logs.", |f| {
        with(f, ",\"x\":\"a\nb\"")
    }),
    Json.token("deep_lists", "CVE-2025-53864; RFC 8259 9", "Has a thousand arrays within each other.", |f| {
        with(f, &nested("[", "]", 1000))
    }),
    Json.token(
        "deep_objects",
        "CVE-2025-53864; RFC 8259 9",
        "Has five hundred objects within each other.",
        |f| with(f, &nested(r#"{"a":"#, "}", 500)),
    ),
    Json.token(
        "deep_header",
        "RFC 8259 9; field",
        "Has a thousand arrays within each other in its header.",
        |f| header_with(f, &nested("[", "]", 1000)),
    ),
    Json.token(
        "deep_and_never_closed",
        "RFC 8259 9; field",
        "Opens ten thousand arrays and closes none.",
        |f| f.saying(format!("{{\"x\":{}", "[".repeat(10_000))),
    ),
];
