//! A trial must be able to fail: each of these verifiers has one defect, and falls to the attack that is named for it.
//! Without the defect the same verifier holds against that attack, so it is the defect that lets it in.

use super::judge::{Defect, MUTANTS, Plan, issuer, tried};
use std::collections::BTreeSet;
use tower_bearer::testing::attacks::{Answer, Attack, Category, Outcome, corpus};

/// Let through, or another harm done: locked out, flooded, broken down. A refusal in other words is none.
pub(crate) fn is_harmed(attack: &Attack, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::GotIn | Outcome::LockedOut { .. } | Outcome::Flooded { .. } => true,
        Outcome::Wrong { status, .. } => status.is_server_error() && attack.answer() != Answer::Unavailable,
        _ => false,
    }
}

#[test]
fn there_are_48_broken_verifiers_and_more_each_with_an_attack_of_its_own() {
    let attacks: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.attack).collect();
    assert!(MUTANTS.len() >= 48);
    assert_eq!(attacks.len(), MUTANTS.len());
    for mutant in MUTANTS {
        assert!(mutant.what.ends_with('.') && !mutant.what.contains('|'), "{:?}", mutant.defect);
    }
}

#[test]
fn what_is_written_of_their_number_is_right() {
    let number = format!("{} broken verifiers", MUTANTS.len());
    for text in [include_str!("../../README.md"), include_str!("../../CHANGELOG.md")] {
        assert!(text.contains(&number), "{number}");
    }
}

#[tokio::test]
async fn each_defect_falls_to_its_attack() {
    let named: Plan = MUTANTS.iter().map(|mutant| (mutant.attack, mutant.defect)).collect();
    let (report, _) = tried(&issuer(), named.clone(), |attack| named.contains_key(attack.name())).await;
    assert!(report.faults().is_empty(), "{report}");
    assert_eq!(report.outcomes().len(), MUTANTS.len(), "each is named after an attack that there is");
    let held = report.outcomes().iter().filter(|(attack, outcome)| !is_harmed(attack, outcome));
    let held: Vec<_> = held.map(|(attack, outcome)| (named[attack.name()], attack.name(), outcome)).collect();
    assert!(held.is_empty(), "{held:#?}");
}

#[tokio::test]
async fn without_any_defect_the_verifier_holds_against_all() {
    let (report, _) = tried(&issuer(), Plan::new(), |_| true).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
#[should_panic(expected = "aud_of_another: GOT IN")]
async fn the_panic_names_the_attacks_that_got_in() {
    let claims = |attack: &Attack| attack.category() == Category::Claims;
    let plan = corpus().map(|attack| (attack.name(), Defect::NoAudience)).collect();
    let (report, _) = tried(&issuer(), plan, claims).await;
    panic!("{report}");
}
