//! An MCP server on `rmcp` that is protected as the MCP authorization specification asks (2025-11-25; that of 2026-07-28
//! asks the same of a server).
//!
//! Without any settings it starts a development issuer beside the server and prints `curl` lines with fresh tokens:
//!
//! ```text
//! cargo run --example mcp_server
//! ```
//!
//! With settings it trusts your issuer. The audience is the server's public URL, the `resource` that clients ask a token
//! for (RFC 8707 section 2):
//!
//! ```text
//! BEARER_ISSUER=https://id.example.com BEARER_AUDIENCE=https://mcp.example.com/mcp cargo run --example mcp_server
//! ```
//!
//! | the specification asks of a server | met by |
//! | --- | --- |
//! | metadata by RFC 9728 with `authorization_servers` (MUST) | [`ProtectedResource`], served beside `/mcp` |
//! | 401 names it in `resource_metadata` (MUST, or a well-known path; here both) | `AuthenticateLayer::resource_metadata` |
//! | 401 names the `scope` (SHOULD) | the route's policy |
//! | only tokens with itself as audience (MUST) | the verifier's audience is the resource |
//! | 401 for invalid and expired tokens, 400 for malformed credentials (MUST) | the layer |
//! | a token in every request, never in the query (MUST) | the layer; a session is no credential, and there is none here |
//! | 403 `insufficient_scope` with `scope` and `resource_metadata`, at run time, too (SHOULD) | [`serve`], see below |
//! | no token is passed on (MUST NOT) | `strip_token`: no tool can see it |
//! | `Origin` is checked, loopback only when run locally (transport: MUST, SHOULD) | `rmcp`, behind the token; `LISTEN` |
//!
//! # What a tool asks for
//!
//! The route has the policy that all tools share. What one tool asks beyond it stands in [`TOOLS`], is held against the
//! caller before the tool runs, and counts for `scopes_supported`. A tool is known only when the body has been read, by
//! `rmcp`; and `rmcp` can answer with a JSON-RPC error, but not with a 403. So the refusal is left where [`serve`] finds it
//! when `rmcp` is done, and becomes the HTTP answer. That works because `rmcp` is told to answer with one JSON
//! document: with an event stream the status is sent before a tool is known, and the JSON-RPC error would be all there is.
//!
//! `LISTEN` sets the address (default `127.0.0.1:3000`; port 0 takes a free one). Ctrl-C stops it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Uri, request::Parts},
    response::Response,
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{
        tool::{Extension, ToolCallContext},
        wrapper::Parameters,
    },
    model::{CallToolRequestParams, CallToolResponse},
    schemars,
    service::RequestContext,
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, LazyLock, OnceLock},
    time::Duration,
};
use tokio::net::TcpListener;
use tower_bearer::{
    AuthError, AuthenticateLayer, Issuer, Verifier,
    claims::Principal,
    guard::{GuardedRouter, RouteTable, guarded},
    issuer::Settings,
    metadata::ProtectedResource,
    policy::{Policy, public, scope},
    testing::TestIssuer,
};

/// Each tool with its policy: all that it takes, so that a new token by the challenge loses nothing that the old one had.
/// A tool that is missing here cannot be called.
pub(crate) static TOOLS: LazyLock<BTreeMap<&str, Policy>> = LazyLock::new(|| {
    BTreeMap::from([
        ("list_orders", scope("orders:read")),
        ("cancel_order", scope("orders:read") & scope("orders:write")),
    ])
});

#[derive(Clone)]
pub(crate) struct Orders;

#[derive(Deserialize, schemars::JsonSchema)]
struct Order {
    /// The order's number.
    id: u32,
}

#[tool_router(vis = "pub(crate)")]
impl Orders {
    #[tool(description = "Lists all orders")]
    async fn list_orders(&self) -> String {
        "1: tea\n2: biscuits".to_owned()
    }

    #[tool(description = "Cancels one order")]
    async fn cancel_order(
        &self,
        Parameters(Order { id }): Parameters<Order>,
        Extension(head): Extension<Parts>,
    ) -> Result<String, ErrorData> {
        let caller = caller(&head)?;
        let by = caller.subject().unwrap_or("somebody without a name");
        Ok(format!("order {id} is cancelled by {by}"))
    }
}

#[tool_handler(name = "orders")]
impl ServerHandler for Orders {
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        permit(&request.name, &context)?;
        Self::tool_router().call(ToolCallContext::new(self, request, context)).await
    }
}

/// Where a tool's refusal waits until [`serve`] answers with it.
#[derive(Clone, Default)]
struct Refusal(Arc<OnceLock<AuthError>>);

fn permit(tool: &str, context: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
    let policy = TOOLS.get(tool).ok_or_else(|| ErrorData::invalid_params("there is no such tool", None))?;
    let head = context.extensions.get::<Parts>();
    let head = head.ok_or_else(|| ErrorData::internal_error("the tools are served over HTTP only", None))?;
    caller(head)?.require(policy).map_err(|refused| {
        if let Some(refusal) = head.extensions.get::<Refusal>() {
            let _ = refusal.0.set(refused);
        }
        // The class and no more; nobody reads it where `serve` answers.
        ErrorData::invalid_request("the token does not permit this tool", None)
    })
}

