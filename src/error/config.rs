use std::{borrow::Cow, error::Error, fmt};

/// Everything that is wrong with a set-up, in one error.
///
/// Faults are collected, so that a deployment is mended once and not once for each fault. Values of settings are
/// not repeated unless they are harmless (never a secret).
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

/// One fault of a set-up: which setting, and a sentence that says what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    setting: Cow<'static, str>,
    sentence: Cow<'static, str>,
}

impl ConfigError {
    /// Every fault found, in the order of the settings.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    pub(crate) fn new(setting: impl Into<Cow<'static, str>>, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { faults: vec![Fault::new(setting, sentence)] }
    }

    /// `Ok` when nothing was found.
    pub(crate) fn check(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self { faults }) }
    }

    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }
}

impl Fault {
    pub(crate) fn new(setting: impl Into<Cow<'static, str>>, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { setting: setting.into(), sentence: sentence.into() }
    }

    /// The fault of a value that is not within its bounds, both of them included.
    #[cfg(feature = "remote")]
    pub(crate) fn unless_within<T: PartialOrd + fmt::Debug>(
        setting: &'static str,
        value: T,
        least: T,
        most: T,
    ) -> Option<Self> {
        let is_within = (&least..=&most).contains(&&value);
        (!is_within).then(|| Self::new(setting, format!("{value:?} is not within {least:?} to {most:?}")))
    }

    /// The setting at fault: an environment variable, a builder method, or a file.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// What is wrong with it.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The same fault under another name: the variable instead of the method, say.
    pub(crate) fn renamed(self, setting: impl Into<Cow<'static, str>>) -> Self {
        Self { setting: setting.into(), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.sentence)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot work")?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

/// Like `Display`: it is what `fn main() -> Result<…>` prints, and the first thing a newcomer with a typo reads.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {}
