//! What the public types say of themselves: something, and no key and no secret.

use tower_bearer::{
    AuthenticateLayer, Issuer, Verifier,
    keys::{Algorithm, HttpFetch, KeySet, KeySetError},
    policy::Policies,
    testing::TestIssuer,
    verify::Step,
};

#[test]
fn debug_shows_something() {
    // Not every set of features has a client of its own for `https`.
    let transport = TestIssuer::new().transport();
    let issuer =
        Issuer::jwks("https://id.example.com", "https://id.example.com/jwks").unwrap().fetch(transport);
    let builder = || Verifier::builder().issuer(issuer.clone()).audience("api");
    let verifier = builder().build().unwrap();
    for (name, shown, part) in [
        ("HttpFetch", format!("{:?}", HttpFetch::default()), "HttpFetch"),
        ("KeySet", format!("{:?}", KeySet::default()), "KeySet"),
        ("VerifierBuilder", format!("{:?}", builder()), "VerifierBuilder"),
        ("Verifier", format!("{verifier:?}"), "Verifier"),
        ("AuthenticateLayer", format!("{:?}", AuthenticateLayer::new(verifier.clone())), "AuthenticateLayer"),
    ] {
        assert!(shown.contains(part), "{name}: {shown}");
    }
}

#[test]
fn errors_have_words() {
    let unknown = "RS255".parse::<Algorithm>().unwrap_err().to_string();
    assert!(unknown.contains("algorithm"), "{unknown}");
    for error in [KeySetError::Malformed, KeySetError::TooLarge, KeySetError::TooManyKeys] {
        assert!(error.to_string().starts_with("the key set"), "{error:?}");
    }
    assert_eq!(Step::Key.to_string(), "key");
    let error = serde_json::from_str::<Policies>("3").unwrap_err().to_string();
    assert!(error.contains("policies by name"), "{error}");
}
