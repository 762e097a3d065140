//! Remembered tokens whose issuer has fixed keys: nothing but the list's version and the clock is asked.

use super::{judged, seconds};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};
use tower_bearer::{
    Issuer, Verifier,
    keys::Algorithm,
    testing::{AUDIENCE, TestIssuer},
};

fn fixed(issuer: &TestIssuer) -> Issuer {
    issuer.sign_with(Algorithm::HS256);
    issuer.hmac_issuer(Algorithm::HS256)
}

fn verifier(issuers: &[&TestIssuer]) -> Verifier {
    let named = issuers.iter().fold(Verifier::builder(), |builder, issuer| builder.issuer(fixed(issuer)));
    named.audience(AUDIENCE).clock(issuers[0].clock()).build().unwrap()
}

#[tokio::test]
async fn a_settled_token_ends_with_its_time_whichever_way_the_clock_goes() {
    let issuer = TestIssuer::new();
    let verifier = verifier(&[&issuer]);
    let token = issuer.token().expires_in(seconds(300)).sign();
    for _ in 0..3 {
        assert_eq!(judged(&verifier, &token).await, "passes");
    }
    issuer.clock().set_back(seconds(3600));
    assert_eq!(judged(&verifier, &token).await, "iat_future");
    issuer.clock().advance(seconds(3600 + 359));
    assert_eq!(judged(&verifier, &token).await, "passes");
    issuer.clock().advance(seconds(1));
    assert_eq!(judged(&verifier, &token).await, "exp_past");
}

#[tokio::test]
async fn a_settled_token_ends_with_its_issuer_and_does_not_come_back_under_other_keys() {
    let (issuer, other) = (TestIssuer::new(), TestIssuer::named("https://other.example.com"));
    let same_name = TestIssuer::named(issuer.identifier());
    for issuers in [&[&issuer][..], &[&issuer, &other]] {
        let verifier = verifier(issuers);
        let token = issuer.token().sign();
        for _ in 0..3 {
            assert_eq!(judged(&verifier, &token).await, "passes");
        }
        // Another change of the list settles it anew.
        let third = TestIssuer::named("https://third.example.com");
        verifier.add_issuer(fixed(&third)).unwrap();
        assert_eq!(judged(&verifier, &token).await, "passes");
        assert!(verifier.remove_issuer(issuer.identifier()));
        // With one issuer left, the signature is looked at first.
        let refused = judged(&verifier, &token).await;
        assert!(["issuer_unknown", "signature_invalid"].contains(&refused), "{refused}");
        verifier.add_issuer(fixed(&same_name)).unwrap();
        assert_ne!(judged(&verifier, &token).await, "passes");
    }
}

/// Many threads settle it while one takes the issuer away and brings it back: once `remove_issuer` has returned, and until
/// it is added again, nobody who begins then is let in.
#[test]
fn no_thread_settles_a_token_for_an_issuer_that_is_gone() {
    let (issuer, other) = (TestIssuer::new(), TestIssuer::named("https://other.example.com"));
    let verifier = verifier(&[&issuer, &other]);
    let token = issuer.token().sign();
    let (over, wrong) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        move |verifier: &Verifier, token: &str| runtime.block_on(judged(verifier, token))
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let ask = ask();
                while !over.load(Ordering::Acquire) {
                    ask(&verifier, &token);
                }
            });
        }
        let ask = ask();
        for _ in 0..500 {
            assert!(verifier.remove_issuer(issuer.identifier()));
            for _ in 0..3 {
                wrong.fetch_add(usize::from(ask(&verifier, &token) == "passes"), Ordering::Relaxed);
            }
            verifier.add_issuer(fixed(&issuer)).unwrap();
            ask(&verifier, &token);
        }
        over.store(true, Ordering::Release);
    });
    assert_eq!(wrong.into_inner(), 0);
}
