//! What a variable is called, and what was probably meant by one that is called otherwise.

pub(super) const PREFIX: &str = "BEARER_";
pub(super) const NAMES: [&str; 15] = [
    "issuer",
    "audience",
    "jwks_uri",
    "leeway",
    "algorithms",
    "scopes_from",
    "roles_from",
    "permissions_from",
    "groups_from",
    "strict",
    "danger_allow_http",
    "jwks_cooldown",
    "jwks_timeout",
    "jwks_ttl",
    "jwks_max_stale",
];
/// A `BEARER_…` variable with a word that begins so was meant for us; any other may be somebody else's.
const BEGINNINGS: [&str; 15] = [
    "issuer",
    "audience",
    "jwk",
    "leeway",
    "skew",
    "alg",
    "strict",
    "danger",
    "cooldown",
    "timeout",
    "scope",
    "role",
    "permission",
    "group",
    "claim",
];
/// The same for short words, which other words begin with.
const WORDS: [&str; 10] =
    ["iss", "aud", "http", "ttl", "stale", "wait", "waiting", "backoff", "back", "memory"];

/// The member that a variable sets; a misspelt one under the name it was written with; `None` for somebody else's.
pub(super) fn key_of(name: &str) -> Option<String> {
    let prefix = name.get(..PREFIX.len()).filter(|prefix| prefix.eq_ignore_ascii_case(PREFIX))?;
    let rest = name.get(PREFIX.len()..)?;
    let lower = rest.to_ascii_lowercase();
    // Names of variables have a case: `BEARER_Strict` sets nothing, and somebody believes that it does.
    if prefix == PREFIX && rest == lower.to_ascii_uppercase() && NAMES.contains(&lower.as_str()) {
        return Some(lower);
    }
    let is_ours =
        |word: &str| BEGINNINGS.iter().any(|beginning| word.starts_with(beginning)) || WORDS.contains(&word);
    let meant = lower.split('_').any(is_ours) || NAMES.iter().any(|known| is_near(&lower, known));
    meant.then(|| format!("{MISSPELT}{name}"))
}

/// Marks a variable's name that is none of ours; no file's member begins so.
pub(super) const MISSPELT: &str = "=";

/// At most two letters wrong, missing or too many (Levenshtein).
fn is_near(text: &str, known: &str) -> bool {
    let known: Vec<char> = known.chars().collect();
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (at, letter) in text.chars().enumerate() {
        let (mut diagonal, mut left) = (at, at + 1);
        for (cell, other) in row.iter_mut().skip(1).zip(&known) {
            let best = (diagonal + usize::from(letter != *other)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().is_some_and(|distance| *distance <= 2)
}
