//! The example `mcp_server` before a client that knows nothing but its address: challenge → metadata → token → call, as the
//! MCP authorization specification (2025-11-25) draws it; once step by step, once by the client of `rmcp`.
#![cfg(all(feature = "axum", feature = "remote", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "mcp/authorization_server.rs"]
mod authorization_server;
#[path = "../examples/mcp_server.rs"]
#[allow(dead_code, reason = "its `main` is for whoever runs it")]
mod mcp_server;

use authorization_server::{AuthorizationServer, CLIENT, REDIRECT, query, serve};
use http::{HeaderMap, StatusCode, header::WWW_AUTHENTICATE};
use mcp_server::{Orders, TOOLS};
use reqwest::{Client, RequestBuilder, Url};
use rmcp::{
    RoleClient, ServiceExt as _,
    model::CallToolRequestParams,
    service::{ClientInitializeError, RunningService, ServiceError},
    transport::{
        StreamableHttpClientTransport,
        auth::{AuthClient, AuthorizationManager, AuthorizationMetadataSource, OAuthClientConfig},
        streamable_http_client::{
            AuthRequiredError, InsufficientScopeError, StreamableHttpClient,
            StreamableHttpClientTransportConfig,
        },
    },
};
use serde_json::{Value, json};
use std::error::Error;
use tower_bearer::{Issuer, Verifier, testing::TestToken};

/// A running server, and what a client of it is told beforehand: its address.
struct Server {
    resource: String,
    authorization: AuthorizationServer,
}

impl Server {
    async fn start() -> Self {
        let authorization = AuthorizationServer::start().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let resource = format!("http://{}/mcp", listener.local_addr().unwrap());
        let issuer = Issuer::discover(authorization.issuer.identifier()).unwrap();
        let verifier = Verifier::builder().issuer(issuer).audience(&resource);
        let verifier = verifier.clock(authorization.issuer.clock()).build().unwrap();
        let (_, app) = mcp_server::app(verifier, &resource).unwrap();
        serve(listener, app);
        Self { resource, authorization }
    }

    fn token(&self, scopes: &str) -> TestToken {
        self.authorization.issuer.token().audience(&self.resource).scope(scopes)
    }

    fn metadata(&self) -> String {
        self.resource.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    }

    /// One JSON-RPC request as MCP's transport wants it.
    fn request(&self, token: Option<&str>, method: &str, params: Value) -> RequestBuilder {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = client().post(&self.resource).header("accept", "application/json, text/event-stream");
        let request = request.header("content-type", "application/json").body(body.to_string());
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn call(&self, token: &str, tool: &str) -> Answer {
        let params = json!({ "name": tool, "arguments": { "id": 7 } });
        Answer::to(self.request(Some(token), "tools/call", params)).await
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: response.text().await.unwrap() }
    }

