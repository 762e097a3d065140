//! Without axum: hyper serves a tower service, and both layers stand in a `ServiceBuilder`.
//!
//! Serves on `LISTEN` (default `127.0.0.1:3000`) beside an issuer for development, and prints `curl` lines to try it
//! with. Ctrl-C stops it.
//!
//! ```text
//! cargo run --example plain_tower
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Bytes, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{convert::Infallible, env, error::Error, pin::pin};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::{
    AuthenticateLayer, Claims, Issuer, Verifier,
    challenge::ProblemJson,
    policy::scope,
    require,
    testing::{AUDIENCE, TestIssuer},
};

/// Any body that can be made from nothing and from a `String` will do: the first for `require`, the second for
/// `ProblemJson`.
type Body = Full<Bytes>;

/// Outermost, who are you? Behind it two routes; one of them asks, may you?
fn api<B: Send + 'static>(
    verifier: Verifier,
) -> impl Service<Request<B>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send {
    let orders = ServiceBuilder::new().layer(require(scope("orders:read"))).service_fn(orders);
    let routes = service_fn(move |request: Request<B>| {
        let orders = orders.clone();
        async move {
            match request.uri().path() {
                "/me" => me(request).await,
                "/orders" => orders.oneshot(request).await,
                _ => answer(StatusCode::NOT_FOUND, "no such route\n".into()),
            }
        }
    });
    ServiceBuilder::new().layer(AuthenticateLayer::new(verifier).render(ProblemJson)).service(routes)
}

/// Without extractors, the claims are taken out of the request's extensions. None can only mean that the layer is optional:
/// treat it as a refusal, never as a matter of course. Where the layer is missing, the error says so, and is a 500.
async fn me<B>(request: Request<B>) -> Result<Response<Body>, Infallible> {
    match <Claims>::from_extensions(request.extensions()) {
        Ok(Some(claims)) => answer(StatusCode::OK, format!("you are {:?}\n", claims.subject())),
        Ok(None) => answer(StatusCode::UNAUTHORIZED, String::new()),
        Err(error) => Ok(Response::from(error)),
    }
}

async fn orders<B>(_request: Request<B>) -> Result<Response<Body>, Infallible> {
    answer(StatusCode::OK, "tea, biscuits\n".into())
}

fn answer(status: StatusCode, text: String) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::serve().await?;
    let verifier =
        Verifier::builder().issuer(Issuer::discover(issuer.identifier())?).audience(AUDIENCE).build()?;
    let api = TowerToHyperService::new(api(verifier));

    let listener = TcpListener::bind(env::var("LISTEN").unwrap_or("127.0.0.1:3000".into())).await?;
    print_curl_lines(&format!("http://{}", listener.local_addr()?), &issuer);
    let mut ctrl_c = pin!(tokio::signal::ctrl_c());
    loop {
        let (stream, _) = tokio::select! {
            biased;
            _ = &mut ctrl_c => return Ok(()),
            accepted = listener.accept() => accepted?,
        };
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), api.clone());
        tokio::spawn(async move {
            // A client that hangs up early is its own affair.
            let _ = connection.await;
        });
    }
}

fn print_curl_lines(url: &str, issuer: &TestIssuer) {
    let reader = issuer.token().subject("alice").scope("orders:read").sign();
    let outsider = issuer.token().subject("bob").sign();
    println!("# 200: any token will do\ncurl -i -H \"Authorization: Bearer {outsider}\" {url}/me\n");
    println!("# 200: the scope is there\ncurl -i -H \"Authorization: Bearer {reader}\" {url}/orders\n");
    println!("# 403: the scope is missing\ncurl -i -H \"Authorization: Bearer {outsider}\" {url}/orders\n");
    println!("# 401: no token\ncurl -i {url}/orders\n");
}
