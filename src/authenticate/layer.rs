use super::Authenticate;
use crate::{
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
    pub(super) verifier: Verifier<T>,
    pub(super) settings: Arc<Settings<R>>,
}

pub(super) struct Settings<R> {
    pub(super) optional: bool,
    pub(super) strip_token: bool,
    pub(super) sources: TokenSources,
    pub(super) drawing: Arc<Drawing<R>>,
}

impl<T> AuthenticateLayer<T> {
    /// A layer that requires a token, reads it from `Authorization` alone, and refuses with an empty body.
    pub fn new(verifier: Verifier<T>) -> Self {
        let settings = Settings {
            optional: false,
            strip_token: false,
            sources: TokenSources::default(),
            drawing: Arc::new(Drawing::default()),
        };
        Self { verifier, settings: Arc::new(settings) }
    }
}

impl<T, R> AuthenticateLayer<T, R> {
    /// Lets a request without a token through, as anonymous; a bad token is still refused. Default: a token is
    /// required.
    #[must_use]
    pub fn optional(self) -> Self {
        self.change(|settings| settings.optional = true)
    }

    /// Removes the credentials from the request once they were read, so that the inner service cannot pass them on.
    /// Default: they stay, marked sensitive.
    #[must_use]
    pub fn strip_token(self) -> Self {
        self.change(|settings| settings.strip_token = true)
    }

    /// Looks for tokens in one more place. A request with credentials in two places is refused. Default: the
    /// `Authorization` header alone.
    #[must_use]
    pub fn token_source(self, source: impl TokenSource) -> Self {
        self.change(|settings| settings.sources.add(source))
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
        self.change(|settings| settings.sources.add_cookie(name))
    }

    /// The `realm` of every challenge (RFC 9110 section 11.5). Default: none.
    #[must_use]
    pub fn realm(self, realm: &str) -> Self {
        self.change(|settings| Arc::make_mut(&mut settings.drawing).realm = Some(realm.into()))
    }

    /// The `resource_metadata` of every 401 (RFC 9728 section 5.1): an absolute URL of yours, never taken from a
    /// request. Default: none.
    #[must_use]
    pub fn resource_metadata(self, url: &str) -> Self {
        self.change(|settings| Arc::make_mut(&mut settings.drawing).resource_metadata = Some(url.into()))
    }

    fn change(mut self, change: impl FnOnce(&mut Settings<R>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// Draws refusals with your own [`Render`](crate::challenge::Render), or
    /// [`ProblemJson`](crate::challenge::ProblemJson). Default: [`EmptyBody`].
    #[must_use]
    pub fn render<R2>(self, renderer: R2) -> AuthenticateLayer<T, R2> {
        let Settings { optional, strip_token, sources, drawing } = self.settings.as_ref().clone();
        let (realm, resource_metadata) = (drawing.realm.clone(), drawing.resource_metadata.clone());
        let drawing = Arc::new(Drawing { renderer: Arc::new(renderer), realm, resource_metadata });
        let settings = Arc::new(Settings { optional, strip_token, sources, drawing });
        AuthenticateLayer { verifier: self.verifier, settings }
    }
}

/// By hand, so that a renderer need not be `Clone`.
impl<R> Clone for Settings<R> {
    fn clone(&self) -> Self {
        Self {
            optional: self.optional,
            strip_token: self.strip_token,
            sources: self.sources.clone(),
            drawing: Arc::clone(&self.drawing),
        }
    }
}

impl<S, T, R> Layer<S> for AuthenticateLayer<T, R> {
    type Service = Authenticate<S, T, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate::new(inner, self.clone())
    }
}

impl<T, R> Clone for AuthenticateLayer<T, R> {
    fn clone(&self) -> Self {
        Self { verifier: self.verifier.clone(), settings: Arc::clone(&self.settings) }
    }
}

impl<T, R> fmt::Debug for AuthenticateLayer<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateLayer")
            .field("verifier", &self.verifier)
            .field("optional", &self.settings.optional)
            .finish_non_exhaustive()
    }
}
