use super::{ResponseFuture, layer::Shared};
use crate::{
    audit::{DecisionRecord, Observers, Stage},
    challenge::{EmptyBody, Render},
    claims::{ClaimMap, Claims, Verdict},
    error::{AuthError, Reason},
    observe,
    verify::{Begun, Verification},
};
use http::{Extensions, HeaderMap, Request, Response};
use serde::de::DeserializeOwned;
use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The service that [`AuthenticateLayer`](super::AuthenticateLayer) makes.
pub struct Authenticate<S, T = ClaimMap, R = EmptyBody> {
    inner: S,
    shared: Arc<Shared<T, R>>,
}

/// What is to become of a request.
enum Course<T> {
    Admit(Claims<T>),
    Anonymous,
    Refuse(AuthError),
    Wait(Verification<T>),
}

impl<S, T, R> Authenticate<S, T, R> {
    pub(super) fn new(inner: S, shared: Arc<Shared<T, R>>) -> Self {
        Self { inner, shared }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the inner service out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, T, R> Authenticate<S, T, R>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    /// The decision, as far as it can be made without waiting. Credentials are kept out of logs from here on.
    fn decide(&self, headers: &mut HeaderMap) -> Course<T> {
        let shared = &*self.shared;
        let refuse = |reason: Reason| {
            Course::Refuse(observe::refused(AuthError::new(reason), observe::Looks::default))
        };
        match shared.sources.take(headers) {
            Err(reason) => refuse(reason),
            Ok(None) if shared.optional => {
                observe::anonymous();
                Course::Anonymous
            }
            Ok(None) => refuse(Reason::MissingToken),
            Ok(Some(sent)) => match shared.verifier.begin(sent) {
                Begun::Done(Ok(claims)) => Course::Admit(claims),
                Begun::Done(Err(error)) => Course::Refuse(error),
                Begun::Waiting(verification) => Course::Wait(verification),
            },
        }
    }
}

/// Puts the verified caller where handlers and policies look, in the place of whoever else may stand there.
pub(super) fn admit<T: Send + Sync + 'static>(
    extensions: &mut Extensions,
    claims: Claims<T>,
    observers: &Observers,
) {
    let observed = !observers.is_empty();
    extensions.insert(Verdict::new::<T>(Some(claims.principal().clone()), observed));
    extensions.insert(claims);
    if observed {
        let_hear(extensions, observers);
    }
}

/// Says that nobody is calling, and takes out whoever somebody else put there.
fn pass_anonymous<T: Send + Sync + 'static>(extensions: &mut Extensions, observers: &Observers) {
    let observed = !observers.is_empty();
    extensions.remove::<Claims<T>>();
    extensions.insert(Verdict::new::<T>(None, observed));
    if observed {
        let_hear(extensions, observers);
    }
}

/// Tells whoever listens that the request goes on, and lets the policies behind know of them. Out of the way of requests
/// that nobody observes.
#[cold]
fn let_hear(extensions: &mut Extensions, observers: &Observers) {
    observers.tell(|| {
        let caller = extensions.get().and_then(Verdict::caller);
        caller.map_or_else(DecisionRecord::anonymous, DecisionRecord::admitted).on(extensions)
    });
    extensions.insert(observers.clone());
}

impl<S: Clone, T, R> Authenticate<S, T, R> {
    /// Lets go of the inner service that was polled ready, and with it of a permit that it may hold: whoever is refused
    /// or waits for keys, forgers included, must not keep good tokens out. Returns a clone that is not ready.
    fn give_back_readiness(&mut self) -> S {
        let unready = self.inner.clone();
        drop(mem::replace(&mut self.inner, unready.clone()));
        unready
    }
}

impl<S, T, R, ReqBody, ResBody> Service<Request<ReqBody>> for Authenticate<S, T, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    T: DeserializeOwned + Send + Sync + 'static,
    R: Render<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody, T, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let course = self.decide(request.headers_mut());
        if self.shared.strip_token {
            self.shared.sources.strip(request.headers_mut());
        }
        let shared = Arc::clone(&self.shared);
        match course {
            Course::Refuse(error) => {
                let record = || DecisionRecord::refused(Stage::Authenticate, &error);
                shared.observers.tell(|| record().on(request.extensions()));
                self.give_back_readiness();
                ResponseFuture::refused(error, shared)
            }
            Course::Admit(claims) => {
                admit(request.extensions_mut(), claims, &shared.observers);
                ResponseFuture::called(self.inner.call(request), shared)
            }
            Course::Anonymous => {
                pass_anonymous::<T>(request.extensions_mut(), &shared.observers);
                ResponseFuture::called(self.inner.call(request), shared)
            }
            Course::Wait(verification) => {
                // A clone, which the future makes ready once the token is good.
                let unready = self.give_back_readiness();
                ResponseFuture::waiting(verification, request, unready, shared)
            }
        }
    }
}

impl<S: Clone, T, R> Clone for Authenticate<S, T, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S: fmt::Debug, T, R> fmt::Debug for Authenticate<S, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate").field("inner", &self.inner).field("layer", &self.shared).finish()
    }
}
