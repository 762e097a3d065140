use super::service::admit;
use crate::{
    challenge::{Drawing, Render},
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
        drawing: Arc<Drawing<R>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B, T> {
        Refused { error: Option<AuthError> },
        Called { #[pin] future: F },
        // The only boxed one: it is behind the network.
        Waiting { verification: Verification<T>, held: Option<(S, Request<B>)> },
        // Verified late: the clone is called when it is ready, and not before.
        Readying { service: S, request: Option<Request<B>> },
    }
}

impl<S, B, T, R> ResponseFuture<S, B, T, R>
where
    S: Service<Request<B>>,
{
    pub(super) fn refused(error: AuthError, drawing: Arc<Drawing<R>>) -> Self {
        Self { state: State::Refused { error: Some(error) }, drawing }
    }

    pub(super) fn called(future: S::Future, drawing: Arc<Drawing<R>>) -> Self {
        Self { state: State::Called { future }, drawing }
    }

    pub(super) fn waiting(
        verification: Verification<T>,
        request: Request<B>,
        service: S,
        drawing: Arc<Drawing<R>>,
    ) -> Self {
        Self { state: State::Waiting { verification, held: Some((service, request)) }, drawing }
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
                    return Poll::Ready(Ok(this.drawing.draw_marked(response)));
                }
                StateProj::Refused { error } => match error.take() {
                    Some(error) => return Poll::Ready(Ok(this.drawing.draw(error))),
                    // Polled after completion: pending for ever, as a future may.
                    None => return Poll::Pending,
                },
                StateProj::Waiting { verification, held } => {
                    let verified = ready!(verification.as_mut().poll(cx));
                    match (verified, held.take()) {
                        (Ok(claims), Some((service, mut request))) => {
                            admit(request.extensions_mut(), claims);
                            State::Readying { service, request: Some(request) }
                        }
                        (Err(error), _) => State::Refused { error: Some(error) },
                        (Ok(_), None) => State::Refused { error: None },
                    }
                }
                StateProj::Readying { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    match request.take() {
                        Some(request) => State::Called { future: service.call(request) },
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
