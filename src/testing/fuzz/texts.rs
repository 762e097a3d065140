use crate::{
    issuer::Settings,
    keys::{discovery, is_safe_url},
    verify::Verifier,
};
use serde_json::Value;
#[cfg(feature = "axum")]
use {
    crate::policy::{Checks, LivePolicies, Policies, Policy},
    std::{collections::BTreeMap, sync::Arc},
};

/// An issuer's metadata: what is let through names this issuer and none other, and its address stands in it.
pub fn discovery(data: &[u8]) {
    let Ok(uri) = discovery::locate_in(data, super::ISSUER) else { return };
    let plain: Option<Value> = serde_json::from_slice(data).ok();
    let member = |name: &str| plain.as_ref()?.as_object()?.get(name)?.as_str();
    assert_eq!(member("issuer"), Some(super::ISSUER));
    assert_eq!(member("jwks_uri"), Some(uri.as_str()));
    let stranger = discovery::locate_in(data, "https://other.test");
    assert!(stranger.is_err(), "one document is not two issuers'");
    let _ = is_safe_url(&uri, false);
}

/// Settings: as a file, and line by line as the environment.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(settings) = serde_json::from_str::<Settings>(text) {
        check_settings(settings);
    }
    let variables = text.lines().filter_map(|line| line.split_once('='));
    check_settings(Settings::from_vars(variables.map(|(name, value)| (name.to_owned(), value.to_owned()))));
}

fn check_settings(settings: Settings) {
    let checked = settings.check();
    let built = Verifier::builder().settings(settings.clone()).build();
    assert_eq!(checked.is_ok(), built.is_ok(), "{settings:?}: {checked:?} {built:?}");
    let names = format!("{settings:?}");
    let (read, _) = settings.into_parts();
    let Ok(verifier) = built else { return };
    assert!(!read.audiences.is_empty() && read.audiences.iter().all(|name| !name.trim().is_empty()));
    assert!(read.leeway.is_none_or(|leeway| leeway.as_secs_f64() <= 300.0));
    let listed = read.algorithms.iter().flatten();
    assert!(listed.clone().all(|algorithm| !algorithm.is_symmetric()));
    assert!(read.algorithms.is_none() || listed.count() > 0, "no algorithms are not all of them");
    let issuers = verifier.status().issuers;
    assert_eq!(issuers.len(), read.issuers.len());
    // Beside an address of its keys an identifier may be any text. `Debug` has the names of what is set.
    let is_discovered = !names.to_ascii_lowercase().contains("jwks_uri");
    for issuer in issuers.iter().filter(|_| is_discovered) {
        assert!(is_safe_url(&issuer.issuer, true), "{issuer:?}");
    }
}

/// A file of policies, for routes that ask for every name in it: none lets a stranger through, and what is in force is
/// written and read back as the same.
#[cfg(feature = "axum")]
pub fn policies(data: &[u8]) {
    let Ok(policies) = serde_json::from_slice::<Policies>(data) else { return };
    let Ok(names) = serde_json::from_slice::<BTreeMap<String, Value>>(data) else { return };
    let uses = || names.keys().map(|name| (Arc::from(name.as_str()), Vec::new())).collect();
    let Ok(live) = LivePolicies::new(&policies, uses(), Checks::new()) else { return };
    let written = live.policies();
    assert_eq!(live.reload(&written), Ok(()), "what is in force may be put in force");
    assert_eq!(live.policies(), written);
    let again = serde_json::to_string(&written).map(|text| serde_json::from_str::<Policies>(&text));
    assert!(matches!(&again, Ok(Ok(read)) if *read == written), "{again:?}");
    assert_eq!(
        serde_json::from_slice::<Value>(data).ok().and_then(|all| Some(all.as_object()?.len())),
        Some(names.len())
    );
    for policy in
        serde_json::to_value(&written).ok().iter().filter_map(Value::as_object).flat_map(|all| all.values())
    {
        let text = policy.as_str().or_else(|| policy.get("policy")?.as_str());
        let policy = text.and_then(|text| text.parse::<Policy>().ok());
        assert!(policy.is_some_and(|policy| !policy.decide(None).is_allow()), "a name lets nobody through");
    }
}
