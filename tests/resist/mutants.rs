//! A trial must be able to fail: each of these verifiers has one defect, and falls to the attack that is named for it.
//! Without the defect the same verifier holds against that attack, so it is the defect that lets it in.

use super::judge::{Defect, tried};
use tower_bearer::testing::attacks::{Category, Outcome, Report};

/// What is wrong, and what gets in by that.
const MUTANTS: [(Defect, &str); 27] = [
    (Defect::NoneIsAnAlgorithm, "alg_none"),
    (Defect::AlgorithmFromTheHeader, "hmac_with_public_pem"),
    (Defect::NoSignature, "claims_changed"),
    (Defect::NoAudience, "aud_of_another"),
    (Defect::AudienceMayBeAbsent, "aud_missing"),
    (Defect::NoIssuer, "iss_of_a_stranger"),
    (Defect::IssuerInAnyCase, "iss_in_another_case"),
    (Defect::IssuerByItsBeginning, "iss_longer"),
    (Defect::NoExpiry, "exp_missing"),
    (Defect::ExpiryOfATextIsNone, "exp_text"),
    (Defect::LeewayOfADay, "exp_past"),
    (Defect::NoNotBefore, "nbf_future"),
    (Defect::KidIsIgnored, "kid_of_nobody"),
    (Defect::JwkIsFollowed, "jwk_in_the_header"),
    (Defect::JkuIsFollowed, "jku_of_a_stranger"),
    (Defect::CritIsIgnored, "crit_unknown"),
    (Defect::TypIsIgnored, "typ_of_a_logout_token"),
    (Defect::IdTokensPass, "id_token"),
    (Defect::BoundTokensPass, "bound_by_dpop"),
    (Defect::KeysForEver, "key_withdrawn"),
    (Defect::TokensForEver, "seen_and_then_expired"),
    (Defect::SignatureNotRemembered, "seen_and_its_signature_changed"),
    (Defect::FirstOfTwoHeaders, "two_headers_good_first"),
    (Defect::TokenInTheQuery, "token_in_the_query"),
    (Defect::ScopesSplitAtWhiteSpace, "scope_joined_by_tabs"),
    (Defect::EachUnknownKidIsFetched, "flood_of_unknown_kids"),
    (Defect::EmptySetIsTaken, "set_is_empty"),
];

fn outcome(report: &Report, attack: &str) -> Outcome {
    let found = report.outcomes().iter().find(|(tried, _)| tried.name() == attack);
    found.unwrap_or_else(|| panic!("no such attack: {attack}; {report}")).1.clone()
}

/// Let through, or another harm done; a refusal in other words is none.
fn harmed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::GotIn | Outcome::LockedOut { .. } | Outcome::Flooded { .. })
}

#[tokio::test]
async fn each_defect_falls_to_its_attack_and_without_it_the_verifier_holds() {
    let sound = tried(Defect::None, |tried| MUTANTS.iter().any(|(_, attack)| *attack == tried.name())).await;
    for (defect, attack) in MUTANTS {
        let held = outcome(&sound, attack);
        assert!(!harmed(&held), "without any defect, {attack}: {held}");
        let broken = tried(defect, |tried| tried.name() == attack).await;
        assert!(broken.faults().is_empty(), "{defect:?}: {broken}");
        let fell = outcome(&broken, attack);
        assert!(harmed(&fell), "{defect:?}, {attack}: {fell}\n{broken}");
        assert!(!broken.is_clean());
    }
}

#[tokio::test]
#[should_panic(expected = "aud_of_another: GOT IN")]
async fn the_panic_names_the_attacks_that_got_in() {
    let report = tried(Defect::NoAudience, |attack| attack.category() == Category::Claims).await;
    panic!("{report}");
}
