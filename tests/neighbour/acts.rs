//! What a neighbour may do: one table.

use crate::{
    answers::*,
    planted,
    server::{Answer, Reply, Then},
};
use serde_json::json;
use tower_bearer::testing::TestIssuer;

pub(crate) struct Act {
    pub(crate) name: &'static str,
    pub(crate) answer: Answer,
    pub(crate) ends: Ends,
    /// Only time ends it: the trial is given little of it.
    pub(crate) takes_time: bool,
    /// The API's own client unpacks and goes where it is sent.
    pub(crate) obliging: bool,
}

/// What comes of it.
pub(crate) enum Ends {
    /// No set: 503 where there was none before, and the last good one stays. The status says why, beginning so.
    Fails(&'static str),
    /// A set: this is what the issuer's own tokens are answered.
    Brings(u16),
}

use Ends::{Brings, Fails};

/// The honest answer first.
pub(crate) fn all() -> Vec<Act> {
    let mut acts = vec![act("behaves", honest, Brings(200))];
    for group in [redirects(), delays(), floods(), wire(), documents(), keys(), metadata()] {
        acts.extend(group);
    }
    acts
}

fn act(name: &'static str, answer: Answer, ends: Ends) -> Act {
    Act { name, answer, ends, takes_time: false, obliging: false }
}

fn slow(name: &'static str, answer: Answer) -> Act {
    Act { takes_time: true, ..act(name, answer, Fails("timed out")) }
}

fn obliging(name: &'static str, answer: Answer, ends: Ends) -> Act {
    Act { obliging: true, ..act(name, answer, ends) }
}

fn redirects() -> Vec<Act> {
    let refused = || Fails("redirect refused");
    vec![
        act("redirects to itself", |ask| moved(ask.path), refused()),
        act("redirects to another address of its own", |_| moved("/elsewhere"), refused()),
        act("redirects to another host", |ask| moved(&format!("http://{}/jwks", ask.stranger)), refused()),
        act("redirects to a file", |_| moved("file:///etc/passwd"), refused()),
        act("redirects to a cloud's metadata", |_| moved("http://169.254.169.254/latest/"), refused()),
        act("redirects to nowhere", |_| close("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n"), refused()),
        act("redirects, its keys in the body", moved_with_keys, refused()),
        obliging("redirects an obliging client in a circle", |ask| moved(ask.path), Fails("transport")),
        obliging("redirects an obliging client to a file", |_| moved("file:///etc/passwd"), Fails("")),
    ]
}

fn delays() -> Vec<Act> {
    vec![
        slow("says nothing", |_| reply("", Then::Silence)),
        slow("falls silent within the status line", |_| reply("HTTP/1.1 20", Then::Silence)),
        slow("falls silent after the head", |_| reply(&head("content-length: 4096"), Then::Silence)),
        slow("falls silent within the body", |ask| reply(&half(ask), Then::Silence)),
        slow("promises more bytes than come", |ask| {
            reply(&sized(&body(ask), body(ask).len() + 1), Then::Silence)
        }),
        slow("trickles its head", |_| reply("HTTP/1.1 200 OK\r\nx: ", Then::Trickle(b"y"))),
        slow("trickles its body", |_| reply(&head("x: y"), Then::Trickle(b" "))),
        slow("trickles chunks", |_| reply(&head("transfer-encoding: chunked"), Then::Trickle(b"1\r\n \r\n"))),
        slow("gives interim answers without end", |_| reply("", Then::Again(interim()))),
    ]
}

fn floods() -> Vec<Act> {
    let (large, unusable) = (|| Fails("more than 262144 bytes"), || Fails("unusable"));
    vec![
        act("sends spaces without end", |_| endless("x: y", "", vec![b' '; 65_536]), large()),
        act("sends chunks without end", chunks, large()),
        act(
            "announces gigabytes and sends them",
            |_| endless("content-length: 99999999999", "", vec![b'['; 65_536]),
            large(),
        ),
        act(
            "sends keys without end",
            |_| endless("x: y", "{\"keys\":[", many("{\"kty\":\"OKP\"},")),
            large(),
        ),
        act("sends 100 000 keys in little room", |_| keys_of(&vec![json!(0); 100_000]), unusable()),
        act("sends 101 keys of its own", |ask| keys_of(&vec![own(ask.issuer); 101]), unusable()),
        act("sends a hundred thousand members", |_| documents_of(&members()), unusable()),
        act("nests a document deeply", |_| ok(&"[".repeat(200_000)), unusable()),
        act("nests a key deeply", |_| documents_of(&nested()), unusable()),
        act("sends a bomb, unasked", |_| bomb(), large()),
        obliging("sends a bomb to a client that unpacks", |_| bomb(), large()),
        act(
            "sends a header without end",
            |_| reply("HTTP/1.1 200 OK\r\nx: ", Then::Again(many("y"))),
            Fails("transport"),
        ),
        act(
            "sends headers without end",
            |_| reply("HTTP/1.1 200 OK\r\n", Then::Again(many("x: y\r\n"))),
            Fails("transport"),
        ),
        act(
            "sends a status line without end",
            |_| reply("HTTP/1.1 200 ", Then::Again(many("y"))),
            Fails("transport"),
        ),
        act(
            "sends a chunk extension without end",
            |_| endless("transfer-encoding: chunked", "1;", many("y")),
            Fails("transport"),
        ),
    ]
}

fn wire() -> Vec<Act> {
    let (transport, unusable) = (|| Fails("transport"), || Fails("unusable"));
    vec![
        act("hangs up", |_| close(""), transport()),
        act("hangs up within the body", |ask| close(&half(ask)), transport()),
        act("speaks another protocol", |_| close("SSH-2.0-neighbour\r\n"), transport()),
        act(
            "answers with TLS",
            |_| Reply { bytes: vec![0x15, 3, 3, 0, 2, 2, 40], then: Then::Close },
            transport(),
        ),
        act("counts less than it sends", |ask| close(&sized(&body(ask), 10)), unusable()),
        act("counts below nothing", |ask| close(&with(ask, "content-length: -1")), transport()),
        act(
            "counts twice, otherwise",
            |ask| close(&with(ask, "content-length: 9\r\ncontent-length: 8")),
            transport(),
        ),
        act("is no number of bytes", |ask| close(&with(ask, "transfer-encoding: chunked")), transport()),
        act(
            "answers by HTTP/1.0, without a length",
            |ask| close(&format!("HTTP/1.0 200 OK\r\n\r\n{}", body(ask))),
            Brings(200),
        ),
        act("calls its keys a web page", |ask| close(&with(ask, "content-type: text/html")), Brings(200)),
        act(
            "has an age that is no number",
            |ask| close(&with(ask, "cache-control: max-age=99999999999999999999")),
            Brings(200),
        ),
        act(
            "lasts for ever",
            |ask| close(&with(ask, "cache-control: max-age=18446744073709551615, immutable")),
            Brings(200),
        ),
        act(
            "lasts no time",
            |ask| close(&with(ask, "cache-control: max-age=0\r\nage: 18446744073709551615")),
            Brings(200),
        ),
        act(
            "says 'not modified', unasked",
            |_| close("HTTP/1.1 304 Not Modified\r\n\r\n"),
            Fails("redirect"),
        ),
        act("says 'no content'", |_| close("HTTP/1.1 204 No Content\r\n\r\n"), Fails("status 204")),
        act("switches protocols", |_| close("HTTP/1.1 101 Switching Protocols\r\n\r\n"), Fails("")),
    ]
}

fn documents() -> Vec<Act> {
    let unusable = || Fails("unusable");
    vec![
        act("sends nothing", |_| ok(""), unusable()),
        act("sends a web page", |_| ok("<html></html>"), unusable()),
        act("sends JSON of another kind", |_| ok("[]"), unusable()),
        act(
            "sends bytes that are no UTF-8",
            |_| with_bytes(b"{\"keys\":[{\"kid\":\"\xFF\xFE\"}],\"issuer\":\"\xFF\"}"),
            unusable(),
        ),
        act("begins with a byte order mark", |ask| ok(&format!("\u{feff}{}", body(ask))), unusable()),
        act(
            "sends UTF-16",
            |ask| with_bytes(&body(ask).encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
            unusable(),
        ),
        act("goes on behind the document", |ask| ok(&format!("{0}{0}", body(ask))), unusable()),
        act("names its members twice", |ask| ok(&twice(ask)), unusable()),
    ]
}

fn keys() -> Vec<Act> {
    vec![
        act("sends an empty set", |ask| keys_or(ask, &[]), Fails("unusable: no usable key")),
        act(
            "sends unfit keys alone",
            |ask| keys_or(ask, &planted::unfit()),
            Fails("unusable: no usable key"),
        ),
        act("sends unfit keys around its own", |ask| keys_or(ask, &around(ask.issuer)), Brings(200)),
        act("sends two keys under one id", |ask| keys_as(ask, &planted::ambiguous(ask.issuer)), Brings(401)),
        act("sends other keys each time", |ask| keys_as(ask, &TestIssuer::new().jwks()), Brings(401)),
    ]
}

fn metadata() -> Vec<Act> {
    const ELSEWHERE: &str = "unusable: jwks_uri is neither https nor loopback";
    let another = || Fails("unusable: metadata names another issuer");
    vec![
        act("has another issuer's metadata", |ask| named(ask, "https://another.example"), another()),
        act(
            "adds a stroke to its name",
            |ask| named(ask, format!("{}/", ask.issuer.identifier())),
            another(),
        ),
        act(
            "has two names",
            |ask| named(ask, json!([ask.issuer.identifier()])),
            Fails("unusable: metadata names no issuer"),
        ),
        act("keeps its keys in a file", |ask| placed(ask, "file:///etc/passwd"), Fails(ELSEWHERE)),
        act(
            "keeps its keys in a cloud's metadata",
            |ask| placed(ask, "http://169.254.169.254/latest/"),
            Fails(ELSEWHERE),
        ),
        act(
            "keeps its keys off this machine in plain text",
            |ask| placed(ask, "http://id.example.com/jwks"),
            Fails(ELSEWHERE),
        ),
        act(
            "hides a host behind a name",
            |ask| placed(ask, &format!("http://127.0.0.1@{}/", ask.stranger)),
            Fails(ELSEWHERE),
        ),
        act("keeps its keys at no address", |ask| placed(ask, "\u{0}"), Fails("unusable")),
        act(
            "keeps its keys in its metadata",
            |ask| placed(ask, &format!("{}/.well-known/openid-configuration", ask.issuer.identifier())),
            Fails("unusable"),
        ),
    ]
}
