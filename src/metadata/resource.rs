use super::{ResourceMetadata, identifier, scopes};
use crate::{
    error::{ConfigError, Fault},
    keys::is_safe_url,
    policy::Policy,
    verify::Verifier,
};
use serde_json::{Map, Value, json};
use std::{borrow::Borrow, collections::BTreeSet};

/// The set-up of a [`ResourceMetadata`]. Setters do not fail: [`build`](ProtectedResource::build) reports every fault.
#[derive(Debug, Clone)]
#[must_use = "a set-up does nothing until `build`"]
pub struct ProtectedResource {
    resource: String,
    servers: Vec<String>,
    scopes: BTreeSet<String>,
    name: Option<String>,
    documentation: Option<String>,
}

impl ProtectedResource {
    /// The resource with this identifier (RFC 9728 section 1.2): its public `https` URL, as its clients write it. Often the
    /// audience of its tokens, too (RFC 8707 section 2).
    ///
    /// `http` is taken on loopback only. A query, a fragment, user information, capital letters in the host, segments of
    /// dots, and a default port are faults: clients compare the identifier whole, and not all of them would see the same.
    pub fn new(resource: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            servers: Vec::new(),
            scopes: BTreeSet::new(),
            name: None,
            documentation: None,
        }
    }

    /// Names one more authorization server by its issuer identifier (RFC 8414 section 2): where clients get their tokens.
    /// Default: none, and at least one is needed here or through [`issuers_of`](ProtectedResource::issuers_of).
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        if !self.servers.contains(&issuer) {
            self.servers.push(issuer);
        }
        self
    }

    /// Names the issuers that a verifier trusts now, each by its first identifier; tenants that are found as they come are
    /// not among them.
    pub fn issuers_of<T>(self, verifier: &Verifier<T>) -> Self {
        let issuers = verifier.status_of_listed().issuers;
        issuers.into_iter().fold(self, |this, one| this.authorization_server(one.issuer))
    }

    /// Lists the scopes that these policies ask for as `scopes_supported`. Everybody can read them. Default: none, and the
    /// member is left out.
    ///
    /// A rule that only a handler knows is added in the same way, `.policies([&REFUND])`.
    pub fn policies(mut self, policies: impl IntoIterator<Item = impl Borrow<Policy>>) -> Self {
        self.scopes.append(&mut scopes::of(policies));
        self
    }

    /// `resource_name`: what people call it, shown to whoever is asked for consent. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// `resource_documentation`: the address of a page for developers. Default: none.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// The metadata to serve and to name in the challenge.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every fault: an identifier that is none, no authorization server, an empty name, a
    /// documentation that is no web address.
    pub fn build(self) -> Result<ResourceMetadata, ConfigError> {
        ConfigError::check(self.faults())?;
        let document = self.document();
        let (url, path_at) = identifier::metadata_url(&self.resource);
        Ok(ResourceMetadata::new(url, path_at, document))
    }

    fn faults(&self) -> Vec<Fault> {
        let told = |setting: &'static str, url: &str, sentences: Vec<&'static str>| {
            let url = url.to_owned();
            sentences.into_iter().map(move |sentence| Fault::new(setting, format!("{url:?} {sentence}")))
        };
        let of_server = |issuer: &String| told("authorization_server", issuer, identifier::faults_of(issuer));
        let mut faults: Vec<_> =
            told("resource", &self.resource, identifier::faults_of_resource(&self.resource)).collect();
        faults.extend(self.servers.iter().flat_map(of_server));
        if self.servers.is_empty() {
            let sentence = "name at least one: without it no client knows where to get a token";
            faults.push(Fault::new("authorization_server", sentence));
        }
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            faults.push(Fault::new("name", "is empty: leave it out, or say what people call the resource"));
        }
        if let Some(url) = self.documentation.as_ref().filter(|url| !is_safe_url(url, true)) {
            faults.push(Fault::new("documentation", format!("{url:?} is no web address")));
        }
        faults
    }

    /// RFC 9728 section 2. What is empty is left out (section 3.2).
    fn document(&self) -> Value {
        let mut members = Map::new();
        let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
        add("resource", json!(self.resource));
        add("authorization_servers", json!(self.servers));
        // Other places for a token are off by default, and the query is not offered at all (RFC 6750 section 2).
        add("bearer_methods_supported", json!(["header"]));
        scopes::list(&mut members, &self.scopes);
        let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
        if let Some(name) = &self.name {
            add("resource_name", json!(name));
        }
        if let Some(url) = &self.documentation {
            add("resource_documentation", json!(url));
        }
        Value::Object(members)
    }
}
