//! Other crates on the same token: one route, guarded as each crate's own documentation shows it, keys given before the
//! first request, claims typed where the crate can. Without the feature `rivals` there are none.

#[cfg(feature = "rivals")]
mod aliri;
#[cfg(feature = "rivals")]
mod axum_jwt_auth;
#[cfg(feature = "rivals")]
mod by_hand;
#[cfg(feature = "rivals")]
mod huskarl;
#[cfg(feature = "rivals")]
mod oauth_resource_server;
#[cfg(feature = "rivals")]
mod tower_oauth2;

use crate::{harness::Case, tokens::Mint};
use axum::Router;

/// One of them, and how it guards `/orders`.
pub struct Rival {
    pub name: &'static str,
    /// How it was set up, where that says something about its figures.
    pub how: &'static str,
    /// A router of its own for this mint's tokens.
    pub app: fn(&Mint) -> Router,
}

/// `jsonwebtoken::decode` with a prepared key: what many would use by hand.
#[cfg(feature = "rivals")]
pub fn by_hand(mint: &Mint, token: &str) -> Option<Case> {
    Some(by_hand::decode(mint, token))
}

#[cfg(not(feature = "rivals"))]
pub fn by_hand(_: &Mint, _: &str) -> Option<Case> {
    None
}

#[cfg(not(feature = "rivals"))]
pub const ALL: &[Rival] = &[];

#[cfg(feature = "rivals")]
pub const ALL: &[Rival] = &[
    Rival {
        name: "aliri_tower",
        how: "ring; JWT layer and a scope layer of two scopes; claims as an extension",
        app: aliri::app,
    },
    Rival {
        name: "axum-jwt-auth",
        how: "jsonwebtoken 10 on AWS-LC, local keys; an extractor, no scopes",
        app: axum_jwt_auth::app,
    },
    Rival {
        name: "huskarl-axum",
        how: "its default platform, RustCrypto; scope layer of two scopes; claims by its extractor",
        app: huskarl::app,
    },
    Rival {
        name: "oauth-resource-server",
        how: "jsonwebtoken 9 on ring; layer that requires two scopes; its own token type, untyped claims",
        app: oauth_resource_server::app,
    },
    Rival {
        name: "tower-oauth2-resource-server",
        how: "jsonwebtoken 11 on AWS-LC, static keys; layer, claims as an extension, no scopes",
        app: tower_oauth2::app,
    },
];

/// The release that is measured, from the lock file.
pub fn version(name: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{name}\""));
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \""));
    version.map(|version| version.trim_end_matches('"')).unwrap_or("unknown")
}