    fn challenge(&self) -> &str {
        self.headers.get(WWW_AUTHENTICATE).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    fn text(&self) -> String {
        self.json()["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

/// Follows nobody, and no proxy stands before loopback.
fn client() -> Client {
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn get(url: &str) -> Value {
    Answer::to(client().get(url)).await.json()
}

fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    challenge.split_once(&format!("{name}=\""))?.1.split('"').next()
}

#[tokio::test]
async fn whoever_has_no_token_for_this_server_is_told_so_and_where_to_get_one() {
    let server = Server::start().await;
    let pointer = format!(r#"resource_metadata="{}""#, server.metadata());
    let reader = server.token("orders:read");
    for (name, token, status, says) in [
        ("none", None, 401, r#"Bearer scope="orders:read""#),
        ("no JWT", Some("a.b.c".to_owned()), 401, r#"error="invalid_token""#),
        (
            "for another server",
            Some(reader.clone().audience("https://other.test/mcp").sign()),
            401,
            "invalid_token",
        ),
        (
            "for the host, not the server",
            Some(reader.clone().audience(&server.resource.replace("/mcp", "")).sign()),
            401,
            "invalid_token",
        ),
        ("expired", Some(reader.clone().expired().sign()), 401, "the token has expired"),
        (
            "without the scope",
            Some(server.token("profile").sign()),
            403,
            r#"error="insufficient_scope", error_description="the token does not permit this request", scope="orders:read""#,
        ),
    ] {
        for method in ["initialize", "tools/list", "tools/call", "no such method"] {
            let answer = Answer::to(server.request(token.as_deref(), method, json!({}))).await;
            assert_eq!(answer.status, status, "{name}: {method}");
            assert!(answer.challenge().contains(says), "{name}: {}", answer.challenge());
            assert!(answer.challenge().ends_with(&pointer), "{name}: {}", answer.challenge());
            assert_eq!(answer.body, "", "{name}: {method}");
        }
    }
}

#[tokio::test]
async fn a_token_in_the_query_or_the_body_is_none() {
    let server = Server::start().await;
    let token = server.token("orders:read").sign();
    let url = format!("{}?access_token={token}", server.resource);
    let in_query = Answer::to(client().post(url).header("content-type", "application/json")).await;
    assert_eq!((in_query.status.as_u16(), parameter(in_query.challenge(), "error")), (401, None));
    let in_body = server.request(None, "tools/list", json!({ "access_token": token }));
    assert_eq!(Answer::to(in_body).await.status, 401);
}

#[tokio::test]
async fn no_page_from_elsewhere_gets_through_and_no_other_name_for_this_machine() {
    let server = Server::start().await;
    let token = server.token("orders:read").sign();
    let list = || server.request(Some(&token), "tools/list", json!({}));
    assert_eq!(Answer::to(list()).await.status, 200);
    for (header, value) in [("origin", "https://evil.example"), ("origin", "null"), ("host", "evil.example")]
    {
        let answer = Answer::to(list().header(header, value)).await;
        assert_eq!((answer.status.as_u16(), answer.challenge()), (403, ""), "{header}: {value}");
    }
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let answer = Answer::to(client().request(method, &server.resource).bearer_auth(&token)).await;
        assert_eq!((answer.status.as_u16(), &answer.headers["allow"]), (405, &"POST".parse().unwrap()));
    }
}

#[tokio::test]
async fn a_tool_that_needs_more_than_the_route_is_a_403_in_every_version_of_the_protocol() {
    let server = Server::start().await;
    let reader = server.token("orders:read").sign();
    let refused = server.call(&reader, "cancel_order").await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.challenge(),
        format!(
            r#"Bearer error="insufficient_scope", error_description="the token does not permit this request", scope="orders:read orders:write", resource_metadata="{}""#,
            server.metadata()
        )
    );
    assert_eq!(refused.body, "", "nothing of what the tool or `rmcp` would have said");

    for version in ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        let params = json!({
            "name": "cancel_order",
            "arguments": { "id": 7 },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {}
            }
        });
        for (token, status) in [(&reader, 403), (&server.token("orders:read orders:write").sign(), 200)] {
            let request = server.request(Some(token), "tools/call", params.clone());
            let request = request.header("mcp-protocol-version", version);
            let request = request.header("mcp-method", "tools/call").header("mcp-name", "cancel_order");
            let answer = Answer::to(request).await;
            assert_eq!(answer.status, status, "{version}: {}", answer.body);
        }
    }
    // One refusal does not outlive its request.
    assert_eq!(server.call(&reader, "list_orders").await.text(), "1: tea\n2: biscuits");
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_an_error_of_the_protocol() {
    let server = Server::start().await;
    let answer = server.call(&server.token("orders:read orders:write").sign(), "drop_orders").await.json();
    assert_eq!(answer["error"]["message"], "there is no such tool");
}

#[test]
fn every_tool_has_a_policy_and_every_policy_a_tool() {
    let tools = Orders::tool_router().list_all();
    let mut names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
    names.sort_unstable();
    assert_eq!(names, TOOLS.keys().copied().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_comes_from_the_challenge_over_the_metadata_and_a_token_to_the_call() {
    let server = Server::start().await;
    let challenged = Answer::to(server.request(None, "initialize", json!({}))).await;
    assert_eq!(challenged.status, 401);
    let scope = parameter(challenged.challenge(), "scope").unwrap();

    let resource = get(parameter(challenged.challenge(), "resource_metadata").unwrap()).await;
    // The client compares what it asked with what it is told (RFC 9728 section 3.3).
    assert_eq!(resource["resource"], server.resource);
    assert_eq!(resource["authorization_servers"], json!([server.authorization.issuer.identifier()]));
    assert_eq!(resource["scopes_supported"], json!(["orders:read", "orders:write"]));

    let issuer = resource["authorization_servers"][0].as_str().unwrap();
    let servers = get(&format!("{issuer}/.well-known/oauth-authorization-server")).await;
    assert_eq!(servers["issuer"], issuer);

    let mut url = Url::parse(servers["authorization_endpoint"].as_str().unwrap()).unwrap();
    url.query_pairs_mut().extend_pairs([
        ("resource", &*server.resource),
        ("scope", scope),
        ("state", "s"),
        ("redirect_uri", REDIRECT),
    ]);
    let (code, _) = consent(url.as_str()).await;
    let form = format!("grant_type=authorization_code&code={code}&resource={}", server.resource);
    let token = client().post(servers["token_endpoint"].as_str().unwrap()).body(form);
    let token = Answer::to(token).await.json()["access_token"].as_str().unwrap().to_owned();

    let hello = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" }
    });
    let initialized = Answer::to(server.request(Some(&token), "initialize", hello)).await.json();
    assert_eq!(initialized["result"]["serverInfo"]["name"], "orders");
    assert_eq!(initialized["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(server.call(&token, "list_orders").await.text(), "1: tea\n2: biscuits");
}

#[tokio::test]
async fn the_client_of_rmcp_finds_its_way_alone_and_steps_up_when_a_tool_asks_for_more() {
    let server = Server::start().await;
    let refused = ().serve(transport_of(&server, client())).await.unwrap_err();
    assert!(refused.is_authorization_required(), "{refused:?}");
    let ClientInitializeError::TransportError { error, .. } = refused else { panic!("{refused:?}") };
    let challenge = &caused_by::<AuthRequiredError>(&error).www_authenticate_header;

    let mut manager = AuthorizationManager::new(&*server.resource).await.unwrap();
    manager.with_client(client()).unwrap();
    let found = manager.resolve_metadata_from_challenge(Some(challenge)).await.unwrap();
    assert_eq!(found.source, AuthorizationMetadataSource::ProtectedResourceMetadata);
    manager.set_metadata(found.metadata);
    manager.configure_client(OAuthClientConfig::new(CLIENT, REDIRECT)).unwrap();
    // The challenge alone, and not all that the metadata lists: least privilege.
    let scopes = manager.select_initial_scopes(&[]).await;
    assert_eq!(scopes, ["orders:read"]);
    let url = manager.get_authorization_url(&["orders:read"]).await.unwrap();
    let (code, state) = consent(&url).await;
    manager.exchange_code_for_token(&code, &state).await.unwrap();
    assert_eq!(server.authorization.last_resource(), server.resource, "RFC 8707: the token is for us alone");

    let authorized = AuthClient::new(client(), manager);
    let connected = ().serve(transport_of(&server, authorized.clone())).await.unwrap();
    assert_eq!(call(&connected, "list_orders").await.unwrap(), "1: tea\n2: biscuits");
    let refused = call(&connected, "cancel_order").await.unwrap_err();
    let ServiceError::TransportSend(error) = refused else { panic!("{refused:?}") };
    let needed = caused_by::<InsufficientScopeError>(&error).get_required_scope().unwrap().to_owned();
    assert_eq!(needed, "orders:read orders:write");

    let manager = authorized.auth_manager.lock().await;
    let (code, state) = consent(&manager.request_scope_upgrade(&needed).await.unwrap()).await;
    manager.exchange_code_for_token(&code, &state).await.unwrap();
    drop(manager);
    let connected = ().serve(transport_of(&server, authorized.clone())).await.unwrap();
    assert_eq!(call(&connected, "cancel_order").await.unwrap(), "order 7 is cancelled by alice");
}

fn transport_of<C: StreamableHttpClient>(server: &Server, client: C) -> StreamableHttpClientTransport<C> {
    let config = StreamableHttpClientTransportConfig::with_uri(&*server.resource);
    StreamableHttpClientTransport::with_client(client, config)
}

async fn call(
    connected: &RunningService<RoleClient, ()>,
    tool: &'static str,
) -> Result<String, ServiceError> {
    let arguments = json!({ "id": 7 }).as_object().cloned().unwrap();
    let called = connected.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await?;
    Ok(called.content[0].as_text().unwrap().text.clone())
}

/// The user says yes at once; `code` and `state` as they come back.
async fn consent(url: &str) -> (String, String) {
    let answer = Answer::to(client().get(url)).await;
    assert_eq!(answer.status, 302, "{}", answer.body);
    let back = query(answer.headers["location"].to_str().unwrap());
    (back["code"].clone(), back["state"].clone())
}

/// The cause of this type, however deep.
fn caused_by<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> &'a E {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return found;
        }
        next = error.source();
    }
    panic!("it is not there: {error:?}")
}
