use super::{AskFuture, Question, Ruling, layer::Whom};
use crate::{
    audit::{Asked, DecisionRecord},
    authorize::listeners::listeners,
    claims::Principal,
    error::{AuthError, Reason},
    observe,
};
use http::{Extensions, Request, Response};
use std::{
    fmt,
    future::Future,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The service that [`AskLayer`](super::AskLayer) makes.
#[derive(Clone)]
pub struct Ask<S, F> {
    inner: S,
    asked: Whom<F>,
}

impl<S, F> Ask<S, F> {
    pub(super) fn new(inner: S, asked: Whom<F>) -> Self {
        Self { inner, asked }
    }
}

impl<S, F, A, ReqBody, ResBody> Service<Request<ReqBody>> for Ask<S, F>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    F: Fn(Question<'_>) -> A,
    A: Future<Output: Into<Ruling>>,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = AskFuture<A, S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let name = &self.asked.name;
        let decision = match caller(name, &parts.extensions) {
            Ok(caller) => (self.asked.decide)(Question::new(caller, &parts)),
            Err(error) => return AskFuture::refused(error),
        };
        // A clone waits, not ready: whoever may yet be refused sits on nobody's permit. And the one that was found ready is let
        // go for the same reason.
        let waiting = self.inner.clone();
        self.inner = waiting.clone();
        AskFuture::asking(decision, waiting, Request::from_parts(parts, body), Arc::clone(name))
    }
}

/// Nobody is asked about nobody.
fn caller<'a>(name: &Arc<str>, extensions: &'a Extensions) -> Result<&'a Principal, AuthError> {
    let forgotten = format_args!(
        "AuthenticateLayer around `{}`: it goes around a handler, `handler.layer(…)`, behind a policy that is not `public`",
        Asked(name)
    );
    let found = Principal::look(extensions, observe::Layer::Authorize, forgotten)?;
    found.ok_or_else(|| {
        let error = observe::denied(AuthError::new(Reason::PolicyNeedsToken), &Asked(name));
        tell(name, Some(&error), extensions);
        error
    })
}

/// Carries out what was decided: counts it, and tells whoever listens.
pub(super) fn rule(ruling: Ruling, name: &Arc<str>, extensions: &Extensions) -> Result<(), AuthError> {
    let decided = ruling.into_result().map_err(|error| observe::denied(error, &Asked(name)));
    if decided.is_ok() {
        observe::permitted();
    }
    tell(name, decided.as_ref().err(), extensions);
    decided
}

fn tell(name: &Arc<str>, error: Option<&AuthError>, extensions: &Extensions) {
    if let Some((observers, caller)) = listeners(extensions) {
        observers.tell(|| DecisionRecord::by_asking(name, caller, error).on(extensions));
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Ask<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("name", &self.asked.name).field("inner", &self.inner).finish()
    }
}
