use super::{Policy, Truth, algebra::Node, term::Term};
use crate::claims::{Authority, ClaimPath, Gap, Principal};
use std::fmt;

/// What a policy, or a part of it, says of a caller, and why. Made by [`Policy::explain`].
///
/// It holds the policy's own text and the names of the claims that were read, and no claim's value; so does its `Debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    text: String,
    joint: Joint,
    truth: Truth,
    unknown: Option<Unknown>,
    reads: Vec<ClaimPath>,
    parts: Vec<Explained>,
}

/// How a part of a policy is made of its own parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Joint {
    /// A question of its own, such as [`scope`](super::scope).
    Term,
    /// `&`: all of its parts.
    All,
    /// `|`: one of its parts.
    Any,
    /// `!`: the opposite of its one part.
    Not,
    /// [`rule`](super::rule): its one part, under a name.
    Rule,
}

/// Why a term is neither yes nor no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unknown {
    /// There is no caller.
    Nobody,
    /// The token does not say: the claim is absent.
    Absent,
    /// The claim, or something on the way to it, is there in another type than the term asks for.
    WrongType,
    /// The issuer announced that it left the claim out, or some of it (`_claim_names`, `hasgroups`).
    CutOff,
    /// The time that the claim names is yet to come, by more than the clocks may differ.
    InTheFuture,
    /// The [`check`](super::check) has no function yet, or the [`rule`](super::rule) no policy, see [`Policy::bind`].
    Unbound,
    /// The check's function did not say, or has failed.
    Undecided,
}

impl Policy {
    /// What each part of the policy says of this caller, or of nobody, and why where that is unknown.
    ///
    /// The answer is that of [`evaluate`](Self::evaluate), part by part. Every term is asked, those that a decision could
    /// do without included, so a [`check`](super::check) may be called that a decision would not have called.
    pub fn explain(&self, principal: Option<&Principal>) -> Explained {
        self.node().explain(principal)
    }
}

impl Explained {
    /// The part's [text form](super#text-form); it reads back as a policy of its own.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How it is made of [`parts`](Self::parts).
    pub fn joint(&self) -> Joint {
        self.joint
    }

    /// What it says. Of the whole policy only [`Truth::Yes`] allows.
    pub fn truth(&self) -> Truth {
        self.truth
    }

    /// Why a term is unknown; `None` for one that is not, and for what is made of parts: they have their own reasons.
    pub fn unknown(&self) -> Option<Unknown> {
        self.unknown
    }

    /// The claims that a term reads, by the issuer's mapping; names, or JSON Pointers into nested objects. Empty without
    /// a caller, and for a check, which reads what it likes.
    pub fn claims(&self) -> impl Iterator<Item = &ClaimPath> {
        self.reads.iter()
    }

    /// What it is made of, in the policy's order; empty for a term.
    pub fn parts(&self) -> &[Explained] {
        &self.parts
    }
}

impl Node {
    fn explain(&self, principal: Option<&Principal>) -> Explained {
        let explain = |parts: &[Node]| parts.iter().map(|part| part.explain(principal)).collect::<Vec<_>>();
        let (joint, parts) = match self {
            Self::Term(term @ Term::Rule(rule)) => match rule.policy() {
                Some(policy) => (Joint::Rule, vec![policy.explain(principal)]),
                None => return term.explain(self.to_string(), principal),
            },
            Self::Term(term) => return term.explain(self.to_string(), principal),
            Self::All(parts) => (Joint::All, explain(parts)),
            Self::Any(parts) => (Joint::Any, explain(parts)),
            Self::Not(inner) => (Joint::Not, vec![inner.explain(principal)]),
        };
        // Out of the parts' answers and not asked again: a check that answers in another way each time would make an
        // explanation that contradicts itself.
        let mut truths = parts.iter().map(Explained::truth);
        let truth = match joint {
            Joint::All => Truth::all(truths),
            Joint::Any => Truth::any(truths),
            Joint::Rule => truths.next().unwrap_or(Truth::Unknown),
            Joint::Not | Joint::Term => !truths.next().unwrap_or(Truth::Unknown),
        };
        Explained { text: self.to_string(), joint, truth, unknown: None, reads: Vec::new(), parts }
    }
}

