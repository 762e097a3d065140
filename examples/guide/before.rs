//! A small shop without any guard: whoever can reach it may do everything.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::Result,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use std::{error::Error, sync::Arc};
use tokio::{net::TcpListener, sync::RwLock};
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
    buyer: String,
}

type Shop = Arc<RwLock<Vec<Order>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = routes().with_state(Shop::default());
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}

fn routes() -> Router<Shop> {
    let orders = Router::new()
        .route("/", get(list).post(create))
        .route("/{id}", get(show))
        .route("/{id}/refund", post(refund));
    Router::new()
        .route("/health", get(health))
        .nest("/orders", orders)
        .fallback(nothing_is_here)
        .layer(cors())
}

/// The shop's page lives at another origin.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([HeaderValue::from_static("https://shop.example.com")])
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE])
}

async fn health() -> &'static str {
    "well"
}

async fn nothing_is_here() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "there is nothing here")
}

async fn list(State(shop): State<Shop>) -> Json<Vec<Order>> {
    Json(shop.read().await.clone())
}

async fn create(State(shop): State<Shop>, Json(new): Json<NewOrder>) -> (StatusCode, Json<Order>) {
    let order = Order { item: new.item, buyer: new.buyer, refunded: false };
    shop.write().await.push(order.clone());
    (StatusCode::CREATED, Json(order))
}

async fn show(State(shop): State<Shop>, Path(id): Path<usize>) -> Result<Json<Order>> {
    let order = shop.read().await.get(id).cloned().ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(order))
}

async fn refund(State(shop): State<Shop>, Path(id): Path<usize>) -> Result<Json<Order>> {
    let mut shop = shop.write().await;
    let order = shop.get_mut(id).ok_or(StatusCode::NOT_FOUND)?;
    order.refunded = true;
    Ok(Json(order.clone()))
}
