//! The same shop, guarded: every method says who may.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::Result,
};
use serde::{Deserialize, Serialize};
use std::{error::Error, sync::Arc};
use tokio::{net::TcpListener, sync::RwLock};
use tower_bearer::{
    AuthenticateLayer, Claims, Verifier,
    guard::{Allowed, GuardedRouter, guarded},
    policy::{Policy, Rule, public, role, rule, scope},
};
use tower_http::cors::CorsLayer;

#[derive(Clone, Serialize)]
struct Order {
    item: String,
    buyer: String,
    refunded: bool,
}

#[derive(Deserialize)]
struct NewOrder {
    item: String,
}

/// What the token must say of the caller.
#[derive(Deserialize)]
struct User {
    sub: String,
}

struct CanRefund;

impl Rule for CanRefund {
    const NAME: &'static str = "can-refund";

    fn policy() -> Policy {
        scope("orders:write") & role("clerk")
    }
}

type Shop = Arc<RwLock<Vec<Order>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let verifier = Verifier::builder().env()?.claims::<User>().build()?;
    let app = routes().with_state(Shop::default()).into_router(AuthenticateLayer::new(verifier));
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}

fn routes() -> GuardedRouter<Shop> {
    let orders = GuardedRouter::new()
        .route("/", guarded::get(scope("orders:read"), list).post(scope("orders:write"), create))
        .route("/{id}", guarded::get(scope("orders:read"), show))
        .route("/{id}/refund", guarded::post(rule::<CanRefund>(), refund));
    GuardedRouter::new()
        .route("/health", guarded::get(public("probes have no token"), health))
        .nest("/orders", orders)
        .fallback(public("a page that says so"), nothing_is_here)
        .layer(cors())
}

/// The shop's page lives at another origin.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([HeaderValue::from_static("https://shop.example.com")])
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER])
}

async fn health() -> &'static str {
    "well"
}

async fn nothing_is_here() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "there is nothing here")
}

async fn list(State(shop): State<Shop>, caller: Claims<User>) -> Json<Vec<Order>> {
    let shop = shop.read().await;
    Json(shop.iter().filter(|order| order.buyer == caller.sub).cloned().collect())
}

async fn create(
    State(shop): State<Shop>,
    caller: Claims<User>,
    Json(new): Json<NewOrder>,
) -> (StatusCode, Json<Order>) {
    let order = Order { item: new.item, buyer: caller.sub.clone(), refunded: false };
    shop.write().await.push(order.clone());
    (StatusCode::CREATED, Json(order))
}

async fn show(State(shop): State<Shop>, caller: Claims<User>, Path(id): Path<usize>) -> Result<Json<Order>> {
    let order = shop.read().await.get(id).cloned().ok_or(StatusCode::NOT_FOUND)?;
    if order.buyer != caller.sub {
        caller.require(role("clerk"))?;
    }
    Ok(Json(order))
}

async fn refund(
    _: Allowed<CanRefund>,
    State(shop): State<Shop>,
    Path(id): Path<usize>,
) -> Result<Json<Order>> {
    let mut shop = shop.write().await;
    let order = shop.get_mut(id).ok_or(StatusCode::NOT_FOUND)?;
    order.refunded = true;
    Ok(Json(order.clone()))
}

#[cfg(test)]
mod tests;
