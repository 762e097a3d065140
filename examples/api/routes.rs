//! Who may call what.

use super::handlers::*;
use std::sync::Arc;
use tokio::sync::watch;
use tower_bearer::{
    Verifier,
    guard::{GuardedRouter, guarded, named},
    policy::{optional, public},
    readiness::Readiness,
};

/// Their state is the OpenAPI document.
pub(crate) type Routes = GuardedRouter<watch::Receiver<Arc<str>>>;

/// Each method with who may call it. A policy that is missing here does not compile, and one that is missing in the file
/// ends the program at its start.
pub(crate) fn routes(verifier: &Verifier<User>) -> Routes {
    GuardedRouter::new()
        .route("/api/me", guarded::get(named("profile.read"), me))
        .route(
            "/api/orders",
            guarded::get(named("orders.read"), list_orders).post(named("orders.write"), create_order),
        )
        .route("/api/admin", guarded::get(named("admin"), admin))
        .route("/api/transfer", guarded::get(named("transfer"), transfer))
        .route("/api/optional", guarded::get(optional("guests are greeted, too"), greet))
        .route("/openapi.json", guarded::get(public("the description of a public API"), document))
        .route("/health", guarded::get(public("probes have no token"), || async { "alive" }))
        .route_service("/ready", public("probes have no token"), Readiness::new(verifier.clone()))
}
