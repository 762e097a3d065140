//! Issuers that come and go while the program runs: tenants of one provider, found by asking a table of customers, and a
//! partner with an identity provider of its own, who is added and removed.
//!
//! Asks one API in process, prints the answers, and exits:
//!
//! ```text
//! cargo run --example tenants
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use axum::{Router, body::Body, http::Request, routing::get};
use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tower::ServiceExt;
use tower_bearer::{
    AuthError, AuthenticateLayer, Verifier,
    claims::Principal,
    issuer::{Tenant, TenantError, Tenants},
    testing::{AUDIENCE, TestIssuer, TestToken},
};

const TEMPLATE: &str = "https://id.example.com/realms/{tenant}";

/// The table of customers, and how often it was read. Yours is a database.
#[derive(Clone, Default)]
struct Customers {
    rows: Arc<Mutex<BTreeMap<String, TestIssuer>>>,
    reads: Arc<AtomicU64>,
}

impl Customers {
    fn signs_up(&self, name: &str) -> TestIssuer {
        let issuer = TestIssuer::named(&TEMPLATE.replace("{tenant}", name));
        if let Ok(mut rows) = self.rows.lock() {
            rows.insert(name.to_owned(), issuer.clone());
        }
        issuer
    }

    fn leaves(&self, name: &str) {
        if let Ok(mut rows) = self.rows.lock() {
            rows.remove(name);
        }
    }

    fn find(&self, name: &str) -> Option<TestIssuer> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.rows.lock().ok()?.get(name).cloned()
    }
}

/// What is asked for is a name that fills the gap of the template, never an address that a token has made up. A real
/// resolver answers `Issuer::discover(tenant.issuer())?`; here the tenants live in this process.
fn tenants(customers: Customers) -> Tenants {
    Tenants::new(TEMPLATE, move |tenant: Tenant| {
        let customers = customers.clone();
        async move { Ok::<_, TenantError>(customers.find(tenant.name()).map(|row| row.issuer())) }
    })
}

async fn show(app: &Router, who: &str, token: TestToken) -> Result<(), Box<dyn Error>> {
    let request = Request::get("/").header("Authorization", format!("Bearer {}", token.sign()));
    let response = app.clone().oneshot(request.body(Body::empty())?).await?;
    let reason = response.extensions().get::<AuthError>().map(|error| format!(" ({})", error.reason()));
    println!("{who}: {}{}", response.status(), reason.unwrap_or_default());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let customers = Customers::default();
    let acme = customers.signs_up("acme");
    let partner = TestIssuer::named("https://login.partner.example");

    let verifier = Verifier::builder()
        .tenants(tenants(customers.clone()))
        .audience(AUDIENCE)
        .clock(acme.clock()) // the test issuers' clock; yours is the system's
        .build()?;
    let app = Router::new()
        .route("/", get(|caller: Principal| async move { caller.issuer().to_owned() }))
        .layer(AuthenticateLayer::new(verifier.clone()));

    show(&app, "acme, a customer", acme.token()).await?;
    show(&app, "acme again", acme.token()).await?;
    let late = TestIssuer::named(&TEMPLATE.replace("{tenant}", "late"));
    show(&app, "late, before it is one", late.token()).await?;
    let stranger = TestIssuer::named("https://evil.example/realms/acme");
    show(&app, "a stranger", stranger.token()).await?;
    println!("  the table was read {} times", customers.reads.load(Ordering::Relaxed));

    // The program that signs a customer up, or off, says so; otherwise the "no" holds for a minute, the "yes" for ten.
    let late = customers.signs_up("late");
    verifier.forget_tenant(late.identifier());
    show(&app, "late, now a customer", late.token()).await?;
    customers.leaves("acme");
    verifier.forget_tenant(acme.identifier());
    show(&app, "acme, who left", acme.token()).await?;

    show(&app, "the partner, before it is one", partner.token()).await?;
    verifier.add_issuer(partner.issuer())?;
    show(&app, "the partner, added", partner.token()).await?;
    verifier.remove_issuer(partner.identifier());
    show(&app, "the partner, removed", partner.token()).await?;
    Ok(())
}
