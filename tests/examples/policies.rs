//! The `api` example, and everything that follows from its policies.

use crate::support::*;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A file of this name and text, in a folder of the test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tower-bearer-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("policies.toml");
    fs::write(&path, text).unwrap();
    path
}

fn with_orders_read(policy: &str) -> String {
    format!(
        "\"profile.read\" = \"authenticated\"\n\"orders.read\" = \"{policy}\"\n\"orders.write\" = \"scope(orders:write)\"\n\
         admin = \"role(admin)\"\ntransfer = \"acr(urn:acr:2fa) & max_age(300)\"\n"
    )
}

async fn scopes_supported(api: &Server) -> Value {
    api.ask("GET", WELL_KNOWN, None).await.json()["scopes_supported"].clone()
}

async fn security_of_orders(api: &Server) -> Value {
    api.ask("GET", "/openapi.json", None).await.json()["paths"]["/api/orders"]["get"]["security"].clone()
}

#[tokio::test]
async fn challenge_metadata_document_and_table_of_the_api_say_the_same() {
    let api = Server::start("api").await;
    let refused = api.ask("GET", "/api/orders", None).await;
    let (_, url) = refused.challenge.split_once("resource_metadata=\"").unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with(&format!("{WELL_KNOWN}\"")), "{url}");
    assert!(refused.challenge.starts_with("Bearer scope=\"orders:read\""), "{}", refused.challenge);
    let metadata = api.ask("GET", WELL_KNOWN, None).await.json();
    assert_eq!(url, format!("{}{WELL_KNOWN}\"", metadata["resource"].as_str().unwrap()));
    assert_eq!(metadata["scopes_supported"], json!(["orders:read", "orders:write"]));
    let issuer = metadata["authorization_servers"][0].as_str().unwrap();
    assert!(api.printed.iter().any(|line| line.contains(issuer)), "{:?}", api.printed);

    assert_eq!(security_of_orders(&api).await, json!([{ "bearer": ["orders:read"] }]));
    let document = api.ask("GET", "/openapi.json", None).await.json();
    let transfer = &document["paths"]["/api/transfer"]["get"]["responses"]["401"];
    assert!(transfer.to_string().contains("urn:acr:2fa"), "{transfer}");
    assert!(
        api.printed.iter().any(|line| line.contains("acr(urn:acr:2fa) & max_age(300)")),
        "{:?}",
        api.printed
    );
}

#[tokio::test]
async fn a_weak_login_is_asked_for_a_stronger_one() {
    let api = Server::start("api").await;
    let reader = api.token("/api/orders", 200);
    let asked = api.ask("GET", "/api/transfer", Some(&reader)).await;
    assert_eq!(asked.status, 401);
    for part in ["insufficient_user_authentication", "acr_values=\"urn:acr:2fa\"", "max_age=\"300\""] {
        assert!(asked.challenge.contains(part), "{}", asked.challenge);
    }
    let two_factors = api.token("/api/transfer", 200);
    assert_eq!(api.ask("GET", "/api/transfer", Some(&two_factors)).await.status, 200);
}

#[tokio::test]
async fn the_api_takes_its_policies_from_the_file_that_is_named() {
    let path = file("named", &with_orders_read("scope(orders:audit) | role(auditor)"));
    let api = Server::start_with_policies(&path).await;
    let writer = api.token("/api/me", 200);
    let refused = api.ask("GET", "/api/orders", Some(&writer)).await;
    assert_eq!(refused.status, 403);
    assert!(refused.challenge.contains("scope=\"orders:audit\""), "{}", refused.challenge);
    assert_eq!(api.ask("POST", "/api/orders", Some(&writer)).await.status, 201);
    assert_eq!(scopes_supported(&api).await, json!(["orders:audit", "orders:write"]));
    // A role is nothing that a document names, so it is the other way in.
    assert_eq!(security_of_orders(&api).await[0], json!({ "bearer": ["orders:audit"] }));
    assert!(api.printed.iter().any(|line| line.contains("scope(orders:audit) | role(auditor)")));
}

#[tokio::test]
async fn a_file_that_cannot_work_ends_the_api_with_code_1_and_everything_that_is_wrong() {
    let misspelt =
        "\"orders.raed\" = \"scope(orders:read)\"\nadmin = \"role(\"\n\"profile.read\" = \"public(all)\"\n";
    for (name, path, complaints) in [
        (
            "missing",
            PathBuf::from("/nowhere/policies.toml"),
            vec!["BEARER_POLICIES=/nowhere/policies.toml: "],
        ),
        ("broken", file("broken", "admin = "), vec!["BEARER_POLICIES=", "policies.toml: "]),
        (
            "faults",
            file("faults", misspelt),
            vec![
                "admin: ",
                "orders.raed: no route asks for it",
                "orders.read: there is no policy of this name",
                "orders.write: ",
                "profile.read: ",
                "transfer: ",
            ],
        ),
    ] {
        let output = finish(example("api").env("BEARER_POLICIES", path)).await;
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(complaints.iter().all(|complaint| said.contains(complaint)), "{name}: {said}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hangup_reads_the_file_again_for_all_that_follows_from_it_or_leaves_it_all() {
    let path = file("hangup", &with_orders_read("scope(orders:read)"));
    let mut api = Server::start_with_policies(&path).await;
    let reader = api.token("/api/orders", 200);
    assert_eq!(api.ask("GET", "/api/orders", Some(&reader)).await.status, 200);

    fs::write(&path, "admin = \"role(admin)\"").unwrap();
    api.signal("HUP", 1).await;
    fs::write(&path, with_orders_read("scope(orders:audit)")).unwrap();
    api.signal("HUP", 1).await;
    api.reads_until("The policies were read again").await;
    assert_eq!(api.ask("GET", "/api/orders", Some(&reader)).await.status, 403);
    assert_eq!(scopes_supported(&api).await, json!(["orders:audit", "orders:write"]));
    assert_eq!(security_of_orders(&api).await, json!([{ "bearer": ["orders:audit"] }]));
}
