use super::Reason;
use http::StatusCode;
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// A refused request.
///
/// [`kind`](AuthError::kind) decides status and challenge; [`reason`](AuthError::reason) is for the operator.
/// Neither the error nor its `Debug` holds a token or a claim's value.
#[derive(Clone)]
pub struct AuthError {
    reason: Reason,
    /// The operator was told of it already.
    told: bool,
    // Behind a pointer: a refusal without extras, the flood case, stays two words. Shared: a refusal is cloned on its way.
    extra: Option<Arc<Extra>>,
}

#[derive(Clone, Default)]
struct Extra {
    scopes: Vec<Arc<str>>,
    retry_after: Option<Duration>,
    acr_values: Vec<Arc<str>>,
    max_age: Option<u32>,
}

/// The class of a refusal: what the client may know, and what decides the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// No credentials: 401 with a bare challenge.
    MissingToken,
    /// Malformed credentials: 400 `invalid_request`.
    InvalidRequest,
    /// A token that is refused: 401 `invalid_token`.
    InvalidToken,
    /// A good token that may not do this: 403 `insufficient_scope`.
    InsufficientScope,
    /// A good token whose user was authenticated too weakly or too long ago: 401 `insufficient_user_authentication`
    /// (RFC 9470).
    InsufficientAuthentication,
    /// We have no usable keys for a trusted issuer, or whoever is asked cannot tell: 503 with `Retry-After`.
    Unavailable,
    /// The program is wired wrong: 500; the log says what was forgotten.
    Misconfigured,
}

impl AuthError {
    pub(crate) fn new(reason: Reason) -> Self {
        Self { reason, told: false, extra: None }
    }

    /// A refusal that tells the client which scopes it needs.
    pub(crate) fn with_scopes(mut self, scopes: Vec<Arc<str>>) -> Self {
        if !scopes.is_empty() {
            Arc::make_mut(self.extra.get_or_insert_default()).scopes = scopes;
        }
        self
    }

    /// A refusal that tells the client how its user has to be authenticated; `max_age` in seconds.
    pub(crate) fn with_step_up(mut self, acr_values: Vec<Arc<str>>, max_age: Option<u32>) -> Self {
        let extra = Arc::make_mut(self.extra.get_or_insert_default());
        (extra.acr_values, extra.max_age) = (acr_values, max_age);
        self
    }

    #[cfg_attr(not(feature = "remote"), expect(dead_code, reason = "fixed keys are always there"))]
    /// Our own outage; `retry_after` is when trying again makes sense.
    pub(crate) fn unavailable(retry_after: Duration) -> Self {
        let extra = Extra { retry_after: Some(retry_after), ..Extra::default() };
        Self { reason: Reason::KeysUnavailable, told: false, extra: Some(Arc::new(extra)) }
    }

    /// The same, once the operator was told of it: by an event, by a counter.
    pub(crate) fn told(mut self) -> Self {
        self.told = true;
        self
    }

    pub(crate) fn is_told(&self) -> bool {
        self.told
    }

    /// The class of the refusal.
    pub fn kind(&self) -> AuthErrorKind {
        self.reason.kind()
    }

    /// The rule that refused, for logs and metrics; not for the client.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The status that this refusal is answered with.
    pub fn status(&self) -> StatusCode {
        match self.kind() {
            AuthErrorKind::MissingToken
            | AuthErrorKind::InvalidToken
            | AuthErrorKind::InsufficientAuthentication => StatusCode::UNAUTHORIZED,
            AuthErrorKind::InvalidRequest => StatusCode::BAD_REQUEST,
            AuthErrorKind::InsufficientScope => StatusCode::FORBIDDEN,
            AuthErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            AuthErrorKind::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The scopes that would have served, where a policy asked for some.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.extra.iter().flat_map(|extra| extra.scopes.iter().map(AsRef::as_ref))
    }

    /// The authentication contexts of which one would have served, the preferred first (RFC 9470 section 3); where a
    /// policy asked for some.
    pub fn acr_values(&self) -> impl Iterator<Item = &str> {
        self.extra.iter().flat_map(|extra| extra.acr_values.iter().map(AsRef::as_ref))
    }

    /// How long ago the user may have been authenticated at most, in whole seconds (RFC 9470 section 3); where a policy
    /// asked for that.
    pub fn max_age(&self) -> Option<Duration> {
        let seconds = self.extra.as_ref()?.max_age?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// When to try again, for [`AuthErrorKind::Unavailable`]; at least one second.
    pub fn retry_after(&self) -> Option<Duration> {
        let wanted = self.extra.as_ref()?.retry_after?;
        Some(wanted.max(Duration::from_secs(1)))
    }

    /// The sentence the client may read: one of a short fixed list, the same for many reasons.
    pub fn description(&self) -> Option<&'static str> {
        self.reason.wire()
    }
}

impl From<Reason> for AuthError {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl fmt::Debug for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("AuthError");
        out.field("kind", &self.kind()).field("reason", &self.reason.id());
        if let Some(after) = self.retry_after() {
            out.field("retry_after", &after);
        }
        out.finish_non_exhaustive()
    }
}

/// The class in words, for logs of your own. For a body there is [`description`](AuthError::description), which is the
/// same sentence that the challenge carries.
impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind() {
            AuthErrorKind::MissingToken => "no access token",
            AuthErrorKind::InvalidRequest => "malformed credentials",
            AuthErrorKind::InvalidToken => "access token refused",
            AuthErrorKind::InsufficientScope => "access token does not permit this",
            AuthErrorKind::InsufficientAuthentication => "login too weak or too old for this",
            AuthErrorKind::Unavailable => "keys of the issuer are unavailable",
            AuthErrorKind::Misconfigured => "authentication is wired wrong",
        })
    }
}

impl Error for AuthError {}
