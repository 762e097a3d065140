//! Rotation, and tokens that were seen before: what was right a moment ago.

use super::{
    attack::{Answer, Attack, Category::Timing, Needs},
    forge::{encode, forged, parts},
    report::Outcome,
    stage::Stage,
};
use crate::testing::server::JWKS_PATH;
use serde_json::{Value, json};
use std::time::Duration;

/// A new key signs, and the one that has signed this token is withdrawn.
async fn falls_without_its_key(stage: &Stage<'_>, token: &str) -> Result<(), Outcome> {
    let (issuer, old) = (&stage.forge.issuer, stage.forge.kid());
    issuer.rotate();
    issuer.withdraw(&old);
    stage.outlive_the_keys();
    stage.passes(&stage.forge.good().sign()).await?;
    stage.falls(token).await
}

pub(super) const ATTACKS: &[Attack] = &[
    Timing
        .scene(
            "seen_and_then_expired",
            "RFC 7519 4.1.4; CVE-2026-107719",
            "A token that passed is brought again when it has expired.",
            |s| {
                Box::pin(async move {
                    let token = s.forge.brief().sign();
                    s.passes(&token).await?;
                    s.passes(&token).await?;
                    s.wait(3600);
                    s.falls(&token).await
                })
            },
        )
        .needs_a(Needs::Clock),
    Timing
        .scene(
            "seen_and_then_suspended",
            "RFC 7519 4.1.4; field",
            "A token that passed is brought again after the machine was suspended, for \
         clocks that stood still.",
            |s| {
                Box::pin(async move {
                    let token = s.forge.brief().sign();
                    s.passes(&token).await?;
                    s.forge.issuer.clock().suspend(Duration::from_secs(3600));
                    s.falls(&token).await
                })
            },
        )
        .needs_a(Needs::Clock),
    Timing.scene(
        "seen_and_its_signature_changed",
        "RFC 7515 5.2; field",
        "A token that passed is brought again with another signature, for a memory of \
         what was signed.",
        |s| {
            Box::pin(async move {
                let token = s.forge.good().sign();
                s.passes(&token).await?;
                s.falls(&forged(&token, 1)).await
            })
        },
    ),
    Timing.scene(
        "seen_and_its_claims_changed",
        "CVE-2026-35039; field",
        "A token that passed is brought again with other claims, for a memory of signatures.",
        |s| {
            Box::pin(async move {
                let token = s.forge.good().sign();
                s.passes(&token).await?;
                let [header, _, signature] = parts(&token);
                let root = Value::Object(s.forge.good().subject("root").claims().clone()).to_string();
                s.falls(&format!("{header}.{}.{signature}", encode(root))).await
            })
        },
    ),
    Timing.scene(
        "seen_and_its_id_reused",
        "RFC 7519 4.1.7; field",
        "A stranger's token has the `jti` of one that passed, for a memory of ids.",
        |s| {
            Box::pin(async move {
                s.passes(&s.forge.good().claim("jti", "j-1").sign()).await?;
                let token = s.forge.good().claim("jti", "j-1").subject("root");
                let [header, payload, _] = parts(&token.sign());
                s.falls(&format!("{header}.{payload}.{}", encode([1; 64]))).await
            })
        },
    ),
    Timing.scene(
        "refused_and_tried_again",
        "field",
        "A forged token is brought three times, for a memory of answers that forgets which.",
        |s| {
            Box::pin(async move {
                let token = s.forge.strangers(&s.forge.header());
                for _ in 0..3 {
                    s.falls(&token).await?;
                }
                s.passes(&s.forge.good().sign()).await?;
                s.falls(&token).await
            })
        },
    ),
    Timing
        .scene(
            "refused_and_its_original_passes",
            "field",
            "A good token comes behind a copy with another signature, for a memory of \
         refusals: who has seen a token locks it out.",
            |s| {
                Box::pin(async move {
                    let token = s.forge.good().sign();
                    s.falls_with(&forged(&token, 1), Answer::InvalidToken).await?;
                    s.passes(&token).await
                })
            },
        )
        .is_answered(Answer::Undisturbed),
    Timing
        .scene(
            "id_burnt_by_a_forgery",
            "RFC 7519 4.1.7; field",
            "A forged token names the `jti` of a good one that is still to come, for a \
         memory of ids that are used up.",
            |s| {
                Box::pin(async move {
                    let forgery = s.forge.good().claim("jti", "j-2").subject("root").sign();
                    s.falls_with(&forged(&forgery, 1), Answer::InvalidToken).await?;
                    s.passes(&s.forge.good().claim("jti", "j-2").sign()).await
                })
            },
        )
        .is_answered(Answer::Undisturbed),
    Timing
        .scene(
            "forgeries_in_somebodys_name",
            "field",
            "Twenty forged tokens name a caller, so that the caller is locked out.",
            |s| {
                Box::pin(async move {
                    for number in 0..20 {
                        s.falls_with(&forged(&s.forge.good().sign(), number), Answer::InvalidToken).await?;
                    }
                    s.passes(&s.forge.good().sign()).await
                })
            },
        )
        .is_answered(Answer::Undisturbed),
    Timing
        .scene(
            "seen_and_then_without_scopes",
            "RFC 6750 3.1; field",
            "A caller who was seen with the scopes comes with a token that lacks them, for a \
         memory of callers.",
            |s| {
                Box::pin(async move {
                    s.passes(&s.forge.good().sign()).await?;
                    s.falls(&s.forge.good().without("scope").sign()).await
                })
            },
        )
        .is_answered(Answer::InsufficientScope)
        .needs_a(Needs::Scopes),
    Timing
        .scene(
            "without_scopes_and_then_with_them",
            "RFC 6750 3.1; field",
            "A caller who was refused for want of scopes comes with them, for a memory of \
         refusals.",
            |s| {
                Box::pin(async move {
                    s.falls_with(&s.forge.good().without("scope").sign(), Answer::InsufficientScope).await?;
                    s.passes(&s.forge.good().sign()).await
                })
            },
        )
        .is_answered(Answer::Undisturbed)
        .needs_a(Needs::Scopes),
    Timing
        .scene(
            "beside_a_good_token",
            "field",
            "A stranger's token and a good one come at the same time, while the keys are \
         fetched, for a verdict that two requests share.",
            |s| {
                Box::pin(async move {
                    s.outlive_the_keys();
                    let (bad, good) =
                        s.bring_both(&s.forge.strangers(&s.forge.header()), &s.forge.good().sign()).await;
                    s.judge(&bad, s.attack.answer)?;
                    s.welcome(&good)?;
                    s.outlive_the_keys();
                    let (good, bad) =
                        s.bring_both(&s.forge.good().sign(), &s.forge.strangers(&s.forge.header())).await;
                    s.welcome(&good)?;
                    s.judge(&bad, s.attack.answer)
                })
            },
        )
        .needs_a(Needs::ClockAndFetch),
    Timing
        .scene(
            "key_withdrawn",
            "RFC 8725 3.8; field",
            "A token is signed with a key that the issuer has withdrawn: it was stolen.",
            |s| {
                Box::pin(async move {
                    let token = s.forge.lasting().sign();
                    falls_without_its_key(s, &token).await
                })
            },
        )
        .needs_a(Needs::ClockAndFetch),
    Timing
        .scene(
            "key_withdrawn_and_the_token_seen",
            "RFC 8725 3.8; field",
            "A token passed before its key was withdrawn, and is brought again.",
            |s| {
                Box::pin(async move {
                    let token = s.forge.lasting().sign();
                    s.passes(&token).await?;
                    falls_without_its_key(s, &token).await
                })
            },
        )
        .needs_a(Needs::ClockAndFetch),
    Timing
        .scene(
            "key_replaced_under_its_kid",
            "RFC 7517 4.5; field",
            "A token passed before its `kid` was given to another key, and is brought again.",
            |s| {
                Box::pin(async move {
                    let token = s.forge.lasting().sign();
                    s.passes(&token).await?;
                    let mut key = s.forge.strangers_jwk();
                    key.insert("kid".into(), s.forge.kid().into());
                    s.forge.issuer.answer_with(JWKS_PATH, json!({ "keys": [key] }).to_string());
                    s.outlive_the_keys();
                    s.passes(&s.forge.strangers(&s.forge.header())).await?;
                    s.falls(&token).await
                })
            },
        )
        .needs_a(Needs::ClockAndFetch),
    Timing
        .scene(
            "keys_a_week_old",
            "field",
            "The issuer cannot be reached for a week, so that no withdrawal is heard of.",
            |s| {
                Box::pin(async move {
                    let token = s.forge.lasting().sign();
                    s.passes(&token).await?;
                    s.forge.issuer.fail();
                    s.wait(7 * 24 * 3600);
                    s.falls(&token).await
                })
            },
        )
        .is_answered(Answer::Unavailable)
        .needs_a(Needs::ClockAndFetch),
    Timing
        .scene(
            "outage_on_demand",
            "field",
            "While there are no keys, a token that is for somebody else asks to be told of \
         the outage: who can choose a 503 can page the people on call.",
            |s| {
                Box::pin(async move {
                    s.passes(&s.forge.good().sign()).await?;
                    s.forge.issuer.fail();
                    s.wait(7 * 24 * 3600);
                    s.falls(&s.forge.good().audience("https://other-api.test").sign()).await
                })
            },
        )
        .needs_a(Needs::ClockAndFetch),
    Timing
        .scene(
            "key_rotated",
            "RFC 7517 4.5; field",
            "The issuer signs with a new key, and the first token of it is lost.",
            |s| {
                Box::pin(async move {
                    s.passes(&s.forge.good().sign()).await?;
                    s.wait(60);
                    s.forge.issuer.rotate();
                    s.passes(&s.forge.good().sign()).await
                })
            },
        )
        .is_answered(Answer::Undisturbed)
        .needs_a(Needs::ClockAndFetch),
    Timing
        .scene(
            "key_rotated_amid_a_flood",
            "field",
            "The issuer rotates while somebody spends every look at its keys on `kid`s that \
         nobody has.",
            |s| {
                Box::pin(async move {
                    s.passes(&s.forge.good().sign()).await?;
                    s.forge.issuer.rotate();
                    for second in 0..60 {
                        s.wait(1);
                        let unknown = s.forge.header_with("kid", format!("flood-{second}"));
                        s.falls_with(&s.forge.sealed(unknown, s.forge.payload()), Answer::InvalidToken)
                            .await?;
                    }
                    s.passes(&s.forge.good().sign()).await
                })
            },
        )
        .is_answered(Answer::Undisturbed)
        .needs_a(Needs::ClockAndFetch),
];
