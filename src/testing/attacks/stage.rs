use super::{
    Attempt,
    attack::{Answer, Attack, error_of},
    forge::Forge,
    report::Outcome,
};
use crate::error::{AuthError, Reason};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION, request::Parts};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// A scene is over at the first answer that is wrong.
pub(super) type Act<'a> = Pin<Box<dyn Future<Output = Result<(), Outcome>> + 'a>>;
pub(super) type Scene = for<'a> fn(&'a Stage<'a>) -> Act<'a>;

/// The application, whatever it is made of.
pub(super) trait Target {
    /// The template's request, changed and sent.
    fn send<'a>(&'a self, change: &'a dyn Fn(&mut Parts)) -> Pin<Box<dyn Future<Output = Seen> + 'a>>;
}

/// What came back. An error of the service is a 500: nobody got in.
pub(super) struct Seen {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Why, where this crate has refused.
    pub(super) reason: Option<Reason>,
}

pub(super) struct App<S, F> {
    pub(super) service: S,
    pub(super) request: F,
}

impl<S, F, B, R> Target for App<S, F>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    F: Fn() -> Request<B>,
    B: 'static,
{
    fn send<'a>(&'a self, change: &'a dyn Fn(&mut Parts)) -> Pin<Box<dyn Future<Output = Seen> + 'a>> {
        let (mut parts, body) = (self.request)().into_parts();
        change(&mut parts);
        let mut service = self.service.clone();
        Box::pin(async move {
            let failed = || Seen {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                headers: HeaderMap::new(),
                reason: None,
            };
            if poll_fn(|context| service.poll_ready(context)).await.is_err() {
                return failed();
            }
            service.call(Request::from_parts(parts, body)).await.map_or_else(
                |_| failed(),
                |response| {
                    let (parts, _) = response.into_parts();
                    let reason = parts.extensions.get::<AuthError>().map(AuthError::reason);
                    Seen { status: parts.status, headers: parts.headers, reason }
                },
            )
        })
    }
}

/// One step, unless it has come to its end.
fn look<F: Future>(future: &mut Pin<Box<F>>, seen: &mut Option<F::Output>, context: &mut Context<'_>) {
    if seen.is_none()
        && let Poll::Ready(end) = future.as_mut().poll(context)
    {
        *seen = Some(end);
    }
}

/// Puts a token where it belongs. One that no header can carry is left out, and the request has no credentials.
pub(super) fn bear(parts: &mut Parts, token: &str) {
    if let Ok(value) = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()) {
        parts.headers.insert(AUTHORIZATION, value);
    }
}

/// An attack under way.
pub(super) struct Stage<'a> {
    pub(super) forge: &'a Forge,
    pub(super) target: &'a dyn Target,
    pub(super) attack: &'a Attack,
    /// What a good token is answered with.
    pub(super) good: StatusCode,
    /// See [`Resists::any_refusal`](super::Resists::any_refusal).
    pub(super) any_refusal: bool,
}

impl Stage<'_> {
    pub(super) async fn send(&self, change: impl Fn(&mut Parts)) -> Seen {
        let attempt = Attempt { attack: self.attack.name };
        self.target
            .send(&|parts| {
                parts.extensions.insert(attempt);
                change(parts);
            })
            .await
    }

    pub(super) async fn bring(&self, token: &str) -> Seen {
        self.send(|parts| bear(parts, token)).await
    }

    /// Two at the same time: where one waits, the other one goes on.
    pub(super) async fn bring_both(&self, one: &str, other: &str) -> (Seen, Seen) {
        let (mut one, mut other) = (Box::pin(self.bring(one)), Box::pin(self.bring(other)));
        let mut seen = (None, None);
        poll_fn(|context| {
            look(&mut one, &mut seen.0, context);
            look(&mut other, &mut seen.1, context);
            match (seen.0.take(), seen.1.take()) {
                (Some(one), Some(other)) => Poll::Ready((one, other)),
                so_far => {
                    seen = so_far;
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// A good token gets in.
    pub(super) async fn passes(&self, token: &str) -> Result<(), Outcome> {
        self.welcome(&self.bring(token).await)
    }

    pub(super) fn welcome(&self, seen: &Seen) -> Result<(), Outcome> {
        let passed = seen.status == self.good;
        if passed { Ok(()) } else { Err(Outcome::LockedOut { status: seen.status }) }
    }

    /// A bad one does not.
    pub(super) async fn falls(&self, token: &str) -> Result<(), Outcome> {
        self.falls_with(token, self.attack.answer).await
    }

    pub(super) async fn falls_with(&self, token: &str, answer: Answer) -> Result<(), Outcome> {
        self.judge(&self.bring(token).await, answer)
    }

    pub(super) fn judge(&self, seen: &Seen, answer: Answer) -> Result<(), Outcome> {
        let Seen { status, headers, .. } = seen;
        // A redirect is no entry: to a login, most often.
        if *status == self.good || status.is_success() {
            return Err(Outcome::GotIn);
        }
        if answer.is(*status, headers) || (self.any_refusal && status.is_client_error()) {
            return Ok(());
        }
        Err(Outcome::Wrong { status: *status, error: error_of(headers) })
    }

    /// Time passes.
    pub(super) fn wait(&self, seconds: u64) {
        self.forge.issuer.clock().advance(Duration::from_secs(seconds));
    }

    /// Longer than any key set may be used without asking, by the defaults.
    pub(super) fn outlive_the_keys(&self) {
        self.wait(2 * 3600);
    }
}
