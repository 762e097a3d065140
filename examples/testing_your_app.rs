//! How an app behind this crate is tested: handlers and policies without any token, and the whole way with an issuer
//! that mints good and bad ones. No test sleeps, and none touches the network.
//!
//! The functions in `tests` are ordinary tests. They run in either way:
//!
//! ```text
//! cargo run --example testing_your_app
//! cargo test --example testing_your_app
//! ```
//!
//! In a crate of your own:
//!
//! ```toml
//! [dev-dependencies]
//! tower-bearer = { version = "0.1", features = ["testing"] }
//! ```

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use axum::{Router, routing::get};
use serde::Deserialize;
use tower_bearer::{AuthenticateLayer, Claims, Verifier, policy::scope, require};

#[derive(Deserialize)]
struct Staff {
    department: String,
}

async fn list(claims: Claims<Staff>) -> String {
    format!("orders of {}", claims.department)
}

async fn catalogue(claims: Option<Claims<Staff>>) -> &'static str {
    if claims.is_some() { "prices for staff" } else { "prices" }
}

/// What is tested without tokens: the routes with their policies, but not the layer that verifies.
fn routes() -> Router {
    Router::new()
        .route("/orders", get(list).route_layer(require(scope("orders:read"))))
        .route("/catalogue", get(catalogue))
}

/// What `main` would serve.
fn app(verifier: Verifier<Staff>) -> Router {
    routes().layer(AuthenticateLayer::new(verifier))
}

mod tests {
    use super::*;
    use axum::{
        body::Body,
        http::{Request, Response, StatusCode},
    };
    use std::{error::Error, time::Duration};
    use tower::ServiceExt;
    use tower_bearer::testing::{TestIssuer, anonymous, caller};

    type Outcome = Result<(), Box<dyn Error>>;

    // A handler is a function; its claims can be had without any request.
    #[cfg_attr(test, tokio::test)]
    pub(super) async fn a_handler_alone() -> Outcome {
        let claims = caller("alice").claim("department", "tea").claims::<Staff>();
        assert_eq!(list(claims).await, "orders of tea");
        Ok(())
    }

    // Routes and policies, with a caller put where the layer would have put it.
    #[cfg_attr(test, tokio::test)]
    pub(super) async fn a_reader_sees_the_orders() -> Outcome {
        let reader = caller("alice").scope("orders:read").claim("department", "tea");
        let request = reader.attach_as::<Staff, _>(get("/orders")?);
        assert_eq!(routes().oneshot(request).await?.status(), StatusCode::OK);
        Ok(())
    }

    #[cfg_attr(test, tokio::test)]
    pub(super) async fn without_the_scope_nobody_sees_the_orders() -> Outcome {
        let outsider = caller("bob").claim("department", "tea");
        let request = outsider.attach_as::<Staff, _>(get("/orders")?);
        assert_eq!(routes().oneshot(request).await?.status(), StatusCode::FORBIDDEN);
        Ok(())
    }

    #[cfg_attr(test, tokio::test)]
    pub(super) async fn a_guest_sees_the_catalogue() -> Outcome {
        let request = anonymous::<Staff, _>(get("/catalogue")?);
        assert_eq!(routes().oneshot(request).await?.status(), StatusCode::OK);
        Ok(())
    }

    // The whole way: signature, issuer, audience, times. The issuer lives in this process, its clock stands still.
    #[cfg_attr(test, tokio::test)]
    pub(super) async fn a_good_token_passes() -> Outcome {
        let issuer = TestIssuer::new();
        let token = issuer.token().scope("orders:read").claim("department", "tea").sign();
        assert_eq!(ask(&serve(&issuer)?, &token).await?.status(), StatusCode::OK);
        Ok(())
    }

    #[cfg_attr(test, tokio::test)]
    pub(super) async fn a_bad_token_is_refused() -> Outcome {
        let issuer = TestIssuer::new();
        let namesake = TestIssuer::named(issuer.identifier());
        let app = serve(&issuer)?;
        let good = || issuer.token().scope("orders:read").claim("department", "tea");
        for (name, token) in [
            ("expired", good().expired().sign()),
            ("for somebody else", good().audience("https://other.test").sign()),
            ("without the claim that Staff needs", good().without("department").sign()),
            (
                "of an issuer with the same name",
                namesake.token().scope("orders:read").claim("department", "tea").sign(),
            ),
            ("whose header says that nobody signed it", good().header("alg", "none").sign()),
        ] {
            assert_eq!(ask(&app, &token).await?.status(), StatusCode::UNAUTHORIZED, "{name}");
        }
        Ok(())
    }

    // Time passes when the test says so.
    #[cfg_attr(test, tokio::test)]
    pub(super) async fn a_token_ends_with_its_time() -> Outcome {
        let issuer = TestIssuer::new();
        let app = serve(&issuer)?;
        let token = issuer.token().scope("orders:read").claim("department", "tea");
        let token = token.expires_in(Duration::from_secs(300)).sign();
        assert_eq!(ask(&app, &token).await?.status(), StatusCode::OK);
        issuer.clock().advance(Duration::from_secs(300 + 60)); // The leeway is 60 s.
        assert_eq!(ask(&app, &token).await?.status(), StatusCode::UNAUTHORIZED);
        Ok(())
    }

    #[cfg_attr(test, tokio::test)]
    pub(super) async fn a_new_key_is_found_and_an_outage_is_survived() -> Outcome {
        let issuer = TestIssuer::new();
        let app = serve(&issuer)?;
        let token = || issuer.token().scope("orders:read").claim("department", "tea").sign();

        issuer.fail();
        assert_eq!(ask(&app, &token()).await?.status(), StatusCode::SERVICE_UNAVAILABLE);
        issuer.recover();
        issuer.clock().advance(Duration::from_secs(60)); // The longest back-off.
        assert_eq!(ask(&app, &token()).await?.status(), StatusCode::OK);

        issuer.rotate();
        issuer.clock().advance(Duration::from_secs(5)); // The least time between two fetches.
        assert_eq!(ask(&app, &token()).await?.status(), StatusCode::OK);
        assert_eq!(issuer.fetches(), 2);
        Ok(())
    }

    fn serve(issuer: &TestIssuer) -> Result<Router, Box<dyn Error>> {
        Ok(app(issuer.verifier().claims::<Staff>().build()?))
    }

    fn get(path: &str) -> Result<Request<Body>, Box<dyn Error>> {
        Ok(Request::get(path).body(Body::empty())?)
    }

    async fn ask(app: &Router, token: &str) -> Result<Response<Body>, Box<dyn Error>> {
        let request = Request::get("/orders").header("Authorization", format!("Bearer {token}"));
        Ok(app.clone().oneshot(request.body(Body::empty())?).await?)
    }
}

#[cfg(not(test))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    macro_rules! run {
        ($($test:ident)*) => {$(
            tests::$test().await?;
            println!("ok  {}", stringify!($test));
        )*};
    }
    run! {
        a_handler_alone
        a_reader_sees_the_orders
        without_the_scope_nobody_sees_the_orders
        a_guest_sees_the_catalogue
        a_good_token_passes
        a_bad_token_is_refused
        a_token_ends_with_its_time
        a_new_key_is_found_and_an_outage_is_survived
    }
    Ok(())
}
