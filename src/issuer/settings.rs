//! Settings as text: from the environment, or from any file format that serde reads.

use super::{
    Issuer, Missing,
    names::{MISSPELT, NAMES, PREFIX, key_of},
    shared::RemoteSettings,
};
use crate::{
    claims::{Authority, AuthorityMapping},
    error::{ConfigError, Fault},
    keys::Algorithm,
};
use serde::{
    Deserialize,
    de::{MapAccess, Visitor},
};
use std::{collections::BTreeMap, fmt, time::Duration};

/// The set-up as data: the environment's `BEARER_…` variables, or the same names in lower case and without `BEARER_`
/// out of any file.
///
/// | variable | file | meaning | default |
/// | --- | --- | --- | --- |
/// | `BEARER_ISSUER` | `issuer` | trusted issuers; a list, or separated by commas | required |
/// | `BEARER_AUDIENCE` | `audience` | our own names; a list, or separated by commas | required |
/// | `BEARER_JWKS_URI` | `jwks_uri` | where the key set is, instead of discovery; for one issuer | discovery |
/// | `BEARER_LEEWAY` | `leeway` | seconds that clocks may differ, at most 300 | 60 |
/// | `BEARER_ALGORITHMS` | `algorithms` | allowed algorithms; a list, or separated by commas; no HMAC | asymmetric ones |
/// | `BEARER_SCOPES_FROM`, `BEARER_ROLES_FROM`, `BEARER_PERMISSIONS_FROM`, `BEARER_GROUPS_FROM` | `scopes_from`, … | claims that these are read from; a list, or separated by commas; see [`Issuer::roles_from`] | `scope` and `scp`, `roles`, `permissions`, `groups` |
/// | `BEARER_STRICT` | `strict` | RFC 9068 whole | false |
/// | `BEARER_DANGER_ALLOW_HTTP` | `danger_allow_http` | plain `http` off loopback | false |
/// | `BEARER_JWKS_COOLDOWN` | `jwks_cooldown` | seconds between fetches for unknown `kid`s | 5 |
/// | `BEARER_JWKS_TIMEOUT` | `jwks_timeout` | seconds for a whole fetch | 5 |
/// | `BEARER_JWKS_TTL` | `jwks_ttl` | seconds a set is good for | 600, moved by `Cache-Control` |
/// | `BEARER_JWKS_MAX_STALE` | `jwks_max_stale` | seconds past that while the issuer fails | 3600 |
///
/// Durations are seconds, fractions allowed. Reading never fails: what is wrong is kept and reported by
/// [`check`](Settings::check) or the builder, all at once, each under its name. In a file every unknown name is wrong; in
/// the environment, where other programs have `BEARER_…` variables as well, those that look meant for us.
#[derive(Clone)]
pub struct Settings {
    values: BTreeMap<String, Raw>,
    /// Members that a file has twice.
    repeated: Vec<String>,
    from_env: bool,
}

/// What the settings amount to.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) missing: Missing,
    pub(crate) mapping: AuthorityMapping,
    /// For issuers from elsewhere; those of the settings have it already.
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway: Option<Duration>,
    pub(crate) strict: bool,
}

/// A value before anybody knows what it should be.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Raw {
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<String>),
    Other(serde::de::IgnoredAny),
}

impl Raw {
    fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }
}

impl Settings {
    /// Reads the process's environment.
    pub fn from_env() -> Self {
        // A variable that is no Unicode cannot be one of ours with a good value; it is read lossily and refused.
        Self::from_vars(
            std::env::vars_os().map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            }),
        )
    }

    /// Reads variables from elsewhere, by the same rules as the environment.
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |(name, value): (String, String)| {
            let key = key_of(&name)?;
            Some((key, Raw::Text(value)))
        };
        Self { values: vars.into_iter().filter_map(ours).collect(), repeated: Vec::new(), from_env: true }
    }

    /// Whether nothing at all was set, so that a program can tell "not configured" from "configured wrong"; a variable
    /// that is set to nothing is set, and wrong.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Finds everything that is wrong.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every fault, each under its variable's or member's name.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (read, mut faults) = self.clone().into_parts();
        faults.extend(read.missing.issuer);
        faults.extend(read.missing.audience);
        ConfigError::check(faults)
    }

    pub(crate) fn into_parts(self) -> (Read, Vec<Fault>) {
        let mut reader = Reader { settings: &self, faults: Vec::new() };
        let read = reader.read();
        (read, reader.faults)
    }

    fn name(&self, key: &str) -> String {
        match (key.strip_prefix(MISSPELT), self.from_env) {
            (Some(written), true) => written.to_owned(),
            (_, true) => format!("{PREFIX}{}", key.to_ascii_uppercase()),
            (_, false) => key.to_owned(),
        }
    }
}