/// The request's head has what the layers left in it. Its route lets nobody in without a token.
fn caller(head: &Parts) -> Result<Principal, ErrorData> {
    let caller = Principal::from_extensions(&head.extensions).ok().flatten();
    caller.ok_or_else(|| ErrorData::internal_error("the tools are served behind a policy only", None))
}

type Mcp = StreamableHttpService<Orders, NeverSessionManager>;

/// Lets `rmcp` answer, unless a tool was refused: then the layers draw 403 and challenge, as for any other route.
async fn serve(State(mcp): State<Mcp>, mut request: Request) -> Result<Response, AuthError> {
    let refusal = Refusal::default();
    request.extensions_mut().insert(refusal.clone());
    let response = mcp.handle(request).await;
    match refusal.0.get() {
        Some(refused) => Err(refused.clone()),
        None => Ok(response.map(Body::new)),
    }
}

/// The whole server, for a verifier whose audience is `resource`, the server's public URL.
pub(crate) fn app(verifier: Verifier, resource: &str) -> Result<(RouteTable, Router), Box<dyn Error>> {
    let routes = GuardedRouter::new()
        .route("/mcp", guarded::post(scope("orders:read"), serve))
        .with_state(mcp(resource)?);
    let metadata = ProtectedResource::new(resource)
        .issuers_of(&verifier)
        .policies(routes.table().policies())
        .policies(TOOLS.values())
        .name("Orders")
        .build()?;
    let reason = public("read before there is a token");
    let routes = routes.route_service(metadata.path(), reason, metadata.clone());
    let table = routes.table();
    table.check()?;
    let layer = AuthenticateLayer::new(verifier).resource_metadata(metadata.url()).strip_token();
    Ok((table, routes.into_router(layer)))
}

/// Without sessions every request stands for itself, with its own token.
fn mcp(resource: &str) -> Result<Mcp, Box<dyn Error>> {
    let authority = resource.parse::<Uri>()?.authority().map(ToString::to_string);
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(authority)
        // No page of any origin: whoever wants some names them here, and adds CORS headers for them.
        .enforce_origin_validation();
    Ok(StreamableHttpService::new(|| Ok(Orders), Arc::default(), config))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let listener = listen().await?;
    let address = listener.local_addr()?;
    // Kept until the end: the development issuer stops when it is dropped.
    let development = if Settings::from_env().is_empty() { Some(TestIssuer::serve().await?) } else { None };
    let (verifier, resource) = match &development {
        Some(issuer) => {
            let resource = format!("http://{address}/mcp");
            let verifier = Verifier::builder().issuer(Issuer::discover(issuer.identifier())?);
            (verifier.audience(&resource).build()?, resource)
        }
        None => (Verifier::from_env()?, env::var("BEARER_AUDIENCE")?),
    };
    let (table, app) = app(verifier, &resource)?;
    println!("{table}");
    match &development {
        Some(issuer) => print_curl_lines(address, issuer)?,
        None => println!("Listening on http://{address}/mcp for {resource}"),
    }
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c()).await?;
    Ok(())
}

async fn listen() -> Result<TcpListener, Box<dyn Error>> {
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(&address).await;
    listener.map_err(|error| format!("LISTEN={address}: {error}; port 0 takes a free one").into())
}

async fn ctrl_c() {
    let _ = tokio::signal::ctrl_c().await;
}

/// The listener is bound already, so each of these lines works from the moment it can be read.
fn print_curl_lines(address: SocketAddr, issuer: &TestIssuer) -> io::Result<()> {
    let resource = format!("http://{address}/mcp");
    let token = |scopes: &str, audience: &str| {
        let token = issuer.token().subject("alice").scope(scopes).audience(audience);
        token.expires_in(Duration::from_secs(3600)).sign()
    };
    let reader = token("orders:read", &resource);
    let writer = token("orders:read orders:write", &resource);
    let stranger = token("orders:read", "https://other.example.com/mcp");
    let list = r#""tools/list""#;
    let orders = r#""tools/call","params":{"name":"list_orders","arguments":{}}"#;
    let cancel = r#""tools/call","params":{"name":"cancel_order","arguments":{"id":1}}"#;

    println!("Listening on {resource}, trusting a development issuer, {}.", issuer.identifier());
    println!("Paste these lines into another terminal; the tokens are good for an hour.\n");
    let show = |label: &str, token: Option<&str>, method: &str| {
        let header = token.map_or(String::new(), |token| format!("-H \"Authorization: Bearer {token}\" "));
        let json = "-H \"Content-Type: application/json\" -H \"Accept: application/json, text/event-stream\"";
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":{method}}}"#);
        println!("# {label}\ncurl -i {header}{json} -d '{body}' {resource}\n");
    };
    show("401: no token; the challenge names scope and metadata", None, list);
    let metadata = format!("http://{address}/.well-known/oauth-protected-resource/mcp");
    println!("# 200: the metadata says where to get a token\ncurl -i {metadata}\n");
    show("200: the tools", Some(&reader), list);
    show("200: a tool that needs orders:read", Some(&reader), orders);
    show("403: a tool that needs orders:write, too", Some(&reader), cancel);
    show("200: a token with that scope", Some(&writer), cancel);
    show("401: a token for another server", Some(&stranger), list);
    io::stdout().flush()
}
