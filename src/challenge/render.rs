use crate::error::{AuthError, AuthErrorKind};
use http::{HeaderValue, header::CONTENT_TYPE, response::Parts};

/// Draws the body of a refusal.
///
/// Status, `WWW-Authenticate`, `Retry-After` and `Cache-Control` are in `head` already; an implementation may add
/// headers, and should leave those as they are. It sees the error's class and reason, never the token. What it writes
/// goes to the client: [`AuthError::description`] is made for that, [`AuthError::reason`] is not.
pub trait Render<B>: Send + Sync + 'static {
    /// The body for this refusal.
    fn render(&self, error: &AuthError, head: &mut Parts) -> B;
}

/// No body: the challenge says it all. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyBody;

impl<B: Default> Render<B> for EmptyBody {
    fn render(&self, _error: &AuthError, _head: &mut Parts) -> B {
        B::default()
    }
}

/// Problem details (RFC 9457): `application/problem+json` with `status`, `title` and `detail`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProblemJson;

impl<B: From<String>> Render<B> for ProblemJson {
    fn render(&self, error: &AuthError, head: &mut Parts) -> B {
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut problem = serde_json::json!({
            "status": head.status.as_u16(),
            "title": title(error.kind()),
        });
        if let (Some(detail), Some(members)) = (error.description(), problem.as_object_mut()) {
            members.insert("detail".into(), detail.into());
        }
        B::from(problem.to_string())
    }
}

/// `type` stays "about:blank", so the title is that of the status but where OAuth has a better word (RFC 9457 section
/// 4.2.1).
fn title(kind: AuthErrorKind) -> &'static str {
    match kind {
        AuthErrorKind::MissingToken => "authentication required",
        AuthErrorKind::InvalidRequest => "malformed credentials",
        AuthErrorKind::InvalidToken => "access token refused",
        AuthErrorKind::InsufficientScope => "insufficient scope",
        AuthErrorKind::InsufficientAuthentication => "insufficient user authentication",
        AuthErrorKind::Unavailable => "authentication is temporarily unavailable",
        AuthErrorKind::Misconfigured => "internal server error",
    }
}

impl<B, F> Render<B> for F
where
    F: Fn(&AuthError, &mut Parts) -> B + Send + Sync + 'static,
{
    fn render(&self, error: &AuthError, head: &mut Parts) -> B {
        self(error, head)
    }
}
