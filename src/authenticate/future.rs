use super::{layer::Shared, service::admit};
use crate::{
    audit::{DecisionRecord, Stage},
    challenge::{Render, untold},
    error::AuthError,
    verify::Verification,
};
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
    /// The response of [`Authenticate`](super::Authenticate): the inner service's, or a refusal.
    pub struct ResponseFuture<S, B, T, R>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B, T>,
        shared: Arc<Shared<T, R>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B, T> {
        Refused { error: Option<AuthError> },
        Called { #[pin] future: F },
        // The only boxed ones: they are behind the network.
        Waiting { verification: Verification<T>, held: Option<Held<S, B>> },
        // Verified late: the clone is called when it is ready, and not before.
        Readying { held: Option<Held<S, B>> },
    }
}

/// What waits for a verdict. Boxed, so that a request that need not wait has no room made for it.
type Held<S, B> = Box<(S, Request<B>)>;

impl<S, B, T, R> ResponseFuture<S, B, T, R>
where
    S: Service<Request<B>>,
{
    pub(super) fn refused(error: AuthError, shared: Arc<Shared<T, R>>) -> Self {
        Self { state: State::Refused { error: Some(error) }, shared }
    }

    pub(super) fn called(future: S::Future, shared: Arc<Shared<T, R>>) -> Self {
        Self { state: State::Called { future }, shared }
    }

    pub(super) fn waiting(
        verification: Verification<T>,
        request: Request<B>,
        service: S,
        shared: Arc<Shared<T, R>>,
    ) -> Self {
        Self { state: State::Waiting { verification, held: Some(Box::new((service, request))) }, shared }
    }
}

impl<S, B, T, R, ResBody> Future for ResponseFuture<S, B, T, R>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    T: Send + Sync + 'static,
    R: Render<ResBody>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Called { future } => {
                    let response = ready!(future.poll(cx))?;
                    if !this.shared.observers.is_empty()
                        && let Some(error) = untold(&response)
                    {
                        this.shared.observers.tell(|| DecisionRecord::refused(Stage::Handler, error));
                    }
                    return Poll::Ready(Ok(this.shared.drawing.draw_marked(response)));
                }
                StateProj::Refused { error } => match error.take() {
                    Some(error) => return Poll::Ready(Ok(this.shared.drawing.draw(error))),
                    // Polled after completion: pending for ever, as a future may.
                    None => return Poll::Pending,
                },
                StateProj::Waiting { verification, held } => {
                    let verified = ready!(verification.as_mut().poll(cx));
                    match (verified, held.take()) {
                        (Ok(claims), Some(mut held)) => {
                            admit(held.1.extensions_mut(), claims, &this.shared.observers);
                            State::Readying { held: Some(held) }
                        }
                        (Err(error), held) => {
                            this.shared.observers.tell(|| {
                                let record = DecisionRecord::refused(Stage::Authenticate, &error);
                                held.as_ref().map_or(record, |held| record.on(held.1.extensions()))
                            });
                            State::Refused { error: Some(error) }
                        }
                        (Ok(_), None) => State::Refused { error: None },
                    }
                }
                StateProj::Readying { held } => {
                    if let Some(held) = held {
                        ready!(held.0.poll_ready(cx))?;
                    }
                    match held.take() {
                        Some(held) => {
                            let (mut service, request) = *held;
                            State::Called { future: service.call(request) }
                        }
                        None => State::Refused { error: None },
                    }
                }
            };
            this.state.set(next);
        }
    }
}

impl<S, B, T, R> fmt::Debug for ResponseFuture<S, B, T, R>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
