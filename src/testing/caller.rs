use super::{AUDIENCE, rights};
use crate::{
    claims::{AuthorityMapping, ClaimMap, Claims, Permit, Principal, Registered, Verdict},
    json::Document,
    policy::Rule,
};
use http::Request;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::{
    any::{Any, TypeId},
    sync::Arc,
    time::Duration,
};

/// A verified caller that nobody verified, for tests of handlers and policies. Made by [`caller`].
#[derive(Debug, Clone)]
#[must_use = "attach it to a request"]
pub struct TestCaller {
    claims: Map<String, Value>,
    permits: Vec<TypeId>,
}

/// A caller with this subject and no rights; issuer `https://issuer.test`, ends in the far future.
pub fn caller(subject: &str) -> TestCaller {
    let claims = serde_json::json!({
        "iss": "https://issuer.test",
        "sub": subject,
        "aud": AUDIENCE,
        "exp": 4_102_444_800u64,
    });
    TestCaller { claims: claims.as_object().cloned().unwrap_or_default(), permits: Vec::new() }
}

/// A request without a token behind an optional layer that verifies `T`.
pub fn anonymous<T: 'static, B>(mut request: Request<B>) -> Request<B> {
    request.extensions_mut().insert(Verdict::new::<T>(None, false));
    request
}

impl TestCaller {
    /// Grants scopes, one or several separated by spaces.
    pub fn scope(mut self, scope: &str) -> Self {
        rights::grant(&mut self.claims, scope);
        self
    }

    /// Gives one more role.
    pub fn role(self, role: &str) -> Self {
        self.push("roles", role)
    }

    /// Gives one more permission.
    pub fn permission(self, permission: &str) -> Self {
        self.push("permissions", permission)
    }

    /// Puts the caller into one more group.
    pub fn group(self, group: &str) -> Self {
        self.push("groups", group)
    }

    /// Sets any claim. Roles and the other authorities are read by the standard mapping here: use
    /// [`role`](TestCaller::role), whatever claim your issuer writes them in. A policy's `max_age` is held against the
    /// system's clock, with 60 s of leeway.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// As if the route's policy had granted this rule, for handlers that ask for [`Allowed<R>`](crate::policy::Allowed).
    /// Whether the policy would, the route's own test tells.
    pub fn allowed<R: Rule>(mut self) -> Self {
        self.permits.push(TypeId::of::<R>());
        self
    }

    fn push(mut self, name: &str, item: &str) -> Self {
        rights::push(&mut self.claims, name, item);
        self
    }

    /// The request as `AuthenticateLayer` would have passed it on, for handlers that take `Claims`.
    ///
    /// A handler that takes `Claims<Staff>` needs `attach_as::<Staff, _>`; with this one it answers 500, and the log says
    /// that the claims types differ. Without the layer a refusal has its status and no more: challenge and body are the
    /// layer's, so test those with a [`TestIssuer`](super::TestIssuer).
    pub fn attach<B>(self, request: Request<B>) -> Request<B> {
        self.attach_as::<ClaimMap, B>(request)
    }

    /// The same, for handlers that take `Claims<T>`.
    ///
    /// # Panics
    ///
    /// If the claims do not fit `T`: set those it needs with [`claim`](TestCaller::claim).
    #[track_caller]
    pub fn attach_as<T, B>(self, mut request: Request<B>) -> Request<B>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let permits = self.permits.clone();
        let claims = self.claims::<T>();
        let mut verdict = Verdict::new::<T>(Some(claims.principal().clone()), false);
        verdict.grant(permits.into_iter().map(|rule| Permit { rule, refusal: None }));
        let extensions = request.extensions_mut();
        extensions.insert(verdict);
        extensions.insert(claims);
        request
    }

    /// Ready-made claims.
    ///
    /// # Panics
    ///
    /// If the claims do not fit `T`: set those it needs with [`claim`](TestCaller::claim).
    #[expect(clippy::expect_used, clippy::panic, reason = "a test wants to hear of it at once")]
    #[track_caller]
    pub fn claims<T: DeserializeOwned + 'static>(self) -> Claims<T> {
        let registered = self.registered();
        let document = Document::of(&Value::Object(self.claims));
        let text = document.text().to_owned();
        let authorities = Arc::new(AuthorityMapping::standard()).read(&document);
        let principal = Principal::new(registered, authorities, document);
        let map = principal.claims();
        let mut all: Box<dyn Any> = Box::new(Some(map.clone()));
        let custom = match all.downcast_mut::<Option<T>>() {
            Some(custom) => custom.take(),
            None => Some(serde_json::from_str(&text).unwrap_or_else(|error| {
                panic!("the test caller's claims do not fit the claims type, set them with `claim`: {error}")
            })),
        };
        let custom = custom.expect("the map of all claims is there");
        Claims::new(principal, custom)
    }

    fn registered(&self) -> Registered {
        let iss = self.claims.get("iss").and_then(Value::as_str);
        let seconds = |name: &str| self.claims.get(name).and_then(Value::as_f64);
        Registered {
            issuer: iss.unwrap_or_default().into(),
            expires_at: Duration::try_from_secs_f64(seconds("exp").unwrap_or(0.0)).unwrap_or_default(),
            issued_at: seconds("iat").and_then(|iat| Duration::try_from_secs_f64(iat).ok()),
            watch: Arc::default(),
        }
    }
}
