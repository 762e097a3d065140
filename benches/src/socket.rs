//! What serves over a socket, each case in a process of its own. The driver in `socket/` starts and measures them.
//!
//! All servers of a run trust one key, which `mint` leaves in a folder.

use crate::{
    keys::Signer,
    rivals, router,
    tokens::{AUDIENCE, ISSUER, Mint},
};
use axum::Router;
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The most tokens that take turns.
const TOKENS: u64 = 1_000;

/// Makes a router that trusts this mint.
type App = fn(&Mint) -> Router;

const OWN: &[(&str, App)] = &[
    ("bare", |_| router::bare()),
    ("two_empty_layers", |_| router::two_empty_layers()),
    ("remembered", |mint| router::guarded(router::remembering(mint), router::three_terms())),
    ("first_sight", |mint| router::guarded(router::forgetful(mint), router::three_terms())),
];

/// The router of the case with this name: one of our own, or a rival's.
pub fn app(name: &str, mint: &Mint) -> Router {
    let own = OWN.iter().copied().find(|(known, _)| *known == name).map(|(_, app)| app);
    let rival = || rivals::ALL.iter().find(|rival| rival.name == name).map(|rival| rival.app);
    own.or_else(rival).unwrap_or_else(|| panic!("there is no case {name:?}"))(mint)
}

/// The rivals as the driver wants to know them.
pub fn rivals() -> Value {
    let rival = |rival: &rivals::Rival| json!({ "name": rival.name, "version": rivals::version(rival.name), "how": rival.how });
    rivals::ALL.iter().map(rival).collect()
}

/// One key, and tokens of it, for all servers of a run and for who calls them.
pub fn mint(alg: &str, folder: &Path) {
    let mint = Mint::new(known(alg));
    let trust = json!({ "alg": alg, "issuer": ISSUER, "audience": AUDIENCE, "keys": [mint.signer.jwk()] });
    fs::create_dir_all(folder).expect("a folder");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).expect("a file");
    write("key.der", &mint.signer.to_pkcs8());
    write("trust.json", trust.to_string().as_bytes());
    write("tokens", mint.pool(TOKENS).join("\n").as_bytes());
    write("tampered", mint.tampered().as_bytes());
    write("another_audience", mint.for_another_audience().as_bytes());
}

/// The mint that left this folder.
pub fn minted(folder: &Path) -> Mint {
    let read = |name: &str| fs::read(folder.join(name)).expect("a file of the mint");
    let trust: Value = serde_json::from_slice(&read("trust.json")).expect("JSON");
    let alg = known(trust["alg"].as_str().expect("an algorithm"));
    Mint::of(Signer::from_pkcs8(alg, &read("key.der")), ISSUER)
}

fn known(alg: &str) -> &'static str {
    ["RS256", "ES256"].into_iter().find(|known| *known == alg).expect("RS256 or ES256")
}
