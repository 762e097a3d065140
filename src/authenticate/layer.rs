use super::Authenticate;
use crate::{
    audit::{Observer, Observers},
    challenge::{Drawing, EmptyBody},
    claims::ClaimMap,
    token::{TokenSource, TokenSources},
    verify::Verifier,
};
use std::{fmt, sync::Arc};
use tower_layer::Layer;

/// Verifies the Bearer token of every request; the inner service sees [`Claims<T>`](crate::Claims) or is not called.
///
/// `T` is the verifier's claims type, `R` draws the refusals. Put it outside of every
/// [`AuthorizeLayer`](crate::AuthorizeLayer):
///
/// ```text
///            ┌──────────────────────────────────────────┐
///  request ─▶│ AuthenticateLayer      who are you?  401 │
///            │   ┌──────────────────────────────────┐   │
///            │   │ AuthorizeLayer     may you?  403 │   │
///            │   │   ┌──────────────────────────┐   │   │
///            │   │   │ handler(claims: Claims)  │   │   │
///            │   │   └──────────────────────────┘   │   │
///            │   └──────────────────────────────────┘   │
///            └──────────────────────────────────────────┘
/// ```
pub struct AuthenticateLayer<T = ClaimMap, R = EmptyBody> {
    shared: Arc<Shared<T, R>>,
}

/// In one place: axum clones a service for every request, and each count of references is a cache line that all
/// processors write to.
pub(super) struct Shared<T, R> {
    pub(super) verifier: Verifier<T>,
    pub(super) optional: bool,
    pub(super) strip_token: bool,
    pub(super) sources: TokenSources,
    pub(super) drawing: Drawing<R>,
    pub(super) observers: Observers,
}

impl<T> AuthenticateLayer<T> {
    /// A layer that requires a token, reads it from `Authorization` alone, and refuses with an empty body.
    pub fn new(verifier: Verifier<T>) -> Self {
        let shared = Shared {
            verifier,
            optional: false,
            strip_token: false,
            sources: TokenSources::default(),
            drawing: Drawing::default(),
            observers: Observers::default(),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl<T, R> AuthenticateLayer<T, R> {
    /// Lets a request without a token through, as anonymous; a bad token is still refused. Default: a token is
    /// required.
    #[must_use]
    pub fn optional(self) -> Self {
        self.change(|shared| shared.optional = true)
    }

    /// Removes the credentials from the request once they were read, so that the inner service cannot pass them on. A
    /// guarded router removes them on its public routes, too, where nobody reads them. Default: they stay, marked sensitive
    /// (not so on public routes).
    #[must_use]
    pub fn strip_token(self) -> Self {
        self.change(|shared| shared.strip_token = true)
    }

    /// Looks for tokens in one more place. A request with credentials in two places is refused. Default: the
    /// `Authorization` header alone.
    #[must_use]
    pub fn token_source(self, source: impl TokenSource) -> Self {
        self.change(|shared| shared.sources.add(source))
    }

    /// A browser sends cookies with requests that other sites make it send: every route behind this needs its own
    /// protection against cross-site request forgery (`SameSite`, origin checks).
    ///
    /// Reads the token from this cookie, too. Default: no cookie is read.
    ///
    /// # Panics
    ///
    /// When this is no cookie's name (RFC 6265 section 4.1.1): it would never be found.
    #[must_use]
    #[track_caller]
    pub fn danger_cookie(self, name: &str) -> Self {
        let legal = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        assert!(!name.is_empty() && name.bytes().all(legal), "no cookie has this name");
        self.change(|shared| shared.sources.add_cookie(name))
    }

    /// The `realm` of every challenge (RFC 9110 section 11.5). Default: none.
    #[must_use]
    pub fn realm(self, realm: &str) -> Self {
        self.change(|shared| shared.drawing.realm = Some(realm.into()))
    }

    /// The `resource_metadata` of every 401 and 403 (RFC 9728 section 5.1; the 403 for clients that step up by it, as
    /// MCP's do): an absolute URL of yours, never taken from a request; `ResourceMetadata::url` where the document is
    /// served from here. Default: none.
    #[must_use]
    pub fn resource_metadata(self, url: &str) -> Self {
        self.change(|shared| shared.drawing.resource_metadata = Some(url.into()))
    }

    /// Tells this [`Observer`] of every decision on every request: of this layer, of the policies behind it, and of what
    /// is refused within. Each call adds one. Default: nobody is told, and nothing is done for it.
    #[must_use]
    pub fn observer(self, observer: impl Observer) -> Self {
        self.change(|shared| shared.observers.add(observer))
    }

    /// Where tokens are looked for, if they are to be taken off the requests.
    #[cfg(feature = "axum")]
    pub(crate) fn stripped(&self) -> Option<TokenSources> {
        self.shared.strip_token.then(|| self.shared.sources.clone())
    }

    fn change(mut self, change: impl FnOnce(&mut Shared<T, R>)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }

    /// Draws refusals with your own [`Render`](crate::challenge::Render), or
    /// [`ProblemJson`](crate::challenge::ProblemJson). Default: [`EmptyBody`].
    #[must_use]
    pub fn render<R2>(self, renderer: R2) -> AuthenticateLayer<T, R2> {
        let Shared { verifier, optional, strip_token, sources, drawing, observers } =
            self.shared.as_ref().clone();
        let Drawing { realm, resource_metadata, .. } = drawing;
        let drawing = Drawing { renderer: Arc::new(renderer), realm, resource_metadata };
        let shared = Shared { verifier, optional, strip_token, sources, drawing, observers };
        AuthenticateLayer { shared: Arc::new(shared) }
    }
}

/// By hand, so that a renderer need not be `Clone`.
impl<T, R> Clone for Shared<T, R> {
    fn clone(&self) -> Self {
        Self {
            verifier: self.verifier.clone(),
            optional: self.optional,
            strip_token: self.strip_token,
            sources: self.sources.clone(),
            drawing: self.drawing.clone(),
            observers: self.observers.clone(),
        }
    }
}

impl<S, T, R> Layer<S> for AuthenticateLayer<T, R> {
    type Service = Authenticate<S, T, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate::new(inner, Arc::clone(&self.shared))
    }
}

impl<T, R> Clone for AuthenticateLayer<T, R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T, R> fmt::Debug for AuthenticateLayer<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared, f)
    }
}

/// Under the layer's name: it is what the layer is made of.
impl<T, R> fmt::Debug for Shared<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateLayer")
            .field("verifier", &self.verifier)
            .field("optional", &self.optional)
            .finish_non_exhaustive()
    }
}
