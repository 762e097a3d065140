//! Who calls, with what, and which answers are right.

use super::{
    calls::{Line, bearing, request},
    issuer::{Issuer, Tokens},
    tally::{Answer, Tally},
};
use crate::{keys::Signer, tokens::Mint};
use std::{
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{task::spawn_local, time::sleep};

/// Good requests come at their own pace, whatever else does.
const PACE: Duration = Duration::from_millis(2);

/// Who attacks does not wait, but for the others of its kind.
const ATTACKERS: usize = 2;
const SLOW_ONES: usize = 32;

/// Makes the bytes of the request with this number; `None` where there is nothing to send yet.
type Make = Box<dyn Fn(usize) -> Option<Vec<u8>>>;

struct Kind {
    name: &'static str,
    make: Make,
    is_right: fn(Answer) -> bool,
}

const OK: fn(Answer) -> bool = |answer| answer == Some(200);
const REFUSED: fn(Answer) -> bool = |answer| answer == Some(401);
const MALFORMED: fn(Answer) -> bool = |answer| answer == Some(400);
/// By hyper, by us, or by hanging up; nothing passes, and nothing breaks.
const TURNED_AWAY: fn(Answer) -> bool = |answer| answer.is_none_or(|status| (400..500).contains(&status));

pub(super) fn begin(port: u16, issuer: &Issuer, tally: &Rc<Tally>) {
    for kind in good(issuer) {
        spawn_local(keep_calling(port, kind, Rc::clone(tally)));
    }
    for _ in 0..ATTACKERS {
        for kind in bad(issuer).into_iter().chain(hostile()) {
            spawn_local(attack(port, kind, Rc::clone(tally)));
        }
    }
    for _ in 0..SLOW_ONES {
        spawn_local(go_slow(port, Rc::clone(tally)));
    }
}

fn good(issuer: &Issuer) -> Vec<Kind> {
    let tokens = issuer.tokens();
    let from = |first: usize, size: usize| {
        let tokens = tokens.clone();
        Box::new(move |number: usize| Some(bearing(&tokens().good[first + number % size])))
    };
    vec![
        Kind { name: "good, one of ten tokens", make: from(0, 10), is_right: OK },
        Kind { name: "good, one of ten tokens", make: from(0, 10), is_right: OK },
        Kind { name: "good, 1 490 tokens in turn", make: from(10, 1_490), is_right: OK },
        Kind { name: "good, 1 490 tokens in turn", make: from(10, 1_490), is_right: OK },
    ]
}

fn bad(issuer: &Issuer) -> Vec<Kind> {
    let of = |pick: fn(&Tokens, usize) -> String| {
        let tokens = issuer.tokens();
        Box::new(move |number: usize| Some(bearing(&pick(&tokens(), number)))) as Make
    };
    let (withdrawn, forged) = (issuer.withdrawn(), of_nobody(issuer));
    vec![
        Kind { name: "tampered", make: of(|tokens, _| tokens.tampered.clone()), is_right: REFUSED },
        Kind { name: "noise for a signature", make: of(with_noise), is_right: REFUSED },
        Kind {
            name: "expired",
            make: of(|tokens, number| tokens.expired[number % 20].clone()),
            is_right: REFUSED,
        },
        Kind {
            name: "for another audience",
            make: of(|tokens, _| tokens.another_audience.clone()),
            is_right: REFUSED,
        },
        Kind {
            name: "of a withdrawn key",
            make: Box::new(move |number| Some(bearing(&withdrawn(number)?))),
            is_right: REFUSED,
        },
        Kind { name: "of nobody's key", make: forged, is_right: REFUSED },
        Kind { name: "without a token", make: Box::new(|_| Some(request(""))), is_right: REFUSED },
    ]
}

/// A good token whose signature is another one each time.
fn with_noise(tokens: &Tokens, number: usize) -> String {
    let token = &tokens.good[number % tokens.good.len()];
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    // 64 bytes, the last character of which bears only zero bits.
    format!("{signed}.{number:085}A")
}

/// Right in everything, by keys that nobody published: each makes the server wonder whether it misses one.
fn of_nobody(issuer: &Issuer) -> Make {
    let identifier = issuer.identifier();
    let mint = |number| Mint::of(Signer::generate("ES256").with_kid(format!("nobody-{number}")), &identifier);
    let tokens: Vec<_> = (0..500).map(|number| bearing(&mint(number).token(number))).collect();
    Box::new(move |number| tokens.get(number % tokens.len()).cloned())
}

fn hostile() -> Vec<Kind> {
    let fixed = |name, bytes: Vec<u8>, is_right| Kind {
        name,
        make: Box::new(move |_| Some(bytes.clone())),
        is_right,
    };
    let twice = "authorization: Bearer a.b.c\r\n".repeat(2);
    vec![
        fixed("a token of 20 KiB", bearing(&"a".repeat(20 << 10)), MALFORMED),
        fixed("two tokens", request(&twice), MALFORMED),
        fixed("a token of forbidden letters", bearing("\u{1}\u{7f}\"\\"), TURNED_AWAY),
        fixed("a deep header", bearing(&format!("{}.e30.AA", deep())), REFUSED),
        fixed("a megabyte of headers", request(&format!("x: {}\r\n", "y".repeat(1 << 20))), TURNED_AWAY),
        fixed("a thousand headers", request(&"x: y\r\n".repeat(1_000)), TURNED_AWAY),
        Kind { name: "random bytes", make: Box::new(|number| Some(random(number))), is_right: TURNED_AWAY },
    ]
}

/// 3 000 opening brackets, in base64url.
fn deep() -> String {
    "W1tb".repeat(1_000)
}

/// Bytes that look like no request, with an end, so that the server need not wait for more (xorshift).
fn random(seed: usize) -> Vec<u8> {
    let mut state = seed as u64 ^ 0x9E37_79B9_7F4A_7C15;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..32).flat_map(|_| next()).collect();
    bytes.extend(b"\r\n\r\n");
    bytes
}

async fn keep_calling(port: u16, kind: Kind, tally: Rc<Tally>) {
    let mut line = Line::new(port);
    for number in 0.. {
        let request = (kind.make)(number).expect("a good one always has something to send");
        let begun = Instant::now();
        let answer = line.ask(&request).await;
        tally.took(begun);
        tally.answered(kind.name, answer, (kind.is_right)(answer));
        sleep(PACE).await;
    }
}

async fn attack(port: u16, kind: Kind, tally: Rc<Tally>) {
    let mut line = Line::new(port);
    for number in 0.. {
        match (kind.make)(number) {
            Some(request) if tally.is_attack() => {
                let answer = line.ask(&request).await;
                tally.answered(kind.name, answer, (kind.is_right)(answer));
            }
            _ => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Opens a request, sends a letter now and then, and goes away in the midst of it.
async fn go_slow(port: u16, tally: Rc<Tally>) {
    const NAME: &str = "slow headers, given up";
    loop {
        sleep(Duration::from_millis(50)).await;
        if !tally.is_attack() {
            continue;
        }
        let mut line = Line::new(port);
        let _ = line.send(b"GET /orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ").await;
        for _ in 0..10 {
            sleep(Duration::from_millis(100)).await;
            let _ = line.send(b"a").await;
        }
        line.hang_up();
        tally.answered(NAME, None, true);
    }
}
