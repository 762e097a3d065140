use crate::error::ConfigError;
use std::{error::Error, fmt};

/// A text that is no policy: where it stops being one, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    position: usize,
    expected: &'static str,
}

impl PolicyError {
    pub(super) fn new(position: usize, expected: &'static str) -> Self {
        Self { position, expected }
    }

    /// Where in the text, in bytes from its beginning.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a policy: at byte {}, expected {}", self.position, self.expected)
    }
}

impl Error for PolicyError {}

impl From<PolicyError> for ConfigError {
    fn from(error: PolicyError) -> Self {
        ConfigError::new("policy", error.to_string())
    }
}
