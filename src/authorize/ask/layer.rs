use super::{Ask, Ruling};
use crate::claims::Principal;
use http::request::Parts;
use std::{fmt, future::Future, sync::Arc};
use tower_layer::Layer;

/// Asks somebody who has to be waited for whether a verified caller may go on. Made by [`ask`].
#[derive(Clone)]
#[must_use = "it asks nobody until it stands around a service"]
pub struct AskLayer<F> {
    pub(super) asked: Whom<F>,
}

/// Whom, and by which name he is told of.
#[derive(Clone)]
pub(super) struct Whom<F> {
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
/// The closure says `Question<'_>`, or the compiler guesses one lifetime; it brings what it asks (a pool of connections) with
/// it; and the future takes what it needs, since it cannot borrow the question. Parameters of the path are read as a
/// handler reads them:
///
/// ```
/// use axum::{extract::{FromRequestParts, Path}, handler::Handler};
/// use tower_bearer::{authorize::{Question, ask}, guard::{GuardedRouter, guarded}, policy::scope};
///
/// #[derive(Clone)]
/// struct Database;
///
/// impl Database {
///     async fn owns(&self, who: &str, account: u32) -> Result<bool, std::io::Error> {
///         Ok(who == "alice" && account == 7)
///     }
/// }
///
/// async fn close() {}
///
/// let database = Database;
/// let owners = ask("account-owner", move |question: Question<'_>| {
///     let who = question.caller().subject().unwrap_or_default().to_owned();
///     let (database, mut request) = (database.clone(), question.request().clone());
///     async move {
///         let Ok(Path(account)) = Path::<u32>::from_request_parts(&mut request, &()).await else {
///             return Ok(false);
///         };
///         database.owns(&who, account).await
///     }
/// });
/// let routes: GuardedRouter = GuardedRouter::new()
///     .route("/accounts/{id}", guarded::delete(scope("accounts"), close.layer(owners)));
/// ```
///
/// `examples/cedar` asks the policy engine Cedar, with the claims as the principal.
pub fn ask<F, A>(name: impl Into<Arc<str>>, decide: F) -> AskLayer<F>
where
    F: Fn(Question<'_>) -> A + Clone,
    A: Future<Output: Into<Ruling>>,
{
    AskLayer { asked: Whom { name: name.into(), decide } }
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
