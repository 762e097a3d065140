//! What is printed for whoever tries the API.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};
use tower_bearer::{Verifier, testing::TestIssuer};

/// For a real issuer, whose tokens only it can make.
pub(crate) fn print_hint<T>(address: SocketAddr, verifier: &Verifier<T>) -> io::Result<()> {
    println!("Listening on http://{address}");
    for issuer in verifier.status().issuers {
        println!("Trusting {}", issuer.issuer);
    }
    println!(
        "With one of its tokens in TOKEN: curl -i -H \"Authorization: Bearer $TOKEN\" http://{address}/api/me"
    );
    io::stdout().flush()
}

/// The listener is bound already, so each of these lines works from the moment it can be read.
pub(crate) fn print_lines(address: SocketAddr, issuer: &TestIssuer, metadata_path: &str) -> io::Result<()> {
    let token = |subject: &str| {
        issuer.token().subject(subject).claim("name", subject).expires_in(Duration::from_secs(3600))
    };
    let reader = token("alice").scope("orders:read").sign();
    let outsider = token("bob").scope("profile").sign();
    let expired = token("alice").scope("orders:read").expired().sign();
    let writer = token("alice").scope("orders:read orders:write").sign();
    let admin = token("carol").role("admin").sign();
    let two_factors = token("alice").login("urn:acr:2fa", Duration::ZERO).sign();

    println!("Listening on http://{address}, trusting a development issuer, {}.", issuer.identifier());
    println!("Paste these lines into another terminal; the tokens are good for an hour.\n");
    let show = |label: &str, options: &str, token: Option<&str>, path: &str| {
        let header = token.map_or(String::new(), |token| format!("-H \"Authorization: Bearer {token}\" "));
        println!("# {label}\ncurl -i {options}{header}http://{address}{path}\n");
    };
    show("200: a token with the scope orders:read", "", Some(&reader), "/api/orders");
    show("403: a good token without that scope", "", Some(&outsider), "/api/orders");
    show("401: a token that has expired", "", Some(&expired), "/api/orders");
    show("401: no token", "", None, "/api/orders");

    println!("# And the other routes:\n");
    show("201: a token with the scope orders:write", "-X POST ", Some(&writer), "/api/orders");
    show("200: what the API knows of a caller", "", Some(&writer), "/api/me");
    show("200: a token with the role admin", "", Some(&admin), "/api/admin");
    show("403: a token without that role", "", Some(&reader), "/api/admin");
    show("401: a stronger and recent login is asked for", "", Some(&reader), "/api/transfer");
    show("200: with two factors; 401 when that is five minutes ago", "", Some(&two_factors), "/api/transfer");
    show("200: no token, where one is optional", "", None, "/api/optional");
    show("401: a bad token is refused there, too", "", Some(&expired), "/api/optional");
    show("200: whether the keys are there", "", None, "/ready");
    show("200: where to get a token, which every 401 names", "", None, metadata_path);
    show("200: the operations, each with who may call it", "", None, "/openapi.json");
    io::stdout().flush()
}