impl Term {
    fn explain(&self, text: String, principal: Option<&Principal>) -> Explained {
        let truth = self.evaluate(principal);
        let unknown = (truth == Truth::Unknown).then(|| match principal {
            Some(principal) => self.why_unknown(principal),
            None if matches!(self, Self::Rule(_)) => Unknown::Unbound,
            None => Unknown::Nobody,
        });
        let reads = principal.map(|principal| self.reads(principal)).unwrap_or_default();
        Explained { text, joint: Joint::Term, truth, unknown, reads, parts: Vec::new() }
    }

    /// Asked where it is unknown only.
    fn why_unknown(&self, principal: &Principal) -> Unknown {
        if let Some(authority) = self.authority() {
            return principal.gap(authority).map_or(Unknown::Undecided, Unknown::of);
        }
        match self {
            Self::Claim(path, _) | Self::Absent(path) => why_hidden(principal, path),
            Self::Client(_) if principal.client_claim().is_some() => Unknown::WrongType,
            Self::Client(_) => Unknown::Absent,
            Self::Acr(_) => why_unread(principal, "acr"),
            Self::MaxAge(_)
                if principal.authenticated_at().is_some() && !principal.is_cut_off("auth_time") =>
            {
                Unknown::InTheFuture
            }
            Self::MaxAge(_) => why_unread(principal, "auth_time"),
            Self::Check(check) if !check.is_bound() => Unknown::Unbound,
            // One that is bound is no term here.
            Self::Rule(_) => Unknown::Unbound,
            _ => Unknown::Undecided,
        }
    }

    fn reads(&self, principal: &Principal) -> Vec<ClaimPath> {
        if let Some(authority) = self.authority() {
            return principal.places(authority).cloned().collect();
        }
        let named = |name: &str| name.parse().into_iter().collect();
        match self {
            Self::Claim(path, _) | Self::Absent(path) => vec![path.clone()],
            Self::Issuer(_) => named("iss"),
            Self::Client(_) => named(principal.client_claim().unwrap_or("client_id")),
            Self::Acr(_) => named("acr"),
            Self::MaxAge(_) => named("auth_time"),
            _ => Vec::new(),
        }
    }

    fn authority(&self) -> Option<Authority> {
        match self {
            Self::Scope(_) | Self::AnyScope(_) | Self::AllScopes(_) => Some(Authority::Scopes),
            Self::Role(_) => Some(Authority::Roles),
            Self::Permission(_) => Some(Authority::Permissions),
            Self::Group(_) => Some(Authority::Groups),
            _ => None,
        }
    }
}

/// Of a claim that stands at the top.
fn why_unread(principal: &Principal, claim: &str) -> Unknown {
    claim.parse().map_or(Unknown::Absent, |path| why_hidden(principal, &path))
}

fn why_hidden(principal: &Principal, path: &ClaimPath) -> Unknown {
    if principal.is_cut_off(path.claim()) {
        Unknown::CutOff
    } else if principal.is_hidden(path) || principal.claim_at(path).is_some() {
        Unknown::WrongType
    } else {
        Unknown::Absent
    }
}

impl Unknown {
    /// The stable name of the reason, in `snake_case`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Absent => "absent",
            Self::WrongType => "wrong_type",
            Self::CutOff => "cut_off",
            Self::InTheFuture => "in_the_future",
            Self::Unbound => "unbound",
            Self::Undecided => "undecided",
        }
    }

    fn of(gap: Gap) -> Self {
        match gap {
            Gap::Absent => Self::Absent,
            Gap::Unreadable => Self::WrongType,
            Gap::CutOff => Self::CutOff,
        }
    }
}

