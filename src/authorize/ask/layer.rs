use super::{Ask, Ruling};
use crate::claims::Principal;
use http::request::Parts;
use std::{fmt, future::Future, sync::Arc};
use tower_layer::Layer;

/// Asks somebody who has to be waited for whether a verified caller may go on. Made by [`ask`].
#[derive(Clone)]
#[must_use = "it asks nobody until it stands around a service"]
pub struct AskLayer<F> {
    pub(super) asked: Asked<F>,
}

/// Whom, and by which name he is told of.
#[derive(Clone)]
pub(super) struct Asked<F> {
    pub(super) name: Arc<str>,
    pub(super) decide: F,
}

/// What is to be decided: may this caller make this request?
#[derive(Clone, Copy)]
pub struct Question<'a> {
    caller: &'a Principal,
    request: &'a Parts,
}

/// A layer for decisions that a [`Policy`](crate::policy::Policy) cannot make because they have to be waited for: a
/// database, a policy engine. It stands beside the algebra: behind the route's policy, around the handler.
///
/// The function is given the caller and the request without its body, takes out of them what it needs, and returns a
/// future of a `bool` or of whatever else is a [`Ruling`]; an error is one, too: 503. What it waits for it limits itself,
/// with `tokio::time::timeout` for one.
///
/// 1. A request without a caller is 401, and nobody is asked. Without `AuthenticateLayer` around, it is 500.
/// 2. What is decided is told as a policy's decision is, with `ask(name)` for the policy: event, metric, observers. So a
///    request that passes both counts as two decisions.
/// 3. The inner service is made ready after the yes, and called. A caller who hangs up before takes the question back.
/// 4. It knows yes and no: a stronger login (`acr`) is asked for by the route's policy.
/// 5. It is in no table and no document: those know what can be known without asking.
///
/// ```
/// use axum::handler::Handler;
/// use tower_bearer::{authorize::{Question, ask}, guard::{GuardedRouter, guarded}, policy::scope};
///
/// async fn is_open(account: String) -> Result<bool, std::io::Error> {
///     // A look into the database.
///     Ok(account == "alice")
/// }
///
/// async fn transfer() {}
///
/// let open_accounts = ask("open-account", |question: Question<'_>| {
///     let account = question.caller().subject().unwrap_or_default().to_owned();
///     async move { is_open(account).await }
/// });
/// let routes: GuardedRouter = GuardedRouter::new()
///     .route("/transfer", guarded::post(scope("pay"), transfer.layer(open_accounts)));
/// ```
///
/// `examples/cedar` asks the policy engine Cedar, with the claims as the principal.
pub fn ask<F, A>(name: impl Into<Arc<str>>, decide: F) -> AskLayer<F>
where
    F: Fn(Question<'_>) -> A + Clone,
    A: Future<Output: Into<Ruling>>,
{
    AskLayer { asked: Asked { name: name.into(), decide } }
}

impl<'a> Question<'a> {
    pub(super) fn new(caller: &'a Principal, request: &'a Parts) -> Self {
        Self { caller, request }
    }

    /// The verified caller.
    pub fn caller(&self) -> &'a Principal {
        self.caller
    }

    /// Method, URI, headers, and what layers around left in the extensions (axum's `MatchedPath`). The `Authorization`
    /// header is among them: mind what is written down.
    pub fn request(&self) -> &'a Parts {
        self.request
    }
}

impl<S, F: Clone> Layer<S> for AskLayer<F> {
    type Service = Ask<S, F>;

    fn layer(&self, inner: S) -> Ask<S, F> {
        Ask::new(inner, self.asked.clone())
    }
}

/// The name.
impl<F> fmt::Debug for AskLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AskLayer").field(&self.asked.name).finish()
    }
}

/// The method and the caller without claims; no header.
impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("caller", self.caller)
            .field("method", &self.request.method)
            .finish_non_exhaustive()
    }
}
