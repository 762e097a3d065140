//! The corpus itself.

use super::{app, orders};
use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use tower_bearer::{
    keys::Algorithm,
    testing::{
        TestIssuer,
        attacks::{Attempt, assert_resists, corpus},
    },
};

#[test]
fn there_are_150_attacks_and_more_each_with_a_name_of_its_own() {
    let names: Vec<_> = corpus().map(|attack| attack.name()).collect();
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    assert!(distinct() >= 150, "{}", distinct());
    for name in names {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(fits) && !name.starts_with('_'), "{name}");
    }
}

/// Copies that differ in a value count once, with what they are copies of.
pub(crate) fn distinct() -> usize {
    corpus().filter(|attack| attack.copy_of().is_none()).count()
}

#[test]
fn a_copy_is_of_an_attack_of_its_category_that_is_none_itself() {
    let copies = corpus().filter_map(|attack| Some((attack, attack.copy_of()?)));
    for (copy, original) in copies {
        let found = corpus().find(|attack| attack.name() == original).unwrap();
        assert_eq!((found.copy_of(), found.category()), (None, copy.category()), "{}", copy.name());
    }
    assert!(distinct() < corpus().count());
}

#[test]
fn what_is_written_of_their_number_is_right() {
    let numbers = format!("{} named attacks ({} without copies", corpus().count(), distinct());
    for text in [include_str!("../../README.md"), include_str!("../../CHANGELOG.md")] {
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(&numbers), "{numbers}");
    }
}

fn is_source(text: &str) -> bool {
    let numbers = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match text.split_once(' ') {
        Some(("RFC", rest)) => {
            rest.split_once(' ').is_some_and(|(rfc, section)| numbers(rfc) && section.split('.').all(numbers))
        }
        _ if text == "field" => true,
        _ => text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')).is_some_and(|(year, number)| {
            numbers(year) && year.len() == 4 && numbers(number) && number.len() >= 4
        }),
    }
}

#[test]
fn each_says_what_it_does_in_a_sentence_and_where_it_is_known_from() {
    let mut sentences = BTreeSet::new();
    for attack in corpus() {
        let (name, what) = (attack.name(), attack.what());
        assert!(what.ends_with('.') && what.len() > 10 && !what.contains(['\n', '\t']), "{name}: {what}");
        assert!(sentences.insert(what), "{name} says what another one says");
        assert!(attack.source().split("; ").all(is_source), "{name}: {}", attack.source());
        assert_eq!(attack.to_string().split('\t').count(), 4, "{name}");
    }
}

#[test]
fn a_source_is_a_section_a_cve_or_the_field() {
    for good in ["RFC 8725 2.1", "RFC 7515 4", "CVE-2022-21449", "field"] {
        assert!(is_source(good), "{good}");
    }
    for bad in ["", "RFC", "RFC 8725", "RFC 8725 a", "CVE-22-1", "a friend", "RFC 8725 2.1."] {
        assert!(!is_source(bad), "{bad}");
    }
}

type Sent = Arc<Mutex<BTreeMap<&'static str, Vec<String>>>>;

/// Everything that is sent, by attack.
fn recorded(app: Router) -> (Router, Sent) {
    let sent = Sent::default();
    let into = Arc::clone(&sent);
    let record = move |request: Request<Body>, next: Next| {
        let attempt = request.extensions().get::<Attempt>().map_or("nobody", |attempt| attempt.attack());
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let extensions = request.extensions().len();
        let line = format!("{method} {uri} {headers:?} {extensions}");
        into.lock().unwrap().entry(attempt).or_default().push(line);
        async move {
            let response: Response = next.run(request).await;
            response
        }
    };
    (app.layer(from_fn(record)), sent)
}

/// EdDSA signs the same bytes the same, so two attacks that are one would be one here.
#[tokio::test]
async fn no_two_attacks_are_the_same() {
    let issuer = TestIssuer::new();
    issuer.sign_with(Algorithm::EdDSA);
    let (app, sent) = recorded(app(issuer.verifier().build().unwrap()));
    let good = |token: tower_bearer::testing::TestToken| token.scope("orders:read");
    assert_resists(&issuer, app, orders).token(good).await;
    let mut sent = sent.lock().unwrap().clone();
    sent.remove("nobody");
    sent.remove("none");
    assert_eq!(sent.len(), corpus().count(), "each has sent something");
    let mut seen = BTreeMap::new();
    for (attack, requests) in sent {
        if let Some(other) = seen.insert(requests, attack) {
            panic!("{attack} sends what {other} sends");
        }
    }
}

/// In a build without optimisation, as a stranger's test would run it; the pure Rust back-end's RSA is slower there.
#[cfg(feature = "aws-lc-rs")]
mod cost {
    use super::*;
    use std::time::{Duration, Instant};

    /// What this thread has worked, where the system says so: what else runs on the machine is not the corpus's.
    fn worked(since: Instant) -> Duration {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let told = told.and_then(|text| text.split(' ').next()?.parse().ok());
        told.map_or_else(|| since.elapsed(), Duration::from_nanos)
    }

    #[tokio::test]
    async fn the_corpus_takes_less_than_five_seconds() {
        let since = Instant::now();
        let before = worked(since);
        let issuer = TestIssuer::new();
        let app = app(issuer.verifier().build().unwrap());
        assert_resists(&issuer, app, orders).token(|token| token.scope("orders:read")).await;
        let took = worked(since).saturating_sub(before);
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}