/// In words, for the operator.
impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "there is no caller",
            Self::Absent => "the token does not say",
            Self::WrongType => "the claim is of another type",
            Self::CutOff => "the issuer left it out of the token",
            Self::InTheFuture => "the time it names is yet to come",
            Self::Unbound => "nobody said what the name stands for",
            Self::Undecided => "the check does not say",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{sample::principal, *},
        Unknown::*,
    };
    use serde_json::{Value, json};

    #[test]
    fn an_unknown_term_says_why() {
        let names = |claim: &str| json!({claim: ["a"], "_claim_names": {claim: "src1"}});
        for (name, text, claims, why) in [
            ("nobody", "scope(a)", None, Nobody),
            ("no scopes", "scope(a)", Some(json!({})), Absent),
            ("no scopes of many", "any_scope(a, b)", Some(json!({})), Absent),
            ("scopes of a wrong type", "all_scopes(a, b)", Some(json!({"scope": 1})), WrongType),
            ("groups cut off", "group(a)", Some(names("groups")), CutOff),
            ("groups only announced", "group(a)", Some(json!({"hasgroups": true})), CutOff),
            ("one claim good and one not", "scope(a)", Some(json!({"scope": "a", "scp": 1})), WrongType),
            ("a claim absent", "claim(a, 1)", Some(json!({})), Absent),
            ("a nested claim absent", "claim(/a/b, 1)", Some(json!({"a": {}})), Absent),
            ("a claim of another type", "claim(a, 1)", Some(json!({"a": "1"})), WrongType),
            ("a way that is blocked", "claim(/a/b, 1)", Some(json!({"a": 1})), WrongType),
            ("a claim cut off", "claim(a, 1)", Some(names("a")), CutOff),
            ("absent, but cut off", "absent(a)", Some(names("a")), CutOff),
            ("absent behind what is no object", "absent(/a/b)", Some(json!({"a": 1})), WrongType),
            ("no client", "client(web)", Some(json!({})), Absent),
            ("a client of a wrong type", "client(web)", Some(json!({"azp": 1})), WrongType),
            ("no context", "acr(gold)", Some(json!({})), Absent),
            ("a context of a wrong type", "acr(gold)", Some(json!({"acr": 1})), WrongType),
            ("a context cut off", "acr(gold)", Some(names("acr")), CutOff),
            ("no login", "max_age(300)", Some(json!({})), Absent),
            ("a login of a wrong type", "max_age(300)", Some(json!({"auth_time": "1"})), WrongType),
            (
                "a login yet to come",
                "max_age(300)",
                Some(json!({"auth_time": 9_999_999_999_u64})),
                InTheFuture,
            ),
            (
                "a login cut off",
                "max_age(300)",
                Some(json!({"auth_time": 1, "_claim_names": {"auth_time": "s"}})),
                CutOff,
            ),
            ("an unbound check", "check(vip)", Some(json!({})), Unbound),
        ] {
            let caller: Option<Value> = claims;
            let explained = text.parse::<Policy>().unwrap().explain(caller.map(principal).as_ref());
            assert_eq!((explained.truth(), explained.unknown()), (Truth::Unknown, Some(why)), "{name}");
        }
        let caller = principal(json!({}));
        let open = check("c", |_| None::<bool>).explain(Some(&caller));
        assert_eq!(open.unknown(), Some(Undecided));
    }

    #[test]
    fn a_term_names_the_claims_that_it_reads() {
        let caller = principal(json!({"azp": "web"}));
        for (text, reads) in [
            ("scope(a)", "scope scp"),
            ("role(a)", "roles"),
            ("permission(a)", "permissions"),
            ("group(a)", "groups"),
            ("claim(/a/b, 1)", "/a/b"),
            ("absent(a)", "a"),
            ("issuer(a)", "iss"),
            ("client(web)", "azp"),
            ("acr(gold)", "acr"),
            ("max_age(300)", "auth_time"),
            ("authenticated", ""),
            ("check(c)", ""),
        ] {
            let explained = text.parse::<Policy>().unwrap().explain(Some(&caller));
            let read: Vec<_> = explained.claims().map(ToString::to_string).collect();
            assert_eq!(read.join(" "), reads, "{text}");
        }
    }

    #[test]
    fn every_term_is_asked_and_each_once() {
        use std::sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        };
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        // It says no the first time and yes from then on.
        let policy = deny() & (check("fickle", move |_| count.fetch_add(1, Ordering::Relaxed) > 0) | deny());
        let explained = policy.explain(Some(&principal(json!({}))));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(explained.parts()[1].truth(), Truth::No);
        assert_eq!(explained.parts()[1].parts()[0].truth(), Truth::No);
    }

    #[test]
    fn a_rule_that_was_not_bound_is_unbound_for_nobody_and_for_somebody() {
        let policy: Policy = "rule(clerks)".parse().unwrap();
        assert_eq!(policy.explain(None).unknown(), Some(Unbound));
        assert_eq!(policy.explain(Some(&principal(json!({})))).unknown(), Some(Unbound));
    }
}
