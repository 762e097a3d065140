//! The matrix for people.

use super::{
    corpus::distinct,
    judge::{Defect, MUTANTS},
    matrix::Felled,
    ours::{Given, Met, files},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};
use tower_bearer::{
    testing::attacks::{Attack, corpus},
    verify::Step,
};

pub(crate) fn document(felled: &Felled, met: &Met, reasons: &BTreeSet<Given>) -> String {
    let without = corpus().filter(|attack| !felled.contains_key(attack.name())).count();
    let count = corpus().count();
    let only = BTreeSet::from([Defect::NoSignature]);
    let unverified = felled.values().filter(|all| **all == only).count();
    let (distinct, verifiers, some) = (distinct(), MUTANTS.len(), count - without);
    let mut text = format!(
        "\
# Which attack fells which verifier

{count} attacks of `testing::attacks` ({distinct} without copies that differ in a value) against {verifiers} verifiers with one
defect each. Each verifier falls to the attack that is named for it; without the defect it holds against all of them. {some}
attacks fell at least one, {unverified} of them only the one that does not verify. {without} fell none: those name the line of
ours that they meet.

Written by `tests/resist`, and held against it in each run. To write it anew:

```sh
BEARER_WRITE_MATRIX=1 cargo test --test resist matrix
```

A verifier falls where an attack gets in, locks a good token out, makes it ask the issuer without end, or breaks it down (a
5xx). A refusal in other words than the right ones is no fall. The verifiers are one, `tests/resist/judge`, written by hand
with `jsonwebtoken` for the signatures, with one thing left out or done wrong. An attack is tried against those defects that the
sound verifier asked for when it met the attack; nothing differs for the others. `BEARER_WHOLE_MATRIX=1` tries them as well,
which takes minutes and comes to the same.

"
    );
    mutants(&mut text, felled);
    attacks(&mut text, felled, met);
    lines(&mut text, met, reasons);
    text
}

/// By category, in the corpus's order.
fn counted<'a>(attacks: impl Iterator<Item = &'a Attack>) -> String {
    let mut by_category = BTreeMap::new();
    attacks.for_each(|attack| *by_category.entry(attack.category()).or_insert(0) += 1);
    let counts = by_category.iter().map(|(category, count)| format!("{category} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}

fn mutants(text: &mut String, felled: &Felled) {
    text.push_str(
        "## The broken verifiers\n\n\
         | # | verifier | what is wrong | attack named for it | felled by | of them |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for (number, mutant) in (1..).zip(MUTANTS) {
        let fells =
            |attack: &&Attack| felled.get(attack.name()).is_some_and(|all| all.contains(&mutant.defect));
        let (count, which) = (corpus().filter(fells).count(), counted(corpus().filter(fells)));
        let (name, what, attack) = (mutant.defect, mutant.what, mutant.attack);
        writeln!(text, "| {number} | {name:?} | {what} | `{attack}` | {count} | {which} |").unwrap();
    }
}

fn attacks(text: &mut String, felled: &Felled, met: &Met) {
    text.push_str("\n## The attacks\n\n`fells` has the numbers of the verifiers above; `meets` is what our own verifier says, see below.\n");
    let mut category = None;
    for attack in corpus() {
        if category != Some(attack.category()) {
            category = Some(attack.category());
            write!(
                text,
                "\n### {}\n\n| attack | what it does | source | right answer | fells | meets |\n| --- | --- | --- | --- | --- | --- |\n",
                attack.category()
            )
            .unwrap();
        }
        let numbers = (1..)
            .zip(MUTANTS)
            .filter(|(_, mutant)| felled.get(attack.name()).is_some_and(|all| all.contains(&mutant.defect)));
        let fells: Vec<_> = numbers.map(|(number, _): (usize, _)| number.to_string()).collect();
        let fells = if fells.is_empty() { "none".to_owned() } else { fells.join(" ") };
        let copy = attack.copy_of().map(|original| format!(" (a copy of `{original}`)")).unwrap_or_default();
        let meets: Vec<_> = met.get(attack.name()).into_iter().flatten().map(String::as_str).collect();
        writeln!(
            text,
            "| `{}`{copy} | {} | {} | {} | {fells} | {} |",
            attack.name(),
            attack.what().replace('|', "\\|"),
            attack.source(),
            attack.answer(),
            meets.join(", ")
        )
        .unwrap();
    }
}

fn lines(text: &mut String, met: &Met, reasons: &BTreeSet<Given>) {
    text.push_str(
        "\n## What they meet in us\n\nThe reasons for which our own verifier refuses them, the step that refuses, and the files of `src` \
         that give the reason.\n\n| reason | step | files | attacks |\n| --- | --- | --- | --- |\n",
    );
    let attacks = |what: &str| met.values().filter(|all| all.contains(what)).count();
    for Given(reason) in reasons {
        let step = Step::of(*reason).map_or("none", Step::id);
        let files: Vec<_> = files(*reason).into_iter().map(|file| format!("`{file}`")).collect();
        assert!(!files.is_empty(), "no file gives {reason}");
        let count = attacks(&format!("`{reason}`"));
        writeln!(text, "| `{reason}` | {step} | {} | {count} |", files.join(", ")).unwrap();
    }
    text.push_str(
        "\nWhere the right answer is that a good token passes, `keys …` is what `Verifier::status()` says of the issuer's keys at \
         that\nmoment: `keys/life.rs` decides which keys serve, `keys/set.rs` and `keys/jwk.rs` what of a set is taken. `router: …` is \
         the\nanswer of axum to a path or a method that is not there.\n",
    );
}
