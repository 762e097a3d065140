use super::{copies, forge::Forge, stage::Scene};
use http::{HeaderMap, StatusCode, header::WWW_AUTHENTICATE, request::Parts};
use std::fmt;

/// One thing that somebody may try, and the answer that is right. Listed by [`corpus`](super::corpus).
#[derive(Clone, Copy)]
pub struct Attack {
    pub(super) name: &'static str,
    pub(super) category: Category,
    pub(super) source: &'static str,
    pub(super) what: &'static str,
    pub(super) answer: Answer,
    pub(super) needs: Needs,
    pub(super) run: Run,
}

/// What an attack plays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Category {
    /// The header's `alg`.
    Algorithm,
    /// Other members of the JOSE header.
    Header,
    /// Which key a token is held against, and as what.
    KeyConfusion,
    /// The signature's own bytes.
    Signature,
    /// What a good signature vouches for.
    Claims,
    /// What the token permits, where the route asks for scopes.
    Rights,
    /// Parts, base64url and character sets.
    Encoding,
    /// JSON that two parsers read differently, or one reads at great cost.
    Json,
    /// Where in a request the token stands, and requests that have none.
    Http,
    /// What the issuer's key set and metadata say.
    Endpoint,
    /// Rotation, and tokens that were seen before.
    Timing,
}

/// The answer that is right. A fixed list, and not one for each attack, so that a corpus can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// 400 `invalid_request` (RFC 6750 section 3.1).
    InvalidRequest,
    /// 401 `invalid_token` (RFC 6750 section 3.1).
    InvalidToken,
    /// 401 without an `error`: nobody brought credentials (RFC 6750 section 3).
    NoCredentials,
    /// 403 `insufficient_scope` (RFC 6750 section 3.1).
    InsufficientScope,
    /// Any 4xx: whether a path or a method exists is the application's affair.
    ClientError,
    /// 503: the token may be good, but there are no keys that may judge it. 401 is as safe, and less honest.
    Unavailable,
    /// Nothing is refused: a good token passes while somebody disturbs the issuer.
    Undisturbed,
}

/// What an attack needs beside the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The application runs on a clock that the test turns.
    Clock,
    /// It fetches its keys from the test's issuer.
    Fetch,
    /// Both.
    ClockAndFetch,
    /// The route asks for scopes, and the good token has them. Where it does not, the attack does not apply.
    Scopes,
    /// The keys have names: they are fetched from the test's issuer, which gives each a `kid`. A shared secret and a key
    /// from PEM have none, a `kid` says nothing there, and the attack does not apply.
    NamedKeys,
}

#[derive(Clone, Copy)]
pub(super) enum Run {
    /// A token where it belongs.
    Token(fn(&Forge) -> String),
    /// Any request; it comes without credentials.
    Request(fn(&Forge, &mut Parts)),
    Scene(Scene),
}

impl Attack {
    const fn new(
        category: Category,
        name: &'static str,
        source: &'static str,
        what: &'static str,
        run: Run,
    ) -> Self {
        Self { name, category, source, what, answer: Answer::InvalidToken, needs: Needs::Nothing, run }
    }

    pub(super) const fn is_answered(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    pub(super) const fn needs_a(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    /// Its id, in `snake_case`; it stays.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it plays with.
    pub fn category(&self) -> Category {
        self.category
    }

    /// Where it is known from, several joined by `; `: a section of an RFC (the rule that it breaks), a CVE (a hole like
    /// it), or `field`, which is no one document: the source and the issues of other implementations, and what those who
    /// test services usually try.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// The attack that it is a copy of: it tries the same for the same mistake, with one value changed. `None` for those that
    /// count: an attack and its copies are one.
    pub fn copy_of(&self) -> Option<&'static str> {
        copies::original(self.name)
    }

    /// What it does, in one sentence.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The answer that is right.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// What it needs beside the application.
    pub fn needs(&self) -> Needs {
        self.needs
    }
}

impl Answer {
    /// Whether that is this answer. Only status and `error` are looked at: descriptions and bodies are yours.
    pub fn is(self, status: StatusCode, headers: &HeaderMap) -> bool {
        let code = status.as_u16();
        match self {
            Self::InvalidRequest => code == 400 && says(headers, "invalid_request"),
            Self::InvalidToken => code == 401 && says(headers, "invalid_token"),
            Self::NoCredentials => code == 401 && error_of(headers).is_none(),
            Self::InsufficientScope => code == 403 && says(headers, "insufficient_scope"),
            Self::ClientError => status.is_client_error(),
            Self::Unavailable => code == 503 || code == 401,
            Self::Undisturbed => false,
        }
    }
}

fn says(headers: &HeaderMap, error: &str) -> bool {
    error_of(headers).as_deref() == Some(error)
}

/// The `error` of a Bearer challenge.
pub(super) fn error_of(headers: &HeaderMap) -> Option<String> {
    let challenges = headers.get_all(WWW_AUTHENTICATE);
    let mut challenges = challenges.iter().filter_map(|value| value.to_str().ok());
    challenges.find_map(|challenge| Some(challenge.split_once("error=\"")?.1.split_once('"')?.0.to_owned()))
}

impl Category {
    /// A token where it belongs, for 401 `invalid_token`.
    pub(super) const fn token(
        self,
        name: &'static str,
        source: &'static str,
        what: &'static str,
        run: fn(&Forge) -> String,
    ) -> Attack {
        Attack::new(self, name, source, what, Run::Token(run))
    }

    pub(super) const fn request(
        self,
        name: &'static str,
        source: &'static str,
        what: &'static str,
        answer: Answer,
        run: fn(&Forge, &mut Parts),
    ) -> Attack {
        Attack::new(self, name, source, what, Run::Request(run)).is_answered(answer)
    }

    pub(super) const fn scene(
        self,
        name: &'static str,
        source: &'static str,
        what: &'static str,
        run: Scene,
    ) -> Attack {
        Attack::new(self, name, source, what, Run::Scene(run))
    }

    /// Its name, in `snake_case`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Header => "header",
            Self::KeyConfusion => "key_confusion",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Rights => "rights",
            Self::Encoding => "encoding",
            Self::Json => "json",
            Self::Http => "http",
            Self::Endpoint => "endpoint",
            Self::Timing => "timing",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// In words, for the report.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidRequest => "400 invalid_request",
            Self::InvalidToken => "401 invalid_token",
            Self::NoCredentials => "401 without an error",
            Self::InsufficientScope => "403 insufficient_scope",
            Self::ClientError => "any 4xx",
            Self::Unavailable => "503 or 401",
            Self::Undisturbed => "a good token passes",
        })
    }
}

/// In words, for the report.
impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::Clock => "a clock that the test turns (if the application runs on the issuer's: `.clock(&issuer.clock())`)",
            Self::Fetch => "keys that are fetched from the test's issuer",
            Self::ClockAndFetch => {
                "a clock that the test turns (`.clock(&issuer.clock())`), and keys that are fetched from its issuer"
            }
            Self::Scopes => "a route that asks for scopes",
            Self::NamedKeys => "keys with a kid, fetched from the test's issuer",
        })
    }
}

/// As one line of the list: name, category, source, what.
impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}\t{}\t{}", self.name, self.category, self.source, self.what)
    }
}

impl fmt::Debug for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attack")
            .field("name", &self.name)
            .field("category", &self.category)
            .finish_non_exhaustive()
    }
}
