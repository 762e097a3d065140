use crate::error::Reason;
use std::fmt;

/// What a request has to pass, in order; each [`Reason`] that a token can give belongs to one of them.
///
/// A token that is refused need not have passed all steps before the one that it failed: `iss` is read before the keys
/// only where there are several issuers, and a token that is to wait for keys is held against its claims first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// One token, in one place, of legal characters, at most 16 KiB.
    Credentials,
    /// Three parts, canonical base64url, a JOSE header without duplicates and extensions.
    Form,
    /// A trusted issuer.
    Issuer,
    /// `alg` and `typ` on the issuer's list.
    Header,
    /// A key of that issuer by `kid` and `alg`; keys at all.
    Key,
    /// The signature.
    Signature,
    /// A JSON object with `aud`, `exp`, `nbf`, `iat`, the kind of token, `cnf`, and what the issuer's settings require.
    Claims,
    /// The application's own claims type.
    ClaimsType,
    /// The route's policy.
    Policy,
}

impl Step {
    /// Every step, in order.
    pub const ALL: &'static [Step] = &[
        Step::Credentials,
        Step::Form,
        Step::Issuer,
        Step::Header,
        Step::Key,
        Step::Signature,
        Step::Claims,
        Step::ClaimsType,
        Step::Policy,
    ];

    /// The stable name of the step, in `snake_case`.
    pub const fn id(self) -> &'static str {
        match self {
            Step::Credentials => "credentials",
            Step::Form => "form",
            Step::Issuer => "issuer",
            Step::Header => "header",
            Step::Key => "key",
            Step::Signature => "signature",
            Step::Claims => "claims",
            Step::ClaimsType => "claims_type",
            Step::Policy => "policy",
        }
    }

    /// The step that refuses for this reason; `None` for those that no token can give, because the program lacks the
    /// layer, a policy or a rule, asks for another claims type, or asks somebody else.
    pub const fn of(reason: Reason) -> Option<Self> {
        use Reason::*;
        Some(match reason {
            MissingToken
            | SeveralAuthorizationHeaders
            | SeveralTokenSources
            | EmptyToken
            | IllegalCharacters
            | TokenTooLong => Self::Credentials,
            NotAJws
            | EncryptedToken
            | Base64NotCanonical
            | HeaderTooLong
            | HeaderMalformed
            | HeaderDuplicateMember
            | CritPresent
            | HeaderExtension => Self::Form,
            IssMissing | IssMalformed | IssuerUnknown => Self::Issuer,
            AlgNotAllowed | TypNotAllowed | StrictTyp => Self::Header,
            KeyUnknown | KeyAmbiguous | KeyIssuerMismatch | KeysUnavailable | RuntimeMissing => Self::Key,
            SignatureInvalid => Self::Signature,
            ClaimsMalformed
            | ClaimsDuplicateMember
            | JsonTooDeep
            | AudMissing
            | AudMalformed
            | AudMismatch
            | ExpMissing
            | ExpMalformed
            | ExpPast
            | NbfMalformed
            | NbfFuture
            | IatMalformed
            | IatFuture
            | SubMalformed
            | CnfUnchecked
            | NotAnAccessToken
            | RequiredClaimMissing
            | RequiredClaimMismatch
            | ClientNotAllowed
            | TenantMismatch
            | StrictClaimMissing => Self::Claims,
            ClaimsDoNotFit => Self::ClaimsType,
            PolicyNeedsToken | PolicyNotMet | StepUpNeeded => Self::Policy,
            LayerMissing | ClaimsTypeDiffers | PolicyMissing | RuleMissing | AskedAndDenied | AskedInVain => {
                return None;
            }
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// The steps that a token has passed. A handful of bits: every verification keeps them, and one in a million is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Passed(u16);

impl Passed {
    pub(crate) fn add(&mut self, step: Step) {
        self.0 |= 1 << step as u16;
    }

    pub(crate) fn has(self, step: Step) -> bool {
        self.0 & (1 << step as u16) != 0
    }

    /// The way begins anew, behind the credentials: keys came, and the token is looked at once more.
    pub(super) fn restart(&mut self) {
        self.0 &= 1 << Step::Credentials as u16;
    }

    /// What the refusal itself tells beside the steps that were completed: a signature is held against a key, and `iss` is
    /// the first that the claims are asked for.
    pub(crate) fn refused_for(mut self, reason: Reason) -> Self {
        use Reason::{ClaimsDuplicateMember, ClaimsMalformed, JsonTooDeep};
        let unreadable = matches!(reason, ClaimsMalformed | ClaimsDuplicateMember | JsonTooDeep);
        match Step::of(reason) {
            Some(Step::Signature) => self.add(Step::Key),
            // Before the header only a tenant's token is asked for its claims, and its issuer after them.
            Some(Step::Claims) if self.has(Step::Header) && !unreadable => self.add(Step::Issuer),
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_belongs_to_one_step_but_for_what_no_token_decides() {
        let homeless: Vec<_> = Reason::ALL.iter().filter(|reason| Step::of(**reason).is_none()).collect();
        assert_eq!(
            homeless,
            [
                &Reason::AskedAndDenied,
                &Reason::AskedInVain,
                &Reason::LayerMissing,
                &Reason::ClaimsTypeDiffers,
                &Reason::PolicyMissing,
                &Reason::RuleMissing
            ]
        );
        let used: BTreeSet<_> = Reason::ALL.iter().filter_map(|reason| Step::of(*reason)).collect();
        assert!(used.iter().eq(Step::ALL), "each step can refuse, and they are in order: {used:?}");
    }

    #[test]
    fn ids_are_the_steps_own() {
        let ids: BTreeSet<_> = Step::ALL.iter().map(|step| step.id()).collect();
        assert_eq!(ids.len(), Step::ALL.len());
    }

    #[test]
    fn what_a_refusal_tells_of_other_steps_is_no_more_than_it_knows() {
        let mut before_the_header = Passed::default();
        before_the_header.add(Step::Form);
        let mut behind_the_header = before_the_header;
        behind_the_header.add(Step::Header);
        for (name, passed, reason, issuer, key) in [
            ("of a tenant not yet known", before_the_header, Reason::ExpPast, false, false),
            ("of an issuer read with the claims", behind_the_header, Reason::AudMismatch, true, false),
            ("of a payload nobody can read", behind_the_header, Reason::ClaimsMalformed, false, false),
            ("of a forged signature", behind_the_header, Reason::SignatureInvalid, false, true),
            ("of a key that is not there", behind_the_header, Reason::KeyUnknown, false, false),
        ] {
            let told = passed.refused_for(reason);
            assert_eq!((told.has(Step::Issuer), told.has(Step::Key)), (issuer, key), "{name}");
        }
    }

    #[test]
    fn a_second_attempt_remembers_the_credentials_alone() {
        let mut passed = Passed::default();
        for step in Step::ALL {
            passed.add(*step);
        }
        passed.restart();
        let left: Vec<_> = Step::ALL.iter().filter(|step| passed.has(**step)).collect();
        assert_eq!(left, [&Step::Credentials]);
        let mut none = Passed::default();
        none.restart();
        assert_eq!(none, Passed::default());
    }

    #[test]
    fn a_step_is_printed_as_its_id() {
        assert_eq!(Step::ClaimsType.to_string(), "claims_type");
    }
}
