//! A set-up that cannot work: every fault at once, each under the name that the operator wrote.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#[test]
fn no_backend_is_a_fault_of_the_set_up_and_of_every_key() {
    use tower_bearer::{
        Verifier,
        keys::{Algorithm, Key, KeyError},
    };
    assert_eq!(Key::from_secret(&[7; 32], Algorithm::HS256).err(), Some(KeyError::NoBackend));
    let error = Verifier::builder().audience("x").build().unwrap_err();
    assert!(error.faults().iter().any(|fault| fault.setting() == "features"), "{error}");
}

#[cfg(all(feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod with_a_backend {
    use std::{collections::BTreeSet, process::Command, time::Duration};
    use tower_bearer::{
        ConfigError, Issuer, Verifier,
        error::{Fault, Reason},
        issuer::Settings,
        keys::{Algorithm, FetchError, FetchFuture, FetchRequest, Key, KeySet},
        testing::{AUDIENCE, TestIssuer},
        verify::{KeyState, VerifierBuilder},
    };

    const A: &str = "https://a.test";
    /// For settings, which bring no transport of their own: a build may lack TLS.
    const LOCAL: &str = "http://127.0.0.1:1";
    const SECRET: [u8; 64] = *b"s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-!";

    /// Somebody's own transport, so that no build of this crate lacks TLS.
    struct Nowhere;

    impl tower_bearer::keys::Fetch for Nowhere {
        fn fetch<'a>(&'a self, _: &'a FetchRequest) -> FetchFuture<'a> {
            Box::pin(std::future::ready(Err(FetchError::Status(404))))
        }
    }

    fn discovered(issuer: &str) -> Issuer {
        Issuer::discover(issuer).unwrap().fetch(Nowhere)
    }

    fn fixed(issuer: &str) -> Issuer {
        Issuer::keys(issuer, KeySet::from_json(TestIssuer::new().jwks().to_string()).unwrap()).unwrap()
    }

    /// The settings at fault, in order.
    fn faults<T>(built: Result<T, ConfigError>) -> Vec<String> {
        let error = built.err().expect("a fault");
        let shown = error.to_string();
        for fault in error.faults() {
            assert!(!fault.sentence().is_empty() && shown.contains(&fault.to_string()), "{shown}");
        }
        error.faults().iter().map(Fault::setting).map(str::to_owned).collect()
    }

    fn of(builder: VerifierBuilder) -> Vec<String> {
        faults(builder.build())
    }

    fn good() -> VerifierBuilder {
        Verifier::builder().issuer(discovered(A)).audience(AUDIENCE)
    }

    #[test]
    fn a_set_up_with_an_issuer_and_an_audience_is_whole() {
        assert!(good().build().is_ok());
        assert_eq!(of(Verifier::builder()), ["issuer", "audience"]);
        assert_eq!(of(Verifier::builder().audience(AUDIENCE)), ["issuer"]);
        assert_eq!(of(Verifier::builder().issuer(discovered(A))), ["audience"]);
        assert_eq!(of(Verifier::builder().issuer(discovered(A)).audience("")), ["audience"]);
        assert_eq!(of(good().audience("")), ["audience"], "a good one beside it does not hide it");
    }

    #[test]
    fn every_fault_of_a_builder_is_told_at_once() {
        let second = Duration::from_secs(1);
        let everything = discovered(A)
            .algorithms([Algorithm::HS256])
            .also_known_as("")
            .accept_typ("")
            .scopes_from([""])
            .roles_from(["/a//b"])
            .permissions_from([""; 0])
            .groups_from(["/a~2"])
            .metadata_url("https://user:hunter2@a.test/metadata")
            .key_ttl(Duration::ZERO)
            .max_stale(24 * 3600 * second + second)
            .key_cooldown(Duration::ZERO)
            .fetch_timeout(61 * second)
            .key_refresh_at(f64::NAN)
            .key_back_off(2 * second, second)
            .max_wait(Duration::ZERO)
            .max_waiting(0)
            .max_document_bytes(1)
            .max_keys(101);
        let told = of(Verifier::builder()
            .issuer(everything)
            .issuer(discovered(A))
            .issuer(discovered("http://keycloak:8080/realms/acme"))
            .issuer(
                Issuer::jwks("https://b.test", "https://b.test/jwks").unwrap().fetch(Nowhere).metadata_url(A),
            )
            .issuer(
                Issuer::hmac("https://c.test", &SECRET, Algorithm::HS256)
                    .unwrap()
                    .algorithms([Algorithm::RS256]),
            )
            .audience("")
            .algorithms([Algorithm::HS512])
            .leeway(301 * second));
        let of_a = [
            "algorithms",
            "also_known_as",
            "accept_typ",
            "scopes_from",
            "roles_from",
            "permissions_from",
            "groups_from",
            "metadata_url",
            "key_ttl",
            "max_stale",
            "key_cooldown",
            "fetch_timeout",
            "key_refresh_at",
            "key_back_off",
            "max_wait",
            "max_waiting",
            "max_document_bytes",
            "max_keys",
        ];
        // An identifier is an identifier, whichever setter it came by.
        let name = |setting: &str| if setting == "also_known_as" { "issuer" } else { setting }.to_owned();
        let mut expected: BTreeSet<_> =
            of_a.iter().map(|setting| format!("issuer {A}: {}", name(setting))).collect();
        expected.extend(
            [
                "issuer http://keycloak:8080/realms/acme: address",
                "issuer https://b.test: metadata_url",
                "issuer https://c.test: algorithms",
                "issuer",
                "audience",
                "algorithms",
                "leeway",
            ]
            .map(str::to_owned),
        );
        assert_eq!(told.iter().cloned().collect::<BTreeSet<_>>(), expected, "{told:#?}");
    }

    #[test]
    fn a_leeway_is_at_most_five_minutes() {
        for seconds in [0, 60, 300] {
            assert!(good().leeway(Duration::from_secs(seconds)).build().is_ok(), "{seconds}");
        }
        for leeway in [Duration::from_millis(300_001), Duration::from_secs(301), Duration::MAX] {
            assert_eq!(of(good().leeway(leeway)), ["leeway"], "{leeway:?}");
        }
    }

    #[test]
    fn hmac_is_a_fault_wherever_it_is_listed_beside_a_key_set() {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let mixed = [Algorithm::RS256, algorithm];
            assert_eq!(of(good().algorithms(mixed)), ["algorithms"], "{algorithm}");
            for trusted in
                [discovered(A), fixed(A), Issuer::jwks(A, "https://a.test/k").unwrap().fetch(Nowhere)]
            {
                let builder = Verifier::builder().issuer(trusted.algorithms(mixed)).audience(AUDIENCE);
                assert_eq!(of(builder), [format!("issuer {A}: algorithms")], "{algorithm}");
            }
        }
        let shared = || Issuer::hmac(A, &SECRET, Algorithm::HS256).unwrap();
        let builder = |issuer| Verifier::builder().issuer(issuer).audience(AUDIENCE);
        assert!(builder(shared()).build().is_ok());
        let mixed = shared().algorithms([Algorithm::HS256, Algorithm::RS256]);
        assert_eq!(of(builder(mixed)), [format!("issuer {A}: algorithms")]);
    }

    #[test]
    fn a_list_of_no_algorithms_is_a_fault_and_not_all_of_them() {
        assert_eq!(of(good().algorithms([])), ["algorithms"]);
        let none = Verifier::builder().issuer(discovered(A).algorithms([])).audience(AUDIENCE);
        assert_eq!(of(none), [format!("issuer {A}: algorithms")]);
    }

    #[test]
    fn a_secret_is_long_enough_or_a_fault_that_does_not_repeat_it() {
        for (algorithm, least) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
            assert!(Issuer::hmac(A, &SECRET[..least], algorithm).is_ok(), "{algorithm}");
            for length in [0, 1, 16, least - 1] {
                let error = Issuer::hmac(A, &SECRET[..length], algorithm).unwrap_err();
                assert_eq!(error.faults()[0].setting(), "secret", "{algorithm} {length}");
                assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
            }
        }
        assert_eq!(faults(Issuer::hmac(A, &SECRET, Algorithm::ES256)), ["algorithm"]);
        assert_eq!(faults(Issuer::hmac("", &SECRET, Algorithm::HS256)), ["issuer"]);
    }

    #[test]
    fn a_fixed_set_has_usable_public_keys() {
        let set = |json: &str| KeySet::from_json(json).unwrap();
        assert_eq!(faults(Issuer::keys(A, set(r#"{"keys":[]}"#))), ["keys"]);
        assert_eq!(faults(Issuer::keys(A, set(r#"{"keys":[{"kty":"oct","k":"AAAA"},1]}"#))), ["keys"]);
        let secret = Key::from_secret(&SECRET, Algorithm::HS256).unwrap();
        let public = Key::from_pem(&TestIssuer::new().public_pem(Algorithm::ES256).unwrap()).unwrap();
        let mixed = KeySet::from_keys([public.clone(), secret]);
        assert_eq!(faults(Issuer::keys(A, mixed)), ["keys"], "a secret goes to Issuer::hmac");
        assert_eq!(faults(Issuer::keys(" ", KeySet::from_keys([public.clone()]))), ["issuer"]);
        assert!(Issuer::keys(A, KeySet::from_keys([public])).is_ok());
    }

    #[test]
    fn an_identifier_is_named_once() {
        let twice = |first: Issuer, second: Issuer| {
            of(Verifier::builder().issuer(first).issuer(second).audience(AUDIENCE))
        };
        assert_eq!(twice(discovered(A), discovered(A)), ["issuer"]);
        assert_eq!(twice(discovered(A), fixed(A)), ["issuer"]);
        assert_eq!(twice(discovered(A), discovered("https://b.test").also_known_as(A)), ["issuer"]);
        assert_eq!(
            of(Verifier::builder().issuer(discovered(A).also_known_as(A)).audience(AUDIENCE)),
            ["issuer"]
        );
        let beside = Verifier::builder().issuer(discovered(A)).issuer(discovered("https://a.test/"));
        assert!(beside.audience(AUDIENCE).build().is_ok(), "one byte more is another issuer");
    }

    #[test]
    fn an_address_is_https_or_loopback_and_carries_no_password() {
        for bad in
            ["", "a", "a.test", "/x", "ftp://a.test", "https://", "file:///etc/passwd", "https://u:p@a.test"]
        {
            assert_eq!(faults(Issuer::discover(bad)), ["issuer"], "{bad}");
            assert_eq!(faults(Issuer::jwks(A, bad)), ["jwks_uri"], "{bad}");
            let builder = Verifier::builder().issuer(discovered(A).metadata_url(bad)).audience(AUDIENCE);
            assert_eq!(of(builder), [format!("issuer {A}: metadata_url")], "{bad}");
        }
        for bad in ["https://a.test?x", "https://a.test#x", "https://a.test/?"] {
            assert_eq!(faults(Issuer::discover(bad)), ["issuer"], "{bad}");
        }
        let builder = |issuer: Issuer| Verifier::builder().issuer(issuer.fetch(Nowhere)).audience(AUDIENCE);
        for plain in [
            "http://a.test",
            "http://keycloak:8080",
            "http://127.0.0.1.evil.test",
            "http://localhost.evil.test",
        ] {
            let discovered = || Issuer::discover(plain).unwrap();
            let jwks = || Issuer::jwks(A, plain).unwrap();
            let metadata = || Issuer::discover(A).unwrap().metadata_url(plain);
            for issuer in [discovered(), jwks(), metadata()] {
                let told = of(builder(issuer));
                assert!(told.len() == 1 && told[0].ends_with(": address"), "{plain} {told:?}");
            }
            for issuer in [discovered(), jwks(), metadata()] {
                assert!(builder(issuer.danger_allow_http()).build().is_ok(), "{plain}");
            }
        }
        for local in ["http://127.0.0.1:8080/x", "http://[::1]/x", "http://localhost/x"] {
            assert!(builder(Issuer::discover(local).unwrap()).build().is_ok(), "{local}");
        }
    }

    #[test]
    fn a_duration_is_within_its_range() {
        type Setter = fn(Issuer, Duration) -> Issuer;
        let day = 24 * 3600 * 1000;
        // A time to live must be longer than a fetch may take.
        let quick_ttl = |issuer: Issuer, ttl| issuer.fetch_timeout(Duration::from_millis(100)).key_ttl(ttl);
        let table: [(&str, Setter, [u64; 2], &[u64]); 5] = [
            ("key_ttl", quick_ttl, [1000, day], &[0, 999, day + 1]),
            ("max_wait", Issuer::max_wait, [10, 30_000], &[0, 9, 30_001]),
            ("max_stale", Issuer::max_stale, [0, day], &[day + 1]),
            ("key_cooldown", Issuer::key_cooldown, [100, 3_600_000], &[0, 99, 3_600_001]),
            ("fetch_timeout", Issuer::fetch_timeout, [100, 60_000], &[0, 99, 60_001]),
        ];
        for (name, set, edges, beyond) in table {
            let builder = |millis| {
                Verifier::builder()
                    .issuer(set(discovered(A), Duration::from_millis(millis)))
                    .audience(AUDIENCE)
            };
            for edge in edges {
                assert!(builder(edge).build().is_ok(), "{name} {edge}");
            }
            for &bad in beyond {
                assert_eq!(of(builder(bad)), [format!("issuer {A}: {name}")], "{bad}");
            }
        }
    }

    #[test]
    fn a_path_names_a_claim_or_is_a_fault() {
        type Setter = for<'a> fn(Issuer, Vec<&'a str>) -> Issuer;
        let table: [(&str, Setter); 4] = [
            ("scopes_from", |issuer, paths| issuer.scopes_from(paths)),
            ("roles_from", |issuer, paths| issuer.roles_from(paths)),
            ("permissions_from", |issuer, paths| issuer.permissions_from(paths)),
            ("groups_from", |issuer, paths| issuer.groups_from(paths)),
        ];
        for (name, set) in table {
            let builder = |paths| Verifier::builder().issuer(set(discovered(A), paths)).audience(AUDIENCE);
            for bad in [vec![], vec!["good", ""], vec!["/"], vec!["/a/"], vec!["//a"], vec!["/a~"]] {
                let told = of(builder(bad.clone()));
                let expected = format!("issuer {A}: {name}");
                assert!(
                    !told.is_empty() && told.iter().all(|setting| *setting == expected),
                    "{bad:?} {told:?}"
                );
            }
            assert!(builder(vec!["a", "/a/b", "https://a.test/roles"]).build().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_metadata_address_is_for_discovery_only() {
        for issuer in [fixed(A), Issuer::jwks(A, "https://a.test/jwks").unwrap().fetch(Nowhere)] {
            let builder =
                Verifier::builder().issuer(issuer.metadata_url("https://a.test/m")).audience(AUDIENCE);
            assert_eq!(of(builder), [format!("issuer {A}: metadata_url")]);
        }
        let builder = Verifier::builder().issuer(discovered(A).metadata_url("https://a.test/m"));
        assert!(builder.audience(AUDIENCE).build().is_ok());
    }

    #[test]
    fn building_needs_no_runtime_and_asks_nobody() {
        let issuer = TestIssuer::new();
        let verifier = issuer.verifier().build().unwrap();
        assert_eq!(verifier.status().issuers[0].state, KeyState::NeverLoaded);
        assert_eq!(issuer.fetches(), 0);
    }

    /// Each with a fault of its own, under its name in a file.
    const FAULTY: &[(&str, &str)] = &[
        ("issuer", r#""http://a.test""#),
        ("audience", r#""a,,b""#),
        ("leeway", "301"),
        ("algorithms", r#"["RS256", "HS256", "none"]"#),
        ("strict", r#""yes please""#),
        ("danger_allow_http", r#""maybe""#),
        ("jwks_cooldown", "-1"),
        ("jwks_timeout", "0.01"),
        ("jwks_ttl", r#""soon""#),
        ("jwks_max_stale", "1e9"),
        ("jwks_url", r#""https://a.test/jwks""#),
        ("isuer", r#""https://a.test""#),
    ];

    fn toml(text: &str) -> Settings {
        toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn vars<'a>(vars: impl IntoIterator<Item = (&'a str, &'a str)>) -> Settings {
        Settings::from_vars(vars.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    fn names(list: &[String]) -> BTreeSet<&str> {
        list.iter().map(String::as_str).collect()
    }

    #[test]
    fn every_fault_of_a_file_is_told_at_once_under_the_name_it_has_there() {
        let text: String = FAULTY.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let told = faults(Verifier::builder().settings(toml(&text)).leeway(Duration::from_secs(400)).build());
        let expected: BTreeSet<_> = FAULTY.iter().map(|(name, _)| *name).collect();
        assert_eq!(names(&told), expected, "{told:#?}");
        assert_eq!(told.iter().filter(|name| *name == "leeway").count(), 2, "the file's and the builder's");
        assert_eq!(names(&faults(toml(&text).check())), expected);
    }

    #[test]
    fn every_fault_of_the_environment_is_told_at_once_under_its_variable() {
        let upper: Vec<_> = FAULTY
            .iter()
            .map(|(name, value)| {
                (format!("BEARER_{}", name.to_uppercase()), value.replace(['"', '[', ']'], ""))
            })
            .collect();
        let settings = vars(upper.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let told = faults(Verifier::builder().settings(settings).build());
        let expected: BTreeSet<_> = upper.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names(&told), expected, "{told:#?}");
    }

    #[test]
    fn a_required_setting_that_is_missing_or_empty_is_a_fault() {
        assert_eq!(faults(toml("").check()), ["issuer", "audience"]);
        assert_eq!(faults(vars([]).check()), ["BEARER_ISSUER", "BEARER_AUDIENCE"]);
        for empty in ["\"\"", "\" \"", "[]", "[\"\"]", "\",\"", "1", "true", "[1]", "{ a = 1 }", "1979-05-27"]
        {
            let text = format!("issuer = {empty}\naudience = {empty}");
            assert_eq!(names(&faults(toml(&text).check())), BTreeSet::from(["issuer", "audience"]), "{text}");
            let built = faults(Verifier::builder().settings(toml(&text)).build());
            assert_eq!(names(&built), BTreeSet::from(["issuer", "audience"]), "{text}");
        }
        for blank in ["", " ", "\t"] {
            let told = faults(vars([("BEARER_ISSUER", LOCAL), ("BEARER_AUDIENCE", blank)]).check());
            assert_eq!(told, ["BEARER_AUDIENCE"], "{blank:?}");
        }
    }

    #[test]
    fn an_audience_of_white_space_is_a_fault_of_a_list_and_of_the_builder_too() {
        for blank in [" ", "  ", "\t"] {
            let text = format!("issuer = '{LOCAL}'\naudience = ['x', '{blank}']");
            let listed = toml(&text).check();
            let built = good().audience(blank).build();
            assert!(listed.is_err() && built.is_err(), "{blank:?}: {listed:?} {built:?}");
        }
    }

    #[test]
    fn one_key_set_is_not_for_several_issuers() {
        let text = "issuer = ['http://127.0.0.1:1', 'http://127.0.0.1:2']\naudience = 'x'\n";
        assert!(toml(text).check().is_ok());
        let told = faults(toml(&format!("{text}jwks_uri = 'http://127.0.0.1:1/jwks'")).check());
        assert_eq!(told, ["jwks_uri"]);
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_a_fault_and_never_the_default() {
        for (name, values) in [
            ("leeway", &["'soon'", "-1", "nan", "inf", "-inf", "true", "[60]", "''", "300.5", "1e300"][..]),
            ("strict", &["1.5", "'on'", "'yes'", "[true]", "''", "2", "{ a = true }"]),
            ("danger_allow_http", &["'on'", "''", "2"]),
            (
                "algorithms",
                &["[]", "''", "'none'", "'rs256'", "'RS256,'", "['HS256']", "1", "['RS256', 'ES256K']"],
            ),
            ("jwks_uri", &["''", "'a'", "1", "['https://a.test']", "'http://a.test'"]),
            ("jwks_cooldown", &["0", "0.05", "3601", "'5s'"]),
            ("jwks_timeout", &["0", "0.05", "61", "true"]),
            ("jwks_ttl", &["0", "0.5", "86401"]),
            ("jwks_max_stale", &["-1", "86401", "'1h'"]),
        ] {
            for value in values {
                let text = format!("issuer = '{LOCAL}'\naudience = 'x'\n{name} = {value}");
                assert_eq!(names(&faults(toml(&text).check())), BTreeSet::from([name]), "{text}");
            }
        }
        for (name, values) in [
            ("leeway", &["0", "60", "1.5", "300", "'30'"][..]),
            ("strict", &["true", "false", "'true'", "'0'"]),
            ("algorithms", &["'RS256'", "'RS256, ES256'", "['EdDSA']", "['Ed25519']"]),
            ("jwks_cooldown", &["0.1", "3600"]),
            ("jwks_timeout", &["0.1", "60"]),
            ("jwks_ttl", &["6", "86400"]),
            ("jwks_max_stale", &["0", "86400"]),
        ] {
            for value in values {
                let text = format!("issuer = '{LOCAL}'\naudience = 'x'\n{name} = {value}");
                assert!(toml(&text).check().is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn settings_and_builder_are_one_set_up() {
        let settings = || toml("issuer = 'http://127.0.0.1:1'\naudience = 'x'");
        assert_eq!(
            faults(Verifier::builder().settings(settings()).issuer(discovered(LOCAL)).build()),
            ["issuer"]
        );
        assert_eq!(faults(Verifier::builder().settings(settings()).audience("").build()), ["audience"]);
        assert_eq!(
            faults(Verifier::builder().settings(settings()).algorithms([Algorithm::HS256]).build()),
            ["algorithms"]
        );
        let half = || toml("issuer = 'http://127.0.0.1:1'");
        assert!(
            Verifier::builder().settings(half()).audience("x").build().is_ok(),
            "it may come from either"
        );
        assert!(Verifier::builder().audience("x").settings(half()).build().is_ok(), "in any order");
        assert_eq!(faults(Verifier::builder().settings(half()).build()), ["audience"]);
        let mapped = || discovered(A).roles_from(["/realm_access/roles"]);
        assert!(Verifier::builder().settings(toml("audience = 'x'")).issuer(mapped()).build().is_ok());
        assert_eq!(faults(toml("audience = 'x'\nroles_from = '/a/'").check()), ["roles_from", "issuer"]);
        assert_eq!(faults(good().roles_from(["//"]).build()), ["roles_from"]);
    }

    /// Seconds of the real clock, which a verifier out of settings runs on.
    fn now() -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        since.as_secs().try_into().unwrap()
    }

    async fn refusal(settings: &str, issuer: &TestIssuer, token: &str) -> Option<Reason> {
        let text = format!("issuer = '{}'\naudience = ['x', '{AUDIENCE}']\n{settings}", issuer.identifier());
        let verifier = Verifier::builder().settings(toml(&text)).build().unwrap();
        verifier.verify(token).await.err().map(|error| error.reason())
    }

    #[tokio::test]
    async fn every_setting_of_a_file_is_in_force() {
        let issuer = TestIssuer::serve().await.unwrap();
        let just_expired = issuer.token().claim("exp", now() - 20).sign();
        let plain = issuer.token().sign();
        let jwks = format!("jwks_uri = '{}/jwks'", issuer.identifier());
        let elsewhere = format!("jwks_uri = '{}/nothing'", issuer.identifier());
        for (name, settings, token, refused) in [
            ("the defaults", "", &plain, None),
            ("the default leeway", "", &just_expired, None),
            ("no leeway", "leeway = 0", &just_expired, Some(Reason::ExpPast)),
            ("a leeway", "leeway = 300", &just_expired, None),
            ("strict", "strict = true", &plain, Some(Reason::StrictTyp)),
            ("not strict", "strict = false", &plain, None),
            ("an algorithm", "algorithms = 'ES256'", &plain, None),
            ("another algorithm", "algorithms = ['RS256']", &plain, Some(Reason::AlgNotAllowed)),
            ("an address", &jwks, &plain, None),
            ("an address without keys", &elsewhere, &plain, Some(Reason::KeysUnavailable)),
        ] {
            assert_eq!(refusal(settings, &issuer, token).await, refused, "{name}");
        }
        let other = issuer.token().audience("y").sign();
        assert_eq!(refusal("", &issuer, &other).await, Some(Reason::AudMismatch));
        let second = issuer.token().audience("x").sign();
        assert_eq!(refusal("", &issuer, &second).await, None);
    }

    /// Runs in a process of its own: a test cannot change its own environment.
    #[test]
    #[ignore = "run by the test below, with an environment of its own"]
    #[expect(clippy::print_stdout, reason = "the parent reads it")]
    fn child_of_the_environment() {
        match Verifier::from_env() {
            Ok(verifier) => println!("built {verifier:?}"),
            Err(error) => println!("refused {error}"),
        }
    }

    #[test]
    fn two_variables_of_the_environment_are_the_whole_set_up() {
        let built = |vars: &[(&str, &str)]| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "with_a_backend::child_of_the_environment", "--ignored", "--nocapture"]);
            let ours = std::env::vars_os().map(|(name, _)| name);
            for name in ours.filter(|name| name.to_string_lossy().starts_with("BEARER_")) {
                child.env_remove(name);
            }
            let output = child.envs(vars.iter().copied()).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let [issuer, audience] = [("BEARER_ISSUER", "http://127.0.0.1:1"), ("BEARER_AUDIENCE", "x")];
        assert!(built(&[issuer, audience]).contains("built "));
        let nothing = built(&[]);
        assert!(
            nothing.contains("refused ")
                && nothing.contains("BEARER_ISSUER: ")
                && nothing.contains("BEARER_AUDIENCE: ")
        );
        let leeway = built(&[issuer, audience, ("BEARER_LEEWAY", "301")]);
        assert!(leeway.contains("refused ") && leeway.contains("BEARER_LEEWAY: "), "{leeway}");
    }
}
