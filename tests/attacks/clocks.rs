//! Logins held against a clock that somebody turns.

use super::seconds;
use serde_json::json;
use tower_bearer::{
    policy::{Decision, Policy, Rule, acr, authenticated, max_age, rule},
    testing::TestIssuer,
};

struct Fresh;

impl Rule for Fresh {
    const NAME: &'static str = "fresh";

    fn policy() -> Policy {
        acr("gold") & max_age(seconds(300))
    }
}

#[tokio::test]
async fn a_login_is_judged_by_the_clock_of_the_moment_also_of_a_remembered_token() {
    let issuer = TestIssuer::new();
    let clock = issuer.clock();
    let verifier = issuer.verifier().build().unwrap();
    let now = {
        use tower_bearer::clock::Clock as _;
        clock.wall().as_secs()
    };
    let token =
        issuer.token().claim("acr", "gold").claim("auth_time", now).expires_in(seconds(90_000)).sign();
    let policy = rule::<Fresh>() | authenticated() & rule::<Fresh>();
    let met = || async {
        let claims = verifier.verify(&token).await.unwrap();
        let explained = verifier.explain(&token, &policy).await;
        let decided = policy.decide(Some(claims.principal()));
        assert_eq!(decided.is_allow(), explained.is_allowed());
        if let Decision::Deny(denial) = &decided {
            assert!(denial.is_step_up(), "{decided:?}");
            assert_eq!(denial.max_age(), Some(seconds(300)));
            assert!(denial.acr_values().eq(["gold"]));
            let client = explained.for_client().to_json();
            assert_eq!((&client["status"], &client["max_age"]), (&json!(401), &json!(300)));
        }
        decided.is_allow()
    };
    assert!(met().await);
    clock.advance(seconds(360));
    assert!(met().await, "with the leeway");
    clock.advance(seconds(1));
    assert!(!met().await);
    clock.set_back(seconds(361));
    assert!(met().await);
    clock.set_back(seconds(60));
    assert!(met().await, "a login a minute ahead");
    clock.suspend(seconds(86_400));
    assert!(!met().await);
}

#[tokio::test]
async fn a_login_at_a_time_that_is_none_is_no_recent_one() {
    let issuer = TestIssuer::new();
    let verifier = issuer.verifier().build().unwrap();
    let longest: Policy = "max_age(4294967295)".parse().unwrap();
    for (time, met) in [
        (json!(0), true),
        (json!(-1.5), true),
        (json!(-9_007_199_254_740_992_i64), false),
        (json!(9_007_199_254_740_992_i64), false),
        (json!(1e300), false),
        (json!("0"), false),
        (json!([0]), false),
        (json!(null), false),
        (json!(true), false),
    ] {
        let token = issuer.token().claim("auth_time", time.clone()).sign();
        let claims = verifier.verify(&token).await.unwrap();
        let caller = claims.principal();
        assert_eq!(longest.decide(Some(caller)).is_allow(), met, "{time}");
        let _ = (caller.authenticated_at(), longest.explain(Some(caller)), longest.lacking(Some(caller)));
    }
}
