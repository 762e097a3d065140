//! Every attack against every broken verifier, as `docs/attacks.md` has it.

use super::{
    document::document,
    judge::{Defect, Plan, issuer, tried},
    mutants::is_harmed,
    ours,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};
use tower_bearer::testing::attacks::corpus;

/// The broken verifiers that fall, by attack.
pub(crate) type Felled = BTreeMap<&'static str, BTreeSet<Defect>>;

/// Each trial holds every attack against one more of the broken verifiers that it can matter to: those of which the sound
/// one had asked, or with `BEARER_WHOLE_MATRIX` all there are, which takes minutes.
async fn felled() -> Felled {
    let issuer = issuer();
    let (_, asked) = tried(&issuer, Plan::new(), |_| true).await;
    let mut left: BTreeMap<&str, Vec<Defect>> = BTreeMap::new();
    if env::var_os("BEARER_WHOLE_MATRIX").is_some() {
        let all: Vec<_> = super::judge::MUTANTS.iter().map(|mutant| mutant.defect).collect();
        left.extend(corpus().map(|attack| (attack.name(), all.clone())));
    } else {
        asked.into_iter().for_each(|(attack, defect)| left.entry(attack).or_default().push(defect));
        left.remove("none");
    }
    let mut felled = Felled::new();
    loop {
        let plan: Plan = left.iter_mut().filter_map(|(attack, all)| Some((*attack, all.pop()?))).collect();
        if plan.is_empty() {
            return felled;
        }
        let (report, _) = tried(&issuer, plan.clone(), |attack| plan.contains_key(attack.name())).await;
        assert!(report.faults().is_empty(), "{report}");
        for (attack, outcome) in report.outcomes() {
            if is_harmed(attack, outcome) {
                felled.entry(attack.name()).or_default().insert(plan[attack.name()]);
            }
        }
    }
}

#[tokio::test]
async fn the_published_matrix_is_what_comes_of_it() {
    let (felled, (met, reasons)) = (felled().await, ours::met().await);
    for attack in corpus() {
        let covers =
            felled.contains_key(attack.name()) || met.get(attack.name()).is_some_and(|met| !met.is_empty());
        assert!(covers, "{} fells nobody, and meets no line of ours", attack.name());
    }
    let text = document(&felled, &met, &reasons);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/attacks.md");
    if env::var_os("BEARER_WRITE_MATRIX").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    let differs = published.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        published == text,
        "docs/attacks.md is not what comes of it, first at {differs:#?}; write it anew by \
         BEARER_WRITE_MATRIX=1 cargo test --test resist matrix"
    );
}