/// The names of what is set: a value may carry a password by mistake.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings ")?;
        f.debug_set().entries(self.values.keys().map(|key| self.name(key))).finish()
    }
}

/// Any self-describing format; what does not fit is a fault and no failure, so that all faults are seen at once.
impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Every member, those that are there twice included: no format's "last one wins" decides a setting.
struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Settings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Settings, A::Error> {
        let (mut values, mut repeated) = (BTreeMap::new(), Vec::new());
        while let Some((key, value)) = access.next_entry::<String, Raw>()? {
            if values.insert(key.clone(), value).is_some() {
                repeated.push(key);
            }
        }
        Ok(Settings { values, repeated, from_env: false })
    }
}

struct Reader<'a> {
    settings: &'a Settings,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn read(&mut self) -> Read {
        self.refuse_unknown_names();
        self.refuse_blanks();
        let identifiers = self.list("issuer").unwrap_or_default();
        let audiences = self.list("audience").unwrap_or_default();
        let missing = Missing { issuer: self.missing("issuer"), audience: self.missing("audience") };
        let mapping = self.mapping();
        let leeway = self.seconds("leeway");
        if leeway.is_some_and(|leeway| leeway > Duration::from_secs(300)) {
            self.fault("leeway", "at most 300 seconds");
        }
        let strict = self.boolean("strict");
        let remote = RemoteSettings {
            jwks_uri: self.text("jwks_uri"),
            algorithms: self.algorithms(),
            danger_allow_http: self.boolean("danger_allow_http"),
            cooldown: self.seconds("jwks_cooldown"),
            timeout: self.seconds("jwks_timeout"),
            ttl: self.seconds("jwks_ttl"),
            max_stale: self.seconds("jwks_max_stale"),
        };
        if identifiers.len() > 1 && remote.jwks_uri.is_some() {
            self.fault(
                "jwks_uri",
                "one key set cannot serve several issuers; leave it out, and each is discovered",
            );
        }
        if missing.issuer.is_some() {
            self.refuse_what_needs_an_issuer();
        }
        self.refuse_duplicates(&identifiers);
        let issuers = self.issuers(&identifiers, &remote);
        Read { issuers, missing, mapping, algorithms: remote.algorithms, audiences, leeway, strict }
    }

    fn issuers(&mut self, identifiers: &[String], remote: &RemoteSettings) -> Vec<Issuer> {
        let mut issuers = Vec::new();
        for identifier in identifiers {
            let made = match &remote.jwks_uri {
                Some(uri) => Issuer::jwks(identifier, uri),
                None => Issuer::discover(identifier),
            };
            match made {
                Ok(issuer) => {
                    let issuer = remote.apply(issuer);
                    let faults = issuer.check(None);
                    if faults.is_empty() {
                        issuers.push(issuer);
                    }
                    faults.into_iter().for_each(|fault| self.rename(fault, remote));
                }
                Err(error) => error.into_faults().into_iter().for_each(|fault| self.rename(fault, remote)),
            }
        }
        issuers
    }

    /// A fault that the issuer's own setters found, under the name that the operator wrote.
    fn rename(&mut self, fault: Fault, remote: &RemoteSettings) {
        let setting = fault.setting().rsplit(": ").next().unwrap_or_default();
        let key = match setting {
            "key_ttl" => "jwks_ttl",
            "key_cooldown" => "jwks_cooldown",
            "fetch_timeout" => "jwks_timeout",
            "max_stale" => "jwks_max_stale",
            "jwks_uri" => "jwks_uri",
            "algorithms" => "algorithms",
            "address" if remote.jwks_uri.is_some() => "jwks_uri",
            _ => "issuer",
        };
        let fault = fault.renamed(self.settings.name(key));
        // Several issuers share these settings, and so their faults.
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn refuse_unknown_names(&mut self) {
        for key in self.settings.values.keys() {
            if !NAMES.contains(&key.as_str()) {
                let known: Vec<_> = NAMES.iter().map(|name| self.settings.name(name)).collect();
                let sentence = format!("there is no such setting; there are {}", known.join(", "));
                self.faults.push(Fault::new(self.settings.name(key), sentence));
            }
        }
    }

    /// Settings of where keys are fetched belong to the issuers that are named beside them.
    fn refuse_what_needs_an_issuer(&mut self) {
        for key in NAMES.iter().filter(|name| name.starts_with("jwks_") || **name == "danger_allow_http") {
            if self.value(key).is_some() {
                self.fault(key, "is about the issuers of these settings, and they name none");
            }
        }
    }

    fn refuse_duplicates(&mut self, identifiers: &[String]) {
        let twice = |(at, one): (usize, &String)| identifiers.iter().take(at).any(|other| other == one);
        if identifiers.iter().enumerate().any(twice) {
            self.fault("issuer", "names one issuer twice");
        }
        for key in &self.settings.repeated {
            self.faults.push(Fault::new(self.settings.name(key), "is set twice"));
        }
    }

    /// A variable that is set to nothing is one that somebody meant to set.
    fn refuse_blanks(&mut self) {
        for key in NAMES.iter() {
            if self.settings.values.get(*key).is_some_and(Raw::is_blank) {
                self.fault(key, "is set to nothing; unset it, or give it a value");
            }
        }
    }

    /// What a required setting is told of where nobody sets it.
    fn missing(&self, key: &str) -> Option<Fault> {
        let fault = || Fault::new(self.settings.name(key), "is required and not set");
        (!self.settings.values.contains_key(key)).then(fault)
    }

    fn mapping(&mut self) -> AuthorityMapping {
        let mut mapping = AuthorityMapping::default();
        for (key, authority) in [
            ("scopes_from", Authority::Scopes),
            ("roles_from", Authority::Roles),
            ("permissions_from", Authority::Permissions),
            ("groups_from", Authority::Groups),
        ] {
            let Some(claims) = self.list(key) else { continue };
            for sentence in mapping.set(authority, claims.iter().map(String::as_str)) {
                self.fault(key, &sentence);
            }
        }
        mapping
    }

    fn list(&mut self, key: &str) -> Option<Vec<String>> {
        let items: Vec<String> = match self.value(key)? {
            Raw::Text(text) => text.split(',').map(|item| item.trim().to_owned()).collect(),
            Raw::List(items) => items.clone(),
            _ => {
                self.fault(key, "must be a text or a list of texts");
                return None;
            }
        };
        if items.is_empty() || items.iter().any(|item| item.is_empty() || item.trim() != item) {
            self.fault(key, "has an item that is empty, or has white space around it");
            return None;
        }
        Some(items)
    }

    fn algorithms(&mut self) -> Option<Vec<Algorithm>> {
        let mut algorithms = Vec::new();
        for name in self.list("algorithms")? {
            match name.parse::<Algorithm>() {
                Ok(algorithm) if algorithm.is_symmetric() => {
                    let sentence =
                        format!("{algorithm} is an HMAC, which needs a secret and cannot be set here");
                    self.fault("algorithms", &sentence);
                }
                Ok(algorithm) => algorithms.push(algorithm),
                Err(_) => {
                    self.fault("algorithms", &format!("{name:?} is no algorithm of RFC 7518 or RFC 8037"))
                }
            }
        }
        // Nothing left is a fault already; an empty list must not become "all".
        Some(algorithms).filter(|left| !left.is_empty())
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.value(key)? {
            Raw::Text(text) => Some(text.trim().to_owned()),
            _ => {
                self.fault(key, "must be a text");
                None
            }
        }
    }

    fn boolean(&mut self, key: &str) -> bool {
        let value = match self.value(key) {
            None => return false,
            Some(Raw::Bool(value)) => return *value,
            Some(Raw::Text(text)) => text.trim().to_ascii_lowercase(),
            Some(_) => String::new(),
        };
        match value.as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                self.fault(key, "must be true or false");
                false
            }
        }
    }

    fn seconds(&mut self, key: &str) -> Option<Duration> {
        let number = match self.value(key)? {
            Raw::Number(number) => Some(*number),
            Raw::Text(text) => text.trim().parse::<f64>().ok(),
            _ => None,
        };
        let duration = number.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        if duration.is_none() {
            self.fault(key, "must be a number of seconds, not negative");
        }
        duration
    }

    /// What is set; blanks are faults of their own.
    fn value(&self, key: &str) -> Option<&Raw> {
        self.settings.values.get(key).filter(|value| !value.is_blank())
    }

    fn fault(&mut self, key: &str, sentence: &str) {
        self.faults.push(Fault::new(self.settings.name(key), sentence.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(vars: &[(&str, &str)]) -> Vec<String> {
        let owned = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        match Settings::from_vars(owned).check() {
            Ok(()) => Vec::new(),
            Err(error) => error.faults().iter().map(|fault| fault.setting().to_owned()).collect(),
        }
    }

    // Loopback, because a build without TLS refuses https.
    const GOOD: [(&str, &str); 2] =
        [("BEARER_ISSUER", "http://127.0.0.1:1"), ("BEARER_AUDIENCE", "https://api.example.com")];

    #[test]
    fn two_variables_are_the_whole_set_up() {
        assert_eq!(faults(&GOOD), [""; 0]);
        assert_eq!(faults(&[]), ["BEARER_ISSUER", "BEARER_AUDIENCE"]);
        assert_eq!(faults(&[GOOD[0], ("BEARER_AUDIENCE", "  ")]), ["BEARER_AUDIENCE"]);
    }

    #[test]
    fn all_faults_are_told_at_once_each_under_its_variable() {
        let found = faults(&[
            ("BEARER_ISSUER", "http://a.example.com,ftp://b"),
            ("BEARER_AUDIENCE", "a,,b"),
            ("BEARER_JWKS_URI", "https://keys.example.com"),
            ("BEARER_LEEWAY", "301"),
            ("BEARER_ALGORITHMS", "RS256,HS256,none"),
            ("BEARER_STRICT", "yes please"),
            ("BEARER_DANGER_ALLOW_HTTP", "maybe"),
            ("BEARER_JWKS_COOLDOWN", "-1"),
            ("BEARER_JWKS_TIMEOUT", "0.01"),
            ("BEARER_JWKS_TTL", "soon"),
            ("BEARER_JWKS_MAX_STALE", "1e9"),
            ("BEARER_JWKS_URL", "https://keys.example.com"),
        ]);
        for name in [
            "AUDIENCE",
            "JWKS_URI",
            "LEEWAY",
            "ALGORITHMS",
            "STRICT",
            "DANGER_ALLOW_HTTP",
            "JWKS_COOLDOWN",
            "JWKS_TIMEOUT",
            "JWKS_TTL",
            "JWKS_MAX_STALE",
            "JWKS_URL",
        ] {
            assert!(found.contains(&format!("BEARER_{name}")), "{name} in {found:?}");
        }
    }

    #[test]
    fn somebody_elses_variable_is_left_alone() {
        assert_eq!(
            faults(&[
                GOOD[0],
                GOOD[1],
                ("BEARER_TOKEN", "x"),
                ("BEARER_API_KEY", "x"),
                ("BEARER_MISSION", "x"),
                ("BEARER_AUDIT_LOG", "x"),
                ("BEARERX", "y")
            ]),
            [""; 0]
        );
    }

    #[test]
    fn a_misspelt_name_is_told_as_it_was_written() {
        for name in [
            "BEARER_Leeway",
            "bearer_strict",
            "BEARER_STRCIT",
            "BEARER_ALOGRITHMS",
            "BEARER_ALLOWED_ALGORITHMS",
            "BEARER_MAX_STALE",
            "BEARER_AUDIENCES",
            "BEARER_LEWAY",
            "BEARER_ALGS",
            "BEARER_ALLOW_HTTP",
            "BEARER_ISS",
        ] {
            assert_eq!(faults(&[GOOD[0], GOOD[1], (name, "5")]), [name]);
        }
    }

    #[test]
    fn a_setting_that_is_set_to_nothing_is_told() {
        assert_eq!(faults(&[GOOD[0], GOOD[1], ("BEARER_STRICT", " ")]), ["BEARER_STRICT"]);
        assert_eq!(faults(&[GOOD[0], GOOD[1], ("BEARER_JWKS_URI", "")]), ["BEARER_JWKS_URI"]);
    }

    #[test]
    fn a_setting_without_the_issuer_it_is_about_is_told() {
        let told = faults(&[GOOD[1], ("BEARER_JWKS_TTL", "1"), ("BEARER_JWKS_URI", "x")]);
        assert_eq!(told, ["BEARER_JWKS_URI", "BEARER_JWKS_TTL", "BEARER_ISSUER"]);
        let twice = ("BEARER_ISSUER", "http://127.0.0.1:1,http://127.0.0.1:1");
        assert_eq!(faults(&[twice, GOOD[1]]), ["BEARER_ISSUER"]);
        let text = r#"{"issuer":"http://127.0.0.1:1","audience":"x","strict":true,"strict":false}"#;
        let error = serde_json::from_str::<Settings>(text).unwrap().check().unwrap_err();
        assert_eq!(error.faults().first().map(Fault::setting), Some("strict"));
    }

    #[test]
    fn debug_shows_names_and_no_value() {
        let vars = [("BEARER_ISSUER".to_owned(), "https://user:s3cret@id.example.com".to_owned())];
        let settings = Settings::from_vars(vars);
        assert_eq!(format!("{settings:?}"), r#"Settings {"BEARER_ISSUER"}"#);
        assert!(!format!("{:?}", settings.check()).contains("s3cret"));
    }

    #[test]
    fn plain_http_off_loopback_is_a_fault_unless_it_is_allowed() {
        let cluster = ("BEARER_ISSUER", "http://keycloak:8080/realms/acme");
        assert_eq!(faults(&[cluster, GOOD[1]]), ["BEARER_ISSUER"]);
        assert_eq!(faults(&[cluster, GOOD[1], ("BEARER_DANGER_ALLOW_HTTP", "true")]), [""; 0]);
        assert_eq!(faults(&[("BEARER_ISSUER", "http://127.0.0.1:1"), GOOD[1]]), [""; 0]);
        assert_eq!(faults(&[GOOD[0], GOOD[1], ("BEARER_JWKS_URI", "http://k/x")]), ["BEARER_JWKS_URI"]);
    }

    #[test]
    fn durations_are_seconds_with_fractions() {
        assert_eq!(
            faults(&[GOOD[0], GOOD[1], ("BEARER_JWKS_COOLDOWN", "0.5"), ("BEARER_LEEWAY", "0")]),
            [""; 0]
        );
        for bad in ["NaN", "inf", "5s", "-0.1"] {
            assert_eq!(faults(&[GOOD[0], GOOD[1], ("BEARER_LEEWAY", bad)]), ["BEARER_LEEWAY"], "{bad}");
        }
    }

    #[test]
    fn a_file_says_the_same_and_names_its_own_members() {
        let good =
            r#"{"issuer":["http://127.0.0.1:1","http://[::1]:1"],"audience":"x","leeway":1.5,"strict":true}"#;
        let settings: Settings = serde_json::from_str(good).unwrap();
        assert!(settings.check().is_ok());
        let (read, _) = settings.into_parts();
        assert_eq!(
            (read.issuers.len(), read.strict, read.leeway),
            (2, true, Some(Duration::from_millis(1500)))
        );
        let bad = r#"{"issuer":1,"audience":{"a":1},"strict":"on","isuer":"x","algorithms":[1]}"#;
        let error = serde_json::from_str::<Settings>(bad).unwrap().check().unwrap_err();
        let names: Vec<_> = error.faults().iter().map(Fault::setting).collect();
        assert_eq!(names, ["isuer", "issuer", "audience", "strict", "algorithms"]);
    }
}
