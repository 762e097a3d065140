use crate::{
    error::{AuthError, Reason},
    policy::Truth,
};

/// What somebody who was asked has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "a ruling that nobody carries out refuses nobody"]
pub enum Ruling {
    /// The request goes on.
    Allow,
    /// 403 `insufficient_scope` (RFC 6750 section 3.1).
    Deny,
    /// Nobody can tell at present: 503, without `Retry-After`, for nobody knows when.
    Unavailable,
}

impl Ruling {
    pub(super) fn into_result(self) -> Result<(), AuthError> {
        match self {
            Self::Allow => Ok(()),
            Self::Deny => Err(AuthError::new(Reason::AskedAndDenied)),
            Self::Unavailable => Err(AuthError::new(Reason::AskedInVain)),
        }
    }
}

/// `true` allows.
impl From<bool> for Ruling {
    fn from(allowed: bool) -> Self {
        if allowed { Self::Allow } else { Self::Deny }
    }
}

/// Only a yes allows.
impl From<Truth> for Ruling {
    fn from(truth: Truth) -> Self {
        Self::from(truth == Truth::Yes)
    }
}

/// Only `Some(true)` allows.
impl From<Option<bool>> for Ruling {
    fn from(allowed: Option<bool>) -> Self {
        Self::from(allowed == Some(true))
    }
}

/// An error is [`Unavailable`](Ruling::Unavailable). It is told to nobody: write down yourself what it is.
impl<T: Into<Ruling>, E> From<Result<T, E>> for Ruling {
    fn from(answer: Result<T, E>) -> Self {
        answer.map_or(Self::Unavailable, Into::into)
    }
}
