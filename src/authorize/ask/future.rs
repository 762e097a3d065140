use super::{Ruling, service::rule};
use crate::{challenge::refuse, error::AuthError};
use http::{Request, Response};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_service::Service;

pin_project! {
    /// The response of [`Ask`](super::Ask): the inner service's, once the answer is there, or a refusal.
    pub struct AskFuture<A, S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<A, S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<A, S, B>
    where
        S: Service<Request<B>>,
    {
        Asking { #[pin] decision: A, waiting: Option<Waiting<S, B>> },
        Allowed { waiting: Option<Waiting<S, B>> },
        Called { #[pin] future: S::Future },
        Refused { error: Option<AuthError> },
    }
}

/// What goes on after a yes.
struct Waiting<S, B> {
    service: S,
    request: Request<B>,
    name: Arc<str>,
}

impl<A, S, B> AskFuture<A, S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn asking(decision: A, service: S, request: Request<B>, name: Arc<str>) -> Self {
        Self { state: State::Asking { decision, waiting: Some(Waiting { service, request, name }) } }
    }

    pub(super) fn refused(error: AuthError) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }
}

impl<A, S, B, ResBody> Future for AskFuture<A, S, B>
where
    A: Future<Output: Into<Ruling>>,
    S: Service<Request<B>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project().state.project() {
                StateProj::Asking { decision, waiting } => {
                    let ruling = ready!(decision.poll(cx)).into();
                    // Polled after completion: pending for ever, as a future may.
                    let Some(waiting) = waiting.take() else { return Poll::Pending };
                    waiting.go_on(ruling)
                }
                StateProj::Allowed { waiting } => {
                    let Some(ready) = waiting else { return Poll::Pending };
                    ready!(ready.service.poll_ready(cx))?;
                    let Some(Waiting { mut service, request, .. }) = waiting.take() else {
                        return Poll::Pending;
                    };
                    State::Called { future: service.call(request) }
                }
                StateProj::Called { future } => return future.poll(cx),
                StateProj::Refused { error } => {
                    return error.take().map_or(Poll::Pending, |error| Poll::Ready(Ok(refuse(error))));
                }
            };
            self.as_mut().project().state.set(next);
        }
    }
}

impl<S, B> Waiting<S, B>
where
    S: Service<Request<B>>,
{
    fn go_on<A>(self, ruling: Ruling) -> State<A, S, B> {
        match rule(ruling, &self.name, self.request.extensions()) {
            Ok(()) => State::Allowed { waiting: Some(self) },
            Err(error) => State::Refused { error: Some(error) },
        }
    }
}

impl<A, S, B> fmt::Debug for AskFuture<A, S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskFuture").finish_non_exhaustive()
    }
}
