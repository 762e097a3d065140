use super::{Challenge, Render};
use crate::{
    error::{AuthError, AuthErrorKind},
    observe,
};
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use std::sync::Arc;

/// On a response that waits to be drawn. Private, so that nobody else's response carries it.
#[derive(Clone, Copy)]
struct Undrawn;

/// A refusal that `AuthenticateLayer` will draw: status, empty body, the error and the mark in the extensions.
pub(crate) fn refuse<B: Default>(error: AuthError) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = error.status();
    // Here already, for the program that forgot the layer which draws.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(error);
    response.extensions_mut().insert(Undrawn);
    response
}

/// The way to answer with a refusal where there is no axum: `AuthenticateLayer` draws it on the way out, as it does for
/// handlers of axum that return [`AuthError`].
impl<B: Default> From<AuthError> for Response<B> {
    fn from(error: AuthError) -> Self {
        refuse(error)
    }
}

/// The refusal that a response from within waits to be drawn for, if nobody was told of it yet.
pub(crate) fn untold<B>(response: &Response<B>) -> Option<&AuthError> {
    response.extensions().get::<Undrawn>()?;
    response.extensions().get().filter(|error: &&AuthError| !error.is_told())
}

/// What is the same for every refusal of a layer.
#[derive(Debug, Default)]
pub(crate) struct Drawing<R> {
    pub(crate) renderer: Arc<R>,
    pub(crate) realm: Option<Box<str>>,
    pub(crate) resource_metadata: Option<Box<str>>,
}

/// By hand, so that a renderer need not be `Clone`.
impl<R> Clone for Drawing<R> {
    fn clone(&self) -> Self {
        Self {
            renderer: Arc::clone(&self.renderer),
            realm: self.realm.clone(),
            resource_metadata: self.resource_metadata.clone(),
        }
    }
}

impl<R> Drawing<R> {
    /// Draws a refusal of the layer's own.
    pub(crate) fn draw<B>(&self, error: AuthError) -> Response<B>
    where
        R: Render<B>,
    {
        let mut response = Response::new(());
        *response.status_mut() = error.status();
        let mut response = self.finish(response.into_parts().0, &error);
        response.extensions_mut().insert(error);
        response
    }

    /// Draws a response from within, if it is a refusal that nobody drew yet.
    pub(crate) fn draw_marked<B>(&self, mut response: Response<B>) -> Response<B>
    where
        R: Render<B>,
    {
        let Some(Undrawn) = response.extensions_mut().remove() else { return response };
        let Some(here) = response.extensions_mut().get_mut::<AuthError>() else { return response };
        // What a handler refused; whoever else refuses has said so.
        let error = observe::refused_within(here.clone());
        here.clone_from(&error);
        // Headers that layers in between have set (CORS, a request id) stay.
        self.finish(response.into_parts().0, &error)
    }

    fn finish<B>(&self, mut head: http::response::Parts, error: &AuthError) -> Response<B>
    where
        R: Render<B>,
    {
        let realm = self.realm.as_deref();
        if let Some(challenge) = Challenge::of(error, realm, self.resource_metadata.as_deref()) {
            head.headers.insert(WWW_AUTHENTICATE, challenge.into_value());
        }
        if let (AuthErrorKind::Unavailable, Some(after)) = (error.kind(), error.retry_after()) {
            // Whole seconds (RFC 9110 section 10.2.3), rounded up: earlier would be in vain.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            head.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // They described the empty body that is replaced now.
        head.headers.remove(CONTENT_LENGTH);
        head.headers.remove(CONTENT_TYPE);
        let body = self.renderer.render(error, &mut head);
        Response::from_parts(head, body)
    }
}
